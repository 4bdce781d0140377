// SPDX-License-Identifier: Apache-2.0
// What `sluice debug` does beside a sync: takes its files away, and prints what runs it regularly.
#pragma once

#include <string>

#include "cli/commands.h"

namespace sluice::cli {

/// Deletes what runs have left in files/, once that is confirmed: at the terminal, or by --yes.
int debug_reset(const DebugRequest& request);
/// A systemd service and a timer that run this command line, to be put into two files.
int debug_service(const DebugRequest& request, const std::string& connector);

}  // namespace sluice::cli
