// SPDX-License-Identifier: Apache-2.0
// Inputs for the fuzz target of the COPY stream: streams of golden values, and damaged ones.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "unit/postgres_golden.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace sluice::fuzz {

using Input = std::vector<std::uint8_t>;

/// Which columns (two bytes), how long the messages are, and a stream of one row.
constexpr std::size_t kChoices = 3;

inline Input seed(std::size_t which, const std::string& hex) {
  Input input{static_cast<std::uint8_t>(which), static_cast<std::uint8_t>(which >> 8), 255};
  const std::string header("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0\0\3", 21);
  input.insert(input.end(), header.begin(), header.end());
  for (int column = 0; column < 3; ++column) {
    for (int shift = 24; shift >= 0; shift -= 8) {
      input.push_back(static_cast<std::uint8_t>((hex.size() / 2) >> shift));
    }
    for (std::size_t i = 0; i < hex.size(); i += 2) {
      input.push_back(static_cast<std::uint8_t>(std::stoi(hex.substr(i, 2), nullptr, 16)));
    }
  }
  input.insert(input.end(), {0xFF, 0xFF});
  return input;
}

inline std::vector<Input> seeds() {
  std::vector<Input> all;
  for (const auto& value : postgres::golden::values()) all.push_back(seed(all.size(), value.hex));
  return all;
}

inline void mutate(Input& input, std::mt19937& random) {
  const auto below = [&random](std::size_t limit) { return random() % limit; };
  static constexpr std::array<std::uint8_t, 9> kEdges{0, 1, 2, 4, 0x7F, 0x80, 0xC0, 0xFE, 0xFF};
  for (std::size_t changes = 1 + below(6); changes > 0; --changes) {
    // The message length, or what is behind the header: damage there goes deepest.
    const std::size_t at = below(8) == 0 || input.size() <= kChoices + 21
                               ? 2 + below(input.size() - 2)
                               : kChoices + 21 + below(input.size() - kChoices - 21);
    switch (below(6)) {
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
        input.resize(std::max(kChoices, at));
        break;
      case 4: {  // a part again: several rows, or elements too many
        const Input part(input.begin() + static_cast<long>(at), input.end());
        const std::size_t length = below(part.size()) + 1;
        input.insert(input.begin() + static_cast<long>(at), part.begin(),
                     part.begin() + static_cast<long>(length));
        break;
      }
      default:
        input.insert(input.begin() + static_cast<long>(at), static_cast<std::uint8_t>(random()));
        break;
    }
  }
}

/// Every seed, then damaged ones; the same every time.
inline void run_mutations(std::size_t iterations) {
  const std::vector<Input> all = seeds();
  std::mt19937 random(1);
  for (std::size_t i = 0; i < iterations; ++i) {
    Input input = all[i % all.size()];
    if (i >= all.size()) mutate(input, random);
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
}

}  // namespace sluice::fuzz
