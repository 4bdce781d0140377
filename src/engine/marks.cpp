// SPDX-License-Identifier: Apache-2.0
#include "engine/marks.h"

#include "engine/apply.h"
#include "engine/decide.h"

namespace sluice {
namespace {

/// Marks that wait for a transaction which never ends; the ones in the middle are given up, which
/// is always safe.
constexpr std::size_t kMostPending = 50;
constexpr std::chrono::seconds kProvenOverlap{300};
constexpr std::chrono::seconds kUnprovenOverlap{3600};

}  // namespace

void add_mark(Marks& marks, const std::optional<std::string>& until, const Snapshot& snapshot) {
  // A mark that waits already, or is reached, is as good with its older witness.
  const bool known = marks.cursor == until ||
                     (until && !marks.pending.empty() && marks.pending.back().mark == *until);
  if (until && !known) marks.pending.push_back({*until, snapshot.witness()});
  while (marks.pending.size() > kMostPending)
    marks.pending.erase(marks.pending.begin() + static_cast<std::ptrdiff_t>(kMostPending / 2));
}

void promote_settled(Marks& marks, const Snapshot& snapshot) {
  std::vector<bool> settled;
  for (const PendingMark& each : marks.pending) settled.push_back(snapshot.settled(each.witness));
  promote(marks, settled);
}

std::string below(const std::string& mark, const Table& table, const TableOptions& options,
                  const Snapshot& snapshot, duck::Connection& connection,
                  const std::function<void(const std::string&)>& note) {
  const std::string& type = table.column(table.replication_key)->type;
  const Proof proof = snapshot.proof(table);
  const auto overlap = options.overlap.value_or(proof.possible ? kProvenOverlap : kUnprovenOverlap);
  const bool overlaps = duck::is_temporal(type) && overlap.count() > 0;
  if (!proof.possible) {
    note("rows that commit late may be missed until everything is compared (" + proof.why_not +
         ")" +
         (overlaps ? ": the last " + std::to_string(overlap.count()) + " s are read again" : ""));
  }
  if (!overlaps) return mark;
  return connection
      .query("SELECT (" + duck::literal(mark) + "::" + type + " - INTERVAL '" +
             std::to_string(overlap.count()) + " seconds')::" + type + "::VARCHAR")
      .text(0, 0);
}

void prove_key(Relation& relation, const std::string& keys, const TableName& table,
               const std::vector<std::string>& key) {
  const auto bad = relation.run(apply::bad_keys(keys, key));
  if (bad.integer(0, 0) == 0) return;
  throw Error(Fault::config,
              table.text() + ": key (" + apply::column_list(key) + ") is not a key: " +
                  bad.text(0, 0) + " of its values occur more than once or are NULL",
              "name other columns with key:, or leave it out: rows are then compared whole");
}

}  // namespace sluice
