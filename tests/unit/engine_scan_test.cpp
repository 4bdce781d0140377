// SPDX-License-Identifier: Apache-2.0
// Relations: what the watchdog sees of them, how they wait, and what DuckDB asks them for.
#include "engine/scan.h"

#include <gtest/gtest.h>

#include <thread>

#include "support/fake_source.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::FakeSource;

class EngineScan : public ::testing::Test {
 protected:
  EngineScan() : source(database), connection(database.connect()) {
    register_scan(connection);
    source.sql("CREATE TABLE fake.main.t (v VARCHAR, id BIGINT)");
    source.sql("INSERT INTO fake.main.t SELECT 'v' || i, i FROM range(100) r(i)");
    const Catalog catalog = source.discover({});
    snapshot = source.snapshot(catalog.tables);
    Read read;
    read.columns = catalog.tables[0].columns;
    plan = source.plan(*snapshot, catalog.tables[0], read);
  }

  /// Sums the ids while the watchdog looks on.
  std::int64_t sum(const ScanContext& context) {
    Relation relation(connection, context, *snapshot, plan);
    std::this_thread::sleep_for(milliseconds(1200));
    const std::jthread watchdog([](const std::stop_token& done) {
      while (!done.stop_requested()) {
        Relation::watch_all();
        std::this_thread::sleep_for(milliseconds(10));
      }
    });
    return relation.run("SELECT sum(id)::BIGINT FROM " + relation.sql()).integer(0, 0);
  }

  duck::Database database;
  FakeSource source;
  duck::Connection connection;
  std::unique_ptr<Snapshot> snapshot;
  Plan plan;
  ReaderBudget budget{1};
  std::atomic<StopLevel> stop{StopLevel::none};
};

TEST_F(EngineScan, ARelationThatCouldNotBeMadeIsUnknownToTheWatchdog) {
  const ScanContext context{source, budget, stop};
  plan.read.columns[0].type = "NO_SUCH_TYPE";
  for (int i = 0; i < 3; ++i) {
    EXPECT_THROW(Relation(connection, context, *snapshot, plan), Error);
    Relation::watch_all();
  }
}

TEST_F(EngineScan, TheTimeBeforeAReaderBeginsIsNotIdle) {
  source.before_batch = [](int) { std::this_thread::sleep_for(milliseconds(100)); };
  EXPECT_EQ(sum({source, budget, stop, seconds(1)}), 4950);
}

TEST_F(EngineScan, AReaderSilentForLongerThanTheIdleTimeoutIsGivenUp) {
  source.before_batch = [](int) { std::this_thread::sleep_for(milliseconds(1500)); };
  try {
    sum({source, budget, stop, seconds(1)});
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::connection);
    EXPECT_NE(error.hint().find("--idle-timeout"), std::string::npos);
  }
}

TEST_F(EngineScan, WithoutAnIdleTimeoutAReaderMayBeSilent) {
  source.before_batch = [](int) { std::this_thread::sleep_for(milliseconds(1500)); };
  EXPECT_EQ(sum({source, budget, stop, seconds(0)}), 4950);
}

TEST_F(EngineScan, ATableThatWaitedForAReaderBeginsNothingAfterAStop) {
  const ScanContext context{source, budget, stop};
  Progress progress;
  ASSERT_EQ(budget.take(1), 1U);
  const std::jthread other([&] {
    std::this_thread::sleep_for(milliseconds(100));
    stop = StopLevel::unit;
    budget.give_back(1);
  });
  try {
    const Relation relation(connection, context, *snapshot, plan, &progress);
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::cancelled);
  }
  EXPECT_EQ(budget.take(1), 1U) << "the place was given back";
}

TEST_F(EngineScan, ATableThatHasBegunGoesOnAfterAStop) {
  const ScanContext context{source, budget, stop};
  Progress progress;
  progress.rows = 1;
  stop = StopLevel::unit;
  Relation relation(connection, context, *snapshot, plan, &progress);
  EXPECT_EQ(relation.run("SELECT count(*) FROM " + relation.sql()).integer(0, 0), 100);
}

/// As on a shared destination, where a statement that reads no relation can take long.
TEST_F(EngineScan, AStatementOfAnInterruptibleConnectionEndsWhenTheRunIsToStopNow) {
  const ScanContext context{source, budget, stop};
  const char* const endless = "SELECT count(*) FROM range(100000000000) a WHERE a.range % 7 = 8";
  const std::jthread watchdog([this](const std::stop_token& done) {
    std::this_thread::sleep_for(milliseconds(200));
    for (const StopLevel level : {StopLevel::unit, StopLevel::now}) {
      Relation::watch_all();
      stop = level;
    }
    while (!done.stop_requested()) {
      Relation::watch_all();
      std::this_thread::sleep_for(milliseconds(10));
    }
  });
  {
    const Interruptible interruptible(connection, context);
    try {
      connection.query(endless);
      FAIL() << "nothing was thrown";
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::cancelled) << error.what();
    }
  }
  EXPECT_EQ(connection.query("SELECT count(*) FROM range(10000000)").integer(0, 0), 10'000'000);
}

TEST_F(EngineScan, CountingRowsReadsTheFirstColumnWhateverItsType) {
  const ScanContext context{source, budget, stop};
  for (const char* const question : {"count(*)", "count(1)"}) {
    Relation relation(connection, context, *snapshot, plan);
    EXPECT_EQ(
        relation.run(std::string("SELECT ") + question + " FROM " + relation.sql()).integer(0, 0),
        100);
  }
}

TEST_F(EngineScan, ARelationThatDuckDbReadsByItselfShowsHowFarItIs) {
  source.sql("CREATE TABLE fake.main.big AS SELECT i AS id FROM range(4000000) r(i)");
  connection.query("SET threads = 1");
  plan.relation = "(SELECT id FROM fake.main.big)";
  plan.chunks.clear();
  plan.rows = 4'000'000;
  const ScanContext context{source, budget, stop};
  Progress progress;
  progress.rows = 5;
  Relation relation(connection, context, *snapshot, plan, &progress);
  std::uint64_t between = 0;
  {
    const std::jthread watchdog([&](const std::stop_token& done) {
      while (!done.stop_requested()) {
        Relation::watch_all();
        const std::uint64_t rows = progress.rows.load();
        if (rows > 5 && rows < 4'000'005) between = rows;
        std::this_thread::sleep_for(milliseconds(1));
      }
    });
    relation.run("SELECT max(md5(id::VARCHAR)) FROM " + relation.sql());
  }
  EXPECT_GT(between, 5U);
  EXPECT_EQ(progress.rows.load(), 4'000'005U);
}

}  // namespace
}  // namespace sluice
