// SPDX-License-Identifier: Apache-2.0
// libpq, owned: one session with the settings that keep values true, and libpq's errors as ours.
// One thread at a time.
#pragma once

#include <libpq-fe.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/postgres/dialect.h"
#include "connectors/postgres/errors.h"
#include "connectors/postgres/url.h"
#include "sluice/error.h"

namespace sluice::postgres {

struct ResultClear {
  void operator()(PGresult* result) const noexcept { PQclear(result); }
};
using ResultHandle = std::unique_ptr<PGresult, ResultClear>;

/// A number that the server sent. Throws Fault::data where the text is none.
std::int64_t integer_of(std::string_view digits);

/// The rows of a finished query, as text.
class Rows {
 public:
  explicit Rows(ResultHandle result) : result_(std::move(result)) {}
  int size() const { return PQntuples(result_.get()); }
  int width() const { return PQnfields(result_.get()); }
  bool null(int row, int column) const { return PQgetisnull(result_.get(), row, column) == 1; }
  std::string_view text(int row, int column) const {
    return {PQgetvalue(result_.get(), row, column),
            static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
  }
  std::string string(int row, int column) const { return std::string(text(row, column)); }
  bool boolean(int row, int column) const { return text(row, column) == "t"; }
  /// NULL is 0. Throws Fault::data where the text is no number.
  std::int64_t integer(int row, int column) const;
  std::uint32_t oid(int row, int column) const {
    return static_cast<std::uint32_t>(integer(row, column));
  }
  int column(const char* name) const { return PQfnumber(result_.get(), name); }  ///< -1: none

 private:
  ResultHandle result_;
};

/// Asked at least every 200 ms of a wait: true ends it with Fault::cancelled. Empty: never.
using Stop = std::function<bool()>;

/// One session: no time limits, search_path='', UTC, ISO dates, row_security=off, UTF8. Of a server
/// that is none of PostgreSQL's (Login::is_postgres): UTF8, and nothing is known of it.
class Connection {
 public:
  /// To `node`, or else to the first of the URL's hosts that answers. Throws Fault::connection or
  /// Fault::authentication.
  explicit Connection(std::shared_ptr<const Login> login, Stop stop = {},
                      const std::optional<Node>& node = std::nullopt);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// What ends the waits from now on.
  void stop_when(Stop stop) { stop_ = std::move(stop); }

  /// A query (or several, the last one's rows) without parameters. Throws Fault::connection where
  /// the server says nothing for as long as the login's patience; the session is broken() then.
  Rows query(const std::string& sql);
  /// With $1.. bound as text.
  Rows query(const std::string& sql, const std::vector<std::optional<std::string>>& values);
  void run(const std::string& sql) { query(sql); }
  /// One that may compute for as long as it likes.
  Rows query_patiently(const std::string& sql);
  /// Asks the server to end what it is doing for this session. Waits a second for that at most.
  void cancel_statement() noexcept;

  PGconn* handle() const { return handle_.get(); }
  const Login& login() const { return *login_; }
  /// A connection parameter as it holds, wherever it was said: sslmode.
  std::string parameter(std::string_view keyword) const;
  int version() const { return PQserverVersion(handle_.get()); }  ///< PostgreSQL's: 150020
  const Dialect& dialect() const { return dialect_; }
  bool standby() const { return standby_; }
  int pid() const { return pid_; }  ///< the server's process, also through a pooler
  /// The line of history that the server is on; empty where it does not tell. A standby that took
  /// the primary's place, and a backup that was recovered, began another: commits may be undone.
  /// Asked once, outside of a transaction.
  const std::string& timeline();
  /// Of no more use: lost, or given up with an answer under way.
  bool broken() const { return given_up_ || PQstatus(handle_.get()) != CONNECTION_OK; }

  /// The error that `result` (may be null) or else this connection holds.
  Error error(const PGresult* result) const { return error_of(result, handle_.get(), *login_); }

 private:
  struct Finish {
    void operator()(PGconn* connection) const noexcept { PQfinish(connection); }
  };
  void connect(const std::optional<Node>& node);
  void begin();
  void set_up();
  Rows rows(int sent, std::chrono::milliseconds limit);
  ResultHandle answer(std::chrono::milliseconds limit);
  [[noreturn]] void give_up(const Error& error);

  std::shared_ptr<const Login> login_;
  std::unique_ptr<PGconn, Finish> handle_;
  Dialect dialect_;
  bool standby_ = false;
  std::optional<std::string> timeline_;
  int pid_ = 0;
  Stop stop_;
  bool given_up_ = false;
};

/// A name as SQL: double quotes, doubled inside.
std::string identifier(std::string_view name);
std::string identifier(std::string_view schema, std::string_view name);
/// A value as a SQL literal, for any text without a zero byte.
std::string literal(std::string_view value);

}  // namespace sluice::postgres
