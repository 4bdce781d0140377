// SPDX-License-Identifier: Apache-2.0
#include "engine/fivetran_type.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace sluice {

std::string fivetran_type(const Column& column) {
  const std::string& type = column.type;
  const bool nested = type.ends_with(']') || type.starts_with("STRUCT") ||
                      type.starts_with("MAP") || type.starts_with("UNION");
  // A source that DuckDB reads calls its types as DuckDB does.
  if (nested) return column.source_type == type ? "JSON" : type;
  static constexpr std::array<std::string_view, 11> kSame{
      "BOOLEAN", "SMALLINT", "INTEGER", "BIGINT", "FLOAT",    "DOUBLE",
      "DATE",    "BLOB",     "VARCHAR", "JSON",   "TIMESTAMP"};
  if (std::ranges::find(kSame, type) != kSame.end() || type.starts_with("DECIMAL(") ||
      type == "TIMESTAMP WITH TIME ZONE")
    return type;
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kWider{
      {{"TINYINT", "SMALLINT"},
       {"UTINYINT", "SMALLINT"},
       {"USMALLINT", "INTEGER"},
       {"UINTEGER", "BIGINT"},
       {"UBIGINT", "DECIMAL(20,0)"},
       {"TIMESTAMP_S", "TIMESTAMP"},
       {"TIMESTAMP_MS", "TIMESTAMP"}}};
  for (const auto& [from, to] : kWider) {
    if (type == from) return std::string(to);
  }
  // Cut to microseconds it would be another instant, and as text no replication key.
  if (type == "TIMESTAMP_NS") return type;
  return "VARCHAR";
}

}  // namespace sluice
