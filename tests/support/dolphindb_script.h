// SPDX-License-Identifier: Apache-2.0
// The part of DolphinDB's language that its stand-in understands, as a tree: statements that end
// with a line or `;`, assignments, literals, calls, operators, indexing and select/exec. Written
// after docs.dolphindb.cn (Programming, SQL).
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/dolphindb_objects.h"

namespace sluice::testing::dolphin {

struct Select;

struct Node {
  enum Kind {
    literal,  ///< `value`
    name,     ///< of a column, a variable, a function, or `*`
    call,     ///< of `text`, a function or an operator ("+", "in", "not", "neg", "[]")
    list,     ///< [a, b]
    select,
    assign  ///< to `text`
  };
  Kind kind = literal;
  std::string text;
  Value value;
  std::vector<Node> arguments;
  std::vector<Select> query;  ///< none or one
};

struct Item {
  Node expression;
  std::string alias;  ///< empty: none was given
};

struct Select {
  bool exec = false;
  std::vector<Item> items;
  Node from;
  std::vector<Node> where;  ///< parted by commas
  std::vector<Item> group;
  std::vector<std::pair<Node, bool>> order;  ///< true: descending
  std::vector<Node> limit;                   ///< none, a count, or an offset and a count
};

/// What a DolphinDB would not understand either throws std::runtime_error with its text.
std::vector<Node> parse(std::string_view script);

/// A number, date or time as a script writes it, from `at` on, which then is behind it.
Value parse_literal(std::string_view text, std::size_t& at);
/// As nanotimestamp("2024.01.02T03:04:05.123456789") reads it; NULL where it is none.
Value parse_temporal(std::string_view text, Type type);

/// Days since 1970 of a date of the proleptic Gregorian calendar.
std::int64_t days_of(std::int64_t year, unsigned month, unsigned day);

}  // namespace sluice::testing::dolphin
