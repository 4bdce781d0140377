// SPDX-License-Identifier: Apache-2.0
// Rows that were stamped before a mark and commit after it: which transactions hold a mark back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>

#include "connectors/mysql/witness.h"
#include "mysql_source_fixture.h"

namespace sluice {
namespace {

using ::testing::HasSubstr;
using testing::MysqlSession;

class MysqlLateCommits : public MysqlSourceTest {
 protected:
  void SetUp() override {
    MysqlSourceTest::SetUp();
    if (IsSkipped()) return;
    db->exec(
        "CREATE TABLE t (id int PRIMARY KEY, updated_at timestamp(6) NOT NULL DEFAULT "
        "CURRENT_TIMESTAMP(6))");
    from = source();
    tables = from->discover({}).tables;
  }
  std::string witness() { return from->snapshot(tables)->witness(); }
  bool settled(const std::string& text) { return from->snapshot(tables)->settled(text); }

  std::unique_ptr<Source> from;
  std::vector<Table> tables;
};

TEST_F(MysqlLateCommits, AMarkIsSafeOnlyWhenEveryTransactionOfItsTimeHasEnded) {
  MysqlSession reading = db->session();
  reading.exec("START TRANSACTION; SELECT * FROM t");  // may still write
  MysqlSession writing = db->session();
  writing.exec("START TRANSACTION; INSERT INTO t (id) VALUES (1)");
  const std::string first = witness();
  EXPECT_FALSE(settled(first));
  writing.exec("COMMIT");
  EXPECT_FALSE(settled(first));
  reading.exec("COMMIT");
  EXPECT_TRUE(settled(first));
}

/// What a run could not see for once, the next one may: the mark waits.
TEST_F(MysqlLateCommits, WhoCannotLookForOnceSettlesNothing) {
  MysqlSession writing = db->session();
  writing.exec("START TRANSACTION; INSERT INTO t (id) VALUES (1)");
  const std::string held = witness();
  writing.exec("COMMIT");
  mysql::Witness blind;
  blind.why_not = "another program asks all the time";
  EXPECT_TRUE(mysql::settled(held, blind)) << "for good: the overlap is all there is";
  blind.passing = true;
  EXPECT_FALSE(mysql::settled(held, blind));
  EXPECT_TRUE(mysql::settled(mysql::Witness().text(), blind)) << "nothing was open";
}

TEST_F(MysqlLateCommits, ATransactionBegunLaterHoldsNothingBack) {
  const std::string first = witness();
  MysqlSession later = db->session();
  later.exec("START TRANSACTION; INSERT INTO t (id) VALUES (1)");
  EXPECT_TRUE(settled(first));
  EXPECT_FALSE(settled(witness()));
}

TEST_F(MysqlLateCommits, WhatWasOpenBeforeTheSnapshotIsListed) {
  db->exec(
      "SET time_zone = '+00:00'; CREATE TABLE late (id int PRIMARY KEY, session bigint, "
      "updated_at timestamp(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6))");
  // One transaction after the other, each of a session that has no other.
  const std::jthread writer([this](const std::stop_token& stop) {
    for (int i = 1; !stop.stop_requested(); ++i) {
      MysqlSession session = db->session();
      session.exec("START TRANSACTION; INSERT INTO late (id, session) VALUES (" +
                   std::to_string(i) + ", CONNECTION_ID())");
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      session.exec("COMMIT");
    }
  });
  int late = 0;
  for (int i = 0; i < 8; ++i) {
    const auto snapshot = from->snapshot(tables);
    auto& taken = dynamic_cast<mysql::MysqlSnapshot&>(*snapshot);
    auto session = taken.sessions()->borrow(std::chrono::milliseconds(100));
    const std::string shown =
        session->query("SELECT coalesce(max(id), 0) FROM " + db->name() + ".late").text(0, 0);
    taken.sessions()->give_back(std::move(session));
    std::this_thread::sleep_for(std::chrono::milliseconds(150));  // until it has ended
    for (const auto& row :
         db->query("SELECT session FROM late WHERE id > " + shown +
                   " AND TIMESTAMPDIFF(MICROSECOND, '1970-01-01', updated_at) <= " +
                   std::to_string(taken.observed().t0_micros))) {
      ++late;
      EXPECT_EQ(std::ranges::count(taken.observed().holders, std::stoull(row.at(0).value()),
                                   &mysql::Holder::session),
                1);
    }
  }
  EXPECT_GT(late, 0);
}

/// What NOW() stamps is when the statement began. This one had no transaction then.
TEST_F(MysqlLateCommits, AStatementThatWaitsForALockHoldsItsMomentBack) {
  MysqlSession locking = db->session();
  locking.exec("LOCK TABLES t WRITE");
  MysqlSession waiting = db->session();
  waiting.send("INSERT INTO t (id) VALUES (1)");
  const auto is_waiting = [&] {
    return db->value("SELECT count(*) FROM information_schema.processlist WHERE id = " +
                     std::to_string(waiting.id()) + " AND state LIKE 'Waiting%'") == "1";
  };
  while (!is_waiting()) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  mysql::Connection own(
      std::make_shared<const mysql::Login>(mysql::login_of(db->socket_url(), "sluice", {})));
  const std::string first = mysql::observe(own).text();
  EXPECT_FALSE(mysql::settled(first, mysql::observe(own)));
  EXPECT_THAT(mysql::waits_for(first, mysql::observe(own)),
              HasSubstr("session " + std::to_string(waiting.id()) + " (user root)"));
  locking.exec("UNLOCK TABLES");
  while (!waiting.ended()) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  // Clocks that count whole seconds: the same statement is known to have ended a little later.
  EXPECT_TRUE(mysql::settled(first, mysql::observe(own)));
}

TEST_F(MysqlLateCommits, APreparedTransactionIsStillOpenWithoutItsSession) {
  std::string first;
  const std::string name = "'" + db->name() + "'";
  {
    MysqlSession session = db->session();
    session.exec("XA START " + name + "; INSERT INTO t (id) VALUES (1); XA END " + name +
                 "; XA PREPARE " + name);
    first = witness();
    if (!db->server().mariadb()) {  // MySQL 5.6 rolls it back with its session
      session.exec("XA ROLLBACK " + name);
      return;
    }
  }
  EXPECT_FALSE(settled(first));
  const std::string second = witness();
  EXPECT_FALSE(settled(second));
  MysqlSession other = db->session();
  other.exec("XA COMMIT " + name);
  EXPECT_TRUE(settled(second));
  EXPECT_TRUE(settled(first));
}

TEST_F(MysqlLateCommits, TheReportNamesTheSessionItsUserAndHowLong) {
  MysqlSession writing(db->socket_url(user("ALL ON " + all_tables())));
  writing.exec("START TRANSACTION; INSERT INTO t (id) VALUES (1)");
  const std::string first = witness();
  EXPECT_THAT(from->snapshot(tables)->waits_for(first),
              ::testing::MatchesRegex("session " + std::to_string(writing.id()) +
                                      " .user u[0-9a-z_]+., open for [0-9]+ s"));
  writing.exec("COMMIT");
  EXPECT_EQ(from->snapshot(tables)->waits_for(first), "");
}

/// The server answers from a list that it makes anew only when nobody has asked for a while.
TEST_F(MysqlLateCommits, ATransactionIsSeenThoughOthersAskForTheListAllTheTime) {
  const std::jthread monitor([this](const std::stop_token& stop) {
    MysqlSession session = db->session();
    while (!stop.stop_requested()) {
      session.exec("SELECT count(*) FROM information_schema.innodb_trx");
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  MysqlSession writing = db->session();
  writing.exec("START TRANSACTION; INSERT INTO t (id) VALUES (1)");
  const auto snapshot = from->snapshot(tables);
  const Table table = table_of(*snapshot, "t");
  // Either it was seen, or it is said that nothing can be proven.
  EXPECT_TRUE(!snapshot->proof(table).possible || !snapshot->settled(snapshot->witness()))
      << snapshot->witness();
  const Plan plan = plan_of(*from, *snapshot, table);
  EXPECT_FALSE(plan.safe);
}

TEST_F(MysqlLateCommits, WithoutTheRightToSeeOthersNothingIsProven) {
  const auto few = source(user("SELECT ON " + all_tables()));
  const auto snapshot = few->snapshot(few->discover({}).tables);
  const Proof proof = snapshot->proof(table_of(*snapshot, "t"));
  EXPECT_FALSE(proof.possible);
  EXPECT_THAT(proof.why_not, HasSubstr("PROCESS"));
  bool told = false;
  for (const Finding& each : few->findings())
    told = told || (!each.good && each.hint.find("GRANT PROCESS") != std::string::npos);
  EXPECT_TRUE(told);
}

TEST_F(MysqlLateCommits, AMarkNeverPassesTheMomentBeforeTheSnapshot) {
  db->exec(
      "INSERT INTO t VALUES (1, '2037-01-01'); CREATE TABLE local (id int PRIMARY KEY, updated_at "
      "datetime); INSERT INTO local VALUES (1, '9000-01-01'); CREATE TABLE v (id int PRIMARY KEY, "
      "updated_at bigint); INSERT INTO v VALUES (1, 42), (2, NULL); CREATE TABLE zero (id int "
      "PRIMARY KEY, updated_at datetime); SET sql_mode = ''; INSERT INTO zero VALUES (1, 0)");
  const auto own = source();
  const auto snapshot = own->snapshot(own->discover({}).tables);
  const Plan plan = plan_of(*own, *snapshot, table_of(*snapshot, "t"));
  ASSERT_TRUE(plan.until);
  EXPECT_EQ(db->value("SELECT '" + plan.until->substr(0, plan.until->find('+')) + "' < '" +
                      snapshot->clock() + "'"),
            "1")
      << *plan.until;
  EXPECT_TRUE(snapshot->proof(table_of(*snapshot, "t")).possible);
  EXPECT_EQ(plan_of(*own, *snapshot, table_of(*snapshot, "v")).until, "42");
  for (const char* unproven : {"v", "local"})
    EXPECT_FALSE(snapshot->proof(table_of(*snapshot, unproven)).possible) << unproven;
  EXPECT_LT(plan_of(*own, *snapshot, table_of(*snapshot, "local")).until, "9000");
  EXPECT_FALSE(plan_of(*own, *snapshot, table_of(*snapshot, "zero")).until);
}

TEST_F(MysqlLateCommits, AReplicationKeyOfAnotherTypeIsRefused) {
  db->exec("CREATE TABLE words (id int PRIMARY KEY, updated_at varchar(20))");
  const auto own = source();
  const auto snapshot = own->snapshot(own->discover({}).tables);
  try {
    plan_of(*own, *snapshot, table_of(*snapshot, "words"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::config);
    EXPECT_THAT(error.what(), HasSubstr("\"updated_at\" is varchar(20)"));
  }
}

}  // namespace
}  // namespace sluice
