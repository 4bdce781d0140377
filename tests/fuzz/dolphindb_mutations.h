// SPDX-License-Identifier: Apache-2.0
// Inputs for the fuzz target of DolphinDB's objects: what its own client sent, and damaged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "fuzz/mutate.h"
#include "unit/dolphindb_bytes.h"

namespace sluice::fuzz {

/// As what it is read and in pieces of which size; how its columns land.
constexpr std::size_t kChoices = 2;

inline std::vector<Input> seeds() {
  std::vector<Input> all;
  for (const std::string& name : dolphindb::golden_names()) {
    const std::string bytes = dolphindb::golden(name + ".bin");
    if (bytes.size() > 2'000) continue;
    // As an object; as a table or a column; the same in pieces of two bytes.
    for (const std::uint8_t choice : std::initializer_list<std::uint8_t>{0, 1, 131}) {
      Input input{choice, static_cast<std::uint8_t>(all.size())};
      input.insert(input.end(), bytes.begin(), bytes.end());
      all.push_back(input);
    }
  }
  return all;
}

inline void run_mutations(std::size_t iterations) {
  run_mutations(seeds(), iterations, kChoices, 2);  // the flag: other forms are other seeds
}

}  // namespace sluice::fuzz
