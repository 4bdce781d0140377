// SPDX-License-Identifier: Apache-2.0
// The server's log, as the protocol has it: a JSON object a line, on standard output.
#pragma once

#include <string>

namespace sluice::serve {

enum class LogLevel { info, warning, severe };
/// Any thread. `origin`: "sdk_destination" or "sdk_connector".
void log_line(const char* origin, LogLevel level, const std::string& message);

}  // namespace sluice::serve
