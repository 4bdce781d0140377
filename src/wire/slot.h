// SPDX-License-Identifier: Apache-2.0
// One DuckDB vector that values are decoded into, with the vectors inside it.
#pragma once

#include <duckdb.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace sluice::wire {

using Byte = std::uint8_t;

struct Slot;

/// Why a value cannot be held by its column's type; null: it can. Literals.
using Reason = const char*;
inline constexpr Reason kRange = "outside its range";
inline constexpr Reason kInfinite = "it has no infinity";

/// Writes the value to `row`. Throws Fault::data where the bytes are no value of the type.
using Decode = Reason (*)(Slot& slot, const Byte* bytes, std::uint32_t size, std::uint64_t row);

struct Slot {
  enum class Shape { flat, list, structure };

  Decode decode = nullptr;
  void* data = nullptr;
  std::uint64_t* validity = nullptr;  ///< null: no NULL yet
  duckdb_vector vector = nullptr;
  std::size_t* heap_bytes = nullptr;  ///< variable-length data of the batch so far

  Shape shape = Shape::flat;
  int scale = 0;       ///< of a decimal or an integer that a numeric becomes
  __int128 least = 0;  ///< of the same
  __int128 most = 0;
  int depth = 1;               ///< of a list: dimensions from here down to the element
  std::uint64_t size = 0;      ///< of a list's child: rows in use
  std::uint64_t capacity = 0;  ///< likewise: rows there is room for
  std::vector<Slot> children;

  template <class T>
  T* values() const noexcept {
    return static_cast<T*>(data);
  }

  /// Points this slot at an empty vector of a new batch.
  void bind(duckdb_vector to, std::size_t& heap);
  /// Tells DuckDB how long the lists have become. Once, when the batch is done.
  void finish();

  void set_null(std::uint64_t row) {
    if (validity == nullptr) start_validity();
    validity[row / 64] &= ~(std::uint64_t{1} << (row % 64));
    if (shape != Shape::flat) null_inside(row);
  }
  /// For rows of lists and structs: such a row may have been used and given up before.
  void set_valid(std::uint64_t row) const noexcept {
    if (validity != nullptr) validity[row / 64] |= std::uint64_t{1} << (row % 64);
  }
  /// Makes room for `more` rows in a list's child.
  void reserve(std::uint64_t more);

  void set_string(std::uint64_t row, const Byte* bytes, std::uint32_t length) {
    if (length <= kInline) {
      duckdb_string_t& string = values<duckdb_string_t>()[row];
      std::memset(&string, 0, sizeof string);  // DuckDB compares the unused bytes too
      string.value.inlined.length = length;
      std::memcpy(string.value.inlined.inlined, bytes, length);
      return;
    }
    *heap_bytes += length;
    // The other function of that name drops invalid UTF-8 silently; validity is the decoders' work.
    duckdb_unsafe_vector_assign_string_element_len(vector, row,
                                                   reinterpret_cast<const char*>(bytes), length);
  }

 private:
  static constexpr std::uint32_t kInline = 12;
  void start_validity();
  void null_inside(std::uint64_t row);
  void refresh();
};

}  // namespace sluice::wire
