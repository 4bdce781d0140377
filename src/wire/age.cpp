// SPDX-License-Identifier: Apache-2.0
#include "wire/age.h"

#include <algorithm>

namespace sluice::wire {

std::string open_for(std::int64_t since, std::int64_t now) {
  if (since == 0) return {};
  const std::int64_t seconds = std::max<std::int64_t>(0, (now - since) / 1'000'000);
  constexpr std::int64_t kMinute = 60, kHour = 3600, kDay = 86'400;
  return ", open for " + (seconds < 2 * kMinute ? std::to_string(seconds) + " s"
                          : seconds < 2 * kHour ? std::to_string(seconds / kMinute) + " min"
                          : seconds < 2 * kDay  ? std::to_string(seconds / kHour) + " h"
                                                : std::to_string(seconds / kDay) + " days");
}

}  // namespace sluice::wire
