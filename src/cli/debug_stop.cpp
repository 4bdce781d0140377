// SPDX-License-Identifier: Apache-2.0
#include "cli/debug_stop.h"

#include <unistd.h>

#include <utility>

#include "cli/log.h"
#include "cli/signals.h"

namespace sluice::cli {

void DebugStop::signalled(int count, int signal) {
  const std::scoped_lock lock(mutex_);
  if (!stop_) ::_exit(exit_code_of_signal(signal));
  log(Level::warn, count > 1 ? "stopping" : "finishing the current unit; again to stop at once");
  stop_();
}

void DebugStop::reaches(std::function<void()> stop) {
  const std::scoped_lock lock(mutex_);
  stop_ = std::move(stop);
}

void DebugStop::during(const std::function<void()>& stop, const std::function<void()>& work) {
  reaches(stop);
  try {
    work();
  } catch (...) {
    reaches({});
    throw;
  }
  reaches({});
}

}  // namespace sluice::cli
