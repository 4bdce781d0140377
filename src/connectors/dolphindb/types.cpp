// SPDX-License-Identifier: Apache-2.0
#include "connectors/dolphindb/types.h"

#include <algorithm>
#include <array>

namespace sluice::dolphindb {
namespace {

struct Entry {
  Type type;
  const char* name;
  std::size_t width;
  const char* landed;  ///< null: cannot be copied
};

// A month is its first day; INT128 and addresses are written as the server prints them.
constexpr std::array kTypes{
    Entry{Type::nothing, "VOID", 0, nullptr},
    Entry{Type::boolean, "BOOL", 1, "BOOLEAN"},
    Entry{Type::int8, "CHAR", 1, "TINYINT"},
    Entry{Type::int16, "SHORT", 2, "SMALLINT"},
    Entry{Type::int32, "INT", 4, "INTEGER"},
    Entry{Type::int64, "LONG", 8, "BIGINT"},
    Entry{Type::date, "DATE", 4, "DATE"},
    Entry{Type::month, "MONTH", 4, "DATE"},
    Entry{Type::time, "TIME", 4, "TIME"},
    Entry{Type::minute, "MINUTE", 4, "TIME"},
    Entry{Type::second, "SECOND", 4, "TIME"},
    Entry{Type::datetime, "DATETIME", 4, "TIMESTAMP"},
    Entry{Type::timestamp, "TIMESTAMP", 8, "TIMESTAMP"},
    Entry{Type::nanotime, "NANOTIME", 8, "TIME_NS"},
    Entry{Type::nanotimestamp, "NANOTIMESTAMP", 8, "TIMESTAMP_NS"},
    Entry{Type::float32, "FLOAT", 4, "FLOAT"},
    Entry{Type::float64, "DOUBLE", 8, "DOUBLE"},
    Entry{Type::symbol, "SYMBOL", 0, "VARCHAR"},
    Entry{Type::string, "STRING", 0, "VARCHAR"},
    Entry{Type::uuid, "UUID", 16, "UUID"},
    Entry{Type::function, "FUNCTIONDEF", 0, nullptr},
    Entry{Type::handle, "HANDLE", 0, nullptr},
    Entry{Type::code, "CODE", 0, nullptr},
    Entry{Type::datasource, "DATASOURCE", 0, nullptr},
    Entry{Type::resource, "RESOURCE", 0, nullptr},
    Entry{Type::any, "ANY", 0, nullptr},
    Entry{Type::datehour, "DATEHOUR", 4, "TIMESTAMP"},
    Entry{Type::dateminute, "DATEMINUTE", 4, "TIMESTAMP"},
    Entry{Type::ipaddr, "IPADDR", 16, "VARCHAR"},
    Entry{Type::int128, "INT128", 16, "VARCHAR"},
    Entry{Type::blob, "BLOB", 0, "BLOB"},
    Entry{Type::complex, "COMPLEX", 16, "STRUCT(re DOUBLE, im DOUBLE)"},
    Entry{Type::point, "POINT", 16, "STRUCT(x DOUBLE, y DOUBLE)"},
    Entry{Type::duration, "DURATION", 8, "VARCHAR"},
    Entry{Type::decimal32, "DECIMAL32", 4, "DECIMAL(9,"},
    Entry{Type::decimal64, "DECIMAL64", 8, "DECIMAL(18,"},
    Entry{Type::decimal128, "DECIMAL128", 16, "DECIMAL(38,"},
};

const Entry* entry(Type type) noexcept {
  const auto found = std::ranges::find(kTypes, type, &Entry::type);
  return found == kTypes.end() ? nullptr : &*found;
}

constexpr std::int64_t kNanosOfSecond = 1'000'000'000;

}  // namespace

std::optional<ColumnType> column_type(int number, int scale) {
  if (number == kExtended + static_cast<int>(Type::symbol)) return ColumnType{Type::symbol};
  ColumnType type;
  type.array = number >= kArray && number < kExtended;
  const int base = type.array ? number - kArray : number;
  if (base < 0 || base > static_cast<int>(Type::decimal128)) return std::nullopt;
  type.type = static_cast<Type>(base);
  if (entry(type.type) == nullptr) return std::nullopt;
  // Arrays are of values that all have one width.
  if (type.array && width(type.type) == 0) return std::nullopt;
  if (!is_decimal(type.type)) return type;
  constexpr std::array kMost{9, 18, 38};
  type.scale = scale;
  const int most = kMost[static_cast<std::size_t>(base - static_cast<int>(Type::decimal32))];
  return scale < 0 || scale > most ? std::nullopt : std::optional(type);
}

std::string name_of(const ColumnType& type) {
  const Entry* found = entry(type.type);
  std::string name = found == nullptr ? "type " + std::to_string(static_cast<int>(type.type))
                                      : std::string(found->name);
  if (is_decimal(type.type)) name += "(" + std::to_string(type.scale) + ")";
  return type.array ? name + "[]" : name;
}

std::size_t width(Type type) noexcept {
  const Entry* found = entry(type);
  return found == nullptr ? 0 : found->width;
}

bool is_text(Type type) noexcept { return type == Type::symbol || type == Type::string; }

bool is_integer(Type type) noexcept { return type >= Type::int8 && type <= Type::int64; }

bool is_decimal(Type type) noexcept { return type >= Type::decimal32 && type <= Type::decimal128; }

std::optional<Unit> unit_of(Type type) noexcept {
  switch (type) {
    case Type::date:
      return Unit{86'400 * kNanosOfSecond, false};
    case Type::datehour:
      return Unit{3'600 * kNanosOfSecond, false};
    case Type::dateminute:
      return Unit{60 * kNanosOfSecond, false};
    case Type::datetime:
      return Unit{kNanosOfSecond, false};
    case Type::timestamp:
      return Unit{1'000'000, false};
    case Type::nanotimestamp:
      return Unit{1, false};
    case Type::minute:
      return Unit{60 * kNanosOfSecond, true};
    case Type::second:
      return Unit{kNanosOfSecond, true};
    case Type::time:
      return Unit{1'000'000, true};
    case Type::nanotime:
      return Unit{1, true};
    default:
      return std::nullopt;
  }
}

bool is_mark(Type type) noexcept {
  const auto unit = unit_of(type);
  return type == Type::month || is_integer(type) || (unit && !unit->of_day);
}

std::string landed_type(const ColumnType& type) {
  const Entry* found = entry(type.type);
  if (found == nullptr || found->landed == nullptr) return {};
  std::string landed = found->landed;
  if (is_decimal(type.type)) landed += std::to_string(type.scale) + ")";
  return type.array ? landed + "[]" : landed;
}

}  // namespace sluice::dolphindb
