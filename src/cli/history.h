// SPDX-License-Identifier: Apache-2.0
// What FILE.sluice.log tells of runs while the file itself is locked.
#pragma once

#include <string>
#include <vector>

namespace sluice::cli {

struct LoggedRun {
  std::string started, connection, source, run;
  long pid = 0;
  std::size_t tables_done = 0, tables_failed = 0;
  std::string current;  ///< the table that was begun last and has not ended
  bool ended = false;
  int exit_code = 0;
  std::string error;
};

/// Runs in the log's text, oldest first. Lines that are no JSON (a full disk cut them) are passed
/// over.
std::vector<LoggedRun> logged_runs(const std::string& text);

}  // namespace sluice::cli
