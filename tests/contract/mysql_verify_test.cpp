// SPDX-License-Identifier: Apache-2.0
// Verification finds every planted difference and nothing else; repair mends just that.
#include <gmock/gmock.h>

#include <string>
#include <utility>

#include "support/mysql_copy_test.h"

namespace sluice {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::Texts;

class MysqlVerifyTest : public testing::MysqlCopyTest {
 protected:
  void SetUp() override {
    MysqlCopyTest::SetUp();
    if (IsSkipped()) return;
    options.exclude = {"*.seq"};
    db->exec("SET time_zone = '+00:00'");
    db->make_seq(60'000);
  }
  void make_table() {
    db->exec(
        "CREATE TABLE t (id int PRIMARY KEY, n int, u bigint unsigned, price decimal(12,2), wide "
        "decimal(65,30), note varchar(60), old varchar(60) CHARACTER SET latin1, long_note text, d "
        "date, dt datetime(6), at timestamp(6) NULL, span time(6), raw varbinary(9), big blob, f "
        "double, g float, flags bit(10), mood enum('ok', 'bad')); INSERT INTO t SELECT i, i % 100, "
        "18446744073709551615 - i, i / 7, i / 7, CASE WHEN i % 5 > 0 THEN concat('caf\u00e9 ', i) "
        "END, concat('caf\u00e9 ', i), concat('long ', i), '2026-01-01' + INTERVAL i % 300 DAY, "
        "'2026-01-01' + INTERVAL i MINUTE, '2026-01-01' + INTERVAL i MINUTE, '-01:02:03.000004', "
        "x'00ff', concat(x'00ff', i), i / 3e0, i / 3e0, i % 1000, 'ok' FROM seq WHERE i <= 6000");
    ASSERT_EQ(sync().exit_code(), 0);
    ASSERT_TRUE(verify().at(0).equal()) << verify().at(0).error;
  }
  /// One row was damaged; verification names it and the columns, repair mends it.
  void expect_found(const std::string& damage, const std::string& example) {
    SCOPED_TRACE(damage);
    copy.damage(damage);
    const Verified found = verify().at(0);
    EXPECT_EQ(found.how, "digests");
    EXPECT_EQ(found.missing + found.extra + found.changed, 1U);
    EXPECT_THAT(found.examples, ElementsAre(example));
    EXPECT_TRUE(verify(Sync::Repair::yes).at(0).repaired);
    EXPECT_TRUE(verify().at(0).equal());
  }
};

TEST_F(MysqlVerifyTest, EveryPlantedDifferenceIsFoundAndRepaired) {
  make_table();
  const std::pair<const char*, const char*> changes[] = {
      {"n", "xor(n, 1)"},
      {"u", "u - 1"},
      {"price", "-price"},
      {"wide", "wide || '0'"},
      {"note", "NULL"},
      {"note", "'cafe\u0301 ' || id"},
      {"note", "note || ' '"},
      {"note", "upper(note)"},
      {"old", "'cafe ' || id"},
      {"long_note", "upper(long_note)"},
      {"long_note", "''"},
      {"d", "d + 1"},
      {"dt", "dt + INTERVAL 1 MICROSECOND"},
      {"at", "\"at\" - INTERVAL 1 MICROSECOND"},
      {"span", "-span"},
      {"raw", "'\\x00\\xFE'::BLOB"},
      {"raw", "NULL"},
      {"raw", "''::BLOB"},
      {"big", "big || '\\x00'::BLOB"},
      {"f", "nextafter(f, 1e300)"},
      {"g", "nextafter(g, 1e30::FLOAT)"},
      {"flags", "set_bit(flags, 0, 1 - get_bit(flags, 0))"},
      {"mood", "'bad'"}};
  int id = 76;
  for (const auto& [column, value] : changes) {
    const std::string row = std::to_string(++id % 5 == 0 ? ++id : id);  // whose note is not NULL
    expect_found(std::string("UPDATE t SET \"") + column + "\" = " + value + " WHERE id = " + row,
                 "id " + row + ": differs in " + column);
  }
  expect_found("UPDATE t SET note = '' WHERE id = 200", "id 200: differs in note");
  expect_found("UPDATE t SET note = 'N' WHERE id = 205", "id 205: differs in note");
  // What follows must not do for what goes before.
  expect_found("UPDATE t SET note = NULL, old = 'N,' || old WHERE id = 206",
               "id 206: differs in note, old");
  expect_found("DELETE FROM t WHERE id = 288", "id 288: only at the source");
  expect_found("INSERT INTO t (id) VALUES (-5)", "id -5: only in the copy");
  expect_found("INSERT INTO t SELECT * FROM t WHERE id = 289",
               "id 289: more than once in the copy");
}

TEST_F(MysqlVerifyTest, ValuesSwappedBetweenRowsOrColumnsAreFound) {
  make_table();
  copy.damage("UPDATE t SET n = CASE id WHEN 101 THEN 2 ELSE 1 END WHERE id IN (101, 102)");
  const Verified found = verify().at(0);
  EXPECT_EQ(found.changed, 2U);
  EXPECT_THAT(found.examples, ElementsAre("id 101: differs in n", "id 102: differs in n"));
  EXPECT_EQ(found.how, "digests");
  EXPECT_LT(found.bytes, 400'000U);  // the table is 2 MB
  EXPECT_TRUE(verify(Sync::Repair::yes).at(0).repaired);
  expect_found("UPDATE t SET note = old || 'x', old = note WHERE id = 301",
               "id 301: differs in note");
}

TEST_F(MysqlVerifyTest, RowsWithoutAKeyAreAMultiset) {
  db->exec(
      "CREATE TABLE bag (n int, note varchar(40), at datetime); INSERT INTO bag SELECT i % 1000, "
      "concat('row ', i % 1000), IF(i % 2, NULL, '2026-01-01') FROM seq WHERE i <= 5000");
  ASSERT_EQ(sync().exit_code(), 0);
  ASSERT_TRUE(verify().at(0).equal());
  // A duplicate more, another one less: every count is as before.
  copy.damage(
      "INSERT INTO bag SELECT * FROM bag WHERE n = 5 LIMIT 1; DELETE FROM bag WHERE rowid = "
      "(SELECT rowid FROM bag WHERE n = 6 LIMIT 1)");
  const Verified found = verify().at(0);
  EXPECT_EQ(found.how, "digests");
  EXPECT_EQ(found.missing, 1U);
  EXPECT_EQ(found.extra, 1U);
  EXPECT_TRUE(verify(Sync::Repair::yes).at(0).repaired);
  EXPECT_TRUE(verify().at(0).equal());
}

TEST_F(MysqlVerifyTest, WhereStartAndColumnsAreRespected) {
  db->exec(
      "CREATE TABLE t (id int PRIMARY KEY, n int, f double, at timestamp NULL); INSERT INTO t "
      "SELECT "
      "i, i % 100, 0, '2026-01-01' + INTERVAL i MINUTE FROM seq WHERE i <= 20000");
  options.defaults.where = "id % 2 = 0 -- even";
  options.defaults.exclude_columns = {"f"};
  options.defaults.replication_key = "at";
  options.defaults.start = "2026-01-05 00:00:00+00";
  ASSERT_EQ(sync().exit_code(), 0);
  Verified found = verify().at(0);
  EXPECT_TRUE(found.equal()) << found.error;
  EXPECT_EQ(found.rows, 7121U);
  db->exec("UPDATE t SET f = 1; UPDATE t SET n = -1 WHERE id IN (3, 4, 10001, 10002)");
  found = verify().at(0);
  EXPECT_THAT(found.examples, ElementsAre("id 10002: differs in n"));
}

/// By digests, under the snapshot that the run read: an incremental run cannot see this damage.
TEST_F(MysqlVerifyTest, ARunThatEndsVerifiedFindsDamageInTheWarehouse) {
  db->exec(
      "CREATE TABLE t (id int PRIMARY KEY, note varchar(40), at timestamp(6) NULL, KEY (at)); "
      "INSERT "
      "INTO t SELECT i, concat('note ', i), '2026-01-01' + INTERVAL i MINUTE FROM seq WHERE i <= "
      "30000");
  options.defaults.replication_key = "at";
  options.verify_after_run = true;
  ASSERT_EQ(sync().exit_code(), 0);
  const RunResult clean = sync();
  ASSERT_EQ(clean.receipts.at(0).strategy, "incremental");
  ASSERT_TRUE(clean.receipts.at(0).verified);
  EXPECT_TRUE(clean.receipts.at(0).verified->equal());
  EXPECT_EQ(clean.receipts.at(0).verified->rows, 30'000U);
  RunResult found;
  // One run in many compares a part by itself, and mends this; not two in a row.
  for (int run = 0; run < 2 && found.exit_code() != 4; ++run) {
    copy.damage("UPDATE t SET note = 'bent' WHERE id = 77");
    found = sync();
  }
  EXPECT_EQ(found.exit_code(), 4);
  ASSERT_TRUE(found.receipts.at(0).verified);
  EXPECT_THAT(found.receipts.at(0).verified->examples, ElementsAre("id 77: differs in note"));
  EXPECT_EQ(found.receipts.at(0).verified->how, "digests");
}

/// Whatever the key is, a sample of an equal copy is equal, and of a copy that differs everywhere,
/// every row that it says it compared is found.
TEST_F(MysqlVerifyTest, ASampleIsWhatItSaysItIs) {
  struct Keyed {
    const char *name, *type, *key;
  };
  const std::vector<Keyed> tables{
      {"even", "int", "i"},
      {"negative", "bigint", "-i"},
      {"gaps", "bigint", "i * 1000003 - 7000000000"},
      {"huge", "bigint unsigned", "18446744073709551615 - i"},
      {"hashes", "char(32)", "md5(i)"},
      {"latin", "varchar(40) CHARACTER SET latin1", "concat('k\u00e9y ', i)"},
      {"bytes", "binary(16)", "unhex(md5(i))"},
      {"exact", "decimal(20,3)", "i / 8"},
      {"moments", "datetime(3)", "'2026-01-01' + INTERVAL i SECOND"},
      {"bag", "int", "i DIV 2"}};
  for (const Keyed& each : tables) {
    db->exec(std::string("CREATE TABLE ") + each.name + " (id " + each.type +
             " NOT NULL, n int, note varchar(40)" +
             (std::string(each.name) == "bag" ? "" : ", PRIMARY KEY (id)") + "); INSERT INTO " +
             each.name + " SELECT " + each.key +
             ", i, concat('note ', i) FROM seq WHERE i <= 30000");
  }
  ASSERT_EQ(sync().exit_code(), 0);
  for (const double percent : {1.0, 30.0, 100.0}) {
    for (const Verified& each : verify(Sync::Repair::no, percent)) {
      SCOPED_TRACE(each.table.name + " " + std::to_string(percent));
      EXPECT_TRUE(each.equal()) << each.error;
      EXPECT_EQ(each.how, "digests");
      EXPECT_EQ(each.rows, 30'000U);
      EXPECT_LE(each.compared, 30'000U);
      if (percent == 100) {
        EXPECT_EQ(each.compared, 30'000U);
      } else {
        EXPECT_LT(each.compared, 20'000U);
      }
    }
  }
  for (const Keyed& each : tables) copy.damage(std::string("UPDATE ") + each.name + " SET n = -n");
  for (const double percent : {1.0, 60.0, 100.0}) {
    for (const Verified& each : verify(Sync::Repair::no, percent)) {
      SCOPED_TRACE(each.table.name + " " + std::to_string(percent));
      EXPECT_EQ(each.error, "");
      if (each.table.name == "bag") continue;  // by what its rows are, they are other rows
      EXPECT_EQ(each.changed, each.compared);
      EXPECT_EQ(each.missing + each.extra, 0U);
    }
  }
}

TEST_F(MysqlVerifyTest, WhatIsNotACopyIsRefused) {
  db->exec("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)");
  ASSERT_EQ(sync().exit_code(), 0);
  db->exec("ALTER TABLE t ADD COLUMN fresh int");
  const Verified found = verify().at(0);
  EXPECT_FALSE(found.equal());
  EXPECT_THAT(found.error, HasSubstr("there is no copy of the table as it is now"));
  EXPECT_EQ(found.hint, "sync first");
}

/// No replication key, or no key at all: what differs travels, and nothing else.
TEST_F(MysqlVerifyTest, StrategyDigestFindsEveryChange) {
  db->exec(
      "CREATE TABLE t (id int PRIMARY KEY, i int, note varchar(40)); INSERT INTO t SELECT i, i, "
      "concat('note ', i) FROM seq WHERE i <= 30000; CREATE TABLE bag (i int, note varchar(40)); "
      "INSERT INTO bag "
      "SELECT "
      "i % 10000, concat('note ', i % 10000) FROM seq WHERE i <= 30000");
  options.defaults.strategy = Strategy::digest;
  const auto run = [&] {
    RunResult result = sync();
    EXPECT_EQ(result.exit_code(), 0);
    for (const Verified& each : verify()) {
      EXPECT_TRUE(each.equal()) << each.table.text();
      EXPECT_EQ(each.how, "digests");
    }
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
      "UPDATE t SET note = 'other' WHERE id = 70; DELETE FROM t WHERE id = 29000; INSERT INTO t "
      "VALUES (-8, -8, NULL); INSERT INTO bag VALUES (7, 'note 7'), (8, NULL); DELETE FROM bag "
      "WHERE i = 9");
  const auto receipts = run();
  EXPECT_EQ(receipts[0].inserted, 2U);  // bag
  EXPECT_EQ(receipts[0].deleted, 3U);
  EXPECT_EQ(receipts[1].inserted, 1U);  // t
  EXPECT_EQ(receipts[1].updated, 1U);
  EXPECT_EQ(receipts[1].deleted, 1U);
  EXPECT_LT(receipts[1].read, 5'000U);
  EXPECT_EQ(copy.query("SELECT note FROM public.t WHERE id IN (70, -8) ORDER BY id"),
            (Texts{"NULL", "other"}));
}

/// Keys of every kind; rows that the replication key does not show are fetched.
TEST_F(MysqlVerifyTest, DeletesAreFoundWhateverTheKeyIs) {
  struct Keyed {
    std::string columns, key, values;
  };
  const std::vector<Keyed> all{
      {"id int", "id", "i"},
      {"id bigint", "id", "IF(i % 2, i * 1000000007, -i)"},
      {"id bigint unsigned", "id", "18446744073709551615 - i * 3"},
      {"id char(36)", "id",
       "insert(insert(insert(insert(md5(i), 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-')"},
      {"id binary(16)", "id", "unhex(md5(i))"},
      {"id varchar(60)", "id", "concat('\u00c4 Key''s \\\\ ', i)"},
      {"id varchar(60) CHARACTER SET gbk", "id", "concat('\u4e2d\u6587 ', i)"},
      {"a smallint, b varchar(40) COLLATE utf8mb4_bin, `C ``c` decimal(20,3)", "`C ``c`, a, b",
       "i % 7, concat('key ', i), i / 4"},
      {"a date, b bit(20), c time(3), d double, e float", "a, b, c, d, e",
       "'2026-01-01' + INTERVAL i % 100 DAY, i, sec_to_time(i % 1000 + 0.5), i / 3e0, i / 7e0"},
      {"a enum('z', 'b', 'x'), b int", "a, b", "i % 3 + 1, i"},
  };
  for (const Keyed& each : all) {
    SCOPED_TRACE(each.columns);
    const testing::Copy target;
    db->exec(
        "DROP TABLE IF EXISTS t; CREATE TABLE t (" + each.columns +
        ", i int, updated_at timestamp(6) NOT NULL DEFAULT '2020-01-01 00:00:00', PRIMARY KEY (" +
        each.key + "), KEY (updated_at)); INSERT INTO t SELECT " + each.values +
        ", i, '2020-01-01' + INTERVAL i MINUTE FROM seq; ANALYZE TABLE t");
    const auto run = [&] {
      const RunResult result = target.sync(db->socket_url(), options);
      EXPECT_EQ(result.exit_code(), 0) << result.receipts.at(0).error;
      EXPECT_EQ(target.query(
                    "SELECT count(*) || ' ' || sum(i) || ' ' || sum(i::BIGINT * i) FROM public.t"),
                Texts{db->value(
                    "SELECT concat_ws(' ', count(*), sum(i), sum(cast(i as signed) * i)) FROM t")});
      return result.receipts.at(0);
    };
    run();
    EXPECT_EQ(run().strategy, "incremental");
    db->exec("DELETE FROM t WHERE i % 1999 = 7");
    const Receipt scattered = run();
    EXPECT_EQ(scattered.deleted, 31U);
    EXPECT_EQ(scattered.inserted + scattered.updated, 0U);
    EXPECT_EQ(run().deleted, 0U);
    db->exec("DELETE FROM t WHERE i BETWEEN 5000 AND 5100");
    EXPECT_EQ(run().deleted, 101U);
    db->exec("INSERT INTO t SELECT " + each.values +
             ", i, '2020-01-01' FROM seq WHERE i BETWEEN 5003 AND 5007");
    EXPECT_EQ(run().inserted, 5U);
    EXPECT_TRUE(target.verify(db->socket_url(), Sync::Repair::no, options).at(0).equal());
  }
}

}  // namespace
}  // namespace sluice
