// SPDX-License-Identifier: Apache-2.0
// What must hold from one run of a history to the next, and of runs that were killed.
#include <algorithm>

#include "support/history.h"

namespace sluice::testing {
namespace {

/// A whole copy of the table as it was before, marks and versions included.
bool untouched(const Look& before, const Look& now, const std::string& table) {
  const auto old = before.find(table), present = now.find(table);
  if (old == before.end() || present == now.end())
    return (old == before.end()) == (present == now.end());
  return old->second == present->second;
}

bool shows(const Look& look, const std::string& table, const std::multiset<std::string>& rows) {
  const auto found = look.find(table);
  return found != look.end() && living_rows(found->second) == rows;
}

}  // namespace

/// After each run, however it ended. `instants`: by table, where they are known; one that was tried
/// again has another than the others.
void History::watch(const std::map<std::string, std::string>& instants) {
  const Look before =
      std::exchange(look_, look_at(copy_, server_.sql().schema(), flavour_, tables_));
  for (const HistoryTable& table : tables_) {
    const auto now = look_.find(table.name());
    const auto old = before.find(table.name());
    if (now == look_.end()) {
      if (old != before.end()) throw std::runtime_error(table.name() + " is gone from the copy");
      continue;
    }
    if (flavour_.history) check_versions(table, now->second);
    if (old == before.end()) continue;
    if (flavour_.soft) check_marks(table, old->second, now->second);
    if (!flavour_.history) continue;
    const auto instant = instants.find(table.name());
    check_past(
        table, old->second, now->second,
        instant == instants.end() ? std::nullopt : std::optional(micros_of(instant->second)));
  }
}

/// The run failed in one of the tables that are published together.
void History::check_kept(const Look& before) {
  if (!flavour_.together) return;
  for (const HistoryTable& table : tables_) {
    if (!untouched(before, look_, table.name()))
      throw std::runtime_error(table.name() + " was published, though the run failed");
  }
}

/// A run was killed: each table is as before, or as it was at one moment of the source; of those
/// that are published together, all. A load that was cut off may be published as of its first
/// snapshot.
void History::check_torn(const Look& before) {
  if (character_.big || !character_.stamps.honest) return;
  ++counts_.torn;
  const auto old = [&](const HistoryTable& table) {
    return untouched(before, look_, table.name());
  };
  const auto shown = [&](const HistoryTable& table) {
    return std::ranges::any_of(moments_, [&](const Moment& moment) {
      return shows(look_, table.name(), moment.rows.at(table.name()));
    });
  };
  if (!flavour_.together) {
    for (const HistoryTable& table : tables_) {
      if (before.contains(table.name()) && !old(table) && !shown(table))
        throw std::runtime_error(table.name() +
                                 ": a killed run left neither the old copy nor a new one");
    }
    return;
  }
  if (std::ranges::all_of(tables_, old)) return;
  const bool all = std::ranges::any_of(moments_, [&](const Moment& moment) {
    return std::ranges::all_of(tables_, [&](const HistoryTable& table) {
      return shows(look_, table.name(), moment.rows.at(table.name()));
    });
  });
  if (all) return;
  std::string text = "a killed run left tables that are not of one moment:";
  for (const HistoryTable& table : tables_)
    text += " " + table.name() + (old(table) ? " old" : shown(table) ? " new" : " neither");
  throw std::runtime_error(text);
}

/// `rows`: of the source, whole or only their keys.
void History::compare_marks(const HistoryTable& table, const std::multiset<std::string>& rows) {
  if (!table.has_key()) return;
  std::set<std::string> keys;
  for (const std::string& row : rows) keys.insert(key_of(row, table.key_parts()));
  for (const CopyRow& row : look_.at(table.name())) {
    if (row.living) continue;
    ++counts_.marked;
    if (keys.contains(key_of(row.text, table.key_parts())))
      throw std::runtime_error(table.name() +
                               ": the source has what is marked deleted: " + row.text);
  }
}

/// Of a receipt's instant, "2026-11-21 04:05:06.789+00, snapshot ..".
std::string History::micros_of(const std::string& instant) {
  return microseconds(
      server_.value("SELECT " + server_.micros_of(instant.substr(0, instant.find(',')))));
}

/// Mode history: what the table is as of this run's instant, now and later.
void History::remember(const HistoryTable& table, const std::string& instant,
                       std::multiset<std::string> rows) {
  const std::string micros = micros_of(instant);
  past_.push_back({table.name(), micros, std::move(rows)});
}

void History::check_past_runs() {
  for (const Past& each : past_) {
    ++counts_.as_of;
    const std::multiset<std::string> then = rows_as_of(look_.at(each.table), each.instant);
    if (then == each.rows) continue;
    std::vector<std::string> differing;
    std::ranges::set_symmetric_difference(then, each.rows, std::back_inserter(differing));
    throw std::runtime_error(each.table + " as of " + each.instant +
                             " is not what it was then: " + std::to_string(differing.size()) +
                             " rows, such as " + differing.front());
  }
}

/// Deletes of a large table that were found though its keys did not travel, and what a look at a
/// part of it found.
void History::count_large(const RunResult& result) {
  const std::string& name = tables_.front().name();
  for (const Receipt& each : result.receipts) {
    if (each.table.name != name || each.strategy != "incremental") continue;
    // Less than all keys; a part of the table may have been read beside.
    if (each.deleted > 0 && each.read < kLargeKeys * 3 / 4) ++counts_.by_digests;
    const bool differed = std::ranges::any_of(each.notes, [](const std::string& note) {
      return note.starts_with("rows that differed though the replication key did not show it");
    });
    if (differed) ++counts_.parts;
  }
}

}  // namespace sluice::testing
