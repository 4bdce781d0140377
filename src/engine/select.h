// SPDX-License-Identifier: Apache-2.0
// Which tables a run is about, what the user's options make of each, and what they are called at
// the destination.
#pragma once

#include <string>
#include <vector>

#include "engine/apply.h"
#include "engine/state.h"
#include "sluice/sync.h"

namespace sluice {

/// `*` any run of characters, `?` one; over "schema.table"; a pattern without a dot is tried on the
/// table's name, too.
bool matches(const std::string& pattern, const TableName& name);
bool matches_any(const std::vector<std::string>& patterns, const TableName& name);

/// The options of one table: defaults, then each entry whose glob fits.
TableOptions options_of(const SyncOptions& options, const TableName& name);

/// The table as the user wants it: columns, types, keys, misfit policies, row filter. Throws
/// Fault::config naming the column or type that does not exist. `connection` tells how DuckDB
/// writes a chosen type.
Table shaped(const Table& table, const TableOptions& options, duck::Connection& connection);

/// Whether `key: detect` finds a column that is named like a key.
bool has_detected_key(const Table& table);
/// The column that is the replication key by its name; empty: none.
std::string detected_replication_key(const Table& table);
/// The same where the options leave that column out, so that there is no replication key.
std::string excluded_replication_key(const Table& table, const TableOptions& options);

/// The settings that make a copy what it is, as comparable text.
std::string fingerprint(const TableOptions& options, const std::string& target_schema,
                        const std::string& target_name, Naming naming);
/// Whether a copy made by the settings of one fingerprint may hold rows that one by the other would
/// not.
bool chooses_other_rows(const std::string& before, const std::string& now);
/// Whether a copy of these settings holds versions that a load anew would lose.
bool keeps_history(const std::string& fingerprint);

/// Fivetran's renaming: lower snake case, ASCII, digits split off ("addr1" -> "addr_1").
std::string fivetran_name(const std::string& name, bool is_table);

/// A table with the names it has at the destination: what the engine's SQL works with.
struct Landing {
  std::string schema, name;
  std::string hidden;                       ///< the table that a load fills before it is published
  std::string deleted;                      ///< the column that marks deleted rows; empty: none
  std::string synced_at;                    ///< the column of TableOptions::synced_at; or empty
  std::string row_id;                       ///< likewise; empty where there is a primary key
  std::optional<apply::Versions> versions;  ///< mode history: its columns, no instants yet
  Table table;  ///< columns, primary key and replication key renamed; otherwise as at the source
};
/// Throws Fault::config when two columns would share a name (DuckDB folds case).
Landing landing(const Table& table, const SyncOptions& options);

}  // namespace sluice
