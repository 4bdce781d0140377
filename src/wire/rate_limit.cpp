// SPDX-License-Identifier: Apache-2.0
#include "wire/rate_limit.h"

namespace sluice::wire {

std::chrono::microseconds RateLimit::spend(std::uint64_t bytes) {
  const auto now = std::chrono::steady_clock::now();
  const std::scoped_lock lock(mutex_);
  if (free_at_ < now) free_at_ = now;
  free_at_ += std::chrono::microseconds(bytes * 1'000'000 / rate_);
  return std::chrono::duration_cast<std::chrono::microseconds>(free_at_ - now);
}

}  // namespace sluice::wire
