// SPDX-License-Identifier: Apache-2.0
// sluice.yaml: connections by name. Every mistake is an Error of Fault::config with file, line and
// column.
#pragma once

#include <string>
#include <vector>

#include "cli/settings.h"

namespace sluice::cli {

inline constexpr const char* kConfigFile = "sluice.yaml";

/// The connections of `file` in the order written; those of `names` if any are given. Relative
/// paths are taken from the file's folder. Only what the chosen connections say is interpolated and
/// checked for being set.
std::vector<Connection> read_config(const std::string& file, const std::vector<std::string>& names);
/// The same for text that stands in `file`.
std::vector<Connection> parse_config(const std::string& text, const std::string& file,
                                     const std::vector<std::string>& names);

}  // namespace sluice::cli
