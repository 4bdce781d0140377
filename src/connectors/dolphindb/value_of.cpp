// SPDX-License-Identifier: Apache-2.0
// Values from text, as keys are asked for.
#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string>

#include "connectors/dolphindb/text.h"

namespace sluice::dolphindb {
namespace {

using Value = std::array<Byte, 16>;

template <class T>
bool put(T number, Value& value) {
  std::memcpy(value.data(), &number, sizeof number);
  return true;
}

template <class T>
bool put_parsed(std::string_view text, Value& value) {
  T number{};
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  return problem == std::errc() && end == text.data() + text.size() && put(number, value);
}

/// "-7.25" of scale 4 is -72500.
bool put_decimal(std::string_view text, const ColumnType& type, Value& value) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const std::size_t point = std::min(text.find('.'), text.size());
  std::string digits(text.substr(0, point));
  const std::string_view fraction = point < text.size() ? text.substr(point + 1) : "";
  const auto scale = static_cast<std::size_t>(type.scale);
  if (text.empty() || fraction.size() > scale || text.size() == point + 1) return false;
  digits.append(fraction).append(scale - fraction.size(), '0');
  if (digits.empty() || digits.size() > 38 + 1) return false;
  __int128 number = 0;
  for (const char each : digits) {
    if (each < '0' || each > '9') return false;
    number = number * 10 + (each - '0');
  }
  const auto bits = static_cast<unsigned>(width(type.type) * 8 - 1);
  if (number >> bits != 0) return false;
  return put(negative ? -number : number, value);
}

int hex_digit(char c) {
  return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/// 32 digits, from the last byte to the first.
bool put_hex(std::string_view text, Value& value) {
  std::string digits(text);
  std::erase(digits, '-');
  if (digits.size() != 32) return false;
  for (std::size_t i = 0; i < 16; ++i) {
    const int high = hex_digit(digits[2 * i]), low = hex_digit(digits[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    value[15 - i] = static_cast<Byte>(high * 16 + low);
  }
  return true;
}

bool put_address(std::string_view text, Value& value) {
  const std::string address(text);
  Value canonical{};
  const bool four = inet_pton(AF_INET, address.c_str(), canonical.data() + 12) == 1;
  if (!four && inet_pton(AF_INET6, address.c_str(), canonical.data()) != 1) return false;
  std::reverse_copy(canonical.begin(), canonical.end(), value.begin());
  return true;
}

}  // namespace

bool value_of(const ColumnType& type, std::string_view text, Value& value) {
  value = {};
  const Type t = type.type;
  if (t == Type::boolean) return (text == "true" || text == "false") && put(text == "true", value);
  if (t == Type::float32) return put_parsed<float>(text, value);
  if (t == Type::float64) return put_parsed<double>(text, value);
  if (t == Type::uuid || t == Type::int128) return put_hex(text, value);
  if (t == Type::ipaddr) return put_address(text, value);
  if (is_decimal(t)) return put_decimal(text, type, value);
  if (const auto unit = unit_of(t); unit && unit->of_day) {
    const auto ns = mark_number(Type::nanotimestamp, "1970-01-01 " + std::string(text));
    return ns && *ns % unit->nanoseconds == 0 && put(*ns / unit->nanoseconds, value);
  }
  if (!is_mark(t)) return false;
  const auto number = mark_number(t, text);
  return number && put(*number, value);
}

}  // namespace sluice::dolphindb
