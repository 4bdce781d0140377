// SPDX-License-Identifier: Apache-2.0
// Programs that are not ours, as judges.
#pragma once

#include <stdio.h>

#include <array>
#include <stdexcept>
#include <string>

namespace sluice::testing {

/// What a shell's command prints, and " (failed)" if it does.
inline std::string output_of(const std::string& command) {
  std::string text;
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("no pipe");
  std::array<char, 4096> part{};
  while (const std::size_t size = fread(part.data(), 1, part.size(), pipe))
    text.append(part.data(), size);
  return pclose(pipe) == 0 ? text : text + " (failed)";
}

}  // namespace sluice::testing
