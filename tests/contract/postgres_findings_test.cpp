// SPDX-License-Identifier: Apache-2.0
// What `sluice check` says of a server.
#include <gtest/gtest.h>

#include "connectors/postgres/connector.h"
#include "support/postgres_test.h"

namespace sluice {
namespace {

using testing::PostgresServer;
using testing::PostgresSession;

class PostgresFindings : public testing::PostgresTest {
 protected:
  void SetUp() override {
    PostgresTest::SetUp();
    if (IsSkipped()) return;
    role = "role_" + db->name();
    db->exec("CREATE ROLE " + role + " LOGIN");
  }

  /// "good: .." or "bad: .. | hint" of the finding that holds `part`.
  static std::string found(const std::string& url, const std::string& part,
                           std::size_t readers = 4) {
    postgres::SourceOptions options;
    options.max_readers = readers;
    std::string all;
    for (const Finding& each : postgres::source(url, options)->findings()) {
      if (each.what.find(part) != std::string::npos)
        return each.good ? "good: " + each.what : "bad: " + each.what + " | " + each.hint;
      all += each.what + "; ";
    }
    return "none, but: " + all;
  }
  static bool starts(const std::string& text, const std::string& part) {
    return text.starts_with(part) || (std::cerr << text << '\n', false);
  }

  std::string role;
};

TEST_F(PostgresFindings, TheWayThere) {
  auto& server = PostgresServer::instance();
  EXPECT_TRUE(starts(found(db->socket_url(), "socket"), "good: "));
  EXPECT_TRUE(starts(found(db->url() + "?sslmode=disable", "TLS"), "good: TLS is off, on a conn"));
  if (!server.tls()) GTEST_SKIP() << "a server without TLS";
  const std::string ca = "&sslrootcert=" + server.ca().string();
  EXPECT_TRUE(starts(found(server.tls_url("localhost", "sslmode=verify-full" + ca), "TLS"),
                     "good: TLS is on (TLSv1."));
  EXPECT_NE(found(server.tls_url("localhost", "sslmode=verify-ca" + ca), "TLS").find("its name"),
            std::string::npos);
  const std::string require = found(server.tls_url("localhost", "sslmode=require"), "TLS");
  EXPECT_TRUE(starts(require, "bad: TLS is on"));
  EXPECT_NE(require.find("not verified (sslmode=require) | sslmode=verify-full"),
            std::string::npos);
}

TEST_F(PostgresFindings, TheServerAndAStandby) {
  auto& server = PostgresServer::instance();
  EXPECT_TRUE(starts(found(db->socket_url(), "PostgreSQL"),
                     "good: PostgreSQL " + std::to_string(server.version())));
  PostgresServer& standby = server.standby();
  EXPECT_TRUE(starts(found(standby.socket_url(), "PostgreSQL"), "bad: "));
  PostgresSession there(standby.socket_url());
  there.exec("ALTER SYSTEM SET hot_standby_feedback = on");
  there.exec("SELECT pg_reload_conf()");
  for (int i = 0; i < 100 && there.value("SHOW hot_standby_feedback") != "on"; ++i)
    there.exec("SELECT pg_sleep(0.05)");
  EXPECT_TRUE(starts(found(standby.socket_url(), "PostgreSQL"), "good: "));
}

TEST_F(PostgresFindings, TheRightToSeeOthersTransactions) {
  const std::string grant = "GRANT pg_read_all_stats TO " + role;
  const std::string without = found(db->socket_url(role), "transactions");
  EXPECT_TRUE(starts(without, "bad: "));
  EXPECT_TRUE(without.ends_with("| " + grant)) << without;
  db->exec(grant);
  EXPECT_TRUE(starts(found(db->socket_url(role), "transactions"), "good: "));
}

TEST_F(PostgresFindings, TimeLimitsOfTheRole) {
  EXPECT_TRUE(starts(found(db->socket_url(role), "time limit"), "good: no time limit"));
  db->exec("ALTER ROLE " + role + " SET statement_timeout = '7s'");
  const std::string set = found(db->socket_url(role), "time limit");
  EXPECT_TRUE(starts(set, "good: this role's time limits (statement_timeout 7000ms)"));
}

TEST_F(PostgresFindings, RowsThatRowSecurityHides) {
  db->exec(
      "CREATE TABLE t (id int); ALTER TABLE t ENABLE ROW LEVEL SECURITY; GRANT SELECT ON t TO " +
      role);
  const std::string hidden = found(db->socket_url(role), "row security");
  EXPECT_TRUE(starts(hidden, "bad: row security hides rows of 1 table from " + role));
  EXPECT_TRUE(hidden.ends_with("| ALTER ROLE " + role + " BYPASSRLS")) << hidden;
  EXPECT_TRUE(starts(found(db->socket_url(), "row security"), "good: "));
}

TEST_F(PostgresFindings, ConnectionsThatAreLeft) {
  EXPECT_TRUE(starts(found(db->socket_url(role), "connections"), "good: "));
  db->exec("ALTER ROLE " + role + " CONNECTION LIMIT 5");
  const std::string few = found(db->socket_url(role), "connections");
  EXPECT_TRUE(starts(few, "bad: 5 connections are left for this role, a run uses up to 9"));
  EXPECT_NE(few.find("| --parallel 2"), std::string::npos) << few;
  EXPECT_TRUE(starts(found(db->socket_url(role), "connections", 2), "good: "));
}

}  // namespace
}  // namespace sluice
