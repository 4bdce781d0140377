// SPDX-License-Identifier: Apache-2.0
#include "feed/types.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "sluice/error.h"

namespace sluice::feed {
namespace {

using sdk::DataType;
using sdk::Type;

struct Named {
  const char* name;
  const char* duck;
};

/// By Type.
constexpr std::array<Named, 14> kTypes{{{"BOOLEAN", "BOOLEAN"},
                                        {"SHORT", "SMALLINT"},
                                        {"INT", "INTEGER"},
                                        {"LONG", "BIGINT"},
                                        {"DECIMAL", "DECIMAL"},
                                        {"FLOAT", "FLOAT"},
                                        {"DOUBLE", "DOUBLE"},
                                        {"NAIVE_DATE", "DATE"},
                                        {"NAIVE_DATETIME", "TIMESTAMP"},
                                        {"UTC_DATETIME", "TIMESTAMP WITH TIME ZONE"},
                                        {"BINARY", "BLOB"},
                                        {"XML", "VARCHAR"},
                                        {"STRING", "VARCHAR"},
                                        {"JSON", "JSON"}}};

std::string parameters(const DataType& type) {
  if (type.type != Type::decimal) return "";
  return "(" + std::to_string(type.precision) + "," + std::to_string(type.scale) + ")";
}

bool is_whole(Type type) { return type >= Type::int16 && type <= Type::int64; }
bool is_exact(Type type) { return is_whole(type) || type == Type::decimal; }
bool is_floating(Type type) { return type == Type::float32 || type == Type::float64; }

int digits_before_point(const DataType& type) {
  if (type.type == Type::int16) return 5;
  if (type.type == Type::int32) return 10;
  if (type.type == Type::int64) return 19;
  return type.precision - type.scale;
}

/// `one` comes before `other` in the order of Type.
DataType wider(const DataType& one, const DataType& other) {
  constexpr int kMostDigits = 38;
  const DataType text{Type::string};
  if (is_whole(one.type) && is_whole(other.type)) return other;
  if (is_exact(one.type) && is_exact(other.type)) {
    const int scale = std::max(one.scale, other.scale);
    const int digits = std::max(digits_before_point(one), digits_before_point(other)) + scale;
    if (digits > kMostDigits) return text;
    return {Type::decimal, static_cast<std::uint8_t>(digits), static_cast<std::uint8_t>(scale)};
  }
  if (is_floating(one.type) && is_floating(other.type)) return other;
  // 24 bits of a float hold 16, 53 of a double 32.
  if (one.type == Type::int16 && is_floating(other.type)) return other;
  if (one.type == Type::int32 && is_floating(other.type)) return {Type::float64};
  if (one.type == Type::naive_date && other.type == Type::naive_datetime) return other;
  return text;
}

}  // namespace

std::string name(const DataType& type) {
  return kTypes.at(static_cast<std::size_t>(type.type)).name + parameters(type);
}

std::string duck_type(const DataType& type) {
  return kTypes.at(static_cast<std::size_t>(type.type)).duck + parameters(type);
}

std::optional<DataType> parse_type(const std::string& text) {
  const std::string word = text.substr(0, text.find('('));
  const auto* found = std::ranges::find(
      kTypes, word, [](const Named& each) { return std::string_view(each.name); });
  if (found == kTypes.end()) return std::nullopt;
  DataType type{static_cast<Type>(found - kTypes.begin())};
  if (type.type != Type::decimal) {
    if (word != text) return std::nullopt;
    return type;
  }
  const char* const end = text.data() + text.size();
  const auto [comma, bad] = std::from_chars(text.data() + word.size() + 1, end, type.precision);
  if (bad != std::errc() || comma == end || *comma != ',') return std::nullopt;
  const auto [close, bad_too] = std::from_chars(comma + 1, end, type.scale);
  if (bad_too != std::errc() || text != name(type)) return std::nullopt;
  return type;
}

void check_declared(const TableName& table, const std::string& column, const DataType& type) {
  const bool decimal = type.type == Type::decimal;
  if (parse_type(name(type)) == type &&
      (!decimal || (type.precision >= 1 && type.precision <= 38 && type.scale <= type.precision)))
    return;
  throw Error(Fault::config,
              table.text() + ": column " + column + " cannot be declared as " + name(type),
              "a DECIMAL has a precision of 1 to 38 and a scale up to that");
}

std::optional<DataType> widened(const DataType& one, const DataType& other) {
  if (one == other) return one;
  if (one.type == Type::binary || other.type == Type::binary) return std::nullopt;
  return one.type <= other.type ? wider(one, other) : wider(other, one);
}

std::optional<DataType> inferred(const sdk::Value& value) {
  // By the alternatives of Value.
  constexpr std::array kBegins{
      Type::boolean, Type::boolean, Type::int64,      Type::float32,        Type::float64,
      Type::string,  Type::string,  Type::naive_date, Type::naive_datetime, Type::utc_datetime,
      Type::binary,  Type::xml,     Type::json};
  static_assert(kBegins.size() == std::variant_size_v<sdk::Value>);
  if (value.index() == 0) return std::nullopt;
  return DataType{kBegins.at(value.index())};
}

}  // namespace sluice::feed
