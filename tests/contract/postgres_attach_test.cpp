// SPDX-License-Identifier: Apache-2.0
// A lock in ACCESS SHARE mode keeps nobody from attaching a partition or a child. What a run reads
// is what its snapshot knows.
#include <gtest/gtest.h>

#include "postgres_source_fixture.h"

namespace sluice {
namespace {

using testing::PostgresServer;

class PostgresAttach : public PostgresSourceTest {
 protected:
  /// `t` holds the rows 1 to 20, each stamped with its second of 2020; `late`, attached under the
  /// snapshot by `attach`, the rows 21 to 30. Every kind of read brings the first 20 or some of
  /// them.
  void expect_nothing_late(const std::string& tables, const std::string& change,
                           const std::string& reader = "postgres") {
    db->exec(tables);
    const std::string rows = "SELECT i, '2020-01-01'::timestamptz + i * interval '1 s' FROM ";
    db->exec("INSERT INTO t (id, updated_at) " + rows +
             "generate_series(1, 20) i; INSERT INTO late (id, updated_at) " + rows +
             "generate_series(21, 30) i");
    const auto from = source(reader);
    const std::vector<TableName> names{{"public", "t"}};
    const Catalog catalog = from->discover(names);
    const auto snapshot = from->snapshot(std::span(&find(catalog, "public.t"), 1));
    db->exec(change);
    ASSERT_EQ(db->value("SELECT count(*) FROM t"), "30");
    Table table = table_of(*snapshot);
    table.primary_key = {"id"};

    const Plan whole = plan_of(*from, *snapshot, table);
    EXPECT_EQ(whole.until, "2020-01-01 00:00:20+00");
    EXPECT_EQ(total(*snapshot, whole), "20");
    Read read;
    read.from = "2020-01-01 00:00:11+00";
    EXPECT_EQ(total(*snapshot, plan_of(*from, *snapshot, table, read)), "10");
    read.from.reset();
    read.keys = {{"5"}, {"15"}, {"25"}};
    EXPECT_EQ(total(*snapshot, plan_of(*from, *snapshot, table, read)), "2");
    read.keys.clear();
    read.buckets = Buckets{Buckets::By::ranges, 2, 5, {1, 5, 6}};
    EXPECT_EQ(total(*snapshot, plan_of(*from, *snapshot, table, read)), "5");  // 4..7 and 20
    if (PostgresServer::instance().version() < 11) return;
    read.buckets->only.clear();
    read.columns = digest_columns();
    read.digest = {table.columns[0]};
    EXPECT_EQ(total(*snapshot, plan_of(*from, *snapshot, table, read), "sum(n)"), "20");
  }
  static std::string total(Snapshot& snapshot, const Plan& plan,
                           const std::string& what = "count(*)") {
    std::string all;
    for (const std::string& each : statements(snapshot, plan))
      all += (all.empty() ? "(" : " UNION ALL (") + each + ")";
    const postgres::Borrowed session(
        *dynamic_cast<postgres::PostgresSnapshot&>(snapshot).sessions());
    return session->query("SELECT " + what + " FROM (" + all + ") q(a, n)").string(0, 0);
  }

  const std::string partitioned =
      "CREATE TABLE t (id int NOT NULL, updated_at timestamptz) PARTITION BY RANGE (id); CREATE "
      "TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10); CREATE TABLE t2 PARTITION OF t FOR "
      "VALUES FROM (10) TO (21); CREATE TABLE late (updated_at timestamptz, id int NOT NULL);";
  const std::string attach = "ALTER TABLE t ATTACH PARTITION late FOR VALUES FROM (21) TO (31)";
  const std::string family =
      "CREATE TABLE t (id int NOT NULL, updated_at timestamptz); CREATE TABLE late (updated_at "
      "timestamptz, id int NOT NULL);";
  const std::string inherit = "ALTER TABLE late INHERIT t";
};

TEST_F(PostgresAttach, APartitionThatIsAttachedDuringARunIsNoPartOfIt) {
  if (PostgresServer::instance().version() < 12) GTEST_SKIP() << "before 12 the lock holds it back";
  expect_nothing_late(partitioned, attach);
}

TEST_F(PostgresAttach, NeitherWherePartitionsAreClosedToTheRole) {
  if (PostgresServer::instance().version() < 12) GTEST_SKIP() << "before 12 the lock holds it back";
  const std::string reader = role();
  expect_nothing_late(partitioned + "GRANT SELECT ON t TO " + reader, attach, reader);
}

TEST_F(PostgresAttach, NeitherIsTheFirstPartition) {
  if (PostgresServer::instance().version() < 12) GTEST_SKIP() << "before 12 the lock holds it back";
  db->exec("CREATE TABLE t (id int) PARTITION BY RANGE (id)");
  const auto from = source();
  const auto snapshot = from->snapshot(from->discover({}).tables);
  db->exec("CREATE TABLE late AS SELECT 7 AS id; ALTER TABLE t ATTACH PARTITION late DEFAULT");
  EXPECT_EQ(totals(*snapshot, plan_of(*from, *snapshot, table_of(*snapshot))), "0 0");
}

TEST_F(PostgresAttach, AFirstChildThatATableIsGivenDuringARunIsNoPartOfIt) {
  expect_nothing_late(family, inherit);
}

TEST_F(PostgresAttach, NeitherIsAnotherChild) {
  expect_nothing_late(family + "CREATE TABLE other () INHERITS (t)", inherit);
}

TEST_F(PostgresAttach, AThousandPartitionsAreReadByKeysAndByABound) {
  if (PostgresServer::instance().version() < 12) GTEST_SKIP() << "before 12: no keys there";
  db->exec(
      "CREATE TABLE t (id int PRIMARY KEY, updated_at timestamptz) PARTITION BY RANGE (id);"
      "DO $$ BEGIN FOR i IN 0..999 LOOP EXECUTE format('CREATE TABLE \"the partition %s\" "
      "PARTITION OF t FOR VALUES FROM (%s) TO (%s)', i, i * 10, i * 10 + 10); END LOOP; END $$;"
      "INSERT INTO t SELECT i, '2020-01-01'::timestamptz + i * interval '1 s' FROM "
      "generate_series(0, 9999) i");
  const auto from = source();
  const auto snapshot = from->snapshot(from->discover({}).tables);
  const Table table = table_of(*snapshot);
  Read read;
  read.from = "2020-01-01 00:00:11+00";
  const Plan some = plan_of(*from, *snapshot, table, read);
  EXPECT_EQ(some.until, "2020-01-01 02:46:39+00");
  EXPECT_EQ(total(*snapshot, some), "9989");
  read.from.reset();
  for (int i = 0; i < 1000; ++i) read.keys.push_back({std::to_string(i * 20)});
  EXPECT_EQ(total(*snapshot, plan_of(*from, *snapshot, table, read)), "500");
}

}  // namespace
}  // namespace sluice
