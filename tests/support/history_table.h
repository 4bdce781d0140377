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
  };
  /// `partitioned`: into three by its key, each a chunk by itself to a load.
  HistoryTable(Kind kind, std::string name, bool partitioned)
      : kind_(kind), name_(std::move(name)), partitioned_(partitioned) {}

  const std::string& name() const { return name_; }
  bool stamped() const { return kind_ != Kind::keyed && kind_ != Kind::bag; }
  bool has_key() const { return kind_ != Kind::bag; }
  /// Of how many columns, the first of each row, the key consists.
  int key_parts() const { return kind_ == Kind::pair ? 2 : has_key() ? 1 : 0; }

  std::string create() const;
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
  /// All rows give way to those of insert(), in one message and thus one transaction.
  std::string refill(Dice& dice, const Stamps& stamps, int first, int count);
  /// The same rows in a new file, in which an older snapshot would see none.
  std::string rewrite() const;

  /// SELECTs of one text for each row, alike on both sides.
  std::string rows_at_source() const;
  std::string rows_of_copy() const;

 private:
  std::string keys() const;  ///< "a, b"
  std::string key_values(const std::string& number) const;
  std::string stamp(Dice& dice, const Stamps& stamps) const;
  std::string some(Dice& dice) const;  ///< a predicate that holds for few or many rows
  std::string one(Dice& dice) const;   ///< a predicate that holds for at most a few rows
  std::string values(Dice& dice, const Stamps& stamps, const std::string& when) const;
  std::string stamped_with(Dice& dice, const Stamps& stamps, const std::string& when) const;
  std::string rows(const std::string& stamp_text) const;

  Kind kind_;
  std::string name_;
  bool partitioned_;
  int added_ = 0;
};

}  // namespace sluice::testing
