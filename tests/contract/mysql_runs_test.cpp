// SPDX-License-Identifier: Apache-2.0
// Runs against a real server: the ways in which published connectors lose or invent rows, each a
// test with the name of its class, and what only MySQL does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/mysql_copy_test.h"

namespace sluice {
namespace {

using ::testing::HasSubstr;
using testing::MysqlSession;
using testing::Texts;

using MysqlRuns = testing::MysqlCopyTest;

TEST_F(MysqlRuns, NoKeyCollapse) {
  db->exec(
      "CREATE TABLE t (a int, b text); INSERT INTO t VALUES (1, 'x'), (1, 'x'), (2, NULL), "
      "(3, ''), (NULL, NULL)");
  EXPECT_EQ(sync_one().inserted, 5U);
  db->exec("INSERT INTO t VALUES (1, 'x')");
  EXPECT_EQ(sync_one().inserted, 1U);
  expect_equal("t", "a, b");
  db->exec("DELETE FROM t WHERE a = 1 LIMIT 2");
  EXPECT_EQ(sync_one().deleted, 2U);
  expect_equal("t", "a, b");
}

TEST_F(MysqlRuns, RowsBeforeAnyConstantDateAndWithoutAStampAreRead) {
  db->exec(
      "CREATE TABLE t (id int PRIMARY KEY, updated_at datetime NULL); INSERT INTO t VALUES "
      "(1, '1971-01-01'), (2, '2025-10-01'), (3, NULL), (4, '9999-12-31 23:59:59')");
  EXPECT_EQ(sync_one().inserted, 4U);
  db->exec(
      "INSERT INTO t VALUES (5, NULL), (6, now()); UPDATE t SET updated_at = now() WHERE id = 1");
  const Receipt receipt = sync_one();
  EXPECT_EQ(receipt.strategy, "incremental");
  EXPECT_EQ(receipt.inserted, 2U);
  EXPECT_EQ(receipt.updated, 1U);
  expect_equal("t", "id");
}

/// The cursor is what the server wrote, whichever zone it lives in; never this machine's clock.
TEST_F(MysqlRuns, ClockAndZoneAreTheServers) {
  for (const char* zone : {"-11:00", "+13:00"}) {
    db->exec(std::string("SET GLOBAL time_zone = '") + zone + "'");
    MysqlSession writer = db->session();
    writer.exec(
        "DROP TABLE IF EXISTS t; CREATE TABLE t (id int PRIMARY KEY, n int, updated_at "
        "datetime DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP); INSERT INTO t "
        "(id, n) VALUES (1, 1), (2, 2)");
    sync_one();
    for (int i = 0; i < 3; ++i) {
      writer.exec("UPDATE t SET n = n + 10 WHERE id = 1; INSERT INTO t (id, n) VALUES (" +
                  std::to_string(10 + i) + ", 0)");
      const Receipt receipt = sync_one([](TableOptions& each) { each.deletes = Deletes::ignore; });
      EXPECT_EQ(receipt.error, "");
      expect_equal("t", "id, n");
    }
    db->exec("SET GLOBAL time_zone = 'SYSTEM'");
  }
}

/// Six rows in a year: what lies between them costs nothing.
TEST_F(MysqlRuns, AYearOfEmptyTimeCostsAHandfulOfQueries) {
  db->exec(
      "CREATE TABLE t (id int PRIMARY KEY, updated_at timestamp NULL, KEY (updated_at)); "
      "INSERT INTO t SELECT i, now() - interval i * 60 day FROM (SELECT 1 AS i UNION SELECT 2 "
      "UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6) s");
  const auto six_hours = [](TableOptions& each) { each.window = std::chrono::hours(6); };
  log_statements();
  EXPECT_EQ(sync_one(six_hours).inserted, 6U);
  const std::size_t first = logged("`t`").size();
  EXPECT_EQ(sync_one(six_hours).strategy, "incremental");
  const std::size_t both = logged("`t`").size();
  EXPECT_GE(first, 1U);
  EXPECT_LE(first, 10U);
  EXPECT_LE(both - first, 10U);
}

TEST_F(MysqlRuns, WithoutAReplicationKeyNothingIsWrittenTwiceAndDeletesAreFound) {
  db->exec(
      "CREATE TABLE t (id int PRIMARY KEY, a text); INSERT INTO t VALUES (1, 'x'), (2, 'y'), "
      "(3, 'z')");
  EXPECT_EQ(sync_one().inserted, 3U);
  const Receipt quiet = sync_one();
  EXPECT_EQ(quiet.inserted + quiet.updated + quiet.deleted, 0U);
  db->exec("DELETE FROM t WHERE id = 2; UPDATE t SET a = 'new' WHERE id = 3");
  const Receipt changed = sync_one();
  EXPECT_EQ(changed.deleted, 1U);
  EXPECT_EQ(changed.updated, 1U);
  expect_equal("t", "id, a");
}

TEST_F(MysqlRuns, UnquotedIdentifiers) {
  const std::vector<std::string> names{"order", "key",   "desc", "my table", "a`b",
                                       "it's",  "größe", "a\"b", "%s",       "a.b"};
  for (const std::string& name : names) {
    std::string quoted;
    for (const char each : name) quoted += each == '`' ? "``" : std::string(1, each);
    db->exec("CREATE TABLE `" + quoted + "` (`select` int PRIMARY KEY, `" + quoted +
             "` varchar(20), `Updated_At` timestamp NULL); INSERT INTO `" + quoted +
             "` VALUES (1, 'one', now()), (2, 'two', NULL)");
  }
  const RunResult first = sync();
  EXPECT_EQ(first.exit_code(), 0);
  EXPECT_EQ(first.receipts.size(), names.size());
  for (const Receipt& each : sync().receipts) {
    EXPECT_EQ(each.strategy, "incremental") << each.table.text() << each.error;
    EXPECT_EQ(copy.query("SELECT count(*)::VARCHAR FROM public." + duck::quoted(each.table.name)),
              Texts{"2"});
  }
}

/// A bulk update gives all rows the same stamp, which has no fraction; the run reads in its second.
TEST_F(MysqlRuns, TieAtTheMark) {
  db->exec(
      "CREATE TABLE t (id int PRIMARY KEY AUTO_INCREMENT, n int, updated_at timestamp DEFAULT "
      "CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP)");
  for (int i = 0; i < 8; ++i) {
    db->exec("INSERT INTO t (n) VALUES (1), (2), (3); UPDATE t SET n = n + 1 WHERE id % 3 = " +
             std::to_string(i % 3));
    EXPECT_EQ(sync_one([](TableOptions& each) {
                each.deletes = Deletes::ignore;
                each.overlap = std::chrono::seconds(0);
              }).error,
              "");
    expect_equal("t", "id, n");
  }
}

TEST_F(MysqlRuns, LateCommit) {
  db->exec(
      "CREATE TABLE t (id int PRIMARY KEY, updated_at timestamp(6) NOT NULL DEFAULT "
      "CURRENT_TIMESTAMP(6)); INSERT INTO t (id) VALUES (1)");
  sync_one();
  MysqlSession late = db->session();
  late.exec("START TRANSACTION; INSERT INTO t (id) VALUES (2)");
  db->exec("DO sleep(1.1); INSERT INTO t (id) VALUES (3)");
  const auto by_mark_alone = [](TableOptions& each) {
    each.deletes = Deletes::ignore;
    each.overlap = std::chrono::seconds(0);
  };
  const Receipt waits = sync_one(by_mark_alone);
  EXPECT_EQ(waits.inserted, 1U);
  const Receipt told = sync_one(by_mark_alone);
  EXPECT_THAT(::testing::PrintToString(told.notes),
              HasSubstr("session " + std::to_string(late.id())));
  late.exec("COMMIT");
  EXPECT_EQ(sync_one(by_mark_alone).inserted, 1U);
  expect_equal("t", "id");
}

/// A truncated, altered or re-created table is compared once, whatever its stamps say.
TEST_F(MysqlRuns, WhatReplacesATableIsSeen) {
  const std::string create =
      "CREATE TABLE t (id int PRIMARY KEY, n int, updated_at timestamp NOT NULL); INSERT INTO t "
      "VALUES (1, 1, '2020-01-01'), (2, 2, '2020-01-02'), (3, 3, '2020-01-03')";
  db->exec(create);
  sync_one();
  db->exec("DO sleep(1.1); DROP TABLE t; " + create +
           "; UPDATE t SET n = 20, updated_at = "
           "'2019-01-01' WHERE id = 2");
  EXPECT_EQ(sync_one().updated, 1U);
  expect_equal("t", "id, n");
  // Here nothing is told but another number of the table, if one may see that.
  db->exec(
      "TRUNCATE t; INSERT INTO t VALUES (1, 1, '2020-01-01'), (2, 3, '2019-01-01'), (3, 3, "
      "'2020-01-03')");
  EXPECT_EQ(sync_one().updated, 1U);
  expect_equal("t", "id, n");
  db->exec(
      "DO sleep(1.1); ALTER TABLE t ADD note varchar(9) NOT NULL DEFAULT 'old', MODIFY n "
      "bigint");
  EXPECT_EQ(sync_one().error, "");
  expect_equal("t", "id, n, note");
  EXPECT_EQ(copy.query("SELECT typeof(n) FROM public.t LIMIT 1"), Texts{"BIGINT"});
}

TEST_F(MysqlRuns, ModesMarksAndChoicesAreThoseOfEverySource) {
  db->exec(
      "CREATE TABLE t (id int PRIMARY KEY, n int, updated_at timestamp(6) NOT NULL DEFAULT "
      "CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6)); INSERT INTO t (id, n) VALUES (1, "
      "1), (2, 2), (3, 3)");
  options.defaults.deletes = Deletes::soft;
  options.defaults.where = "id < 100";
  sync_one();
  db->exec(
      "DELETE FROM t WHERE id = 1; UPDATE t SET n = 22 WHERE id = 2; INSERT INTO t (id, n) "
      "VALUES (100, 0)");
  const Receipt receipt = sync_one();
  EXPECT_EQ(receipt.inserted, 0U);
  EXPECT_EQ(receipt.updated, 1U);
  EXPECT_EQ(receipt.deleted, 1U);
  EXPECT_EQ(copy.query("SELECT id || ' ' || n || ' ' || _sluice_deleted FROM public.t ORDER BY id"),
            (Texts{"1 1 true", "2 22 false", "3 3 false"}));
  db->exec("INSERT INTO t (id, n) VALUES (1, 11)");
  EXPECT_EQ(sync_one().error, "");
  EXPECT_EQ(copy.query("SELECT id || ' ' || n || ' ' || _sluice_deleted FROM public.t ORDER BY id"),
            (Texts{"1 11 false", "2 22 false", "3 3 false"}));
}

/// A view's reader has no right to know how the server would read it.
TEST_F(MysqlRuns, AViewIsReadWithTheRightToReadItAlone) {
  db->exec(
      "CREATE TABLE t (id int PRIMARY KEY, n int, updated_at timestamp(6) NOT NULL DEFAULT "
      "CURRENT_TIMESTAMP(6)); INSERT INTO t (id, n) VALUES (1, 1), (2, 2), (3, 3); CREATE VIEW v "
      "AS SELECT * FROM t");
  const std::string reader = "v" + db->name().substr(db->name().size() - 8);
  db->server().create_user(reader, "its own", "SELECT ON " + db->name() + ".v");
  options.tables = {db->name() + ".v"};
  options.defaults.key = {"id"};
  options.defaults.where = "n > 1";
  const auto run = [&] { return copy.sync(db->socket_url(reader), options).receipts.at(0); };
  EXPECT_EQ(run().inserted, 2U);
  db->exec("UPDATE t SET n = 22, updated_at = now(6) WHERE id = 2");
  const Receipt later = run();
  EXPECT_EQ(later.error, "");
  EXPECT_EQ(later.strategy, "incremental");
  EXPECT_EQ(later.updated, 1U);
}

TEST_F(MysqlRuns, AColumnThatMayNoLongerBeReadIsNotTakenForDropped) {
  db->exec(
      "CREATE TABLE t (id int PRIMARY KEY, price int, updated_at timestamp(6) NOT NULL DEFAULT "
      "CURRENT_TIMESTAMP(6)); INSERT INTO t (id, price) VALUES (1, 10), (2, 20)");
  const std::string reader = "c" + db->name().substr(db->name().size() - 8);
  db->server().create_user(reader, "its own", "SELECT ON " + db->name() + ".t");
  const auto run = [&] { return copy.sync(db->socket_url(reader), options).receipts.at(0); };
  EXPECT_EQ(run().inserted, 2U);
  db->server().create_user(reader, "its own", "SELECT (id, updated_at) ON " + db->name() + ".t");
  db->exec("UPDATE t SET price = 11, updated_at = now(6) WHERE id = 1");
  const Receipt refused = run();
  EXPECT_EQ(refused.outcome, Outcome::refused);
  EXPECT_THAT(refused.error, HasSubstr("column price can no longer be seen"));
  EXPECT_EQ(copy.query("SELECT price::VARCHAR FROM public.t ORDER BY id"), (Texts{"10", "20"}));
  db->server().create_user(reader, "its own", "SELECT ON " + db->name() + ".t");
  EXPECT_EQ(run().updated, 1U);
  EXPECT_EQ(copy.query("SELECT price::VARCHAR FROM public.t ORDER BY id"), (Texts{"11", "20"}));
}

TEST_F(MysqlRuns, AStartMayHaveAZone) {
  db->exec(
      "SET time_zone = '+00:00'; CREATE TABLE t (id int PRIMARY KEY, updated_at timestamp NULL); "
      "INSERT INTO t VALUES (1, '2023-11-19 21:59:59'), (2, '2023-11-19 22:00:00')");
  options.defaults.start = "2023-11-20T00:00:00+02:00";
  EXPECT_EQ(sync_one().inserted, 1U);
  EXPECT_EQ(copy.query("SELECT id::VARCHAR FROM public.t"), Texts{"2"});
}

TEST_F(MysqlRuns, ManyDeletesAreBraked) {
  db->exec(
      "CREATE TABLE t (id int PRIMARY KEY AUTO_INCREMENT, updated_at timestamp NULL); INSERT INTO "
      "t "
      "(updated_at) VALUES (now())");
  for (int i = 0; i < 11; ++i) db->exec("INSERT INTO t (updated_at) SELECT now() FROM t");
  EXPECT_EQ(sync_one().inserted, 2048U);
  db->exec("DELETE FROM t");
  EXPECT_THAT(sync_one().error, HasSubstr("would be deleted"));
  EXPECT_EQ(copy.query("SELECT count(*)::VARCHAR FROM public.t"), Texts{"2048"});
  options.allow_deletes = {"*"};
  EXPECT_EQ(sync_one().deleted, 2048U);
}

}  // namespace
}  // namespace sluice
