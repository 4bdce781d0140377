// SPDX-License-Identifier: Apache-2.0
// One run: every chosen table of a source made true in a destination. What an embedder calls, and
// what the command line calls.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sluice/destination.h"
#include "sluice/options.h"
#include "sluice/receipt.h"
#include "sluice/run_plan.h"
#include "sluice/source.h"

namespace sluice {

namespace duck {
class Database;
}

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
  /// Rows are about to be read: those whose replication key is `from` or above (none: all), up to
  /// the mark `until` (none: the table has none).
  virtual void reading(const TableName&, const std::optional<std::string>& /*from*/,
                       const std::optional<std::string>& /*until*/) {}
  virtual void unit_committed(const TableName&, std::uint64_t /*rows_so_far*/) {}
  /// What a run made of a table is committed, and seen. Not told where that is nothing.
  virtual void published(const TableName&) {}
  /// A connector that pushes: all that it did so far is committed, together with its state.
  virtual void checkpoint_committed(const std::string& /*state*/) {}
  /// At the end of each attempt: a table that is tried again finishes again. One that is refused
  /// or skipped before anything is begun finishes without having started.
  virtual void table_finished(const Receipt&) {}
  virtual void retrying(const std::string& /*why*/, std::chrono::milliseconds /*wait*/,
                        int /*attempt*/) {}
  virtual void note(const std::string& /*line*/) {}
};

/// The first rows of a table, every value as DuckDB prints it.
struct Preview {
  std::vector<Column> columns;
  std::vector<std::vector<std::optional<std::string>>> rows;
};
/// `table` is as discover() gave it.
Preview preview(duck::Database& database, Source& source, const Table& table,
                const TableOptions& options, std::size_t rows);

/// One run, or one look: of run(), plan() and verify() one is called, once, on one thread; stop()
/// on any.
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
  /// Does just what `plan` says, and nothing to other tables. Throws as check_plan() does before
  /// anything is written. Refuses a table (Fault::drift) whose shape under the run's own lock, or
  /// what would now be done to it, is not what the plan says.
  RunResult run(const RunPlan& plan);
  std::vector<TablePlan> plan();
  /// Compares the content of each copy with its source at one instant, by digests where both sides
  /// can. `repair` rewrites what differs. `percent`, above 0: of each copy about so much, chosen at
  /// random (Verified::compared says how many rows); all of it where there are no digests. Throws
  /// as run() does.
  enum class Repair { no, yes };
  std::vector<Verified> verify(Repair repair, double percent = 100);
  /// First call: finish the units that are being written and stop there. Second: stop reading
  /// at once; a statement that DuckDB runs on the copy alone is waited for. Any
  /// thread, and safe in a signal handler's thread, not in the handler itself.
  void stop() noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice
