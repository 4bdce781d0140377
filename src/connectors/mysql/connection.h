// SPDX-License-Identifier: Apache-2.0
// libmariadb, owned: one session with the settings that keep values true, and its errors as ours.
// One thread at a time.
#pragma once

#include <mysql.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/mysql/url.h"
#include "sluice/error.h"

namespace sluice::mysql {

/// What an error number asks for. The one place where the server's and the driver's numbers become
/// ours. A number that asks for nothing special is Fault::schema: the server refuses what was
/// planned, and would again.
Fault fault_of(unsigned number);
/// Whether the driver says it, not the server: most of these are of a connection that is gone.
bool is_drivers(unsigned number);
/// SingleStore: a result table is not there, or not there yet.
constexpr unsigned kNoResultTable = 2318;
/// MySQL's since 8.0.24, which the driver's header does not have.
constexpr unsigned kIdleTooLong = 4031;

/// The rows of a finished query, as text.
class Rows {
 public:
  struct Free {
    void operator()(MYSQL_RES* result) const noexcept { mysql_free_result(result); }
  };
  explicit Rows(std::unique_ptr<MYSQL_RES, Free> result);

  std::size_t size() const { return rows_.size(); }
  bool null(std::size_t row, std::size_t column) const { return !rows_.at(row).at(column); }
  /// NULL is "".
  std::string text(std::size_t row, std::size_t column) const {
    return rows_.at(row).at(column).value_or("");
  }
  /// NULL is 0. Throw Fault::data where the text is no number.
  std::int64_t integer(std::size_t row, std::size_t column) const;
  std::uint64_t natural(std::size_t row, std::size_t column) const;
  const std::vector<std::optional<std::string>>& operator[](std::size_t row) const {
    return rows_.at(row);
  }

 private:
  std::vector<std::vector<std::optional<std::string>>> rows_;
};

/// Asked at least every 200 ms of a wait: true ends it with Fault::cancelled. Empty: never.
using Stop = std::function<bool()>;

/// What this thread does while the driver waits for the server: every call of the driver that may
/// wait is made with one of these alive. `cancel` is called once, when `stop` said so; the wait
/// goes on a little for what comes of it.
class Waiting {
 public:
  Waiting(const Stop* stop, std::optional<std::chrono::milliseconds> limit,
          std::function<void()> cancel = {});
  ~Waiting();
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

  bool stopped() const { return stopped_; }  ///< `stop` ended the wait
  bool timed_out() const { return timed_out_; }
  /// The driver's question whether the socket is ready; 1: yes, 0: give it up.
  int wait(int socket, bool reading);

 private:
  using Clock = std::chrono::steady_clock;
  const Stop* stop_;
  std::optional<Clock::time_point> deadline_;
  std::function<void()> cancel_;
  Waiting* outer_;
  bool stopped_ = false, timed_out_ = false;
};

/// One session: no time limits, UTC, utf8mb4, a sql_mode of our own, nothing cut by
/// sql_select_limit.
class Connection {
 public:
  /// Throws Fault::connection or Fault::authentication.
  explicit Connection(std::shared_ptr<const Login> login, Stop stop = {});
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// What ends the waits from now on.
  void stop_when(Stop stop) { stop_ = std::move(stop); }
  const Stop& stop() const { return stop_; }

  /// One statement. Throws Fault::connection where the server says nothing for as long as the
  /// login's patience; the session is broken() then.
  Rows query(const std::string& sql);
  /// With another patience; without one it may take as long as it likes.
  Rows query(const std::string& sql, std::optional<std::chrono::milliseconds> limit);
  void run(const std::string& sql) { query(sql); }
  /// A setting. Of SingleStore it is not known which versions have which: false, it refuses this
  /// one.
  bool set(const std::string& setting);
  /// One that may compute for as long as it likes.
  Rows query_patiently(const std::string& sql);
  /// Asks the server, by a session of its own, to end the statement that this one is busy with; its
  /// transaction stays. Waits a second or two for that at most.
  void kill_statement() noexcept;
  /// Once the statement has ended: where it had before it was asked to, MySQL ends the next one.
  void forget_kill() noexcept;

  MYSQL* handle() const { return &*handle_; }
  const Login& login() const { return *login_; }
  Dialect dialect() const { return dialect_; }
  int version() const { return version_; }  ///< 101115 is 10.11.15; of SingleStore its own
  std::uint64_t id() const { return id_; }
  bool encrypted() const;
  /// Which server this is a session of, where one address may lead to several; empty: it does not
  /// say.
  const std::string& server() const { return server_; }
  /// Of no more use: lost, or given up with an answer under way.
  bool broken() const { return broken_; }
  void set_broken() { broken_ = true; }

  /// An error of the driver or the server, told without any secret.
  Error error(unsigned number, const std::string& text) const;
  /// What this connection's last call failed with.
  Error error();

 private:
  struct Close {
    void operator()(MYSQL* handle) const noexcept { mysql_close(handle); }
  };
  void connect();
  bool try_connect(bool tls);
  void prepare();
  void learn();

  std::shared_ptr<const Login> login_;
  std::unique_ptr<MYSQL, Close> handle_;
  Stop stop_;
  Dialect dialect_ = Dialect::mysql;
  int version_ = 0;
  std::uint64_t id_ = 0;
  std::string server_;
  bool broken_ = false;
};

/// A name as SQL: backticks, doubled inside.
std::string identifier(std::string_view name);
std::string identifier(std::string_view schema, std::string_view name);
/// A value as a SQL literal, for any text; our sessions' sql_mode has backslash escapes.
std::string literal(std::string_view value);

}  // namespace sluice::mysql
