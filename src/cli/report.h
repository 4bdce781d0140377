// SPDX-License-Identifier: Apache-2.0
// What people read when a run is done.
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
/// "word  table: what", and the hint below it. `what` may begin with the table.
std::string failure_text(const std::string& word, const std::string& table, const std::string& what,
                         const std::string& hint, const Screen& screen);
/// As people are told of it: what they stopped goes on with the same command.
Error shown(const Error& error);
/// Up to five of them, and how many more there are.
std::string names_of(const std::vector<std::string>& tables);

}  // namespace sluice::cli
