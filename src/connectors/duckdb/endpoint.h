// SPDX-License-Identifier: Apache-2.0
// MotherDuck's PostgreSQL endpoint (motherduck.com/docs/sql-reference/postgres-endpoint): DuckDB's
// SQL over PostgreSQL's protocol. What is read through it is text.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "connectors/duckdb/connector.h"
#include "connectors/duckdb/motherduck.h"
#include "duck/duck.h"
#include "sluice/source.h"
#include "wire/text_session.h"

namespace sluice::motherduck {

/// How libpq is told to connect, without the token: TLS, the server's certificate verified. Throws
/// Fault::config where the certificates to verify it by are not found.
std::string endpoint_url(const Login& login);

/// A session of the endpoint that several threads share, a statement of one at a time. After an
/// error it is of no more use: an error ends the transaction, and only that shows what it did.
class EndpointSession {
 public:
  /// Connects within the login's limit, and sees that times are shown in UTC. Throws as source().
  EndpointSession(const Login& login, const Dial& dial, std::function<bool()> stop);

  /// Waits for its turn. An error that the server answers with is thrown as it is; what comes
  /// after it is Fault::connection.
  wire::TextRows ask(const std::string& sql);
  wire::Ask asking() {
    return [this](const std::string& sql) { return ask(sql); };
  }
  /// Waits at most 200 ms for the turn of this holder; then the session is its own until release().
  bool acquire();
  wire::TextSession& session() { return *session_; }
  /// `usable`: nothing of a statement is under way.
  void release(bool usable) noexcept;
  /// Throws Fault::connection if the session is of no more use.
  void check_alive();

 private:
  void set_up();
  [[noreturn]] void gone() const;

  const std::string shown_;
  const std::function<bool()> stop_;
  std::unique_ptr<wire::TextSession> session_;
  std::mutex mutex_;  ///< of what follows; `session_` is whose turn it is
  std::condition_variable changed_;
  bool taken_ = false;
  bool usable_ = true;
};

/// The column of a relation as the text from which a cast to its type makes the same value, as SQL.
/// A nested value whose text does not is an error of the statement.
std::string as_text(duck::Connection& local, const Column& column);

/// Why values of a type do not survive as text; empty: they do. `local` says what DuckDB here knows
/// of the type.
std::string no_text(duck::Connection& local, const std::string& type);

std::unique_ptr<Source> endpoint_source(duck::Database& database, Login login, Dial dial,
                                        std::function<bool()> stop);

}  // namespace sluice::motherduck
