// SPDX-License-Identifier: Apache-2.0
// Verification finds every planted difference and nothing else; repair mends just that.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "support/copy.h"
#include "support/postgres_test.h"

namespace sluice {
namespace {

using testing::Copy;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::PostgresServer;
using testing::Texts;

class PostgresVerifyTest : public testing::PostgresTest {
 protected:
  void SetUp() override {
    PostgresTest::SetUp();
    if (IsSkipped()) return;
    version = PostgresServer::instance().version();
    db->exec(
        "CREATE TABLE t (id int PRIMARY KEY, n int, price numeric(12,2), free numeric, note text, "
        "at timestamptz, span interval, raw bytea, f float8); INSERT INTO t SELECT i, i % 100, i / "
        "7::numeric, i / 8::numeric, CASE WHEN i % 5 > 0 THEN 'caf\u00e9 ' || i END, "
        "'2026-01-01'::timestamptz + i * interval '1 minute', '1 month', '\\x00ff', i / 3::float8 "
        "FROM generate_series(1, 20000) i");
    ASSERT_EQ(copy.sync(db->socket_url()).exit_code(), 0);
    ASSERT_TRUE(verify().equal()) << verify().error;
  }
  Verified verify(Sync::Repair repair = Sync::Repair::no) const {
    return copy.verify(db->socket_url(), repair).at(0);
  }
  /// One row was damaged; verification names it and the columns, repair mends it.
  void expect_found(const std::string& damage, const std::string& example) {
    SCOPED_TRACE(damage);
    copy.damage(damage);
    const Verified found = verify();
    EXPECT_EQ(found.missing + found.extra + found.changed, 1U);
    EXPECT_THAT(found.examples, ElementsAre(example));
    EXPECT_TRUE(verify(Sync::Repair::yes).repaired);
    EXPECT_TRUE(verify().equal());
  }

  Copy copy;
  int version = 0;
};

TEST_F(PostgresVerifyTest, EveryPlantedDifferenceIsFoundAndRepaired) {
  expect_found("UPDATE t SET n = xor(n, 1) WHERE id = 77", "id 77: differs in n");
  expect_found("UPDATE t SET price = -price WHERE id = 78", "id 78: differs in price");
  expect_found("UPDATE t SET free = free + 0.000000000000000001 WHERE id = 79",
               "id 79: differs in free");
  expect_found("UPDATE t SET note = '' WHERE id = 80", "id 80: differs in note");
  expect_found("UPDATE t SET note = NULL WHERE id = 81", "id 81: differs in note");
  expect_found("UPDATE t SET note = 'cafe\u0301 82' WHERE id = 82", "id 82: differs in note");
  expect_found("UPDATE t SET note = note || ' ' WHERE id = 83", "id 83: differs in note");
  expect_found("UPDATE t SET \"at\" = \"at\" + INTERVAL 1 MICROSECOND WHERE id = 84",
               "id 84: differs in at");
  expect_found(
      "DELETE FROM t WHERE id = 85; INSERT INTO t SELECT * REPLACE (85 AS id, INTERVAL 30 "
      "DAYS AS span, 85 AS n, 85/7 AS price, 85/8 AS free, NULL AS note, "
      "'2026-01-01 01:25:00+00'::TIMESTAMPTZ AS \"at\", 85/3::DOUBLE AS f) FROM t WHERE id = 84",
      "id 85: differs in span");
  expect_found("UPDATE t SET raw = '\\x00\\xFE'::BLOB WHERE id = 86", "id 86: differs in raw");
  expect_found("UPDATE t SET f = nextafter(f, 1e300) WHERE id = 87", "id 87: differs in f");
  expect_found("DELETE FROM t WHERE id = 88", "id 88: only at the source");
  expect_found("INSERT INTO t (id) VALUES (-5)", "id -5: only in the copy");
  expect_found("INSERT INTO t SELECT * FROM t WHERE id = 89", "id 89: more than once in the copy");
}

TEST_F(PostgresVerifyTest, ValuesSwappedBetweenRowsAreFound) {
  copy.damage(
      "UPDATE t SET n = CASE id WHEN 101 THEN 102 % 100 ELSE 101 % 100 END WHERE id IN (101, 102)");
  const Verified found = verify();
  EXPECT_EQ(found.changed, 2U);
  EXPECT_THAT(found.examples, ElementsAre("id 101: differs in n", "id 102: differs in n"));
  if (version >= 11) {
    EXPECT_EQ(found.how, "digests");
    EXPECT_LT(found.bytes, 150'000U);  // the table is 2 MB
  }
}

TEST_F(PostgresVerifyTest, RowsWithoutAKeyAreAMultiset) {
  db->exec(
      "CREATE TABLE bag AS SELECT i % 1000 AS n, 'row ' || i % 1000 AS note FROM "
      "generate_series(1, 5000) i");
  ASSERT_EQ(copy.sync(db->socket_url()).exit_code(), 0);
  ASSERT_TRUE(verify().equal());
  // A duplicate more, another one less: every count is as before.
  copy.damage(
      "INSERT INTO bag SELECT * FROM bag WHERE n = 5 LIMIT 1; DELETE FROM bag WHERE rowid = "
      "(SELECT rowid FROM bag WHERE n = 6 LIMIT 1)");
  const Verified found = verify();
  EXPECT_EQ(found.missing, 1U);
  EXPECT_EQ(found.extra, 1U);
  EXPECT_TRUE(verify(Sync::Repair::yes).repaired);
  EXPECT_TRUE(verify().equal());
}

TEST_F(PostgresVerifyTest, WhereStartAndColumnsAreRespected) {
  SyncOptions options;
  options.connection = "part";
  options.schema = "part";
  options.defaults.where = "id % 2 = 0";
  options.defaults.exclude_columns = {"f", "raw"};
  options.defaults.replication_key = "at";
  options.defaults.start = "2026-01-05 00:00:00+00";
  ASSERT_EQ(copy.sync(db->socket_url(), options).exit_code(), 0);
  Verified found = copy.verify(db->socket_url(), Sync::Repair::no, options).at(0);
  EXPECT_TRUE(found.equal()) << found.error;
  EXPECT_EQ(found.rows, 7121U);
  db->exec("UPDATE t SET f = 1; UPDATE t SET n = -1 WHERE id IN (3, 4, 10001, 10002)");
  found = copy.verify(db->socket_url(), Sync::Repair::no, options).at(0);
  EXPECT_THAT(found.examples, ElementsAre("id 10002: differs in n"));
}

/// By digests, under the snapshot that the run read: an incremental run cannot see this damage.
TEST_F(PostgresVerifyTest, ARunThatEndsVerifiedFindsDamageInTheWarehouse) {
  SyncOptions options;
  options.defaults.replication_key = "at";
  options.verify_after_run = true;
  ASSERT_EQ(copy.sync(db->socket_url(), options).exit_code(), 0);
  const RunResult clean = copy.sync(db->socket_url(), options);
  ASSERT_EQ(clean.receipts.at(0).strategy, "incremental");
  ASSERT_TRUE(clean.receipts.at(0).verified);
  EXPECT_TRUE(clean.receipts.at(0).verified->equal());
  EXPECT_EQ(clean.receipts.at(0).verified->rows, 20'000U);
  copy.damage("UPDATE t SET note = 'bent' WHERE id = 77");
  const RunResult found = copy.sync(db->socket_url(), options);
  EXPECT_EQ(found.exit_code(), 4);
  ASSERT_TRUE(found.receipts.at(0).verified);
  EXPECT_THAT(found.receipts.at(0).verified->examples, ElementsAre("id 77: differs in note"));
  if (version < 11) return;
  EXPECT_EQ(found.receipts.at(0).verified->how, "digests");
  EXPECT_LT(found.receipts.at(0).verified->bytes, 150'000U);  // the table is 2 MB
}

/// Whatever the key is, a sample of an equal copy is equal, and of a copy that differs everywhere,
/// every row that it says it compared is found.
TEST_F(PostgresVerifyTest, ASampleIsWhatItSaysItIs) {
  if (version < 11) GTEST_SKIP() << "before 11 there are no digests";
  db->exec("DROP TABLE t");
  const auto tables = {std::pair{"even", "i AS id"},
                       {"gaps", "i * 1000003::bigint - 7000000000 AS id"},
                       {"uneven", "(i % 100 + 1000 * (i / 100) ^ 3)::bigint AS id"},
                       {"uuids", "md5(i::text)::uuid AS id"},
                       {"texts", "'key ' || i AS id"},
                       {"bag", "i / 2 AS id"}};
  for (const auto& [name, key] : tables) {
    db->exec(std::string("CREATE TABLE ") + name + " AS SELECT " + key +
             ", i AS n, 'note ' || i AS note FROM generate_series(1, 30000) i");
    if (std::string(name) != "bag")
      db->exec(std::string("ALTER TABLE ") + name + " ADD PRIMARY KEY (id)");
  }
  ASSERT_EQ(copy.sync(db->socket_url()).exit_code(), 0);
  for (const double percent : {0.01, 1.0, 7.5, 30.0, 80.0, 100.0}) {
    for (const Verified& each : copy.verify(db->socket_url(), Sync::Repair::no, {}, percent)) {
      SCOPED_TRACE(each.table.name + " " + std::to_string(percent));
      if (!each.not_compared.empty()) continue;  // t, which is gone
      EXPECT_TRUE(each.equal()) << each.error;
      EXPECT_EQ(each.rows, 30'000U);
      EXPECT_LE(each.compared, 30'000U);
      if (percent == 100) {
        EXPECT_EQ(each.compared, 30'000U);
      } else if (percent < 50) {
        EXPECT_LT(each.compared, 20'000U);
      }
    }
  }
  for (const auto& [name, key] : tables) copy.damage(std::string("UPDATE ") + name + " SET n = -n");
  for (const double percent : {1.0, 20.0, 60.0, 100.0}) {
    for (const Verified& each : copy.verify(db->socket_url(), Sync::Repair::no, {}, percent)) {
      SCOPED_TRACE(each.table.name + " " + std::to_string(percent));
      if (!each.not_compared.empty()) continue;  // t, which is gone
      EXPECT_EQ(each.error, "");
      if (each.table.name == "bag") continue;  // by what its rows are, they are other rows
      EXPECT_EQ(each.changed, each.compared);
      EXPECT_EQ(each.missing + each.extra, 0U);
    }
  }
}

/// By ranges of an integer key, the server reads the rows of the sample and no others.
TEST_F(PostgresVerifyTest, ASampleCostsTheServerThatPart) {
  if (version < 15) GTEST_SKIP() << "statistics of a session that has ended come late before 15";
  testing::PostgresSession(db->socket_url())
      .exec(
          "CREATE TABLE big AS SELECT i AS id, 'note ' || i AS note FROM generate_series(1, "
          "200000) i; ALTER TABLE big ADD PRIMARY KEY (id); ANALYZE big");
  SyncOptions options;
  options.tables = {"public.big"};
  ASSERT_EQ(copy.sync(db->socket_url(), options).exit_code(), 0);
  // What a session read is counted when it has ended, at the latest.
  const std::string others =
      "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> "
      "pg_backend_pid()";
  for (int i = 0; i < 200 && db->value(others) != "0"; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  db->exec("SELECT pg_stat_reset()");
  const Verified sample = copy.verify(db->socket_url(), Sync::Repair::no, options, 5).at(0);
  EXPECT_TRUE(sample.equal()) << sample.error;
  EXPECT_GT(sample.compared, 5'000U);
  EXPECT_LT(sample.compared, 15'000U);
  const std::string read =
      "SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_user_tables WHERE relname = "
      "'big'";
  for (int i = 0; i < 200 && std::stoull(db->value(read)) < sample.compared; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_GE(std::stoull(db->value(read)), sample.compared);
  EXPECT_LE(std::stoull(db->value(read)), sample.compared + 1'000);
}

TEST_F(PostgresVerifyTest, WhatIsNotACopyIsRefused) {
  db->exec("ALTER TABLE t ADD COLUMN fresh int");
  const Verified found = verify();
  EXPECT_FALSE(found.equal());
  EXPECT_THAT(found.error, HasSubstr("there is no copy of the table as it is now"));
  EXPECT_EQ(found.hint, "sync first");
}

}  // namespace
}  // namespace sluice
