// SPDX-License-Identifier: Apache-2.0
// A connector's process: its group, what it prints, how it ended.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "sluice/connector.h"

namespace sluice::fivetran {

/// Which level a line of a connector's output has, and its text: JSON objects with `level` and
/// `message`, of any of the protocol's levels, or anything else. What an SDK itself says
/// (`message_origin` or `message-origin` "library") is Level::debug unless it is worse than info.
struct Line {
  sdk::Level level;
  std::string text;
};
Line read_line(const std::string& line);

/// Runs a program in a process group of its own. Its input is a pipe that ends when this process
/// does, by whatever end.
class Process {
 public:
  using Print = std::function<void(const Line&)>;
  /// `print` is called on a thread of this, a line at a time, until the output has ended. Throws
  /// Fault::config where the program cannot be started.
  Process(const std::vector<std::string>& arguments, const std::filesystem::path& folder,
          const std::map<std::string, std::string>& environment, Print print);
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  /// SIGTERM to the group, SIGKILL after two seconds; then what it still printed. A process that
  /// has left the group is not waited for, though it may hold the output open.
  ~Process();

  pid_t group() const noexcept { return group_; }
  bool running();
  /// Waits until it has ended, this long at most.
  bool ended_within(std::chrono::milliseconds time);
  /// Once it has ended: "exit code 3", "signal 9 (Killed)".
  std::string end() const;
  /// Once it has ended: its exit code; none: a signal.
  std::optional<int> exit_code() const;
  /// The last lines that it printed without a level, errors mostly: "" if none.
  std::string last_words();

 private:
  void pump();
  void take(const std::string& line);

  Print print_;
  pid_t pid_ = -1, group_ = -1;
  int status_ = 0;
  int input_ = -1, output_ = -1;
  std::atomic<bool> closing_{false}, printed_all_{false};
  std::mutex mutex_;
  std::deque<std::string> last_;
  std::thread pump_;
};

}  // namespace sluice::fivetran
