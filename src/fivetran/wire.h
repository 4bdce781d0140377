// SPDX-License-Identifier: Apache-2.0
// The wire format of protobuf, for the messages that rows come in: read in place, where generated
// code would allocate for every value.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::fivetran {

/// A field: its number, and by its wire type either a number or bytes, which view the message.
struct Field {
  enum class Kind : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };
  std::uint32_t number = 0;
  Kind kind = Kind::varint;
  std::uint64_t integer = 0;  ///< not of bytes
  std::string_view bytes;
};

/// The fields of a message, in the order in which they were written. Bytes that are no message are
/// Fault::data.
class Fields {
 public:
  explicit Fields(std::string_view message) : at_(message.data()), end_(at_ + message.size()) {}
  /// False: the message has ended.
  bool next(Field& field);

 private:
  std::uint64_t varint();
  std::uint64_t fixed(unsigned size);

  const char* at_;
  const char* end_;
};

/// A google.protobuf.Timestamp in microseconds since 1970; none: it has a part of a microsecond, or
/// is out of range.
std::optional<std::int64_t> micros_of(std::string_view timestamp);

}  // namespace sluice::fivetran
