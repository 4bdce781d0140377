// SPDX-License-Identifier: Apache-2.0
// Bytes as a DolphinDB sends them, and what the connector reads in them, as text. The stand-in's
// encoder writes those that no client was caught sending: it shares nothing with the connector.
#pragma once

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "connectors/dolphindb/object.h"
#include "connectors/dolphindb/text.h"
#include "support/dolphindb_objects.h"

namespace sluice::dolphindb {

namespace dolphin = sluice::testing::dolphin;

constexpr std::uint64_t kRoom = std::uint64_t{64} << 20;  // more than any object of a test needs

/// An object that DolphinDB's own client sent or has read; `index.tsv`: what each of them is.
inline std::string golden(const std::string& name) {
  std::stringstream bytes;
  bytes << std::ifstream(SLUICE_SOURCE "/tests/golden/dolphindb/" + name, std::ios::binary).rdbuf();
  return bytes.str();
}

inline std::vector<std::string> golden_names() {
  std::vector<std::string> names;
  std::istringstream index(golden("index.tsv"));
  for (std::string line; std::getline(index, line);)
    names.push_back(line.substr(0, line.find('\t')));
  return names;
}

/// Numbers as they stand in memory, which is as they travel.
template <class T>
std::string packed(const std::vector<T>& values) {
  std::string bytes;
  for (const T& each : values) bytes.append(reinterpret_cast<const char*>(&each), sizeof each);
  return bytes;
}

/// A vector of a type of fixed width.
inline std::string vector_of(dolphin::Type type, const std::string& bytes, int scale = 0) {
  dolphin::Value value;
  value.type = type;
  value.form = dolphin::vector;
  value.rows = static_cast<std::int32_t>(bytes.size() / dolphin::width_of(type));
  value.scale = scale;
  value.bytes = bytes;
  return dolphin::encode(value);
}

inline std::string array_of(dolphin::Type type, const std::vector<std::uint32_t>& counts,
                            const std::string& bytes, int scale = 0) {
  dolphin::Value value;
  value.type = type;
  value.form = dolphin::vector;
  value.array = true;
  value.rows = static_cast<std::int32_t>(counts.size());
  value.cols = static_cast<std::int32_t>(bytes.size() / dolphin::width_of(type));
  value.scale = scale;
  value.counts = counts;
  value.bytes = bytes;
  return dolphin::encode(value);
}

inline void expect_none_left(const Memory& memory) {
  if (memory.left() > 0) throw std::runtime_error(std::to_string(memory.left()) + " bytes left");
}

/// Of a vector, flag and all.
inline Cells cells_of(const std::string& bytes, std::uint64_t most = kRoom) {
  Memory memory(reinterpret_cast<const Byte*>(bytes.data()), bytes.size());
  const auto [type, form] = read_flag(memory);
  if (form != Form::vector) throw std::runtime_error("no vector");
  Cells cells;
  SymbolBases bases;
  read_vector(memory, type, bases, most, cells);
  expect_none_left(memory);
  return cells;
}

inline Object object_of(const std::string& bytes, std::uint64_t most = kRoom) {
  Memory memory(reinterpret_cast<const Byte*>(bytes.data()), bytes.size());
  Object object = read_object(memory, most);
  expect_none_left(memory);
  return object;
}

/// "1", "NULL", "[1, NULL]" of an array, and a text in quotes.
inline std::string printed_cell(const Cells& cells, std::uint64_t row) {
  const Type type = cells.type.type;
  if (type == Type::nothing) return "NULL";
  if (is_text(type) || type == Type::blob) {
    const std::string_view text = cells.text(row);
    return text.empty() ? "NULL" : "\"" + std::string(text) + "\"";
  }
  const auto value = [&](std::uint64_t at) {
    const Byte* const bytes = cells.data.data() + at * width(type);
    return is_null(type, bytes) ? "NULL" : text_of({type, false, cells.type.scale}, bytes);
  };
  if (!cells.type.array) return value(row);
  std::string list;
  for (std::uint64_t i = cells.begin_of(row); i < cells.ends[row]; ++i)
    list += (list.empty() ? "" : ", ") + value(i);
  return "[" + list + "]";
}

/// "INT -7", "LONG [1, NULL]", "ANY (LONG 1; VOID NULL)", "{a: INT [1]; b: STRING [NULL]}".
inline std::string printed(const Object& object) {
  const Cells& cells = object.cells;
  std::string list;
  if (!object.items.empty() || cells.type.type == Type::any) {
    for (std::size_t i = 0; i < object.items.size(); ++i) {
      const std::string name = i < object.names.size() ? object.names[i] + ": " : "";
      list += (i == 0 ? "" : "; ") + name + printed(object.items[i]);
    }
    if (object.form == Form::vector) return "ANY (" + list + ")";
    if (object.form == Form::table) return "{" + list + "}";
    if (object.form != Form::matrix) return (object.form == Form::set ? "set " : "map ") + list;
    list += "; ";
  }
  if (object.form == Form::scalar) {
    const std::string value = object.void_value() ? "NULL" : printed_cell(cells, 0);
    return name_of(cells.type) + " " + value;
  }
  std::string values;
  for (std::uint64_t i = 0; i < cells.rows; ++i)
    values += (i == 0 ? "" : ", ") + printed_cell(cells, i);
  if (object.form == Form::matrix) list = "matrix " + list;
  if (object.form == Form::pair) list = "pair ";
  return list + name_of(cells.type) + " [" + values + "]";
}

}  // namespace sluice::dolphindb
