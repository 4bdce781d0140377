// SPDX-License-Identifier: Apache-2.0
// A plan made readable in SQL: DuckDB's threads pull rows from the source's readers.
#pragma once

#include <atomic>
#include <chrono>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "duck/table_function.h"
#include "engine/budget.h"
#include "sluice/source.h"
#include "sluice/sync.h"

namespace sluice {

/// How far a run has been told to stop. `unit`: finish what is being written; `now`: cancel the
/// readers.
enum class StopLevel { none, unit, now };

/// What the scans of one run share. Outlives them.
struct ScanContext {
  Source& source;
  ReaderBudget& budget;
  std::atomic<StopLevel>& stop;
  /// Readers that have all been silent for longer are taken for dead; zero: never.
  std::chrono::seconds idle_limit = SyncOptions().idle_timeout;
};

/// Ends a unit of work between two chunks: whichever comes first. Zero: no limit. What is left when
/// `rows` or `bytes` are reached joins the unit if it is less than half as much.
struct UnitLimit {
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
  std::chrono::seconds time{0};
};

/// One read of a plan, once. Usable in SQL as `sql()` while it lives; made and destroyed on one
/// thread.
class Relation {
 public:
  /// Reads the chunks `from` points at (positions in plan.chunks), in that order. `progress` may be
  /// null. Waits for a reader of the budget; throws Fault::cancelled when the run was told to stop
  /// and the table, by its progress, has read nothing yet.
  Relation(duck::Connection& connection, const ScanContext& context, Snapshot& snapshot,
           const Plan& plan, std::vector<std::size_t> from, UnitLimit limit = {},
           Progress* progress = nullptr);
  Relation(duck::Connection& connection, const ScanContext& context, Snapshot& snapshot,
           const Plan& plan, Progress* progress = nullptr);
  Relation(const Relation&) = delete;
  Relation& operator=(const Relation&) = delete;
  ~Relation();

  /// A parenthesised relation or table function call, to be put after FROM.
  const std::string& sql() const noexcept { return sql_; }
  /// Runs a statement that reads this relation. Throws the readers' own Error, not DuckDB's account
  /// of it.
  duck::Result run(const std::string& statement);
  /// The same of a SELECT, whose rows go to `take` chunk by chunk while they are read. The source
  /// waits while `take` does, and is not taken for dead then.
  void stream(const std::string& select, const std::function<void(duckdb_data_chunk)>& take);

  /// After run(): the chunks that were read to their end, and what they brought.
  std::vector<std::size_t> finished() const;
  std::uint64_t rows() const noexcept;
  std::uint64_t bytes() const noexcept;
  std::uint64_t misfits() const noexcept;

  /// Cancels every scan of this process whose run was told to stop now, or whose readers have been
  /// silent too long, and interrupts every Interruptible of a run that was told to stop now. Any
  /// thread; called a few times a second by a run's watchdog.
  static void watch_all() noexcept;

 private:
  friend class Interruptible;
  class PlanScan;
  struct Alive;
  static Alive& alive();
  void watch() noexcept;
  void show(double share) noexcept;
  void ended(const duck::Result* result) noexcept;

  /// For as long as it lives, the watchdog sees the relation.
  struct Watched {
    explicit Watched(Relation& relation);
    Watched(const Watched&) = delete;
    Watched& operator=(const Watched&) = delete;
    ~Watched();
    Relation& relation;
  };

  duck::Connection& connection_;
  const ScanContext& context_;
  std::atomic<bool> running_{false};
  std::atomic<bool> taking_{false};  ///< stream() waits for its caller, not for the source
  Progress* progress_ = nullptr;     ///< where DuckDB reads by itself: no reader counts rows then
  std::uint64_t rows_before_ = 0, rows_expected_ = 0;
  std::shared_ptr<PlanScan> scan_;
  std::unique_ptr<duck::ScanHandle> handle_;
  std::string sql_;
  std::optional<Watched> watched_;  ///< last: set when all else is there, gone before all else
};

/// While it lives, whatever its connection runs is interrupted once the run is told to stop now.
/// For destinations that are a service: there statements that read no Relation take long, too.
class Interruptible {
 public:
  Interruptible(duck::Connection& connection, const ScanContext& context);
  Interruptible(const Interruptible&) = delete;
  Interruptible& operator=(const Interruptible&) = delete;
  ~Interruptible();

 private:
  friend class Relation;
  duck::Connection& connection_;
  const std::atomic<StopLevel>& stop_;
};

/// Registers the table function, unless the database has it.
void register_scan(duck::Connection& connection);

}  // namespace sluice
