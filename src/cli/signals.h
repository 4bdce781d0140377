// SPDX-License-Identifier: Apache-2.0
// SIGINT, SIGTERM and SIGHUP as calls on an ordinary thread.
#pragma once

#include <atomic>
#include <functional>
#include <thread>

namespace sluice::cli {

/// Called in the main thread before any other thread is made: they all inherit the mask.
void block_signals();

/// 130 after SIGINT, 143 after SIGTERM and SIGHUP.
int exit_code_of_signal(int signal);

/// Tells `told(count, signal)` of every signal, counted from 1, until destroyed. A third one ends
/// the process on the spot: what is committed stays, the next run recovers.
class SignalWatch {
 public:
  explicit SignalWatch(std::function<void(int count, int signal)> told);
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;
  ~SignalWatch();
  /// The first signal received, or 0.
  int first() const { return first_.load(); }
  /// That of a run which ended with `code`: 130 is the first signal's.
  int exit_code(int code) const {
    return code == 130 && first() != 0 ? exit_code_of_signal(first()) : code;
  }

 private:
  void loop();
  const std::function<void(int, int)> told_;
  std::atomic<int> first_{0};
  int signals_ = -1, wake_ = -1;
  std::thread thread_;
};

}  // namespace sluice::cli
