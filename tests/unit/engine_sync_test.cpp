// SPDX-License-Identifier: Apache-2.0
// Whole runs of the engine over a source that lives in the test's own DuckDB. The oracle is always
// content.
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "engine/select.h"
#include "support/engine_fixture.h"

namespace sluice {
namespace {

using test::EngineSync;
using test::FileDestination;

TEST_F(EngineSync, FirstLoadInUnitsEqualsTheSource) {
  make_orders(10'000);
  const Receipt receipt = run_one();
  EXPECT_EQ(receipt.strategy, "load");
  EXPECT_EQ(receipt.guarantee, "A");
  EXPECT_EQ(receipt.inserted, 10'000U);
  EXPECT_EQ(differences(), "");
}

TEST_F(EngineSync, AnEmptyTableArrivesWithItsColumns) {
  make_orders(0);
  run_one();
  EXPECT_EQ(differences(), "");
  source->sql("INSERT INTO fake.main.t VALUES (1, 'a', 1)");
  run_one();
  EXPECT_EQ(differences(), "");
}

TEST_F(EngineSync, ASecondRunWithoutChangesWritesNoRow) {
  make_orders(5'000);
  run_one();
  const Receipt second = run_one();
  EXPECT_EQ(second.strategy, "incremental");
  EXPECT_EQ(second.inserted + second.updated + second.deleted, 0U);
  EXPECT_EQ(differences(), "");
}

TEST_F(EngineSync, TieAtCheckpointChangesAreMergedAndCountedExactly) {
  make_orders(5'000);
  run_one();
  source->sql("UPDATE fake.main.t SET v = 'changed', updated_at = 499 WHERE id % 1000 = 0");
  source->sql("INSERT INTO fake.main.t VALUES (5000, 'new', 499), (5001, NULL, NULL)");
  source->sql("DELETE FROM fake.main.t WHERE id IN (7, 8)");
  const Receipt receipt = run_one();
  EXPECT_EQ(receipt.strategy, "incremental");
  EXPECT_EQ(receipt.inserted, 2U);
  EXPECT_EQ(receipt.updated, 5U);
  EXPECT_EQ(receipt.deleted, 2U);
  EXPECT_EQ(differences(), "");
}

TEST_F(EngineSync, NullCursorRowsAreComparedEveryTime) {
  make_orders(100);
  source->sql("INSERT INTO fake.main.t VALUES (1000, 'a', NULL)");
  run_one();
  source->sql("UPDATE fake.main.t SET v = 'b' WHERE id = 1000");
  EXPECT_EQ(run_one().updated, 1U);
  EXPECT_EQ(differences(), "");
}

TEST_F(EngineSync, ARowMissingBelowTheCursorIsFetchedByItsKey) {
  make_orders(2'000);
  run_one();
  source->sql("INSERT INTO fake.main.t VALUES (99999, 'back-dated', 3)");
  const Receipt receipt = run_one();
  EXPECT_EQ(receipt.inserted, 1U);
  EXPECT_EQ(differences(), "");
}

TEST_F(EngineSync, LateCommitMarksAreNotPromotedWhileAWriterIsOpen) {
  make_orders(2'000);
  source->quiet = false;
  run_one();
  // Still open: no mark is safe, everything is compared.
  source->sql("UPDATE fake.main.t SET v = 'late', updated_at = 1 WHERE id = 5");
  EXPECT_EQ(run_one().strategy, "full");
  EXPECT_EQ(differences(), "");
  // Ended: what they wrote below the marks is visible only now, so this run still reads below them.
  source->quiet = true;
  source->sql("UPDATE fake.main.t SET v = 'later', updated_at = 1 WHERE id = 6");
  EXPECT_EQ(run_one().strategy, "full");
  EXPECT_EQ(differences(), "");
  EXPECT_EQ(run_one().strategy, "incremental");
  EXPECT_EQ(differences(), "");
}

TEST_F(EngineSync, WithoutAReplicationKeyOnlyDifferencesAreWritten) {
  make_orders(20'000);
  options.defaults.replication_key = "";
  run_one();
  source->sql("UPDATE fake.main.t SET v = 'x' WHERE id IN (1, 19999)");
  source->sql("DELETE FROM fake.main.t WHERE id = 2");
  source->sql("INSERT INTO fake.main.t VALUES (20000, 'n', 1)");
  const Receipt receipt = run_one();
  EXPECT_EQ(receipt.strategy, "full");
  EXPECT_EQ(receipt.updated, 2U);
  EXPECT_EQ(receipt.deleted, 1U);
  EXPECT_EQ(receipt.inserted, 1U);
  EXPECT_EQ(differences(), "");
}

TEST(ReplicationKey, IsTheUsersElseTheSourcesElseAColumnOfAUsualName) {
  duck::Database database;
  duck::Connection connection = database.connect();
  Table table;
  table.name = {"s", "t"};
  const auto add = [&](const char* name, const char* type) {
    Column column;
    column.name = name;
    column.type = type;
    table.columns.push_back(column);
  };
  const auto key = [&](const TableOptions& options = {}) {
    return shaped(table, options, connection).replication_key;
  };
  add("id", "INTEGER");
  add("updated_at", "VARCHAR");
  EXPECT_EQ(key(), "");  // text does not grow
  add("Last_Modified", "BIGINT");
  EXPECT_EQ(key(), "Last_Modified");
  add("MODIFIED_AT", "TIMESTAMP WITH TIME ZONE");
  EXPECT_EQ(key(), "MODIFIED_AT");
  table.replication_key = "id";
  EXPECT_EQ(key(), "id");
  TableOptions options;
  options.replication_key = "updated_at";
  EXPECT_EQ(key(options), "updated_at");
  options.replication_key = "";
  EXPECT_EQ(key(options), "");
  options.replication_key = "modified_at";
  try {
    key(options);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.hint(), "did you mean MODIFIED_AT?");
  }
}

TEST_F(EngineSync, WithoutAKeyEqualRowsStayAsManyAsTheyAre) {
  source->sql("CREATE TABLE fake.main.t (a BIGINT, b VARCHAR)");
  source->sql("INSERT INTO fake.main.t SELECT i % 100, 'b' || (i % 50) FROM range(1000) r(i)");
  source->sql("INSERT INTO fake.main.t SELECT NULL, NULL FROM range(3)");
  run_one();
  EXPECT_EQ(differences(), "");
  source->sql(
      "DELETE FROM fake.main.t WHERE rowid IN (SELECT min(rowid) FROM fake.main.t WHERE a = 5)");
  source->sql("INSERT INTO fake.main.t VALUES (5, 'b5'), (5, 'b5'), (6, 'b6'), (NULL, NULL)");
  const Receipt receipt = run_one();
  EXPECT_EQ(receipt.inserted, 3U);
  EXPECT_EQ(receipt.deleted, 0U);
  EXPECT_EQ(differences(), "");
}

TEST_F(EngineSync, WhenMostRowsChangedTheTableIsBuiltAnewAndSwapped) {
  make_orders(30'000);
  options.defaults.replication_key = "";
  run_one();
  source->sql("UPDATE fake.main.t SET v = 'y' || id WHERE id % 2 = 0");
  const Receipt receipt = run_one();
  EXPECT_EQ(receipt.updated, 15'000U);
  EXPECT_EQ(receipt.inserted, 0U);
  EXPECT_EQ(receipt.deleted, 0U);
  EXPECT_EQ(differences(), "");
}

TEST_F(EngineSync, TheBrakeHoldsWhenMostRowsWouldBeDeleted) {
  make_orders(20'000);
  run_one();
  source->sql("DELETE FROM fake.main.t WHERE id % 100 > 4");
  const RunResult braked = run();
  EXPECT_EQ(braked.receipts.at(0).outcome, Outcome::refused);
  EXPECT_EQ(braked.exit_code(), 3);
  EXPECT_NE(braked.receipts.at(0).hint.find("--allow-deletes main.t"), std::string::npos);
  EXPECT_NE(differences(), "");
  options.allow_deletes = {"main.t"};
  run_one();
  EXPECT_EQ(differences(), "");
}

TEST_F(EngineSync, AnAddedColumnIsFilledInAndADroppedOneKept) {
  make_orders(3'000);
  run_one();
  source->sql("ALTER TABLE fake.main.t ADD COLUMN extra VARCHAR DEFAULT 'd'");
  run_one();
  EXPECT_EQ(differences(), "");
  source->sql("ALTER TABLE fake.main.t DROP COLUMN extra");
  source->sql("INSERT INTO fake.main.t VALUES (50000, 'after', 300)");
  run_one();
  EXPECT_EQ(differences(), "");
  duck::Connection c = database.connect();
  EXPECT_EQ(c.query("SELECT count(*) FROM dst.main.t WHERE extra = 'd'").integer(0, 0), 3'000);
}

TEST_F(EngineSync, ANarrowedTypeIsRefusedUntilAccepted) {
  make_orders(100);
  run_one();
  source->sql("ALTER TABLE fake.main.t ALTER v TYPE BIGINT USING 7");
  const RunResult refused = run();
  EXPECT_EQ(refused.exit_code(), 5);
  options.accept_drift = {"main.t"};
  run_one();
  EXPECT_EQ(differences(), "");
}

TEST_F(EngineSync, ATableThatSomebodyElseMadeIsNotTouched) {
  make_orders(10);
  duck::Connection c = database.connect();
  c.query("CREATE TABLE dst.main.t (mine BIGINT)");
  const RunResult result = run();
  EXPECT_EQ(result.exit_code(), 2);
  EXPECT_EQ(result.receipts.at(0).fault, Fault::ownership);
  EXPECT_EQ(c.query("SELECT count(*) FROM dst.main.t").integer(0, 0), 0);
}

TEST_F(EngineSync, AnotherSourceUnderTheSameConnectionIsRefused) {
  make_orders(10);
  run_one();
  source->identity_text = "another";
  EXPECT_THROW(run(), Error);
  options.accept_source = true;
  run_one();
}

TEST_F(EngineSync, AReaderFailingAtAnyBatchNeverLeavesAWrongCopy) {
  make_orders(4'000);
  source->chunk_rows = 500;
  for (int n = 0;; ++n) {
    std::atomic<int> seen{0};
    source->before_batch = [&](int) {
      if (seen++ == n) throw Error(Fault::connection, "cut");
    };
    const RunResult result = run();
    if (result.receipts.at(0).error.empty()) break;
    ASSERT_LT(n, 200);
    duck::Connection c = database.connect();
    const auto visible = c.query(
        "SELECT count(*) FROM duckdb_tables() WHERE database_name = 'dst' AND table_name = 't'");
    EXPECT_EQ(visible.integer(0, 0), 0) << "a half-loaded table is never visible";
  }
  EXPECT_EQ(differences(), "");
}

TEST_F(EngineSync, ALoadThatWasCutOffGoesOnAndHealsWhatChangedMeanwhile) {
  make_orders(10'000);
  source->chunk_rows = 1000;
  std::atomic<int> seen{0};
  source->before_batch = [&](int) {
    if (seen++ == 12) throw Error(Fault::connection, "cut");
  };
  EXPECT_FALSE(run().receipts.at(0).error.empty());
  source->before_batch = nullptr;
  source->sql("UPDATE fake.main.t SET v = 'meanwhile', updated_at = 5000 WHERE id % 7 = 0");
  source->sql("DELETE FROM fake.main.t WHERE id % 1000 = 1");
  const Receipt receipt = run_one();
  EXPECT_EQ(receipt.strategy, "resume");
  EXPECT_EQ(differences(), "");
}

TEST_F(EngineSync, ASilentReaderDoesNotKeepTheRunFromStopping) {
  make_orders(4'000);
  Observer observer;
  Sync sync(database, *source, *destination, options, observer);
  std::atomic<bool> waiting{false};
  std::atomic<bool> let_go{false};
  source->before_batch = [&](int) {
    waiting = true;
    for (int i = 0; i < 100 && !let_go; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
  };
  const std::jthread stopper([&] {
    while (!waiting) std::this_thread::yield();
    sync.stop();
    sync.stop();
    let_go = true;
  });
  const RunResult result = sync.run();
  EXPECT_EQ(result.exit_code(), 130);
  source->before_batch = nullptr;
  run_one();
  EXPECT_EQ(differences(), "");
}

TEST_F(EngineSync, AStopDuringAComparisonDeletesNothingThatWasNotRead) {
  make_orders(900);
  source->chunk_rows = 100;
  run_one();
  for (const bool keyed : {true, false}) {
    options.full = !keyed;
    Observer observer;
    Sync sync(database, *source, *destination, options, observer);
    std::atomic<bool> told{false};
    source->before_batch = [&](int) {
      if (!told.exchange(true)) sync.stop();
    };
    const RunResult result = sync.run();
    source->before_batch = nullptr;
    EXPECT_EQ(result.receipts.at(0).deleted, 0U);
    EXPECT_EQ(differences(), "");
  }
}

TEST_F(EngineSync, AppendAddsVersionsAndNeverTheSameRowTwice) {
  make_orders(1'000);
  options.defaults.mode = Mode::append;
  run_one();
  EXPECT_EQ(run_one().inserted, 0U);
  source->sql("UPDATE fake.main.t SET v = 'second', updated_at = 200 WHERE id = 3");
  source->sql("INSERT INTO fake.main.t VALUES (1000, 'n', NULL), (1000, 'n', NULL)");
  EXPECT_EQ(run_one().inserted, 3U);
  EXPECT_EQ(run_one().inserted, 0U);
  duck::Connection c = database.connect();
  EXPECT_EQ(c.query("SELECT string_agg(v, ',' ORDER BY v) FROM dst.main.t WHERE id = 3").text(0, 0),
            "second,v3");
}

TEST_F(EngineSync, AUserKeyThatIsNoKeyIsRefusedWithTheNumberOfOffenders) {
  source->sql("CREATE TABLE fake.main.t (a BIGINT, updated_at BIGINT)");
  source->sql("INSERT INTO fake.main.t VALUES (1, 1), (1, 2), (2, 3)");
  options.defaults.key = {"a"};
  const RunResult result = run();
  EXPECT_NE(result.receipts.at(0).error.find("is not a key: 1 "), std::string::npos);
}

TEST_F(EngineSync, FivetranNamingRenamesTablesAndColumns) {
  source->sql(
      "CREATE TABLE fake.main.\"CustomerOrders\" (\"OrderID\" BIGINT, addr1 VARCHAR, \"UpdatedAt\" "
      "BIGINT)");
  source->sql("INSERT INTO fake.main.\"CustomerOrders\" VALUES (1, 'a', 1), (2, 'b', 2)");
  source->keys["CustomerOrders"] = {"OrderID"};
  source->replication_keys["CustomerOrders"] = "UpdatedAt";
  options.naming = Naming::fivetran;
  run_one();
  source->sql(
      "UPDATE fake.main.\"CustomerOrders\" SET addr1 = 'c', \"UpdatedAt\" = 3 WHERE \"OrderID\" = "
      "1");
  source->sql("DELETE FROM fake.main.\"CustomerOrders\" WHERE \"OrderID\" = 2");
  const Receipt receipt = run_one();
  EXPECT_EQ(receipt.updated, 1U);
  EXPECT_EQ(receipt.deleted, 1U);
  duck::Connection c = database.connect();
  EXPECT_EQ(
      c.query(
           "SELECT string_agg(order_id || addr_1 || updated_at, ',') FROM dst.main.customer_orders")
          .text(0, 0),
      "1c3");
}

TEST_F(EngineSync, HistoryIsReadableInSql) {
  make_orders(10);
  run_one();
  duck::Connection c = database.connect();
  EXPECT_EQ(c.query("SELECT exit_code FROM dst._sluice.runs").integer(0, 0), 0);
  EXPECT_EQ(c.query("SELECT rows_inserted FROM dst._sluice.run_tables").integer(0, 0), 10);
}

TEST_F(EngineSync, CountingRowsOfAScanNeedsNoColumn) {
  make_orders(5);
  source->sql("CREATE TABLE fake.main.s (v VARCHAR)");
  source->sql("INSERT INTO fake.main.s VALUES ('a'), ('b')");
  const auto tables = source->discover({}).tables;
  const auto found = std::ranges::find(tables, TableName{"main", "s"}, &Table::name);
  const Preview first = preview(database, *source, *found, {}, 10);
  EXPECT_EQ(first.rows.size(), 2U);
}

}  // namespace
}  // namespace sluice
