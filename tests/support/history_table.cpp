// SPDX-License-Identifier: Apache-2.0
#include "support/history_table.h"

#include <algorithm>
#include <array>

namespace sluice::testing {
namespace {

/// What `note` may become; `%` is a number.
constexpr std::array<const char*, 7> kNotes{
    "'note %'",           "''",  "NULL", "'caf\u00e9 %'", "'it''s % \U0001F600'",
    "repeat('long ', %)", "'~|'"};

std::string note(Dice& dice) {
  std::string text = dice.pick(kNotes);
  if (const auto at = text.find('%'); at != std::string::npos)
    text.replace(at, 1, std::to_string(dice.below(40)));
  return text;
}

std::string added_name(int number) { return "c" + std::to_string(number); }

}  // namespace

std::string HistoryTable::keys() const {
  switch (kind_) {
    case Kind::pair:
      return "a, b";
    case Kind::bag:
      return "";
    default:
      return "id";
  }
}

std::string HistoryTable::add_column(Dice& dice) const {
  return "ALTER TABLE " + name_ + " ADD COLUMN " + added_name(added_ + 1) + " " +
         sql_->added_type(dice);
}

std::string HistoryTable::drop_column(Dice& dice) {
  if (added_ == 0) return {};
  going_ = dice.from(1, added_);
  return dropped_.contains(going_) ? "" : added_name(going_);
}

std::string HistoryTable::stamp(Dice& dice, const Stamps& stamps) const {
  static constexpr std::array<const char*, 5> kFuture{"2 ms", "30 ms", "1 s", "1 hour", "1 day"};
  static constexpr std::array<const char*, 4> kPast{"1 ms", "50 ms", "1 s", "1 day"};
  if (kind_ == Kind::nullable && dice.chance(15)) return "NULL";
  if (!stamps.honest && dice.chance(25)) return sql_->shifted(false, dice.pick(kPast));
  if (dice.chance(12)) return sql_->shifted(true, dice.pick(kFuture));
  return sql_->some_clock(dice);
}

std::string HistoryTable::some(Dice& dice) const {
  static constexpr std::array<int, 5> kShares{3, 10, 30, 100, 100};
  const std::string share = std::to_string(dice.pick(kShares));
  const std::string salt = std::to_string(dice.below(1000));
  return sql_->hash(*this, salt) + " % " + share + " = 0";
}

std::string HistoryTable::one(Dice& dice) const {
  const int count = dice.from(1, 3);  // drawn first, or every seed would have another history
  return sql_->one(*this, true, std::to_string(dice.below(1000)), count);
}

/// ", column = value" of what an update sets beside n.
std::string HistoryTable::values(Dice& dice, const Stamps& stamps, const std::string& when) const {
  std::string sql;
  if (dice.chance(60)) sql += ", note = " + note(dice);
  if (added_ > 0 && dice.chance(60)) {
    const std::string value = std::to_string(dice.below(100));  // drawn first, as in one()
    const int number = dice.from(1, added_);
    if (!dropped_.contains(number)) sql += ", " + added_name(number) + " = '" + value + "'";
  }
  return sql + stamped_with(dice, stamps, when);
}

std::string HistoryTable::stamped_with(Dice& dice, const Stamps& stamps,
                                       const std::string& when) const {
  if (automatic() && dice.chance(50)) return {};
  return stamped() && (stamps.honest || dice.chance(70)) ? ", updated_at = " + when : "";
}

std::string HistoryTable::insert(Dice& dice, const Stamps& stamps, int first, int count) {
  // Identical rows belong into a bag.
  const std::string number = has_key() ? "i" : sql_->half("i");
  std::string sql = "INSERT INTO " + name_ + " (" + (has_key() ? keys() + ", " : "") + "n, note" +
                    (stamped() ? ", updated_at" : "") + ") SELECT " +
                    (has_key() ? sql_->key_values(*this, number) + ", " : "") + number + " % " +
                    std::to_string(dice.from(3, 1000)) + ", " + note(dice) +
                    (stamped() ? ", " + stamp(dice, stamps) : "") + " FROM " +
                    sql_->series(std::to_string(first), std::to_string(first + count - 1));
  if (!has_key()) return sql;
  if (dice.chance(50)) return sql_->insert_or_leave(sql);
  return sql_->insert_or_update(sql, keys(), values(dice, stamps, stamp(dice, stamps)));
}

std::string HistoryTable::update(Dice& dice, const Stamps& stamps, bool whole) const {
  const std::string when =
      whole && (kind_ != Kind::nullable || dice.chance(80)) ? sql_->now() : stamp(dice, stamps);
  const std::string which = whole ? "true" : dice.chance(60) ? some(dice) : one(dice);
  // NULL becomes '' and '' NULL, while all else stays.
  constexpr const char* kBlank = "note = CASE note WHEN '' THEN NULL ELSE coalesce(note, '') END";
  const std::string set = dice.chance(15) ? kBlank + stamped_with(dice, stamps, when)
                                          : std::string("n = ") + (dice.chance(80) ? "n + " : "") +
                                                std::to_string(std::max(0, dice.from(-15, 35))) +
                                                values(dice, stamps, when);
  return "UPDATE " + name_ + " SET " + set + " WHERE " + which;
}

std::string HistoryTable::remove(Dice& dice) const {
  return "DELETE FROM " + name_ + " WHERE " + (dice.chance(60) ? some(dice) : one(dice));
}

std::string HistoryTable::exchange(Dice& dice, const Stamps& stamps) const {
  return remove(dice) + "; " + update(dice, stamps, dice.chance(50));
}

std::string HistoryTable::come_or_go(Dice& dice) const {
  constexpr int kFirst = 900'000, kMost = 30;
  if (dice.chance(50))
    return "DELETE FROM " + name_ +
           " WHERE note = 'returns' AND n % 3 = " + std::to_string(dice.below(3));
  const int first = kFirst + dice.below(kMost);
  // The same for an hour, and yet honest: as of the clock or later.
  const std::string insert = "INSERT INTO " + name_ + " (" + (has_key() ? keys() + ", " : "") +
                             "n, note" + (stamped() ? ", updated_at" : "") + ") SELECT " +
                             (has_key() ? sql_->key_values(*this, "i") + ", " : "") +
                             "i % 7, 'returns'" + (stamped() ? ", " + sql_->next_hours() : "") +
                             " FROM " +
                             sql_->series(std::to_string(first), std::to_string(kFirst + kMost));
  return has_key() ? sql_->insert_or_leave(insert) : insert;
}

std::string HistoryTable::refill(Dice& dice, const Stamps& stamps, int first, int count) {
  return sql_->refill(*this, insert(dice, stamps, first, count));
}

std::string HistoryTable::change_key(Dice& dice, const Stamps& stamps, int number) const {
  if (!has_key()) return update(dice, stamps, false);
  const std::string which = sql_->one(*this, false, std::to_string(dice.below(1000)), 1);
  return "UPDATE " + name_ + " SET " + sql_->set_key(*this, std::to_string(number)) +
         values(dice, stamps, stamp(dice, stamps)) + " WHERE " + which;
}

std::string HistoryTable::change_few(Dice& dice, const Stamps& stamps, int keys) const {
  const auto text = [](int number) { return std::to_string(number); };
  const int at = dice.from(1, keys);
  const auto range = [&](int count) {
    return " WHERE id BETWEEN " + text(at) + " AND " + text(at + count - 1);
  };
  const auto some = [&] {
    if (dice.chance(50)) return range(dice.from(1, 3));
    static constexpr std::array<int, 4> kApart{5000, 500, 150, 40};
    const int apart = dice.pick(kApart);
    return " WHERE id % " + text(apart) + " = " + text(dice.below(apart));
  };
  const auto insert = [&](int count) {
    return sql_->insert_or_leave(
        "INSERT INTO " + name_ + " (id, n, note, updated_at) SELECT i, i % 90, " + note(dice) +
        ", " + stamp(dice, stamps) + " FROM " + sql_->series(text(at), text(at + count - 1)));
  };
  const std::string remove = "DELETE FROM " + name_, update = "UPDATE " + name_ + " SET ";
  const std::string stamped = stamped_with(dice, stamps, stamp(dice, stamps));
  switch (dice.which({26, 6, 10, 10, 12, 10})) {
    case 0:
      return remove + some();
    case 1:
      return remove + range(dice.from(500, 2000));
    case 2:
      return insert(dice.chance(50) ? dice.from(1, 5) : dice.from(500, 4000));
    case 3:  // some go, and some come again in the same place
      return remove + range(dice.from(1, 3)) + "; " + insert(dice.from(1, 2));
    case 4:  // a key that was another row's, of the same bucket or far away
      return remove + range(1) + "; " + update + "id = " + text(at) + stamped +
             " WHERE id = " + text(dice.chance(50) ? at + 1 : dice.from(1, keys));
    case 5:
      return update + "id = " + text(keys + at % 3000) + stamped + " WHERE id = " + text(at);
    default:
      return update + "n = n + 1" + stamped + some();
  }
}

std::vector<std::string> HistoryTable::columns(Part part) const {
  std::vector<std::string> columns;
  if (kind_ == Kind::pair) {
    columns = {"a", "b"};
  } else if (has_key()) {
    columns = {"id"};
  }
  if (part == Part::keys) return columns;
  columns.insert(columns.end(), {"n", "note"});
  for (int i = 1; i <= added_; ++i) {
    if (!dropped_.contains(i)) columns.push_back(added_name(i));
  }
  if (stamped()) columns.emplace_back("updated_at");
  return columns;
}

std::string HistoryTable::text(const std::vector<std::string>& columns, const char* micros) const {
  std::string sql = "'" + name_ + "'";
  for (const std::string& each : columns) {
    const std::string value = each == "updated_at" ? micros : each;
    sql += " || coalesce('|" + each + "=' || CAST(" + value + " AS varchar), '')";
  }
  return sql;
}

std::string HistoryTable::rows_at_source(Part part, bool listed) const {
  std::string from = " FROM " + sql_->schema() + "." + name_ + " WHERE true";
  if (!where_.empty()) from += " AND (" + where_ + ")";
  if (!start_.empty()) from += " AND updated_at >= '" + start_ + "'";
  const std::string row = sql_->row(*this, columns(part));
  return "SELECT " + (!large() || listed ? row : sql_->sum(*this, row)) + from;
}

std::string HistoryTable::rows_of_copy(Part part, const std::string& living, bool listed) const {
  const std::string from = " FROM " + sql_->schema() + "." + name_ + " WHERE " + living;
  const std::string row = text(columns(part), "epoch_us(updated_at)");
  if (!large() || listed) return "SELECT " + row + from;
  return "SELECT '" + name_ + "|' || count(*) || ' rows, ' || coalesce(sum(('0x' || substr(md5(" +
         row + "), 1, 15))::BIGINT), 0)" + from;
}

std::string HistoryTable::text_of_copy(const std::vector<std::string>& present) const {
  std::vector<std::string> known = columns(Part::rows);
  std::erase_if(known, [&](const std::string& each) {
    return std::ranges::find(present, each) == present.end();
  });
  return text(known, "epoch_us(updated_at)");
}

}  // namespace sluice::testing
