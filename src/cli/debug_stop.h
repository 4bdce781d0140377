// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <mutex>

namespace sluice::cli {

/// Carries signals to the run of `sluice debug`, if there is one yet; else they end the process.
class DebugStop {
 public:
  void signalled(int count, int signal);
  /// Calls `work`, during which `stop` is called for each signal.
  void during(const std::function<void()>& stop, const std::function<void()>& work);

 private:
  void reaches(std::function<void()> stop);
  std::mutex mutex_;
  std::function<void()> stop_;
};

}  // namespace sluice::cli
