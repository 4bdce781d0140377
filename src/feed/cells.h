// SPDX-License-Identifier: Apache-2.0
// One column of a chunk that values are written into, in DuckDB's physical form.
#pragma once

#include <duckdb.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "sluice/value.h"

namespace sluice::feed {

/// The bytes of long texts that cells point at. Once it has grown to what is needed, it allocates
/// nothing.
class Arena {
 public:
  const char* keep(std::string_view bytes);
  /// What was kept so far is no longer needed.
  void clear() noexcept;
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  static constexpr std::size_t kBlock = std::size_t{1} << 20;
  struct Block {
    std::unique_ptr<char[]> memory;
    std::size_t size = 0;
  };
  std::vector<Block> blocks_;
  std::size_t current_ = 0, used_ = 0, bytes_ = 0;
};

/// A view of one vector. NULL until it is written: valid() and null() say so per row.
struct Cells {
  sdk::DataType type;
  void* data = nullptr;
  std::uint64_t* validity = nullptr;
  std::size_t width = 0;  ///< bytes of a cell

  void bind(duckdb_vector vector, const sdk::DataType& holds);
  void set_null(std::size_t row) const { validity[row / 64] &= ~(std::uint64_t{1} << (row % 64)); }
  void set_valid(std::size_t row) const { validity[row / 64] |= std::uint64_t{1} << (row % 64); }
  bool is_valid(std::size_t row) const { return (validity[row / 64] >> (row % 64) & 1) != 0; }
  /// Takes the cell of another vector of the same type; the arena takes its long text.
  void copy(std::size_t row, const Cells& from, std::size_t from_row, Arena& arena) const;
};

/// Bytes of a cell.
std::size_t cell_width(const sdk::DataType& type);

/// Writes the value, as its column's type, to `row`. Returns null, or why it cannot be that: a
/// literal, to follow "cannot hold a text: ".
const char* write(const Cells& cells, std::size_t row, const sdk::Value& value, Arena& arena);
/// A string as DuckDB holds it: its bytes in itself, or in the arena.
void write_string(const Cells& cells, std::size_t row, std::string_view text, Arena& arena);
/// What a value is, for messages, which hold no row: "a text of 12 bytes".
std::string kind_of(const sdk::Value& value);

}  // namespace sluice::feed
