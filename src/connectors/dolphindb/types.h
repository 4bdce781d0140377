// SPDX-License-Identifier: Apache-2.0
// The server's types: how a value travels, and what it lands as in DuckDB.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace sluice::dolphindb {

/// By their numbers on the wire.
enum class Type : std::uint8_t {
  nothing = 0,
  boolean = 1,
  int8 = 2,  ///< CHAR
  int16 = 3,
  int32 = 4,
  int64 = 5,
  date = 6,            ///< days since 1970, as all dates without a zone
  month = 7,           ///< year * 12 + month - 1
  time = 8,            ///< ms since midnight
  minute = 9,          ///< minutes since midnight
  second = 10,         ///< s since midnight
  datetime = 11,       ///< s since 1970
  timestamp = 12,      ///< ms since 1970
  nanotime = 13,       ///< ns since midnight
  nanotimestamp = 14,  ///< ns since 1970
  float32 = 15,
  float64 = 16,
  symbol = 17,
  string = 18,
  uuid = 19,
  function = 20,
  handle = 21,
  code = 22,
  datasource = 23,
  resource = 24,
  any = 25,
  compressed = 26,
  datehour = 28,    ///< hours since 1970
  dateminute = 29,  ///< minutes since 1970
  ipaddr = 30,
  int128 = 31,
  blob = 32,
  complex = 34,
  point = 35,
  duration = 36,
  decimal32 = 37,
  decimal64 = 38,
  decimal128 = 39,
};

/// Numbers that are added to a type's.
constexpr int kArray = 64, kExtended = 128;

/// Of a column, as its schema tells it.
struct ColumnType {
  Type type = Type::nothing;
  bool array = false;  ///< each cell is a list of values of `type`
  int scale = 0;       ///< of a decimal
  bool operator==(const ColumnType&) const = default;
};

/// From the number that a schema or a vector names; none: there is no such type.
std::optional<ColumnType> column_type(int number, int scale);
/// "DECIMAL64(4)", "INT[]", as the server writes it.
std::string name_of(const ColumnType& type);

/// Bytes of one value in a vector; 0: it ends with a NUL or begins with its length, or has none.
std::size_t width(Type type) noexcept;

/// NUL-terminated in a vector.
bool is_text(Type type) noexcept;
bool is_integer(Type type) noexcept;  ///< a whole number without a unit
bool is_decimal(Type type) noexcept;

/// What a number counts, where it is a time: an instant or a time of day.
struct Unit {
  std::int64_t nanoseconds;  ///< in one of it
  bool of_day;               ///< since midnight; else since 1970
};
/// None: not a time, or a month.
std::optional<Unit> unit_of(Type type) noexcept;

/// What a replication key can be: a number that grows, one of an instant or a date.
bool is_mark(Type type) noexcept;

/// The DuckDB type that values land as by default, as DuckDB prints it; empty: they cannot.
std::string landed_type(const ColumnType& type);

}  // namespace sluice::dolphindb
