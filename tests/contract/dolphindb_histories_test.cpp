// SPDX-License-Identifier: Apache-2.0
// Runs by chance while others write, nodes go and answers break: whatever became of them, after a
// quiet run the copy is the source, row by row.
#include <atomic>
#include <cstdlib>
#include <thread>

#include "support/dice.h"
#include "support/dolphindb_copy_test.h"

namespace sluice {
namespace {

class DolphindbHistories : public DolphindbTest, public ::testing::WithParamInterface<int> {
 protected:
  void create() {
    const std::vector<DolphindbTable::Column> columns = {
        {"id", "LONG"}, {"sym", "SYMBOL"}, {"at", dice.pick(types)}, {"v", "DOUBLE"}};
    ticks_ = {.database = "dfs://h", .name = "ticks", .columns = columns};
    if (dice.chance(70)) ticks_.partitions = {by_day("at")};
    keyed_ = {.database = "dfs://h", .name = "keyed", .columns = columns};
    keyed_.engine = "PKEY";
    keyed_.primary_key = {"id"};
    DolphindbTable kept{.database = "dfs://h", .name = "kept", .columns = columns};
    kept.sort_columns = {"sym", "id"};
    kept.keep_duplicates = dice.chance(50) ? "LAST" : "FIRST";
    kept_ = kept;
    for (const DolphindbTable& each : {ticks_, keyed_, kept_}) cluster->create(each);
    unit = ticks_.columns[2].type == "NANOTIMESTAMP" ? 1'000'000
           : ticks_.columns[2].type == "TIMESTAMP"   ? 1
                                                     : 0;
  }
  /// Some writes to each, of dice of their own.
  void write(testing::Dice& with) const {
    for (const char* table : {"ticks", "keyed", "kept"}) {
      const std::string name = "\"dfs://h\"." + std::string(table);
      const int how = with.below(8), from = with.below(300), many = with.from(1, 15);
      const std::string range = std::to_string(from) + ", " + std::to_string(from + many);
      if (how < 4) {
        const std::int64_t hour = 1704067200000 + with.below(2000) * std::int64_t{3'600'000};
        const std::string at = unit == 0 ? std::to_string(hour / 1000) + " + i"
                                         : "(" + std::to_string(hour) + " + i) * " +
                                               std::to_string(unit) + " + " +
                                               std::to_string(with.below(3));
        exec("INSERT INTO " + name + " SELECT i, ['A', 'B', 'C'][1 + i % 3], " +
             (with.chance(10) && table[0] == 't' ? "NULL" : at) + ", " +
             std::to_string(with.below(5)) + " FROM range(" + range + ") r(i)");
      } else if (how == 4) {
        exec("DELETE FROM " + name + " WHERE id BETWEEN " + std::to_string(from) + " AND " +
             std::to_string(from + many));
      } else if (how == 5) {
        exec("DELETE FROM " + name + " WHERE rowid % 97 = " + std::to_string(from % 97));
      } else if (how == 6) {
        exec("UPDATE " + name + " SET v = -1 WHERE id % 60 = " + std::to_string(from % 60));
      }
    }
  }
  void trouble() {
    static const std::vector<std::string> kAt = {
        "schema(", "select max(", "select id, sym", "group by", "isNull(", "md5(", "function now"};
    for (int i = dice.from(0, 5); i > 0; --i) {
      const std::uint64_t seed = static_cast<std::uint64_t>(dice.below(1'000'000));
      cluster->before(dice.pick(kAt), [this, seed] {
        testing::Dice with(seed);
        write(with);
      });
    }
    const std::string& at = dice.pick(kAt);
    switch (dice.below(6)) {
      case 0:
        cluster->fault(at, DolphindbFault::cut_at(static_cast<std::size_t>(dice.below(3000))));
        break;
      case 1:
        cluster->fault(at, DolphindbFault::with_error("<ChunkInTransaction>x"));
        break;
      case 2:
        cluster->fault(at, DolphindbFault::wrong_rows());
        break;
      case 3:
        cluster->before(at, [this] { std::thread([this] { cluster->stop_node(1); }).join(); });
        break;
      default:
        break;
    }
  }
  std::string kept_rows(const DolphindbTable& table) const {
    if (table.name == "ticks") return table.stored_name();
    const std::string by = table.name == "keyed" ? "id" : "sym, id";
    return "(SELECT * FROM " + table.stored_name() + " QUALIFY row_number() OVER (PARTITION BY " +
           by + " ORDER BY rowid " + (table.keep_duplicates == "FIRST" ? "ASC" : "DESC") + ") = 1)";
  }
  const std::vector<std::string> types = {"NANOTIMESTAMP", "TIMESTAMP", "DATETIME"};
  testing::Dice dice{static_cast<std::uint64_t>(GetParam())};
  DolphindbTable ticks_, keyed_, kept_;
  std::int64_t unit = 0;
};

TEST_P(DolphindbHistories, EndWithEveryRow) {
  begin({.nodes = 2,
         .dialect = {.null_as_min = dice.chance(70), .null_text_is_empty = dice.chance(50)},
         .empty_block = dice.chance(50)});
  create();
  options.unit_rows = dice.chance(50) ? 1 : 4'000'000;
  options.retries = 0;
  options.allow_deletes = {"*"};
  if (dice.chance(50)) options.defaults.window = std::chrono::hours(24 * dice.from(1, 30));
  const bool named = dice.chance(50);
  if (named)
    options.table_options.emplace_back("h.k*",
                                       [](TableOptions& each) { each.replication_key = "at"; });
  for (int i = 0; i < 20; ++i) write(dice);
  for (int run = dice.from(2, 3); run > 0; --run) {
    trouble();
    try {
      copy.sync(url("h"), options);
    } catch (const Error&) {
      // What concerns the whole run; the next one goes on.
    }
    cluster->forget_faults();
    cluster->stop_node(1);
    cluster->start_node(1);
    write(dice);
  }
  // By the mark alone a change that left it as it was is nobody's to see; comparing all is.
  options.full = true;
  const RunResult last = copy.sync(url("h"), options);
  for (const Receipt& each : last.receipts) EXPECT_EQ(each.error, "") << each.table.text();
  for (const DolphindbTable& each : {ticks_, keyed_, kept_}) expect_equal(each, kept_rows(each));
  EXPECT_THAT(cluster->violations(), ::testing::IsEmpty());
}

/// SLUICE_DOLPHINDB_SEEDS=300 for more of them.
int seeds() {
  const char* const asked = std::getenv("SLUICE_DOLPHINDB_SEEDS");
  return asked == nullptr ? 8 : std::max(1, std::atoi(asked));
}
INSTANTIATE_TEST_SUITE_P(Seed, DolphindbHistories, ::testing::Range(0, seeds()));

}  // namespace
}  // namespace sluice
