// SPDX-License-Identifier: Apache-2.0
// What `sluice debug` does beside a sync: takes its files away, and prints what runs it regularly.
#pragma once

#include <string>

#include "cli/commands.h"

namespace sluice::cli {

/// Deletes what runs have left in files/, once that is confirmed: at the terminal, or by --yes.
/// Throws Fault::config where it can be neither, Fault::busy while a run has the warehouse open.
int debug_reset(const DebugRequest& request);
/// A systemd service and a timer that run this command line, to be put into two files. Throws
/// Fault::config as a run would, and for flags that are for one run only.
int debug_service(const DebugRequest& request);

}  // namespace sluice::cli
