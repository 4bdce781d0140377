// SPDX-License-Identifier: Apache-2.0
// What to do with one table in one run. Pure: no I/O, no clock, no connection.
#pragma once

#include <string>
#include <vector>

#include "engine/state.h"
#include "sluice/sync.h"

namespace sluice {

/// A type of the DuckDB column of a copy that must change, or a column that must be added.
struct ColumnChange {
  Column column;
  bool added = false;  ///< else: widened to column.type
};

/// What to read and how to write it. At most one of the big ones, then possibly a check of the
/// keys.
enum class Step {
  load,     ///< every row, in committed units, into a hidden table that is then published
  resume,   ///< as load, going on where a run was cut off; else the copy that is live is looked at
  refresh,  ///< every row is compared with the copy; only differences are written
  merge,    ///< rows since the cursor, by primary key
  append,   ///< rows since the cursor that the copy does not hold
  prune,    ///< every living key: rows that are gone are deleted, rows that are missing are fetched
};

struct Decision {
  std::vector<Step> steps;            ///< empty: nothing is due, or refused
  std::string strategy;               ///< for receipts and plans
  std::string why;                    ///< one clause: "no replication key, 12 MB"
  std::vector<ColumnChange> changes;  ///< DDL on the copy, before the steps
  std::vector<std::string> dropped;   ///< columns that the source no longer has
  bool by_digests = false;   ///< a refresh reads only the rows of buckets whose digests differ
  bool by_versions = false;  ///< a merge reads what was written since TableState::horizon
  bool fill = false;         ///< a column was added: rows that are there hold nothing of it yet
  std::vector<std::string> notes;
  bool brake = true;             ///< false where the user's own change of settings explains deletes
  std::optional<Error> refusal;  ///< then nothing is done
};

/// Whether what is decided finds rows that the source has deleted.
bool finds_deletes(const Decision& decision, const TableOptions& options);

/// What decide() needs to know beside the table and its state.
struct Circumstances {
  bool target_exists = false;  ///< a table of the target's name is there
  std::string target_lacks;    ///< not empty: somebody else took columns from it; says which
  std::string target_owner;    ///< "connection: table" that made it; empty: not one of ours
  std::string this_owner;      ///< how this connection and table would be written there
  std::string options;         ///< fingerprint of the settings that shape the copy, for this run
  bool other_rows = false;     ///< these settings choose other rows than the copy's, or keep others
  bool has_history = false;    ///< the copy holds versions that a load anew would lose
  bool full = false;           ///< --full
  bool accept_drift = false;
  bool together = false;  ///< readers see all tables as of one instant
  std::int64_t now = 0;   ///< Unix seconds
};

/// `state` is as the last run left it: its cursor is what this run may begin at.
Decision decide(const Table& table, const std::optional<TableState>& state,
                const TableOptions& options, const Circumstances& circumstances);

/// How runs after the first find what changed in a table of mode mirror or history.
Strategy later_strategy(const Table& table, const TableOptions& options);

/// Whether it is time to read all of a table that is not read by a mark, or by full_every of one
/// that is; `last`, `now`: Unix seconds.
bool full_due(const Table& table, const TableOptions& options, std::int64_t last, std::int64_t now);

/// Moves the newest pending mark that `settled` accepts into the cursor; older ones go with it.
void promote(Marks& marks, const std::vector<bool>& settled);

/// Whether every value of `from` fits `to` unchanged, both DuckDB types.
bool widens(const std::string& from, const std::string& to);

/// "a, b"; "none".
std::string listed(const std::vector<std::string>& names);

}  // namespace sluice
