// SPDX-License-Identifier: Apache-2.0
// Plans in files: `sluice plan --out FILE`, `sluice sync --plan FILE`.
#pragma once

#include <string>

#include "cli/commands.h"
#include "sluice/run_plan.h"

namespace sluice::cli {

/// The plan that `request.plan` names. Throws Fault::config where the file cannot be read or is no
/// plan, and where flags say otherwise than a plan does.
RunPlan read_plan(const SyncRequest& request);

/// Replaces `file` in one step: another process finds the old plan or the new one, whole. Throws
/// Fault::config where it cannot be written, and where no table of the plan can be done.
void write_plan(const RunPlan& plan, const std::string& file);

/// What was written, for people; `tables`: how many the plan was to be of.
std::string written_text(const RunPlan& plan, std::size_t tables, const std::string& file);

}  // namespace sluice::cli
