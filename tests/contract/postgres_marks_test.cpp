// SPDX-License-Identifier: Apache-2.0
// Which marks of a replication key are safe, and when.
#include <gtest/gtest.h>

#include "postgres_source_fixture.h"

namespace sluice {
namespace {

using testing::PostgresServer;
using testing::PostgresSession;

class LateCommits : public PostgresSourceTest, public ::testing::WithParamInterface<bool> {
 protected:
  void SetUp() override {
    PostgresSourceTest::SetUp();
    if (IsSkipped()) return;
    db->exec(
        "CREATE TABLE t (id int PRIMARY KEY, updated_at timestamptz); CREATE TABLE other (a int)");
    reader = GetParam() ? "postgres" : role();
    if (!GetParam()) db->exec("GRANT SELECT ON t, other TO " + reader);
    from = source(reader);
    tables = from->discover({}).tables;
  }
  std::string witness() { return from->snapshot(tables)->witness(); }
  bool settled(const std::string& text) { return from->snapshot(tables)->settled(text); }

  std::string reader;
  std::unique_ptr<Source> from;
  std::vector<Table> tables;
};

TEST_P(LateCommits, AMarkIsSafeOnlyWhenEveryTransactionOfItsTimeHasEnded) {
  PostgresSession idle = db->session();
  idle.exec("BEGIN; SELECT now()");  // no xid yet, and its stamp will be this moment's
  PostgresSession writing = db->session();
  writing.exec("BEGIN; INSERT INTO t VALUES (1, now())");
  const std::string first = witness();
  EXPECT_FALSE(settled(first));
  writing.exec("COMMIT");
  EXPECT_FALSE(settled(first));
  idle.exec("INSERT INTO t VALUES (2, now())");
  EXPECT_FALSE(settled(first));
  idle.exec("COMMIT");
  EXPECT_TRUE(settled(first));
}

TEST_P(LateCommits, ATransactionBegunLaterHoldsNothingBack) {
  const std::string first = witness();
  PostgresSession later = db->session();
  later.exec("BEGIN; INSERT INTO t VALUES (1, now())");
  EXPECT_TRUE(settled(first));
  EXPECT_FALSE(settled(witness()));
}

TEST_P(LateCommits, APreparedTransactionIsStillOpen) {
  PostgresSession before = db->session();
  before.exec("BEGIN; INSERT INTO t VALUES (1, now()); PREPARE TRANSACTION 'before " + db->name() +
              "'");
  PostgresSession during = db->session();
  during.exec("BEGIN; SELECT now()");
  const std::string first = witness();
  during.exec("INSERT INTO t VALUES (2, now()); PREPARE TRANSACTION 'during " + db->name() + "'");
  EXPECT_FALSE(settled(first));
  before.exec("COMMIT PREPARED 'before " + db->name() + "'");
  EXPECT_FALSE(settled(first));
  during.exec("COMMIT PREPARED 'during " + db->name() + "'");
  EXPECT_TRUE(settled(first));
}

// Nothing that began after it has ended: its number is the snapshot's xmax, and thus not below it.
TEST_P(LateCommits, APreparedTransactionOfTheNewestNumberHoldsBackMarksTakenAfterIt) {
  db->exec("BEGIN; INSERT INTO t VALUES (1, now()); PREPARE TRANSACTION 'newest " + db->name() +
           "'");
  const std::string first = witness();
  EXPECT_FALSE(settled(first));
  db->exec("COMMIT PREPARED 'newest " + db->name() + "'");
  EXPECT_TRUE(settled(first));
}

INSTANTIATE_TEST_SUITE_P(Rights, LateCommits, ::testing::Bool(),
                         [](const auto& each) { return each.param ? "Superuser" : "NoRights"; });

TEST_F(PostgresSourceTest, AMarkNeverPassesTheMomentBeforeTheSnapshot) {
  db->exec(
      "CREATE TABLE t (id int PRIMARY KEY, updated_at timestamptz); INSERT INTO t VALUES (1, "
      "'infinity');"
      "CREATE TABLE v (id int PRIMARY KEY, updated_at bigint); INSERT INTO v VALUES (1, 42), (2, "
      "NULL)");
  const auto from = source();
  const auto snapshot = from->snapshot(from->discover({}).tables);
  const Plan plan = plan_of(*from, *snapshot, table_of(*snapshot, 0));
  ASSERT_TRUE(plan.until);
  EXPECT_TRUE(snapshot->instant().starts_with(snapshot->clock())) << snapshot->instant();
  EXPECT_EQ(db->value("SELECT '" + *plan.until + "'::timestamptz < '" + snapshot->clock() +
                      "'::timestamptz"),
            "t")
      << *plan.until;
  EXPECT_TRUE(snapshot->proof(table_of(*snapshot, 0)).possible);
  EXPECT_EQ(plan_of(*from, *snapshot, table_of(*snapshot, 1)).until, "42");
  EXPECT_FALSE(snapshot->proof(table_of(*snapshot, 1)).possible);
}

TEST_F(PostgresSourceTest, ASnapshotIsAskedForATablesMarksOnce) {
  const std::string name = "marks_of_" + db->name();
  db->exec("CREATE TABLE " + name + " (id int PRIMARY KEY, updated_at timestamptz); INSERT INTO " +
           name + " VALUES (1, '2020-01-01')");
  db->exec("ALTER DATABASE " + db->name() + " SET log_statement = 'all'");
  const auto from = source();
  const auto tables = from->discover({}).tables;
  const auto snapshot = from->snapshot(tables);
  Read read;
  read.columns = tables[0].columns;
  const Plan first = plan_of(*from, *snapshot, table_of(*snapshot), read);
  read.columns.pop_back();
  const Plan second = plan_of(*from, *snapshot, table_of(*snapshot), read);
  read.from = "2019-01-01 00:00:00+00";
  const Plan third = plan_of(*from, *snapshot, table_of(*snapshot), read);
  EXPECT_EQ(first.until, "2020-01-01 00:00:00+00");
  EXPECT_EQ(second.until, first.until);
  EXPECT_EQ(third.until, first.until);
  EXPECT_EQ(second.safe, first.safe);
  const std::string log = PostgresServer::instance().log();
  std::size_t asked = 0;
  const std::string question = "FROM ONLY \"public\".\"" + name + "\" AS \"" + name + "\") newest";
  for (std::size_t at = log.find(question); at != std::string::npos;
       at = log.find(question, at + 1))
    ++asked;
  EXPECT_EQ(asked, 1U);
  Table part = table_of(*snapshot);
  part.where = "id > 1";
  EXPECT_FALSE(plan_of(*from, *snapshot, part).until);  // another question
}

TEST_F(PostgresSourceTest, AReplicationKeyOfAnotherTypeIsRefused) {
  db->exec("CREATE TABLE t (id int PRIMARY KEY, name text)");
  const auto from = source();
  const auto snapshot = from->snapshot(from->discover({}).tables);
  Table table = table_of(*snapshot);
  table.replication_key = "name";
  EXPECT_THROW(plan_of(*from, *snapshot, table), Error);
  table.replication_key.clear();
  EXPECT_NO_THROW(plan_of(*from, *snapshot, table));  // the snapshot lives on
}

}  // namespace
}  // namespace sluice
