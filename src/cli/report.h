// SPDX-License-Identifier: Apache-2.0
// What people read when a run or a plan is done.
#pragma once

#include <string>
#include <vector>

#include "cli/render.h"
#include "cli/settings.h"
#include "sluice/sync.h"

namespace sluice::cli {

/// The table of receipts, notes, failures with hints, and what to type next.
std::string run_report(const RunResult& result, const Connection& connection, const Screen& screen);
/// Failures and differences alone, or nothing: for --quiet.
std::string failures_text(const RunResult& result, const Screen& screen);
std::string plan_report(const std::vector<TablePlan>& plans, const Connection& connection,
                        const Screen& screen);

}  // namespace sluice::cli
