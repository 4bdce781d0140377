// SPDX-License-Identifier: Apache-2.0
// The way to a MySQL server: TLS, who is let in, option files, refusals, waits that end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <string>
#include <thread>

#include "connectors/mysql/connection.h"
#include "mysql_source_fixture.h"
#include "support/silent_host.h"

namespace sluice {
namespace {

using ::testing::HasSubstr;
using testing::MysqlServer;
using testing::MysqlSession;
using testing::SilentHost;

/// Fault::busy: connected. What it says holds no part of the password.
Fault fault_of_connecting(const std::string& url, const std::string& password = "") {
  mysql::SourceOptions options;
  options.password = Secret(password);
  try {
    mysql::source(url, options)->identity();
  } catch (const Error& error) {
    const std::string all = std::string(error.what()) + error.hint();
    for (const char* part : {"pa:ss", "pa%3A", "ss%zz", "wrong"})
      EXPECT_EQ(all.find(part), std::string::npos) << all;
    return error.fault();
  }
  return Fault::busy;
}

class MysqlConnection : public MysqlSourceTest {
 protected:
  void SetUp() override {
    MysqlSourceTest::SetUp();
    if (IsSkipped()) return;
    unsetenv("MYSQL_PWD");
  }
  /// A file for as long as the test lives.
  std::string file(const std::string& name, const std::string& text) {
    folder_ = db->server().folder() / ("files_" + db->name());
    std::filesystem::create_directories(folder_);
    std::ofstream(folder_ / name) << text;
    return folder_ / name;
  }
  std::string at() const { return "@127.0.0.1:" + std::to_string(db->server().port()) + "/mysql"; }

 private:
  std::filesystem::path folder_;
};

TEST_F(MysqlConnection, CertificatesAreVerifiedWhereTheUrlAsksForIt) {
  const MysqlServer& server = db->server();
  if (!server.tls()) GTEST_SKIP() << "a server without TLS that today's clients speak";
  const std::string ca = "ssl-ca=" + server.ca().string(),
                    wrong = "ssl-ca=" + server.wrong_ca().string();
  const std::vector<std::tuple<const char*, std::string, Fault>> cases{
      {"localhost", "ssl-mode=VERIFY_IDENTITY&" + ca, Fault::busy},
      {"127.0.0.1", "ssl-mode=VERIFY_IDENTITY&" + ca, Fault::config},
      {"localhost", "ssl-mode=verify-identity&" + wrong, Fault::config},
      {"localhost", "ssl-mode=VERIFY_IDENTITY", Fault::config},
      {"127.0.0.1", "ssl-mode=VERIFY_CA&" + ca, Fault::busy},
      {"127.0.0.1", "ssl-mode=VERIFY_CA&" + wrong, Fault::config},
      {"127.0.0.1", ca, Fault::busy},  // who names an authority wants it asked
      {"127.0.0.1", wrong, Fault::config},
      {"127.0.0.1", "ssl-mode=VERIFY_CA", Fault::config},
      {"127.0.0.1", "ssl-mode=REQUIRED", Fault::busy},
      {"127.0.0.1", "ssl-mode=PREFERRED", Fault::busy},
      {"127.0.0.1", "ssl-mode=DISABLED", Fault::busy},
      {"127.0.0.1", "ssl-mode=sometimes", Fault::config},
  };
  for (const auto& [host, parameters, fault] : cases)
    EXPECT_EQ(fault_of_connecting(server.tls_url(host, parameters)), fault) << host << parameters;
}

TEST_F(MysqlConnection, WhatTheWayIsLikeIsSaid) {
  const MysqlServer& server = db->server();
  const auto first = [](const std::string& url) { return mysql::source(url)->findings().at(0); };
  EXPECT_THAT(first(db->socket_url()).what, HasSubstr("socket"));
  if (!server.tls()) GTEST_SKIP() << "a server without TLS that today's clients speak";
  EXPECT_FALSE(first(server.tls_url("127.0.0.1", "ssl-mode=DISABLED")).good);
  EXPECT_FALSE(first(server.tls_url("127.0.0.1", "ssl-mode=REQUIRED")).good);
  EXPECT_TRUE(
      first(server.tls_url("localhost", "ssl-mode=VERIFY_IDENTITY&ssl-ca=" + server.ca().string()))
          .good);
}

TEST_F(MysqlConnection, RefusalsSayWhatToDoAndHoldNoPassword) {
  EXPECT_EQ(fault_of_connecting("mysql://root" + at(), db->server().password()), Fault::busy);
  EXPECT_EQ(fault_of_connecting("mysql://root:pa%3Ass%20wrong" + at()), Fault::authentication);
  EXPECT_EQ(fault_of_connecting("mysql://root" + at(), "pa:ss wrong"), Fault::authentication);
  EXPECT_EQ(fault_of_connecting("mysql://root" + at()), Fault::authentication);
  EXPECT_EQ(fault_of_connecting(db->server().url("no_such_database")), Fault::config);
  EXPECT_EQ(fault_of_connecting("mysql://root:pa:ss@127.0.0.1:1/mysql"), Fault::connection);
  EXPECT_EQ(fault_of_connecting("mysql://u:pa%3Ass@no-such-host.invalid/db"), Fault::connection);
  EXPECT_EQ(fault_of_connecting("singlestore" + db->server().url().substr(5)), Fault::config);
}

TEST_F(MysqlConnection, AUrlThatCannotBeReadHidesItsPassword) {
  for (const char* url :
       {"mysql://u:pa:ss@h:x/db", "mysql://u:pa:ss@h:70000/db", "mysql://u@h/db?password=pa:ss",
        "mysql://u:pa:ss@h/db?nothing=1", "mysql://u:pa:ss@wrong@h/db?what=1",
        "mysql://u:x@pa:ss/y@h/db?what=1", "mysql://u:x@pa:ss/y@h/db?what=a@b",
        "mysql://u:pa:ss@h/db?ssl-ca=/no/such/file", "mysql://u:pa:ss/wrong@h/db/more",
        "mysql://u:pa:ss@h/db?ssl-mode=maybe", "mysql://u:pa:ss@h/db?defaults-file=/no/such/file"})
    EXPECT_EQ(fault_of_connecting(url), Fault::config) << url;
}

TEST_F(MysqlConnection, OptionFilesSayWhatTheUrlLeavesOpen) {
  const std::string port = std::to_string(db->server().port());
  const std::string more =
      file("more.cnf", "[client]\npassword = \"" + db->server().password() + "\"  # a comment\n");
  const std::string main = file(
      "my.cnf", "# a comment\n[mysqld]\nport=1\n[client]\nuser = root # me\nport=" + port +
                    "\nhost=127.0.0.1\n!include " + more + "\n[client_sluice]\nuser='nobody'\n");
  EXPECT_EQ(fault_of_connecting("mysql://127.0.0.1/mysql?defaults-file=" + main), Fault::busy);
  EXPECT_EQ(fault_of_connecting("mysql:///mysql?defaults-file=" + main), Fault::busy);
  EXPECT_EQ(fault_of_connecting("mysql://somebody@127.0.0.1/mysql?defaults-file=" + main),
            Fault::authentication);
  EXPECT_EQ(fault_of_connecting(
                "mysql://127.0.0.1/mysql?defaults-group-suffix=_sluice&defaults-file=" + main),
            Fault::authentication);
  EXPECT_EQ(fault_of_connecting("mysql://127.0.0.1/mysql?defaults-file=" +
                                file("broken.cnf", "[client\nuser=root\n")),
            Fault::config);
}

TEST_F(MysqlConnection, ThePasswordOfTheEnvironmentIsTaken) {
  setenv("MYSQL_PWD", db->server().password().c_str(), 1);
  EXPECT_EQ(fault_of_connecting("mysql://root" + at()), Fault::busy);
  setenv("MYSQL_PWD", "pa:ss wrong", 1);
  EXPECT_EQ(fault_of_connecting("mysql://root" + at()), Fault::authentication);
  unsetenv("MYSQL_PWD");
}

TEST_F(MysqlConnection, ASessionIsAsItIsNeededWhateverTheServerSays) {
  db->exec(
      "SET GLOBAL time_zone = '+05:00', sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES', "
      "net_write_timeout = 1");
  mysql::Connection session(
      std::make_shared<const mysql::Login>(mysql::login_of(db->socket_url(), "sluice", {})));
  db->exec("SET GLOBAL time_zone = 'SYSTEM', sql_mode = DEFAULT, net_write_timeout = 60");
  EXPECT_EQ(session
                .query("SELECT concat_ws(' ', @@time_zone, @@sql_mode, @@net_write_timeout, "
                       "@@character_set_client)")
                .text(0, 0),
            "+00:00  3600 utf8mb4");
  EXPECT_EQ(session.query("SELECT " + mysql::literal("a'\\\"\n")).text(0, 0), "a'\\\"\n");
}

/// What an administrator lets every session begin with.
TEST_F(MysqlConnection, ASessionHasEveryCharacterWhateverItBeginsWith) {
  const std::string reader = user("SELECT ON " + all_tables());
  db->exec("SET GLOBAL init_connect = 'SET NAMES latin1'");
  mysql::Connection session(
      std::make_shared<const mysql::Login>(mysql::login_of(db->socket_url(reader), "sluice", {})));
  db->exec("SET GLOBAL init_connect = ''");
  EXPECT_EQ(session.query("SELECT CONVERT(0xF09F9880 USING utf8mb4)").text(0, 0),
            "\xF0\x9F\x98\x80");
  EXPECT_EQ(session.query("SELECT " + mysql::literal("\xD0\x96")).text(0, 0), "\xD0\x96");
}

TEST_F(MysqlConnection, AStopEndsEveryWaitForTheServer) {
  db->exec("CREATE TABLE t (id bigint PRIMARY KEY); INSERT INTO t VALUES (1)");
  std::atomic<bool> stop{false};
  mysql::SourceOptions options;
  options.lock_timeout_s = 60;
  options.stop = [&stop] { return stop.load(); };
  const auto from = mysql::source(db->socket_url(), options);
  const auto snapshot = from->snapshot(from->discover({}).tables);
  db->exec("CREATE TABLE locked (id bigint)");
  std::vector<Table> locked = from->discover({}).tables;
  MysqlSession other = db->session();
  other.exec("LOCK TABLES locked WRITE");
  const SilentHost host;
  const auto silent =
      mysql::source("mysql://root@127.0.0.1:" + std::to_string(host.port()) + "/mysql", options);
  Table slow = table_of(*snapshot, "t");
  slow.replication_key = "id";
  slow.where = "sleep(60) = 0";
  const std::vector<std::function<void()>> waits = {
      [&] { from->snapshot(locked); },
      [&] { plan_of(*from, *snapshot, slow); },
      [&] { silent->identity(); },
  };
  for (std::size_t i = 0; i < waits.size(); ++i) {
    stop = false;
    auto waiting = std::async(std::launch::async, waits[i]);
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    stop = true;
    try {
      waiting.get();
      FAIL() << i;
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::cancelled) << i << error.what();
    }
  }
}

TEST_F(MysqlConnection, ACancelledReaderEndsItsStatementAndItsSessionServesTheNext) {
  make_wide("id int PRIMARY KEY", "i");
  mysql::SourceOptions options = hasty();
  options.max_readers = 1;
  const auto from = mysql::source(db->socket_url(), options);
  const auto snapshot = from->snapshot(from->discover({}).tables);
  Table table = table_of(*snapshot, "t");
  const Plan whole = plan_of(*from, *snapshot, table);
  table.where = "n + sleep(0.05) > 0";
  const Plan slow = plan_of(*from, *snapshot, table);
  const std::vector<std::size_t> projection{0};
  {
    const auto reader = from->reader(*snapshot, slow, projection);
    auto reading = std::async(std::launch::async, [&] {
      duckdb_logical_type type = duckdb_create_logical_type(DUCKDB_TYPE_BIGINT);
      duckdb_data_chunk data = duckdb_create_data_chunk(&type, 1);
      Fault fault = Fault::busy;
      try {
        reader->start(slow.chunks.front());
        Batch batch(data);
        while (reader->next(batch)) duckdb_data_chunk_reset(data);
      } catch (const Error& error) {
        fault = error.fault();
      }
      duckdb_destroy_data_chunk(&data);
      duckdb_destroy_logical_type(&type);
      return fault;
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    reader->cancel();
    EXPECT_EQ(reading.get(), Fault::cancelled);
  }
  EXPECT_EQ(totals(*from, *snapshot, whole), "4000 8002000");
}

TEST_F(MysqlConnection, AServerThatStopsAnsweringIsGivenUp) {
  mysql::Login login = mysql::login_of(db->socket_url(), "sluice", {});
  login.patience = std::chrono::seconds(1);
  mysql::Connection session(std::make_shared<const mysql::Login>(std::move(login)));
  try {
    session.query("SELECT sleep(30)");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::connection);
    EXPECT_THAT(error.what(), HasSubstr("did not answer in 1 s"));
  }
  EXPECT_TRUE(session.broken());
}

}  // namespace
}  // namespace sluice
