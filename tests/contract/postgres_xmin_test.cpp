// SPDX-License-Identifier: Apache-2.0
// Strategy xmin: what changed is told by the versions of the rows, whoever stamps them, or nobody.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "support/postgres_copy_test.h"

namespace sluice {
namespace {

using testing::PostgresServer;
using testing::PostgresSession;
using testing::Texts;

class PostgresXminTest : public testing::PostgresCopyTest {
 protected:
  void SetUp() override {
    PostgresCopyTest::SetUp();
    if (IsSkipped()) return;
    options.defaults.strategy = Strategy::xmin;
  }
  /// A table of 20,000 rows that nobody stamps, copied.
  void make() {
    db->exec(
        "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, 'v' || i FROM "
        "generate_series(1, 20000) i; ANALYZE t");
    EXPECT_EQ(sync().strategy, "load");
  }
  Receipt sync() {
    const RunResult result = copy.sync(db->socket_url(), options);
    EXPECT_EQ(result.exit_code(), 0) << result.receipts.at(0).error;
    const Receipt receipt = result.receipts.at(0);
    const std::string rows =
        "SELECT count(*) || ' ' || md5(string_agg(concat_ws('|', id, coalesce(v, 'NULL')), ' ' "
        "ORDER BY id)) FROM public.t";
    EXPECT_EQ(copy.query(rows), Texts{db->value(rows)});
    return receipt;
  }
  /// A run that found it by the versions alone.
  Receipt sync_by_versions(std::uint64_t inserted, std::uint64_t updated, std::uint64_t deleted) {
    Receipt receipt = sync();
    EXPECT_EQ(receipt.strategy, "xmin");
    EXPECT_EQ(receipt.guarantee, "A");
    EXPECT_EQ(receipt.inserted, inserted);
    EXPECT_EQ(receipt.updated, updated);
    EXPECT_EQ(receipt.deleted, deleted);
    return receipt;
  }
};

TEST_F(PostgresXminTest, ChangesThatNobodyStampsTravelAlone) {
  make();
  sync_by_versions(0, 0, 0);
  db->exec(
      "UPDATE t SET v = NULL WHERE id % 1000 = 1; UPDATE t SET v = v WHERE id = 2; UPDATE t SET id "
      "= 30000 WHERE id = 3; DELETE FROM t WHERE id BETWEEN 100 AND 120; INSERT INTO t VALUES "
      "(40000, ''), (-1, 'x')");
  sync_by_versions(3, 20, 22);
  options.defaults.deletes = Deletes::ignore;  // so that no key is streamed
  EXPECT_EQ(copy.sync(db->socket_url(), options).exit_code(), 0);
  db->exec("UPDATE t SET v = 'again' WHERE id = 7");
  const Receipt receipt = sync();
  EXPECT_EQ(receipt.read, 1U);
  EXPECT_EQ(receipt.updated, 1U);
  EXPECT_EQ(receipt.guarantee, "B");
}

TEST_F(PostgresXminTest, TransactionsThatWereOpenComeWhenTheyCommit) {
  make();
  PostgresSession slow(db->socket_url());
  slow.exec(
      "BEGIN; INSERT INTO t VALUES (50000, 'slow'); SAVEPOINT a; INSERT INTO t VALUES (50001, "
      "'sub'); SAVEPOINT b; UPDATE t SET v = 'sub' WHERE id = 5; ROLLBACK TO b; UPDATE t SET v = "
      "'sub' WHERE id = 6; RELEASE a");
  db->exec("INSERT INTO t VALUES (60000, 'quick')");
  sync_by_versions(1, 0, 0);
  db->exec("INSERT INTO t VALUES (60001, 'quick')");
  sync_by_versions(1, 0, 0);
  slow.exec("COMMIT");
  sync_by_versions(2, 1, 0);
}

TEST_F(PostgresXminTest, PreparedTransactionsComeWhenTheyCommit) {
  make();
  db->exec("BEGIN; UPDATE t SET v = 'prepared' WHERE id < 4; PREPARE TRANSACTION 'xmin'");
  db->exec("INSERT INTO t VALUES (60000, 'quick')");
  sync_by_versions(1, 0, 0);
  sync_by_versions(0, 0, 0);
  db->exec("COMMIT PREPARED 'xmin'");
  sync_by_versions(0, 3, 0);
}

TEST_F(PostgresXminTest, FrozenRowsKeepTheirVersions) {
  make();
  db->exec("UPDATE t SET v = 'frozen at once' WHERE id = 9");
  db->exec("VACUUM FREEZE t");
  const Receipt receipt = sync_by_versions(0, 1, 0);
  EXPECT_LT(receipt.read, 20'100U);  // the keys, and a few rows
  db->exec("DELETE FROM t WHERE id = 10; INSERT INTO t VALUES (10, 'anew')");
  db->exec("VACUUM (FREEZE) t");
  sync_by_versions(0, 1, 0);
}

TEST_F(PostgresXminTest, ARewrittenTableIsComparedWhole) {
  make();
  for (const char* rewrite : {"VACUUM FULL t", "CLUSTER t USING t_pkey"}) {
    db->exec(rewrite);
    db->exec("UPDATE t SET v = v || '!' WHERE id = 11");
    const Receipt receipt = sync();
    EXPECT_EQ(receipt.strategy, "full") << rewrite;
    EXPECT_EQ(receipt.updated, 1U);
    sync_by_versions(0, 0, 0);
  }
  db->exec("TRUNCATE t; INSERT INTO t VALUES (1, 'only')");
  options.allow_deletes = {"*"};
  sync();
  sync_by_versions(0, 0, 0);
}

TEST_F(PostgresXminTest, AnotherExpressionOfAVirtualColumnIsAChangeOfEveryRow) {
  if (PostgresServer::instance().version() < 18)
    GTEST_SKIP() << "before 18 such columns are stored";
  db->exec(
      "CREATE TABLE t (id int PRIMARY KEY, v text GENERATED ALWAYS AS (id::text) VIRTUAL); INSERT "
      "INTO t SELECT generate_series(1, 1000)");
  EXPECT_EQ(sync().strategy, "load");
  sync_by_versions(0, 0, 0);
  db->exec("ALTER TABLE t ALTER v SET EXPRESSION AS ((id * 2)::text)");
  EXPECT_EQ(sync().strategy, "full");
  sync_by_versions(0, 0, 0);
}

/// Read by itself a partition has its own expression's values, through its parent the parent's.
TEST_F(PostgresXminTest, VirtualColumnsHaveTheValuesThatTheTableGivesThem) {
  if (PostgresServer::instance().version() < 18)
    GTEST_SKIP() << "before 18 such columns are stored";
  db->exec(
      "CREATE TABLE t (id int PRIMARY KEY, v text GENERATED ALWAYS AS (id::text) VIRTUAL) "
      "PARTITION "
      "BY RANGE (id); CREATE TABLE low PARTITION OF t FOR VALUES FROM (0) TO (500); CREATE TABLE "
      "high (id int PRIMARY KEY, v text GENERATED ALWAYS AS ((-id)::text) VIRTUAL); ALTER TABLE t "
      "ATTACH PARTITION high FOR VALUES FROM (500) TO (2000); INSERT INTO t SELECT "
      "generate_series(1, 1000)");
  options.tables = {"public.t"};
  EXPECT_EQ(sync().strategy, "load");
  db->exec("UPDATE t SET id = id + 1000 WHERE id % 100 = 7");
  sync_by_versions(10, 0, 10);
  EXPECT_TRUE(copy.verify(db->socket_url(), Sync::Repair::no, options).at(0).equal());
}

TEST_F(PostgresXminTest, PartitionsAreFollowed) {
  if (PostgresServer::instance().version() < 12) GTEST_SKIP() << "before 12: no keys there";
  db->exec(
      "CREATE TABLE t (id int PRIMARY KEY, v text) PARTITION BY RANGE (id); CREATE TABLE low "
      "PARTITION OF t FOR VALUES FROM (0) TO (1000); CREATE TABLE high PARTITION OF t FOR VALUES "
      "FROM (1000) TO (100000); CREATE TABLE old (id int PRIMARY KEY, v text); INSERT INTO old "
      "VALUES (-5, 'older than the copy'); INSERT INTO t SELECT i, 'v' || i FROM "
      "generate_series(1, 2000) i");
  options.tables = {"public.t"};
  EXPECT_EQ(sync().strategy, "load");
  db->exec("UPDATE t SET id = id + 5000 WHERE id IN (7, 1007); UPDATE t SET v = 'x' WHERE id = 8");
  sync_by_versions(2, 1, 2);
  db->exec("ALTER TABLE t ATTACH PARTITION old FOR VALUES FROM (-10) TO (0)");
  const Receipt attached = sync();
  EXPECT_EQ(attached.inserted, 1U);
  EXPECT_EQ(attached.guarantee, "A");
  sync_by_versions(0, 0, 0);
}

TEST_F(PostgresXminTest, WithoutAKeyOrVersionsItIsRefused) {
  db->exec("CREATE TABLE t (id int, v text); CREATE VIEW seen AS SELECT 1 AS id");
  options.tables = {"public.t", "public.seen"};
  options.table_options = {{"public.seen", [](TableOptions& each) { each.key = {"id"}; }}};
  const RunResult result = copy.sync(db->socket_url(), options);
  EXPECT_EQ(result.exit_code(), 2);
  EXPECT_NE(result.receipts.at(0).error.find("does not tell versions apart"), std::string::npos)
      << result.receipts.at(0).error;
  EXPECT_NE(result.receipts.at(1).error.find("it has no primary key"), std::string::npos)
      << result.receipts.at(1).error;
}

/// Ids of transactions are compared in a circle of 2^32: what may be half of it away is read again.
TEST_F(PostgresXminTest, WhereTheCircleCameRoundEverythingIsRead) {
  make();
  duck::Database database;
  const auto source = make_source(database, db->socket_url());
  const Catalog catalog = source->discover({});
  const auto snapshot = source->snapshot(catalog.tables);
  const auto& table = std::get<Table>(snapshot->tables().at(0));
  const auto since = [&](std::int64_t xid) {
    Read read;
    read.columns = table.columns;
    read.since = std::to_string(xid);
    return source->plan(*snapshot, table, read).read.since;
  };
  const std::int64_t now = std::stoll(snapshot->horizon());
  EXPECT_EQ(since(now), std::to_string(now % (std::int64_t{1} << 32)));
  EXPECT_EQ(since(now - (std::int64_t{1} << 31)), std::nullopt);
  EXPECT_EQ(since(now + 1'000'000'000), std::nullopt);  // another server's
}

}  // namespace
}  // namespace sluice
