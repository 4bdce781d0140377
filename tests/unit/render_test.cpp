// SPDX-License-Identifier: Apache-2.0
#include "cli/render.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "cli/events.h"
#include "cli/history.h"
#include "cli/json.h"
#include "cli/open.h"
#include "cli/plan_report.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/text.h"
#include "engine/nearest.h"

namespace sluice::cli {
namespace {

TEST(Text, WidthIsWhatATerminalShows) {
  EXPECT_EQ(display_width("abc"), 3U);
  EXPECT_EQ(display_width("Größe"), 5U);
  EXPECT_EQ(display_width("表"), 2U);
  EXPECT_EQ(display_width("😀"), 2U);
  EXPECT_EQ(display_width("e\u0301"), 1U);
  EXPECT_EQ(display_width("\xff\xfe"), 2U);
}

TEST(Text, FittedNeverExceedsItsWidth) {
  EXPECT_EQ(fitted("abc", 3), "abc");
  EXPECT_EQ(fitted("abcd", 3), "ab…");
  EXPECT_EQ(fitted("表表表", 4), "表…");
  EXPECT_EQ(fitted("a\nb\x1b[31m", 20), "a b [31m");
  const std::string odd = "Größe 表 😀 with a long name";
  for (std::size_t width = 0; width < 30; ++width)
    EXPECT_LE(display_width(fitted(odd, width)), width);
}

TEST(Text, NumbersInWords) {
  EXPECT_EQ(with_commas(0), "0");
  EXPECT_EQ(with_commas(1234567), "1,234,567");
  EXPECT_EQ(compact(99'999), "99,999");
  EXPECT_EQ(compact(1'234'567), "1.23M");
  EXPECT_EQ(compact(999'999), "1.00M");
  EXPECT_EQ(human_bytes(999), "999 B");
  EXPECT_EQ(human_bytes(1'250'000), "1.2 MB");
  EXPECT_EQ(human_bytes(240'000'000), "240 MB");
  EXPECT_EQ(human_seconds(0.44), "0.4 s");
  EXPECT_EQ(human_seconds(59.7), "1m 00s");
  EXPECT_EQ(human_seconds(65), "1m 05s");
  EXPECT_EQ(human_seconds(2 * 3600 + 7 * 60), "2h 07m");
}

TEST(Text, NumbersAreNumbersInJson) {
  for (const char* type : {"TINYINT", "UINTEGER", "UBIGINT", "HUGEINT", "DECIMAL(4,1)", "DOUBLE"})
    EXPECT_EQ(json_value(type, "3"), "3") << type;
  EXPECT_EQ(json_value("VARCHAR", "3"), "\"3\"");
  EXPECT_EQ(json_value("DOUBLE", "inf"), "\"inf\"");
}

TEST(Text, NamesInHintsCanBePasted) {
  EXPECT_EQ((TableName{"shop", "orders_2.x-y"}).argument(), "shop.orders_2.x-y");
  EXPECT_EQ((TableName{"shop", "Line Items"}).argument(), "'shop.Line Items'");
  EXPECT_EQ((TableName{"", "it's"}).argument(), "'it'\\''s'");
}

TEST(Text, DidYouMean) {
  const std::vector<std::string> words{"sync", "state", "plan", "replication_key"};
  EXPECT_EQ(nearest("synk", words), "sync");
  EXPECT_EQ(nearest("snyc", words), "sync");
  EXPECT_EQ(nearest("SYNC", words), "sync");
  EXPECT_EQ(nearest("replicaton-key", words), "replication_key");
  EXPECT_EQ(nearest("zebra", words), std::nullopt);
}

TEST(Grid, GivesWayWhereTheScreenIsNarrow) {
  Grid grid({{"table", Align::left, true}, {"rows", Align::right, false}});
  grid.row({"public.a_table_with_a_long_name", "12"});
  grid.row({"表", "1,234"});
  EXPECT_EQ(grid.text({}),
            "table                             rows\n"
            "public.a_table_with_a_long_name     12\n"
            "表                               1,234\n");
  Screen narrow;
  narrow.width = 20;
  std::istringstream lines(grid.text(narrow));
  for (std::string line; std::getline(lines, line);) EXPECT_LE(display_width(line), 20U) << line;
}

TEST(Grid, HeadingsGiveWayBeforeCellsAndTheWidestCellsFirst) {
  Grid grid({{"a long heading", Align::left, true},
             {"name", Align::left, true},
             {"error", Align::left, true}});
  grid.row({"12345678", "main.customers", "an error of many words, which nobody reads whole"});
  Screen narrow;
  narrow.width = 46;
  EXPECT_EQ(grid.text(narrow),
            "a long …  name            error\n"
            "12345678  main.customers  an error of many wo…\n");
}

TEST(Text, IsBrokenBetweenWords) {
  EXPECT_EQ(wrapped("one two three", 0, 0), "one two three");
  EXPECT_EQ(wrapped("one two three four five six", 4, 24),
            "one two three four\n"
            "    five six");
  EXPECT_EQ(wrapped("a-word-that-is-longer-than-the-line b", 0, 20),
            "a-word-that-is-longer-than-the-line\nb");
}

TEST(Json, ValuesKeepTheirDigits) {
  EXPECT_EQ(json_value("DECIMAL(38,18)", "12345678901234567890.123456789012345678"),
            "12345678901234567890.123456789012345678");
  EXPECT_EQ(json_value("HUGEINT", "-170141183460469231731687303715884105728"),
            "-170141183460469231731687303715884105728");
  EXPECT_EQ(json_value("DOUBLE", "nan"), "\"nan\"");
  EXPECT_EQ(json_value("BOOLEAN", "true"), "true");
  EXPECT_EQ(json_value("VARCHAR", "12\n"), "\"12\\n\"");
  EXPECT_EQ(json_value("JSON", "{\"a\":\n1.00}"), "{\"a\": 1.00}");
}

TEST(Report, TablesThatWereStoppedShareALine) {
  RunResult result;
  for (const char* name : {"a", "b", "c", "d", "e", "f"}) {
    Receipt& receipt = result.receipts.emplace_back();
    receipt.table = {"main", name};
    receipt.outcome = Outcome::interrupted;
    receipt.error = *name == 'a' ? "main.a: stopped between two units" : "not begun";
  }
  EXPECT_EQ(failures_text(result, {}),
            "interrupted  main.a: stopped between two units\n"
            "interrupted  main.b, main.c, main.d, main.e, main.f: not begun\n");
  result.receipts.push_back(result.receipts.back());
  EXPECT_NE(failures_text(result, {}).find("main.f and 1 more: not begun"), std::string::npos);
}

TablePlan planned(const std::string& table, const std::string& strategy, const std::string& reads) {
  TablePlan plan;
  plan.table.name = {"public", table};
  plan.target = "public." + table;
  plan.strategy = strategy;
  plan.why = "replication key updated_at";
  plan.reads = reads;
  plan.connections = 2;
  plan.rows = 1'000'000;
  plan.bytes = 200'000'000;
  return plan;
}

TEST(Report, APlanFitsATerminal) {
  Connection connection;
  connection.source = "postgresql://db.example/shop";
  connection.sync.parallel = 3;
  std::vector<TablePlan> plans{planned("orders", "incremental", "one index range, all keys"),
                               planned("items", "incremental", "one index range, all keys"),
                               planned("a_table_with_a_long_name", "load", "whole table once")};
  plans[0].deletes = 1'234;
  Screen screen;
  screen.width = 80;
  std::istringstream lines(plan_report(plans, connection, screen));
  for (std::string line; std::getline(lines, line);) EXPECT_LE(display_width(line), 80U) << line;
  const std::string text = plan_report(plans, connection, {});
  EXPECT_NE(text.find("reads  public.orders, public.items: one index range, all keys\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("about 1,234"), std::string::npos);
  EXPECT_NE(text.find("3 tables, about 3,000,000 rows and 600 MB to read by 3 connections"),
            std::string::npos)
      << text;
  EXPECT_EQ(text.find("target"), std::string::npos);
  EXPECT_EQ(text.find("held for"), std::string::npos);  // a guess of seconds is not worth a line
}

TEST(Report, APlanSaysHowLongASnapshotIsHeld) {
  Connection connection;
  connection.source = "postgresql://db.example/shop";
  connection.sync.parallel = 2;
  std::vector<TablePlan> plans{planned("orders", "load", "whole table once"),
                               planned("items", "load", "whole table once")};
  plans[0].bytes = 6'000'000'000;
  EXPECT_NE(plan_report(plans, connection, {})
                .find("one snapshot is held for about 2m 04s (at 50 MB/s, a guess): vacuum at the "
                      "source waits that long; --snapshot=table holds one per table"),
            std::string::npos)
      << plan_report(plans, connection, {});
  plans[0].seconds = 100;
  plans[1].seconds = 20;
  EXPECT_NE(plan_report(plans, connection, {})
                .find("one snapshot is held for about 1m 40s (as earlier runs took)"),
            std::string::npos);
  plans[1].seconds = 300;
  connection.sync.snapshot_per_table = true;
  EXPECT_NE(plan_report(plans, connection, {})
                .find("a snapshot is held for about 5m 00s (as earlier runs took): vacuum at the "
                      "source waits that long\n"),
            std::string::npos);
  plans[0].seconds = plans[1].seconds = 4;
  EXPECT_NE(plan_report(plans, connection, {})
                .find("a snapshot is held for about 4.0 s (as earlier runs took)\n"),
            std::string::npos)
      << plan_report(plans, connection, {});
}

TEST(Report, WhatDiffersIsPrintedByAQuietRunToo) {
  RunResult result;
  Receipt& receipt = result.receipts.emplace_back();
  receipt.table = {"public", "t"};
  receipt.verified.emplace();
  receipt.verified->table = receipt.table;
  receipt.verified->how = "rows: no digests";
  receipt.verified->rows = receipt.verified->compared = 3'000;
  EXPECT_EQ(failures_text(result, {}), "");
  EXPECT_EQ(result.exit_code(), 0);
  EXPECT_NE(run_report(result, {}, {}).find("verified: 3,000 rows of 1 table\n"),
            std::string::npos);
  receipt.verified->changed = 12;
  receipt.verified->examples = {"id 5: differs in a"};
  EXPECT_EQ(failures_text(result, {}),
            "differs  public.t: id 5: differs in a\ndiffers  public.t: and 11 more rows\n");
  EXPECT_EQ(result.exit_code(), 4);
  EXPECT_NE(run_report(result, {}, {}).find("verified: 3,000 rows of 1 table, 1 differs\n"),
            std::string::npos);
  EXPECT_NE(run_report(result, {}, {}).find("next: sluice repair"), std::string::npos);
}

TEST(Grid, CsvQuotesWhatNeedsIt) {
  EXPECT_EQ(csv_field("a"), "a");
  EXPECT_EQ(csv_field(""), "\"\"");
  EXPECT_EQ(csv_field("a,\"b\""), "\"a,\"\"b\"\"\"");
}

TEST(Progress, ALineFitsEveryWidth) {
  const Running table{"public.Größe 表 😀 with a long name",
                      12'345'678'901,
                      99'999'999'999,
                      123'456'789'012,
                      3,
                      812,
                      1'234'567,
                      1};
  for (std::size_t width = 10; width < 140; ++width)
    EXPECT_LE(display_width(progress_line(table, width)), width);
  const std::string line =
      progress_line({"public.orders", 1'200'000, 3'600'000, 240'000'000, 2, 8, 101'123, 1}, 79);
  EXPECT_EQ(line,
            "public.orders           1.20M rows    101k/s  240 MB chunk 3/8        24 s left");
}

TEST(Events, ALogTellsOfRuns) {
  std::string text;
  Events events("shop", "postgresql://***@host/shop", "w.duckdb",
                [&](const std::string& line) { text += line + "\n"; });
  events.run_started("20261121T040506.789Z-1");
  const auto progress = std::make_shared<Progress>();
  progress->table = {"public", "orders"};
  events.table_started(progress);
  ASSERT_EQ(logged_runs(text).size(), 1U);
  EXPECT_EQ(logged_runs(text)[0].current, "public.orders");
  EXPECT_FALSE(logged_runs(text)[0].ended);
  Receipt receipt;
  receipt.table = {"public", "orders"};
  receipt.read = 12;
  events.table_finished(receipt);
  receipt.outcome = Outcome::failed;
  receipt.table.name = "lines";
  receipt.error = "bytes \xff";
  events.table_finished(receipt);
  text += "{\"event\": cut off\n";
  RunResult result;
  result.id = "20260101T000000.000Z-1";
  events.run_finished(result, 3);
  const auto runs = logged_runs(text);
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_TRUE(runs[0].ended);
  EXPECT_EQ(runs[0].exit_code, 3);
  EXPECT_EQ(runs[0].tables_done, 1U);
  EXPECT_EQ(runs[0].tables_failed, 1U);
  EXPECT_EQ(runs[0].run, "20260101T000000.000Z-1");
}

TEST(Events, ARunRefusedBeforeItBeganIsInTheLog) {
  std::string text;
  Events events("shop", "a.duckdb", "w.duckdb",
                [&](const std::string& line) { text += line + "\n"; });
  events.run_failed(Error(Fault::config, "another source"), 2);
  const auto runs = logged_runs(text);
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_TRUE(runs[0].ended);
  EXPECT_EQ(runs[0].error, "another source");
}

TEST(Events, ATableThatWasTriedAgainCountsOnceInTheLog) {
  std::string text;
  Events events("shop", "", "", [&](const std::string& line) { text += line + "\n"; });
  events.run_started("1");
  Receipt receipt;
  receipt.table = {"public", "orders"};
  receipt.outcome = Outcome::failed;
  events.table_finished(receipt);
  receipt.outcome = Outcome::done;
  events.table_finished(receipt);
  EXPECT_EQ(logged_runs(text).at(0).tables_done, 1U);
  EXPECT_EQ(logged_runs(text).at(0).tables_failed, 0U);
}

TEST(Events, EveryObserverIsToldAlsoWhereOneThrows) {
  struct Throwing : Observer {
    void note(const std::string&) override { throw std::runtime_error("full"); }
  } throwing;
  std::string text;
  Events events("shop", "", "", [&](const std::string& line) { text += line; });
  Observers all;
  all.add(throwing);
  all.add(events);
  EXPECT_THROW(all.note("said"), std::runtime_error);
  EXPECT_NE(text.find("said"), std::string::npos);
}

TEST(Events, TheLogFileTurnsOver) {
  const auto path =
      std::filesystem::temp_directory_path() / ("sluice_log_test_" + std::to_string(::getpid()));
  LogFile log(path.string());
  const std::string line(kLogBytes / 2, 'x');
  for (int i = 0; i < 4; ++i) log.append(line);
  EXPECT_EQ(log.failure(), "");
  EXPECT_TRUE(std::filesystem::exists(path.string() + ".1"));
  EXPECT_LE(std::filesystem::file_size(path), kLogBytes + line.size() + 2);
  std::filesystem::remove(path);
  std::filesystem::remove(path.string() + ".1");
  LogFile nowhere("/nonexistent/folder/x.log");
  nowhere.append("line");
  EXPECT_NE(nowhere.failure(), "");
}

TEST(Open, MemoryIsSharedWithTheRestOfTheProcess) {
  EXPECT_EQ(duck_memory_limit(1'000'000'000), 600'000'000U);
  EXPECT_EQ(duck_memory_limit(256'000'000), 128'000'000U);
  EXPECT_EQ(duck_memory_limit(1), 64'000'000U);
}

}  // namespace
}  // namespace sluice::cli
