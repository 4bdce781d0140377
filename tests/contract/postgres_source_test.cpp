// SPDX-License-Identifier: Apache-2.0
// The PostgreSQL source against a real server: what is found, what a snapshot holds, how tables are
// cut.
#include <duckdb.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include "postgres_source_fixture.h"

namespace sluice {
namespace {

using testing::PostgresServer;
using testing::PostgresSession;

TEST_F(PostgresSourceTest, KeysColumnsAndCommentsAreFound) {
  db->exec(R"(CREATE SCHEMA "Odd ""schema 😀";
    CREATE TABLE "Odd ""schema 😀"."select" (b int, "A" int, "a" text NOT NULL, "UPDATED_AT" timestamptz,
      modified_at timestamp, PRIMARY KEY ("A", b));
    CREATE INDEX ON "Odd ""schema 😀"."select" ("UPDATED_AT");
    COMMENT ON TABLE "Odd ""schema 😀"."select" IS 'of the table';
    COMMENT ON COLUMN "Odd ""schema 😀"."select"."a" IS 'of the column')");
  const Catalog catalog = source()->discover({});
  const Table& table = find(catalog, "Odd \"schema 😀.select");
  EXPECT_EQ(table.primary_key, (std::vector<std::string>{"A", "b"}));
  EXPECT_EQ(table.key_origin, KeyOrigin::primary);
  EXPECT_EQ(std::ranges::count(table.indexed, "UPDATED_AT"), 1);
  EXPECT_EQ(table.comment, "of the table");
  ASSERT_EQ(table.columns.size(), 5U);
  EXPECT_EQ(table.columns[2].comment, "of the column");
  EXPECT_FALSE(table.columns[2].nullable);
  EXPECT_EQ(table.columns[3].source_type, "timestamp with time zone");
}

TEST_F(PostgresSourceTest, OnlyAUniqueIndexThatProvesAKeyIsOne) {
  db->exec(
      R"(CREATE TABLE good (a int NOT NULL, b int NOT NULL, c int NOT NULL); CREATE UNIQUE INDEX ON good (a, b);
    CREATE UNIQUE INDEX ON good (c);
    CREATE TABLE nulls (a int); CREATE UNIQUE INDEX ON nulls (a);
    CREATE TABLE partial (a int NOT NULL); CREATE UNIQUE INDEX ON partial (a) WHERE a > 1;
    CREATE TABLE expression (a int NOT NULL); CREATE UNIQUE INDEX ON expression ((a + 1));
    CREATE TABLE deferred (a int NOT NULL UNIQUE DEFERRABLE))");
  const Catalog catalog = source()->discover({});
  EXPECT_EQ(find(catalog, "public.good").primary_key, std::vector<std::string>{"c"});
  EXPECT_EQ(find(catalog, "public.good").key_origin, KeyOrigin::unique);
  for (const char* name :
       {"public.nulls", "public.partial", "public.expression", "public.deferred"}) {
    EXPECT_FALSE(find(catalog, name).has_key()) << name;
  }
}

TEST_F(PostgresSourceTest, PartitionedTablesAreListedOnceAndReadLeafByLeaf) {
  db->exec(
      "CREATE TABLE p (id int, t text) PARTITION BY RANGE (id);"
      "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100);"
      "CREATE TABLE p2 (t text, gone int, id int); ALTER TABLE p2 DROP COLUMN gone;"
      "ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (100) TO (200);"
      "INSERT INTO p SELECT i, i FROM generate_series(0, 199) i");
  const auto from = source();
  const Catalog catalog = from->discover({});
  ASSERT_EQ(catalog.tables.size(), 1U);
  const auto snapshot = from->snapshot(catalog.tables);
  Read read;
  read.columns = {catalog.tables[0].columns[0]};
  const Plan plan = plan_of(*from, *snapshot, table_of(*snapshot), read);
  EXPECT_EQ(totals(*snapshot, plan), "200 19900");
}

TEST_F(PostgresSourceTest, PartitionsThatAreClosedToTheRoleAreReadThroughTheirParent) {
  db->exec(
      "CREATE TABLE p (id int) PARTITION BY RANGE (id);"
      "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100000);"
      "CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (100000) TO (1000000);"
      "INSERT INTO p SELECT generate_series(0, 499999); GRANT SELECT ON p TO " +
      role());
  const auto from = source("role_" + db->name());
  const Catalog catalog = from->discover({});
  const auto snapshot = from->snapshot(catalog.tables);
  const Plan plan = plan_of(*from, *snapshot, table_of(*snapshot));
  EXPECT_EQ(totals(*snapshot, plan), "500000 124999750000");
  if (PostgresServer::instance().version() >= 14) {
    EXPECT_GT(plan.chunks.size(), 1U);
  }
}

TEST_F(PostgresSourceTest, ViewsAreFoundOnlyByName) {
  db->exec(
      "CREATE VIEW v AS SELECT 1 AS a; CREATE MATERIALIZED VIEW m AS SELECT generate_series(1, 10) "
      "AS a");
  const auto from = source();
  EXPECT_TRUE(from->discover({}).tables.empty());
  const std::vector<TableName> named{{"public", "v"}, {"public", "m"}};
  const Catalog catalog = from->discover(named);
  ASSERT_EQ(catalog.tables.size(), 2U);
  EXPECT_TRUE(find(catalog, "public.v").view);
  const auto snapshot = from->snapshot(catalog.tables);
  EXPECT_EQ(totals(*snapshot, plan_of(*from, *snapshot, table_of(*snapshot, 0))), "10 55");
  EXPECT_EQ(totals(*snapshot, plan_of(*from, *snapshot, table_of(*snapshot, 1))), "1 1");
}

TEST_F(PostgresSourceTest, WhatCannotBeReadIsSkippedWithTheGrantThatHelps) {
  const std::string reader = role();
  db->exec(
      "CREATE TABLE open (a int); CREATE TABLE closed (a int); CREATE TABLE columns (a int, b int);"
      "CREATE TABLE rows (a int); ALTER TABLE rows ENABLE ROW LEVEL SECURITY;"
      "CREATE SCHEMA hidden; CREATE TABLE hidden.t (a int);"
      "GRANT SELECT ON open, rows, hidden.t TO " +
      reader + "; GRANT SELECT (a) ON columns TO " + reader);
  const Catalog catalog = source(reader)->discover({});
  ASSERT_EQ(catalog.tables.size(), 1U);
  EXPECT_EQ(catalog.tables[0].name.text(), "public.open");
  EXPECT_EQ(skipped(catalog, "public.closed"),
            "no SELECT right | GRANT SELECT ON \"public\".\"closed\" TO \"" + reader + "\"");
  EXPECT_EQ(
      skipped(catalog, "public.columns"),
      "SELECT is granted on some columns only | GRANT SELECT ON \"public\".\"columns\" TO \"" +
          reader + "\"");
  EXPECT_NE(skipped(catalog, "public.rows").find("row security"), std::string::npos);
  EXPECT_NE(skipped(catalog, "hidden.t").find("GRANT USAGE ON SCHEMA"), std::string::npos);
}

TEST_F(PostgresSourceTest, ThousandsOfTablesAreFound) {
  db->exec(
      "DO $$ BEGIN FOR i IN 1..2000 LOOP EXECUTE format("
      "'CREATE TABLE t_%s (id int PRIMARY KEY, updated_at timestamptz)', i); END LOOP; END $$");
  EXPECT_EQ(source()->discover({}).tables.size(), 2000U);
}

TEST_F(PostgresSourceTest, ChunksCoverTheTableOnceWhateverTheKindOfRead) {
  db->exec(
      "CREATE TABLE t (id int PRIMARY KEY, updated_at timestamptz, pad text);"
      "INSERT INTO t SELECT i, CASE WHEN i % 10 > 0 THEN timestamptz '2020-01-01' + i * interval "
      "'1 s' END,"
      " repeat('x', 200) FROM generate_series(1, 100000) i; CREATE TABLE empty (id int)");
  const auto from = source();
  const Catalog catalog = from->discover({});
  const auto snapshot = from->snapshot(catalog.tables);
  EXPECT_EQ(totals(*snapshot, plan_of(*from, *snapshot, table_of(*snapshot, 0))), "0 0");
  Table table = table_of(*snapshot, 1);
  Read read;
  read.columns = {table.columns[0]};
  Plan plan = plan_of(*from, *snapshot, table, read);
  EXPECT_GT(plan.chunks.size(), 3U);
  EXPECT_EQ(totals(*snapshot, plan), "100000 5000050000");
  EXPECT_EQ(plan.until, "2020-01-02 03:46:39+00");

  read.from = "2020-01-02 03:46:39+00";
  plan = plan_of(*from, *snapshot, table, read);
  EXPECT_EQ(plan.chunks.size(), 1U);
  EXPECT_EQ(totals(*snapshot, plan), "10001 500149999");  // the last one and all that have no stamp
  read.from.reset();
  table.where = "t.id <= 10 -- a comment";
  table.start = "2020-01-01 00:00:05+00";
  EXPECT_EQ(totals(*snapshot, plan_of(*from, *snapshot, table, read)), "5 35");
}

TEST_F(PostgresSourceTest, RowsAreFoundByTheirKeysAsDuckDbPrintsThem) {
  db->exec(R"(CREATE TABLE t (a bytea, b text, c date, d char(3), PRIMARY KEY (a, b, c, d));
    INSERT INTO t VALUES ('\x00ff', 'it''s \', '0044-03-15 BC', 'x'), ('\x01', 'other (BC)', 'infinity', 'abc'))");
  const auto from = source();
  const Catalog catalog = from->discover({});
  const auto snapshot = from->snapshot(catalog.tables);
  Read read;
  read.keys = {{"00FF", "it's \\", "0044-03-15 (BC)", "x  "},
               {"01", "other (BC)", "infinity", "abc"},
               {"02", "", "2020-01-01", ""}};
  const Plan plan = plan_of(*from, *snapshot, table_of(*snapshot), read);
  ASSERT_EQ(plan.chunks.size(), 1U);
  EXPECT_EQ(db->query(statements(*snapshot, plan)[0]).size(), 2U);
}

TEST_F(PostgresSourceTest, ASnapshotSeesWhatItsLocksWaitedFor) {
  db->exec("CREATE TABLE t (id int); INSERT INTO t VALUES (1)");
  const auto from = source();
  const Catalog catalog = from->discover({});
  PostgresSession writer = db->session();
  writer.exec("BEGIN; TRUNCATE t; INSERT INTO t VALUES (2), (3)");
  auto waiting = std::async(std::launch::async, [&] { return from->snapshot(catalog.tables); });
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  writer.exec("COMMIT");
  const auto snapshot = waiting.get();
  ASSERT_TRUE(std::holds_alternative<Table>(snapshot->tables()[0]));
  EXPECT_NE(table_of(*snapshot).incarnation, catalog.tables[0].incarnation);
  auto& taken = dynamic_cast<postgres::PostgresSnapshot&>(*snapshot);
  const postgres::Borrowed session(*taken.sessions());
  EXPECT_EQ(session->query("SELECT sum(id) FROM public.t").string(0, 0), "5");
  EXPECT_THROW(writer.exec("SET lock_timeout = 100; TRUNCATE t"), std::runtime_error);
}

TEST_F(PostgresSourceTest, ALockedTableFailsAloneAndADroppedOneToo) {
  db->exec("CREATE TABLE busy (a int); CREATE TABLE fine (a int); CREATE TABLE gone (a int)");
  const auto from = source();
  const Catalog catalog = from->discover({});
  PostgresSession other = db->session();
  db->exec("DROP TABLE gone");
  other.exec("BEGIN; LOCK TABLE busy");
  const auto snapshot = from->snapshot(catalog.tables);
  EXPECT_EQ(std::get<Error>(snapshot->tables()[0]).fault(), Fault::conflict);
  EXPECT_EQ(table_of(*snapshot, 1).name.name, "fine");
  EXPECT_EQ(std::get<Error>(snapshot->tables()[2]).fault(), Fault::schema);
}

TEST_F(PostgresSourceTest, SeveralReadersReadEveryRowOfOneInstant) {
  db->exec(
      "CREATE TABLE t (id int, pad text); INSERT INTO t SELECT i, repeat('x', 300) FROM "
      "generate_series(1, 100000) i");
  const auto from = source();
  const auto snapshot = from->snapshot(from->discover({}).tables);
  const Plan plan = plan_of(*from, *snapshot, table_of(*snapshot));
  db->exec("DELETE FROM t WHERE id % 2 = 0; UPDATE t SET id = -id; INSERT INTO t VALUES (7000000)");
  std::atomic<std::size_t> next{0};
  std::atomic<std::int64_t> sum{0};
  std::atomic<std::size_t> rows{0};
  const auto read = [&] {
    const std::vector<std::size_t> projection{0};
    const auto reader = from->reader(*snapshot, plan, projection);
    duckdb_logical_type type = duckdb_create_logical_type(DUCKDB_TYPE_INTEGER);
    duckdb_data_chunk data = duckdb_create_data_chunk(&type, 1);
    for (std::size_t i = next++; i < plan.chunks.size(); i = next++) {
      reader->start(plan.chunks[i]);
      for (bool more = true; more;) {
        duckdb_data_chunk_reset(data);
        Batch batch(data);
        more = reader->next(batch);
        const auto* values =
            static_cast<const std::int32_t*>(duckdb_vector_get_data(batch.vector(0)));
        for (std::size_t row = 0; row < batch.size(); ++row) sum += values[row];
        rows += batch.size();
      }
    }
    duckdb_destroy_data_chunk(&data);
    duckdb_destroy_logical_type(&type);
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) threads.emplace_back(read);
  for (std::thread& each : threads) each.join();
  EXPECT_EQ(rows, 100000U);
  EXPECT_EQ(sum, 5000050000);
}

TEST_F(PostgresSourceTest, AStatementThatTheServerCancelsIsNoStopOfTheUsers) {
  db->exec("CREATE TABLE t (id int); INSERT INTO t VALUES (1)");
  const auto from = source();
  const auto snapshot = from->snapshot(from->discover({}).tables);
  Table table = table_of(*snapshot);
  table.replication_key = "id";
  table.where = "pg_sleep(30) IS NOT NULL";
  auto planning = std::async(std::launch::async, [&] { return plan_of(*from, *snapshot, table); });
  const std::string cancel =
      "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'sluice' AND "
      "state = 'active' AND query LIKE '%pg_sleep%' AND query NOT LIKE 'EXPLAIN%' AND datname = "
      "current_database()";
  while (db->query(cancel).empty()) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  try {
    planning.get();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::schema);
    EXPECT_TRUE(std::string(error.what()).starts_with("cancelled by the server: ")) << error.what();
    EXPECT_NE(error.hint().find("statement_timeout"), std::string::npos);
  }
}

/// The count and sum of the chunk's first column.
std::pair<std::size_t, std::int64_t> read_chunk(Reader& reader, const Chunk& chunk) {
  duckdb_logical_type type = duckdb_create_logical_type(DUCKDB_TYPE_INTEGER);
  duckdb_data_chunk data = duckdb_create_data_chunk(&type, 1);
  duckdb_destroy_logical_type(&type);
  const std::unique_ptr<duckdb_data_chunk, void (*)(duckdb_data_chunk*)> owner(
      &data, duckdb_destroy_data_chunk);
  std::pair<std::size_t, std::int64_t> read{0, 0};
  reader.start(chunk);
  for (bool more = true; more;) {
    duckdb_data_chunk_reset(data);
    Batch batch(data);
    more = reader.next(batch);
    const auto* values = static_cast<const std::int32_t*>(duckdb_vector_get_data(batch.vector(0)));
    for (std::size_t row = 0; row < batch.size(); ++row) read.second += values[row];
    read.first += batch.size();
  }
  return read;
}

TEST_F(PostgresSourceTest, AVacuumFullWaitsForTheSnapshotAndHoldsNoReaderUpForEver) {
  db->exec(
      "CREATE TABLE t (id int, pad text); INSERT INTO t SELECT i, repeat('x', 300) FROM "
      "generate_series(1, 100000) i; DELETE FROM t WHERE id % 2 = 0");
  const auto from = source();
  auto snapshot = from->snapshot(from->discover({}).tables);
  const Plan plan = plan_of(*from, *snapshot, table_of(*snapshot));
  if (PostgresServer::instance().version() >= 14) {
    ASSERT_GT(plan.chunks.size(), 2U);
  }
  const std::vector<std::size_t> projection{0};
  PostgresSession impatient = db->session();
  EXPECT_THROW(impatient.exec("SET lock_timeout = 100; VACUUM FULL t"), std::runtime_error);
  auto reader = from->reader(*snapshot, plan, projection);
  auto [rows, sum] = read_chunk(*reader, plan.chunks[0]);
  PostgresSession vacuum = db->session();
  auto rewriting = std::async(std::launch::async, [&] { vacuum.exec("VACUUM FULL t"); });
  while (db->value(
             "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 't'::regclass") != "1")
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  try {
    read_chunk(*from->reader(*snapshot, plan, projection), plan.chunks.back());
    FAIL() << "a second reader queues behind the VACUUM";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::conflict) << error.what();
    EXPECT_NE(error.hint().find("VACUUM FULL"), std::string::npos) << error.hint();
  }
  for (std::size_t i = 1; i < plan.chunks.size(); ++i) {  // the first one holds its lock already
    const auto more = read_chunk(*reader, plan.chunks[i]);
    rows += more.first;
    sum += more.second;
  }
  EXPECT_EQ(rows, 50000U);
  EXPECT_EQ(sum, 2500000000);
  reader.reset();
  snapshot.reset();
  rewriting.get();
}

TEST_F(PostgresSourceTest, ALostSnapshotIsSaid) {
  db->exec("CREATE TABLE t (id int)");
  const auto from = source();
  const auto snapshot = from->snapshot(from->discover({}).tables);
  EXPECT_NO_THROW(snapshot->check_alive({"public", "t"}));
  db->exec(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sluice' "
      "AND datname ="
      " current_database()");
  try {
    snapshot->check_alive({"public", "t"});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::connection);
    EXPECT_TRUE(error.retryable());
  }
}

TEST_F(PostgresSourceTest, AStandbyIsReadButProvesNothing) {
  auto& server = PostgresServer::instance();
  PostgresServer& standby = server.standby();
  db->exec(
      "CREATE TABLE t (id int PRIMARY KEY, updated_at timestamptz); INSERT INTO t VALUES (7, "
      "now())");
  server.wait_for_standby();
  const auto from = postgres::source(standby.socket_url(db->name()));
  EXPECT_EQ(from->identity(), source()->identity());
  const auto snapshot = from->snapshot(from->discover({}).tables);
  const Plan plan = plan_of(*from, *snapshot, table_of(*snapshot));
  EXPECT_TRUE(plan.until);
  EXPECT_EQ(snapshot->proof(table_of(*snapshot)).why_not,
            "a standby does not see the primary's transactions");
  EXPECT_TRUE(snapshot->settled(snapshot->witness()));
}

}  // namespace
}  // namespace sluice
