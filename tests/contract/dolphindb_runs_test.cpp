// SPDX-License-Identifier: Apache-2.0
// Runs after the first from a DolphinDB: ticks without a key, tables that keep one row of several,
// marks of every type, and what a user may say of them.
#include <thread>

#include "support/dolphindb_copy_test.h"

namespace sluice {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class DolphindbRuns : public DolphindbTest {
 protected:
  Verified verified(const std::string& database = "trades",
                    Sync::Repair repair = Sync::Repair::no) const {
    const auto all = copy.verify(url(database), repair, options);
    EXPECT_THAT(all, SizeIs(1));
    return all.at(0);
  }
  DolphindbTable keyed(const std::string& type, const std::string& engine) const {
    DolphindbTable table{.database = "dfs://keyed",
                         .name = "t",
                         .columns = {{"id", "LONG"}, {"at", type}, {"v", "STRING"}}};
    table.engine = engine;
    if (engine == "PKEY") {
      table.primary_key = {"id"};
    } else {
      table.sort_columns = {"id"};
      table.keep_duplicates = "LAST";
    }
    cluster->create(table);
    return table;
  }
  /// The rows that a client sees: of several with one id the one that was written last.
  static std::string newest(const std::string& how = "DESC") {
    return "(SELECT * FROM \"dfs://keyed\".t QUALIFY row_number() OVER (PARTITION BY id ORDER BY "
           "rowid " +
           how + ") = 1)";
  }
};

TEST_F(DolphindbRuns, TicksAreComparedByStretchesOfTimeAndOnlyWhatDiffersTravels) {
  begin_with_ticks(12'000);
  const Receipt first = good_sync();
  EXPECT_EQ(first.strategy, "load");
  EXPECT_EQ(first.guarantee, "D");
  add_ticks(12'000, 12'100);                                                           // new
  exec("INSERT INTO \"dfs://trades\".trade VALUES ('L', 1704067200000000500, 1, 1)");  // late
  exec("INSERT INTO \"dfs://trades\".trade VALUES ('N', NULL, 1, 1), ('N', NULL, 1, 1)");
  add_ticks(6'000, 6'002);  // again
  exec("UPDATE \"dfs://trades\".trade SET price = -5 WHERE volume = 4000000000 * 4000");
  exec("DELETE FROM \"dfs://trades\".trade WHERE volume = 4000000000 * 8000");
  const Receipt second = good_sync();
  EXPECT_EQ(second.strategy, "digest");
  EXPECT_EQ(second.inserted, 106U);
  EXPECT_EQ(second.deleted, 2U);
  EXPECT_LT(second.bytes, first.bytes / 5);
  expect_equal_ticks();
  exec(
      "DELETE FROM \"dfs://trades\".trade WHERE rowid IN (SELECT max(rowid) FROM "
      "\"dfs://trades\".trade WHERE volume IN (4000000000 * 6000, 1) GROUP BY symbol)");
  EXPECT_EQ(good_sync().deleted, 3U) << "one of each two that are alike";
  expect_equal_ticks();
  const Receipt third = good_sync();
  EXPECT_EQ(third.inserted + third.deleted, 0U);
  EXPECT_LT(third.bytes, first.bytes / 10);
  EXPECT_TRUE(verified().equal());
}

TEST_F(DolphindbRuns, AppendedTicksComeOnceAlsoWhereTheyAreLate) {
  begin_with_ticks(5000);
  options.defaults.mode = Mode::append;
  options.defaults.overlap = std::chrono::hours(24 * 5);
  good_sync();
  add_ticks(5000, 5020);
  add_ticks(4900, 4905);  // again, within the overlap
  EXPECT_EQ(good_sync().inserted, 25U);
  expect_equal_ticks();
  EXPECT_EQ(good_sync().inserted, 0U);
  // What is gone stays where only is appended.
  exec("DELETE FROM \"dfs://trades\".trade WHERE volume = 4000000000 * 4999");
  EXPECT_EQ(good_sync().deleted, 0U);
}

TEST_F(DolphindbRuns, RowsThatComeWhileARunReadsAreInItOrInTheNext) {
  begin_with_ticks(1500);
  options.defaults.window = std::chrono::hours(24 * 3);
  int next = 2'000;
  const auto writes = [&] {
    add_ticks(next, next + 3);
    exec("INSERT INTO \"dfs://trades\".trade VALUES ('L', 1704067200000000700, 1, 1)");
    exec("DELETE FROM \"dfs://trades\".trade WHERE volume = 4000000000 * " +
         std::to_string(next - 1'990));
    next += 10;
  };
  for (int run = 0; run < 4; ++run) {
    for (const char* at : {"schema(", "select max(", "group by", "select symbol, timestamp",
                           "isNull(timestamp)", "select count(*) as sluice_n"})
      cluster->before(at, writes);
    options.full = run == 2;
    good_sync();
    cluster->forget_faults();
  }
  good_sync();
  expect_equal_ticks();
  EXPECT_TRUE(verified().equal());
}

TEST_F(DolphindbRuns, StartWhereAndWindowAreObeyed) {
  begin_with_ticks(2000);
  exec("INSERT INTO \"dfs://trades\".trade VALUES ('A', NULL, 1, 1)");
  options.defaults.start = "2024-01-05 00:00:00.5";
  options.defaults.where = "volume > 0 and symbol in [\"A\", \"B\"] // not C";
  options.defaults.window = std::chrono::hours(48);
  const std::string wanted =
      "(SELECT * FROM \"dfs://trades\".trade WHERE timestamp >= 1704412800500000000 AND symbol IN "
      "('A', 'B') AND volume > 0)";
  for (int run = 0; run < 3; ++run) {
    good_sync();
    expect_equal(ticks(), wanted);
    add_ticks(2000 + run * 7, 2007 + run * 7);
    add_ticks(1200 + run * 7, 1207 + run * 7);
    exec("DELETE FROM \"dfs://trades\".trade WHERE volume = 4000000000 * " +
         std::to_string(1500 + run));
  }
}

TEST_F(DolphindbRuns, AWrongConditionNamesItsOption) {
  begin_with_ticks(10);
  options.defaults.where = "no_such_column > 0";
  const Receipt receipt = sync();
  EXPECT_EQ(receipt.fault, Fault::config);
  EXPECT_THAT(receipt.error, HasSubstr("trades.trade: where: "));
  EXPECT_THAT(receipt.error, HasSubstr("no_such_column"));
  options.defaults.where.clear();
  options.defaults.start = "yesterday";
  EXPECT_THAT(sync().error, HasSubstr("start: \"yesterday\" is no NANOTIMESTAMP"));
  options.defaults.start.reset();
  options.defaults.replication_key = "price";
  EXPECT_THAT(sync().error, HasSubstr("the replication key price is DOUBLE"));
}

TEST_F(DolphindbRuns, TheGreatestNumbersAreNumbersOfAMarkToo) {
  begin();
  const DolphindbTable table{
      .database = "dfs://n", .name = "t", .columns = {{"n", "INT"}, {"v", "STRING"}}};
  cluster->create(table);
  exec(
      "INSERT INTO \"dfs://n\".t SELECT i * 4000000, 'v' || i FROM range(-500, 500) r(i); INSERT "
      "INTO "
      "\"dfs://n\".t VALUES (2147483647, 'most'), (-2147483647, 'least'), (NULL, 'none')");
  options.defaults.replication_key = "n";
  options.defaults.strategy = Strategy::digest;
  good_sync("t", url("n"));
  expect_equal(table);
  exec(
      "INSERT INTO \"dfs://n\".t VALUES (2147483647, 'again'), (-2147483647, 'again'), (NULL, "
      "'again'); UPDATE \"dfs://n\".t SET v = 'changed' WHERE v IN ('most', 'least', 'none')");
  EXPECT_EQ(good_sync("t", url("n")).strategy, "digest");
  expect_equal(table);
  EXPECT_TRUE(verified("n").equal());
}

TEST_F(DolphindbRuns, VerifyTellsWhatDiffersAndRepairMendsIt) {
  begin_with_ticks(5000);
  good_sync();
  EXPECT_TRUE(verified().equal());
  EXPECT_THAT(verified().how, HasSubstr("digests"));
  copy.damage(
      "DELETE FROM trade WHERE volume = 4000000000; UPDATE trade SET price = 1e300 WHERE volume = "
      "8000000000; INSERT INTO trade SELECT * FROM trade WHERE volume = 12000000000");
  const Verified found = verified();
  EXPECT_TRUE(found.differs()) << found.error;
  EXPECT_EQ(found.missing + found.extra + 2 * found.changed, 4U);
  EXPECT_TRUE(verified("trades", Sync::Repair::yes).repaired);
  expect_equal_ticks();
  EXPECT_TRUE(verified().equal());
}

TEST_F(DolphindbRuns, AServerWithoutTheFunctionsOfDigestsIsReadWhole) {
  begin_with_ticks(3000);
  good_sync();
  exec(
      "DELETE FROM \"dfs://trades\".trade WHERE volume = 4000000000; UPDATE "
      "\"dfs://trades\".trade SET price = 7 WHERE volume = 8000000000");
  add_ticks(100, 102);
  for (int i = 0; i < 20; ++i)
    cluster->fault("md5(", DolphindbFault::with_error(
                               "Syntax Error: [line #1] Can't recognize function name md5"));
  const Receipt receipt = good_sync();
  EXPECT_NE(receipt.strategy, "digest");
  expect_equal_ticks();
  EXPECT_TRUE(verified().equal());
}

TEST_F(DolphindbRuns, AServerThatComputesOtherDigestsIsReadWhole) {
  begin_with_ticks(3000, {.dialect = {.null_text_is_empty = false}});
  exec("UPDATE \"dfs://trades\".trade SET symbol = NULL, price = NULL WHERE volume % 5 = 0");
  good_sync();
  add_ticks(100, 102);
  exec("DELETE FROM \"dfs://trades\".trade WHERE volume = 4000000000");
  good_sync();
  expect_equal_ticks();
  EXPECT_TRUE(verified().equal());
}

struct Mark {
  const char* type;
  std::int64_t now;  ///< a day of 2024
  std::int64_t step;
};
void PrintTo(const Mark& each, std::ostream* out) { *out << each.type; }

class DolphindbMarks : public DolphindbRuns, public ::testing::WithParamInterface<Mark> {};

TEST_P(DolphindbMarks, ChangesOfKeyedRowsComeByTheMark) {
  const auto [type, now, step] = GetParam();
  for (const char* engine : {"PKEY", "TSDB"}) {
    begin();
    const DolphindbTable table = keyed(type, engine);
    options.connection = options.schema.emplace(engine);
    const auto equal = [&] { expect_equal(table, newest()); };
    options.defaults.replication_key = "at";
    const std::string at = std::to_string(now) + " + i % 40 * " + std::to_string(step);
    exec("INSERT INTO \"dfs://keyed\".t SELECT i, " + at + ", 'v' || i FROM range(2000) r(i)");
    exec("INSERT INTO \"dfs://keyed\".t VALUES (7000, NULL, 'undated')");
    good_sync("t", url("keyed"));
    equal();
    const auto later = [&](int steps) { return std::to_string(now + steps * step); };
    // Changed and new at the newest mark itself, just below, above, without one; gone.
    exec("INSERT INTO \"dfs://keyed\".t VALUES (5, " + later(39) + ", 'changed'), (6, " +
         later(40) + ", 'changed'), (8000, " + later(39) + ", 'new'), (8001, " + later(41) +
         ", 'new'), (8002, NULL, 'new undated'), (7000, NULL, 'changed undated')");
    exec("DELETE FROM \"dfs://keyed\".t WHERE id IN (11, 12)");
    const Receipt receipt = good_sync("t", url("keyed"));
    EXPECT_EQ(receipt.strategy, "incremental");
    EXPECT_EQ(receipt.inserted, 3U);
    EXPECT_EQ(receipt.updated, 3U);
    EXPECT_EQ(receipt.deleted, 2U);
    equal();
    // A new row whose mark is far behind is found among the keys.
    exec("INSERT INTO \"dfs://keyed\".t VALUES (9000, " + later(1) + ", 'late')");
    EXPECT_EQ(good_sync("t", url("keyed")).inserted, 1U);
    equal();
  }
}

INSTANTIATE_TEST_SUITE_P(
    Of, DolphindbMarks,
    ::testing::Values(Mark{"NANOTIMESTAMP", 1704067200000000001, 3'600'000'000'000},
                      Mark{"TIMESTAMP", 1704067200123, 3'600'000},
                      Mark{"DATETIME", 1704067200, 3'600}, Mark{"DATEHOUR", 473352, 5},
                      Mark{"DATE", 19723, 1}, Mark{"MONTH", 24240, 1}, Mark{"INT", 100, 1},
                      Mark{"LONG", 4'000'000'000, 7}),
    [](const auto& each) { return std::string(each.param.type); });

TEST_F(DolphindbRuns, OfSeveralRowsThoseCountThatTheTableKeeps) {
  for (const char* kept : {"FIRST", "LAST"}) {
    begin();
    DolphindbTable table{.database = "dfs://keyed",
                         .name = "t",
                         .columns = {{"sym", "SYMBOL"}, {"ts", "TIMESTAMP"}, {"v", "DOUBLE"}},
                         .partitions = {by_day("ts")},
                         .sort_columns = {"sym", "ts"},
                         .keep_duplicates = kept};
    cluster->create(table);
    options.connection = options.schema.emplace(kept);
    const std::string relation =
        "(SELECT * FROM \"dfs://keyed\".t QUALIFY row_number() OVER (PARTITION BY nullif(sym, ''), "
        "ts ORDER BY rowid " +
        std::string(kept == std::string("LAST") ? "DESC" : "ASC") + ") = 1)";
    for (int run = 0; run < 4; ++run) {
      exec(
          "INSERT INTO \"dfs://keyed\".t SELECT ['A', 'B', '', NULL][1 + i % 4], CASE WHEN i % 7 "
          "<> 3 "
          "THEN 1704067200000 + (i % 300) * 3600000 END, i + " +
          std::to_string(run) + " / 8 FROM range(" + std::to_string(run * 20) + ", " +
          std::to_string(run * 30 + 600) + ") r(i)");
      exec("DELETE FROM \"dfs://keyed\".t WHERE ts % 9999 = " + std::to_string(run));
      good_sync("t", url("keyed"));
      expect_equal(table, relation);
      EXPECT_FALSE(HasFailure()) << kept << " in run " << run;
    }
  }
}

// Keys of every type that may be one, also those whose rows are asked for by their key.
struct Key {
  const char* type;
  const char* of;  ///< SQL of the key of row i
};
void PrintTo(const Key& each, std::ostream* out) { *out << each.type; }
class DolphindbKeys : public DolphindbRuns, public ::testing::WithParamInterface<Key> {};

TEST_P(DolphindbKeys, RowsAreMergedByThem) {
  begin();
  DolphindbTable table{.database = "dfs://keyed",
                       .name = "t",
                       .columns = {{"k", GetParam().type}, {"ts", "TIMESTAMP"}, {"v", "LONG"}}};
  table.engine = "PKEY";
  table.primary_key = {"k"};
  cluster->create(table);
  options.defaults.replication_key = "ts";
  const auto add = [&](int first, int end, int at) {
    exec("INSERT INTO \"dfs://keyed\".t SELECT " + std::string(GetParam().of) + ", " +
         std::to_string(at) + "::BIGINT * 86400000, i FROM range(" + std::to_string(first) + ", " +
         std::to_string(end) + ") r(i)");
  };
  const auto equal = [&] {
    const std::string seen =
        "(SELECT * FROM \"dfs://keyed\".t QUALIFY row_number() OVER (PARTITION BY k ORDER BY rowid "
        "DESC) = 1)";
    DolphindbTable values = table;  // keys of some types are not printed alike
    values.columns.erase(values.columns.begin());
    expect_equal(values, seen);
  };
  add(0, 100, 19700);
  good_sync("t", url("keyed"));
  equal();
  add(100, 103, 19720);                                       // new
  add(90, 95, 19721);                                         // changed
  add(110, 115, 15000);                                       // new and far behind
  exec("DELETE FROM \"dfs://keyed\".t WHERE v IN (50, 51)");  // gone
  good_sync("t", url("keyed"));
  equal();
  // Where the server has no digests the missing rows are asked for by their keys.
  add(115, 120, 15000);
  for (int i = 0; i < 9; ++i)
    cluster->fault("md5(", DolphindbFault::with_error("Can't recognize function name md5"));
  good_sync("t", url("keyed"));
  equal();
  cluster->forget_faults();
  EXPECT_TRUE(verified("keyed").equal());
}

INSTANTIATE_TEST_SUITE_P(
    Of, DolphindbKeys,
    ::testing::Values(Key{"LONG", "i - 50"}, Key{"CHAR", "(i - 50)::TINYINT"},
                      Key{"SYMBOL", "'s' || i"}, Key{"STRING", "'\xE4\xB8\xAD \"' || i"},
                      Key{"UUID", "md5(i::VARCHAR)::UUID"},
                      Key{"INT128", "i::UHUGEINT * 1000000007 + 1"},
                      Key{"IPADDR", "ipaddr4(10, 0, 1, i)"}, Key{"DATE", "i - 50"},
                      Key{"MONTH", "i + 23600"}, Key{"NANOTIMESTAMP", "i * 86400000000001"},
                      Key{"NANOTIME", "i * 600000000001"}, Key{"MINUTE", "i"}, Key{"SECOND", "i"},
                      Key{"TIME", "i * 1001"}, Key{"DECIMAL64(3)", "(i / 8)::DECIMAL(19, 3)"},
                      Key{"DOUBLE", "i / 8"}),
    [](const auto& each) {
      std::string name = each.param.type;
      return name.substr(0, name.find('('));
    });

}  // namespace
}  // namespace sluice
