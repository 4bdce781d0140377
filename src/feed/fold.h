// SPDX-License-Identifier: Apache-2.0
// The SQL that applies a table's staged changes. Text only, as engine/apply.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/apply.h"
#include "feed/names.h"

namespace sluice::feed {

/// As the column `op` of a stage holds it.
enum class Change : std::uint8_t { upsert = 0, update = 1, remove = 2 };

/// A column of the stage, `"c" || position`, and what it is at the target.
struct StagedColumn {
  std::size_t position;  ///< also its place in `given`, counted from 0
  std::string name, type;
};

/// A relation of changes: "seq" (0, 1, ..: their order, which nothing else keeps, for DuckDB reads
/// and inserts in parallel), "op", "given" (of an update: '1' where it sets the column at that
/// place, else '0' or nothing), and the columns.
struct Staged {
  std::string relation;  ///< SQL behind FROM
  std::uint64_t rows = 0;
  bool updates = false, removes = false;
  std::optional<std::uint64_t> truncated;  ///< changes with a lower seq came before a truncate
  /// Rows of the target that no checkpoint after this one has touched are to be marked deleted.
  std::optional<std::int64_t> outdated;
  std::vector<StagedColumn> columns;
  std::vector<std::size_t> key;  ///< positions in `columns`; empty: none, `_fivetran_id` instead
  bool each_key_once = false;    ///< known before, or as fold_keys() has found
  /// The lowest and highest key, where that is known and the key is one whole number.
  std::optional<std::pair<std::int64_t, std::int64_t>> range;
  bool all_new = false;  ///< as any_there() has found
  bool empty() const noexcept { return rows == 0 && !truncated && !outdated; }
};

/// Without a primary key: the relation with a column "id", a hash of the row's values: SHA-1, in
/// hexadecimal, of every column that is not NULL, by name, as name, length and text (times with a
/// zone as microseconds). A column that is NULL everywhere changes no hash. Not Fivetran's own
/// hash, which is not published.
std::string with_id(const Staged& staged);

/// Of each key its last change, and more where there are others than upserts: into the temp table
/// sluice_last, a row a key. Empty: there is no change, or nothing to find out.
std::string fold_keys(const Staged& staged);

struct Statement {
  enum class Does { stages, marks, removes, inserts } does;  ///< to rows of the target
  std::string sql;
};

/// Whether the target has a row in the range of the keys: no row of the answer says none. Empty:
/// there is no range, or too few rows to ask.
std::string any_there(const apply::Target& target, const Staged& staged);

/// What `staged`, whose fold_keys() was run, makes of the target, in this order, in one
/// transaction. `synced`: a TIMESTAMPTZ literal. Rows that are replaced are deleted by their rowid
/// and inserted; rows that are only marked are updated in place. Of a key all copies are replaced.
std::vector<Statement> apply(const apply::Target& target, const Staged& staged,
                             const std::string& synced);

/// Of what fold_keys() and apply() staged.
std::string drop_folded();

}  // namespace sluice::feed
