// SPDX-License-Identifier: Apache-2.0
#include "support/dolphindb_sql.h"

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>

namespace sluice::testing::dolphin {
namespace {

[[noreturn]] void refuse_types(const std::string& op, const Sql& left, const Sql& right) {
  throw std::runtime_error("the stand-in does not know " + text_of(left.type) + " " + op + " " +
                           text_of(right.type));
}

/// What a column is called that was given no name.
std::string title(const Item& item) {
  if (!item.alias.empty()) return item.alias;
  const Node& node = item.expression;
  if (node.kind == Node::name) return node.text;
  if (node.kind != Node::call) return "value";
  for (const Node& each : node.arguments)
    if (each.kind == Node::name && each.text != "*") return node.text + "_" + each.text;
  return node.text;
}

std::string joined(const std::vector<std::string>& parts, const std::string& by) {
  std::string text;
  for (const std::string& each : parts) text += (text.empty() ? "" : by) + each;
  return text;
}

/// What nodes that are alike have in common.
std::string spelled(const Node& node) {
  std::string text = std::to_string(node.kind) + node.text + '(' + std::to_string(node.value.type) +
                     node.value.bytes + '\1';
  for (const std::string& each : node.value.texts) text += each + '\2';
  for (const Node& each : node.arguments) text += spelled(each) + ',';
  return text + ')';
}

/// Conditions are no columns: a chain of thousands stays one condition.
bool is_condition(const Node& node) {
  static const std::set<std::string> kConditions = {
      "and", "or", "not", "==", "!=", "<", "<=", ">", ">=", "in"};
  return kConditions.count(node.text) > 0;
}

}  // namespace

std::string cast(const std::string& text, const ColumnType& type) {
  return "(" + text + ")::" + stored_as(type);
}

bool is_temporal_type(Type type) {
  return (type >= kDate && type <= kNanotimestamp) || type == kDatehour || type == kDateminute;
}
bool is_integer_type(Type type) { return type >= kBool && type <= kLong; }
bool is_real_type(Type type) { return type == kFloat || type == kDouble; }

Sql Compiler::bind(const Value& value) {
  Sql sql;
  sql.type = {value.type, value.scale, value.form == vector};
  sql.constant = true;
  if (value.form != scalar && value.form != vector)
    throw std::runtime_error("a scalar or a vector expected");
  if (value.form == scalar && value.null(0)) {
    sql.text = "NULL::" + stored_as(sql.type);
    return sql;
  }
  // Only bar() takes one, as it is written.
  if (value.type == kDuration) return sql;
  sql.never_null = true;
  parameters_.push_back(bound(value));
  sql.text = "$" + std::to_string(parameters_.size()) + "::" + stored_as(sql.type);
  return sql;
}

Sql Compiler::name(const std::string& name) {
  for (const auto& [column, type] : columns_)
    if (column == name) return {.text = "r." + duck::quoted(name), .type = type};
  const Value* variable = variables_(name);
  if (variable == nullptr)
    throw std::runtime_error("Syntax Error: [line #1] Cannot recognize the token " + name);
  return bind(*variable);
}

Value Compiler::constant(const Node& node) const {
  if (node.kind == Node::literal) return node.value;
  if (node.kind == Node::name) {
    if (const Value* found = variables_(node.text)) return *found;
  }
  if (node.kind == Node::call && node.text == "neg") {
    Value value = constant(node.arguments[0]);
    if (value.type == kDouble) {
      value.bytes.back() = static_cast<char>(value.bytes.back() ^ 0x80);
      return value;
    }
    return make(value.type, -value.integer());
  }
  if (node.kind != Node::list || node.arguments.empty())
    throw std::runtime_error("the stand-in wants a vector here: " + node.text);
  Value out = constant(node.arguments[0]);
  out.form = vector;
  for (std::size_t i = 1; i < node.arguments.size(); ++i) {
    const Value next = constant(node.arguments[i]);
    if (next.type != out.type) throw std::runtime_error("the stand-in wants one type in a list");
    out.bytes += next.bytes;
    out.texts.insert(out.texts.end(), next.texts.begin(), next.texts.end());
  }
  out.rows = static_cast<std::int32_t>(node.arguments.size());
  return out;
}

/// An element of a variable's vector.
Sql Compiler::index(const Node& node) {
  const Value value = constant(node.arguments[0]);
  const std::int64_t at = constant(node.arguments[1]).integer();
  if (value.form != vector || value.type == kAny)
    throw std::runtime_error("the stand-in indexes vectors only");
  Sql sql;
  sql.type = {value.type, value.scale, false};
  sql.constant = true;
  const auto cell = static_cast<std::size_t>(at);
  // Beyond its end is NULL, as DolphinDB has it.
  if (at < 0 || cell >= value.cells() || value.null(cell)) {
    sql.text = "NULL::" + stored_as(sql.type);
    return sql;
  }
  sql.never_null = true;
  parameters_.push_back(bound_cell(value, cell));
  sql.text = "$" + std::to_string(parameters_.size()) + "::" + stored_as(sql.type);
  return sql;
}

Sql Compiler::contains(const Node& node) {
  const Sql left = compile(node.arguments[0]);
  Value values = constant(node.arguments[1]);
  if (values.form != vector) throw std::runtime_error("in wants a vector");
  bool has_null = false;
  for (std::size_t i = 0; i < values.cells(); ++i) has_null = has_null || values.null(i);
  Sql right = bind(values);
  const bool texts = is_text(left.type.type) && is_text(values.type);
  const bool numbers = is_integer_type(left.type.type) && is_integer_type(values.type);
  if (left.type.type != values.type && !texts && !numbers) refuse_types("in", left, right);
  return {.text = "(CASE WHEN " + left.text + " IS NULL THEN " + (has_null ? "true" : "false") +
                  " ELSE coalesce(" + left.text + " IN (SELECT u FROM (SELECT unnest(" +
                  right.text + ") u) WHERE u IS NOT NULL), false) END)",
          .type = {kBool},
          .never_null = true};
}

Sql Compiler::logic(const Node& node) {
  Sql sql = compile(node.arguments[0]);
  if (node.text == "not") {
    sql.text = "(NOT " + sql.text + ")";
    return sql;
  }
  const bool both = node.text == "and";
  std::vector<Sql> parts = {sql};
  for (std::size_t i = 1; i < node.arguments.size(); ++i) {
    parts.push_back(compile(node.arguments[i]));
    if (sql.type.type != kBool || parts.back().type.type != kBool)
      refuse_types(node.text, sql, parts.back());
    sql.never_null = sql.never_null && parts.back().never_null;
    sql.aggregate = sql.aggregate || parts.back().aggregate;
  }
  std::vector<std::string> texts;
  // and: NULL where one is; or: what the others are.
  for (const Sql& each : parts)
    texts.push_back(both && !sql.never_null ? "(" + each.text + ")::INT" : each.text);
  sql.constant = false;
  if (sql.never_null) {
    sql.text = "(" + joined(texts, both ? " AND " : " OR ") + ")";
  } else {
    sql.text =
        both ? "(" + joined(texts, " * ") + ")::BOOLEAN" : "greatest(" + joined(texts, ", ") + ")";
  }
  return sql;
}

Sql Compiler::compare(const std::string& op, Sql left, Sql right) const {
  unify(left, right);
  Sql sql;
  sql.type = {kBool};
  sql.aggregate = left.aggregate || right.aggregate;
  sql.never_null = true;
  if (op == "==" || op == "!=") {
    sql.text =
        "(" + left.text + " IS " + (op == "==" ? "NOT " : "") + "DISTINCT FROM " + right.text + ")";
    return sql;
  }
  const std::string plain = left.text + " " + op + " " + right.text;
  if (!dialect_.null_as_min) {
    sql.never_null = false;
    sql.text = "(" + plain + ")";
    return sql;
  }
  if (right.constant && right.never_null) {
    sql.text = "coalesce(" + plain + ", " + (op[0] == '<' ? "true" : "false") + ")";
    return sql;
  }
  const bool swaps = op[0] == '>';
  const std::string& low = swaps ? right.text : left.text;
  const std::string& high = swaps ? left.text : right.text;
  const bool or_equal = op.size() == 2;
  sql.text = or_equal ? "(CASE WHEN " + low + " IS NULL THEN true WHEN " + high +
                            " IS NULL THEN false ELSE " + plain + " END)"
                      : "(CASE WHEN " + high + " IS NULL THEN false WHEN " + low +
                            " IS NULL THEN true ELSE " + plain + " END)";
  return sql;
}

Sql Compiler::arithmetic(const std::string& op, Sql left, Sql right) const {
  Sql sql;
  sql.aggregate = left.aggregate || right.aggregate;
  if (op == "+" && is_text(left.type.type) && is_text(right.type.type)) {
    const auto part = [&](const Sql& each) {
      return dialect_.null_text_is_empty ? "coalesce(" + each.text + ", '')" : each.text;
    };
    sql.type = {kString};
    sql.text = "nullif(" + part(left) + " || " + part(right) + ", '')";
    return sql;
  }
  Type result = kVoid;
  if (is_temporal_type(left.type.type) && is_temporal_type(right.type.type) && op == "-") {
    unify(left, right);
    result = width_of(left.type.type) == 8 ? kLong : kInt;
  } else if (is_temporal_type(left.type.type) && is_integer_type(right.type.type) &&
             (op == "+" || op == "-")) {
    result = left.type.type;
  } else if (is_integer_type(left.type.type) && is_integer_type(right.type.type)) {
    result = left.type.type == kLong || right.type.type == kLong ? kLong : kInt;
  } else if ((is_integer_type(left.type.type) || is_real_type(left.type.type)) &&
             (is_integer_type(right.type.type) || is_real_type(right.type.type)) && op != "%") {
    sql.type = {left.type.type == kDouble || right.type.type == kDouble ? kDouble : kFloat};
    const std::string divisor =
        op == "/" ? "nullif(" + cast(right.text, sql.type) + ", 0)" : cast(right.text, sql.type);
    sql.text = cast(cast(left.text, sql.type) + " " + op + " " + divisor, sql.type);
    return sql;
  } else {
    refuse_types(op, left, right);
  }
  const std::string a = "(" + left.text + ")::HUGEINT", b = "(" + right.text + ")::HUGEINT";
  std::string text = a + " " + op + " " + b;
  if (op == "/") text = "floored(" + a + ", " + b + ")";
  if (op == "%") text = "((" + a + " % " + b + ") + " + b + ") % " + b;
  sql.type = {result};
  const bool wide = width_of(result) == 8;
  sql.text = with_nulls((wide ? "wrapped(" : "wrapped32(") + text + ")", sql.type);
  return sql;
}

Sql Compiler::call(const Node& node) {
  static const std::string kComparisons = " == != < <= > >= ";
  const auto& arguments = node.arguments;
  if (node.text == "in") return contains(node);
  if (node.text == "[]") return index(node);
  if (node.text == "and" || node.text == "or" || node.text == "not") return logic(node);
  if (kComparisons.find(" " + node.text + " ") != std::string::npos)
    return compare(node.text, compile(arguments[0]), compile(arguments[1]));
  if (node.text.size() == 1 && std::string("+-*/%").find(node.text) != std::string::npos)
    return arithmetic(node.text, compile(arguments[0]), compile(arguments[1]));
  if (node.text == "mod" && arguments.size() == 2)
    return arithmetic("%", compile(arguments[0]), compile(arguments[1]));
  if (node.text == "neg") {
    Node zero;
    zero.value = make(kInt, 0);
    if (arguments[0].kind == Node::literal) return bind(constant(node));
    return arithmetic("-", compile(zero), compile(arguments[0]));
  }
  if (!is_function(node.text))
    throw std::runtime_error("Syntax Error: [line #1] Can't recognize function name " + node.text);
  std::vector<Sql> compiled;
  for (const Node& each : arguments) {
    if (each.kind == Node::name && each.text == "*") {
      compiled.push_back({.text = "*"});
    } else if (each.kind == Node::literal && is_text(each.value.type) && reads_literal(node.text)) {
      compiled.push_back({.text = {}, .type = {each.value.type}});
    } else {
      compiled.push_back(compile(each));
    }
  }
  const bool nested =
      std::any_of(compiled.begin(), compiled.end(), [](const Sql& each) { return each.aggregate; });
  Sql sql = apply_function(node.text, std::move(compiled), arguments, dialect_);
  sql.aggregate = sql.aggregate || nested;
  return sql;
}

/// A call; a long one is computed once, as a column of its own, however often it stands in a query.
/// SQL in SQL, doubled at each level, would take DuckDB minutes to read.
Sql Compiler::named(const Node& node) {
  constexpr std::size_t kLong = 150;
  if (!names_calls_ || is_condition(node)) return call(node);
  const std::string key = spelled(node);
  if (const auto found = named_.find(key); found != named_.end()) return found->second;
  Sql sql = call(node);
  if (sql.aggregate || sql.constant || sql.text.size() < kLong) return sql;
  const std::string name = duck::quoted(" call " + std::to_string(calls_.size()));
  calls_.push_back(sql.text + " AS " + name);
  sql.text = "r." + name;
  return named_[key] = sql;
}

Sql Compiler::compile(const Node& node) {
  switch (node.kind) {
    case Node::literal:
      return bind(node.value);
    case Node::name:
      return name(node.text);
    case Node::call:
      return named(node);
    case Node::list:
      return bind(constant(node));
    default:
      throw std::runtime_error("the stand-in knows no select within an expression");
  }
}

std::string Compiler::relation(const Value& table) {
  std::vector<std::string> columns;
  for (std::size_t i = 0; i < table.items.size(); ++i) {
    if (table.items[i].array || table.items[i].type == kAny)
      throw std::runtime_error("the stand-in selects from no variable with array vectors");
    columns.push_back("unnest(" + bind(table.items[i]).text + ") AS " +
                      duck::quoted(table.names[i]));
  }
  return "(SELECT " + joined(columns, ", ") + ")";
}

Query Compiler::value_of(const Node& node) {
  const Sql sql = compile(node);
  return {"SELECT " + cast(sql.text, sql.type), parameters_, {"value"}, {sql.type}};
}

Query Compiler::select(const Select& query, const std::string& relation) {
  Query out;
  names_calls_ = true;
  std::vector<std::string> items, conditions, groups, orders;
  std::map<std::string, std::string> aliases;
  const auto put = [&](const Item& item, const Sql& sql) {
    items.push_back(cast(sql.text, sql.type));
    out.names.push_back(title(item));
    out.types.push_back(sql.type);
    aliases[out.names.back()] = items.back();
  };
  // The columns of the groups come first.
  for (const Item& item : query.group) {
    const Sql sql = compile(item.expression);
    groups.push_back(std::to_string(groups.size() + 1));
    put(item, sql);
  }
  for (const Item& item : query.items) {
    if (item.expression.kind == Node::name && item.expression.text == "*") {
      for (const auto& [name, type] : columns_) {
        Item each;
        each.expression.kind = Node::name;
        each.expression.text = name;
        put(each, compile(each.expression));
      }
      continue;
    }
    if (!groups.empty() && aliases.count(title(item)) > 0) continue;
    put(item, compile(item.expression));
  }
  for (const Node& each : query.where) {
    const Sql sql = compile(each);
    if (sql.aggregate)
      throw std::runtime_error(
          "Aggregate or order-sensitive functions are not allowed in where. RefId: S02025");
    conditions.push_back(sql.text);
  }
  for (const auto& [node, descending] : query.order) {
    const bool known = node.kind == Node::name && aliases.count(node.text) > 0;
    orders.push_back((known ? aliases[node.text] : compile(node).text) +
                     (descending ? " DESC NULLS LAST" : " ASC NULLS FIRST"));
  }
  std::string rows = relation;
  for (const std::string& each : calls_) rows = "(SELECT *, " + each + " FROM " + rows + " r)";
  out.sql = "SELECT " + joined(items, ", ") + " FROM " + rows + " r";
  if (!conditions.empty()) out.sql += " WHERE " + joined(conditions, " AND ");
  if (!groups.empty()) out.sql += " GROUP BY " + joined(groups, ", ");
  if (!orders.empty()) out.sql += " ORDER BY " + joined(orders, ", ");
  if (!query.limit.empty())
    out.sql += " LIMIT " + std::to_string(constant(query.limit.back()).integer());
  if (query.limit.size() == 2)
    out.sql += " OFFSET " + std::to_string(constant(query.limit[0]).integer());
  out.parameters = parameters_;
  return out;
}

}  // namespace sluice::testing::dolphin
