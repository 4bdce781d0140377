// SPDX-License-Identifier: Apache-2.0
// RAII over libduckdb's C API: database, connection, result, statement, type. Knows nothing of
// replication. Every failure is a sluice::Error; DuckDB's own text is kept. A Database may be used
// by several threads, a Connection by one at a time (but for interrupt() and progress()).
#pragma once

#include <duckdb.h>

#include <cstdint>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sluice/error.h"
#include "sluice/secret.h"

namespace sluice::duck {

/// A name as DuckDB compares it: ASCII letters in lower case. Two names that fold alike are one.
std::string folded(std::string_view name);
/// Of types as DuckDB prints them.
bool is_integer(std::string_view type);
bool is_temporal(std::string_view type);  ///< a date or timestamp, with or without zone

/// An identifier for SQL text: always quoted, quotes doubled.
std::string quoted(std::string_view identifier);
/// A string literal for SQL text.
std::string literal(std::string_view text);

/// From here on no Error of DuckDB in this process holds the text of this secret. Any thread.
void hide(const Secret& secret);

/// The type a column has; copies share nothing. Written in SQL by `name`.
class LogicalType {
 public:
  explicit LogicalType(duckdb_logical_type type) noexcept : type_(type) {}
  LogicalType(LogicalType&& other) noexcept : type_(std::exchange(other.type_, nullptr)) {}
  LogicalType& operator=(LogicalType&& other) noexcept;
  LogicalType(const LogicalType&) = delete;
  LogicalType& operator=(const LogicalType&) = delete;
  ~LogicalType();
  duckdb_logical_type get() const noexcept { return type_; }

 private:
  duckdb_logical_type type_;
};

/// The rows a query returned, all in memory: for catalogs, counts and state, not for bulk data.
class Result {
 public:
  explicit Result(const duckdb_result& result);
  Result(Result&&) noexcept = default;
  Result& operator=(Result&&) noexcept = default;

  std::size_t rows() const noexcept { return rows_; }
  /// 0: a statement that returns no rows, such as SET or INSERT.
  std::size_t columns() const noexcept { return names_.size(); }
  const std::string& name(std::size_t column) const { return names_[column]; }
  bool null(std::size_t row, std::size_t column) const { return !cell(row, column).has_value(); }
  /// NULL is an error here: ask null() or use optional().
  const std::string& text(std::size_t row, std::size_t column) const;
  const std::optional<std::string>& optional(std::size_t row, std::size_t column) const {
    return cell(row, column);
  }
  std::int64_t integer(std::size_t row, std::size_t column) const;
  bool boolean(std::size_t row, std::size_t column) const { return text(row, column) == "true"; }
  /// Rows that an INSERT, UPDATE or DELETE changed.
  std::uint64_t changed() const noexcept { return changed_; }

 private:
  const std::optional<std::string>& cell(std::size_t row, std::size_t column) const;
  std::vector<std::string> names_;
  std::vector<std::optional<std::string>> cells_;
  std::size_t rows_ = 0;
  std::uint64_t changed_ = 0;
};

class Connection {
 public:
  Connection(Connection&&) noexcept = default;
  Connection& operator=(Connection&&) noexcept = default;

  /// Runs one or more statements; the rows are those of the last. Columns must be BOOLEAN,
  /// integers, FLOAT, DOUBLE or VARCHAR: cast others in the SQL.
  Result query(const std::string& sql);
  /// As query(), with `?` bound to text (nullopt: NULL). One statement.
  Result query(const std::string& sql, std::span<const std::optional<std::string>> parameters);
  Result query(const std::string& sql,
               std::initializer_list<std::optional<std::string>> parameters) {
    return query(sql, std::span(parameters.begin(), parameters.size()));
  }
  /// The types that these names mean in SQL.
  std::vector<LogicalType> types(std::span<const std::string> names);
  /// The name that DuckDB itself prints for a type.
  std::string canonical_type(const std::string& name);
  /// The rows of one statement as they come, chunk after chunk, its vectors flat; a chunk is gone
  /// when `take` returns. DuckDB computes about a megabyte ahead and then waits. What `take` throws
  /// ends the statement.
  void stream(const std::string& sql, const std::function<void(duckdb_data_chunk)>& take);
  /// How many statements the text holds; 0 where it cannot be parsed.
  std::size_t statements(const std::string& sql);
  /// Runs them all; the results of those that return rows, in their order. Columns as query()'s,
  /// or Fault::config: the text is a user's.
  std::vector<Result> query_all(const std::string& sql);
  /// Names and types, as DuckDB writes them, of the columns that `sql` would return.
  std::vector<std::pair<std::string, std::string>> describe(const std::string& sql);

  /// Any thread: makes the running statement end with Fault::cancelled.
  void interrupt() noexcept;
  /// Makes DuckDB measure how far its statements are, for progress(). Prints nothing.
  void measure_progress();
  /// Any thread: how much of the running statement is done, from 0 to 1; none where it is unknown.
  std::optional<double> progress() const noexcept;
  duckdb_connection handle() const noexcept { return connection_.get(); }

 private:
  friend class Database;
  struct Close {
    void operator()(_duckdb_connection* connection) const noexcept;
  };
  explicit Connection(duckdb_connection connection) noexcept : connection_(connection) {}
  void each_statement(const std::string& sql, const std::function<void(Result)>& take);
  std::unique_ptr<_duckdb_connection, Close> connection_;
};

/// One transaction: rolled back unless commit() returned.
class Transaction {
 public:
  explicit Transaction(Connection& connection);
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();
  /// A failed statement before this makes DuckDB answer "success" and roll back, so callers must
  /// let an Error of query() leave the scope instead of coming here.
  void commit();

 private:
  Connection& connection_;
  bool open_ = true;
};

class Database {
 public:
  /// An in-memory instance; files are ATTACHed to it. `settings` are DuckDB's configuration
  /// options. It starts on a thread of its own (about 20 ms, mostly to register functions), beside
  /// whatever the caller does next.
  explicit Database(std::map<std::string, std::string> settings = {});
  /// Waits until it has started; throws what kept it from that.
  Connection connect();

 private:
  std::shared_future<std::shared_ptr<_duckdb_database>> started_;
};

}  // namespace sluice::duck
