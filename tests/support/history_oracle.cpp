// SPDX-License-Identifier: Apache-2.0
// What the runs of a history must leave.
#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>

#include "support/history.h"

namespace sluice::testing {
namespace {

const Receipt& receipt_of(const RunResult& result, const std::string& table) {
  const auto found =
      std::ranges::find(result.receipts, TableName{"public", table}, &Receipt::table);
  if (found == result.receipts.end()) throw std::runtime_error(table + " has no receipt");
  return *found;
}

/// What a load that was cut off had read is published later as it was then: class A, at an instant
/// that has passed.
bool of_the_past(const Receipt& receipt) {
  return receipt.strategy == "resume" && receipt.guarantee == "A";
}

/// The table's name and its key, of a row as HistoryTable writes it.
std::string key_of(const std::string& row, int parts) {
  std::size_t at = row.find('|');
  for (; parts > 0; --parts) at = row.find('|', at + 1);
  return row.substr(0, at);
}

std::multiset<std::string> rows_of(const HistoryTable& table,
                                   const std::vector<std::string>& copies) {
  std::multiset<std::string> rows;
  for (const std::string& row : copies) {
    if (row.starts_with(table.name() + "|")) rows.insert(row);
  }
  return rows;
}

void list(std::string& text, const char* title, const std::vector<std::string>& rows) {
  if (rows.empty()) return;
  text += std::string("\n  ") + title + ", " + std::to_string(rows.size()) + " rows:";
  for (std::size_t i = 0; i < std::min<std::size_t>(rows.size(), 8); ++i)
    text += "\n    " + rows[i];
}

}  // namespace

/// Nobody writes any more: one run finds all there is, the next one nothing.
void History::quiet(Dice dice) {
  note("-- all writers end");
  finish_all(dice);
  const RunResult first = run_here(false);
  compare(first);
  const RunResult second = run_here(false);
  compare(second);
  for (const Receipt& each : second.receipts) {
    if (of_the_past(receipt_of(first, each.table.name))) continue;
    // What stamps hid comes to light when the part of the table that holds it is compared.
    if (!character_.stamps.honest && each.guarantee != "A") continue;
    if (each.inserted + each.updated + each.deleted > 0) {
      throw std::runtime_error(each.table.name + ": the second run after the last change wrote " +
                               std::to_string(each.inserted + each.updated + each.deleted) +
                               " rows");
    }
  }
  if (!character_.stamps.honest) run_and_compare(true);
  verify();
}

/// A run that ended well while nobody wrote: class A is the source as it is now, B is so for rows
/// that were stamped by the clock. Rows that nobody has committed are on neither side.
void History::compare(const RunResult& result) {
  std::vector<const HistoryTable*> compared;
  for (const HistoryTable& table : tables_) {
    const Receipt& receipt = receipt_of(result, table.name());
    if (of_the_past(receipt)) continue;
    compared.push_back(&table);
  }
  const std::vector<std::string> copy = rows_of_copies(compared);
  for (const HistoryTable* table : compared) {
    // Class C: whatever the stamps are worth, the keys are those of the source.
    const bool keys_only =
        !character_.stamps.honest && receipt_of(result, table->name()).guarantee != "A";
    compare_table(*table, copy, keys_only);
  }
}

/// All at once: opening the copy takes longer than reading it.
std::vector<std::string> History::rows_of_copies(
    const std::vector<const HistoryTable*>& tables) const {
  std::string sql;
  for (const HistoryTable* table : tables)
    sql += (sql.empty() ? "" : " UNION ALL ") + table->rows_of_copy();
  return sql.empty() ? std::vector<std::string>() : copy_.query(sql);
}

void History::compare_table(const HistoryTable& table, const std::vector<std::string>& copy,
                            bool keys_only) {
  ++counts_.comparisons;
  const auto shown = [&](const std::string& row) {
    return keys_only ? key_of(row, table.key_parts()) : row;
  };
  std::multiset<std::string> wanted, found;
  for (const auto& row : database_.query(table.rows_at_source()))
    wanted.insert(shown(row.at(0).value()));
  for (const std::string& row : rows_of(table, copy)) found.insert(shown(row));
  std::vector<std::string> missing, extra;
  std::ranges::set_difference(wanted, found, std::back_inserter(missing));
  std::ranges::set_difference(found, wanted, std::back_inserter(extra));
  if (missing.empty() && extra.empty()) return;
  std::string text = table.name() + " differs";
  list(text, "only at the source", missing);
  list(text, "only in the copy", extra);
  throw std::runtime_error(text);
}

/// Every change is made by this thread, so that no other rows can have been seen.
void History::remember_tables() {
  if (character_.big) return;
  for (const HistoryTable& table : tables_) {
    std::multiset<std::string> rows;
    for (const auto& row : database_.query(table.rows_at_source())) rows.insert(row.at(0).value());
    moments_[table.name()].insert(std::move(rows));
  }
}

/// A run beside writers leaves of each table what it was at one moment meanwhile.
void History::compare_alongside(const Program& program) {
  if (character_.big || column_added_) return;
  remember_tables();
  std::vector<const HistoryTable*> compared;
  std::istringstream lines(program.printed());
  for (std::string line; std::getline(lines, line);) {
    const nlohmann::json event = nlohmann::json::parse(line, nullptr, false);
    if (!event.is_object() || event.value("event", "") != "table_finished") continue;
    const auto table =
        std::ranges::find(tables_, event.at("table").get<std::string>(), &HistoryTable::name);
    const bool exact = event.at("guarantee") == "A";
    if (table == tables_.end() || (exact && event.at("strategy") == "resume")) continue;
    if (!exact && !character_.stamps.honest) continue;
    compared.push_back(&*table);
  }
  const std::vector<std::string> copy = rows_of_copies(compared);
  for (const HistoryTable* table : compared) {
    ++counts_.alike;
    const std::multiset<std::string> found = rows_of(*table, copy);
    const auto& moments = moments_.at(table->name());
    if (moments.contains(found)) continue;
    throw std::runtime_error(table->name() + ": the copy is at none of the " +
                             std::to_string(moments.size()) + " moments of a run beside writers");
  }
}

void History::verify() {
  if (flavour_.append) return;  // its copies are not verified
  note("verify");
  for (const Verified& each : copy_.verify(source_url(), Sync::Repair::no, options(false))) {
    ++counts_.verified;
    if (each.equal()) continue;
    std::string text = "verify found in " + each.table.text() + ": " + each.error + " " +
                       std::to_string(each.missing) + " missing, " + std::to_string(each.extra) +
                       " extra, " + std::to_string(each.changed) + " changed";
    list(text, "examples", each.examples);
    throw std::runtime_error(text);
  }
}

}  // namespace sluice::testing
