// SPDX-License-Identifier: Apache-2.0
// Which values are the same after a cast to VARCHAR and back. That they are, type by type, is a
// test (tests/contract/motherduck_endpoint_types_test.cpp), for DuckDB promises it nowhere.
#include <algorithm>
#include <array>
#include <memory>

#include "connectors/duckdb/endpoint.h"

namespace sluice::motherduck {
namespace {

enum class Text { same, checked, none };

Text text_of(duckdb_logical_type type);

Text text_of_parts(duckdb_logical_type type, idx_t count,
                   duckdb_logical_type (*part)(duckdb_logical_type, idx_t)) {
  for (idx_t i = 0; i < count; ++i) {
    const duck::LogicalType each(part(type, i));
    if (text_of(each.get()) == Text::none) return Text::none;
  }
  return Text::checked;
}

Text text_of(duckdb_logical_type type) {
  static constexpr std::array kSame{
      DUCKDB_TYPE_BOOLEAN,      DUCKDB_TYPE_TINYINT,      DUCKDB_TYPE_SMALLINT,
      DUCKDB_TYPE_INTEGER,      DUCKDB_TYPE_BIGINT,       DUCKDB_TYPE_UTINYINT,
      DUCKDB_TYPE_USMALLINT,    DUCKDB_TYPE_UINTEGER,     DUCKDB_TYPE_UBIGINT,
      DUCKDB_TYPE_HUGEINT,      DUCKDB_TYPE_UHUGEINT,     DUCKDB_TYPE_FLOAT,
      DUCKDB_TYPE_DOUBLE,       DUCKDB_TYPE_DECIMAL,      DUCKDB_TYPE_VARCHAR,
      DUCKDB_TYPE_BLOB,         DUCKDB_TYPE_BIT,          DUCKDB_TYPE_UUID,
      DUCKDB_TYPE_DATE,         DUCKDB_TYPE_TIME,         DUCKDB_TYPE_TIME_NS,
      DUCKDB_TYPE_TIME_TZ,      DUCKDB_TYPE_TIMESTAMP,    DUCKDB_TYPE_TIMESTAMP_S,
      DUCKDB_TYPE_TIMESTAMP_MS, DUCKDB_TYPE_TIMESTAMP_NS, DUCKDB_TYPE_TIMESTAMP_TZ,
      DUCKDB_TYPE_INTERVAL,     DUCKDB_TYPE_ENUM,         DUCKDB_TYPE_BIGNUM};
  const duckdb_type id = duckdb_get_type_id(type);
  if (std::ranges::find(kSame, id) != kSame.end()) return Text::same;
  switch (id) {
    case DUCKDB_TYPE_LIST:
      return text_of_parts(
          type, 1, [](duckdb_logical_type of, idx_t) { return duckdb_list_type_child_type(of); });
    case DUCKDB_TYPE_ARRAY:
      return text_of_parts(
          type, 1, [](duckdb_logical_type of, idx_t) { return duckdb_array_type_child_type(of); });
    case DUCKDB_TYPE_MAP:
      return text_of_parts(type, 2, [](duckdb_logical_type of, idx_t at) {
        return at == 0 ? duckdb_map_type_key_type(of) : duckdb_map_type_value_type(of);
      });
    case DUCKDB_TYPE_STRUCT:
      return text_of_parts(type, duckdb_struct_type_child_count(type),
                           duckdb_struct_type_child_type);
    default:
      return Text::none;  // a union's text does not say which member it is
  }
}

}  // namespace

std::string no_text(duck::Connection& local, const std::string& type) {
  try {
    const std::array names{type};
    if (text_of(local.types(names).at(0).get()) != Text::none) return {};
  } catch (const Error&) {
    return "a value of type " + type + " is of an extension that this DuckDB does not have";
  }
  return "a value of type " + type + " is not the same after a cast to text and back";
}

std::string as_text(duck::Connection& local, const Column& column) {
  const std::string name = duck::quoted(column.name);
  const std::string text = "CAST(" + name + " AS VARCHAR)";
  const std::array names{column.type};
  if (text_of(local.types(names).at(0).get()) == Text::same) return text;
  // Only the server has the value, so it looks: a text of a nested value can be ambiguous.
  return "CASE WHEN TRY_CAST(" + text + " AS " + column.type + ") IS NOT DISTINCT FROM " + name +
         " THEN " + text + " ELSE error(" +
         duck::literal("column " + column.name + " holds a " + column.type +
                       " whose text does not say what it is (exclude the column, or leave "
                       "via=postgres out): ") +
         " || " + text + ") END";
}

}  // namespace sluice::motherduck
