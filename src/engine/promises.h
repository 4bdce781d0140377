// SPDX-License-Identifier: Apache-2.0
// A plan that a run was told to do, held against what the run finds.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>

#include "engine/decide.h"
#include "sluice/run_plan.h"

namespace sluice {

/// What refuses a table that is no longer as its plan says.
Error outdated(const TableName& table, const std::string& what);

/// Of one run; `plan` outlives it. Any thread.
class Promises {
 public:
  explicit Promises(const RunPlan& plan);

  /// Throws Fault::drift, naming what changed, where the table (shaped by the options, under the
  /// run's lock) or what was decided for it is not what the plan says. What was decided is asked
  /// until it once agrees: a table that is tried again goes on with what this run has begun.
  void hold(const Table& table, const Decision& decision, bool finds_deletes);

 private:
  std::map<TableName, const TablePlan*> planned_;
  std::mutex mutex_;
  std::set<TableName> agreed_;
};

}  // namespace sluice
