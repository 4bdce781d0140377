// SPDX-License-Identifier: Apache-2.0
// The log: lines on standard error. Any thread.
#pragma once

#include <functional>
#include <string>

#include "cli/commands.h"
#include "sluice/error.h"

namespace sluice::cli {

/// Once per process.
void set_up_log(const Output& output);

enum class Level { debug, info, warn, error };
void log(Level level, const std::string& line);

/// While it lives, every line is written by way of `around`, which clears the screen's live lines
/// first.
class LogAround {
 public:
  explicit LogAround(std::function<void(const std::function<void()>&)> around);
  LogAround(const LogAround&) = delete;
  LogAround& operator=(const LogAround&) = delete;
  ~LogAround();
};

/// "error: what" and "hint: how", on standard error.
void report_error(const Error& error);

}  // namespace sluice::cli
