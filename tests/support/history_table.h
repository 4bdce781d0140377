// SPDX-License-Identifier: Apache-2.0
// The tables of a history, and the SQL that changes them: text only.
#pragma once

#include <string>
#include <vector>

#include "support/dice.h"

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
  HistoryTable(Kind kind, std::string name, bool partitioned)
      : kind_(kind), name_(std::move(name)), partitioned_(partitioned) {}

  const std::string& name() const { return name_; }
  bool stamped() const { return kind_ != Kind::keyed && kind_ != Kind::bag; }
  bool has_key() const { return kind_ != Kind::bag; }
  bool large() const { return kind_ == Kind::large; }
  /// Of how many columns, the first of each row, the key consists.
  int key_parts() const { return kind_ == Kind::pair ? 2 : has_key() ? 1 : 0; }

  /// Which of its rows sluice is to copy: of this predicate, and stamped at or after this time.
  void filter(const std::string& where, const std::string& start) {
    where_ = where;
    start_ = start;
  }
  const std::string& where() const { return where_; }  ///< empty: all
  const std::string& start() const { return start_; }

  std::string create() const;
  /// A trigger that stamps every row that is written, whatever its writer says.
  std::string stamped_by_trigger() const;
  /// Adds column number `added() + 1`; once that is done, call column_added().
  std::string add_column(Dice& dice) const;
  void column_added() { ++added_; }
  int added() const { return added_; }

  /// `count` rows with the key numbers from `first` on. Where such a key is there already, the row
  /// is written over or left as it is.
  std::string insert(Dice& dice, const Stamps& stamps, int first, int count);
  /// Some rows get other values; `whole`: all of them, with one and the same stamp.
  std::string update(Dice& dice, const Stamps& stamps, bool whole) const;
  std::string remove(Dice& dice) const;
  /// Some rows go and others get other values, in one message and thus one transaction.
  std::string exchange(Dice& dice, const Stamps& stamps) const;
  /// One row's key becomes that of key number `number`.
  std::string change_key(Dice& dice, const Stamps& stamps, int number) const;
  /// Some rows go, or come (again) just as they were.
  std::string come_or_go(Dice& dice) const;
  /// All rows give way to those of insert(), in one message and thus one transaction.
  std::string refill(Dice& dice, const Stamps& stamps, int first, int count);
  /// The same rows in a new file, in which an older snapshot would see none.
  std::string rewrite() const;

  /// For a table with plain integer keys from 1 to about `keys`: so many rows.
  std::string fill(int keys) const;
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

 private:
  std::vector<std::string> columns(Part part) const;
  std::string text(const std::vector<std::string>& columns, const char* micros) const;
  std::string keys() const;  ///< "a, b"
  std::string key_values(const std::string& number) const;
  std::string stamp(Dice& dice, const Stamps& stamps) const;
  std::string some(Dice& dice) const;  ///< a predicate that holds for few or many rows
  std::string one(Dice& dice) const;   ///< a predicate that holds for at most a few rows
  std::string values(Dice& dice, const Stamps& stamps, const std::string& when) const;
  std::string stamped_with(Dice& dice, const Stamps& stamps, const std::string& when) const;

  Kind kind_;
  std::string name_;
  bool partitioned_;
  std::string where_, start_;
  int added_ = 0;
};

}  // namespace sluice::testing
