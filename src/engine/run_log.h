// SPDX-License-Identifier: Apache-2.0
// The history that users SELECT: _sluice.runs and _sluice.run_tables.
#pragma once

#include <string>

#include "engine/state.h"
#include "sluice/sync.h"

namespace sluice {

class RunLog {
 public:
  RunLog(duck::Connection& connection, const StateStore& states)
      : connection_(connection), states_(states) {}
  /// Writes the row of a run that has begun and returns its id: sortable by time, unique.
  std::string begin(const std::string& source);
  /// Receipts, end and exit code, in one transaction. `error` is the run's own failure, or empty.
  void end(const RunResult& result, int exit_code, const std::string& error);
  /// Says anew how a run ended that end() has written already.
  void correct(const std::string& run, int exit_code, const std::string& error);

 private:
  duck::Connection& connection_;
  const StateStore& states_;
};

}  // namespace sluice
