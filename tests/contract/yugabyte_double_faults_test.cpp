// SPDX-License-Identifier: Apache-2.0
// What stands in for a YugabyteDB: times to read as of, faults and lost nodes.
#include <chrono>
#include <future>
#include <sstream>

#include "contract/yugabyte_fixture.h"

namespace sluice {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kCount = "SELECT count(*) FROM t";
constexpr const char* kTooOld = "ERROR 72000: Snapshot too old. Read point: ";

class YugabyteDoubleFaultsTest : public YugabyteDoubleFixture {
 protected:
  /// Of now, in microseconds.
  std::string read_time(std::string* hybrid = nullptr) const {
    const std::string lsn = client().run("SELECT yb_get_current_hybrid_time_lsn()");
    if (hybrid != nullptr) *hybrid = lsn;
    return std::to_string(std::stoull(lsn) >> 12U);
  }
};

TEST_F(YugabyteDoubleFaultsTest, AReadTimeShowsWhatWasThereOnEveryNodeAndNothingLater) {
  begin();
  std::string hybrid;
  const std::string before = read_time(&hybrid);
  db->exec("DELETE FROM t WHERE id > 60");
  const std::string between = read_time();
  db->exec("INSERT INTO t VALUES (1000)");
  const auto now = std::chrono::duration_cast<std::chrono::microseconds>(
                       std::chrono::system_clock::now().time_since_epoch())
                       .count();
  EXPECT_LT(std::abs(static_cast<std::int64_t>(std::stoull(between)) - now), 60'000'000);

  PlainClient one = client(1);
  EXPECT_EQ(one.run(kCount), "61");
  EXPECT_EQ(one.run("SET yb_read_time TO " + before), "");
  EXPECT_THAT(one.notices, HasSubstr("yb_read_time should only be set for read-only queries"));
  EXPECT_EQ(one.run(kCount), "100");
  EXPECT_EQ(one.bound("SELECT count(*) FROM t WHERE id > $1", {"90"}), "10");
  EXPECT_EQ(one.copied("COPY (SELECT id FROM t WHERE id > 98 ORDER BY id) TO STDOUT"), "99\n100\n");
  EXPECT_EQ(one.state(), "idle");
  EXPECT_EQ(one.run("BEGIN READ ONLY; " + std::string(kCount)), "100");
  EXPECT_EQ(one.run("SHOW transaction_isolation"), "repeatable read");
  one.run("DECLARE c CURSOR FOR SELECT id FROM t ORDER BY id DESC");
  EXPECT_EQ(one.run("FETCH 2 FROM c"), "100\n99");
  one.run("COMMIT; SET yb_read_time TO " + between);
  EXPECT_EQ(one.run(kCount), "60");
  EXPECT_EQ(one.run("SET yb_read_time TO 0; SELECT count(*) FROM t"), "61");

  one.run("BEGIN; SET LOCAL yb_read_time TO '" + hybrid + " ht'");
  EXPECT_EQ(one.run(kCount), "100");
  one.run("COMMIT");
  EXPECT_EQ(one.run(kCount), "61");
  EXPECT_EQ(client(2, "options=-c%20yb_read_time%3D" + before).run(kCount), "100");
}

TEST_F(YugabyteDoubleFaultsTest, NothingIsWrittenAsOfATime) {
  begin();
  PlainClient one = client();
  one.run("SET yb_read_time TO " + read_time());
  const std::string row =
      "ERROR XX000: Write DML operation can not be performed while yb_read_time is set to nonzero.";
  EXPECT_EQ(one.run("DELETE FROM t"), row);
  EXPECT_EQ(one.bound("UPDATE t SET s = $1", {"x"}), row);
  EXPECT_EQ(one.run("SELECT id FROM t FOR UPDATE"), row);
  EXPECT_EQ(
      one.run("CREATE TABLE other (a int)"),
      "ERROR XX000: DDL operation can not be performed while yb_read_time is set to nonzero.");
  one.run("BEGIN ISOLATION LEVEL SERIALIZABLE");
  EXPECT_THAT(one.run(kCount), StartsWith("ERROR XX000: Transactions with serializable isolation"));
  EXPECT_EQ(one.state(), "in error");
  one.run("ROLLBACK; BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY");
  EXPECT_EQ(one.run(kCount), "100");
  one.run("COMMIT; SET yb_read_time = 0");
  EXPECT_EQ(one.run("DELETE FROM t"), "");
}

TEST_F(YugabyteDoubleFaultsTest, ATimeThatIsNotKeptIsTooOld) {
  begin();
  const std::string time = read_time();
  PlainClient one = client();
  one.run("SET yb_read_time TO 1700000000000000");
  EXPECT_THAT(one.run(kCount), StartsWith(kTooOld));
  EXPECT_THAT(one.bound("SELECT id FROM t WHERE id = $1", {"1"}), StartsWith(kTooOld));
  EXPECT_EQ(one.run("SELECT 1"), "1");
  one.run("SET yb_read_time TO " + time);
  one.run("BEGIN");
  EXPECT_EQ(one.run(kCount), "100");
  cluster->expire_read_times();
  one.run("COMMIT; BEGIN");
  EXPECT_THAT(one.run(kCount), StartsWith(kTooOld));
  EXPECT_EQ(one.state(), "in error");
  EXPECT_THAT(one.run("SELECT 1"), StartsWith("ERROR 25P02"));
  one.run("ROLLBACK; SET yb_read_time TO 0");
  EXPECT_EQ(one.run(kCount), "100");
  EXPECT_THAT(one.run("SET yb_read_time TO 'yesterday'"), StartsWith("ERROR 22023: "));
}

TEST_F(YugabyteDoubleFaultsTest, ATableThatWasAlteredSinceIsNotReadAsOfATimeBefore) {
  db->exec("CREATE TABLE other (a int)");
  begin();
  PlainClient one = client();
  one.run("SET yb_read_time TO " + read_time());
  EXPECT_EQ(one.run(kCount), "100");
  db->exec("ALTER TABLE t ADD COLUMN late int");
  EXPECT_THAT(one.run(kCount), StartsWith("ERROR XX000: schema version mismatch"));
  EXPECT_EQ(one.run("SELECT count(*) FROM other"), "0");
  one.run("SET yb_read_time TO " + read_time());
  EXPECT_EQ(one.run("SELECT count(late) FROM t"), "0");
}

TEST_F(YugabyteDoubleFaultsTest, APartitionIsAlteredWithItsTableHoweverItIsWritten) {
  db->exec(
      "CREATE TABLE parted (id int, n int) PARTITION BY LIST (id);"
      "CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1)");
  begin();
  PlainClient reader = client();
  const std::string now = reader.run("SELECT yb_get_current_hybrid_time_lsn() >> 12");
  reader.run("SET yb_read_time TO " + now);
  EXPECT_EQ(reader.run("SELECT count(*) FROM ONLY \"parted_1\""), "0");
  db->exec("ALTER TABLE parted ALTER n TYPE bigint");
  EXPECT_THAT(reader.run("SELECT count(*) FROM ONLY \"parted_1\""),
              HasSubstr("schema version mismatch"));
}

TEST_F(YugabyteDoubleFaultsTest, AFaultBeforeARowReallyAbortsTheTransaction) {
  begin();
  PlainClient one = client();
  cluster->at_row("COPY t", 3, YugabyteDouble::Fault::read_restart());
  one.run("BEGIN");
  one.run("INSERT INTO t VALUES (0)");
  const std::string got = one.copied("COPY t (id) TO STDOUT");
  EXPECT_THAT(got, StartsWith("1\n2\n3\nERROR 40001: Restart read required at: { read: "));
  EXPECT_EQ(one.state(), "in error");
  EXPECT_THAT(one.run("SELECT 1"), StartsWith("ERROR 25P02"));
  EXPECT_EQ(one.run("COMMIT; SELECT count(*) FROM t"), "100");
  EXPECT_THAT(one.copied("COPY t (id) TO STDOUT"), HasSubstr("100\n"));

  // By itself, in either protocol.
  cluster->at_row("FROM t", 0, YugabyteDouble::Fault::snapshot_too_old());
  EXPECT_THAT(one.run("SELECT id FROM t"), StartsWith(kTooOld));
  EXPECT_EQ(one.state(), "idle");
  cluster->at_row("FROM t", 50, YugabyteDouble::Fault::schema_mismatch());
  one.run("BEGIN");
  EXPECT_THAT(one.bound("SELECT id FROM t WHERE id > $1", {"0"}),
              StartsWith("ERROR XX000: schema version mismatch"));
  EXPECT_EQ(one.state(), "in error");
  EXPECT_THAT(one.bound("SELECT $1", {"0"}), StartsWith("ERROR 25P02"));
  one.run("ROLLBACK");
  EXPECT_EQ(one.bound(kCount, {}), "100");

  // As of a time.
  one.run("SET yb_read_time TO " + read_time());
  cluster->at_row(kCount, 0, YugabyteDouble::Fault::read_restart());
  EXPECT_THAT(one.run(kCount), StartsWith("ERROR 40001: "));
  EXPECT_EQ(one.state(), "idle");
  EXPECT_EQ(one.run(kCount), "100");
}

TEST_F(YugabyteDoubleFaultsTest, AFaultMayBeDecidedThenAndMayEndTheSession) {
  begin();
  int called = 0;
  cluster->at_row("FROM t", 99, [&] {
    ++called;
    return YugabyteDouble::Fault{};
  });
  EXPECT_EQ(client().run("SELECT count(*) FROM (SELECT id FROM t) q"), "100");
  EXPECT_EQ(called, 0);  // that has one row
  EXPECT_THAT(client().run("SELECT id FROM t"), HasSubstr("\n100"));
  EXPECT_EQ(called, 1);
  cluster->at_row("FROM t", 2, YugabyteDouble::Fault::cutting());
  PlainClient cut = client();
  EXPECT_EQ(cut.run("SELECT id FROM t"), "LOST");
  EXPECT_FALSE(cut.connected());
  cluster->at_row("FROM t", 2, YugabyteDouble::Fault::shutdown());
  PlainClient ended = client();
  EXPECT_THAT(ended.run("SELECT id FROM t"), StartsWith("ERROR 57P01: "));
  EXPECT_EQ(ended.run("SELECT 1"), "LOST");
  EXPECT_EQ(client().run(kCount), "100");
}

TEST_F(YugabyteDoubleFaultsTest, ANodeThatDiesCutsItsSessionsRefusesAndLeadsNothing) {
  begin();
  PlainClient first = client(), second = client(1), busy = client(1);
  ASSERT_EQ(PQsendQuery(busy.handle(), "SELECT pg_sleep(600)"), 1);
  cluster->stop_node(1);
  EXPECT_EQ(second.run("SELECT 1"), "LOST");
  while (PGresult* result = PQgetResult(busy.handle())) PQclear(result);
  EXPECT_FALSE(busy.connected());
  EXPECT_THAT(client(1).why_not(), HasSubstr("Connection refused"));
  EXPECT_EQ(first.run("SELECT count(*) FROM yb_servers()"), "3");
  const std::string led = "SELECT count(*) FROM yb_tablet_metadata WHERE leader LIKE '127.0.0.2:%'";
  EXPECT_EQ(first.run(led), "0");
  // As libpq goes on to the next of several hosts.
  PlainClient other(cluster->url_of({1, 2}, {}, "postgresql"));
  EXPECT_EQ(PQhost(other.handle()), std::string("127.0.0.3"));
  cluster->start_node(1);
  EXPECT_EQ(client(1).run(kCount), "100");
  EXPECT_NE(first.run(led), "0");
}

TEST_F(YugabyteDoubleFaultsTest, WhatWasAskedIsKnownAndByHowMany) {
  begin();
  {
    PlainClient first = client(), second = client(2);
    first.run("SELECT 1 AS a; SELECT yb_hash_code(1)");
    second.bound("SELECT $1 AS a", {"x"});
  }
  client(2).run("SELECT ctid FROM t");
  const auto asked = cluster->statements(" AS a");
  ASSERT_EQ(asked.size(), 2U);
  EXPECT_EQ(asked[0].text, "SELECT 1 AS a; SELECT yb_hash_code(1)");
  EXPECT_EQ(asked[0].node, 0U);
  EXPECT_EQ(asked[1].node, 2U);
  EXPECT_EQ(cluster->statements("ctid").size(), 1U);
  EXPECT_EQ(cluster->connections(0), 1U);
  EXPECT_EQ(cluster->connections(1), 0U);
  EXPECT_EQ(cluster->connections(2), 2U);
  EXPECT_LE(cluster->most_at_once(), 3U);
  EXPECT_GE(cluster->most_at_once(), 2U);
}

TEST_F(YugabyteDoubleFaultsTest, AStatementIsCancelledAndAnotherComesLate) {
  begin();
  PlainClient one = client(1);
  auto sleeping = std::async(std::launch::async, [&] { return one.run("SELECT pg_sleep(600)"); });
  while (db->value("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE "
                   "'SELECT pg_sleep%'") != "1") {
  }
  PGcancel* cancel = PQgetCancel(one.handle());
  std::array<char, 256> error{};
  EXPECT_EQ(PQcancel(cancel, error.data(), error.size()), 1) << error.data();
  PQfreeCancel(cancel);
  EXPECT_THAT(sleeping.get(), StartsWith("ERROR 57014: "));
  cluster->slow("'late'", std::chrono::milliseconds(300));
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(one.run("SELECT 'late'"), "late");
  EXPECT_GE(std::chrono::steady_clock::now() - began, std::chrono::milliseconds(300));
}

TEST_F(YugabyteDoubleFaultsTest, WhatTheServerSaysByItselfIsPassedOn) {
  begin();
  PlainClient one = client();
  db->exec("SELECT pg_terminate_backend(" + one.run("SELECT pg_backend_pid()") + ")");
  EXPECT_THAT(one.run("SELECT 1"), ::testing::AnyOf(StartsWith("ERROR 57P01: "), "LOST"));
  EXPECT_FALSE(one.connected());
}

}  // namespace
}  // namespace sluice
