// SPDX-License-Identifier: Apache-2.0
// A session of a server that takes SQL and answers with text: what a connector that knows the SQL
// asks of one that knows the protocol.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::wire {

/// Rows, all in memory; NULL is none.
using TextRows = std::vector<std::vector<std::optional<std::string>>>;

/// Runs one statement. Its columns are text, or numbers.
using Ask = std::function<TextRows(const std::string& sql)>;

/// One thread at a time. What is thrown is an Error without secrets; a session that is lost is
/// Fault::connection, and of no more use.
class TextSession {
 public:
  virtual ~TextSession() = default;
  virtual TextRows query(const std::string& sql) = 0;

  /// A statement whose rows come one by one: step() until it says `end`, then the statement has
  /// ended well.
  virtual void start(const std::string& sql) = 0;
  /// waiting: nothing has come for 200 ms.
  enum class Step { row, waiting, end };
  virtual Step step() = 0;
  /// A value of the row, until the next step(); none: NULL.
  virtual std::optional<std::string_view> value(std::size_t column) const = 0;
  /// Asks the server to end the statement that runs, and waits a second for that at most. The
  /// session is of no more use.
  virtual void abandon() noexcept = 0;
  /// Whether the session is of use, as far as that is known without asking the server.
  virtual bool alive() = 0;
};

}  // namespace sluice::wire
