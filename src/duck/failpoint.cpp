// SPDX-License-Identifier: Apache-2.0
#include "duck/failpoint.h"

#include <csignal>
#include <cstdlib>
#include <string_view>

namespace sluice {

void failpoint(const char* name) {
  static const char* const wanted = std::getenv("SLUICE_FAILPOINT");
  if (wanted != nullptr && std::string_view(wanted) == name) std::raise(SIGKILL);
}

}  // namespace sluice
