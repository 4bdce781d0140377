// SPDX-License-Identifier: Apache-2.0
// The tables of a history, and the SQL that changes them: text only.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "support/dice.h"
#include "support/history_sql.h"

namespace sluice::testing {

/// How a row's `updated_at` comes about.
struct Stamps {
  bool honest = true;  ///< the server's clock, the future or, where it may be, NULL; else the past
                       ///< and none as well
};

class HistoryTable {
 public:
  enum class Kind {
    number,    ///< an integer key, updated_at with an index
    pair,      ///< a key of an integer and a text, updated_at
    uuid,      ///< a uuid key, updated_at
    nullable,  ///< an integer key, updated_at that may be NULL, with an index
    keyed,     ///< an integer key, nothing that says what changed
    bag,       ///< no key; rows may be there more than once
    large,     ///< as number, with keys that leave no gaps
  };
  /// `partitioned`: into three by its key, each a chunk by itself to a load.
  HistoryTable(const HistorySql& sql, Kind kind, std::string name, bool partitioned)
      : sql_(&sql), kind_(kind), name_(std::move(name)), partitioned_(partitioned) {}

  Kind kind() const { return kind_; }
  const std::string& name() const { return name_; }
  bool partitioned() const { return partitioned_; }
  bool indexed() const {
    return kind_ == Kind::number || kind_ == Kind::nullable || kind_ == Kind::large;
  }
  bool stamped() const { return kind_ != Kind::keyed && kind_ != Kind::bag; }
  bool has_key() const { return kind_ != Kind::bag; }
  bool large() const { return kind_ == Kind::large; }
  /// Of how many columns, the first of each row, the key consists.
  int key_parts() const { return kind_ == Kind::pair ? 2 : has_key() ? 1 : 0; }
  std::string keys() const;  ///< "a, b"

  /// Where servers have several types for it: that of updated_at, and whether it follows each
  /// change by itself.
  void stamp_with(const std::string& type, bool automatic) {
    stamp_type_ = type;
    automatic_ = automatic;
  }
  const std::string& stamp_type() const { return stamp_type_; }
  bool automatic() const { return automatic_ && stamped() && kind_ != Kind::nullable; }

  /// Which of its rows sluice is to copy: of this predicate, and stamped at or after this time.
  void filter(const std::string& where, const std::string& start) {
    where_ = where;
    start_ = start;
  }
  const std::string& where() const { return where_; }  ///< empty: all
  const std::string& start() const { return start_; }

  std::string create() const { return sql_->create(*this); }
  /// Adds column number `added() + 1`; once that is done, call column_added().
  std::string add_column(Dice& dice) const;
  void column_added() { ++added_; }
  int added() const { return added_; }
  /// The name of an added column that is to go, empty: there is none; then call column_dropped().
  std::string drop_column(Dice& dice);
  void column_dropped() { dropped_.insert(going_); }

  /// `count` rows with the key numbers from `first` on. Where such a key is there already, the row
  /// is written over or left as it is.
  std::string insert(Dice& dice, const Stamps& stamps, int first, int count);
  /// Some rows get other values; `whole`: all of them, with one and the same stamp.
  std::string update(Dice& dice, const Stamps& stamps, bool whole) const;
  std::string remove(Dice& dice) const;
  /// Some rows go and others get other values, in one transaction.
  std::string exchange(Dice& dice, const Stamps& stamps) const;
  /// One row's key becomes that of key number `number`.
  std::string change_key(Dice& dice, const Stamps& stamps, int number) const;
  /// Some rows go, or come (again) just as they were.
  std::string come_or_go(Dice& dice) const;
  /// All rows give way to those of insert(), in one transaction.
  std::string refill(Dice& dice, const Stamps& stamps, int first, int count);

  /// For a table with plain integer keys from 1 to about `keys`: so many rows.
  std::string fill(int keys) const { return sql_->fill(*this, keys); }
  /// Up to three neighbours change, or some scattered over all of it, or many in one place.
  std::string change_few(Dice& dice, const Stamps& stamps, int keys) const;

  /// SELECTs of one text for each row, alike on both sides; for a large table of their number and
  /// sum, unless `listed`. Key columns come first; what is NULL is left out, so that a row is the
  /// same with and without a new column. `living`: which rows of the copy count.
  enum class Part { rows, keys };
  std::string rows_at_source(Part part = Part::rows, bool listed = false) const;
  std::string rows_of_copy(Part part, const std::string& living, bool listed = false) const;
  /// The expression of that text, for a copy that has only these of the added columns.
  std::string text_of_copy(const std::vector<std::string>& columns) const;
  /// The same for DuckDB and for whoever speaks as it does.
  std::string text(const std::vector<std::string>& columns, const char* micros) const;

 private:
  std::vector<std::string> columns(Part part) const;
  std::string stamp(Dice& dice, const Stamps& stamps) const;
  std::string some(Dice& dice) const;  ///< a predicate that holds for few or many rows
  std::string one(Dice& dice) const;   ///< a predicate that holds for at most a few rows
  std::string values(Dice& dice, const Stamps& stamps, const std::string& when) const;
  std::string stamped_with(Dice& dice, const Stamps& stamps, const std::string& when) const;

  const HistorySql* sql_;
  Kind kind_;
  std::string name_;
  bool partitioned_;
  std::string where_, start_, stamp_type_;
  bool automatic_ = false;
  int added_ = 0;
  int going_ = 0;
  std::set<int> dropped_;
};

}  // namespace sluice::testing
