// SPDX-License-Identifier: Apache-2.0
// The PostgreSQL source against a real server: what is found, what a snapshot holds, how tables are
// cut.
#include <arpa/inet.h>
#include <duckdb.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <thread>

#include "connectors/postgres/connector.h"
#include "connectors/postgres/plan.h"
#include "connectors/postgres/snapshot.h"
#include "support/postgres_server.h"

namespace sluice {
namespace {

using testing::PostgresDatabase;
using testing::PostgresServer;
using testing::PostgresSession;

class PostgresSourceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = PostgresServer::missing(); !why.empty()) GTEST_SKIP() << why;
    db = std::make_unique<PostgresDatabase>();
  }

  std::unique_ptr<Source> source(const std::string& role = "postgres") const {
    postgres::SourceOptions options;
    options.lock_timeout_ms = 500;
    return postgres::source(db->socket_url(role), options);
  }
  static const Table& find(const Catalog& catalog, const std::string& name) {
    for (const Table& each : catalog.tables) {
      if (each.name.text() == name) return each;
    }
    throw std::runtime_error(name + " was not found");
  }
  static std::string skipped(const Catalog& catalog, const std::string& name) {
    for (const Skipped& each : catalog.skipped) {
      if (each.name.text() == name) return each.why + " | " + each.hint;
    }
    return {};
  }
  static Plan plan_of(Source& source, Snapshot& snapshot, const Table& table, Read read = {}) {
    if (read.columns.empty()) read.columns = table.columns;
    return source.plan(snapshot, table, read);
  }
  static std::vector<std::string> statements(Snapshot& snapshot, const Plan& plan) {
    const auto& shape = dynamic_cast<postgres::PostgresSnapshot&>(snapshot).shape(plan.table.name);
    std::vector<std::size_t> all;
    for (std::size_t i = 0; i < plan.read.columns.size(); ++i) all.push_back(i);
    std::vector<std::string> made;
    for (const Chunk& each : plan.chunks)
      made.push_back(postgres::select_statement(shape, plan, all, each));
    return made;
  }
  /// What the chunks read, asked outside of the snapshot: count and sum of the first column.
  std::string totals(Snapshot& snapshot, const Plan& plan) const {
    std::string all;
    for (const std::string& each : statements(snapshot, plan))
      all += (all.empty() ? "(" : " UNION ALL (") + each + ")";
    return db->value("SELECT count(*) || ' ' || coalesce(sum(q.v), 0) FROM (" + all + ") q(v)");
  }
  /// A role of this test's own, not a superuser. Dropped with the cluster.
  std::string role(const std::string& suffix = "") const {
    const std::string name = "role_" + db->name() + suffix;
    db->exec("CREATE ROLE " + name + " LOGIN");
    return name;
  }

  std::unique_ptr<PostgresDatabase> db;
};

/// With the replication key that the engine would choose.
Table table_of(const Snapshot& snapshot, std::size_t i = 0) {
  Table table = std::get<Table>(snapshot.tables().at(i));
  if (table.column("updated_at") != nullptr) table.replication_key = "updated_at";
  return table;
}

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
  EXPECT_TRUE(snapshot->instant().starts_with(*plan.until))
      << snapshot->instant() << " " << *plan.until;
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
  const std::string question = "FROM \"public\".\"" + name + "\" AS \"" + name + "\") newest";
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
      "state = 'active' AND query LIKE '%pg_sleep%' AND datname = current_database()";
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
  EXPECT_NO_THROW(snapshot->check_alive());
  db->exec(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sluice' "
      "AND datname ="
      " current_database()");
  try {
    snapshot->check_alive();
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

Fault fault_of_connecting(const std::string& url, const std::string& password = "") {
  postgres::SourceOptions options;
  options.password = Secret(password);
  try {
    postgres::source(url, options)->identity();
  } catch (const Error& error) {
    const std::string all = std::string(error.what()) + error.hint();
    for (const char* part : {"pa:ss", "pa%3A", "pa%3a", "ss%zz", "wrong"})
      EXPECT_EQ(all.find(part), std::string::npos) << all;
    return error.fault();
  }
  return Fault::busy;  // connected
}

TEST_F(PostgresSourceTest, CertificatesAreVerifiedWhereTheUrlAsksForIt) {
  auto& server = PostgresServer::instance();
  if (!server.tls()) GTEST_SKIP() << "a server without TLS";
  const std::string full = "sslmode=verify-full&sslrootcert=";
  EXPECT_EQ(fault_of_connecting(server.tls_url("localhost", full + server.ca().string())),
            Fault::busy);
  EXPECT_EQ(fault_of_connecting(server.tls_url("127.0.0.1", full + server.ca().string())),
            Fault::config);
  EXPECT_EQ(fault_of_connecting(server.tls_url("localhost", full + server.wrong_ca().string())),
            Fault::config);
}

TEST_F(PostgresSourceTest, RefusalsSayWhatToDoAndHoldNoPassword) {
  auto& server = PostgresServer::instance();
  const std::string at = "@127.0.0.1:" + std::to_string(server.port()) + "/postgres";
  EXPECT_EQ(fault_of_connecting("postgresql://postgres" + at, server.password()), Fault::busy);
  EXPECT_EQ(fault_of_connecting("postgresql://postgres:pa%3Ass%20wrong" + at),
            Fault::authentication);
  EXPECT_EQ(fault_of_connecting("postgresql://postgres" + at, "pa:ss wrong"),
            Fault::authentication);
  EXPECT_EQ(fault_of_connecting("postgresql://postgres" + at), Fault::authentication);
  EXPECT_EQ(fault_of_connecting("postgresql://postgres:pa:ss%zz" + at), Fault::config);
  EXPECT_EQ(fault_of_connecting(server.url("no_such_database")), Fault::config);
  EXPECT_EQ(fault_of_connecting("postgresql://postgres:pa:ss@127.0.0.1:1/postgres"),
            Fault::connection);
}

TEST_F(PostgresSourceTest, AUrlThatCannotBeReadHidesItsPassword) {
  for (const char* url :
       {"postgresql://u:pa:ss%zz@h/db", "postgresql://u:pa:ss/wrong@h/db",
        "postgresql://u@h/db?password=pa:ss&wrong", "postgresql://u:pa:ss@wrong@h:x/db",
        "postgresql://u@h/db?%70assword=pa:ss%zz", "postgresql://u@h/db?passwort=pa:ss",
        "host=h password=pa:ss wrong", "password='pa:ss wrong",
        "host=h password = pa:ss%zz wrong user=u", "postgresql://u:pa:ss@[::1/db",
        "postgresql://u:x@wrong@h/db"}) {
    EXPECT_EQ(fault_of_connecting(url), Fault::config) << url;
  }
  EXPECT_EQ(fault_of_connecting("postgresql://u:pa%3Ass@no-such-host.invalid/db"),
            Fault::connection);
}

/// A file of the test's own, its name in an environment variable as long as this lives.
class NamedByEnvironment {
 public:
  NamedByEnvironment(const char* variable, const std::string& text)
      : variable_(variable),
        file_(std::filesystem::path(::testing::TempDir()) /
              (std::string("sluice_") + variable + std::to_string(::getpid()))) {
    std::ofstream(file_) << text;
    std::filesystem::permissions(file_, std::filesystem::perms(0600));
    ::setenv(variable, file_.c_str(), 1);
  }
  ~NamedByEnvironment() {
    ::unsetenv(variable_);
    std::error_code ignored;
    std::filesystem::remove(file_, ignored);
  }
  NamedByEnvironment(const NamedByEnvironment&) = delete;
  NamedByEnvironment& operator=(const NamedByEnvironment&) = delete;

 private:
  const char* variable_;
  std::filesystem::path file_;
};

TEST_F(PostgresSourceTest, AServiceFileIsReadAndItsPasswordNeverShown) {
  auto& server = PostgresServer::instance();
  const std::string at = "host=127.0.0.1\nport=" + std::to_string(server.port()) +
                         "\ndbname=" + db->name() + "\nuser=postgres\npassword=";
  const NamedByEnvironment file("PGSERVICEFILE", "[good]\n" + at + server.password() + "\n[bad]\n" +
                                                     at + "pa:ss wrong\n[odd]\npa:ss%zz\n");
  EXPECT_EQ(fault_of_connecting("postgresql://?service=good"), Fault::busy);
  EXPECT_EQ(fault_of_connecting("service=good"), Fault::busy);
  EXPECT_EQ(fault_of_connecting("postgresql://?service=bad"), Fault::authentication);
  EXPECT_NE(fault_of_connecting("postgresql://?service=odd"), Fault::busy);
  EXPECT_NE(fault_of_connecting("postgresql://?service=none"), Fault::busy);
  const auto from = postgres::source("postgresql://?service=good");
  EXPECT_NE(from->identity().find(db->name()), std::string::npos);
}

TEST_F(PostgresSourceTest, APasswordFileIsReadAndItsPasswordNeverShown) {
  auto& server = PostgresServer::instance();
  const std::string url =
      "postgresql://postgres@127.0.0.1:" + std::to_string(server.port()) + "/" + db->name();
  std::string escaped;
  for (const char each : server.password()) escaped += each == ':' ? "\\:" : std::string(1, each);
  {
    const NamedByEnvironment file("PGPASSFILE", "127.0.0.1:*:*:postgres:" + escaped + "\n");
    EXPECT_EQ(fault_of_connecting(url), Fault::busy);
  }
  const NamedByEnvironment file("PGPASSFILE", "127.0.0.1:*:*:postgres:pa\\:ss wrong\n");
  EXPECT_EQ(fault_of_connecting(url), Fault::authentication);
}

/// Takes connections and never says a word.
class SilentHost {
 public:
  SilentHost() : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address_;
    auto* address = reinterpret_cast<sockaddr*>(&address_);
    if (::bind(socket_, address, size) != 0 || ::listen(socket_, 5) != 0 ||
        ::getsockname(socket_, address, &size) != 0)
      throw std::runtime_error("no free loopback port");
  }
  ~SilentHost() { ::close(socket_); }
  SilentHost(const SilentHost&) = delete;
  SilentHost& operator=(const SilentHost&) = delete;
  int port() const { return ntohs(address_.sin_port); }

 private:
  int socket_;
  sockaddr_in address_{};
};

TEST_F(PostgresSourceTest, AHostThatIsSilentIsPassedOver) {
  const SilentHost silent;
  const std::string first = "postgresql://postgres@127.0.0.1:" + std::to_string(silent.port());
  auto& server = PostgresServer::instance();
  EXPECT_EQ(fault_of_connecting(first + ",127.0.0.1:" + std::to_string(server.port()) +
                                    "/postgres?connect_timeout=2",
                                server.password()),
            Fault::busy);
  EXPECT_EQ(fault_of_connecting(first + "/postgres?connect_timeout=2"), Fault::connection);
}

TEST_F(PostgresSourceTest, AStopEndsEveryWaitForTheServer) {
  db->exec("CREATE TABLE t (id int); INSERT INTO t VALUES (1)");
  std::atomic<bool> stop{false};
  postgres::SourceOptions options;
  options.lock_timeout_ms = 60'000;
  options.stop = [&stop] { return stop.load(); };
  const auto from = postgres::source(db->socket_url(), options);
  const Catalog catalog = from->discover({});
  const auto snapshot = from->snapshot(catalog.tables);
  PostgresSession other = db->session();
  db->exec("CREATE TABLE locked (id int)");
  const std::vector<Table> locked = from->discover({}).tables;
  other.exec("BEGIN; LOCK TABLE locked");
  const SilentHost host;
  const auto silent = postgres::source(
      "postgresql://postgres@127.0.0.1:" + std::to_string(host.port()) + "/postgres", options);
  Table slow = table_of(*snapshot);
  slow.replication_key = "id";
  slow.where = "pg_sleep(60) IS NOT NULL";
  const std::vector<std::function<void()>> waits = {
      [&] { from->snapshot(locked); },
      [&] { plan_of(*from, *snapshot, slow); },
      [&] { silent->identity(); },
  };
  for (std::size_t i = 0; i < waits.size(); ++i) {
    stop = false;
    auto waiting = std::async(std::launch::async, waits[i]);
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    const auto began = std::chrono::steady_clock::now();
    stop = true;
    try {
      waiting.get();
      FAIL() << i;
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::cancelled) << i << error.what();
    }
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(3)) << i;
  }
  const std::string busy =
      "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'sluice' AND state = "
      "'active' AND datname = current_database()";
  for (int i = 0; i < 100 && db->value(busy) != "0"; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(db->value(busy), "0");
  EXPECT_NO_THROW(snapshot->check_alive());  // others go on
}

TEST_F(PostgresSourceTest, AServerThatStopsAnsweringIsGivenUp) {
  postgres::Login login = postgres::login_of(db->socket_url(), "sluice", {});
  login.patience = std::chrono::seconds(1);
  postgres::Connection session(std::make_shared<const postgres::Login>(std::move(login)));
  const auto began = std::chrono::steady_clock::now();
  try {
    session.query("SELECT pg_sleep(30)");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::connection);
    EXPECT_NE(std::string(error.what()).find("has not answered for 1 s"), std::string::npos);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(4));
  EXPECT_TRUE(session.broken());
}

TEST_F(PostgresSourceTest, APeerThatVanishesIsNoticedUnlessTheUrlSaysOtherwise) {
  const auto idle_limit = [](const std::string& url) {
    const postgres::Connection session(
        std::make_shared<const postgres::Login>(postgres::login_of(url, "sluice", {})));
    int seconds = 0;
    socklen_t size = sizeof seconds;
    ::getsockopt(PQsocket(session.handle()), IPPROTO_TCP, TCP_KEEPIDLE, &seconds, &size);
    return seconds;
  };
  EXPECT_EQ(idle_limit(db->url()), 60);
  EXPECT_EQ(idle_limit(db->url() + "?keepalives_idle=77"), 77);
}

TEST(PostgresUrl, IsPrintedWithoutItsSecrets) {
  EXPECT_EQ(postgres::redacted("postgresql://u:s3cret@h:5/db?sslmode=require"),
            "postgresql://u:***@h:5/db?sslmode=require");
  EXPECT_EQ(postgres::redacted("postgres://u:a@b/c@h/db"), "postgres://u:***@b/c@h/db");
  EXPECT_EQ(postgres::redacted("postgresql://h/db?user=u&password=s%20x&sslpassword=k"),
            "postgresql://h/db?user=u&password=***&sslpassword=***");
  EXPECT_EQ(postgres::redacted("host=h password='it\\'s x' user=u"), "host=h password=*** user=u");
  EXPECT_EQ(postgres::redacted("postgresql://u@h1,h2:5433/db"), "postgresql://u@h1,h2:5433/db");
}

}  // namespace
}  // namespace sluice
