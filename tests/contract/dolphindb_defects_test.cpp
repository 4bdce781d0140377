// SPDX-License-Identifier: Apache-2.0
// What the published DolphinDB connector gets wrong, each a test with the name of its class.
#include <sys/stat.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>

#include "connectors/dolphindb/configuration.h"
#include "connectors/registry.h"
#include "engine/scan.h"
#include "support/dolphindb_copy_test.h"

namespace sluice {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class DolphindbDefects : public DolphindbTest {
 protected:
  /// The text of a variable is no part of a script: all that a script holds are names.
  void expect_no_script_holds(const std::string& text) const {
    for (const auto& each : cluster->requests()) EXPECT_THAT(each.text, Not(HasSubstr(text)));
  }
};

TEST_F(DolphindbDefects, FirstRowDoesNotCrash) {
  begin_with_ticks(1);
  const Receipt receipt = good_sync();
  EXPECT_EQ(receipt.inserted, 1U);
  EXPECT_THAT(copy.columns("trade"), ElementsAre("symbol VARCHAR", "timestamp TIMESTAMP_NS",
                                                 "price DOUBLE", "volume BIGINT"));
  EXPECT_EQ(copy.query("SELECT timestamp::VARCHAR FROM public.trade"),
            Texts{"2024-01-01 00:00:00"});
  expect_equal_ticks();
}

// "2025.01.02T03:04:05.678901+00:00" is no literal there: the next run read all again, or nothing.
TEST_F(DolphindbDefects, CursorIsABoundValueNotText) {
  begin_with_ticks(2000);
  options.defaults.mode = Mode::append;
  good_sync();
  add_ticks(2000, 2010);
  const std::size_t before = cluster->requests().size();
  good_sync();
  add_ticks(2010, 2020);
  EXPECT_LE(good_sync().read, 40U);
  expect_equal_ticks();
  std::size_t bounded = 0;
  const auto requests = cluster->requests();
  for (std::size_t i = before; i < requests.size(); ++i) {
    EXPECT_THAT(requests[i].text, Not(HasSubstr("2024"))) << "a cursor in the text";
    bounded += requests[i].text.find("timestamp >= ") != std::string::npos ? 1U : 0U;
  }
  EXPECT_GE(bounded, 2U);
}

// fetchmany() sliced what was in memory already, all of it.
TEST_F(DolphindbDefects, ResultIsStreamedNotHeld) {
  constexpr std::size_t kMegabyte = 1U << 20U;
  // A process of its own, as what it holds must not count.
  const testing::PrivateFolder folder({"ddb", {"nobody"}, SIGTERM});
  const std::string input = folder / "input";
  ASSERT_EQ(mkfifo(input.c_str(), 0600), 0);
  std::ofstream(folder / "cluster.json")
      << R"~({"tables": [{"database": "dfs://trades", "name": "wide",)~"
      << R"~( "columns": [["id", "LONG"], ["note", "STRING"]]}], "sql": ["INSERT INTO)~"
      << R"~( \"dfs://trades\".wide SELECT i, repeat(md5(i::VARCHAR), 12) FROM range(330000) r(i)"]})~";
  const auto beside = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  const std::unique_ptr<FILE, int (*)(FILE*)> program(
      popen(((beside / "dolphindb_double").string() + " " + (folder / "cluster.json").string() +
             " < " + input)
                .c_str(),
            "re"),
      pclose);
  const std::ofstream stays_until_this_ends(input);
  std::array<char, 100> line{};
  ASSERT_NE(fgets(line.data(), line.size(), program.get()), nullptr);
  std::string site = std::string(line.data()).substr(6);  // "sites 127.0.0.1:4711"
  site.pop_back();
  const auto peak = [] {
    std::ifstream status("/proc/self/status");
    for (std::string each; std::getline(status, each);) {
      if (each.starts_with("VmHWM:")) return std::stoul(each.substr(6)) * 1024;
    }
    return 0UL;
  };
  const auto source =
      make_source(copy.database(), "dolphindb://admin:123456@" + site + "/trades?fetch-size=8192");
  const auto tables = source->discover({}).tables;
  const auto snapshot = source->snapshot(tables);
  Read read;
  read.columns = tables.at(0).columns;
  const Plan plan = source->plan(*snapshot, tables.at(0), read);
  duck::Connection connection = copy.database().connect();
  register_scan(connection);
  ReaderBudget budget(1);
  std::atomic<StopLevel> stop{StopLevel::none};
  const ScanContext context{*source, budget, stop};
  Relation relation(connection, context, *snapshot, plan);
  std::ofstream("/proc/self/clear_refs") << "5";
  const std::size_t before = peak();
  EXPECT_EQ(relation
                .run("SELECT count(*) || ' ' || sum(id) || ' ' || sum(strlen(note)) FROM " +
                     relation.sql())
                .text(0, 0),
            "330000 54449835000 126720000");
  // Blocks of 3 MB; the result is 129 MB.
  EXPECT_LT(peak() - before, 32 * kMegabyte);
}

TEST_F(DolphindbDefects, NanosecondsAreKept) {
  begin_with_ticks(0);
  exec(
      "INSERT INTO \"dfs://trades\".trade VALUES ('A', 1735787045678901234, 1, 1), ('A', "
      "1735787045678901235, 1, 1), ('A', -1, 1, 1), ('A', 0, 1, 1), ('A', -9223286400000000000, 1, "
      "1), ('A', 9223372036854775806, 1, 1)");
  good_sync();
  EXPECT_EQ(copy.query("SELECT epoch_ns(timestamp) FROM public.trade ORDER BY timestamp"),
            (Texts{"-9223286400000000000", "-1", "0", "1735787045678901234", "1735787045678901235",
                   "9223372036854775806"}));
  // And as a bound: of two that differ by one nanosecond only the later is new.
  exec("INSERT INTO \"dfs://trades\".trade VALUES ('B', 1735787045678901236, 1, 1)");
  good_sync();
  expect_equal_ticks();
}

// Prices are DOUBLE, volumes LONG: as FLOAT and INT they were others.
TEST_F(DolphindbDefects, DoublesAndWideIntegersAreKept) {
  begin_with_ticks(0);
  exec(
      "INSERT INTO \"dfs://trades\".trade VALUES ('A', 1, 37.774929, 9007199254740993), ('A', 2, "
      "16777217.0, 9223372036854775807), ('A', 3, 0.1, -9223372036854775807), ('A', 4, "
      "1.7976931348623157e308, 2147483648), ('A', 5, 5e-324, NULL), ('A', 6, 'nan', 0), ('A', 7, "
      "'inf', 0), ('A', 8, '-inf', 0), ('A', 9, NULL, 0)");
  good_sync();
  EXPECT_EQ(copy.query("SELECT price::VARCHAR FROM public.trade ORDER BY timestamp"),
            (Texts{"37.774929", "16777217.0", "0.1", "1.7976931348623157e+308", "5e-324", "nan",
                   "inf", "-inf", "NULL"}));
  expect_equal_ticks();
}

// A hash of all values as the key made one of them.
TEST_F(DolphindbDefects, IdenticalTicksStayAsManyAsTheyAre) {
  begin_with_ticks(100);
  add_ticks(0, 50);
  add_ticks(0, 10);
  good_sync();
  EXPECT_EQ(copy.query("SELECT count(*) FROM public.trade"), Texts{"160"});
  add_ticks(5, 8);  // once more, and far behind the newest
  add_ticks(99, 100);
  const Receipt receipt = good_sync();
  EXPECT_EQ(receipt.inserted, 4U);
  EXPECT_EQ(receipt.deleted, 0U);
  expect_equal_ticks();
}

// The run dies among rows of one stamp, with some of their chunks committed.
TEST_F(DolphindbDefects, TiesAtACheckpointAreNotLost) {
  begin_with_ticks(4000);
  exec(
      "UPDATE \"dfs://trades\".trade SET timestamp = (timestamp // 86400000000000) * "
      "86400000000000");
  options.defaults.window = std::chrono::hours(24);
  options.unit_rows = 1;
  options.parallel = 1;
  for (const std::size_t at : {0U, 40U, 3000U}) {
    cluster->fault("select symbol, timestamp", DolphindbFault());
    cluster->fault("select symbol, timestamp", DolphindbFault());
    cluster->fault("select symbol, timestamp", DolphindbFault::cut_at(at));
    EXPECT_NE(sync().error, "") << at;
    add_ticks(4000 + static_cast<int>(at), 4005 + static_cast<int>(at));
  }
  good_sync();
  expect_equal_ticks();
  good_sync();
  expect_equal_ticks();
}

// "timestamp > cursor" never saw what came behind it.
TEST_F(DolphindbDefects, LateAndOutOfOrderTicksArrive) {
  begin_with_ticks(1000);
  good_sync();
  exec(
      "INSERT INTO \"dfs://trades\".trade VALUES ('Z', 1704067200000000500, 1.5, 1), ('Z', "
      "1704067199999999999, 2.5, 2), ('Z', -5, 3.5, 3)");
  add_ticks(1000, 1001);
  const Receipt receipt = good_sync();
  EXPECT_EQ(receipt.inserted, 4U);
  expect_equal_ticks();
}

// One table of four columns, whatever was named.
TEST_F(DolphindbDefects, TheTableIsTheOneThatIsNamed) {
  begin_with_ticks(10);
  cluster->create({.database = "dfs://Mixed Case/sub",
                   .name = "Quotes 2",
                   .columns = {{"Bid", "FLOAT"}, {"ask size", "INT"}, {"select", "STRING"}}});
  exec("INSERT INTO \"dfs://Mixed Case/sub\".\"Quotes 2\" VALUES (1.5, 7, 'x'), (NULL, NULL, '')");
  good_sync("Quotes 2", url("Mixed%20Case%2Fsub/Quotes%202"));
  EXPECT_THAT(copy.columns("Quotes 2"),
              ElementsAre("Bid FLOAT", "ask size INTEGER", "select VARCHAR"));
  EXPECT_EQ(copy.query("SELECT concat_ws('|', Bid, \"ask size\", \"select\") FROM public.\"Quotes "
                       "2\" ORDER BY Bid"),
            (Texts{"1.5|7|x", ""}));
  EXPECT_THAT(copy.columns("trade"), IsEmpty()) << "nobody named it";
}

/// The published connector's file is all that its user has.
TEST_F(DolphindbDefects, ItsSixFieldConfigurationIsASource) {
  begin_with_ticks(30);
  const wire::Configured made = dolphindb::configuration(
      R"({"HOST": "127.0.0.1", "PORT": ")" + std::to_string(cluster->port()) +
          R"(", "DATABASE": "trades", "TABLE_NAME": "trade", "USERNAME": "admin", )"
          R"("PASSWORD": "123456"})",
      "configuration.json");
  const RunResult result = copy.sync(made.url, options, made.password);
  EXPECT_EQ(receipt_of(result, "trade").inserted, 30U);
  expect_equal_ticks();
}

// Names of databases, tables and columns, cursors and passwords: none was quoted.
TEST_F(DolphindbDefects, NothingIsPastedIntoTheScript) {
  begin();
  const std::string kNasty = "t'); dropTable(db, \"x\") where 1=1 \\ \xF0\x9F\x90\xAC`";
  const std::string kQuote = "a\"b\\c'd", kWord = "where";
  cluster->create({.database = "dfs://" + kNasty,
                   .name = kNasty,
                   .columns = {{kQuote, "LONG"},
                               {kWord, "LONG"},
                               {"\xF0\x9F\x90\xAC", "STRING"},
                               {"1=1 or", "DATE"},
                               {"sluice_db", "INT"},
                               {"sluice_table", "INT"},
                               {"_under", "INT"}}});
  exec("INSERT INTO " + duck::quoted("dfs://" + kNasty) + "." + duck::quoted(kNasty) +
       " VALUES (1, 2, '\"; x', 19723, 3, 4, 5)");
  const RunResult result = copy.sync(url(""), options);
  EXPECT_EQ(receipt_of(result, kNasty).error, "");
  EXPECT_EQ(copy.query("SELECT concat_ws('|', *COLUMNS(*)) FROM public." + duck::quoted(kNasty)),
            Texts{"1|2|\"; x|2024-01-01|3|4|5"});
  expect_no_script_holds("dropTable");
}

TEST_F(DolphindbDefects, ATableThatWouldInjectAConditionIsATableThatIsNotThere) {
  begin_with_ticks(10);
  for (const char* name :
       {"trade%27%29%20where%201%3D1%20%2F%2F", "trade%22%2C%20%22x", "no%20such%20%F0%9F%90%AC"}) {
    const RunResult result = copy.sync(url(std::string("trades/") + name), options);
    for (const Receipt& each : result.receipts) EXPECT_EQ(each.outcome, Outcome::skipped);
    EXPECT_NE(result.exit_code(), 0);
  }
  for (const auto& each : cluster->requests("loadTable"))
    EXPECT_THAT(each.text, HasSubstr("loadTable(sluice_db, sluice_table)"));
  EXPECT_EQ(copy.query("SELECT count(*) FROM duckdb_tables() WHERE table_name LIKE 'trade%'"),
            Texts{"0"});
}

TEST_F(DolphindbDefects, NullStampsSync) {
  begin_with_ticks(100);
  exec(
      "INSERT INTO \"dfs://trades\".trade VALUES ('N', NULL, 1, 1), ('N', NULL, 1, 1), (NULL, "
      "NULL, "
      "NULL, NULL)");
  good_sync();
  expect_equal_ticks();
  exec("INSERT INTO \"dfs://trades\".trade VALUES ('N', NULL, 1, 1), ('N', NULL, 2, 2)");
  EXPECT_EQ(good_sync().inserted, 2U);
  expect_equal_ticks();
  exec("DELETE FROM \"dfs://trades\".trade WHERE price = 2 AND symbol = 'N'");
  EXPECT_EQ(good_sync().deleted, 1U);
  expect_equal_ticks();
}

// A row from the year 2099 would have been the last that ever came.
TEST_F(DolphindbDefects, AStampOfTheFutureDoesNotSwallowWhatComesAfter) {
  for (const Mode mode : {Mode::mirror, Mode::append}) {
    begin_with_ticks(100);
    options.connection = mode == Mode::mirror ? "a" : "b";
    options.schema = options.connection == "a" ? "public" : "appended";
    options.defaults.mode = mode;
    exec("INSERT INTO \"dfs://trades\".trade VALUES ('F', 4070908800000000000, 1, 1)");
    good_sync();
    exec(
        "INSERT INTO \"dfs://trades\".trade SELECT 'L', epoch_ns(now()::TIMESTAMP) + 1000 * i, i, "
        "i "
        "FROM range(20) r(i)");
    EXPECT_EQ(good_sync().inserted, 20U);
    EXPECT_EQ(copy.query("SELECT count(*) FROM " + *options.schema + ".trade"), Texts{"121"});
  }
}

// Old rows have stamps before 1990, which was where its cursor began.
TEST_F(DolphindbDefects, DefaultStartDropsHistory) {
  begin_with_ticks(0);
  exec(
      "INSERT INTO \"dfs://trades\".trade SELECT 'H', (i - 500) * 86400000000000, i, i FROM "
      "range(1000) r(i)");
  good_sync();
  expect_equal_ticks();
}

TEST_F(DolphindbDefects, DeleteNeverCaptured) {
  begin_with_ticks(1000);
  add_ticks(500, 501);
  good_sync();
  // One of two that are alike, and another.
  exec(
      "DELETE FROM \"dfs://trades\".trade WHERE rowid = 500 OR volume = 4000000000 * 7; UPDATE "
      "\"dfs://trades\".trade SET price = -1 WHERE volume = 4000000000 * 11");
  good_sync();
  expect_equal_ticks();
}

TEST_F(DolphindbDefects, OneBadTableKillsAll) {
  begin_with_ticks(10);
  cluster->create({.database = "dfs://trades", .name = "secret", .columns = {{"id", "INT"}}});
  cluster->create({.database = "dfs://trades", .name = "zebra", .columns = {{"id", "INT"}}});
  exec("INSERT INTO \"dfs://trades\".zebra VALUES (1)");
  cluster->fault("schema(", DolphindbFault::with_error(
                                "<NoPrivilege>Not granted to read table dfs://trades/secret"));
  const RunResult result = copy.sync(url(), options);
  ASSERT_THAT(result.receipts, SizeIs(3));
  EXPECT_THAT(result.receipts[0].error, HasSubstr("Not granted"));
  EXPECT_THAT(result.receipts[0].hint, HasSubstr("TABLE_READ"));
  EXPECT_EQ(result.receipts[1].error + result.receipts[2].error, "");
  EXPECT_EQ(copy.query("SELECT id FROM public.zebra"), Texts{"1"});
}

TEST_F(DolphindbDefects, NoRetryOnQuery) {
  begin_with_ticks(1000);
  options.retries = 2;
  cluster->fault("select symbol, timestamp", DolphindbFault::cut_at(500));
  good_sync();
  expect_equal_ticks();
}

}  // namespace
}  // namespace sluice
