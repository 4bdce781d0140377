// SPDX-License-Identifier: Apache-2.0
#include "engine/choose.h"

#include <algorithm>
#include <map>
#include <string>

#include "engine/decide.h"
#include "engine/nearest.h"
#include "engine/outcome.h"
#include "engine/promises.h"
#include "engine/select.h"

namespace sluice {
namespace {

bool is_glob(const std::string& pattern) {
  return pattern.find_first_of("*?") != std::string::npos;
}

using Seen = std::map<TableName, bool>;

/// Tables of the state count as well: one that is gone is no slip.
bool fits_any(const std::string& pattern, const Catalog& catalog, const Seen& seen) {
  const auto fits = [&](const TableName& name) { return matches(pattern, name); };
  return std::ranges::any_of(catalog.tables, fits, &Table::name) ||
         std::ranges::any_of(catalog.skipped, fits, &Skipped::name) ||
         std::ranges::any_of(seen, [&](const auto& each) { return fits(each.first); });
}

/// Slips in what a run is allowed: nothing would be allowed, and the run refuse the table after
/// all.
void check_allowed(const Catalog& catalog, const Seen& seen, const SyncOptions& options,
                   Told& told) {
  for (const auto& [flag, patterns] : {std::pair("--accept-drift", &options.accept_drift),
                                       {"--allow-deletes", &options.allow_deletes}}) {
    for (const std::string& pattern : *patterns) {
      if (fits_any(pattern, catalog, seen)) continue;
      if (is_glob(pattern)) {
        told([&text = pattern, name = std::string(flag)](Observer& o) {
          o.note(name + ": no table fits " + text);
        });
        continue;
      }
      std::vector<std::string> names;
      for (const Table& table : catalog.tables) {
        names.push_back(table.name.text());
        if (pattern.find('.') == std::string::npos) names.back() = table.name.name;
      }
      const auto meant = nearest(pattern, names);
      throw Error(
          Fault::config, std::string(flag) + ": no table is called \"" + pattern + "\"",
          meant ? "did you mean " + *meant + "?" : "`sluice discover SOURCE` lists what is there");
    }
  }
}

class Chooser {
 public:
  Chooser(duck::Connection& connection, const StateStore& states, const SyncOptions& options,
          Told& told)
      : connection_(connection), options_(options), told_(told) {
    for (const TableName& name : states.names(connection)) seen_[name] = false;
    chosen_.known = states.known(connection);
    for (const auto& [name, seen] : seen_) chosen_.known.insert(name);
    had_tables_ = !chosen_.known.empty();
  }

  Chosen choose(const Catalog& catalog) {
    for (const Table& table : catalog.tables) {
      if (wanted(table.name)) consider(table);
    }
    refuse_rivals();
    for (const Skipped& skipped : catalog.skipped) {
      if (wanted(skipped.name)) skip(skipped);
    }
    tell_of_gone();
    if (chosen_.tables.empty() && chosen_.refused.empty()) {
      if (catalog.tables.empty())
        throw Error(Fault::config, "the source has no table that this user can see",
                    "`sluice discover SOURCE` lists what is there, and what is skipped, and why");
      throw Error(Fault::config,
                  "no table of the source fits tables: " + listed(options_.tables) +
                      (options_.exclude.empty() ? "" : ", exclude: " + listed(options_.exclude)),
                  meant(catalog) + "`sluice discover SOURCE` lists what is there");
    }
    refuse_unknown(catalog);
    std::ranges::stable_sort(chosen_.tables, std::ranges::greater{}, &Table::bytes);
    return std::move(chosen_);
  }

 private:
  struct Claim {
    TableName name;
    bool copied;
    std::string target;
  };

  bool wanted(const TableName& name) const {
    return (options_.tables.empty() || matches_any(options_.tables, name)) &&
           !matches_any(options_.exclude, name);
  }

  void note(const std::string& line) {
    told_([&](Observer& o) { o.note(line); });
  }

  void consider(const Table& table) {
    const bool copied = seen_.contains(table.name);
    const bool is_new = had_tables_ && !chosen_.known.contains(table.name);
    if (copied) seen_[table.name] = true;
    if (is_new && options_.new_tables == NewTables::ignore && !named(table.name)) {
      note("new table " + table.name.text() + " is left alone (new_tables: ignore)");
      return;
    }
    if (is_new) note("new table " + table.name.text());
    chosen_.known.insert(table.name);
    try {
      const Landing landed =
          landing(shaped(table, options_of(options_, table.name), connection_), options_);
      claims_[duck::folded(landed.schema + "\n" + landed.name)].push_back(
          {table.name, copied, landed.schema + "." + landed.name});
      chosen_.tables.push_back(table);
    } catch (const Error& error) {
      chosen_.refused.push_back(failure(table.name, error));
    }
  }

  /// Of several with one target only the one that is copied already goes on: which of new ones it
  /// were would be chance.
  void refuse_rivals() {
    for (const auto& [target, rivals] : claims_) {
      if (rivals.size() < 2) continue;
      const bool one_known = std::ranges::count(rivals, true, &Claim::copied) == 1;
      for (const Claim& claim : rivals) {
        if (one_known && claim.copied) continue;
        refuse(claim, claim.name == rivals[0].name ? rivals[1] : rivals[0]);
      }
    }
  }

  void refuse(const Claim& claim, const Claim& other) {
    std::erase_if(chosen_.tables, [&](const Table& table) { return table.name == claim.name; });
    chosen_.refused.push_back(failure(
        claim.name, Error(Fault::config,
                          claim.name.text() + " and " + other.name.text() + " would both be " +
                              claim.target + " (DuckDB does not tell upper from lower case)",
                          "exclude one of them, or give each a connection with a schema: of its "
                          "own")));
  }

  void skip(const Skipped& skipped) {
    if (const auto found = seen_.find(skipped.name); found != seen_.end()) found->second = true;
    chosen_.known.insert(skipped.name);
    chosen_.refused.push_back(
        failure(skipped.name,
                Error(Fault::permission, skipped.name.text() + ": " + skipped.why, skipped.hint)));
    chosen_.refused.back().outcome = Outcome::skipped;
  }

  /// Of a table whose name differs in case only.
  std::string meant(const Catalog& catalog) const {
    for (const std::string& pattern : options_.tables) {
      for (const Table& table : catalog.tables) {
        if (duck::folded(table.name.text()) == duck::folded(pattern))
          return "did you mean " + table.name.text() + "? ";
      }
    }
    return {};
  }

  /// Whether the user wrote its name out.
  bool named(const TableName& name) const {
    return std::ranges::any_of(options_.tables, [&](const std::string& pattern) {
      return !is_glob(pattern) && matches(pattern, name);
    });
  }

  /// A name that fits nothing is a slip; a glob may be meant for tables to come.
  void refuse_unknown(const Catalog& catalog) {
    for (const std::string& pattern : options_.tables) {
      if (fits_any(pattern, catalog, seen_)) continue;
      if (is_glob(pattern)) {
        note("no table fits " + pattern);
        continue;
      }
      chosen_.refused.push_back(
          failure({"", pattern}, Error(Fault::config, pattern + ": the source has no such table",
                                       "`sluice discover SOURCE` lists what is there; a view is "
                                       "named with its schema")));
    }
    for (const std::string& pattern : options_.exclude) {
      if (!fits_any(pattern, catalog, seen_)) note("exclude: no table fits " + pattern);
    }
  }

  void tell_of_gone() {
    for (const auto& [name, seen] : seen_) {
      if (seen || !wanted(name)) continue;
      chosen_.gone.push_back(name);
      note(gone_text(name));
    }
  }

  duck::Connection& connection_;
  const SyncOptions& options_;
  Told& told_;
  Seen seen_;  ///< the tables of the state, and whether the source has them
  bool had_tables_ = false;
  std::map<std::string, std::vector<Claim>> claims_;  ///< by folded target
  Chosen chosen_;
};

}  // namespace

std::vector<TableName> exact_names(const std::vector<std::string>& patterns) {
  std::vector<TableName> names;
  for (const std::string& pattern : patterns) {
    const std::size_t dot = pattern.find('.');
    if (is_glob(pattern) || dot == std::string::npos) continue;
    names.push_back({pattern.substr(0, dot), pattern.substr(dot + 1)});
  }
  return names;
}

void check_options(Source& source, const Catalog& catalog, const Seen& seen,
                   const SyncOptions& options) {
  std::vector<std::string> unknown;
  for (const auto& [pattern, apply] : options.table_options) {
    if (!is_glob(pattern) && !fits_any(pattern, catalog, seen)) unknown.push_back(pattern);
  }
  if (unknown.empty()) return;
  const Catalog named = source.discover(exact_names(unknown));  // with the views among them
  for (const std::string& pattern : unknown) {
    if (fits_any(pattern, named, seen)) continue;
    throw Error(Fault::config, "options are given for " + pattern + ", which is not at the source",
                "`sluice discover SOURCE` lists what is there; a glob may fit nothing");
  }
}

std::string gone_text(const TableName& table) {
  return table.text() + " is no longer at the source: its copy is kept as it is";
}

Chosen choose(duck::Connection& connection, Source& source, const StateStore& states,
              const SyncOptions& options, Told& told) {
  // Views are discovered by name only: those that are copied already are asked for, too.
  std::vector<TableName> named = exact_names(options.tables);
  for (TableName& name : states.names(connection)) named.push_back(std::move(name));
  const Catalog catalog = source.discover(named);
  Seen copied;
  for (const TableName& name : states.names(connection)) copied[name] = false;
  check_options(source, catalog, copied, options);
  check_allowed(catalog, copied, options, told);
  return Chooser(connection, states, options, told).choose(catalog);
}

Chosen choose(duck::Connection& connection, Source& source, const StateStore& states,
              const SyncOptions& options, const RunPlan& plan) {
  std::vector<TableName> names;
  for (const TablePlan& each : plan.tables) names.push_back(each.table.name);
  const Catalog catalog = source.discover(names);
  Chosen chosen;
  chosen.known = states.known(connection);
  chosen.known.insert(names.begin(), names.end());
  for (const TableName& name : names) {
    try {
      const auto found = std::ranges::find(catalog.tables, name, &Table::name);
      const auto skipped = std::ranges::find(catalog.skipped, name, &Skipped::name);
      if (skipped != catalog.skipped.end())
        throw Error(Fault::permission, name.text() + ": " + skipped->why, skipped->hint);
      if (found == catalog.tables.end()) throw outdated(name, "the source no longer has it");
      landing(shaped(*found, options_of(options, name), connection), options);
      chosen.tables.push_back(*found);
    } catch (const Error& error) {
      chosen.refused.push_back(
          failure(name, error.fault() == Fault::config ? outdated(name, error.what()) : error));
    }
  }
  std::ranges::stable_sort(chosen.tables, std::ranges::greater{}, &Table::bytes);
  return chosen;
}

}  // namespace sluice
