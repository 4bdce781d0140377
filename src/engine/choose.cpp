// SPDX-License-Identifier: Apache-2.0
#include "engine/choose.h"

#include <algorithm>
#include <map>
#include <string>

#include "engine/outcome.h"
#include "engine/select.h"

namespace sluice {
namespace {

/// Tables named without wildcards: the way to ask for a view.
std::vector<TableName> exact_names(const std::vector<std::string>& patterns) {
  std::vector<TableName> names;
  for (const std::string& pattern : patterns) {
    const std::size_t dot = pattern.find('.');
    if (pattern.find_first_of("*?") != std::string::npos || dot == std::string::npos) continue;
    names.push_back({pattern.substr(0, dot), pattern.substr(dot + 1)});
  }
  return names;
}

class Chooser {
 public:
  Chooser(duck::Connection& connection, const StateStore& states, const SyncOptions& options,
          Told& told)
      : connection_(connection), options_(options), told_(told) {
    for (const auto& [name, state] : states.tables(connection)) seen_[name] = false;
    had_tables_ = !seen_.empty();
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
      throw Error(Fault::config,
                  catalog.tables.empty() ? "the source has no table that this user can see"
                                         : "no table of the source fits --tables and --exclude",
                  "`sluice discover SOURCE` lists what is there");
    }
    std::ranges::stable_sort(chosen_.tables, std::ranges::greater{}, &Table::bytes);
    return std::move(chosen_);
  }

 private:
  struct Claim {
    TableName name;
    bool is_new;
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
    const bool is_new = !seen_.contains(table.name);
    seen_[table.name] = true;
    if (is_new && had_tables_ && options_.new_tables == NewTables::ignore) {
      note("new table " + table.name.text() + " is left alone (new_tables: ignore)");
      return;
    }
    if (is_new && had_tables_) note("new table " + table.name.text());
    try {
      const Landing landed =
          landing(shaped(table, options_of(options_, table.name), connection_), options_);
      claims_[duck::folded(landed.schema + "\n" + landed.name)].push_back(
          {table.name, is_new, landed.schema + "." + landed.name});
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
      const bool one_known = std::ranges::count(rivals, false, &Claim::is_new) == 1;
      for (const Claim& claim : rivals) {
        if (one_known && !claim.is_new) continue;
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
    seen_[skipped.name] = true;
    chosen_.refused.push_back(
        failure(skipped.name,
                Error(Fault::permission, skipped.name.text() + ": " + skipped.why, skipped.hint)));
    chosen_.refused.back().outcome = Outcome::skipped;
  }

  void tell_of_gone() {
    for (const auto& [name, seen] : seen_) {
      if (!seen && wanted(name))
        note(name.text() + " is no longer at the source: its copy is kept as it is");
    }
  }

  duck::Connection& connection_;
  const SyncOptions& options_;
  Told& told_;
  std::map<TableName, bool> seen_;  ///< the tables of the state, and whether the source has them
  bool had_tables_ = false;
  std::map<std::string, std::vector<Claim>> claims_;  ///< by folded target
  Chosen chosen_;
};

}  // namespace

Chosen choose(duck::Connection& connection, Source& source, const StateStore& states,
              const SyncOptions& options, Told& told) {
  // Views are discovered by name only: those that are copied already are asked for, too.
  std::vector<TableName> named = exact_names(options.tables);
  for (TableName& name : states.names(connection)) named.push_back(std::move(name));
  const Catalog catalog = source.discover(named);
  return Chooser(connection, states, options, told).choose(catalog);
}

}  // namespace sluice
