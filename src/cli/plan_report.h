// SPDX-License-Identifier: Apache-2.0
// What people read of a plan, and what it sums up to.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/render.h"
#include "cli/settings.h"
#include "sluice/receipt.h"

namespace sluice::cli {

/// What a run of all these tables would take.
struct Forecast {
  std::uint64_t rows = 0, bytes = 0, deletes = 0;
  std::size_t connections = 0;   ///< that read at once, at most; one more holds the snapshot
  double snapshot_seconds = 0;   ///< about how long one snapshot is held, at the longest
  bool by_earlier_runs = false;  ///< else at a guessed speed
};
Forecast forecast(const std::vector<TablePlan>& plans, const Connection& connection);

/// The tables, how the source is read, notes, refusals with hints, and the sum.
std::string plan_report(const std::vector<TablePlan>& plans, const Connection& connection,
                        const Screen& screen);

}  // namespace sluice::cli
