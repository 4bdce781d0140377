// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "wire/slot.h"

namespace sluice::wire {

/// No overlong forms, no surrogates, nothing above U+10FFFF, no U+0000.
inline bool valid_utf8(const Byte* text, std::size_t size) noexcept {
  const auto follows = [&](std::size_t at, Byte least, Byte most) {
    return at < size && text[at] >= least && text[at] <= most;
  };
  for (std::size_t i = 0; i < size;) {
    const Byte lead = text[i];
    if (lead == 0) return false;
    if (lead < 0x80) {
      ++i;
    } else if (lead >= 0xC2 && lead <= 0xDF) {
      if (!follows(i + 1, 0x80, 0xBF)) return false;
      i += 2;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
      const Byte least = lead == 0xE0 ? 0xA0 : 0x80;
      const Byte most = lead == 0xED ? 0x9F : 0xBF;
      if (!follows(i + 1, least, most) || !follows(i + 2, 0x80, 0xBF)) return false;
      i += 3;
    } else if (lead >= 0xF0 && lead <= 0xF4) {
      const Byte least = lead == 0xF0 ? 0x90 : 0x80;
      const Byte most = lead == 0xF4 ? 0x8F : 0xBF;
      if (!follows(i + 1, least, most) || !follows(i + 2, 0x80, 0xBF) ||
          !follows(i + 3, 0x80, 0xBF)) {
        return false;
      }
      i += 4;
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace sluice::wire
