// SPDX-License-Identifier: Apache-2.0
// A connector: a source that pushes changes, for all that Source (a database that rows are pulled
// from) does not fit. Its author implements Connector; Sluice implements the rest.
//
//   void update(const Configuration&, const std::string& state, Operations& operations) override {
//     Table& customers = operations.table("customers");
//     const auto id = customers.column("customer_id"), name = customers.column("name");
//     customers.upsert().set(id, 4).set(name, "John");
//     operations.checkpoint(R"({"last": 4})");
//   }
//
// Order of calls in a sync: schema, update. Threads: one at a time; a connector that fetches on
// several hands its rows to one. Errors: whatever leaves update() ends the sync, and what came
// after the last checkpoint is discarded. What an operation throws is final: each later one throws
// it again, so that no row is lost between two that were written.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sluice/error.h"
#include "sluice/form.h"
#include "sluice/value.h"

namespace sluice::sdk {

/// A table as a connector declares it. What is not declared is inferred, see Value.
struct TableSchema {
  std::string name;
  std::vector<std::string> primary_key;  ///< empty: rows are known by `_fivetran_id`, see Table
  std::vector<std::pair<std::string, DataType>> columns;
  std::string schema;  ///< empty: the connection's only one
};

/// The row of the operation that has just begun. It ends when the next operation begins.
class Row {
 public:
  /// `column` is from Table::column(). Set twice, the last value counts. What `value` views is
  /// copied.
  virtual Row& set(std::size_t column, const Value& value) = 0;

 protected:
  ~Row() = default;
};

/// A table that changes go to; the same object for the whole sync. It has 4,096 columns at most,
/// and their names are text in UTF-8 without U+0000, as tables' are. Columns cannot be called as
/// Sluice's own: `_fivetran_synced` (when the checkpoint with the row's last upsert, update or
/// remove was applied: one instant per checkpoint, each later than the one before),
/// `_fivetran_deleted`, and, without a primary key, `_fivetran_id`: a hash of the row's values that
/// are not NULL. Equal rows are one there, and only upsert and truncate are possible.
class Table {
 public:
  /// The position of a column, for Row::set: of declared ones 0, 1, .., those of the primary key
  /// first, then the others, each in their order. Names that differ in ASCII case alone are one. A
  /// column that is neither declared nor known from an earlier sync comes to be with its first
  /// value that is not NULL.
  virtual std::size_t column(std::string_view name) = 0;
  /// Puts a whole row in the place of the one with its key, if there is one; columns that are not
  /// set become NULL. A row that was marked deleted is not any more.
  virtual Row& upsert() = 0;
  /// Sets these columns alone, NULL where NULL is set. Ignored where no row, deleted or not, has
  /// the key; a row that was marked deleted is not any more.
  virtual Row& update() = 0;
  /// Marks the row deleted. Takes the key and nothing else. Ignored where there is none.
  virtual Row& remove() = 0;
  /// Marks all rows deleted that came before this call. Those that come after it live.
  virtual void truncate() = 0;
  /// The same, put off until update() has returned: a sync that fails marks none. Rows that an
  /// operation has touched since live. Not behind changes of the table that no checkpoint covers.
  virtual void truncate_at_end() = 0;

 protected:
  ~Table() = default;
};

enum class Level { debug, info, warning, error };

/// Where a connector says what it does. Any thread. No secret, no row.
class Log {
 public:
  virtual ~Log() = default;
  virtual void write(Level level, std::string_view message) = 0;
  void debug(std::string_view message) { write(Level::debug, message); }
  void info(std::string_view message) { write(Level::info, message); }
  void warning(std::string_view message) { write(Level::warning, message); }
  void error(std::string_view message) { write(Level::error, message); }
};

/// Operations on one key take effect in the order of the calls.
class Operations {
 public:
  /// Makes the table known if nobody declared it. Lives as long as this.
  virtual Table& table(std::string_view name, std::string_view schema = {}) = 0;
  /// A table that has come to be since schema(), or new or wider columns of one: what it was said
  /// to be stays, and a column becomes the narrowest type that holds both. An empty primary key
  /// says nothing of it; another one than before is Fault::drift.
  virtual void declare(const TableSchema& table) = 0;
  /// Commits every operation so far together with `state`, the text of a JSON object, which the
  /// next sync gets; returns when that is safe. Never claim in it what was not yet written.
  virtual void checkpoint(std::string_view state) = 0;
  virtual Log& log() = 0;
  /// Whether the sync is to end, as the next operation will by throwing: for whoever waits without
  /// one. Any thread.
  virtual bool stopped() const noexcept { return false; }

 protected:
  ~Operations() = default;
};

class Connector {
 public:
  virtual ~Connector() = default;
  virtual std::vector<TableSchema> schema(const Configuration& /*configuration*/) { return {}; }
  /// `state` is that of the last checkpoint, "{}" before there is one. What comes after this
  /// sync's last checkpoint is committed when it returns, under the state of that checkpoint.
  virtual void update(const Configuration& configuration, const std::string& state,
                      Operations& operations) = 0;
  virtual Form configuration_form() { return {}; }
  /// One of the form's tests: why it failed, none: it has not.
  virtual std::optional<std::string> test(const std::string& /*name*/,
                                          const Configuration& /*configuration*/) {
    return std::nullopt;
  }
};

}  // namespace sluice::sdk
