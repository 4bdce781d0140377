// SPDX-License-Identifier: Apache-2.0
// The bug that SLUICE_PLANTED_BUG names; part of builds for tests only.
#include "planted.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <thread>

namespace sluice {
namespace {

/// These do harm only where something happens between two statements of a run: there is time for
/// it.
constexpr std::array<std::string_view, 5> kSlow{"mark-after-snapshot", "holders-after-snapshot",
                                                "prune-older-snapshot", "tables-unlocked",
                                                "mysql-holders-after-snapshot"};

}  // namespace

// Asked for each time: a test plants one after the other.
bool planted(std::string_view bug) {
  const char* wanted = std::getenv("SLUICE_PLANTED_BUG");
  if (wanted == nullptr || bug != wanted) return false;
  if (std::ranges::find(kSlow, bug) != kSlow.end())
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
  return true;
}

}  // namespace sluice
