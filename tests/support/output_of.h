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

/// What a command begins with that runs python3 with a database's own client, of tools/python; for
/// programs that know the source's folder as SLUICE_SOURCE.
#ifdef SLUICE_SOURCE
inline std::string python_with(const std::string& client) {
  return "PYTHONPATH=$(" + std::string(SLUICE_SOURCE) + "/tools/fetch-python " + client +
         ") && export PYTHONPATH && timeout 120 python3 ";
}
#endif

}  // namespace sluice::testing
