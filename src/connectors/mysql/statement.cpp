// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/statement.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <nlohmann/json.hpp>

#include "connectors/mysql/digest.h"
#include "planted.h"

namespace sluice::mysql {
namespace {

using nlohmann::json;

bool is_number(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789+-.eE") == std::string::npos;
}

/// "2026-11-21 04:05:06.789+00" is UTC, as our sessions are.
std::string without_zone(std::string text) {
  if (const std::size_t zone = text.find('+', 10); zone != std::string::npos) text.erase(zone);
  return text;
}

/// One key: a = 1 AND b = 2. Not (a, b) IN ..: before 5.7 no index was used for that.
std::string one_key(const std::vector<std::string>& names, const std::vector<std::string>& values) {
  std::string text;
  for (std::size_t part = 0; part < names.size(); ++part)
    text += (part == 0 ? "" : " AND ") + identifier(names[part]) + " = " + values[part];
  return text;
}

std::string key_condition(const Shape& shape, const Plan& plan, std::size_t first,
                          std::size_t count) {
  const std::vector<std::string>& names = plan.table.primary_key;
  std::string text;
  for (std::size_t i = first; i < first + count; ++i) {
    std::vector<std::string> values;
    for (const std::string& name : names) {
      const Column* column = plan.table.column(name);  // as the user chose its type
      if (column == nullptr) throw Error(Fault::internal, "no column \"" + name + "\"");
      values.push_back(
          value_literal(shape.wire(name), column->type, plan.read.keys.at(i).at(values.size())));
    }
    if (names.size() == 1) {
      text += (i == first ? identifier(names[0]) + " IN (" : ", ") + values[0];
    } else {
      text += (i == first ? "((" : ") OR (") + one_key(names, values);
    }
  }
  return text + (names.size() == 1 ? ")" : "))");
}

/// A FLOAT is compared as the DOUBLE that it is: 0.1 is none.
std::string exact_float(const std::string& value) {
  float number = 0;
  const auto [end, problem] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (problem != std::errc() || end != value.data() + value.size()) return literal(value);
  std::array<char, 32> digits{};
  return {digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(),
                                       static_cast<double>(number), std::chars_format::scientific)
                             .ptr};
}

bool foreign(const WireType& wire) {
  return is_text(wire) && wire.name != "enum" && !wire.charset.empty() &&
         !wire.charset.starts_with("utf8");
}

/// What bound_expression() gave. A literal of the column's own character set has no character that
/// the session's lacks.
std::string bound_literal(const Shape& shape, const std::string& column, const std::string& bound) {
  const WireType& wire = shape.wire(column);
  if (wire.name == "enum" || wire.name == "bit") return is_number(bound) ? bound : literal(bound);
  if (foreign(wire)) return "_" + wire.charset + " X'" + bound + "'";
  return value_literal(wire, landed_type(wire), bound);
}

std::vector<std::string> row_conditions(const Shape& shape, const Plan& plan) {
  std::vector<std::string> conditions;
  const std::string& key = plan.table.replication_key;
  // The line break ends a comment in the user's text.
  if (!plan.table.where.empty()) conditions.push_back("(" + plan.table.where + "\n)");
  if (plan.table.start)
    conditions.push_back(identifier(key) +
                         " >= " + replication_literal(shape, key, *plan.table.start));
  if (plan.read.buckets && !plan.read.buckets->only.empty())
    conditions.push_back(in_buckets(shape, plan.table, *plan.read.buckets));
  return conditions;
}

std::string at_or_above(const Shape& shape, const Plan& plan, const std::string& stamp) {
  const std::string& key = plan.table.replication_key;
  const bool exclusive = planted("mysql-bound-exclusive") && stamp == plan.read.from;
  return identifier(key) + (exclusive ? " > " : " >= ") + replication_literal(shape, key, stamp);
}

std::string unstamped(const Shape& shape, const Plan& plan) {
  const std::string& key = plan.table.replication_key;
  std::string condition = identifier(key) + " IS NULL";
  // A zero date lands as NULL.
  if (is_date(shape.wire(key))) condition += " OR " + identifier(key) + " = 0";
  return condition;
}

/// What the chunk has of Read::from: all of it, or a stretch.
std::vector<std::string> stamp_conditions(const Shape& shape, const Plan& plan,
                                          const json& bounds) {
  if (bounds.contains("unstamped")) return {"(" + unstamped(shape, plan) + ")"};
  std::vector<std::string> conditions{
      at_or_above(shape, plan, bounds.at("stamps_from").get<std::string>())};
  if (bounds.contains("stamps_to")) {
    const std::string& key = plan.table.replication_key;
    conditions.push_back(
        identifier(key) + " < " +
        replication_literal(shape, key, bounds.at("stamps_to").get<std::string>()));
  }
  return conditions;
}

}  // namespace

std::string bound_expression(const Shape& shape, const std::string& column) {
  const WireType& wire = shape.wire(column);
  const std::string quoted = identifier(column);
  if (landed_type(wire) == "BLOB" || foreign(wire)) return "HEX(" + quoted + ")";
  // An index has labels in the order of their numbers; strings compare by letters.
  if (wire.name == "enum" || wire.name == "bit") return quoted + " + 0";
  return wire.name == "float" ? quoted + " + 0e0" : quoted;
}

// Numbers of sets are compared as floating-point ones, which are too few.
bool can_bound(const WireType& wire) { return wire.name != "set"; }

std::string value_literal(const WireType& wire, const std::string& landed,
                          const std::string& value) {
  if (landed == "BLOB") return "X'" + value + "'";
  if (wire.name == "bit" && (landed == "BIT" || landed == "VARCHAR")) return "b'" + value + "'";
  if (wire.name == "float") return exact_float(value);
  // As a string a number would be compared as a floating-point one.
  const bool number =
      is_integer(wire) || wire.name == "decimal" || wire.name == "double" || wire.name == "bit";
  if (number && is_number(value)) return value;
  if (value == "true" || value == "false") return value == "true" ? "1" : "0";
  return literal(is_date(wire) ? without_zone(value) : value);
}

std::string tuple_condition(const Shape& shape, const std::vector<std::string>& names,
                            const std::vector<std::string>& bound, bool at_or_above) {
  std::string text, equal;
  for (std::size_t part = 0; part < names.size(); ++part) {
    const bool last = part + 1 == names.size();
    const std::string column = identifier(names[part]);
    const std::string value = bound_literal(shape, names[part], bound.at(part));
    text += (part == 0 ? "(" : " OR (") + equal + column +
            (at_or_above ? last ? " >= " : " > " : " < ") + value + ")";
    equal += column + " = " + value + " AND ";
  }
  return "(" + text + ")";
}

std::string replication_literal(const Shape& shape, const std::string& key,
                                const std::string& value) {
  return value_literal(shape.wire(key), landed_type(shape.wire(key)), value);
}

std::vector<std::string> predicates(const Shape& shape, const Plan& plan) {
  std::vector<std::string> conditions = row_conditions(shape, plan);
  if (plan.read.from) {
    std::string condition = at_or_above(shape, plan, *plan.read.from);
    if (!planted("mysql-null-keys-skipped")) condition += " OR " + unstamped(shape, plan);
    conditions.push_back("(" + condition + ")");
  }
  return conditions;
}

std::string where_clause(const std::vector<std::string>& conditions) {
  std::string clause;
  for (const std::string& each : conditions)
    clause += (clause.empty() ? " WHERE " : " AND ") + each;
  return clause;
}

std::optional<ResultPart> result_part(const Chunk& chunk) try {
  const json bounds = json::parse(chunk.bounds);
  if (!bounds.contains("result")) return std::nullopt;
  return ResultPart{bounds.at("result").get<std::string>(),
                    bounds.at("partition").get<std::size_t>(), bounds.at("of").get<std::size_t>()};
} catch (const json::exception&) {
  throw Error(Fault::internal, "chunk bounds that cannot be read: " + chunk.bounds);
}

std::string result_query(const Shape& shape, Dialect dialect, const Plan& plan) {
  std::string list;
  for (std::size_t i = 0; i < plan.read.columns.size(); ++i) {
    const Column& column = plan.read.columns[i];
    list += (i == 0 ? "" : ", ") +
            select_expression(column.name, shape.wire(column.name), column.type, dialect) +
            " AS c" + std::to_string(i);
  }
  const TableName& name = shape.table.name;
  return "SELECT " + list + " FROM " + identifier(name.schema, name.name) +
         where_clause(predicates(shape, plan));
}

std::string partition_query(const std::string& table, std::span<const std::size_t> projection,
                            std::size_t partition) {
  std::string list;
  for (const std::size_t each : projection)
    list += (list.empty() ? "c" : ", c") + std::to_string(each);
  return "SELECT " + list + " FROM ::" + table +
         " WHERE partition_id() = " + std::to_string(partition);
}

std::string select_statement(const Shape& shape, Dialect dialect, const Plan& plan,
                             std::span<const std::size_t> projection, const Chunk& chunk) try {
  const json bounds = json::parse(chunk.bounds);
  std::string list;
  for (const std::size_t each : projection) {
    const Column& column = plan.read.columns.at(each);
    list += (list.empty() ? "" : ", ") +
            (plan.read.digest.empty()
                 ? select_expression(column.name, shape.wire(column.name), column.type, dialect)
                 : std::string(std::array{"b", "count(*)", "sum(d)"}.at(each)));
  }
  const TableName& name = shape.table.name;
  std::string from = identifier(name.schema, name.name);
  if (bounds.contains("partition"))
    from += " PARTITION (" + identifier(bounds.at("partition").get<std::string>()) + ")";
  const bool stretch = bounds.contains("stamps_from") || bounds.contains("unstamped");
  std::vector<std::string> conditions =
      stretch ? row_conditions(shape, plan) : predicates(shape, plan);
  if (stretch)
    std::ranges::move(stamp_conditions(shape, plan, bounds), std::back_inserter(conditions));
  if (bounds.contains("none")) conditions.emplace_back("1 = 0");
  if (bounds.contains("key")) {
    const auto names = bounds.at("key").get<std::vector<std::string>>();
    if (bounds.contains("from"))
      conditions.push_back(
          tuple_condition(shape, names, bounds.at("from").get<std::vector<std::string>>(), true));
    if (bounds.contains("to"))
      conditions.push_back(
          tuple_condition(shape, names, bounds.at("to").get<std::vector<std::string>>(), false));
  }
  if (bounds.contains("keys")) {
    conditions.push_back(key_condition(shape, plan, bounds.at("first_key").get<std::size_t>(),
                                       bounds.at("keys").get<std::size_t>()));
  }
  const std::string rows = from + where_clause(conditions);
  if (plan.read.digest.empty()) return "SELECT " + list + " FROM " + rows;
  return "SELECT " + list + " FROM (SELECT " +
         server_bucket(shape, plan.table, plan.read.buckets.value()) + " AS b, " +
         server_digest(shape, plan.read.digest).sql + " AS d FROM " + rows +
         ") AS digests GROUP BY b";
} catch (const std::logic_error&) {
  throw Error(Fault::internal, plan.table.name.text() + ": a chunk that this plan does not have");
} catch (const json::exception&) {
  throw Error(Fault::internal,
              plan.table.name.text() + ": chunk bounds that cannot be read: " + chunk.bounds);
}

}  // namespace sluice::mysql
