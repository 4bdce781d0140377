// SPDX-License-Identifier: Apache-2.0
// What the published YugabyteDB connector gets wrong, each a test with the name of its class.
#include "connectors/registry.h"
#include "contract/yugabyte_copy_fixture.h"

namespace sluice {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class YugabyteDefects : public YugabyteTest {};

// A bulk update gives every row one stamp, and the run dies among them.
TEST_F(YugabyteDefects, TieAtCheckpoint) {
  begin_with_orders(6000);
  good_sync();
  db->exec("UPDATE orders SET note = 'bulk', updated_at = '2026-01-01+00' WHERE id <= 3000");
  options.retries = 0;
  cluster->at_row("\"updated_at\" >=", 1500, YugabyteDouble::Fault::cutting());
  EXPECT_NE(sync().error, "");
  EXPECT_EQ(good_sync().updated, 3000U);
  expect_equal_orders();
}

// A transaction that took its stamp before the run commits after it.
TEST_F(YugabyteDefects, LateCommit) {
  begin_with_orders(100);
  testing::PostgresSession late = db->session();
  late.exec("BEGIN; UPDATE orders SET note = 'late', updated_at = now() WHERE id = 5");
  db->exec(
      "SELECT pg_sleep(0.01); UPDATE orders SET note = 'early', updated_at = now() WHERE id = 6");
  good_sync();
  late.exec("COMMIT");
  EXPECT_EQ(good_sync().updated, 1U);
  expect_equal_orders();
}

// And one so late that no overlap reaches it is found by what compares.
TEST_F(YugabyteDefects, LateCommitBeyondTheOverlap) {
  begin_with_orders(100);
  good_sync();
  db->exec("UPDATE orders SET note = 'backdated', updated_at = '2018-01-01+00' WHERE id = 5");
  options.defaults.strategy = Strategy::digest;
  EXPECT_EQ(good_sync().updated, 1U);
  expect_equal_orders();
}

TEST_F(YugabyteDefects, NullCursor) {
  begin_with_orders(100);
  db->exec("UPDATE orders SET updated_at = NULL WHERE id = 7");
  good_sync();
  expect_equal("orders", "id, note");
  db->exec(
      "UPDATE orders SET note = 'still null' WHERE id = 7; INSERT INTO orders VALUES (101, 'n')");
  const Receipt receipt = good_sync();
  EXPECT_EQ(receipt.updated, 1U);
  EXPECT_EQ(receipt.inserted, 1U);
  expect_equal("orders", "id, note");
}

// bytea as "<memory at 0x7f..>", doubles squeezed, arrays refused, stamps as text.
TEST_F(YugabyteDefects, TypeFallthrough) {
  db->exec(
      "CREATE TABLE t (id int PRIMARY KEY, raw bytea, n numeric(20,6), u uuid, d double precision, "
      "f real, a int[], t text[], j jsonb, i interval, b boolean, day date, at timestamptz, naive "
      "timestamp, tm time);"
      "INSERT INTO t VALUES (1, '\\x00ff10', 123456789.000001, "
      "'0a0b0c0d-0000-4000-8000-00000000000f', 37.774929, 16777217, '{1,NULL,3}', '{a,\"b,c\"}', "
      "'{\"k\": [1, 2.50]}', '1 month 2 days 03:04:05.000006', true, '2026-02-28', "
      "'2026-01-01 00:00:00.123456+02', '2026-01-01 00:00:00.654321', '23:59:59.999999'); INSERT "
      "INTO t VALUES (2)");
  begin();
  good_sync("t");
  EXPECT_THAT(
      copy.columns("t"),
      ElementsAre("id INTEGER", "raw BLOB", "n DECIMAL(20,6)", "u UUID", "d DOUBLE", "f FLOAT",
                  "a INTEGER[]", "t VARCHAR[]", "j JSON", "i INTERVAL", "b BOOLEAN", "day DATE",
                  "at TIMESTAMP WITH TIME ZONE", "naive TIMESTAMP", "tm TIME"));
  EXPECT_THAT(copy.values("t", "raw"), ElementsAre("\\x00\\xFF\\x10", "NULL"));
  EXPECT_THAT(copy.values("t", "n"), ElementsAre("123456789.000001", "NULL"));
  EXPECT_THAT(copy.values("t", "d"), ElementsAre("37.774929", "NULL"));
  EXPECT_THAT(copy.values("t", "a"), ElementsAre("[1, NULL, 3]", "NULL"));
  EXPECT_THAT(copy.values("t", "j"), ElementsAre("{\"k\": [1, 2.50]}", "NULL"));
  EXPECT_THAT(copy.values("t", "i"), ElementsAre("1 month 2 days 03:04:05.000006", "NULL"));
  EXPECT_THAT(copy.values("t", "at"), ElementsAre("2025-12-31 22:00:00.123456+00", "NULL"));
  EXPECT_THAT(copy.values("t", "naive"), ElementsAre("2026-01-01 00:00:00.654321", "NULL"));
  EXPECT_THAT(copy.values("t", "tm"), ElementsAre("23:59:59.999999", "NULL"));
  EXPECT_TRUE(copy.verify(cluster->url()).at(0).equal());
}

// One odd name made discovery fail for all tables.
TEST_F(YugabyteDefects, UnquotedAndMixedCaseIdentifiers) {
  db->exec(
      "CREATE TABLE \"MixedCase\" (\"Id\" int PRIMARY KEY, \"select\" text, \"a \"\"b\"\"\" text, "
      "\"updated_at\" timestamptz);"
      "CREATE TABLE \"odd 'name; --\" (id int PRIMARY KEY, v text);"
      "INSERT INTO \"MixedCase\" VALUES (1, 's', 'q', now());"
      "INSERT INTO \"odd 'name; --\" VALUES (1, 'v')");
  begin();
  cluster->declare("\"MixedCase\"", YugabyteDouble::hash(4, 1));
  const RunResult result = copy.sync(cluster->url(), options);
  ASSERT_THAT(result.receipts, SizeIs(2));
  for (const Receipt& each : result.receipts) EXPECT_EQ(each.error, "") << each.table.text();
  EXPECT_EQ(copy.query("SELECT \"a \"\"b\"\"\" FROM public.\"MixedCase\""), Texts{"q"});
  EXPECT_EQ(copy.query("SELECT v FROM public.\"odd 'name; --\""), Texts{"v"});
}

// Stamps that sort otherwise as text than as moments, in sessions of several zones.
TEST_F(YugabyteDefects, CursorStringCompare) {
  begin_with_orders(10);
  options.defaults.overlap = std::chrono::seconds(0);
  options.defaults.deletes = Deletes::ignore;
  good_sync();
  int id = 100;
  for (const char* at : {"2026-10-25 02:30:00+02", "2026-10-25 02:10:00+01",
                         "2026-10-25 01:20:00+00", "2026-10-25 07:00:00+05:30"}) {
    db->exec("INSERT INTO orders VALUES (" + std::to_string(id++) + ", 'zone', '" + at + "')");
    EXPECT_EQ(good_sync().inserted, 1U) << at;
    expect_equal_orders();
  }
}

// A column of that name that is no clock stopped the whole sync.
TEST_F(YugabyteDefects, CursorOfAnotherType) {
  db->exec(
      "CREATE TABLE words (id int PRIMARY KEY, updated_at text); INSERT INTO words VALUES (1, "
      "'yesterday'), (2, NULL)");
  begin_with_orders(10);
  const RunResult result = copy.sync(cluster->url(), options);
  for (const Receipt& each : result.receipts) EXPECT_EQ(each.error, "") << each.table.text();
  db->exec("UPDATE words SET updated_at = 'today' WHERE id = 1; DELETE FROM words WHERE id = 2");
  good_sync("words");
  expect_equal("words", "id, updated_at");
}

TEST_F(YugabyteDefects, PartitionParentAndChild) {
  db->exec(
      "CREATE TABLE readings (id int, at date, v int, PRIMARY KEY (id, at)) PARTITION BY RANGE "
      "(at);"
      "CREATE TABLE readings_1 PARTITION OF readings FOR VALUES FROM ('2026-01-01') TO "
      "('2026-02-01');"
      "CREATE TABLE readings_2 PARTITION OF readings DEFAULT;"
      "INSERT INTO readings SELECT i, '2026-01-01'::date + i, i FROM generate_series(1, 100) i");
  begin();
  const RunResult result = copy.sync(cluster->url(), options);
  ASSERT_THAT(result.receipts, SizeIs(1));
  EXPECT_EQ(result.receipts[0].table.name, "readings");
  expect_equal("readings", "id, \"at\", v");
}

// A transaction of hours cannot be tried again in the middle of a stream.
TEST_F(YugabyteDefects, NoRetryOnQuery) {
  begin_with_orders(5000);
  cluster->at_row("COPY", 2500, YugabyteDouble::Fault::snapshot_too_old());
  good_sync();
  expect_equal_orders();
}

// Tables without a cursor were sent whole each time, and their stale rows stayed.
TEST_F(YugabyteDefects, DeleteNeverCaptured) {
  db->exec(
      "CREATE TABLE plain (id int PRIMARY KEY, v text); INSERT INTO plain SELECT i, 'v' FROM "
      "generate_series(1, 1000) i");
  begin();
  good_sync("plain");
  EXPECT_EQ(good_sync("plain").inserted, 0U);
  db->exec("DELETE FROM plain WHERE id = 500; UPDATE plain SET v = 'w' WHERE id = 1");
  const Receipt receipt = good_sync("plain");
  EXPECT_EQ(receipt.deleted, 1U);
  EXPECT_EQ(receipt.updated, 1U);
  expect_equal("plain", "id, v");
}

TEST_F(YugabyteDefects, KeyOrderOfACompositeKey) {
  db->exec(
      "CREATE TABLE pairs (a int, b int, c int, PRIMARY KEY (c, a)); INSERT INTO pairs VALUES (1, "
      "1, 2), (1, 2, 1)");
  begin();
  duck::Database database;
  const Catalog catalog = make_source(database, cluster->url())->discover({});
  EXPECT_THAT(catalog.tables.at(0).primary_key, ElementsAre("c", "a"));
}

// A hash of all values as the key made a row more of each update, and one of two equal rows.
TEST_F(YugabyteDefects, NoPrimaryKeyCollapse) {
  db->exec(
      "CREATE TABLE loose (a int, b text); INSERT INTO loose VALUES (1, 'x'), (1, 'x'), (2, 'y')");
  begin();
  good_sync("loose");
  db->exec("UPDATE loose SET b = 'z' WHERE a = 2");
  good_sync("loose");
  EXPECT_THAT(copy.query("SELECT a || b FROM public.loose"),
              UnorderedElementsAre("1x", "1x", "2z"));
}

// A host that was not given meant a local socket.
TEST_F(YugabyteDefects, ConfigNeverValidated) {
  try {
    duck::Database database;
    make_source(database, "yugabytedb://me@127.0.0.1:1/iot?sslmode=sometimes")->discover({});
    FAIL() << "nothing was refused";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("sslmode"));
  }
}

}  // namespace
}  // namespace sluice
