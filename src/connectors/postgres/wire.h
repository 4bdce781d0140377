// SPDX-License-Identifier: Apache-2.0
// Reading big-endian integers out of bytes that a network sent. Every read checks that the bytes
// are there.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "sluice/error.h"

namespace sluice::postgres {

[[noreturn]] inline void bad_wire(const char* what) {
  throw Error(
      Fault::data, std::string("the server's bytes are not what its protocol says: ") + what,
      "is something between sluice and the server changing the stream? Please report this if not");
}

template <typename T>
T big_endian(const char* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  static_assert(std::endian::native == std::endian::little);
  if constexpr (sizeof(T) == 2)
    return static_cast<T>(__builtin_bswap16(static_cast<std::uint16_t>(value)));
  if constexpr (sizeof(T) == 4)
    return static_cast<T>(__builtin_bswap32(static_cast<std::uint32_t>(value)));
  if constexpr (sizeof(T) == 8)
    return static_cast<T>(__builtin_bswap64(static_cast<std::uint64_t>(value)));
  return value;
}

/// The whole of `bytes` as one integer.
template <typename T>
T whole(std::string_view bytes) {
  if (bytes.size() != sizeof(T)) bad_wire("a value of a fixed width has another one");
  return big_endian<T>(bytes.data());
}

/// Takes integers and pieces off the front.
class Take {
 public:
  explicit Take(std::string_view bytes) : rest_(bytes) {}
  template <typename T>
  T integer() {
    return big_endian<T>(piece(sizeof(T)).data());
  }
  std::string_view piece(std::size_t size) {
    if (size > rest_.size()) bad_wire("a value ends too early");
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  std::size_t left() const { return rest_.size(); }

 private:
  std::string_view rest_;
};

}  // namespace sluice::postgres
