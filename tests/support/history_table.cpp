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

std::string HistoryTable::key_values(const std::string& number) const {
  switch (kind_) {
    case Kind::pair:
      return number + " % 5, 'Key ' || " + number + " / 5";
    case Kind::uuid:
      return "md5(" + number + "::text)::uuid";
    case Kind::bag:
      return "";
    default:
      return "CASE WHEN " + number + " % 3 = 0 THEN -" + number + " ELSE " + number + " END";
  }
}

std::string HistoryTable::create() const {
  std::string key;
  switch (kind_) {
    case Kind::pair:
      key = "a int, b text, PRIMARY KEY (a, b), ";
      break;
    case Kind::uuid:
      key = "id uuid PRIMARY KEY, ";
      break;
    case Kind::bag:
      break;
    default:
      key = "id bigint PRIMARY KEY, ";
  }
  std::string sql = "CREATE TABLE " + name_ + " (" + key + "n int, note text";
  if (stamped())
    sql += std::string(", updated_at timestamptz") + (kind_ == Kind::nullable ? "" : " NOT NULL");
  sql += ")";
  if (partitioned_) {
    sql += " PARTITION BY HASH (" + keys() + ")";
    for (const char* each : {"0", "1", "2"}) {
      sql += "; CREATE TABLE " + name_ + "_" + each + " PARTITION OF " + name_ +
             " FOR VALUES WITH (MODULUS 3, REMAINDER " + each + ")";
    }
  }
  if (kind_ == Kind::number || kind_ == Kind::nullable)
    sql += "; CREATE INDEX ON " + name_ + " (updated_at)";
  return sql;
}

std::string HistoryTable::add_column(Dice& dice) const {
  static constexpr std::array<const char*, 4> kTypes{"int", "int DEFAULT 7", "text",
                                                     "text DEFAULT 'seven' NOT NULL"};
  return "ALTER TABLE " + name_ + " ADD COLUMN " + added_name(added_ + 1) + " " + dice.pick(kTypes);
}

std::string HistoryTable::stamp(Dice& dice, const Stamps& stamps) const {
  static constexpr std::array<const char*, 5> kFuture{"2 ms", "30 ms", "1 s", "1 hour", "1 day"};
  static constexpr std::array<const char*, 4> kPast{"1 ms", "50 ms", "1 s", "1 day"};
  if (kind_ == Kind::nullable && dice.chance(15)) return "NULL";
  if (!stamps.honest && dice.chance(25))
    return std::string("now() - interval '") + dice.pick(kPast) + "'";
  if (dice.chance(12)) return std::string("now() + interval '") + dice.pick(kFuture) + "'";
  return dice.chance(70) ? "now()" : "clock_timestamp()";
}

std::string HistoryTable::some(Dice& dice) const {
  static constexpr std::array<int, 5> kShares{3, 10, 30, 100, 100};
  const std::string share = std::to_string(dice.pick(kShares));
  const std::string salt = std::to_string(dice.below(1000));
  const std::string what = has_key() ? "(" + keys() + ")::text" : "n::text";
  return "hashtext(" + std::string(has_key() ? "ROW" : "") + what + " || '" + salt + "') % " +
         share + " = 0";
}

std::string HistoryTable::one(Dice& dice) const {
  return "ctid IN (SELECT ctid FROM " + name_ + " ORDER BY hashtext(coalesce(note, '') || n || '" +
         std::to_string(dice.below(1000)) + "'), ctid LIMIT " + std::to_string(dice.from(1, 3)) +
         ")";
}

/// ", column = value" of what an update sets beside n.
std::string HistoryTable::values(Dice& dice, const Stamps& stamps, const std::string& when) const {
  std::string sql;
  if (dice.chance(60)) sql += ", note = " + note(dice);
  if (added_ > 0 && dice.chance(60)) {
    sql += ", " + added_name(dice.from(1, added_)) + " = '" + std::to_string(dice.below(100)) + "'";
  }
  return sql + stamped_with(dice, stamps, when);
}

std::string HistoryTable::stamped_with(Dice& dice, const Stamps& stamps,
                                       const std::string& when) const {
  return stamped() && (stamps.honest || dice.chance(70)) ? ", updated_at = " + when : "";
}

std::string HistoryTable::insert(Dice& dice, const Stamps& stamps, int first, int count) {
  // Identical rows belong into a bag.
  const std::string number = has_key() ? "i" : "i / 2";
  std::string sql = "INSERT INTO " + name_ + " (" + (has_key() ? keys() + ", " : "") + "n, note" +
                    (stamped() ? ", updated_at" : "") + ") SELECT " +
                    (has_key() ? key_values(number) + ", " : "") + number + " % " +
                    std::to_string(dice.from(3, 1000)) + ", " + note(dice) +
                    (stamped() ? ", " + stamp(dice, stamps) : "") + " FROM generate_series(" +
                    std::to_string(first) + ", " + std::to_string(first + count - 1) + ") i";
  if (!has_key()) return sql;
  if (dice.chance(50)) return sql + " ON CONFLICT DO NOTHING";
  return sql + " ON CONFLICT (" + keys() + ") DO UPDATE SET n = excluded.n" +
         values(dice, stamps, stamp(dice, stamps));
}

std::string HistoryTable::update(Dice& dice, const Stamps& stamps, bool whole) const {
  const std::string when =
      whole && (kind_ != Kind::nullable || dice.chance(80)) ? "now()" : stamp(dice, stamps);
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

std::string HistoryTable::refill(Dice& dice, const Stamps& stamps, int first, int count) {
  return "TRUNCATE " + name_ + "; " + insert(dice, stamps, first, count);
}

std::string HistoryTable::rewrite() const {
  return "ALTER TABLE " + name_ + " ALTER note TYPE text USING note || ''";
}

std::string HistoryTable::change_key(Dice& dice, const Stamps& stamps, int number) const {
  if (!has_key()) return update(dice, stamps, false);
  const std::string which = "ctid = (SELECT ctid FROM " + name_ + " ORDER BY hashtext(n || '" +
                            std::to_string(dice.below(1000)) + "'), ctid LIMIT 1)";
  return "UPDATE " + name_ + " SET (" + keys() + ") = (SELECT " +
         key_values(std::to_string(number)) + ")" + values(dice, stamps, stamp(dice, stamps)) +
         " WHERE " + which;
}

std::string HistoryTable::rows(const std::string& stamp_text) const {
  std::vector<std::string> columns{"n", "note"};
  if (kind_ == Kind::pair) {
    columns.insert(columns.begin(), {"a", "b"});
  } else if (has_key()) {
    columns.insert(columns.begin(), "id");
  }
  for (int i = 1; i <= added_; ++i) columns.push_back(added_name(i));
  std::string sql = "'" + name_ + "'";
  for (const std::string& each : columns)
    sql += " || '|' || coalesce(CAST(" + each + " AS varchar), '~')";
  if (stamped()) sql += " || '|' || coalesce(CAST(" + stamp_text + " AS varchar), '~')";
  return "SELECT " + sql + " FROM public." + name_;
}

std::string HistoryTable::rows_at_source() const {
  return rows("CAST(extract(epoch FROM updated_at) * 1000000 AS bigint)");
}

std::string HistoryTable::rows_of_copy() const { return rows("epoch_us(updated_at)"); }

}  // namespace sluice::testing
