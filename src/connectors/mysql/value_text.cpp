// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "connectors/mysql/calendar.h"
#include "connectors/mysql/decode.h"
#include "wire/utf8.h"

namespace sluice::mysql {
namespace {

using wire::Byte;

template <class T>
T read_as(const Byte* bytes) {
  static_assert(std::endian::native == std::endian::little);
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

}  // namespace

std::string value_text(const Travelling& travelling, const Byte* bytes, std::uint32_t size) {
  constexpr std::uint32_t kMostShown = 60;
  const auto shown = [](std::string text, bool cut) { return cut ? text + ".." : text; };
  if (!travelling.text) {
    const bool is_unsigned = travelling.is_unsigned;
    switch (travelling.type) {
      case MYSQL_TYPE_TINY:
        return is_unsigned ? std::to_string(bytes[0])
                           : std::to_string(static_cast<std::int8_t>(bytes[0]));
      case MYSQL_TYPE_SHORT:
      case MYSQL_TYPE_YEAR:
        return is_unsigned ? std::to_string(read_as<std::uint16_t>(bytes))
                           : std::to_string(read_as<std::int16_t>(bytes));
      case MYSQL_TYPE_INT24:
      case MYSQL_TYPE_LONG:
        return is_unsigned ? std::to_string(read_as<std::uint32_t>(bytes))
                           : std::to_string(read_as<std::int32_t>(bytes));
      case MYSQL_TYPE_LONGLONG:
        return is_unsigned ? std::to_string(read_as<std::uint64_t>(bytes))
                           : std::to_string(read_as<std::int64_t>(bytes));
      case MYSQL_TYPE_FLOAT:
        return fmt::format("{}", read_as<float>(bytes));
      case MYSQL_TYPE_DOUBLE:
        return fmt::format("{}", read_as<double>(bytes));
      case MYSQL_TYPE_DATE:
      case MYSQL_TYPE_DATETIME:
      case MYSQL_TYPE_TIMESTAMP:
        return moment_text(bytes, size);
      case MYSQL_TYPE_TIME:
        return span_text(bytes, size);
      default:
        break;
    }
  }
  // A decimal's character set is said to be binary.
  const bool digits =
      travelling.type == MYSQL_TYPE_NEWDECIMAL || travelling.type == MYSQL_TYPE_DECIMAL;
  std::uint32_t whole = std::min(size, kMostShown);
  while (whole < size && whole > 0 && (bytes[whole] & 0xC0U) == 0x80) --whole;  // no half character
  if ((digits || !travelling.binary) && travelling.type != MYSQL_TYPE_BIT &&
      wire::valid_utf8(bytes, whole))
    return shown("'" + std::string(reinterpret_cast<const char*>(bytes), whole) + "'",
                 size > whole);
  std::string hex = "0x";
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  for (std::uint32_t i = 0; i < std::min(size, kMostShown / 2); ++i)
    hex += {kDigits[bytes[i] >> 4], kDigits[bytes[i] & 15]};
  return shown(hex, size > kMostShown / 2);
}

}  // namespace sluice::mysql
