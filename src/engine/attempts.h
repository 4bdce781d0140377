// SPDX-License-Identifier: Apache-2.0
// The tables of a run, several at once, and again while a fault may pass.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "duck/duck.h"
#include "engine/promises.h"
#include "engine/scan.h"
#include "engine/state.h"
#include "engine/table_run.h"
#include "engine/told.h"
#include "sluice/destination.h"
#include "sluice/source.h"
#include "sluice/sync.h"

namespace sluice {

/// How far a run has been told to stop, and whether a user told it: a failure that ends the run
/// stops it too.
struct StopSign {
  std::atomic<StopLevel> level{StopLevel::none};
  std::atomic<bool> asked{false};
};

/// What the attempts of one run use. Outlives them.
struct RunParts {
  duck::Database& database;
  Destination& destination;
  const SyncOptions& options;
  const StateStore& states;
  const ScanContext& scan;
  StopSign& stop;
  Told& told;
  Promises* promises = nullptr;  ///< of the plan that the run does; none: it plans by itself
};

/// Sets what every connection of a run needs.
void prepare_connection(duck::Connection& connection);

class Attempts {
 public:
  explicit Attempts(const RunParts& parts) : parts_(parts) {}

  /// Runs each table until it is done, refused or out of attempts, and adds one receipt for each.
  /// Throws what keeps all of them from being begun; then nothing was added.
  void run(std::vector<Table> tables, std::vector<Receipt>& receipts);

 private:
  struct Round;
  struct Job;
  using Work = std::function<void()>;
  bool together() const { return parts_.options.publish == Publish::together; }
  std::vector<Receipt> once(const std::vector<Table>& tables);
  void work(Round& round, duck::Connection& connection);
  void all_or_none(Round& round, duck::Connection& connection);
  void attempt(Job& job, const Work& work) const;
  void begin(const Round& round, duck::Connection& connection, Job& job) const;
  void prepare(Job& job) const;
  static std::optional<Receipt> publish(const std::vector<Job>& jobs);
  void explain_cancelled(Receipt& receipt, const std::string& what) const;
  bool wait_before_retry(const std::string& why, int attempt);
  void finished(const Receipt& receipt);

  const RunParts parts_;
  mutable std::mutex mutex_;
  std::string ended_by_;  ///< the failure of a table that ended the run
};

}  // namespace sluice
