// SPDX-License-Identifier: Apache-2.0
// What the runs of a history must leave.
#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>

#include "support/history.h"

namespace sluice::testing {
namespace {

using Part = HistoryTable::Part;

const Receipt& receipt_of(const RunResult& result, const std::string& schema,
                          const std::string& table) {
  const auto found = std::ranges::find(result.receipts, TableName{schema, table}, &Receipt::table);
  if (found == result.receipts.end()) throw std::runtime_error(table + " has no receipt");
  return *found;
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
  std::set<TableName> past;
  for (const Receipt& each : first.receipts) {
    if (of_the_past(each.strategy, each.guarantee, each.instant)) past.insert(each.table);
  }
  const RunResult second = run_here(false);
  compare(second);
  for (const Receipt& each : second.receipts) {
    const Receipt& before = receipt_of(first, server_.sql().schema(), each.table.name);
    if (past.contains(before.table)) continue;
    // What stamps hid comes to light when the part of the table that holds it is compared, or all
    // of it is, after a load that went on by the marks.
    if (!character_.stamps.honest && (each.guarantee != "A" || before.guarantee != "A")) continue;
    if (each.inserted + each.updated + each.deleted > 0) {
      throw std::runtime_error(each.table.name + ": the second run after the last change wrote " +
                               std::to_string(each.inserted + each.updated + each.deleted) +
                               " rows");
    }
  }
  if (!character_.stamps.honest) run_and_compare(true);
  check_past_runs();
  verify();
}

/// A run that ended well while nobody wrote: class A is the source as it is now, B is so for rows
/// that were stamped by the clock. Rows that nobody has committed are on neither side.
void History::compare(const RunResult& result) {
  std::map<Part, std::vector<const HistoryTable*>> compared;
  for (const HistoryTable& table : tables_) {
    const Receipt& receipt = receipt_of(result, server_.sql().schema(), table.name());
    if (of_the_past(receipt.strategy, receipt.guarantee, receipt.instant)) continue;
    const bool exact = receipt.guarantee == "A";
    if (!exact && flavour_.digest && receipt.strategy != "resume")
      throw std::runtime_error(table.name() + " was compared by digests, as " + receipt.guarantee);
    // Class C: whatever the stamps are worth, the keys are those of the source.
    compared[exact || character_.stamps.honest ? Part::rows : Part::keys].push_back(&table);
  }
  for (const auto& [part, tables] : compared) {
    const std::vector<std::string> copy = rows_of_copies(tables, part);
    for (const HistoryTable* table : tables) {
      std::multiset<std::string> rows = compare_table(*table, copy, part);
      if (flavour_.soft) compare_marks(*table, rows);
      if (flavour_.history && part == Part::rows)
        remember(*table, receipt_of(result, server_.sql().schema(), table->name()).instant,
                 std::move(rows));
    }
  }
}

/// The condition of the rows that the source has, as the copy says.
std::string History::living() const {
  return flavour_.history ? "_sluice_is_current" : flavour_.soft ? "NOT _sluice_deleted" : "true";
}

/// All at once: opening the copy takes longer than reading it.
std::vector<std::string> History::rows_of_copies(const std::vector<const HistoryTable*>& tables,
                                                 Part part) const {
  std::string sql;
  for (const HistoryTable* table : tables)
    sql += (sql.empty() ? "" : " UNION ALL ") + table->rows_of_copy(part, living());
  return sql.empty() ? std::vector<std::string>() : copy_.query(sql);
}

/// What both have.
std::multiset<std::string> History::compare_table(const HistoryTable& table,
                                                  const std::vector<std::string>& copy, Part part) {
  ++counts_.comparisons;
  const auto at_source = [&](bool listed) {
    std::multiset<std::string> rows;
    for (const auto& row : server_.look().query(table.rows_at_source(part, listed)))
      rows.insert(row.at(0).value());
    return rows;
  };
  std::multiset<std::string> wanted = at_source(false), found = rows_of(table, copy);
  if (wanted == found) return wanted;
  if (table.large()) {
    wanted = at_source(true);
    found = rows_of(table, copy_.query(table.rows_of_copy(part, living(), true)));
  }
  std::vector<std::string> missing, extra;
  std::ranges::set_difference(wanted, found, std::back_inserter(missing));
  std::ranges::set_difference(found, wanted, std::back_inserter(extra));
  std::string text = table.name() + " differs";
  list(text, "only at the source", missing);
  list(text, "only in the copy", extra);
  throw std::runtime_error(text);
}

/// Every change is made by this thread, so that no other rows can have been seen.
void History::remember_tables() {
  if (character_.big) return;
  std::string sql = "SELECT " + server_.labelled(server_.clock());
  Moment moment;
  for (const HistoryTable& table : tables_) {
    sql += " UNION ALL " + table.rows_at_source();
    moment.rows[table.name()];
  }
  for (const auto& row : server_.look().query(sql)) {
    const std::string& text = row.at(0).value();
    if (text.front() == '@') {
      moment.at = microseconds(text.substr(1));
    } else {
      moment.rows.at(text.substr(0, text.find('|'))).insert(text);
    }
  }
  moments_.push_back(std::move(moment));
}

/// A run beside writers leaves of each table what it was at one moment meanwhile; where tables are
/// published together, all of them at the same.
void History::compare_alongside(const Program& program) {
  if (character_.big || (column_added_ && !flavour_.watched())) return;
  remember_tables();
  std::vector<Finished> finished;
  std::istringstream lines(program.printed());
  for (std::string line; std::getline(lines, line);) {
    const nlohmann::json event = nlohmann::json::parse(line, nullptr, false);
    if (!event.is_object() || event.value("event", "") != "table_finished") continue;
    if (event.at("outcome") == "failed") continue;  // and was tried again
    const auto table =
        std::ranges::find(tables_, event.at("table").get<std::string>(), &HistoryTable::name);
    const auto guarantee = event.at("guarantee").get<std::string>();
    const std::string instant = event.value("instant", "");
    if (table == tables_.end() || guarantee == "D" ||
        of_the_past(event.at("strategy").get<std::string>(), guarantee, instant))
      continue;
    if (guarantee != "A" && !character_.stamps.honest) continue;
    finished.push_back({&*table, instant});
  }
  compare_with_moments(finished);
}

/// Whether the source may have been so at that instant; empty: at any.
bool History::within(std::size_t moment, const std::string& instant) const {
  if (instant.empty()) return true;
  const bool begun = moment == 0 || moments_[moment - 1].at < instant;
  return begun && (moment + 1 == moments_.size() || instant < moments_[moment + 1].at);
}

void History::compare_with_moments(const std::vector<Finished>& finished) {
  std::vector<const HistoryTable*> compared;
  for (const Finished& each : finished) compared.push_back(each.table);
  std::vector<std::string> copy;
  if (!flavour_.watched()) copy = rows_of_copies(compared, Part::rows);
  std::vector<bool> together(moments_.size(), true);
  for (const auto& [table, instant] : finished) {
    ++counts_.alike;
    const std::multiset<std::string> found =
        flavour_.watched() ? living_rows(look_.at(table->name())) : rows_of(*table, copy);
    const std::string micros = flavour_.history ? micros_of(instant) : "";
    bool any = false;
    for (std::size_t i = 0; i < moments_.size(); ++i) {
      const bool equal = moments_[i].rows.at(table->name()) == found && within(i, micros);
      any = any || equal;
      together[i] = together[i] && equal;
    }
    if (!any) {
      throw std::runtime_error(
          table->name() + ": the copy is at none of the " + std::to_string(moments_.size()) +
          " moments of a run beside writers" + (micros.empty() ? "" : ", as of " + micros));
    }
    if (flavour_.history) remember(*table, instant, found);
  }
  if (!flavour_.together || finished.empty()) return;
  if (std::ranges::find(together, true) == together.end())
    throw std::runtime_error("the tables of the copy are not those of one moment");
}

void History::verify() {
  if (flavour_.append) return;  // its copies are not verified
  counts_.failed_reads += server_.failed_reads();
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
