// SPDX-License-Identifier: Apache-2.0
// What decoders of values share.
#pragma once

#include <cstdint>
#include <string_view>

#include "wire/slot.h"

namespace sluice::mysql {

inline constexpr wire::Reason kBroken = "bytes that are no value of the column's type";

inline std::string_view view(const wire::Byte* bytes, std::uint32_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

}  // namespace sluice::mysql
