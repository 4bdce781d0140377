// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>

namespace sluice::wire {

/// Bytes per second that all readers of a source may take together. For any thread.
class RateLimit {
 public:
  explicit RateLimit(std::uint64_t bytes_per_second) : rate_(bytes_per_second) {}
  /// How long to wait before reading on, after having read `bytes`.
  std::chrono::microseconds spend(std::uint64_t bytes);

 private:
  const std::uint64_t rate_;
  std::mutex mutex_;
  std::chrono::steady_clock::time_point free_at_;
};

}  // namespace sluice::wire
