// SPDX-License-Identifier: Apache-2.0
// Chance that a seed repeats, with any standard library.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <random>

namespace sluice::testing {

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}
  /// Dice for one step: however many numbers that takes, those of later steps stay.
  Dice fork() { return Dice(engine_()); }

  int below(int limit) { return static_cast<int>(engine_() % static_cast<std::uint64_t>(limit)); }
  int from(int low, int high) { return low + below(high - low + 1); }
  bool chance(int percent) { return below(100) < percent; }
  /// Which of these chances in percent came true, which exclude each other; their number: none.
  int which(std::initializer_list<int> percents) {
    int left = below(100), at = 0;
    for (const int each : percents) {
      if ((left -= each) < 0) return at;
      ++at;
    }
    return at;
  }
  template <class Choices>
  const auto& pick(const Choices& choices) {
    return choices[static_cast<std::size_t>(below(static_cast<int>(std::size(choices))))];
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace sluice::testing
