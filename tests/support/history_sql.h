// SPDX-License-Identifier: Apache-2.0
// What the SQL of one server says otherwise than that of the others, for the tables of a history.
#pragma once

#include <string>
#include <vector>

#include "support/dice.h"

namespace sluice::testing {

class HistoryTable;

class HistorySql {
 public:
  HistorySql() = default;
  virtual ~HistorySql() = default;
  HistorySql(const HistorySql&) = delete;
  HistorySql& operator=(const HistorySql&) = delete;

  virtual std::string create(const HistoryTable& table) const = 0;
  /// A trigger that stamps every row that is written, whatever its writer says.
  virtual std::string stamped_by_trigger(const HistoryTable& table) const = 0;
  /// The type of a column that is added, with its default.
  virtual std::string added_type(Dice& dice) const = 0;
  /// The same rows in a new file, in which an older snapshot would see none.
  virtual std::string rewrite(const HistoryTable& table) const = 0;
  /// All rows give way to those of `insert`, in one transaction.
  virtual std::string refill(const HistoryTable& table, const std::string& insert) const = 0;

  virtual std::string key_values(const HistoryTable& table, const std::string& number) const = 0;
  virtual std::string half(const std::string& number) const = 0;  ///< a whole number
  virtual std::string now() const = 0;  ///< when the transaction began, or its statement
  virtual std::string some_clock(Dice& dice) const = 0;  ///< now(), or another of the server's
  /// "30 ms", "1 hour" away from now().
  virtual std::string shifted(bool ahead, const std::string& time) const = 0;
  virtual std::string next_hours() const = 0;  ///< one or two hours ahead, the same for an hour

  /// What stands behind FROM: a column i.
  virtual std::string series(const std::string& first, const std::string& last) const = 0;
  /// Where a key is there already, the row is left as it is, or written over.
  virtual std::string insert_or_leave(const std::string& insert) const = 0;
  virtual std::string insert_or_update(const std::string& insert, const std::string& keys,
                                       const std::string& more) const = 0;
  /// A number of each row that its keys decide, or `n`: never negative, or evenly around 0.
  virtual std::string hash(const HistoryTable& table, const std::string& salt) const = 0;
  /// The end of a statement: so many rows, of those of one note or not.
  virtual std::string one(const HistoryTable& table, bool notes, const std::string& salt,
                          int count) const = 0;
  virtual std::string set_key(const HistoryTable& table, const std::string& number) const = 0;
  virtual std::string fill(const HistoryTable& table, int keys) const = 0;

  /// Of the source, one text for each row; for a table as a whole their number and sum.
  virtual std::string row(const HistoryTable& table,
                          const std::vector<std::string>& columns) const = 0;
  virtual std::string sum(const HistoryTable& table, const std::string& row) const = 0;
  virtual std::string schema() const = 0;  ///< "public", where the tables are in the copy
};

}  // namespace sluice::testing
