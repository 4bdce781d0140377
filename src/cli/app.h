// SPDX-License-Identifier: Apache-2.0
// The command line: what can be said, and which command is meant.
#pragma once

#include <string>
#include <vector>

namespace sluice::cli {

/// Runs the command that `arguments` (without the program's name) ask for; returns its exit code.
int run(std::vector<std::string> arguments);

}  // namespace sluice::cli
