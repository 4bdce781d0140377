// SPDX-License-Identifier: Apache-2.0
#include "support/dolphindb_catalog.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <stdexcept>

#include "support/dolphindb_sql.h"

namespace sluice::testing {
namespace {

using dolphin::ColumnType;
using dolphin::Value;

int kind_number(const std::string& kind) {
  static const std::map<std::string, int> kKinds = {
      {"VALUE", 1}, {"RANGE", 2}, {"LIST", 3}, {"HASH", 5}};
  const auto found = kKinds.find(kind);
  if (found == kKinds.end()) throw std::runtime_error("no partitions by " + kind);
  return found->second;
}

/// SQL that is the same for rows of one partition.
std::string partition_of(const DolphindbPartition& partition, const ColumnType& type) {
  const std::string column = duck::quoted(partition.column);
  const Value& scheme = partition.scheme;
  if (partition.kind == "HASH") return "hash(" + column + ") % " + std::to_string(scheme.integer());
  if (partition.kind == "VALUE" && scheme.type != type.type &&
      dolphin::is_temporal_type(scheme.type))
    return dolphin::converted({.text = column, .type = type}, scheme.type).text;
  if (partition.kind == "RANGE" && !dolphin::is_text(type.type)) {
    const std::string value =
        dolphin::is_temporal_type(type.type)
            ? dolphin::converted({.text = column, .type = type}, scheme.type).text
            : column;
    std::string sum = "0";
    for (std::size_t i = 0; i < scheme.cells(); ++i)
      sum += " + (" + value + " >= " + std::to_string(scheme.integer(i)) + ")::INT";
    return sum;
  }
  return column;
}

/// One, or a vector of as many as there are.
Value few(const std::vector<Value>& values) {
  if (values.size() == 1) return values[0];
  Value out = values[0];
  out.form = dolphin::vector;
  out.rows = static_cast<std::int32_t>(values.size());
  for (std::size_t i = 1; i < values.size(); ++i) {
    out.bytes += values[i].bytes;
    out.texts.insert(out.texts.end(), values[i].texts.begin(), values[i].texts.end());
  }
  return out;
}

}  // namespace

std::string DolphindbTable::stored_name() const {
  return duck::quoted(database.empty() ? "shared" : database) + "." + duck::quoted(name);
}

std::vector<std::pair<std::string, ColumnType>> DolphindbTable::types() const {
  std::vector<std::pair<std::string, ColumnType>> out;
  for (const Column& each : columns) out.emplace_back(each.name, dolphin::type_named(each.type));
  return out;
}

std::string DolphindbTable::relation() const {
  std::string items;
  std::vector<std::string> groups;
  for (const auto& [column, type] : types()) {
    const std::string quoted = duck::quoted(column);
    items += (items.empty() ? "" : ", ") + dolphin::with_nulls(quoted, type) + " AS " + quoted;
    for (const DolphindbPartition& each : partitions)
      if (each.column == column) groups.push_back(partition_of(each, type));
  }
  std::string sql = "(SELECT " + items + " FROM " + stored_name();
  const std::vector<std::string>& key = primary_key.empty() ? sort_columns : primary_key;
  if (!key.empty() && (keep_duplicates != "ALL" || !primary_key.empty())) {
    std::string by;
    for (const auto& [column, type] : types()) {
      if (std::find(key.begin(), key.end(), column) != key.end())
        by += (by.empty() ? "" : ", ") + dolphin::with_nulls(duck::quoted(column), type);
    }
    for (const std::string& each : groups) by += ", " + each;
    sql += " QUALIFY row_number() OVER (PARTITION BY " + by + " ORDER BY rowid " +
           (keep_duplicates == "FIRST" ? "ASC" : "DESC") + ") = 1";
  }
  return sql + ")";
}

Value DolphindbTable::schema() const {
  using dolphin::make;
  using dolphin::make_text;
  std::vector<std::string> names, types_, comments;
  std::vector<std::int64_t> numbers, scales;
  for (const Column& each : columns) {
    const ColumnType type = dolphin::type_named(each.type);
    names.push_back(each.name);
    types_.push_back(dolphin::text_of(type));
    comments.push_back(each.comment);
    numbers.push_back(type.type + (type.array ? dolphin::kArrayBit : 0));
    scales.push_back(dolphin::is_decimal(type.type) ? type.scale
                                                    : std::numeric_limits<std::int32_t>::min());
  }
  std::vector<std::string> keys = {"colDefs"};
  std::vector<Value> values = {dolphin::table_of(
      {"name", "typeString", "typeInt", "extra", "comment"},
      {dolphin::texts_of(names), dolphin::texts_of(types_), dolphin::integers_of(numbers),
       dolphin::integers_of(scales), dolphin::texts_of(comments)})};
  const auto put = [&](const std::string& key, Value value) {
    keys.push_back(key);
    values.push_back(std::move(value));
  };
  std::vector<Value> columns_, indices, column_types, kinds, kind_names, schemes;
  for (const DolphindbPartition& each : partitions) {
    const auto at = std::find(names.begin(), names.end(), each.column) - names.begin();
    if (static_cast<std::size_t>(at) == names.size())
      throw std::runtime_error("no column " + each.column + " to part by");
    columns_.push_back(make_text(each.column));
    indices.push_back(make(dolphin::kInt, at));
    column_types.push_back(make(dolphin::kInt, numbers[static_cast<std::size_t>(at)]));
    kinds.push_back(make(dolphin::kInt, kind_number(each.kind)));
    kind_names.push_back(make_text(each.kind));
    schemes.push_back(each.scheme);
  }
  if (partitions.empty()) {
    put("partitionColumnIndex", make(dolphin::kInt, -1));
  } else {
    put("partitionColumnName", few(columns_));
    put("partitionColumnIndex", few(indices));
    put("partitionColumnType", few(column_types));
    put("partitionType", few(kinds));
    put("partitionTypeName", few(kind_names));
    put("partitionSchema", schemes.size() == 1 ? schemes[0] : dolphin::any_of(schemes));
  }
  if (database.empty()) return dolphin::dictionary_of(keys, values);
  put("engineType", make_text(engine));
  put("chunkGranularity", make_text("TABLE"));
  put("tableOwner", make_text("admin"));
  put("tableComment", make_text(""));
  if (engine != "OLAP") put("keepDuplicates", make_text(keep_duplicates));
  if (!sort_columns.empty()) put("sortColumns", dolphin::texts_of(sort_columns));
  if (!primary_key.empty()) put("primaryKey", dolphin::texts_of(primary_key));
  return dolphin::dictionary_of(keys, values);
}

void DolphindbCatalog::put(DolphindbTable table) {
  const std::lock_guard lock(mutex_);
  auto key = std::make_pair(table.database, table.name);
  tables_[std::move(key)] = std::move(table);
}
void DolphindbCatalog::remove(const std::string& database, const std::string& name) {
  const std::lock_guard lock(mutex_);
  tables_.erase({database, name});
}
std::optional<DolphindbTable> DolphindbCatalog::find(const std::string& database,
                                                     const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = tables_.find({database, name});
  return found == tables_.end() ? std::nullopt : std::optional(found->second);
}
std::vector<DolphindbTable> DolphindbCatalog::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<DolphindbTable> out;
  for (const auto& [key, table] : tables_) out.push_back(table);
  return out;
}

}  // namespace sluice::testing
