// SPDX-License-Identifier: Apache-2.0
// A private MariaDB or MySQL server for tests, and fresh databases in it. Nothing has to be running
// beforehand.
//
//   MysqlDatabase db;                                          // a new database, dropped with db
//   db.exec("CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1)");
//   run_sluice("sync", db.url(), "duckdb:" + file);
//   EXPECT_EQ(db.value("SELECT count(*) FROM t"), "1");
//
// Programs: $SLUICE_TEST_MYSQL_BIN (a folder with mariadbd or mysqld), else /usr/sbin:
// MariaDB 10.11 and MySQL 5.6, or others that come with the SQL of their system tables, as MySQL 8
// does not. As root the server runs as user `mysql` (or `nobody`), which must be able to read them.
// It starts at first use, once per test binary; it is stopped and its folder removed at exit.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/private_folder.h"

struct st_mysql;

namespace sluice::testing {

/// One session of a test's own, by libmariadb. Failures throw std::runtime_error with the server's
/// number and message: "1062: Duplicate entry ..".
class MysqlSession {
 public:
  /// A URL that the server below gives; ssl-mode is REQUIRED or VERIFY_IDENTITY.
  explicit MysqlSession(const std::string& url);
  ~MysqlSession();
  MysqlSession(MysqlSession&&) noexcept = default;
  MysqlSession& operator=(MysqlSession&&) = delete;

  using Row = std::vector<std::optional<std::string>>;
  void exec(const std::string& sql);  ///< one or several statements
  /// Rows of the last statement that has any.
  std::vector<Row> query(const std::string& sql);
  /// First column of the first row; "NULL" for NULL, "" for no row.
  std::string value(const std::string& sql);
  /// Statements that the server works off by itself; nothing else until they have ended.
  void send(const std::string& sql);
  /// Whether they have ended. Throws if one of them failed.
  bool ended();
  unsigned long id() const;  ///< what KILL and the process list call it

 private:
  std::unique_ptr<st_mysql, void (*)(st_mysql*)> connection_;
  std::future<void> sent_;
};

class MysqlServer {
 public:
  static MysqlServer& instance();
  /// 0 is instance(). Each other is a server of its own: whoever asks which transactions are open
  /// is told of those in all of its databases.
  static MysqlServer& numbered(std::size_t number);
  /// Why no server can be had here ("no MariaDB or MySQL found in .."), or empty. For GTEST_SKIP.
  static std::string missing();

  /// By TCP with root's password: mysql://root:..@127.0.0.1:PORT/database
  std::string url(const std::string& database = "mysql") const;
  /// By TCP as another user.
  std::string url_as(const std::string& user, const std::string& password,
                     const std::string& database = "mysql") const;
  /// By unix socket, where root and users made by create_user() have no password.
  std::string socket_url(const std::string& database = "mysql",
                         const std::string& user = "root") const;
  /// By TLS to `host`; parameters: "ssl-mode=VERIFY_IDENTITY&ssl-ca=..".
  std::string tls_url(const std::string& host, const std::string& parameters,
                      const std::string& database = "mysql") const;
  /// A user with these privileges alone, "SELECT ON shop.*". One of that name is dropped first.
  void create_user(const std::string& user, const std::string& password,
                   const std::string& privileges) const;

  int port() const { return port_; }
  int version() const { return version_; }  ///< 101115 for 10.11.15
  bool mariadb() const { return mariadb_; }
  const std::filesystem::path& folder() const { return folder_.path(); }
  const std::string& password() const { return password_; }  ///< root's, by TCP
  /// TLS: the server's certificate is for `localhost` only (127.0.0.1 is a wrong name), signed by
  /// ca(). Not MySQL 5.6, whose TLS 1.1 today's clients refuse.
  bool tls() const { return tls_; }
  std::filesystem::path ca() const { return folder_ / "tls" / "ca.crt"; }
  std::filesystem::path wrong_ca() const { return folder_ / "tls" / "other.crt"; }
  std::string log() const;  ///< the server's log so far

  /// For tests of lost servers. stop(immediate) is a crash; what was committed is there after it.
  /// start() waits until it answers, at the same port.
  enum class Stop { fast, immediate };
  void stop(Stop how = Stop::fast);
  void start();
  pid_t pid() const { return pid_; }

  MysqlServer(const MysqlServer&) = delete;
  MysqlServer& operator=(const MysqlServer&) = delete;
  ~MysqlServer();

 private:
  MysqlServer();
  void find_version();
  void initialise();
  std::vector<std::string> command() const;

  std::filesystem::path program_;
  std::filesystem::path tables_;  ///< the SQL that makes the system tables
  PrivateFolder folder_;
  std::string password_ = "pa:ss w/rd@91";
  int port_ = 0;
  int version_ = 0;
  bool mariadb_ = false;
  bool tls_ = false;
  pid_t pid_ = -1;
};

/// A database of its own for one test. Other sessions in it are ended when it is dropped.
class MysqlDatabase {
 public:
  explicit MysqlDatabase(MysqlServer& server = MysqlServer::instance());
  ~MysqlDatabase();
  MysqlDatabase(const MysqlDatabase&) = delete;
  MysqlDatabase& operator=(const MysqlDatabase&) = delete;

  const std::string& name() const { return name_; }
  MysqlServer& server() const { return server_; }
  std::string url() const { return server_.url(name_); }
  std::string socket_url(const std::string& user = "root") const {
    return server_.socket_url(name_, user);
  }
  /// Another session, for transactions that stay open.
  MysqlSession session() const { return MysqlSession(socket_url()); }

  void exec(const std::string& sql) { session_->exec(sql); }
  std::vector<MysqlSession::Row> query(const std::string& sql) { return session_->query(sql); }
  std::string value(const std::string& sql) { return session_->value(sql); }
  /// A table `seq` with the rows i = 1 to `rows`, in whatever engine the server has.
  void make_seq(int rows);

 private:
  MysqlServer& server_;
  std::string name_;
  std::unique_ptr<MysqlSession> session_;
};

}  // namespace sluice::testing
