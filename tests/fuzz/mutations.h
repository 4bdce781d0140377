// SPDX-License-Identifier: Apache-2.0
// Inputs for the fuzz target of the COPY stream: streams of golden values, and damaged ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "fuzz/mutate.h"
#include "unit/postgres_golden.h"

namespace sluice::fuzz {

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

/// Every seed, then damaged ones; the same every time.
inline void run_mutations(std::size_t iterations) {
  run_mutations(seeds(), iterations, kChoices, 21);  // the stream's own header
}

}  // namespace sluice::fuzz
