// SPDX-License-Identifier: Apache-2.0
// How many readers a run may have at once, shared by its tables. All members may be called from any
// thread.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace sluice {

class ReaderBudget {
 public:
  explicit ReaderBudget(std::size_t readers) : free_(readers) {}

  /// Waits for one place, then takes up to `wanted`; returns how many. Never called from a DuckDB
  /// callback.
  std::size_t take(std::size_t wanted) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return free_ > 0; });
    const std::size_t taken = wanted < free_ ? wanted : free_;
    free_ -= taken;
    return taken;
  }

  void give_back(std::size_t places) {
    {
      const std::scoped_lock lock(mutex_);
      free_ += places;
    }
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t free_;
};

}  // namespace sluice
