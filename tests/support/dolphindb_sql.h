// SPDX-License-Identifier: Apache-2.0
// DolphinDB's expressions and selects as DuckDB's SQL over values as dolphindb_rows.h stores them.
// What DolphinDB's documentation leaves open is refused with "the stand-in does not know ..", so
// that nothing is built upon a guess.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "support/dolphindb_rows.h"
#include "support/dolphindb_script.h"

namespace sluice::testing::dolphin {

/// An expression. Its SQL has the type that stored_as(type) names.
struct Sql {
  std::string text;
  ColumnType type = {};
  bool never_null = false;
  bool constant = false;  ///< a literal or a variable
  bool aggregate = false;
};

struct Dialect {
  /// Server setting nullAsMinValueForComparison.
  bool null_as_min = true;
  /// count() is LONG, as of newer servers; else INT.
  bool long_counts = true;
  /// Whether "a" + string(NULL) is "a"; else NULL. Documented for neither.
  bool null_text_is_empty = true;
  /// md5()'s first byte is the least significant of its INT128; else the most significant, as
  /// int128("hex") reads digests. Which halves lowLong() takes is not documented.
  bool md5_reversed = false;
};

class Compiler {
 public:
  using Columns = std::vector<std::pair<std::string, ColumnType>>;
  /// nullptr: there is no such variable.
  using Variables = std::function<const Value*(const std::string&)>;
  Compiler(Dialect dialect, Columns columns, Variables variables)
      : dialect_(dialect), columns_(std::move(columns)), variables_(std::move(variables)) {}

  Sql compile(const Node& node);
  /// `relation`: SQL of a subquery that has the columns.
  Query select(const Select& query, const std::string& relation);
  /// SQL of a subquery that has the rows of a variable.
  std::string relation(const Value& table);
  /// The row of one value.
  Query value_of(const Node& node);
  /// The elements of a literal list or a vector that a node is.
  Value constant(const Node& node) const;

 private:
  friend class Functions;
  Sql bind(const Value& value);
  Sql name(const std::string& name);
  Sql index(const Node& node);
  Sql contains(const Node& node);
  Sql logic(const Node& node);
  Sql compare(const std::string& op, Sql left, Sql right) const;
  Sql arithmetic(const std::string& op, Sql left, Sql right) const;
  Sql call(const Node& node);
  Sql named(const Node& node);

  Dialect dialect_;
  Columns columns_;
  Variables variables_;
  std::vector<Bound> parameters_;
  bool names_calls_ = false;
  std::vector<std::string> calls_;    ///< "SQL AS name", one may stand on those before it
  std::map<std::string, Sql> named_;  ///< by what is spelled alike
};

/// Functions of one or more values (dolphindb_functions.cpp). Throws where there is none such.
Sql apply_function(const std::string& name, std::vector<Sql> arguments,
                   const std::vector<Node>& nodes, const Dialect& dialect);
bool is_function(const std::string& name);
/// Whether it reads a text that stands in the script, which then is no parameter.
bool reads_literal(const std::string& name);

bool is_temporal_type(Type type);
bool is_integer_type(Type type);  ///< BOOL to LONG
bool is_real_type(Type type);
/// As the functions date(), timestamp() .. convert: to a coarser unit by rounding down.
Sql converted(const Sql& from, Type to);
/// Both of the finer of two times' types, or the wider of two numbers'.
void unify(Sql& left, Sql& right);
std::string cast(const std::string& text, const ColumnType& type);

}  // namespace sluice::testing::dolphin
