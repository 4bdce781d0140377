// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/render.h"

#include <array>
#include <bit>
#include <charconv>
#include <cstdio>
#include <limits>

#include "connectors/postgres/numeric.h"
#include "connectors/postgres/oids.h"
#include "wire/utf8.h"

namespace sluice::postgres {
namespace {

constexpr std::size_t kLongest = 80;

std::string hex(const Byte* bytes, std::size_t size) {
  constexpr const char* kDigits = "0123456789abcdef";
  std::string text = "\\x";
  for (std::size_t i = 0; i < size && text.size() < kLongest; ++i) {
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 15];
  }
  return size * 2 + 2 > text.size() ? text + ".." : text;
}

std::string shortened(std::string text) {
  if (text.size() <= kLongest) return text;
  std::size_t end = kLongest;
  while (end > 0 && (static_cast<Byte>(text[end]) & 0xC0) == 0x80) --end;  // not inside a character
  text.resize(end);
  return text + "..";
}

std::string words(const Byte* bytes, std::uint32_t size) {
  if (!wire::valid_utf8(bytes, size)) return hex(bytes, size);
  return "'" + shortened(std::string(reinterpret_cast<const char*>(bytes), size)) + "'";
}

template <class T>
std::string shortest(T value) {
  std::array<char, 64> text;
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
}

// The proleptic Gregorian calendar, years counted from March: then leap days come last.
std::string day_text(std::int64_t days) {
  days += 730425;  // from 2000-01-01 to 0000-03-01
  const std::int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  const std::int64_t day = days - era * 146097;
  const std::int64_t of_era = (day - day / 1460 + day / 36524 - day / 146096) / 365;
  const std::int64_t of_year = day - (365 * of_era + of_era / 4 - of_era / 100);
  const std::int64_t month = (5 * of_year + 2) / 153;
  const std::int64_t year = of_era + era * 400 + (month >= 10 ? 1 : 0);
  std::array<char, 64> text;
  std::snprintf(text.data(), text.size(), "%04lld-%02lld-%02lld",
                static_cast<long long>(year > 0 ? year : 1 - year),
                static_cast<long long>(month < 10 ? month + 3 : month - 9),
                static_cast<long long>(of_year - (153 * month + 2) / 5 + 1));
  return text.data();
}

std::string era_text(std::int64_t days) {
  return days < -730119 ? " BC" : "";
}  // before 0001-01-01

std::string date_text(std::int32_t days) {
  if (days == std::numeric_limits<std::int32_t>::max()) return "infinity";
  if (days == std::numeric_limits<std::int32_t>::min()) return "-infinity";
  return day_text(days) + era_text(days);
}

std::string timestamp_text(std::int64_t micros) {
  if (micros == std::numeric_limits<std::int64_t>::max()) return "infinity";
  if (micros == std::numeric_limits<std::int64_t>::min()) return "-infinity";
  constexpr std::int64_t kDay = 86'400'000'000;
  std::int64_t days = micros / kDay;
  std::int64_t rest = micros % kDay;
  if (rest < 0) {
    rest += kDay;
    --days;
  }
  std::array<char, 64> text;
  std::snprintf(
      text.data(), text.size(), " %02lld:%02lld:%02lld.%06lld",
      static_cast<long long>(rest / 3'600'000'000), static_cast<long long>(rest / 60'000'000 % 60),
      static_cast<long long>(rest / 1'000'000 % 60), static_cast<long long>(rest % 1'000'000));
  return day_text(days) + text.data() + era_text(days);
}

std::string uuid_text(const Byte* bytes) {
  const std::string digits = hex(bytes, 16).substr(2);
  return digits.substr(0, 8) + '-' + digits.substr(8, 4) + '-' + digits.substr(12, 4) + '-' +
         digits.substr(16, 4) + '-' + digits.substr(20);
}

// An array's bounds: they, not its elements, are what mostly does not fit.
std::string bounds_text(const Byte* bytes, std::uint32_t size) {
  Cursor cursor(bytes, size);
  const std::int32_t dimensions = cursor.int32();
  cursor.take(8);
  std::string text = "an array ";
  for (std::int32_t i = 0; i < dimensions; ++i) {
    const std::int64_t length = cursor.int32();
    const std::int64_t first = cursor.int32();
    text += '[' + std::to_string(first) + ':' + std::to_string(first + length - 1) + ']';
  }
  return text;
}

std::string interval_text(const Byte* bytes) {
  const auto months = static_cast<std::int32_t>(load32(bytes + 12));
  if (months == std::numeric_limits<std::int32_t>::max()) return "infinity";
  if (months == std::numeric_limits<std::int32_t>::min()) return "-infinity";
  return hex(bytes, 16);
}

std::string scalar_text(std::uint32_t oid, const Byte* bytes, std::uint32_t size) {
  switch (oid) {
    case oid::kBool:
      return size == 1 && bytes[0] != 0 ? "true" : "false";
    case oid::kInt2:
      expect_size(size, 2);
      return std::to_string(static_cast<std::int16_t>(load16(bytes)));
    case oid::kInt4:
      expect_size(size, 4);
      return std::to_string(static_cast<std::int32_t>(load32(bytes)));
    case oid::kInt8:
      expect_size(size, 8);
      return std::to_string(static_cast<std::int64_t>(load64(bytes)));
    case oid::kOid:
      expect_size(size, 4);
      return std::to_string(load32(bytes));
    case oid::kFloat4:
      expect_size(size, 4);
      return shortest(std::bit_cast<float>(load32(bytes)));
    case oid::kFloat8:
      expect_size(size, 8);
      return shortest(std::bit_cast<double>(load64(bytes)));
    case oid::kNumeric:
      return shortened(numeric_text(bytes, size));
    case oid::kDate:
      expect_size(size, 4);
      return date_text(static_cast<std::int32_t>(load32(bytes)));
    case oid::kTimestamp:
      expect_size(size, 8);
      return timestamp_text(static_cast<std::int64_t>(load64(bytes)));
    case oid::kTimestamptz:
      expect_size(size, 8);
      return timestamp_text(static_cast<std::int64_t>(load64(bytes))) + "+00";
    case oid::kInterval:
      expect_size(size, 16);
      return interval_text(bytes);
    case oid::kUuid:
      expect_size(size, 16);
      return uuid_text(bytes);
    case oid::kText:
    case oid::kVarchar:
    case oid::kBpchar:
    case oid::kName:
    case oid::kJson:
      return words(bytes, size);
    case oid::kVarbit:
      return size == 4 ? "''" : hex(bytes, size);
    default:
      return hex(bytes, size);
  }
}

}  // namespace

std::string value_text(const WireType& wire, const Byte* bytes, std::uint32_t size) {
  try {
    if (wire.kind == WireType::Kind::array) return bounds_text(bytes, size);
    if (wire.kind == WireType::Kind::enumeration) return words(bytes, size);
    if (wire.kind == WireType::Kind::scalar) return scalar_text(wire.oid, bytes, size);
  } catch (const Error&) {  // damaged: its bytes are the best that can be shown
  }
  return hex(bytes, size);
}

}  // namespace sluice::postgres
