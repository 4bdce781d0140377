// SPDX-License-Identifier: Apache-2.0
// A server that answers as MotherDuck's PostgreSQL endpoint is documented to: DuckDB's SQL over
// PostgreSQL's protocol, TLS and the token as the password, for user postgres. It is written after
// MotherDuck's documentation, never after the service: what a test shows with it is that Sluice
// keeps to what is written.
//
//   EndpointDouble service;
//   service.exec("CREATE TABLE t (a INTEGER)");
//   copy.sync(service.url());
//
// Only simple queries; rows are streamed. Refused: COPY, ATTACH, INSTALL, LOAD, CREATE SECRET,
// names that begin with pg_, and SET of anything but TimeZone.
#pragma once

#include <cstddef>
#include <list>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "duck/duck.h"
#include "support/private_folder.h"

struct ssl_ctx_st;

namespace sluice::testing {

namespace pgwire {
class Channel;
struct Startup;
}  // namespace pgwire

class EndpointDouble {
 public:
  static constexpr const char* kToken = "eyJtoken.MARKED.secret";
  struct Options {
    std::string database = "shop";
    bool sets_time_zone = true;     ///< false: SET TimeZone is refused
    std::string time_zone = "UTC";  ///< of a new session
    bool silent = false;            ///< accepts, and never says a word
  };
  EndpointDouble();
  explicit EndpointDouble(Options options);
  ~EndpointDouble();
  EndpointDouble(const EndpointDouble&) = delete;
  EndpointDouble& operator=(const EndpointDouble&) = delete;

  /// As another client of the service, in the database.
  void exec(const std::string& sql);
  /// First column of all rows; NULL as "NULL".
  std::vector<std::string> query(const std::string& sql);
  /// The database as a file that nobody has open any more: the service ends.
  std::string stop();

  std::string url(const std::string& parameters = {}) const;
  int port() const { return port_; }
  std::string certificates() const { return folder_ / "tls" / "ca.crt"; }
  Secret token() const { return Secret(kToken); }

  /// Once: before row number `row` (from 0) of a statement that contains `text`, the connection is
  /// cut.
  void cut_at_row(const std::string& text, std::size_t row);
  /// Likewise: nothing more is sent until the client has hung up.
  void stall_at_row(const std::string& text, std::size_t row);
  /// Once: before a statement that contains `text` is run, `sql` is, as another client.
  void before(const std::string& text, const std::string& sql);
  std::vector<std::string> statements() const;  ///< as they came
  std::vector<std::string> refused() const;     ///< those that ended with an error
  std::size_t sessions() const;                 ///< that there ever were

 private:
  struct Hook {
    std::string text;
    std::size_t row = 0;
    std::string sql;  ///< empty: cut or stall
    bool stalls = false;
  };
  void accept();
  void serve(int fd);
  bool log_in(pgwire::Channel& client);
  void run(pgwire::Channel& client, duck::Connection& connection, const std::string& sql,
           char& status);
  std::optional<Hook> take(const std::string& sql, bool cuts);

  const Options options_;
  PrivateFolder folder_;
  std::optional<duck::Database> database_;
  ssl_ctx_st* tls_ = nullptr;
  int listening_ = -1, port_ = 0;
  std::thread accepting_;
  mutable std::mutex mutex_;
  std::list<std::thread> threads_;
  std::set<int> sockets_;
  std::list<Hook> hooks_;
  std::vector<std::string> statements_, refused_;
  std::size_t sessions_ = 0;
};

}  // namespace sluice::testing
