// SPDX-License-Identifier: Apache-2.0
// Big-endian bytes from a server. Nothing is read before its size was checked; what does not add up
// is Fault::data.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "sluice/error.h"
#include "wire/slot.h"

namespace sluice::postgres {

using wire::Byte;
using wire::Decode;
using wire::kInfinite;
using wire::kRange;
using wire::Reason;
using wire::Slot;

/// The caller has checked that there are that many bytes.
inline std::uint16_t load16(const Byte* from) noexcept {
  std::uint16_t raw;
  std::memcpy(&raw, from, sizeof raw);
  return __builtin_bswap16(raw);
}
inline std::uint32_t load32(const Byte* from) noexcept {
  std::uint32_t raw;
  std::memcpy(&raw, from, sizeof raw);
  return __builtin_bswap32(raw);
}
inline std::uint64_t load64(const Byte* from) noexcept {
  std::uint64_t raw;
  std::memcpy(&raw, from, sizeof raw);
  return __builtin_bswap64(raw);
}
static_assert(std::endian::native == std::endian::little);

[[noreturn]] inline void broken(const std::string& what) {
  throw Error(Fault::data, "the server sent a row that cannot be read: " + what);
}

/// PostgreSQL allocates no more for a value or a row. A damaged length is found here, not after the
/// rest of a table was put together in memory.
constexpr std::uint32_t kLongestValue = 0x3FFFFFFF;

/// Refuses a length word that no server sends; -1, for NULL, is the caller's.
inline void expect_length(std::uint32_t size) {
  if (size <= kLongestValue) [[likely]]
    return;
  broken(size > 0x7FFFFFFF ? "a negative length"
                           : "a length of " + std::to_string(size) + " bytes");
}

/// Refuses a value of a fixed-size type that has another size.
inline void expect_size(std::size_t size, std::size_t wanted) {
  if (size == wanted) [[likely]]
    return;
  broken(std::to_string(size) + " bytes for a value of " + std::to_string(wanted));
}

/// Walks through a value of several parts.
class Cursor {
 public:
  Cursor(const Byte* from, std::size_t size) noexcept : at_(from), end_(from + size) {}
  std::size_t left() const noexcept { return static_cast<std::size_t>(end_ - at_); }
  bool done() const noexcept { return at_ == end_; }
  const Byte* take(std::size_t size) {
    if (size > left()) broken("a value ends too early");
    const Byte* taken = at_;
    at_ += size;
    return taken;
  }
  std::int32_t int32() { return static_cast<std::int32_t>(load32(take(4))); }

  /// A length word: nothing for NULL (-1).
  bool length(std::uint32_t& size) {
    size = static_cast<std::uint32_t>(int32());
    if (size == 0xFFFFFFFF) return false;
    expect_length(size);
    return true;
  }

 private:
  const Byte* at_;
  const Byte* end_;
};

}  // namespace sluice::postgres
