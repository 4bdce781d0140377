// SPDX-License-Identifier: Apache-2.0
#include "fivetran/wire.h"

#include "sluice/error.h"

namespace sluice::fivetran {
namespace {

[[noreturn]] void broken(const char* what) {
  throw Error(Fault::data, std::string("a message that is not in protobuf's format: ") + what);
}

}  // namespace

std::uint64_t Fields::varint() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (at_ == end_) broken("it ends in a number");
    const auto byte = static_cast<unsigned char>(*at_++);
    value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return value;
  }
  broken("a number of more than ten bytes");
}

std::uint64_t Fields::fixed(unsigned size) {
  if (end_ - at_ < static_cast<std::ptrdiff_t>(size)) broken("it ends in a number");
  std::uint64_t value = 0;
  for (unsigned i = 0; i < size; ++i)
    value |= static_cast<std::uint64_t>(static_cast<unsigned char>(*at_++)) << (8 * i);
  return value;
}

bool Fields::next(Field& field) {
  if (at_ == end_) return false;
  const std::uint64_t tag = varint();
  if (tag >> 3 == 0 || tag >> 3 > 0x1FFFFFFF) broken("a field without a number");
  field.number = static_cast<std::uint32_t>(tag >> 3);
  field.kind = static_cast<Field::Kind>(tag & 7);
  field.bytes = {};
  switch (field.kind) {
    case Field::Kind::varint:
      field.integer = varint();
      return true;
    case Field::Kind::fixed64:
      field.integer = fixed(8);
      return true;
    case Field::Kind::fixed32:
      field.integer = fixed(4);
      return true;
    case Field::Kind::bytes: {
      const std::uint64_t size = varint();
      if (size > static_cast<std::uint64_t>(end_ - at_)) broken("a field longer than the rest");
      field.bytes = {at_, static_cast<std::size_t>(size)};
      at_ += size;
      return true;
    }
  }
  broken("a field of an unknown kind");
}

std::optional<std::int64_t> micros_of(std::string_view timestamp) {
  std::int64_t seconds = 0, nanos = 0;
  Fields fields(timestamp);
  for (Field field; fields.next(field);) {
    if (field.kind != Field::Kind::varint) broken("a time that has no number");
    if (field.number == 1) seconds = static_cast<std::int64_t>(field.integer);
    if (field.number == 2) nanos = static_cast<std::int64_t>(field.integer);
  }
  constexpr std::int64_t kMost = 1'000'000'000'000;  // the years 0001 to 9999 are well inside
  if (seconds < -kMost || seconds > kMost || nanos < 0 || nanos > 999'999'999) return std::nullopt;
  if (nanos % 1000 != 0) return std::nullopt;
  return seconds * 1'000'000 + nanos / 1000;
}

}  // namespace sluice::fivetran
