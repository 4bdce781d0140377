// SPDX-License-Identifier: Apache-2.0
// One run: every chosen table of a source made true in a destination. What an embedder calls, and
// what the command line calls; flags and configuration keys are these names.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sluice/destination.h"
#include "sluice/source.h"

namespace sluice {

namespace duck {
class Database;
}

enum class Mode { mirror, append };
enum class Strategy { automatic, incremental, full };
enum class Deletes { hard, ignore };
enum class Naming { source, fivetran };
enum class NewTables { load, ignore };

/// How often something costly is done: at every run, at most once in `every`, or never.
struct Cadence {
  enum class Kind { always, interval, never } kind = Kind::always;
  std::chrono::seconds every{0};
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
  std::optional<Cadence> full_every;  ///< unset: always up to 1 GiB, above that 24 hours
  std::optional<Misfit> misfit;
  std::map<std::string, Misfit> misfits;  ///< by column
  std::vector<std::string> columns;       ///< empty: all
  std::vector<std::string> exclude_columns;
  std::map<std::string, std::string> types;  ///< column -> DuckDB type
  std::string where;
  std::optional<std::string> start;
  std::optional<std::chrono::seconds> overlap;  ///< unset: 5 min where marks are proven, else 1 h
  bool synced_at = false;                       ///< adds a column `_sluice_synced_at`
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
  bool full = false;                      ///< every table is compared whole in this run
  std::vector<std::string> accept_drift;  ///< globs
  std::vector<std::string> allow_deletes;  ///< globs: no brake
  bool accept_source = false;
  int retries = 5;  ///< of transient faults, with growing waits
  /// How a unit of a first load ends: whichever comes first.
  std::uint64_t unit_rows = 1'000'000;
  std::uint64_t unit_bytes = std::uint64_t{256} << 20;
  std::chrono::seconds unit_time{60};
  /// A table none of whose readers got anything for so long is given up, and tried again; zero:
  /// never. Longer than the longest query of a view takes to its first row.
  std::chrono::seconds idle_timeout{600};
};

/// How many reading connections a run with these options has.
std::size_t readers_of(const SyncOptions& options);

enum class Outcome { done, unchanged, skipped, failed, refused, interrupted };
/// The word for it in the history and in events.
const char* outcome_name(Outcome outcome);

/// What one run did to one table.
struct Receipt {
  TableName table;     ///< at the source
  std::string target;  ///< "schema.table" at the destination
  Outcome outcome = Outcome::done;
  std::string strategy;   ///< "load", "resume", "incremental", "full", "append", "not due", ..
  std::string guarantee;  ///< class of docs/exactness.md; what holds at once is joined: "B+C"
  std::uint64_t read = 0, inserted = 0, updated = 0, deleted = 0, misfits = 0, bytes = 0;
  double seconds = 0;
  std::string instant;               ///< the snapshot the copy equals
  std::optional<std::string> until;  ///< the mark this run reached
  std::vector<std::string>
      notes;  ///< drift applied, unindexed key, what holds the mark back, what is due when
  std::string error, hint;  ///< when failed or refused
  Fault fault = Fault::internal;
};

/// Counters of a running table. Written by scanning threads, read by whoever draws progress. Where
/// DuckDB reads a source by itself, `rows` is how far it says it is, in rows: an estimate until the
/// statement ends.
struct Progress {
  TableName table;
  std::atomic<std::uint64_t> rows{0}, bytes{0}, chunks_done{0};
  std::atomic<std::uint64_t> rows_expected{0}, chunks{0};
  std::chrono::steady_clock::time_point started;
  std::atomic<bool> finished{false};
};

/// Told what happens, from the threads on which it happens, never two at once. What a member throws
/// is kept from the run, which goes on: RunResult::error says the first of it.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void run_started(const std::string& /*id*/) {}
  virtual void table_started(const std::shared_ptr<const Progress>&) {}
  virtual void unit_committed(const TableName&, std::uint64_t /*rows_so_far*/) {}
  /// At the end of each attempt: a table that is tried again finishes again.
  virtual void table_finished(const Receipt&) {}
  virtual void retrying(const std::string& /*why*/, std::chrono::milliseconds /*wait*/,
                        int /*attempt*/) {}
  virtual void note(const std::string& /*line*/) {}
};

struct RunResult {
  std::string id;                 ///< of the row in _sluice.runs
  std::vector<Receipt> receipts;  ///< ordered by table
  double seconds = 0;
  std::optional<Error> error;  ///< what failed beside the tables: the checkpoint, the read copy,
                               ///< the history, an observer
  /// 130 the user interrupted it; 1 something beside the tables failed (`error`); 0 all is well; 2
  /// nothing is ours to touch; 5 nothing but drift was refused; 1 all tables failed; 3 some did.
  /// The first that applies.
  int exit_code() const;
};

/// The first rows of a table, every value as DuckDB prints it.
struct Preview {
  std::vector<Column> columns;
  std::vector<std::vector<std::optional<std::string>>> rows;
};
/// `table` is as discover() gave it.
Preview preview(duck::Database& database, Source& source, const Table& table,
                const TableOptions& options, std::size_t rows);

/// What sync() would do to one table, found without writing anything.
struct TablePlan {
  Table table;
  std::string target;
  std::string strategy;
  std::string why;
  std::uint64_t rows = 0, bytes = 0;  ///< expected to travel
  std::vector<std::string> notes;
  Outcome outcome = Outcome::done;  ///< as far as it can be foreseen
  std::string error, hint;          ///< when it is not done
  Fault fault = Fault::internal;
};

/// The run. Members may be called from one thread, but for stop().
class Sync {
 public:
  Sync(duck::Database& database, Source& source, Destination& destination, SyncOptions options,
       Observer& observer);
  ~Sync();
  Sync(const Sync&) = delete;
  Sync& operator=(const Sync&) = delete;

  /// Throws only what concerns the run as a whole (no connection, state of a newer version, another
  /// source); a table's failure is in its receipt.
  RunResult run();
  std::vector<TablePlan> plan();
  /// First call: finish the units that are being written and stop there. Second: stop reading
  /// at once; a statement that DuckDB runs on the copy alone is waited for. Any
  /// thread, and safe in a signal handler's thread, not in the handler itself.
  void stop() noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice
