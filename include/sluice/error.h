// SPDX-License-Identifier: Apache-2.0
// The one exception that Sluice throws. Values, not a hierarchy: what a caller acts on is `fault`.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace sluice {

/// What went wrong, by what can be done about it.
enum class Fault {
  config,          ///< a flag, a key of the configuration or a URL: the user corrects it
  connection,      ///< the source went away or never answered: try again
  authentication,  ///< refused by name or password: ends the run, never retried (many tries lock
                   ///< accounts)
  permission,      ///< a right is missing: the hint says the GRANT
  schema,          ///< a table or column is missing, or is not what the plan was made for, or the
                   ///< source refuses a statement for a reason of its own
  drift,           ///< the source changed its shape in a way that needs the user's word
  ownership,       ///< the table or file is not ours to write
  brake,           ///< more rows would be deleted than is plausible
  misfit,          ///< a value that its column's type cannot hold (`column()` says which)
  data,            ///< bytes that break the protocol or the format
  conflict,        ///< deadlock, serialization failure, recovery conflict: try again
  busy,            ///< the destination is locked by somebody else
  cancelled,       ///< stopped by the user, a time limit or another reader's error
  internal,        ///< DuckDB gave up (disk full, out of memory) or a bug of ours
};

/// Thrown for every failure. `what()` is one line: what, where and why. `hint()` is how to fix it,
/// or empty. Neither ever holds a secret. Copies are cheap enough to cross threads.
class Error : public std::runtime_error {
 public:
  Error(Fault fault, const std::string& message, std::string hint = {})
      : std::runtime_error(message), fault_(fault), hint_(std::move(hint)) {}

  Fault fault() const noexcept { return fault_; }
  const std::string& hint() const noexcept { return hint_; }
  const std::string& column() const noexcept { return column_; }

  /// True when the same work may succeed if it is simply done again.
  bool retryable() const noexcept {
    return fault_ == Fault::connection || fault_ == Fault::conflict;
  }

  /// The same error, said of a place: "public.orders: <message>".
  Error at(const std::string& place) const {
    Error moved(fault_, place + ": " + what(), hint_);
    moved.column_ = column_;
    return moved;
  }

  /// A misfit of `column`: the engine may answer it by landing that column as text.
  static Error misfit(std::string column, const std::string& message, std::string hint) {
    Error error(Fault::misfit, message, std::move(hint));
    error.column_ = std::move(column);
    return error;
  }

 private:
  Fault fault_;
  std::string hint_;
  std::string column_;
};

}  // namespace sluice
