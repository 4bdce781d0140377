// SPDX-License-Identifier: Apache-2.0
#include "support/history_look.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <stdexcept>

namespace sluice::testing {
namespace {

constexpr char kSeparator = '\x1f';
constexpr std::size_t kDigits = 18;  // of microseconds until the year 9999

std::string shown(const CopyRow& row) {
  return row.text + (row.living ? "" : " (gone)") +
         (row.from.empty() ? "" : " from " + row.from + " to " + row.to);
}

[[noreturn]] void fail(const HistoryTable& table, const std::string& what, const CopyRow& row) {
  throw std::runtime_error(table.name() + ": " + what + ":\n    " + shown(row));
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  std::size_t from = 0;
  for (std::size_t at = 0; (at = text.find(kSeparator, from)) != std::string::npos; from = at + 1)
    parts.push_back(text.substr(from, at - from));
  parts.push_back(text.substr(from));
  return parts;
}

/// By table, the names of its columns.
std::map<std::string, std::vector<std::string>> columns_of(const Copy& copy,
                                                           const std::string& schema) {
  std::map<std::string, std::vector<std::string>> columns;
  const Texts all = copy.query(
      "SELECT table_name || '.' || column_name FROM duckdb_columns() WHERE database_name = 'copy' "
      "AND schema_name = '" +
      schema + "' ORDER BY table_name, column_index");
  for (const std::string& each : all) {
    const auto dot = each.find('.');
    columns[each.substr(0, dot)].push_back(each.substr(dot + 1));
  }
  return columns;
}

/// Of each row of `rows` as often as it is there, its text and when it began.
std::multiset<std::string> begun(const std::vector<CopyRow>& rows) {
  std::multiset<std::string> all;
  for (const CopyRow& row : rows) all.insert(row.text + " from " + row.from);
  return all;
}

/// The first of `wanted` that `found` has not, or not so often.
std::optional<std::string> lacking(const std::multiset<std::string>& found,
                                   const std::multiset<std::string>& wanted) {
  std::vector<std::string> missing;
  std::ranges::set_difference(wanted, found, std::back_inserter(missing));
  return missing.empty() ? std::nullopt : std::optional(missing.front());
}

}  // namespace

std::string key_of(const std::string& row, int parts) {
  std::size_t at = row.find('|');
  for (; parts > 0; --parts) at = row.find('|', at + 1);
  return row.substr(0, at);
}

std::string microseconds(const std::string& number) {
  return std::string(kDigits - std::min(kDigits, number.size()), '0') + number;
}

Look look_at(const Copy& copy, const std::string& schema, const Flavour& flavour,
             const std::vector<HistoryTable>& tables) {
  Look look;
  if (!std::filesystem::exists(copy.file())) return look;
  const auto columns = columns_of(copy, schema);
  const std::string glue = std::string(" || '") + kSeparator + "' || ";
  std::string sql;
  for (const HistoryTable& table : tables) {
    const auto there = columns.find(table.name());
    if (there == columns.end()) continue;
    look[table.name()];
    const std::string living = flavour.history ? "_sluice_is_current"
                               : flavour.soft  ? "NOT _sluice_deleted"
                                               : "true";
    sql += (sql.empty() ? "SELECT " : " UNION ALL SELECT ") + table.text_of_copy(there->second) +
           glue + "CAST(" + living + " AS varchar)";
    if (flavour.history)
      sql += glue + "epoch_us(_sluice_valid_from)" + glue + "epoch_us(_sluice_valid_to)";
    sql += " FROM " + schema + "." + table.name();
  }
  if (sql.empty()) return look;
  for (const std::string& row : copy.query(sql)) {
    const std::vector<std::string> parts = split(row);
    CopyRow& each = look.at(row.substr(0, row.find('|'))).emplace_back();
    each.text = parts.at(0);
    each.living = parts.at(1) == "true";
    if (flavour.history) {
      each.from = microseconds(parts.at(2));
      each.to = microseconds(parts.at(3));
    }
  }
  for (auto& [name, rows] : look) std::ranges::sort(rows);
  return look;
}

std::multiset<std::string> living_rows(const std::vector<CopyRow>& rows) {
  std::multiset<std::string> living;
  for (const CopyRow& row : rows) {
    if (row.living) living.insert(row.text);
  }
  return living;
}

std::multiset<std::string> rows_as_of(const std::vector<CopyRow>& rows,
                                      const std::string& instant) {
  std::multiset<std::string> then;
  for (const CopyRow& row : rows) {
    if (row.from <= instant && instant < row.to) then.insert(row.text);
  }
  return then;
}

void check_marks(const HistoryTable& table, const std::vector<CopyRow>& before,
                 const std::vector<CopyRow>& now) {
  if (!table.has_key()) {
    // A row that changes is one that goes and one that comes.
    std::multiset<std::string> held, holds;
    for (const CopyRow& row : before) held.insert(row.text);
    for (const CopyRow& row : now) holds.insert(row.text);
    if (const auto gone = lacking(holds, held))
      throw std::runtime_error(table.name() + ": a row that was to be kept is gone: " + *gone);
    return;
  }
  std::map<std::string, const CopyRow*> by_key;
  for (const CopyRow& row : now) {
    if (!by_key.emplace(key_of(row.text, table.key_parts()), &row).second)
      fail(table, "a key is there twice", row);
  }
  for (const CopyRow& row : before) {
    const auto found = by_key.find(key_of(row.text, table.key_parts()));
    if (found == by_key.end()) fail(table, "a row that was to be kept is gone", row);
    const CopyRow& kept = *found->second;
    if (!kept.living && kept.text != row.text)
      fail(table, "a row that was only to be marked has changed", kept);
  }
}

void check_versions(const HistoryTable& table, const std::vector<CopyRow>& now) {
  static const std::string open = microseconds("253402300799999000");  // 9999-12-31 23:59:59.999
  std::map<std::string, std::vector<const CopyRow*>> by_key;
  for (const CopyRow& row : now) {
    if (row.from >= row.to) fail(table, "a version ends before it begins", row);
    if (row.living != (row.to == open)) fail(table, "current, and yet it ends, or not", row);
    if (table.has_key()) by_key[key_of(row.text, table.key_parts())].push_back(&row);
  }
  for (auto& [key, versions] : by_key) {
    std::ranges::sort(versions, {}, &CopyRow::from);
    for (std::size_t i = 1; i < versions.size(); ++i) {
      const CopyRow &former = *versions[i - 1], &latter = *versions[i];
      if (former.to > latter.from) fail(table, "two versions at a time", latter);
      if (former.to == latter.from && former.text == latter.text)
        fail(table, "a version like the one before", latter);
    }
  }
}

void check_past(const HistoryTable& table, const std::vector<CopyRow>& before,
                const std::vector<CopyRow>& now, const std::optional<std::string>& instant) {
  const std::multiset<std::string> old = begun(before);
  if (const auto gone = lacking(begun(now), old))
    throw std::runtime_error(table.name() + ": a version is gone, or has changed: " + *gone);
  std::vector<CopyRow> kept, appeared;
  std::ranges::set_difference(before, now, std::back_inserter(kept));
  for (const CopyRow& row : kept) {
    if (!row.living) fail(table, "a version that had ended has changed", row);
  }
  std::string last;
  for (const CopyRow& row : before) last = std::max({last, row.from, row.living ? "" : row.to});
  std::set<std::string> instants;
  std::ranges::set_difference(now, before, std::back_inserter(appeared));
  for (const CopyRow& row : appeared) {
    if (!row.living) instants.insert(row.to);
    if (!old.contains(row.text + " from " + row.from)) instants.insert(row.from);
  }
  if (instants.empty()) return;
  if (instants.size() > 1 || *instants.begin() <= last)
    fail(table, "one run wrote at several instants, or in the past", appeared.front());
  if (instant && *instants.begin() != *instant)
    fail(table, "a version does not begin, or end, at the instant of its run, " + *instant,
         appeared.front());
}

}  // namespace sluice::testing
