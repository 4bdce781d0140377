// SPDX-License-Identifier: Apache-2.0
// The way to a server: certificates, passwords, hosts that are silent, stops.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <thread>

#include "postgres_source_fixture.h"
#include "support/silent_host.h"

namespace sluice {
namespace {

using testing::PostgresServer;
using testing::PostgresSession;
using testing::SilentHost;

Fault fault_of_connecting(const std::string& url, const std::string& password = "") {
  postgres::SourceOptions options;
  options.password = Secret(password);
  try {
    postgres::source(url, options)->identity();
  } catch (const Error& error) {
    const std::string all = std::string(error.what()) + error.hint();
    for (const char* part : {"pa:ss", "pa%3A", "pa%3a", "ss%zz", "wrong"})
      EXPECT_EQ(all.find(part), std::string::npos) << all;
    return error.fault();
  }
  return Fault::busy;  // connected
}

TEST_F(PostgresSourceTest, CertificatesAreVerifiedWhereTheUrlAsksForIt) {
  auto& server = PostgresServer::instance();
  if (!server.tls()) GTEST_SKIP() << "a server without TLS";
  const std::string full = "sslmode=verify-full&sslrootcert=";
  EXPECT_EQ(fault_of_connecting(server.tls_url("localhost", full + server.ca().string())),
            Fault::busy);
  EXPECT_EQ(fault_of_connecting(server.tls_url("127.0.0.1", full + server.ca().string())),
            Fault::config);
  EXPECT_EQ(fault_of_connecting(server.tls_url("localhost", full + server.wrong_ca().string())),
            Fault::config);
}

TEST_F(PostgresSourceTest, RefusalsSayWhatToDoAndHoldNoPassword) {
  auto& server = PostgresServer::instance();
  const std::string at = "@127.0.0.1:" + std::to_string(server.port()) + "/postgres";
  EXPECT_EQ(fault_of_connecting("postgresql://postgres" + at, server.password()), Fault::busy);
  EXPECT_EQ(fault_of_connecting("postgresql://postgres:pa%3Ass%20wrong" + at),
            Fault::authentication);
  EXPECT_EQ(fault_of_connecting("postgresql://postgres" + at, "pa:ss wrong"),
            Fault::authentication);
  EXPECT_EQ(fault_of_connecting("postgresql://postgres" + at), Fault::authentication);
  EXPECT_EQ(fault_of_connecting("postgresql://postgres:pa:ss%zz" + at), Fault::config);
  EXPECT_EQ(fault_of_connecting(server.url("no_such_database")), Fault::config);
  EXPECT_EQ(fault_of_connecting("postgresql://postgres:pa:ss@127.0.0.1:1/postgres"),
            Fault::connection);
}

TEST_F(PostgresSourceTest, AUrlThatCannotBeReadHidesItsPassword) {
  for (const char* url :
       {"postgresql://u:pa:ss%zz@h/db", "postgresql://u:pa:ss/wrong@h/db",
        "postgresql://u@h/db?password=pa:ss&wrong", "postgresql://u:pa:ss@wrong@h:x/db",
        "postgresql://u@h/db?%70assword=pa:ss%zz", "postgresql://u@h/db?passwort=pa:ss",
        "host=h password=pa:ss wrong", "password='pa:ss wrong",
        "host=h password = pa:ss%zz wrong user=u", "postgresql://u:pa:ss@[::1/db",
        "postgresql://u:x@wrong@h/db"}) {
    EXPECT_EQ(fault_of_connecting(url), Fault::config) << url;
  }
  EXPECT_EQ(fault_of_connecting("postgresql://u:pa%3Ass@no-such-host.invalid/db"),
            Fault::connection);
}

/// A file of the test's own, its name in an environment variable as long as this lives.
class NamedByEnvironment {
 public:
  NamedByEnvironment(const char* variable, const std::string& text)
      : variable_(variable),
        file_(std::filesystem::path(::testing::TempDir()) /
              (std::string("sluice_") + variable + std::to_string(::getpid()))) {
    std::ofstream(file_) << text;
    std::filesystem::permissions(file_, std::filesystem::perms(0600));
    ::setenv(variable, file_.c_str(), 1);
  }
  ~NamedByEnvironment() {
    ::unsetenv(variable_);
    std::error_code ignored;
    std::filesystem::remove(file_, ignored);
  }
  NamedByEnvironment(const NamedByEnvironment&) = delete;
  NamedByEnvironment& operator=(const NamedByEnvironment&) = delete;

 private:
  const char* variable_;
  std::filesystem::path file_;
};

TEST_F(PostgresSourceTest, AServiceFileIsReadAndItsPasswordNeverShown) {
  auto& server = PostgresServer::instance();
  const std::string at = "host=127.0.0.1\nport=" + std::to_string(server.port()) +
                         "\ndbname=" + db->name() + "\nuser=postgres\npassword=";
  const NamedByEnvironment file("PGSERVICEFILE", "[good]\n" + at + server.password() + "\n[bad]\n" +
                                                     at + "pa:ss wrong\n[odd]\npa:ss%zz\n");
  EXPECT_EQ(fault_of_connecting("postgresql://?service=good"), Fault::busy);
  EXPECT_EQ(fault_of_connecting("service=good"), Fault::busy);
  EXPECT_EQ(fault_of_connecting("postgresql://?service=bad"), Fault::authentication);
  EXPECT_NE(fault_of_connecting("postgresql://?service=odd"), Fault::busy);
  EXPECT_NE(fault_of_connecting("postgresql://?service=none"), Fault::busy);
  const auto from = postgres::source("postgresql://?service=good");
  EXPECT_NE(from->identity().find(db->name()), std::string::npos);
}

TEST_F(PostgresSourceTest, APasswordFileIsReadAndItsPasswordNeverShown) {
  auto& server = PostgresServer::instance();
  const std::string url =
      "postgresql://postgres@127.0.0.1:" + std::to_string(server.port()) + "/" + db->name();
  std::string escaped;
  for (const char each : server.password()) escaped += each == ':' ? "\\:" : std::string(1, each);
  {
    const NamedByEnvironment file("PGPASSFILE", "127.0.0.1:*:*:postgres:" + escaped + "\n");
    EXPECT_EQ(fault_of_connecting(url), Fault::busy);
  }
  const NamedByEnvironment file("PGPASSFILE", "127.0.0.1:*:*:postgres:pa\\:ss wrong\n");
  EXPECT_EQ(fault_of_connecting(url), Fault::authentication);
}

TEST_F(PostgresSourceTest, AHostThatIsSilentIsPassedOver) {
  const SilentHost silent;
  const std::string first = "postgresql://postgres@127.0.0.1:" + std::to_string(silent.port());
  auto& server = PostgresServer::instance();
  EXPECT_EQ(fault_of_connecting(first + ",127.0.0.1:" + std::to_string(server.port()) +
                                    "/postgres?connect_timeout=2",
                                server.password()),
            Fault::busy);
  EXPECT_EQ(fault_of_connecting(first + "/postgres?connect_timeout=2"), Fault::connection);
}

TEST_F(PostgresSourceTest, AHostThatHangsUpIsPassedOver) {
  const testing::CurtHost curt;
  const std::string first = "postgresql://postgres@127.0.0.1:" + std::to_string(curt.port());
  auto& server = PostgresServer::instance();
  EXPECT_EQ(fault_of_connecting(first + ",127.0.0.1:" + std::to_string(server.port()) + "/postgres",
                                server.password()),
            Fault::busy);
  EXPECT_EQ(fault_of_connecting(first + "/postgres"), Fault::connection);
}

TEST_F(PostgresSourceTest, AStopEndsEveryWaitForTheServer) {
  db->exec("CREATE TABLE t (id int); INSERT INTO t VALUES (1)");
  std::atomic<bool> stop{false};
  postgres::SourceOptions options;
  options.lock_timeout_ms = 60'000;
  options.stop = [&stop] { return stop.load(); };
  const auto from = postgres::source(db->socket_url(), options);
  const Catalog catalog = from->discover({});
  const auto snapshot = from->snapshot(catalog.tables);
  PostgresSession other = db->session();
  db->exec("CREATE TABLE locked (id int)");
  const std::vector<Table> locked = from->discover({}).tables;
  other.exec("BEGIN; LOCK TABLE locked");
  const SilentHost host;
  const auto silent = postgres::source(
      "postgresql://postgres@127.0.0.1:" + std::to_string(host.port()) + "/postgres", options);
  Table slow = table_of(*snapshot);
  slow.replication_key = "id";
  slow.where = "pg_sleep(60) IS NOT NULL";
  const std::vector<std::function<void()>> waits = {
      [&] { from->snapshot(locked); },
      [&] { plan_of(*from, *snapshot, slow); },
      [&] { silent->identity(); },
  };
  for (std::size_t i = 0; i < waits.size(); ++i) {
    stop = false;
    auto waiting = std::async(std::launch::async, waits[i]);
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    const auto began = std::chrono::steady_clock::now();
    stop = true;
    try {
      waiting.get();
      FAIL() << i;
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::cancelled) << i << error.what();
    }
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(3)) << i;
  }
  const std::string busy =
      "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'sluice' AND state = "
      "'active' AND datname = current_database()";
  for (int i = 0; i < 100 && db->value(busy) != "0"; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(db->value(busy), "0");
  EXPECT_NO_THROW(snapshot->check_alive({"public", "t"}));  // others go on
}

TEST_F(PostgresSourceTest, AServerThatStopsAnsweringIsGivenUp) {
  postgres::Login login = postgres::login_of(db->socket_url(), "sluice", {});
  login.patience = std::chrono::seconds(1);
  postgres::Connection session(std::make_shared<const postgres::Login>(std::move(login)));
  const auto began = std::chrono::steady_clock::now();
  try {
    session.query("SELECT pg_sleep(30)");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::connection);
    EXPECT_NE(std::string(error.what()).find("has not answered for 1 s"), std::string::npos);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(4));
  EXPECT_TRUE(session.broken());
}

TEST_F(PostgresSourceTest, APeerThatVanishesIsNoticedUnlessTheUrlSaysOtherwise) {
  const auto idle_limit = [](const std::string& url) {
    const postgres::Connection session(
        std::make_shared<const postgres::Login>(postgres::login_of(url, "sluice", {})));
    int seconds = 0;
    socklen_t size = sizeof seconds;
    ::getsockopt(PQsocket(session.handle()), IPPROTO_TCP, TCP_KEEPIDLE, &seconds, &size);
    return seconds;
  };
  EXPECT_EQ(idle_limit(db->url()), 60);
  EXPECT_EQ(idle_limit(db->url() + "?keepalives_idle=77"), 77);
}

TEST(PostgresUrl, IsPrintedWithoutItsSecrets) {
  EXPECT_EQ(postgres::redacted("postgresql://u:s3cret@h:5/db?sslmode=require"),
            "postgresql://u:***@h:5/db?sslmode=require");
  EXPECT_EQ(postgres::redacted("postgres://u:a@b/c@h/db"), "postgres://u:***@b/c@h/db");
  EXPECT_EQ(postgres::redacted("postgresql://h/db?user=u&password=s%20x&sslpassword=k"),
            "postgresql://h/db?user=u&password=***&sslpassword=***");
  EXPECT_EQ(postgres::redacted("host=h password='it\\'s x' user=u"), "host=h password=*** user=u");
  EXPECT_EQ(postgres::redacted("postgresql://u@h1,h2:5433/db"), "postgresql://u@h1,h2:5433/db");
}

}  // namespace
}  // namespace sluice
