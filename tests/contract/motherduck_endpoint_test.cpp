// SPDX-License-Identifier: Apache-2.0
// Whole runs through what stands in for MotherDuck's PostgreSQL endpoint. The oracle is content.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <string>

#include "connectors/duckdb/connector.h"
#include "contract/motherduck_endpoint_fixture.h"

namespace sluice::testing {
namespace {

using namespace std::chrono_literals;

TEST_F(MotherduckEndpoint, FollowsChangesByMarkByKeyAndAsMultisets) {
  service_.exec(
      "CREATE TABLE marked (id BIGINT PRIMARY KEY, v VARCHAR, updated_at TIMESTAMPTZ);"
      "INSERT INTO marked SELECT i, 'v' || i, now() - INTERVAL 3 DAY FROM range(9000) r(i);"
      "CREATE TABLE keyed (id VARCHAR PRIMARY KEY, amount DECIMAL(18,4));"
      "INSERT INTO keyed SELECT 'k' || i, i / 7 FROM range(3000) r(i);"
      "CREATE TABLE loose (a INTEGER, b DATE);"
      "INSERT INTO loose SELECT i % 50, '2026-01-01' FROM range(500) r(i)");
  auto receipts = synced();
  EXPECT_EQ(receipts["marked"].strategy, "load");
  for (const char* table : {"marked", "keyed", "loose"}) expect_equal(table);

  service_.exec(
      "UPDATE marked SET v = 'new', updated_at = now() WHERE id < 10;"
      "INSERT INTO marked VALUES (9001, NULL, now()); DELETE FROM marked WHERE id IN (77, 8999);"
      "UPDATE keyed SET amount = -1 WHERE id = 'k7'; DELETE FROM keyed WHERE id = 'k8';"
      "INSERT INTO loose VALUES (1, '2026-01-01'), (NULL, NULL);"
      "DELETE FROM loose WHERE a = 49");
  receipts = synced();
  EXPECT_EQ(receipts["marked"].strategy, "incremental");
  EXPECT_EQ(receipts["marked"].deleted, 2U);
  EXPECT_EQ(receipts["marked"].inserted, 1U);
  const auto asked = service_.statements();
  EXPECT_TRUE(std::ranges::any_of(asked, [](const std::string& sql) {
    return has(sql, "SELECT CAST(\"id\"") && has(sql, "\"updated_at\" >= '");
  }));
  EXPECT_EQ(receipts["keyed"].deleted, 1U);
  for (const char* table : {"marked", "keyed", "loose"}) expect_equal(table);
  for (const auto& [name, receipt] : receipts)
    EXPECT_FALSE(has(receipt.guarantee, "D")) << name << " " << receipt.guarantee;

  EXPECT_EQ(synced()["keyed"].updated, 0U);
}

TEST_F(MotherduckEndpoint, AllTablesAreOfOneInstant) {
  service_.exec(
      "CREATE TABLE a (id INTEGER PRIMARY KEY, amount INTEGER);"
      "CREATE TABLE b (id INTEGER PRIMARY KEY, amount INTEGER);"
      "INSERT INTO a SELECT i, 10 FROM range(100) r(i);"
      "INSERT INTO b SELECT i, 10 FROM range(50) r(i)");  // the biggest is read first
  const std::string moved =
      "BEGIN; UPDATE a SET amount = amount - 5; UPDATE b SET amount = amount + 10; COMMIT";
  service_.before("FROM (SELECT \"id\", \"amount\" FROM \"shop\".\"main\".\"b\"", moved);
  options_.parallel = 1;
  synced();
  ASSERT_EQ(service_.query("SELECT sum(amount)::VARCHAR FROM shop.main.b").at(0), "1000");
  EXPECT_EQ(copy_.query("SELECT (SELECT sum(amount) FROM public.a) || ' ' || (SELECT sum(amount) "
                        "FROM public.b)"),
            Texts{"1000 500"});
  synced();
  expect_equal("a");
  expect_equal("b");
}

TEST_F(MotherduckEndpoint, TakesTheUsersRowsTypesAndViews) {
  service_.exec(
      "CREATE TABLE t (id INTEGER PRIMARY KEY, n VARCHAR, day DATE, updated_at TIMESTAMPTZ);"
      "INSERT INTO t SELECT i, i::VARCHAR, DATE '2026-01-01' + i::INTEGER, TIMESTAMPTZ "
      "'2026-01-01 00:00:00+00' + to_days(i::INTEGER) FROM range(100) r(i);"
      "CREATE VIEW v AS SELECT id, n FROM t WHERE id < 5; CREATE TABLE gone (a INTEGER);"
      "CREATE VIEW broken AS FROM gone; DROP TABLE gone");
  options_.tables = {"main.t", "main.v", "main.broken"};
  options_.defaults.where = "id % 2 = 0 -- even";
  options_.defaults.start = "2026-02-01";
  options_.table_options.emplace_back("main.t", [](TableOptions& table) {
    table.types = {{"n", "INTEGER"}, {"updated_at", "VARCHAR"}};
    table.replication_key = "day";
  });
  options_.table_options.emplace_back("main.v", [](TableOptions& table) {
    table.where.clear();
    table.start.reset();
  });
  options_.table_options.emplace_back("main.broken", [](TableOptions& table) {
    table.where.clear();
    table.start.reset();
  });
  const RunResult result = run();
  for (const Receipt& each : result.receipts) {
    EXPECT_EQ(each.error.empty(), each.table.name != "broken") << each.error;
  }
  EXPECT_EQ(copy_.query("SELECT count(*) || ' ' || sum(n) || ' ' || min(updated_at) FROM public.t"),
            Texts{"34 2210 2026-02-02 00:00:00+00"});
  EXPECT_EQ(copy_.query("SELECT count(*) FROM public.v"), Texts{"5"});
}

TEST_F(MotherduckEndpoint, AMistakeInOneTablesWhereIsThatTablesAlone) {
  service_.exec(
      "CREATE TABLE a (id INTEGER PRIMARY KEY); INSERT INTO a FROM range(1000);"
      "CREATE TABLE b (id INTEGER PRIMARY KEY); INSERT INTO b FROM range(10)");
  options_.table_options.emplace_back("main.a",
                                      [](TableOptions& table) { table.where = "nosuch > 1"; });
  options_.parallel = 1;
  const RunResult result = run();
  ASSERT_EQ(result.receipts.size(), 2U);
  EXPECT_EQ(result.receipts[0].fault, Fault::config) << result.receipts[0].error;
  EXPECT_TRUE(has(result.receipts[0].error, "nosuch")) << result.receipts[0].error;
  EXPECT_EQ(result.receipts[1].error, "");
  expect_equal("b");
}

TEST_F(MotherduckEndpoint, ALostConnectionIsTriedAgain) {
  service_.exec(
      "CREATE TABLE t (id INTEGER PRIMARY KEY, v VARCHAR);"
      "INSERT INTO t SELECT i, repeat('x', 50) || i FROM range(20000) r(i)");
  service_.cut_at_row("FROM (SELECT \"id\", \"v\"", 11'000);
  const RunResult once = run();
  EXPECT_EQ(once.receipts.at(0).fault, Fault::connection) << once.receipts.at(0).error;
  EXPECT_NE(once.receipts.at(0).error, "");
  service_.cut_at_row("FROM (SELECT \"id\", \"v\"", 11'000);
  options_.retries = 2;
  synced();
  expect_equal("t");
}

TEST_F(MotherduckEndpoint, ASessionThatFallsSilentIsGivenUpAndTriedAgain) {
  service_.exec(
      "CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t FROM range(20000);"
      "CREATE TABLE u (id INTEGER PRIMARY KEY); INSERT INTO u FROM range(10)");
  service_.stall_at_row("FROM \"shop\".\"main\".\"t\"", 11'000);
  options_.retries = 2;
  options_.idle_timeout = 2s;
  synced();
  expect_equal("t");
  expect_equal("u");  // waited for its turn longer than that
}

TEST_F(MotherduckEndpoint, IsVerifiedPublishedTogetherAndPreviewed) {
  service_.exec(
      "CREATE TABLE a (id INTEGER PRIMARY KEY, v VARCHAR); INSERT INTO a SELECT i, 'v' || i FROM "
      "range(20000) r(i); CREATE TABLE b AS FROM a LIMIT 100");
  options_.publish = Publish::together;
  options_.verify_after_run = true;
  for (const auto& [name, receipt] : synced()) {
    ASSERT_TRUE(receipt.verified.has_value()) << name;
    EXPECT_TRUE(receipt.verified->equal()) << name << receipt.verified->not_compared;
  }
  options_ = {};
  options_.schema = "public";
  copy_.damage("UPDATE a SET v = 'damaged' WHERE id = 7");
  const auto source = source_at(copy_.database(), service_.url(), service_.token());
  const auto tables = source->discover({}).tables;
  const Preview seen = preview(copy_.database(), *source, tables.at(0), {}, 3);
  EXPECT_EQ(seen.rows.size(), 3U);
  {
    const auto destination = make_destination(copy_.database(), "duckdb:" + copy_.file());
    Observer observer;
    const auto verified =
        Sync(copy_.database(), *source, *destination, options_, observer).verify(Sync::Repair::yes);
    EXPECT_EQ(verified.at(0).changed, 1U) << verified.at(0).error;
    EXPECT_TRUE(verified.at(1).equal());
  }
  expect_equal("a");
}

TEST_F(MotherduckEndpoint, ATableLargerThanMemoryIsReadRowByRow) {
  constexpr std::size_t kMegabyte = 1U << 20U;
  service_.exec(
      "CREATE TABLE t AS SELECT i AS id, repeat(md5(i::VARCHAR), 64) AS v FROM "
      "range(200000) r(i)");  // 410 MB of text
  const auto peak = [] {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("VmHWM:")) return std::stoul(line.substr(6)) * 1024;
    }
    return 0UL;
  };
  const auto source = source_at(copy_.database(), service_.url(), service_.token());
  const auto tables = source->discover({}).tables;
  const auto snapshot = source->snapshot(tables);
  Read read;
  read.columns = tables.at(0).columns;
  const Plan plan = source->plan(*snapshot, tables.at(0), read);
  std::ofstream("/proc/self/clear_refs") << "5";
  const std::size_t before = peak();
  duck::Connection connection = copy_.database().connect();
  register_scan(connection);
  ReaderBudget budget(1);
  std::atomic<StopLevel> stop{StopLevel::none};
  const ScanContext context{*source, budget, stop};
  Relation relation(connection, context, *snapshot, plan);
  EXPECT_EQ(
      relation.run("SELECT count(DISTINCT id) || ' ' || sum(length(v)) FROM " + relation.sql())
          .text(0, 0),
      "200000 409600000");
  EXPECT_GT(relation.bytes(), 409'600'000U);
  EXPECT_LT(peak() - before, 200 * kMegabyte);  // the server is in this process, too
}

/// What a call throws, and that it keeps the token to itself and does not take long.
Error refused(const std::string& url, const Secret& token) {
  const auto began = std::chrono::steady_clock::now();
  duck::Database database;
  try {
    source_at(database, url, token);
  } catch (const Error& error) {
    EXPECT_LT(std::chrono::steady_clock::now() - began, 10s) << error.what();
    EXPECT_FALSE(has(std::string(error.what()) + error.hint(), "eyJ"))
        << error.what() << error.hint();
    EXPECT_NE(error.hint(), "") << error.what();
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return {Fault::internal, ""};
}

TEST_F(MotherduckEndpoint, WhatKeepsItFromConnectingIsSaidWithoutTheToken) {
  const Error token = refused(service_.url(), Secret("eyJwrong.token"));
  EXPECT_EQ(token.fault(), Fault::authentication) << token.what();
  EXPECT_TRUE(has(token.what(), "does not know this token")) << token.what();

  std::string unknown = service_.url();
  unknown.replace(3, 4, "nosuch");
  const Error database = refused(unknown, service_.token());
  EXPECT_EQ(database.fault(), Fault::config) << database.what();
  EXPECT_TRUE(has(database.what(), "md:nosuch")) << database.what();

  const std::string port = "port=" + std::to_string(service_.port());
  std::string closed = service_.url();
  closed.replace(closed.find(port), port.size(), "port=" + std::to_string(free_port()));
  EXPECT_EQ(refused(closed, service_.token()).fault(), Fault::connection);

  std::string other = service_.url();
  other.replace(other.find("ca.crt"), 6, "other.crt");
  const Error certificate = refused(other, service_.token());
  EXPECT_EQ(certificate.fault(), Fault::config) << certificate.what();
  EXPECT_TRUE(has(certificate.what(), "certificate")) << certificate.what();
  EXPECT_EQ(service_.sessions(), 0U);  // the token went to nobody

  EndpointDouble silent({.silent = true});
  const Error waited = refused(silent.url("connection_timeout=2s"), silent.token());
  EXPECT_EQ(waited.fault(), Fault::connection);
  EXPECT_TRUE(has(waited.what(), "no answer")) << waited.what();
}

TEST_F(MotherduckEndpoint, ItsUrlIsASourcesAlone) {
  duck::Database database;
  const auto fault = [&](const std::string& url) {
    try {
      motherduck::source(database, {.url = url, .token = service_.token()});
    } catch (const Error& error) {
      EXPECT_NE(error.hint(), "") << url;
      return error.fault();
    }
    return Fault::internal;
  };
  for (const char* url :
       {"shop?host=localhost", "shop?region=eu-central-1", "shop?via=http",
        "shop?via=postgres&host=a,b", "shop?via=postgres&host=", "shop?via=postgres&port=x",
        "shop?via=postgres&port=", "_share/birds/e9ads7?via=postgres"})
    EXPECT_EQ(fault(url), Fault::config) << url;
  DestinationSettings settings;
  settings.password = service_.token();
  try {
    make_destination(database, service_.url(), settings);
    ADD_FAILURE() << "it is no destination";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::config);
    EXPECT_TRUE(has(error.what(), "only a source")) << error.what();
  }
}

TEST_F(MotherduckEndpoint, SessionsThatDoNotShowTimesInUtcAreRefused) {
  EndpointDouble here({.sets_time_zone = false, .time_zone = "Europe/London"});
  const Error error = refused(here.url(), here.token());
  EXPECT_EQ(error.fault(), Fault::config);
  EXPECT_TRUE(has(error.what(), "UTC")) << error.what();
  EndpointDouble utc({.sets_time_zone = false, .time_zone = "Etc/UTC"});
  duck::Database database;
  EXPECT_EQ(source_at(database, utc.url(), utc.token())->identity(), "motherduck:shop");
  EndpointDouble set({.time_zone = "Asia/Kathmandu"});
  EXPECT_NO_THROW(source_at(database, set.url(), set.token()));
}

TEST_F(MotherduckEndpoint, AsksNothingThatTheEndpointRefuses) {
  service_.exec("CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t FROM range(10)");
  synced();
  const auto source = source_at(copy_.database(), service_.url(), service_.token());
  source->identity();
  for (const std::string& each : service_.refused())
    EXPECT_TRUE(has(each, "MD_INFORMATION_SCHEMA")) << each;
  EXPECT_FALSE(service_.statements().empty());
}

}  // namespace
}  // namespace sluice::testing
