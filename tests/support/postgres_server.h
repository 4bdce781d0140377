// SPDX-License-Identifier: Apache-2.0
// A private PostgreSQL cluster for tests, and fresh databases in it. Nothing has to be running
// beforehand.
//
//   PostgresDatabase db;                                    // a new database, dropped with the
//   object db.exec("CREATE TABLE t (a int PRIMARY KEY)"); run_sluice("sync", db.url(), "duckdb:" +
//   file); EXPECT_EQ(db.value("SELECT count(*) FROM t"), "0");
//
// Binaries: $SLUICE_TEST_PG_BIN (a folder with initdb and postgres, 10 to 18), else the newest of
// /usr/lib/postgresql/*/bin. As root the cluster runs as user `postgres` (or `nobody`), which must
// be able to read them. The cluster starts at first use, once per test binary; it is stopped and
// its folder removed at exit.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/private_folder.h"

struct pg_conn;

namespace sluice::testing {

/// One session of a test's own, by libpq. Failures throw std::runtime_error with the server's
/// message.
class PostgresSession {
 public:
  explicit PostgresSession(const std::string& url);
  ~PostgresSession();
  PostgresSession(PostgresSession&&) noexcept;
  PostgresSession& operator=(PostgresSession&&) = delete;

  using Row = std::vector<std::optional<std::string>>;
  void exec(const std::string& sql);  ///< one or several statements
  std::vector<Row> query(const std::string& sql);
  /// First column of the first row; "NULL" for NULL, "" for no row.
  std::string value(const std::string& sql);
  /// One message that the server works off by itself; nothing else until it has ended.
  void send(const std::string& sql);
  /// Whether that message has ended. Throws if a statement of it failed.
  bool ended();
  /// COPY .. FROM STDIN with this text.
  void copy(const std::string& statement, const std::string& text);

 private:
  pg_conn* connection_;
};

class PostgresServer {
 public:
  static PostgresServer& instance();
  /// 0 is instance(). Each other is a cluster of its own: what is open in one cluster, in whatever
  /// database, holds back the oldest transaction number of all that cluster.
  static PostgresServer& numbered(std::size_t number);
  /// Why no cluster can be had here ("no PostgreSQL found in .."), or empty. For GTEST_SKIP.
  static std::string missing();

  /// By TCP with the superuser's password: postgresql://postgres:..@127.0.0.1:PORT/database
  std::string url(const std::string& database = "postgres") const;
  /// The same as another role, trusted without a password, by unix socket.
  std::string socket_url(const std::string& database = "postgres",
                         const std::string& role = "postgres") const;
  /// By TLS to `host`; parameters are added to the query: "sslmode=verify-full&sslrootcert=..".
  std::string tls_url(const std::string& host, const std::string& parameters,
                      const std::string& database = "postgres") const;

  int port() const { return port_; }
  int version() const { return version_; }  ///< 15
  const std::filesystem::path& bin() const { return bin_; }
  const std::filesystem::path& folder() const { return folder_.path(); }
  const std::string& password() const { return password_; }  ///< of the superuser `postgres`
  /// TLS: the server's certificate is for `localhost` only (127.0.0.1 is a wrong name), signed by
  /// ca().
  bool tls() const { return tls_; }
  std::filesystem::path ca() const { return folder_ / "tls" / "ca.crt"; }
  std::filesystem::path wrong_ca() const { return folder_ / "tls" / "other.crt"; }
  std::string log() const;  ///< the server's log so far

  /// For tests of lost servers. stop(immediate) is a crash; start() waits until it answers.
  enum class Stop { fast, immediate };
  void stop(Stop how = Stop::fast);
  void start();
  pid_t pid() const { return pid_; }

  /// A hot standby that follows this server, made at first use, with the same settings, password
  /// and certificates.
  PostgresServer& standby();
  void end_standby() { standby_.reset(); }
  /// On the primary: waits until the standby has replayed all that is committed.
  void wait_for_standby();

  ~PostgresServer();

 private:
  explicit PostgresServer(std::filesystem::path bin, const PostgresServer* primary = nullptr);
  void initialise();
  bool try_start();

  std::filesystem::path bin_;
  PrivateFolder folder_;
  std::string password_ = "pa:ss w/rd@91";
  int port_ = 0;
  int version_ = 0;
  bool tls_ = false;
  pid_t pid_ = -1;
  std::unique_ptr<PostgresServer> standby_;
};

/// A database of its own for one test. Other sessions in it are ended when it is dropped.
class PostgresDatabase {
 public:
  explicit PostgresDatabase(PostgresServer& server = PostgresServer::instance());
  ~PostgresDatabase();
  PostgresDatabase(const PostgresDatabase&) = delete;
  PostgresDatabase& operator=(const PostgresDatabase&) = delete;

  const std::string& name() const { return name_; }
  PostgresServer& server() const { return server_; }
  std::string url() const { return server_.url(name_); }
  std::string socket_url(const std::string& role = "postgres") const {
    return server_.socket_url(name_, role);
  }
  /// Another session, for transactions that stay open.
  PostgresSession session() const { return PostgresSession(socket_url()); }

  void exec(const std::string& sql) { session_->exec(sql); }
  std::vector<PostgresSession::Row> query(const std::string& sql) { return session_->query(sql); }
  std::string value(const std::string& sql) { return session_->value(sql); }
  void copy(const std::string& statement, const std::string& text) {
    session_->copy(statement, text);
  }

 private:
  PostgresServer& server_;
  std::string name_;
  std::unique_ptr<PostgresSession> session_;
};

}  // namespace sluice::testing
