// SPDX-License-Identifier: Apache-2.0
#include "connectors/dolphindb/statement.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "connectors/dolphindb/digest.h"
#include "connectors/dolphindb/discovery.h"
#include "connectors/dolphindb/text.h"
#include "sluice/error.h"

namespace sluice::dolphindb {
namespace {

using nlohmann::json;

/// Words of the language that a column's name could be taken for.
constexpr std::array<std::string_view, 53> kWords{
    "and",   "any",     "as",       "asc",    "assert", "between", "break",  "by",       "case",
    "catch", "context", "continue", "cgroup", "csort",  "def",     "delete", "desc",     "distinct",
    "do",    "else",    "end",      "exec",   "exists", "false",   "for",    "from",     "go",
    "goto",  "group",   "having",   "if",     "in",     "insert",  "into",   "interval", "is",
    "join",  "like",    "limit",    "map",    "not",    "NULL",    "on",     "or",       "order",
    "pivot", "return",  "select",   "then",   "top",    "true",    "update", "where"};

Error no_value(const Table& table, const std::string& column, const std::string& text,
               const std::string& type) {
  return {Fault::config, table.name.text() + ": \"" + text + "\" is no " + type,
          "a value of " + column + " is wanted, like 2026-01-31 or 2026-01-31 23:59:59.123"};
}

/// A mark as a number of the column's own.
Object bound(const Shape& shape, const Table& table, const std::string& column,
             const std::string& text) {
  const ColumnType& type = shape.type(column);
  const auto number = mark_number(type.type, text);
  if (!number) throw no_value(table, column, text, name_of(type));
  return int_scalar(*number, type.type);
}

Object key_vector(const Shape& shape, const std::string& column, std::size_t position,
                  std::span<const std::vector<std::string>> keys) {
  const ColumnType& type = shape.type(column);
  std::vector<std::string> texts;
  for (const auto& key : keys) texts.push_back(key[position]);
  if (is_text(type.type)) return text_vector(texts);
  Object object;
  object.form = Form::vector;
  object.cells.type = type;
  object.cells.rows = texts.size();
  for (const std::string& each : texts) {
    std::array<Byte, 16> value{};
    if (!value_of(type, each, value))
      throw Error(Fault::config,
                  shape.table.name.text() + ": rows cannot be asked for by " + column +
                      ", which is " + name_of(type),
                  "strategy: full compares the table without");
    object.cells.data.append(value.data(), width(type.type));
  }
  return object;
}

/// Adds the condition for rows with one of some keys.
void add_keys(const Shape& shape, const Table& table, const Read& read, const Slice& slice,
              std::vector<std::string>& conditions, Query& query) {
  const auto keys = std::span(read.keys).subspan(slice.first_key, slice.keys);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < table.primary_key.size(); ++i) {
    names.push_back(variable(shape, "k" + std::to_string(i)));
    query.variables.emplace_back(names[i], key_vector(shape, table.primary_key[i], i, keys));
  }
  if (names.size() == 1) {
    conditions.push_back(column_name(table.primary_key[0]) + " in " + names[0]);
    return;
  }
  // The first part prunes; the whole says which.
  conditions.push_back(column_name(table.primary_key[0]) + " in " + names[0]);
  std::string any;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    any += any.empty() ? "(" : " or (";
    for (std::size_t j = 0; j < names.size(); ++j)
      any += (j == 0 ? "" : " and ") + column_name(table.primary_key[j]) + " = " + names[j] + "[" +
             std::to_string(i) + "]";
    any += ")";
  }
  conditions.push_back("(" + any + ")");
}

}  // namespace

std::string column_name(std::string_view name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const bool plain =
      !name.empty() && letter(name.front()) &&
      std::ranges::all_of(
          name, [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '_'; }) &&
      std::ranges::find(kWords, name) == kWords.end();
  if (plain) return std::string(name);
  std::string quoted = "_\"";
  for (const char c : name) {
    if (c == '\n' || c == '\r' || c == '\0')
      throw Error(Fault::schema, "a column's name holds a line feed or a NUL, which no query can");
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

std::string variable(const Shape& shape, std::string_view purpose) {
  std::string name = "sluice_" + std::string(purpose);
  while (shape.table.column(name) != nullptr) name += '_';
  return name;
}

std::string Slice::text() const {
  json bounds = json::object();
  if (!column.empty()) bounds["by"] = column;
  if (nulls) bounds["nulls"] = true;
  if (from) bounds["from"] = *from;
  if (to) bounds["to"] = *to;
  if (keys > 0) bounds["first"] = first_key, bounds["keys"] = keys;
  for (const KeyRange& each : ranges) bounds["ranges"].push_back({each.first, each.last});
  if (!hashes.empty()) bounds["hashes"] = hashes;
  return bounds.dump();
}

Slice Slice::of(const std::string& bounds) try {
  const json parsed = json::parse(bounds);
  Slice slice;
  slice.column = parsed.value("by", "");
  slice.nulls = parsed.value("nulls", false);
  if (parsed.contains("from")) slice.from = parsed.at("from").get<std::int64_t>();
  if (parsed.contains("to")) slice.to = parsed.at("to").get<std::int64_t>();
  slice.first_key = parsed.value("first", std::size_t{0});
  slice.keys = parsed.value("keys", std::size_t{0});
  for (const json& each : parsed.value("ranges", json::array()))
    slice.ranges.push_back({each.at(0).get<std::int64_t>(), each.at(1).get<std::int64_t>()});
  slice.hashes = parsed.value("hashes", std::vector<std::int64_t>());
  return slice;
} catch (const json::exception&) {
  throw Error(Fault::internal, "bounds of a chunk that nobody made: " + bounds);
}

Query select_query(const Shape& shape, const Table& table, const Read& read, const Slice& slice,
                   const std::string& items) {
  Query query;
  query.variables = place(shape);
  std::vector<std::string> conditions;
  const auto compare = [&](const std::string& column, const char* sign, const char* purpose,
                           Object value) {
    const std::string name = variable(shape, purpose);
    query.variables.emplace_back(name, std::move(value));
    return column_name(column) + " " + sign + " " + name;
  };
  const auto slice_bound = [&](std::int64_t number) {
    return int_scalar(number, shape.type(slice.column).type);
  };
  // What prunes partitions comes first, compared with nothing but a value of the column's own type.
  if (slice.from) conditions.push_back(compare(slice.column, ">=", "lo", slice_bound(*slice.from)));
  if (slice.to) conditions.push_back(compare(slice.column, "<", "hi", slice_bound(*slice.to)));
  if (!slice.column.empty()) {
    const std::string name = column_name(slice.column);
    // NULL is less than everything, or compares with nothing, as the server is set up.
    if (slice.nulls) conditions.push_back("isNull(" + name + ")");
    if (!slice.nulls && !slice.from) conditions.push_back("isValid(" + name + ")");
  }
  if (!slice.ranges.empty()) {
    std::string any;
    for (std::size_t i = 0; i < slice.ranges.size(); ++i) {
      const std::string number = std::to_string(i);
      any +=
          (any.empty() ? "(" : " or (") +
          compare(slice.column, ">=", ("a" + number).c_str(), slice_bound(slice.ranges[i].first)) +
          " and " +
          compare(slice.column, "<=", ("b" + number).c_str(), slice_bound(slice.ranges[i].last)) +
          ")";
    }
    conditions.push_back("(" + any + ")");
  }
  if (!slice.hashes.empty()) {
    const std::string name = variable(shape, "only");
    Object numbers;
    numbers.form = Form::vector;
    numbers.cells.type.type = Type::int64;
    numbers.cells.rows = slice.hashes.size();
    for (const std::int64_t each : slice.hashes)
      numbers.cells.data.append(reinterpret_cast<const Byte*>(&each), sizeof each);
    query.variables.emplace_back(name, std::move(numbers));
    conditions.push_back(hash_bucket(shape, table, read.buckets->bits) + " in " + name);
  }
  const std::string& mark = table.replication_key;
  const bool by_mark = slice.column == mark;
  if (read.from && !(by_mark && slice.nulls)) {
    const std::string since = compare(mark, ">=", "from", bound(shape, table, mark, *read.from));
    conditions.push_back(by_mark ? since : "(" + since + " or isNull(" + column_name(mark) + "))");
  }
  if (table.start)
    conditions.push_back(compare(mark, ">=", "start", bound(shape, table, mark, *table.start)));
  if (!table.where.empty()) conditions.push_back("(" + table.where + "\n)");
  if (slice.keys > 0) add_keys(shape, table, read, slice, conditions, query);
  query.script = "select " + items + " from " + from_item(shape);
  for (std::size_t i = 0; i < conditions.size(); ++i)
    query.script += (i == 0 ? " where " : ", ") + conditions[i];
  return query;
}

std::string column_list(std::span<const Column> columns, std::span<const std::size_t> positions) {
  std::string list;
  for (const std::size_t each : positions)
    list += (list.empty() ? "" : ", ") + column_name(columns[each].name);
  return list;
}

}  // namespace sluice::dolphindb
