// SPDX-License-Identifier: Apache-2.0
// Rows into a temp table, a data chunk at a time.
#pragma once

#include <duckdb.h>

#include <memory>
#include <span>
#include <string>

#include "duck/duck.h"

namespace sluice::duck {

/// A data chunk of our own, of vectors of these types; its memory stays where it is.
class DataChunk {
 public:
  explicit DataChunk(std::span<const LogicalType> types);
  duckdb_data_chunk get() const noexcept { return chunk_.get(); }
  duckdb_vector vector(std::size_t column) const noexcept {
    return duckdb_data_chunk_get_vector(get(), column);
  }

 private:
  struct Destroy {
    void operator()(_duckdb_data_chunk* chunk) const noexcept { duckdb_destroy_data_chunk(&chunk); }
  };
  std::unique_ptr<_duckdb_data_chunk, Destroy> chunk_;
};

/// Appends to a temp table of `connection`. With preserve_insertion_order = false rowids are not in
/// the order of the calls. What close() has not returned for may be lost.
class Appender {
 public:
  Appender(Connection& connection, const std::string& temp_table);
  /// Copies the first `rows` rows, and what their strings point at.
  void append(const DataChunk& chunk, std::size_t rows);
  /// The table has all of them. Nothing is appended after this.
  void close();

 private:
  struct Destroy {
    void operator()(_duckdb_appender* appender) const noexcept;
  };
  void check(duckdb_state state) const;
  std::unique_ptr<_duckdb_appender, Destroy> appender_;
};

}  // namespace sluice::duck
