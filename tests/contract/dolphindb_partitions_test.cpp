// SPDX-License-Identifier: Apache-2.0
// How tables of a DolphinDB are cut into chunks, whatever they are partitioned by: no row is in two
// of them, none in none, and the server can tell which partitions it may leave out.
#include <limits>
#include <map>
#include <ostream>
#include <thread>

#include "connectors/dolphindb/cuts.h"
#include "connectors/dolphindb/sessions.h"
#include "connectors/dolphindb/url.h"
#include "connectors/registry.h"
#include "engine/scan.h"
#include "support/dice.h"
#include "support/dolphindb_copy_test.h"

namespace sluice {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::Not;
using ::testing::SizeIs;

constexpr std::int64_t kMin64 = std::numeric_limits<std::int64_t>::min();

TEST(DolphindbCuts, AscendAndCoverEveryStretchFromItsBeginning) {
  testing::Dice dice(7);
  for (int round = 0; round < 3000; ++round) {
    std::vector<dolphindb::Stretch> all;
    std::int64_t at = dice.chance(10) ? kMin64 + 1 : dice.from(-100, 100);
    for (int i = dice.from(1, 6); i > 0; --i) {
      const std::int64_t first = at + dice.below(3), last = first + dice.below(40);
      all.push_back({first, last, static_cast<std::uint64_t>(dice.from(1, 5000))});
      at = last + 1;
    }
    if (dice.chance(10)) all.back().last = std::numeric_limits<std::int64_t>::max();
    const auto longest = dice.chance(30) ? std::numeric_limits<std::int64_t>::max()
                                         : std::int64_t{1} + dice.below(30);
    const bool endless = all.back().last == std::numeric_limits<std::int64_t>::max();
    if (endless && longest < 1000) continue;  // millions of cuts
    const std::vector<dolphindb::Cut> made =
        dolphindb::cuts(all, static_cast<std::uint64_t>(dice.from(1, 900)), longest);
    ASSERT_FALSE(made.empty());
    EXPECT_EQ(made.front().at, all.front().first);
    for (std::size_t i = 1; i < made.size(); ++i) ASSERT_LT(made[i - 1].at, made[i].at) << round;
    EXPECT_LE(made.back().at, all.back().last);
    std::uint64_t rows = 0, cut_rows = 0;
    for (const auto& each : all) rows += each.rows;
    for (const auto& each : made) cut_rows += each.rows;
    EXPECT_EQ(cut_rows, rows);
  }
}

// Three readers of ten equal pieces would leave two of them idle during the last.
TEST(DolphindbCuts, GetSmallerTowardsTheEndSoThatReadersEndTogether) {
  const std::vector<dolphindb::Stretch> days{{0, 99'999, 6'000'000}, {100'000, 199'999, 4'000'000}};
  const auto made = dolphindb::cuts(days, 1'000'000, std::numeric_limits<std::int64_t>::max());
  EXPECT_GE(made.size(), 12U);
  EXPECT_LE(made.size(), 25U);
  EXPECT_THAT(made.front().rows, ::testing::AllOf(Le(1'000'000U), ::testing::Ge(900'000U)));
  for (std::size_t i = 0; i < made.size(); ++i) EXPECT_LE(made[i].rows, 1'000'000U) << i;
  EXPECT_LE(made.back().rows, 300'000U);
}

struct Partitioned {
  const char* name;
  const char* type;    ///< of column "at"
  const char* values;  ///< SQL of it for row i
  std::vector<DolphindbPartition> partitions;
  const char* by;  ///< the column that the chunks are told apart by; empty: one chunk
  bool null_as_min = true;
};
void PrintTo(const Partitioned& each, std::ostream* out) { *out << each.name; }
std::string name_of(const ::testing::TestParamInfo<Partitioned>& each) { return each.param.name; }

class DolphindbPartitions : public DolphindbTest,
                            public ::testing::WithParamInterface<Partitioned> {
 protected:
  void SetUp() override {
    DolphindbTest::SetUp();
    begin({.dialect = {.null_as_min = GetParam().null_as_min}});
    table = {.database = "dfs://parts",
             .name = "t",
             .columns = {{"id", "LONG"}, {"at", GetParam().type}, {"sym", "SYMBOL"}},
             .partitions = GetParam().partitions};
    cluster->create(table);
    add(0, 1000);
  }
  void add(int first, int end) const {
    exec("INSERT INTO \"dfs://parts\".t SELECT i, " + std::string(GetParam().values) +
         ", ['A', 'B', NULL, ''][1 + i % 4] FROM range(" + std::to_string(first) + ", " +
         std::to_string(end) + ") r(i)");
  }
  /// The ids of each chunk's rows.
  std::vector<Texts> chunks(const std::function<void(Table&, Read&)>& change) const {
    duck::Database database;
    const auto source = make_source(database, url("parts"));
    Table wanted = source->discover({}).tables.at(0);
    const auto snapshot = source->snapshot(std::span(&wanted, 1));
    wanted = std::get<Table>(snapshot->tables().at(0));
    Read read;
    read.columns = wanted.columns;
    change(wanted, read);
    const Plan plan = source->plan(*snapshot, wanted, read);
    duck::Connection connection = database.connect();
    register_scan(connection);
    ReaderBudget budget(1);
    std::atomic<StopLevel> stop{StopLevel::none};
    const ScanContext context{*source, budget, stop};
    std::vector<Texts> all;
    for (std::size_t i = 0; i < plan.chunks.size(); ++i) {
      Relation relation(connection, context, *snapshot, plan, {i});
      const duck::Result rows = relation.run("SELECT id::VARCHAR FROM " + relation.sql());
      all.emplace_back();
      for (std::size_t row = 0; row < rows.rows(); ++row) all.back().push_back(rows.text(row, 0));
    }
    return all;
  }
  static Texts joined(const std::vector<Texts>& chunks) {
    Texts all;
    for (const Texts& each : chunks) all.insert(all.end(), each.begin(), each.end());
    return sorted(all);
  }
  Texts ids(const std::string& where = "true") const {
    return sorted(cluster->query("SELECT id FROM \"dfs://parts\".t WHERE " + where));
  }
  DolphindbTable table;
};

TEST_P(DolphindbPartitions, EveryRowIsInExactlyOneChunk) {
  EXPECT_EQ(joined(chunks([](Table&, Read&) {})), ids());
  const bool one_day = GetParam().name == std::string("OneBigDay");
  for (const int hours : {one_day ? 1 : 24, 24 * 10}) {
    const std::vector<Texts> made =
        chunks([&](Table& each, Read&) { each.window = std::chrono::hours(hours); });
    EXPECT_EQ(joined(made), ids()) << hours;
  }
  for (const auto& each : cluster->requests("select id")) {
    if (GetParam().by[0] == '\0') {
      EXPECT_THAT(each.text, Not(HasSubstr("where")));
      continue;
    }
    // The column itself, compared with a value: what the server prunes partitions by.
    const std::string by = GetParam().by;
    EXPECT_THAT(each.text, ::testing::AnyOf(HasSubstr(" where " + by + " >= sluice_lo"),
                                            HasSubstr(" where " + by + " < sluice_hi"),
                                            HasSubstr(" where isNull(" + by + ")"),
                                            HasSubstr(" where isValid(" + by + ")")));
    EXPECT_THAT(each.text, Not(HasSubstr("date(" + by)));
  }
}

TEST_P(DolphindbPartitions, ABucketHoldsTheGreatestNumberOfItsColumn) {
  if (GetParam().type != std::string("INT")) return;
  const auto in_bucket = [&](std::int64_t bucket) {
    return joined(chunks([&](Table& each, Read& read) {
      each.replication_key = "at";
      each.mark_ranges = true;
      read.buckets = Buckets{Buckets::By::ranges, 8, 100, {bucket}};
    }));
  };
  EXPECT_EQ(in_bucket(2147483647 >> 8), Texts{"5"});
  EXPECT_EQ(in_bucket(-2147483647 >> 8), Texts{"6"});
  EXPECT_EQ(in_bucket(0), ids("\"at\" BETWEEN 0 AND 255"));
  EXPECT_EQ(in_bucket(Buckets::kNulls), ids("\"at\" IS NULL"));
}

TEST_P(DolphindbPartitions, AndSoItIsInTheCopyThroughChangesAndPlaces) {
  options.parallel = 3;
  options.defaults.window = std::chrono::hours(24 * 10);
  good_sync("t", url("parts"));
  expect_equal(table);
  add(1000, 1050);
  exec(
      "DELETE FROM \"dfs://parts\".t WHERE id % 400 = 3; INSERT INTO \"dfs://parts\".t SELECT * "
      "FROM \"dfs://parts\".t WHERE id % 500 = 1; UPDATE \"dfs://parts\".t SET sym = 'Z' WHERE id "
      "% "
      "800 = 7; UPDATE \"dfs://parts\".t SET \"at\" = NULL WHERE id = 40");
  good_sync("t", url("parts"));
  expect_equal(table);
}

const char* const kNanos =
    "CASE WHEN i % 50 <> 7 THEN 1704067200000000000 + (i - 500) * 3600000000007 END";

INSTANTIATE_TEST_SUITE_P(
    By, DolphindbPartitions,
    ::testing::Values(
        Partitioned{"DayOfANanotimestamp",
                    "NANOTIMESTAMP",
                    kNanos,
                    {{"at", "VALUE", dolphin::integers_of({19723}, dolphin::kDate)}},
                    "at"},
        Partitioned{"DayWhereNullComparesWithNothing",
                    "NANOTIMESTAMP",
                    kNanos,
                    {{"at", "VALUE", dolphin::integers_of({19723}, dolphin::kDate)}},
                    "at",
                    false},
        Partitioned{"OneBigDay",
                    "TIMESTAMP",
                    "1704067200000 + i * 86399",
                    {{"at", "VALUE", dolphin::integers_of({19723}, dolphin::kDate)}},
                    "at"},
        Partitioned{"MonthsOfADate",
                    "DATE",
                    "CASE WHEN i % 50 <> 7 THEN (i % 300) - 150 END",
                    {{"at", "RANGE", dolphin::integers_of({-200, -31, 0, 31, 90}, dolphin::kDate)}},
                    "at"},
        Partitioned{"Month",
                    "MONTH",
                    "CASE WHEN i % 50 <> 7 THEN 23640 + (i % 40) END",
                    {{"at", "VALUE", dolphin::integers_of({24288}, dolphin::kMonth)}},
                    "at"},
        Partitioned{"RangesOfAnInt",
                    "INT",
                    "CASE WHEN i = 5 THEN 2147483647 WHEN i = 6 THEN -2147483647 WHEN i % 50 <> 7 "
                    "THEN i - 500 END",
                    {{"at", "RANGE", dolphin::integers_of({-2000, -500, 0, 500, 2000})}},
                    "at"},
        Partitioned{"Datehour",
                    "DATEHOUR",
                    "CASE WHEN i % 50 <> 7 THEN 473352 + (i % 200) - 100 END",
                    {{"at", "VALUE", dolphin::integers_of({19723}, dolphin::kDate)}},
                    "at"},
        Partitioned{"Datetime",
                    "DATETIME",
                    "CASE WHEN i % 50 <> 7 THEN 1704067200 + (i - 500) * 3601 END",
                    {{"at", "VALUE", dolphin::integers_of({19723}, dolphin::kDate)}},
                    "at"},
        Partitioned{"HashOfASymbol",
                    "LONG",
                    "i - 500",
                    {{"sym", "HASH", dolphin::make(dolphin::kInt, 5)}},
                    ""},
        Partitioned{"ListOfSymbols",
                    "DATE",
                    "i % 20",
                    {{"sym", "LIST", dolphin::any_of({dolphin::texts_of({"A"})})}},
                    ""},
        Partitioned{"DayAndHash",
                    "TIMESTAMP",
                    "1704067200000 + (i - 500) * 3600007",
                    {{"at", "VALUE", dolphin::integers_of({19723}, dolphin::kDate)},
                     {"sym", "HASH", dolphin::make(dolphin::kInt, 5)}},
                    "at"},
        Partitioned{"HashAndDay",
                    "NANOTIMESTAMP",
                    kNanos,
                    {{"id", "HASH", dolphin::make(dolphin::kInt, 5)},
                     {"at", "VALUE", dolphin::integers_of({19723}, dolphin::kDate)}},
                    "at"},
        Partitioned{"Nothing", "STRING", "'text ' || i", {}, ""}),
    name_of);

class DolphindbNodes : public DolphindbTest {};

TEST_F(DolphindbNodes, ReadersAreSpreadOverThem) {
  begin_with_ticks(150'000, {.nodes = 2}, 60);  // a small table is read by one reader
  options.defaults.window = std::chrono::hours(24 * 4);
  good_sync();
  expect_equal_ticks();
  std::map<std::size_t, std::size_t> by_node;
  for (const auto& each : cluster->requests("select symbol, timestamp")) ++by_node[each.node];
  EXPECT_THAT(by_node, SizeIs(2)) << "of as many readers as nodes one is at each";
}

TEST_F(DolphindbNodes, OneThatIsStoppedInTheMiddleIsAnothersTurn) {
  begin_with_ticks(2500, {.nodes = 3});
  options.defaults.window = std::chrono::hours(24);
  options.unit_rows = 1;
  options.retries = 3;
  for (const std::size_t node : {1U, 0U}) {
    std::size_t asked_before = asked("select symbol, timestamp");
    cluster->before("select symbol, timestamp", [] {});
    cluster->before("select symbol, timestamp", [] {});
    cluster->before("select symbol, timestamp", [&, node] {
      std::thread([this, node] { cluster->stop_node(node); }).join();
      add_ticks(6000, 6010);
    });
    good_sync();
    EXPECT_GT(asked("select symbol, timestamp"), asked_before + 2);
    cluster->start_node(node);
    good_sync();
    expect_equal_ticks();
    copy.damage("DELETE FROM trade WHERE volume % 5 = 0");
    options.full = true;
  }
}

TEST_F(DolphindbNodes, SessionsThatIdledAtOneThatWasStartedAnewCostOneTry) {
  begin();
  dolphindb::Sessions sessions(
      std::make_shared<const dolphindb::Login>(dolphindb::login_of(url(), {})));
  { const dolphindb::Borrowed one(sessions, {}), two(sessions, {}), three(sessions, {}); }
  cluster->stop_node(0);
  cluster->start_node(0);
  EXPECT_THROW(dolphindb::Borrowed(sessions, {})->call("version"), Error);
  EXPECT_THAT(dolphindb::Borrowed(sessions, {})->call("version").texts(), SizeIs(1));
}

TEST_F(DolphindbNodes, OneThatIsDownFromTheStartIsDoneWithout) {
  begin_with_ticks(2000, {.nodes = 3});
  for (const std::size_t node : {0U, 1U, 2U}) {
    cluster->stop_node(node);
    add_ticks(2000 + static_cast<int>(node), 2001 + static_cast<int>(node));
    good_sync();
    expect_equal_ticks();
    cluster->start_node(node);
  }
}

TEST_F(DolphindbNodes, AllThatAreDownAreSaidToBe) {
  begin_with_ticks(10, {.nodes = 2});
  cluster->stop_node(0);
  cluster->stop_node(1);
  try {
    sync();
    FAIL() << "nothing was down";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::connection);
    EXPECT_THAT(error.what(), HasSubstr("cannot connect"));
    EXPECT_THAT(error.what(), Not(HasSubstr("123456")));
  }
}

TEST_F(DolphindbNodes, WhatIsSharedInMemoryIsReadOfTheFirst) {
  begin_with_ticks(100, {.nodes = 3});
  DolphindbTable shared{.name = "live", .columns = {{"id", "LONG"}, {"ts", "TIMESTAMP"}}};
  cluster->create(shared);
  exec("INSERT INTO shared.live SELECT i, 1704067200000 + i FROM range(3000) r(i)");
  options.parallel = 3;
  const RunResult result = copy.sync(url(""), options);
  ASSERT_THAT(result.receipts, SizeIs(2));
  EXPECT_EQ(result.receipts[0].error + result.receipts[1].error, "");
  expect_equal(shared);
  expect_equal_ticks();
  for (const auto& each : cluster->requests("objByName")) EXPECT_EQ(each.node, 0U);
  options.connection = options.schema.emplace("another");
  good_sync("live", url("shared"));
}

}  // namespace
}  // namespace sluice
