// SPDX-License-Identifier: Apache-2.0
// Objects as they travel: scalars, vectors, tables, dictionaries. Facts: DolphinDB's published
// protocol (docs.dolphindb.cn/zh/api/connapi_intro.html) and what its official clients accept.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "connectors/dolphindb/input.h"
#include "connectors/dolphindb/types.h"

namespace sluice::dolphindb {

enum class Form : std::uint8_t {
  scalar = 0,
  vector = 1,
  pair = 2,
  matrix = 3,
  set = 4,
  dictionary = 5,
  table = 6,
};

/// The texts that a symbol column's numbers stand for; the first is NULL.
using Symbols = std::vector<std::string>;

/// The values of a vector, packed as they travel, and where each is. Little-endian.
struct Cells {
  ColumnType type;
  std::uint64_t rows = 0;
  Buffer data;  ///< of symbols: int32 numbers; of texts and blobs: without their ends and lengths
  std::vector<std::uint64_t> ends;  ///< of texts and blobs: where in `data` each value ends; of
                                    ///< arrays: how many values there are up to the end of each
  std::shared_ptr<const Symbols> symbols;  ///< not null: every number in `data` is one of them

  /// In memory, but for the symbols, which columns may share.
  std::uint64_t bytes() const noexcept { return data.size() + ends.size() * sizeof ends[0]; }
  std::uint64_t begin_of(std::uint64_t row) const { return row == 0 ? 0 : ends[row - 1]; }
  /// Of a text, a blob or a symbol. Empty: NULL.
  std::string_view text(std::uint64_t row) const;
  /// Of an integer, a time or a boolean; none: NULL.
  std::optional<std::int64_t> number(std::uint64_t row) const;
};

struct Object {
  Form form = Form::scalar;
  Cells cells;                     ///< of a scalar (one row), a vector, a pair, a matrix
  std::vector<std::string> names;  ///< of a table's columns
  std::vector<Object> items;       ///< a table's columns, an ANY vector's elements, a
                                   ///< dictionary's keys and its values
  bool void_value() const { return form == Form::scalar && cells.type.type == Type::nothing; }

  /// A table's column, or a dictionary's value, by name; null: there is none.
  const Object* find(std::string_view name) const;
  /// Of vectors and scalars of text: all of them.
  std::vector<std::string> texts() const;
  /// Of vectors and scalars of integers: all of them; NULL is the least of 64 bits.
  std::vector<std::int64_t> numbers() const;
};

/// Symbol bases of one table, by the number that the server gave them.
using SymbolBases = std::vector<std::pair<std::int32_t, std::shared_ptr<const Symbols>>>;

/// Reads the two bytes that begin every object.
std::pair<int, Form> read_flag(Input& input);

/// What follows the flag of a vector, a column or a scalar of a plain type; `cells` is used again.
/// Throws Fault::data where it is no such thing, or more than `most` bytes, as Cells::bytes() and
/// for symbols each.
void read_vector(Input& input, int type, SymbolBases& bases, std::uint64_t most, Cells& cells);

/// A whole object of any form that a query or a function returns. Throws Fault::data for what is
/// none, is deeper than a catalog can be, or longer than `most` bytes.
Object read_object(Input& input, std::uint64_t most);

/// Objects to be sent: arguments of functions and bound values of a query.
Object text_scalar(const std::string& text);  ///< no NUL: it would end there
Object bool_scalar(bool value);
Object int_scalar(std::int64_t value, Type type = Type::int64);  ///< of any type of 1 to 8 bytes
Object text_vector(const std::vector<std::string>& texts);
/// Scalars and vectors of values, tables of those.
std::string bytes_of(const Object& object);

}  // namespace sluice::dolphindb
