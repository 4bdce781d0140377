// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace sluice::cli {

/// What main() does around `work`, which gets the arguments without the program's name: secrets
/// leave the process's title, and errors become a message and an exit code.
int start(int argc, char** argv, const std::function<int(std::vector<std::string>)>& work);

}  // namespace sluice::cli
