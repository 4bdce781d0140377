// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <map>
#include <set>
#include <stdexcept>

#include "support/dolphindb_sql.h"

namespace sluice::testing::dolphin {
namespace {

constexpr std::int64_t kDayOfNs = 86'400'000'000'000;
/// Nanoseconds of a unit: of days and what is finer since 1970, and of times of day.
const std::map<Type, std::int64_t> kSince1970 = {
    {kDate, kDayOfNs},          {kDatehour, 3'600'000'000'000}, {kDateminute, 60'000'000'000},
    {kDatetime, 1'000'000'000}, {kTimestamp, 1'000'000},        {kNanotimestamp, 1}};
const std::map<Type, std::int64_t> kOfDay = {
    {kMinute, 60'000'000'000}, {kSecond, 1'000'000'000}, {kTime, 1'000'000}, {kNanotime, 1}};
const std::map<std::string, Type> kCasts = {
    {"bool", kBool},           {"char", kChar},
    {"short", kShort},         {"int", kInt},
    {"long", kLong},           {"float", kFloat},
    {"double", kDouble},       {"symbol", kSymbol},
    {"string", kString},       {"date", kDate},
    {"month", kMonth},         {"datetime", kDatetime},
    {"timestamp", kTimestamp}, {"nanotimestamp", kNanotimestamp},
    {"datehour", kDatehour},   {"time", kTime},
    {"nanotime", kNanotime},   {"second", kSecond},
    {"minute", kMinute},       {"uuid", kUuid},
    {"int128", kInt128}};
const std::set<std::string> kAggregates = {"count", "sum", "min", "max", "avg", "first", "last"};
const std::set<std::string> kOthers = {
    "isNull", "isValid", "iif",    "abs",  "floor", "md5", "lowLong",  "highLong",
    "bar",    "bitAnd",  "rshift", "log2", "pow",   "mod", "isNanInf", "strlen"};

[[noreturn]] void refuse_call(const std::string& name, const std::vector<Sql>& arguments) {
  std::string text;
  for (const Sql& each : arguments) text += (text.empty() ? "" : ", ") + text_of(each.type);
  throw std::runtime_error("the stand-in does not know " + name + "(" + text + ")");
}

std::string huge(const std::string& text) { return "(" + text + ")::HUGEINT"; }
std::string number(std::int64_t value) { return std::to_string(value) + "::HUGEINT"; }

/// SQL of the digits of a time of day: a number of nanoseconds, of which `digits` are shown.
std::string clock_text(const std::string& ns, int digits) {
  const auto part = [&](std::int64_t unit, std::int64_t of) {
    return "((" + ns + " // " + number(unit) + ") % " + number(of) + ")::BIGINT";
  };
  std::string text = "printf('%02d:%02d:%02d', " + part(3'600'000'000'000, 24) + ", " +
                     part(60'000'000'000, 60) + ", " + part(1'000'000'000, 60) + ")";
  if (digits == 3) text += " || printf('.%03d', " + part(1'000'000, 1000) + ")";
  if (digits == 9) text += " || printf('.%09d', " + part(1, 1'000'000'000) + ")";
  return "(" + text + ")";
}

std::string day_text(const std::string& days) {
  return "strftime(DATE '1970-01-01' + (" + days + ")::INTEGER, '%Y.%m.%d')";
}

/// As DolphinDB prints a value; SQL of a text, NULL where the value is.
std::string printed(const Sql& value) {
  const Type type = value.type.type;
  const std::string& x = value.text;
  if (is_text(type)) return x;
  if (type == kBool) return "CASE WHEN " + x + " THEN '1' ELSE '0' END";
  if (is_integer_type(type) && type != kChar) return "(" + x + ")::VARCHAR";
  if (is_decimal(type) || type == kUuid) return "(" + x + ")::VARCHAR";
  if (type == kInt128)
    return "printf('%016x%016x', ((" + x + ") >> 64)::UBIGINT, ((" + x +
           ") & 18446744073709551615::UHUGEINT)::UBIGINT)";
  if (type == kIpaddr) return "dolphin_address(" + x + ")";
  if (type == kMonth)
    return "printf('%04d.%02dM', (" + x + " // 12)::BIGINT, (" + x + " % 12 + 1)::BIGINT)";
  if (const auto unit = kOfDay.find(type); unit != kOfDay.end()) {
    const std::string ns = huge(x) + " * " + number(unit->second);
    if (type == kMinute) return clock_text("(" + ns + ")", 0) + "[:5] || 'm'";
    return clock_text("(" + ns + ")", type == kTime ? 3 : type == kNanotime ? 9 : 0);
  }
  if (const auto unit = kSince1970.find(type); unit != kSince1970.end()) {
    const std::string ns = "(" + huge(x) + " * " + number(unit->second) + ")";
    const std::string day = "floored(" + ns + ", " + number(kDayOfNs) + ")";
    if (type == kDate) return day_text(day);
    const std::string rest = "(" + ns + " - " + day + " * " + number(kDayOfNs) + ")";
    const std::string clock = clock_text(rest, type == kTimestamp       ? 3
                                               : type == kNanotimestamp ? 9
                                                                        : 0);
    return day_text(day) + " || 'T' || " + (type == kDatehour ? clock + "[:2]" : clock);
  }
  refuse_call("string", {value});
}

Sql integer_of(const Sql& from, Type to) {
  Sql sql{.text = from.text, .type = {to}};
  const std::int64_t bits = static_cast<std::int64_t>(width_of(to)) * 8;
  const std::string limit =
      bits == 64 ? "9223372036854775808" : std::to_string(std::int64_t{1} << (bits - 1));
  if (is_real_type(from.type.type)) {
    // Half away from zero; what no value stands for is NULL.
    sql.text = "(CASE WHEN abs(round(" + from.text + ")) < " + limit + "::DOUBLE THEN round(" +
               from.text + ")::" + stored_as(sql.type) + " END)";
    return sql;
  }
  if (!is_integer_type(from.type.type) && !is_temporal_type(from.type.type))
    refuse_call(name_of(to), {from});
  sql.text = width_of(from.type.type) > width_of(to)
                 ? "(CASE WHEN abs(" + huge(from.text) + ") < " + limit + "::HUGEINT THEN (" +
                       from.text + ")::" + stored_as(sql.type) + " END)"
                 : cast(from.text, sql.type);
  return sql;
}

Sql cast_to(const std::string& name, const Sql& from, const Node& node) {
  const Type to = kCasts.at(name);
  const Type type = from.type.type;
  const Sql null{.text = "NULL::" + stored_as({to}), .type = {to}, .constant = true};
  if (type == kVoid) return null;
  if (to == kString || to == kSymbol) {
    return {.text = "(" + printed(from) + ")", .type = {to}};
  }
  if (is_text(type) && node.kind == Node::literal && is_temporal_type(to)) {
    const Value read = parse_temporal(node.value.text(), to);
    if (read.null(0)) return null;
    return {.text = cast(std::to_string(read.integer()), {to}),
            .type = {to},
            .never_null = true,
            .constant = true};
  }
  if (is_text(type) && node.kind == Node::literal && to == kUuid)
    return {.text = duck::literal(node.value.text()) + "::UUID",
            .type = {to},
            .never_null = true,
            .constant = true};
  if (is_text(type) && node.kind == Node::literal && to == kInt128)
    return {.text = "int128(" + duck::literal(node.value.text()) + ")",
            .type = {to},
            .never_null = true,
            .constant = true};
  if (type == to) return from;
  if (is_temporal_type(to)) {
    // Of a number: so many of its units.
    if (is_integer_type(type))
      return {.text = with_nulls(cast(from.text, {to}), {to}),
              .type = {to},
              .never_null = from.never_null,
              .constant = from.constant};
    return converted(from, to);
  }
  if (is_integer_type(to) && to != kBool) return integer_of(from, to);
  if (to == kBool && (is_integer_type(type) || is_real_type(type)))
    return {.text = "(" + from.text + ") != 0", .type = {to}};
  if (is_real_type(to) && (is_integer_type(type) || is_real_type(type)))
    return {.text = cast(from.text, {to}), .type = {to}};
  refuse_call(name, {from});
}

Sql aggregate(const std::string& name, const Sql& of, const Dialect& dialect) {
  Sql sql{.text = name + "(" + of.text + ")", .type = of.type};
  sql.aggregate = true;
  const Type type = of.type.type;
  if (name == "count") {
    sql.type = {dialect.long_counts ? kLong : kInt};
    sql.never_null = true;
  } else if (name == "sum" && is_integer_type(type)) {
    sql.type = {kLong};
    sql.text = with_nulls("wrapped(sum(" + huge(of.text) + "))", sql.type);
  } else if (name == "avg" || name == "sum") {
    if (!is_integer_type(type) && !is_real_type(type)) refuse_call(name, {of});
    sql.type = {kDouble};
    sql.text = name + "((" + of.text + ")::DOUBLE)";
  }
  return sql;
}

/// X - X % interval, rounded to negative infinity.
Sql bar(const Sql& of, const Node& interval, const Sql& compiled) {
  std::string step = huge(compiled.text);
  if (compiled.type.type == kDuration) {
    static const std::array<std::int64_t, 8> kUnits = {
        1,        1'000,       1'000'000, 1'000'000'000, 60'000'000'000, 3'600'000'000'000,
        kDayOfNs, 7 * kDayOfNs};
    const auto unit = kSince1970.find(of.type.type);
    if (unit == kSince1970.end()) refuse_call("bar", {of, compiled});
    const std::string& bytes = interval.value.bytes;
    const std::int64_t ns = unpacked(bytes.substr(0, 4)) *
                            kUnits.at(static_cast<std::size_t>(unpacked(bytes.substr(4, 4))));
    if (ns < unit->second) refuse_call("bar", {of, compiled});
    step = number(ns / unit->second);
  } else if (!is_integer_type(compiled.type.type)) {
    refuse_call("bar", {of, compiled});
  }
  return {.text = cast("floored(" + huge(of.text) + ", " + step + ") * " + step, of.type),
          .type = of.type};
}

/// A half of 16 bytes, as a LONG.
Sql half(const std::string& name, const Sql& of) {
  Sql sql{.text = {}, .type = {kLong}};
  if (of.type.type == kUuid) {
    const std::string hex = "replace((" + of.text + ")::VARCHAR, '-', '')";
    sql.text = "('0x' || " + hex + (name == "lowLong" ? "[17:32]" : "[1:16]") + ")::UBIGINT";
  } else if (of.type.type == kInt128 || of.type.type == kIpaddr) {
    sql.text = name == "lowLong" ? "((" + of.text + ") & 18446744073709551615::UHUGEINT)"
                                 : "((" + of.text + ") >> 64)";
  } else {
    refuse_call(name, {of});
  }
  sql.text = with_nulls("wrapped(" + huge(sql.text) + ")", sql.type);
  return sql;
}

Sql real_function(const std::string& name, const std::vector<Sql>& of) {
  for (const Sql& each : of)
    if (!is_integer_type(each.type.type) && !is_real_type(each.type.type)) refuse_call(name, of);
  const std::string x = "(" + of[0].text + ")::DOUBLE";
  if (name == "pow")
    return {.text = "pow(" + x + ", (" + of.at(1).text + ")::DOUBLE)", .type = {kDouble}};
  if (name == "log2")
    return {.text = "(CASE WHEN " + x + " > 0 THEN log2(" + x + ") WHEN " + x +
                    " = 0 THEN '-Infinity'::DOUBLE END)",
            .type = {kDouble}};
  // floor
  Sql whole{.text = "floor(" + x + ")", .type = {kDouble}};
  return is_real_type(of[0].type.type) ? integer_of(whole, kLong) : of[0];
}

}  // namespace

bool is_function(const std::string& name) {
  return kCasts.count(name) + kAggregates.count(name) + kOthers.count(name) > 0;
}

bool reads_literal(const std::string& name) {
  const auto found = kCasts.find(name);
  return found != kCasts.end() &&
         (is_temporal_type(found->second) || found->second == kUuid || found->second == kInt128);
}

Sql converted(const Sql& from, Type to) {
  const Type type = from.type.type;
  if (type == to) return from;
  Sql sql = from;
  sql.type = {to};
  const auto since = kSince1970.find(type), to_since = kSince1970.find(to);
  const auto of_day = kOfDay.find(type), to_of_day = kOfDay.find(to);
  const auto end = kSince1970.end();
  const auto scaled = [&](std::int64_t unit, std::int64_t into) {
    return unit >= into ? huge(from.text) + " * " + number(unit / into)
                        : "floored(" + huge(from.text) + ", " + number(into / unit) + ")";
  };
  if (since != end && to_since != end) {
    sql.text = cast(scaled(since->second, to_since->second), sql.type);
  } else if (of_day != kOfDay.end() && to_of_day != kOfDay.end()) {
    sql.text = cast(scaled(of_day->second, to_of_day->second), sql.type);
  } else if (since != end && to_of_day != kOfDay.end()) {
    const std::string ns = huge(from.text) + " * " + number(since->second);
    sql.text = cast("floored(((" + ns + " % " + number(kDayOfNs) + ") + " + number(kDayOfNs) +
                        ") % " + number(kDayOfNs) + ", " + number(to_of_day->second) + ")",
                    sql.type);
  } else if (since != end && to == kMonth) {
    const std::string day =
        "(DATE '1970-01-01' + (" + scaled(since->second, kDayOfNs) + ")::INTEGER)";
    sql.text = cast("year(" + day + ") * 12 + month(" + day + ") - 1", sql.type);
  } else if (type == kMonth && to_since != end) {
    const std::string days = "(make_date((" + from.text + " // 12)::INTEGER, (" + from.text +
                             " % 12 + 1)::INTEGER, 1) - DATE '1970-01-01')";
    sql.text = cast(huge(days) + " * " + number(kDayOfNs / to_since->second), sql.type);
  } else {
    refuse_call(name_of(to), {from});
  }
  return sql;
}

void unify(Sql& left, Sql& right) {
  const Type a = left.type.type, b = right.type.type;
  if (left.type.array || right.type.array) refuse_call("compare", {left, right});
  if (a == b || a == kVoid || b == kVoid || (is_text(a) && is_text(b))) return;
  const auto is_number = [](Type type) {
    return is_integer_type(type) || is_real_type(type) || is_decimal(type);
  };
  if (is_number(a) && is_number(b)) return;
  for (const auto* units : {&kSince1970, &kOfDay}) {
    const auto of_a = units->find(a), of_b = units->find(b);
    if (of_a == units->end() || of_b == units->end()) continue;
    if (of_a->second > of_b->second) {
      left = converted(left, b);
    } else {
      right = converted(right, a);
    }
    return;
  }
  refuse_call("compare", {left, right});
}

Sql apply_function(const std::string& name, std::vector<Sql> of, const std::vector<Node>& nodes,
                   const Dialect& dialect) {
  static const std::map<std::string, std::size_t> kArity = {
      {"iif", 3}, {"bar", 2}, {"bitAnd", 2}, {"rshift", 2}, {"pow", 2}};
  const auto arity = kArity.find(name);
  if (of.size() != (arity == kArity.end() ? 1 : arity->second)) refuse_call(name, of);
  if (kCasts.count(name) > 0) return cast_to(name, of[0], nodes[0]);
  if (kAggregates.count(name) > 0) return aggregate(name, of[0], dialect);
  const Type type = of[0].type.type;
  if (name == "isNull" || name == "isValid")
    return {.text = "(" + of[0].text + (name == "isNull" ? " IS NULL)" : " IS NOT NULL)"),
            .type = {kBool},
            .never_null = true};
  if (name == "iif") {
    unify(of[1], of[2]);
    ColumnType result = of[1].type.type == kVoid ? of[2].type : of[1].type;
    const Type other = of[2].type.type;
    if ((is_integer_type(other) || is_real_type(other)) && other > result.type &&
        !is_decimal(result.type))
      result = of[2].type;
    return {.text = "(CASE WHEN " + of[0].text + " THEN " + cast(of[1].text, result) + " ELSE " +
                    cast(of[2].text, result) + " END)",
            .type = result};
  }
  if (name == "abs" && (is_integer_type(type) || is_real_type(type)))
    return {.text = cast("abs(" + of[0].text + ")", of[0].type), .type = of[0].type};
  if (name == "isNanInf" && is_real_type(type))
    return {.text = "coalesce(isnan(" + of[0].text + ") OR isinf(" + of[0].text + "), false)",
            .type = {kBool},
            .never_null = true};
  if (name == "md5" && is_text(type))
    return {.text = (dialect.md5_reversed ? "dolphin_md5_reversed(" : "dolphin_md5(") + of[0].text +
                    ")",
            .type = {kInt128}};
  if (name == "strlen" && is_text(type))  // in bytes
    return {.text = "strlen(coalesce(" + of[0].text + ", ''))::INTEGER", .type = {kInt}};
  if (name == "lowLong" || name == "highLong") return half(name, of[0]);
  if (name == "bar") return bar(of[0], nodes[1], of[1]);
  if ((name == "bitAnd" || name == "rshift") && is_integer_type(type) &&
      is_integer_type(of[1].type.type)) {
    const Type wider =
        type == kLong || (name == "bitAnd" && of[1].type.type == kLong) ? kLong : kInt;
    const std::string a = cast(of[0].text, {wider}), b = cast(of[1].text, {wider});
    // Of negative numbers the sign stays: what C++ does, though the documentation is silent.
    const std::string text = name == "bitAnd" ? a + " & " + b : a + " >> " + b;
    return {.text = with_nulls(cast(text, {wider}), {wider}), .type = {wider}};
  }
  if (name == "log2" || name == "pow" || name == "floor") return real_function(name, of);
  refuse_call(name, of);
}

}  // namespace sluice::testing::dolphin
