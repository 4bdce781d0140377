// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/types.h"

#include <algorithm>
#include <array>
#include <span>

#include "connectors/mysql/connection.h"
#include "connectors/mysql/decode.h"
#include "sluice/error.h"
#include "wire/exact.h"

namespace sluice::mysql {
namespace {

bool one_of(std::string_view name, std::span<const std::string_view> names) {
  return std::ranges::find(names, name) != names.end();
}

constexpr std::array<std::string_view, 8> kText{"char",       "varchar",  "tinytext", "text",
                                                "mediumtext", "longtext", "enum",     "set"};
constexpr std::array<std::string_view, 7> kBytes{"binary",     "varbinary", "tinyblob", "blob",
                                                 "mediumblob", "longblob",  "bson"};
constexpr std::array<std::string_view, 9> kGeometry{
    "geometry",        "point",        "linestring",     "polygon",           "multipoint",
    "multilinestring", "multipolygon", "geomcollection", "geometrycollection"};

std::string signed_or_not(const WireType& wire, const char* name) {
  return (wire.is_unsigned ? "U" : "") + std::string(name);
}

/// What else than its usual type and VARCHAR a column can land as.
std::string choices(const WireType& wire) {
  if (is_integer(wire))
    return "an integer type, DECIMAL(p,s), DOUBLE" +
           std::string(wire.name == "tinyint" ? ", BOOLEAN" : "");
  if (wire.name == "decimal") return "an integer type, another DECIMAL(p,s)";
  if (wire.name == "bit") return "UBIGINT, BOOLEAN";
  if (wire.name == "time") return "INTERVAL, TIME";
  if (wire.name == "date") return "DATE, TIMESTAMP";
  if (is_date(wire)) return "TIMESTAMP, TIMESTAMPTZ";
  if (is_text(wire)) return "JSON, UUID";
  if (one_of(wire.name, kBytes)) return "BLOB, JSON";
  return landed_type(wire);
}

/// The server's own text of a value, exact.
std::string text_expression(const std::string& column, const WireType& wire) {
  if (is_text(wire) || wire.name == "json" || one_of(wire.name, kBytes)) return column;
  if (wire.name == "bit")
    return "LPAD(BIN(" + column + " + 0), " + std::to_string(wire.precision) + ", '0')";
  if (one_of(wire.name, kGeometry)) return "ST_AsText(" + column + ")";
  // FLOAT's own text has six digits.
  if (wire.name == "float") return "CAST(" + column + " + 0e0 AS CHAR)";
  return "CAST(" + column + " AS CHAR)";
}

/// Bytes without a character in Unicode travel as '?', and nobody would know: such a text gets a
/// zero byte, which the decoder refuses. The other character sets have none, or the decoder sees
/// them.
std::string guarded_text(const std::string& column, const WireType& wire) {
  static constexpr std::array<std::string_view, 6> kWhole{"",      "latin1",  "ucs2",
                                                          "utf16", "utf16le", "utf32"};
  if (wire.charset.starts_with("utf8") || one_of(wire.charset, kWhole)) return column;
  const auto others = [](const std::string& text) {
    return "CHAR_LENGTH(REPLACE(" + text + ", '?', ''))";
  };
  return "CASE WHEN " + column + " IS NULL OR " + others(column) + " = " +
         others("CONVERT(" + column + " USING utf8mb4)") + " THEN " + column +
         " ELSE IFNULL(CONCAT(" + column + ", '\\0'), '\\0') END";
}

}  // namespace

bool is_integer(const WireType& wire) {
  static constexpr std::array<std::string_view, 6> kIntegers{"tinyint", "smallint", "mediumint",
                                                             "int",     "bigint",   "year"};
  return one_of(wire.name, kIntegers);
}

bool is_text(const WireType& wire) { return one_of(wire.name, kText); }

bool is_date(const WireType& wire) {
  return wire.name == "date" || wire.name == "datetime" || wire.name == "timestamp";
}

std::string landed_type(const WireType& wire) {
  const std::string& name = wire.name;
  if (name == "tinyint") return signed_or_not(wire, "TINYINT");
  if (name == "smallint") return signed_or_not(wire, "SMALLINT");
  if (name == "mediumint" || name == "int") return signed_or_not(wire, "INTEGER");
  if (name == "bigint") return signed_or_not(wire, "BIGINT");
  if (name == "year") return "SMALLINT";
  if (name == "float") return "FLOAT";
  if (name == "double") return "DOUBLE";
  if (name == "decimal" && wire.precision <= wire::kMostDigits)
    return "DECIMAL(" + std::to_string(wire.precision) + "," + std::to_string(wire.scale) + ")";
  if (name == "bit") return "BIT";
  if (name == "date") return "DATE";
  if (name == "datetime") return "TIMESTAMP";
  if (name == "timestamp") return "TIMESTAMP WITH TIME ZONE";
  if (name == "time") return "INTERVAL";
  if (name == "json") return "JSON";
  if (name == "uuid") return "UUID";
  if (one_of(name, kBytes) || one_of(name, kGeometry) || name == "vector") return "BLOB";
  return "VARCHAR";
}

Misfit usual_misfit(const WireType& wire) { return is_date(wire) ? Misfit::null : Misfit::fail; }

std::string select_expression(const std::string& column, const WireType& wire,
                              const std::string& landed, Dialect dialect) {
  const std::string quoted_column = identifier(column);
  if (landed == "VARCHAR" && landed_type(wire) != "VARCHAR")
    return text_expression(quoted_column, wire);
  // In the text protocol FLOAT has six digits.
  if (dialect == Dialect::singlestore && wire.name == "float") return quoted_column + " + 0e0";
  if (landed == landed_type(wire) || can_land(wire, landed))
    return is_text(wire) ? guarded_text(quoted_column, wire) : quoted_column;
  throw Error(Fault::config, "column " + column + " cannot land as " + landed,
              "types: can say VARCHAR, " + choices(wire));
}

}  // namespace sluice::mysql
