// SPDX-License-Identifier: Apache-2.0
// How every run ends.
#pragma once

#include <functional>

#include "engine/run_log.h"
#include "engine/told.h"
#include "sluice/destination.h"

namespace sluice {

/// Writes the history of `result` and finishes the destination. What fails here, or what the
/// observer threw, leaves the tables as they are, so that their receipts are still worth having: it
/// is the run's error, unless that has one. `exit_code` is of the result as it then is.
void close_run(RunLog& history, Destination& destination, const Told& told, RunResult& result,
               const std::function<int()>& exit_code);

}  // namespace sluice
