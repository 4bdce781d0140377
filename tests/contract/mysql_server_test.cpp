// SPDX-License-Identifier: Apache-2.0
// The private servers that the other tests of this connector build upon.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include "support/mysql_test.h"

namespace sluice {
namespace {

using ::testing::HasSubstr;
using testing::MysqlDatabase;
using testing::MysqlServer;
using testing::MysqlSession;
using ::testing::StartsWith;

class MysqlServerTest : public testing::MysqlTest {};

std::string refusal(const std::function<void()>& action) {
  try {
    action();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "none";
}

bool ends_soon(MysqlSession& session) {
  for (int i = 0; i < 3000; ++i) {
    if (session.ended()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

TEST_F(MysqlServerTest, TheServerIsWhatItSaysAndWritesABinaryLogOfRows) {
  const MysqlServer& server = db->server();
  const int version = server.version();
  EXPECT_THAT(db->value("SELECT @@version"), StartsWith(std::to_string(version / 10000) + "." +
                                                        std::to_string(version / 100 % 100) + "." +
                                                        std::to_string(version % 100)));
  EXPECT_EQ(db->value("SELECT @@version LIKE '%MariaDB%'"), server.mariadb() ? "1" : "0");
  EXPECT_EQ(db->value("SELECT concat_ws(' ', @@log_bin + 0, @@binlog_format, @@server_id)"),
            "1 ROW 1");
  EXPECT_EQ(db->value("SELECT @@character_set_database"), "utf8mb4");
  EXPECT_EQ(db->value("SELECT @@port"), std::to_string(server.port()));
  // Else the tests of TLS would skip everywhere, and nobody would know.
  EXPECT_EQ(server.tls(), server.version() >= 50700);
}

TEST_F(MysqlServerTest, StatementsRunTogetherAndTheFirstThatFailsEndsThem) {
  db->exec(
      "CREATE TABLE t (a int PRIMARY KEY, b varbinary(9), c text);"
      "INSERT INTO t VALUES (1, x'00ff', NULL), (2, '', '\xF0\x9F\x90\xAC')");
  using Row = MysqlSession::Row;
  EXPECT_EQ(db->query("SELECT * FROM t ORDER BY a"),
            (std::vector<Row>{{"1", std::string("\0\xFF", 2), std::nullopt},
                              {"2", "", "\xF0\x9F\x90\xAC"}}));
  EXPECT_EQ(db->value("SELECT c FROM t WHERE a = 1"), "NULL");
  EXPECT_EQ(db->value("SELECT c FROM t WHERE a = 3"), "");
  EXPECT_THAT(refusal([&] {
                db->exec(
                    "INSERT INTO t (a) VALUES (3); INSERT INTO t (a) VALUES (3);"
                    "INSERT INTO t (a) VALUES (4)");
              }),
              StartsWith("1062: "));
  EXPECT_EQ(db->value("SELECT group_concat(a ORDER BY a) FROM t"), "1,2,3");
}

TEST_F(MysqlServerTest, ADatabaseGoesThoughOthersHoldItsTables) {
  std::string gone;
  std::unique_ptr<MysqlSession> holder;
  {
    MysqlDatabase other;
    gone = other.name();
    EXPECT_EQ(other.value("SELECT database()"), gone);
    EXPECT_EQ(other.value("SELECT count(*) FROM information_schema.tables WHERE table_schema = '" +
                          gone + "'"),
              "0");
    other.exec("CREATE TABLE t (a int)");
    holder = std::make_unique<MysqlSession>(other.url());
    holder->exec("START TRANSACTION; SELECT * FROM t");
  }
  EXPECT_EQ(db->value("SELECT count(*) FROM information_schema.schemata WHERE schema_name = '" +
                      gone + "'"),
            "0");
  EXPECT_NE(refusal([&] { holder->exec("SELECT 1"); }), "none");
}

TEST_F(MysqlServerTest, WhatWasSentEndsByItself) {
  db->exec("CREATE TABLE t (a int PRIMARY KEY, b int); INSERT INTO t VALUES (1, 0)");
  MysqlSession first = db->session();
  MysqlSession second = db->session();
  EXPECT_NE(first.id(), second.id());
  first.exec("START TRANSACTION; UPDATE t SET b = 1");
  second.send("UPDATE t SET b = b + 10; INSERT INTO t VALUES (2, 2)");
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_FALSE(second.ended());
  first.exec("COMMIT");
  EXPECT_TRUE(ends_soon(second));
  EXPECT_EQ(db->value("SELECT group_concat(b ORDER BY a) FROM t"), "11,2");
  second.send("INSERT INTO t VALUES (2, 2)");
  EXPECT_THAT(refusal([&] { ends_soon(second); }), StartsWith("1062: "));
  second.send("SELECT sleep(100)");  // whose end nobody waits for
}

TEST_F(MysqlServerTest, UsersComeInByTheirPasswordsAndDoWhatTheyMay) {
  MysqlServer& server = db->server();
  EXPECT_EQ(MysqlSession(db->url()).value("SELECT current_user()"), "root@%");
  EXPECT_EQ(MysqlSession(db->socket_url()).value("SELECT current_user()"), "root@localhost");
  EXPECT_THAT(refusal([&] { MysqlSession{server.url_as("root", "wrong", db->name())}; }),
              StartsWith("1045: "));
  db->exec("CREATE TABLE t (a int)");
  for (int again = 0; again < 2; ++again) {
    server.create_user("it's %", "o'd\\d@", "SELECT ON " + db->name() + ".*");
  }
  MysqlSession reader(server.url_as("it's %", "o'd\\d@", db->name()));
  EXPECT_EQ(reader.value("SELECT count(*) FROM t"), "0");
  EXPECT_THAT(refusal([&] { reader.exec("INSERT INTO t VALUES (1)"); }), StartsWith("1142: "));
  EXPECT_EQ(MysqlSession(db->socket_url("it's %")).value("SELECT count(*) FROM t"), "0");
  MysqlDatabase other;
  EXPECT_THAT(refusal([&] { MysqlSession{other.socket_url("it's %")}; }), StartsWith("1044: "));
}

TEST_F(MysqlServerTest, TheCertificateIsForLocalhostAlone) {
  MysqlServer& server = db->server();
  if (!server.tls()) GTEST_SKIP() << "a server without TLS that today's clients speak";
  const std::string any = "ssl-mode=REQUIRED";
  const std::string full = "ssl-mode=VERIFY_IDENTITY&ssl-ca=";
  for (const std::string& url : {server.tls_url("127.0.0.1", any),
                                 server.tls_url("localhost", full + server.ca().string())}) {
    EXPECT_THAT(MysqlSession(url).query("SHOW STATUS LIKE 'Ssl_version'").at(0).at(1).value_or(""),
                StartsWith("TLSv1."));
  }
  for (const std::string& url : {server.tls_url("127.0.0.1", full + server.ca().string()),
                                 server.tls_url("localhost", full + server.wrong_ca().string())}) {
    EXPECT_THAT(refusal([&] { MysqlSession{url}; }), HasSubstr("TLS/SSL error")) << url;
  }
}

TEST_F(MysqlServerTest, WhatWasCommittedIsThereAfterAStopAndAfterACrash) {
  MysqlServer& server = db->server();
  db->exec("CREATE TABLE t (a int PRIMARY KEY)");
  const int port = server.port();
  int rows = 0;
  for (const auto how : {MysqlServer::Stop::fast, MysqlServer::Stop::immediate}) {
    MysqlSession writer = MysqlSession(db->url());
    writer.exec("INSERT INTO t VALUES (" + std::to_string(++rows) + ")");
    server.stop(how);
    EXPECT_EQ(server.pid(), -1);
    EXPECT_NE(refusal([&] { MysqlSession{db->url()}; }), "none");
    server.start();
    EXPECT_EQ(server.port(), port);
    EXPECT_EQ(MysqlSession(db->url()).value("SELECT count(*) FROM t"), std::to_string(rows));
  }
  EXPECT_THAT(server.log(), HasSubstr("ready for connections"));
}

TEST_F(MysqlServerTest, AUserOfTheEd25519PluginComesIn) {
  if (db->value("SELECT plugin_status FROM information_schema.plugins WHERE plugin_name = "
                "'ed25519'") != "ACTIVE") {
    GTEST_SKIP() << "a server without the plugin";
  }
  db->exec("CREATE OR REPLACE USER ed@'%' IDENTIFIED VIA ed25519 USING PASSWORD('its own')");
  EXPECT_EQ(MysqlSession(db->server().url_as("ed", "its own", "information_schema"))
                .value("SELECT current_user()"),
            "ed@%");
}

}  // namespace
}  // namespace sluice
