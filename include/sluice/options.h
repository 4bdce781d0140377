// SPDX-License-Identifier: Apache-2.0
// What a user can say of a run and of its tables. Flags and keys of the configuration are these
// names.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sluice/table.h"

namespace sluice {

/// history: as mirror, but a row that changes or goes stays as a version, with the time it was
/// true.
enum class Mode { mirror, append, history };
enum class Strategy { automatic, incremental, xmin, digest, full };
/// What becomes of a row that the source deleted. soft: it stays, marked in a column of its own.
enum class Deletes { hard, soft, ignore };
/// What becomes of a changed shape. apply: what loses no value is done to the copy too.
enum class OnDrift { apply, refuse };
/// fivetran_source: names are kept, the columns that are Sluice's own are called as Fivetran's.
enum class Naming { source, fivetran, fivetran_source };
enum class NewTables { load, ignore };
/// What a copy's rows are known by where the table has no primary key: a column of its own that
/// holds a hash of the row's values, the same for equal rows; or a number that no other row has,
/// kept for as long as the row is.
enum class RowId { none, content, unique };
/// When readers see what a run made of its tables: each as soon as it is done; or together, in one
/// commit, all of them as of one instant of the source, or nothing.
enum class Publish { each, together };

/// How often something costly is done: at every run, at most once in `every`, or never.
struct Cadence {
  enum class Kind { always, interval, never } kind = Kind::always;
  std::chrono::seconds every{0};
  bool operator==(const Cadence&) const = default;
};

/// What a user can say of one table. Everything unset follows the defaults of `decide()`.
struct TableOptions {
  Mode mode = Mode::mirror;
  Strategy strategy = Strategy::automatic;
  std::optional<std::string> replication_key;
  std::vector<std::string>
      key;                  ///< the primary key where the catalog has none; checked at every run
  bool detect_key = false;  ///< `key: detect`
  Deletes deletes = Deletes::hard;
  Cadence delete_check;
  OnDrift on_drift = OnDrift::apply;
  std::optional<Cadence> full_every;  ///< unset: always up to 1 GiB, above that 24 hours
  std::optional<Misfit> misfit;
  std::map<std::string, Misfit> misfits;  ///< by column
  std::vector<std::string> columns;       ///< empty: all
  std::vector<std::string> exclude_columns;
  std::map<std::string, std::string> types;  ///< column -> DuckDB type
  std::string where;
  std::optional<std::string> start;
  std::optional<std::chrono::seconds> overlap;  ///< unset: 5 min where marks are proven, else 1 h
  std::optional<std::chrono::seconds> window;   ///< as Table::window
  bool synced_at = false;                       ///< adds a column `_sluice_synced_at`
  RowId row_id = RowId::none;                   ///< named as Naming says, see Landing
  /// Columns land as the types that Fivetran has, where one of those holds all their values.
  bool fivetran_types = false;
  bool operator==(const TableOptions&) const = default;
};

struct SyncOptions {
  std::string connection = "default";  ///< the state is kept under this name
  std::vector<std::string> tables;     ///< globs over "schema.table"; empty: all
  std::vector<std::string> exclude;
  std::optional<std::string>
      schema;  ///< destination schema for all; unset: the source's schema names
  TableOptions defaults;
  /// Later entries win over earlier ones and over `defaults`; each function sets what its entry
  /// names.
  std::vector<std::pair<std::string, std::function<void(TableOptions&)>>>
      table_options;  ///< by glob
  Naming naming = Naming::source;
  NewTables new_tables = NewTables::load;
  std::size_t parallel = 0;               ///< reading connections; 0: min(cores + 1, 4)
  bool snapshot_per_table = false;        ///< one instant for each table instead of one for the run
  Publish publish = Publish::each;        ///< together needs the one instant
  bool full = false;                      ///< every table is compared whole in this run
  bool verify_after_run = false;          ///< what a run brought up to date is compared at its end
  std::vector<std::string> accept_drift;  ///< globs
  std::vector<std::string> allow_deletes;  ///< globs: no brake
  bool accept_source = false;
  std::optional<std::int64_t>
      as_of;        ///< Unix seconds: what is due is judged by it, not by the clock
  int retries = 5;  ///< of transient faults, with growing waits
  /// How a unit of a first load ends: whichever comes first, but that the last one takes a small
  /// rest along.
  std::uint64_t unit_rows = 4'000'000;
  std::uint64_t unit_bytes = std::uint64_t{1} << 30;
  std::chrono::seconds unit_time{30};
  /// A table none of whose readers got anything for so long is given up, and tried again; zero:
  /// never. Longer than the longest query of a view takes to its first row.
  std::chrono::seconds idle_timeout{600};
};

/// How many reading connections a run with these options has.
std::size_t readers_of(const SyncOptions& options);

}  // namespace sluice
