// SPDX-License-Identifier: Apache-2.0
// Damage for inputs of a fuzz target, where no fuzzer is at hand.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace sluice::fuzz {

using Input = std::vector<std::uint8_t>;

/// Up to six changes. `choices`: bytes that always stay there; `header`: of those behind them,
/// where damage does not go deep. At least one byte more than `choices`.
inline void mutate(Input& input, std::mt19937& random, std::size_t choices, std::size_t header) {
  const auto below = [&random](std::size_t limit) { return random() % limit; };
  static constexpr std::array<std::uint8_t, 9> kEdges{0, 1, 2, 4, 0x7F, 0x80, 0xC0, 0xFE, 0xFF};
  for (std::size_t changes = 1 + below(6); changes > 0; --changes) {
    // The last choice, or what is behind the header: damage there goes deepest.
    const std::size_t at = below(8) == 0 || input.size() <= choices + header
                               ? choices - 1 + below(input.size() - choices + 1)
                               : choices + header + below(input.size() - choices - header);
    switch (below(7)) {
      case 0:
        input[at] = static_cast<std::uint8_t>(random());
        break;
      case 1:
        input[at] = kEdges[below(kEdges.size())];
        break;
      case 2:
        input[at] = static_cast<std::uint8_t>(input[at] ^ (1U << below(8)));
        break;
      case 3:
        input.resize(std::max(choices, at));
        break;
      case 4: {  // a part again: several rows, or elements too many
        const Input part(input.begin() + static_cast<long>(at), input.end());
        const std::size_t length = below(part.size()) + 1;
        input.insert(input.begin() + static_cast<long>(at), part.begin(),
                     part.begin() + static_cast<long>(length));
        break;
      }
      case 5:  // a length that is as long as can be
        for (std::size_t i = 0; i < 4 && at + i < input.size(); ++i)
          input[at + i] = i == 3 ? 0x7F : 0xFF;
        break;
      default:
        input.insert(input.begin() + static_cast<long>(at), static_cast<std::uint8_t>(random()));
        break;
    }
  }
}

/// Every seed, then damaged ones; the same every time.
inline void run_mutations(const std::vector<Input>& seeds, std::size_t iterations,
                          std::size_t choices, std::size_t header) {
  std::mt19937 random(1);
  for (std::size_t i = 0; i < iterations; ++i) {
    Input input = seeds[i % seeds.size()];
    if (i >= seeds.size()) mutate(input, random, choices, header);
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
}

}  // namespace sluice::fuzz
