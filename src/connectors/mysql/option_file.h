// SPDX-License-Identifier: Apache-2.0
// MySQL's option files (my.cnf), as its own programs read them.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

namespace sluice::mysql {

/// An option's value by its name, in which '_' became '-'. An option without a value has "".
using Options = std::map<std::string, std::string>;

/// What the groups of this file say, later lines over earlier ones; !include and !includedir are
/// followed. A file that is not there says nothing, one that others may write to is left out (as
/// MySQL's programs do). Throws Fault::config, naming file and line, for what cannot be read.
void read_option_file(const std::string& path, std::span<const std::string> groups,
                      Options& options);

/// The files that are read when nobody names one, in their order.
std::vector<std::string> usual_option_files();

}  // namespace sluice::mysql
