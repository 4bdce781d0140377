// SPDX-License-Identifier: Apache-2.0
// One unit of work at the destination, on one table or several: DDL first and by itself, then rows
// and states in one transaction.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "duck/duck.h"
#include "duck/failpoint.h"
#include "engine/apply.h"
#include "engine/decide.h"
#include "engine/state.h"

namespace sluice {

/// DuckDB replays "rows, then ALTER" wrongly after a crash, so every change of shape is a
/// transaction of its own, made before any row. What it leaves behind when a run ends there is
/// harmless and found by the next.
class Shape {
 public:
  Shape(duck::Connection& connection, const StateStore& states, apply::Target target)
      : connection_(&connection), states_(&states), target_(std::move(target)) {}

  bool exists(const std::string& name) const;
  std::uint64_t rows(const std::string& name) const;
  /// Those that the source has: without rows marked deleted, without versions that have ended.
  std::uint64_t living_rows(const std::string& name) const;
  /// An empty table beside the target, replacing one that may be there.
  void create(const std::string& name, const std::vector<Column>& columns) const;
  void drop(const std::string& name) const;
  void change(const std::vector<ColumnChange>& changes) const;
  /// Leaves exactly the first `rows` rows of an append-only table. False when that cannot be done
  /// surely.
  bool cut(const std::string& name, std::uint64_t rows) const;

 private:
  void commit(duck::Transaction& transaction) const;

  duck::Connection* connection_;
  const StateStore* states_;
  apply::Target target_;
};

/// While it lives, rows of the destination keep their rowids. A checkpoint, which any commit may
/// bring about, numbers them anew where rows were deleted, unless somebody is reading.
class Pin {
 public:
  Pin(duck::Database& database, const StateStore& states)
      : connection_(database.connect()),
        reading_("SELECT count(*) FROM " + states.sql_name("meta")),
        transaction_(connection_) {
    connection_.query(reading_);
  }
  /// Throws Fault::conflict if the transaction has ended, as one does whose service has lost us.
  void check();

 private:
  duck::Connection connection_;
  std::string reading_;
  duck::Transaction transaction_;
};

/// One transaction. Destroyed uncommitted it leaves no row and no state.
class Load {
 public:
  Load(duck::Connection& connection, const StateStore& states)
      : connection_(connection), states_(states), transaction_(connection) {}

  std::uint64_t execute(const std::string& statement) {
    ++executed_;
    return connection_.query(statement).changed();
  }
  std::size_t executed() const noexcept { return executed_; }  ///< statements
  bool empty() const noexcept { return executed_ == 0 && written_.empty() && !feed_; }
  /// What commit() makes of the state of `table`; `expected` is what it must still be.
  void replace_state(const TableName& table, const std::optional<TableState>& expected,
                     const TableState& next);
  /// The same for the state of a connector that pushes.
  void replace_feed(const std::optional<FeedState>& expected, const FeedState& next);
  /// Rows and states become visible together, or nothing does.
  void commit();

 private:
  duck::Connection& connection_;
  const StateStore& states_;
  duck::Transaction transaction_;
  std::size_t executed_ = 0;
  std::vector<std::pair<TableName, std::string>> written_;  ///< states, as they must be found again
  std::optional<FeedState> feed_;                           ///< likewise
};

}  // namespace sluice
