// SPDX-License-Identifier: Apache-2.0
// How long something has been going on, for people.
#pragma once

#include <cstdint>
#include <string>

namespace sluice::wire {

/// ", open for 2 h", of two moments in microseconds since 1970; empty where `since` is 0.
std::string open_for(std::int64_t since, std::int64_t now);

}  // namespace sluice::wire
