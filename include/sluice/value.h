// SPDX-License-Identifier: Apache-2.0
// What a connector's rows are made of: Fivetran's column types, and values that allocate nothing.
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>

namespace sluice::sdk {

/// A column's type; behind each, its name at Fivetran and the type it lands as in DuckDB.
enum class Type : std::uint8_t {
  boolean,         ///< BOOLEAN: BOOLEAN
  int16,           ///< SHORT: SMALLINT
  int32,           ///< INT: INTEGER
  int64,           ///< LONG: BIGINT
  decimal,         ///< DECIMAL: DECIMAL(precision, scale)
  float32,         ///< FLOAT: FLOAT
  float64,         ///< DOUBLE: DOUBLE
  naive_date,      ///< NAIVE_DATE: DATE
  naive_datetime,  ///< NAIVE_DATETIME: TIMESTAMP
  utc_datetime,    ///< UTC_DATETIME: TIMESTAMP WITH TIME ZONE
  binary,          ///< BINARY: BLOB
  xml,             ///< XML: VARCHAR
  string,          ///< STRING: VARCHAR
  json,            ///< JSON: JSON
};

struct DataType {
  Type type = Type::string;
  std::uint8_t precision = 0;  ///< of a decimal, 1 to 38; 0 for all other types
  std::uint8_t scale = 0;      ///< of a decimal, 0 to its precision
  bool operator==(const DataType&) const = default;
};

// A bare std::string_view is text, valid UTF-8 without U+0000. The structs below say what else a
// text or a number is. What is viewed has to live until the call that takes it has returned.

struct Decimal {
  std::string_view digits;  ///< "-12.50": a sign, digits, a point; no exponent
};
struct Date {
  std::int32_t days;  ///< since 1970-01-01
};
struct DateTime {
  std::int64_t micros;  ///< a wall clock's, since 1970-01-01 00:00 on that clock
};
struct UtcDateTime {
  std::int64_t micros;  ///< since 1970-01-01 00:00 UTC
};
struct Bytes {
  std::string_view bytes;
};
struct Xml {
  std::string_view text;
};
/// A document, stored as it is: never quoted or encoded once more.
struct Json {
  std::string_view text;
};

/// What goes into one cell; std::monostate is NULL. A declared column takes, beside its own type:
/// BOOLEAN 0 and 1; DECIMAL, FLOAT and DOUBLE whole numbers that they hold; DECIMAL, NAIVE_DATE
/// ("2026-11-22"), NAIVE_DATETIME ("2026-11-22T10:15:30.123456", a space for the T),
/// UTC_DATETIME (the same with Z or an offset) and XML text; STRING all but bytes, as text; JSON
/// text that is a JSON document, numbers and booleans. Anything else, and any value out of its
/// column's range, is an Error of Fault::misfit that names table, column and the value's kind,
/// but shows no value; a value is never rounded, but for a double in a FLOAT column. A column that
/// nobody declared begins as the type of its first value (numbers LONG, float FLOAT, double DOUBLE,
/// Decimal STRING) and widens to what holds both losslessly: SHORT, INT, LONG, DECIMAL; FLOAT,
/// DOUBLE; date, datetime; else STRING.
using Value = std::variant<std::monostate, bool, std::int64_t, float, double, std::string_view,
                           Decimal, Date, DateTime, UtcDateTime, Bytes, Xml, Json>;

}  // namespace sluice::sdk
