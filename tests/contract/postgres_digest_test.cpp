// SPDX-License-Identifier: Apache-2.0
// Deletes found by digests: what travels is a hundredth of the keys, and the copy is equal.
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>

#include "support/postgres_copy_test.h"

namespace sluice {
namespace {

using testing::PostgresServer;
using testing::Texts;

class PostgresDigestTest : public testing::PostgresCopyTest {
 protected:
  void SetUp() override {
    PostgresCopyTest::SetUp();
    if (IsSkipped()) return;
    if (PostgresServer::instance().version() < 11) GTEST_SKIP() << "before 11: keys are streamed";
  }
  /// A table of 100,000 rows with a key of these columns, made of the number `i`.
  void make(const std::string& key_columns, const std::string& key, const std::string& values) {
    compared_ = key + ", i";
    stamped_ = true;
    db->exec("CREATE TABLE t (" + key_columns +
             ", i int, updated_at timestamptz NOT NULL, PRIMARY KEY (" + key +
             ")); INSERT INTO t SELECT " + values +
             ", i, '2020-01-01'::timestamptz + i * interval '1 minute' FROM generate_series(1, "
             "100000) i; "
             "ANALYZE t");
    ASSERT_EQ(copy.sync(db->socket_url(), options).exit_code(), 0);
    ASSERT_EQ(sync().strategy, "incremental");
  }
  Receipt sync() {
    const RunResult result = copy.sync(db->socket_url(), options);
    EXPECT_EQ(result.exit_code(), 0) << result.receipts.at(0).error;
    expect_equal();
    return result.receipts.at(0);
  }
  /// Every row of the source equals every living row of the copy.
  void expect_equal() {
    const auto rows = [&](const std::string& stamp, const std::string& from,
                          const std::string& collate) {
      const std::string row = "concat_ws('|', " + compared_ + (stamped_ ? ", " + stamp : "") + ")";
      return "SELECT count(*) || ' ' || md5(string_agg(" + row + ", ' ' ORDER BY " + row + collate +
             ")) FROM " + from;
    };
    const bool soft = options.defaults.deletes == Deletes::soft;
    EXPECT_EQ(copy.query(rows("epoch_us(updated_at)",
                              soft ? "public.t WHERE NOT _sluice_deleted" : "public.t", "")),
              Texts{db->value(rows("(extract(epoch FROM updated_at) * 1000000)::bigint", "t",
                                   " COLLATE \"C\""))});
  }
  void expect_deletes_are_found_cheaply() {
    db->exec("DELETE FROM t WHERE i % 1999 = 7");
    const Receipt scattered = sync();
    EXPECT_EQ(scattered.deleted, 51U);
    EXPECT_EQ(scattered.inserted + scattered.updated, 0U);
    EXPECT_LT(scattered.bytes, 100'000U);  // the keys are 1.4 MB and more
    EXPECT_EQ(sync().deleted, 0U);
    db->exec("DELETE FROM t WHERE i BETWEEN 5000 AND 5500");
    EXPECT_EQ(sync().deleted, 501U);
  }

 private:
  std::string compared_ = "id, i, coalesce(note, 'NULL')";  // columns, as SQL
  bool stamped_ = false;                                    // compares updated_at, too
};

TEST_F(PostgresDigestTest, DeletesOfIntegerKeysAreFound) {
  make("id bigint", "id", "i");
  expect_deletes_are_found_cheaply();
}

TEST_F(PostgresDigestTest, DeletesOfNegativeAndSparseKeysAreFound) {
  make("id bigint", "id", "CASE WHEN i % 2 = 0 THEN -i ELSE i * 1000000007::bigint END");
  expect_deletes_are_found_cheaply();
  db->exec(
      "INSERT INTO t VALUES (-9223372036854775808, -1, '2026-01-01'), (9223372036854775807, "
      "-2, '2026-01-01')");
  EXPECT_EQ(sync().inserted, 2U);
  db->exec("DELETE FROM t WHERE i < 0");
  EXPECT_EQ(sync().deleted, 2U);
}

/// Where the server knows that an index says all, it is what is read; keys far from the copy's, at
/// the very ends of their type, make that too long a way.
TEST_F(PostgresDigestTest, AVacuumedTableIsAskedByTheIndexOfItsKey) {
  make("id bigint", "id", "i - 50000");
  testing::PostgresSession(db->socket_url()).exec("VACUUM t");
  const std::string read = "SELECT idx_tup_read FROM pg_stat_user_indexes WHERE relname = 't'";
  const auto before = std::stoull(db->value(read));
  expect_deletes_are_found_cheaply();
  for (int i = 0; i < 200 && std::stoull(db->value(read)) < before + 300'000; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_GE(std::stoull(db->value(read)), before + 3 * (100'000 - 51 - 501));
  db->exec(
      "INSERT INTO t VALUES (-9223372036854775808, -1, '2026-01-01'), (9223372036854775807, -2, "
      "'2026-01-01')");
  EXPECT_EQ(sync().inserted, 2U);
  db->exec("DELETE FROM t WHERE i < 0 OR i = 77");
  EXPECT_EQ(sync().deleted, 3U);
  db->exec("DELETE FROM t");
  options.allow_deletes = {"*"};
  EXPECT_EQ(sync().deleted, 100'000U - 51 - 501 - 1);
}

TEST_F(PostgresDigestTest, ARangeAtTheEndOfItsTypeIsAskedWhole) {
  make("id bigint", "id", "9223372036854775807 - 100000 + i");
  testing::PostgresSession(db->socket_url()).exec("VACUUM t");
  expect_deletes_are_found_cheaply();
}

TEST_F(PostgresDigestTest, DeletesOfSmallintAndTextKeysAreFound) {
  make("a smallint, b text, \"C c\" numeric(20,3)", "\"C c\", a, b",
       "i % 7, 'key ' || i, i / 3::numeric");
  expect_deletes_are_found_cheaply();
}

TEST_F(PostgresDigestTest, DeletesOfUuidKeysAreFound) {
  make("id uuid", "id", "md5(i::text)::uuid");
  expect_deletes_are_found_cheaply();
}

/// Two-sided: what the replication key did not show is fetched.
TEST_F(PostgresDigestTest, RowsThatCameBackWithOldStampsAreFetched) {
  make("id int", "id", "i");
  db->exec("DELETE FROM t WHERE i % 1000 = 1");
  EXPECT_EQ(sync().deleted, 100U);
  db->exec(
      "INSERT INTO t SELECT i, i, '2020-01-01' FROM generate_series(1, 100000, 1000) i; "
      "DELETE FROM t WHERE i % 1000 = 3; INSERT INTO t SELECT i + 200000, i, now() FROM "
      "generate_series(1, 500) i");
  const Receipt receipt = sync();
  EXPECT_EQ(receipt.inserted, 600U);
  EXPECT_EQ(receipt.deleted, 100U);
}

TEST_F(PostgresDigestTest, SoftDeletesAreMarkedAndRowsThatReturnAreUndeleted) {
  options.defaults.deletes = Deletes::soft;
  make("id int", "id", "i");
  db->exec("DELETE FROM t WHERE i % 1000 = 1");
  EXPECT_EQ(sync().deleted, 100U);
  EXPECT_EQ(sync().deleted, 0U);
  // Rows that return share a bucket with rows that go; some return unlike what they were.
  db->exec(
      "INSERT INTO t SELECT i, i, '2020-01-01' FROM generate_series(1, 50000, 1000) i; DELETE FROM "
      "t WHERE i % 1000 = 2");
  const Receipt receipt = sync();
  EXPECT_EQ(receipt.inserted, 50U);
  EXPECT_EQ(receipt.deleted, 100U);
  EXPECT_EQ(copy.query("SELECT string_agg(i, ' ' ORDER BY i) FROM public.t WHERE _sluice_deleted"),
            copy.query("SELECT string_agg(i, ' ' ORDER BY i) FROM range(1, 100001) r(i) WHERE i % "
                       "1000 = 2 OR (i % 1000 = 1 AND i > 50000)"));
  EXPECT_EQ(copy.query("SELECT count(*) - count(DISTINCT id) FROM public.t"), Texts{"0"});
}

TEST_F(PostgresDigestTest, ChangesThatTheReplicationKeyHidesComeToLight) {
  make("id int", "id", "i");
  db->exec(
      "CREATE TABLE small AS SELECT i AS id, 'note ' || i AS note, now() AS updated_at FROM "
      "generate_series(1, 1000) i; ALTER TABLE small ADD PRIMARY KEY (id)");
  ASSERT_EQ(copy.sync(db->socket_url(), options).exit_code(), 0);
  db->exec(
      "UPDATE t SET i = -i WHERE id IN (5, 50000, 99999); UPDATE small SET note = NULL WHERE id = "
      "7");
  std::uint64_t found = 0, told = 0;
  for (int run = 0; run < 16; ++run) {
    for (const Receipt& each : copy.sync(db->socket_url(), options).receipts) {
      found += each.updated;
      for (const std::string& note : each.notes)
        told += note.find("repaired") != std::string::npos ? 1 : 0;
      EXPECT_LT(each.bytes, 2'500'000U);
    }
  }
  EXPECT_EQ(found, 4U);
  EXPECT_GE(told, 2U);
  expect_equal();
  EXPECT_EQ(copy.query("SELECT id FROM public.small WHERE note IS NULL"), Texts{"7"});
}

/// Their rows are in no order of the key, so that parts are chunks of the table.
TEST_F(PostgresDigestTest, HiddenChangesOfRowsWithOtherKeysComeToLight) {
  make("id uuid", "id", "md5(i::text)::uuid");
  ASSERT_EQ(copy.sync(db->socket_url(), options).exit_code(), 0);
  const std::string some = " WHERE i % 9999 = 5";
  db->exec("UPDATE t SET i = -i" + some + "; DELETE FROM t WHERE i = 77");
  std::uint64_t found = 0, gone = 0;
  for (int run = 0; run < 64 && found < 11; ++run) {
    const Receipt receipt = copy.sync(db->socket_url(), options).receipts.at(0);
    found += receipt.updated;
    gone += receipt.deleted;
  }
  EXPECT_EQ(found, 11U);
  EXPECT_EQ(gone, 1U);
  expect_equal();
}

TEST_F(PostgresDigestTest, ThePartThatIsComparedDeletesNothing) {
  options.defaults.delete_check.kind = Cadence::Kind::never;
  db->exec(
      "CREATE TABLE t AS SELECT i AS id, i, 'note' AS note, now() AS updated_at FROM "
      "generate_series(1, 1000) i; ALTER TABLE t ADD PRIMARY KEY (id)");
  ASSERT_EQ(copy.sync(db->socket_url(), options).exit_code(), 0);
  db->exec("DELETE FROM t WHERE id <= 10; UPDATE t SET note = 'hidden' WHERE id = 77");
  for (int run = 0; run < 16; ++run) {
    const Receipt receipt = copy.sync(db->socket_url(), options).receipts.at(0);
    EXPECT_EQ(receipt.outcome, Outcome::done);
    EXPECT_EQ(receipt.deleted, 0U);
  }
  EXPECT_EQ(copy.query("SELECT count(*) || ' ' || min(id) FROM public.t"), Texts{"1000 1"});
  EXPECT_EQ(copy.query("SELECT id FROM public.t WHERE note = 'hidden'"), Texts{"77"});
}

/// A child of a table may hold NULL where its parent must not.
TEST_F(PostgresDigestTest, ChildrenThatDroppedTheirParentsNotNullAreCompared) {
  if (PostgresServer::instance().version() >= 18) GTEST_SKIP() << "from 18 on they cannot drop it";
  db->exec(
      "CREATE TABLE t (id int NOT NULL, i int NOT NULL, note text); CREATE TABLE child () INHERITS "
      "(t); ALTER TABLE child ALTER i DROP NOT NULL; INSERT INTO t SELECT i, i FROM "
      "generate_series(1, 100) i; INSERT INTO child SELECT i, nullif(i % 3, 0) FROM "
      "generate_series(101, 200) i");
  options.tables = {"public.t"};
  options.defaults.strategy = Strategy::digest;
  for (const char* change : {"SELECT 1", "UPDATE child SET i = NULL WHERE id = 104", "SELECT 1"}) {
    db->exec(change);
    sync();
    const Verified verified = copy.verify(db->socket_url(), Sync::Repair::no, options).at(0);
    EXPECT_EQ(verified.error, "");
    EXPECT_EQ(verified.how, "digests");
    EXPECT_TRUE(verified.equal());
  }
}

/// DuckDB's text of a list or a struct is not the server's.
TEST_F(PostgresDigestTest, MissingRowsWithNestedKeysAreCompared) {
  const std::string stamp = "'2020-01-01'::timestamptz + i * interval '1 day'";
  db->exec(
      "CREATE TYPE pair AS (a int, b text); CREATE TABLE lists (id int[] PRIMARY KEY, updated_at "
      "timestamptz); CREATE TABLE pairs (n int, id pair, updated_at timestamptz, PRIMARY KEY (n, "
      "id)); INSERT INTO lists SELECT ARRAY[i, -i], " +
      stamp +
      " FROM generate_series(1, 100) i; INSERT INTO pairs SELECT i, (i, 'x, ' || i)::pair, " +
      stamp + " FROM generate_series(1, 100) i");
  ASSERT_EQ(copy.sync(db->socket_url(), options).exit_code(), 0);
  copy.damage("DELETE FROM lists WHERE id[1] = 7; DELETE FROM pairs WHERE n = 8");
  const RunResult result = copy.sync(db->socket_url(), options);
  for (const Receipt& each : result.receipts) {
    EXPECT_EQ(each.error, "");
    EXPECT_EQ(each.inserted, 1U);
    EXPECT_EQ(each.guarantee, "A");
  }
  EXPECT_EQ(copy.query("SELECT count(*) || ' ' || sum(id[1]) FROM public.lists"),
            Texts{"100 5050"});
  EXPECT_EQ(copy.query("SELECT count(*) || ' ' || sum(id.a) FROM public.pairs"), Texts{"100 5050"});
}

TEST_F(PostgresDigestTest, KeysThatMovedAreFound) {
  make("id int", "id", "i");
  db->exec("UPDATE t SET id = id + 1000000 WHERE i % 500 = 0");
  const Receipt receipt = sync();
  EXPECT_EQ(receipt.inserted, 200U);
  EXPECT_EQ(receipt.deleted, 200U);
}

TEST_F(PostgresDigestTest, ManyDeletesAreStreamed) {
  make("id int", "id", "i");
  db->exec("DELETE FROM t WHERE i % 11 = 0");
  EXPECT_EQ(sync().deleted, 9090U);
}

/// What is kept of integer keys is what the copy holds: of each bucket, its keys.
TEST_F(PostgresDigestTest, DigestsOfTheCopysKeysAreKeptWithIt) {
  make("id int", "id", "i");
  const auto expect_kept = [&] {
    const std::string cut = copy.query("SELECT state->>'digests' FROM _sluice.state").at(0);
    ASSERT_TRUE(cut.starts_with("ranges ")) << cut;
    const std::string bits = cut.substr(7, cut.find(' ', 7) - 7);
    const std::string list = "SELECT string_agg(bucket || ' ' || n, ',' ORDER BY bucket) FROM ";
    EXPECT_EQ(copy.query(list + "_sluice.digests"),
              copy.query(list + "(SELECT id >> " + bits +
                         " AS bucket, count(*) AS n FROM public.t GROUP BY ALL)"));
  };
  expect_kept();
  db->exec("DELETE FROM t WHERE i % 999 = 7 OR i BETWEEN 30000 AND 31000");
  db->exec(
      "INSERT INTO t (id, i, updated_at) SELECT i, i, now() FROM generate_series(200001, 200500) "
      "i");
  EXPECT_GT(sync().deleted, 1000U);
  expect_kept();
  sync();
  const std::string changed =
      copy.query("SELECT max(changed_at)::VARCHAR FROM _sluice.state").at(0);
  EXPECT_EQ(sync().deleted, 0U);
  EXPECT_EQ(copy.query("SELECT max(changed_at)::VARCHAR FROM _sluice.state").at(0), changed)
      << "a run without changes wrote";
  // They are what the source is compared with: of a bucket that is not as kept, keys are fetched.
  copy.damage(
      "UPDATE _sluice.digests SET s = s + 1 WHERE bucket = (SELECT min(bucket) FROM "
      "_sluice.digests)");
  const Receipt fetched = sync();
  EXPECT_GT(fetched.read, sync().read + 100);
  EXPECT_EQ(fetched.inserted + fetched.updated + fetched.deleted, 0U);
  // A destination of before they were kept.
  copy.damage("DROP TABLE _sluice.digests");
  sync();
  expect_kept();
}

/// What somebody else did to the copy shows in the number of its rows, or when it has its turn to
/// be looked at.
TEST_F(PostgresDigestTest, DigestsThatAreKeptAreNotTrustedBlindly) {
  make("id int", "id", "i");
  copy.damage("DELETE FROM public.t WHERE id % 100 = 5");
  EXPECT_EQ(sync().inserted, 1000U);
  copy.damage("UPDATE public.t SET id = -id WHERE id % 100 = 5");
  std::uint64_t deleted = 0;
  for (int runs = 0; runs < 16 && deleted == 0; ++runs) {
    const RunResult result = copy.sync(db->socket_url(), options);
    ASSERT_EQ(result.exit_code(), 0);
    deleted = result.receipts.at(0).deleted;
  }
  EXPECT_EQ(deleted, 1000U);
  expect_equal();
}

/// Whatever else writes the copy's keys puts what is kept of them out of date.
TEST_F(PostgresDigestTest, DigestsAreKeptOnlyByRunsThatCompareKeys) {
  make("id int", "id", "i");
  const std::string kept = "SELECT coalesce(state->>'digests', '') != '' FROM _sluice.state";
  EXPECT_EQ(copy.query(kept), Texts{"true"});
  options.full = true;
  db->exec("DELETE FROM t WHERE i = 7");
  sync();
  EXPECT_EQ(copy.query(kept), Texts{"false"});
  options.full = false;
  sync();
  EXPECT_EQ(copy.query(kept), Texts{"true"});
  options.defaults.deletes = Deletes::ignore;
  db->exec("INSERT INTO t (id, i, updated_at) VALUES (500000, 1, now())");
  sync();
  EXPECT_EQ(copy.query(kept), Texts{"false"});
}

TEST_F(PostgresDigestTest, ARowThatComesBackTakesThePlaceOfTheOneMarkedDeleted) {
  db->exec(
      "CREATE TABLE t (id text PRIMARY KEY, i int); INSERT INTO t SELECT 'k' || i, i FROM "
      "generate_series(1, 5000) i");
  options.defaults.deletes = Deletes::soft;
  options.defaults.strategy = Strategy::digest;
  for (const char* change :
       {"SELECT 1", "DELETE FROM t WHERE i = 7", "INSERT INTO t VALUES ('k7', 7)"}) {
    db->exec(change);
    ASSERT_EQ(copy.sync(db->socket_url(), options).exit_code(), 0);
  }
  EXPECT_EQ(copy.query("SELECT _sluice_deleted::VARCHAR FROM public.t WHERE id = 'k7'"),
            Texts{"false"});
  EXPECT_EQ(copy.query("SELECT count(*)::VARCHAR FROM public.t"), Texts{"5000"});
}

/// No replication key, or no key at all: what differs travels, and nothing else.
TEST_F(PostgresDigestTest, StrategyDigestFindsEveryChange) {
  db->exec(
      "CREATE TABLE t (id int PRIMARY KEY, i int, note text); INSERT INTO t SELECT i, i, 'note ' "
      "|| "
      "i FROM generate_series(1, 100000) i; CREATE TABLE bag AS SELECT i % 50000 AS i, 'note ' || "
      "i "
      "% 50000 AS note FROM generate_series(1, 100000) i");
  options.defaults.strategy = Strategy::digest;
  const auto run = [&] {
    RunResult result = copy.sync(db->socket_url(), options);
    EXPECT_EQ(result.exit_code(), 0);
    expect_equal();
    for (const Verified& each : copy.verify(db->socket_url(), Sync::Repair::no, options))
      EXPECT_TRUE(each.equal()) << each.table.text();
    return result.receipts;
  };
  run();
  for (const Receipt& each : run()) {
    EXPECT_EQ(each.strategy, "digest");
    EXPECT_EQ(each.guarantee, "A");
    EXPECT_EQ(each.read, 0U);
    EXPECT_LT(each.bytes, 100'000U);
  }
  db->exec(
      "UPDATE t SET note = 'other' WHERE id = 70; DELETE FROM t WHERE id = 99000; INSERT INTO t "
      "VALUES (-8, -8, NULL); INSERT INTO bag VALUES (7, 'note 7'), (8, NULL); DELETE FROM bag "
      "WHERE "
      "i = 9");
  const auto receipts = run();
  EXPECT_EQ(receipts[0].inserted, 2U);  // bag
  EXPECT_EQ(receipts[0].deleted, 2U);
  EXPECT_EQ(receipts[1].inserted, 1U);  // t
  EXPECT_EQ(receipts[1].updated, 1U);
  EXPECT_EQ(receipts[1].deleted, 1U);
  EXPECT_LT(receipts[1].read, 5'000U);
}

}  // namespace
}  // namespace sluice
