// SPDX-License-Identifier: Apache-2.0
// The rows of one call: DuckDB's own data chunk, filled in place. Used by one thread.
#pragma once

#include <duckdb.h>

#include <cstddef>
#include <cstdint>

namespace sluice {

/// A view of the data chunk that DuckDB handed over. Vector i holds the i-th projected column in
/// DuckDB's physical form (<duckdb.h> documents it per type). Text must be valid UTF-8, and the
/// unused bytes of a duckdb_string_t zero: DuckDB does not look, but for
/// duckdb_vector_assign_string_element_len(), which writes NULL for invalid text and says nothing
/// (duckdb_unsafe_.. of that name takes it as it is). A reader ends a batch at kMaxRows
/// rows, or earlier once it has added kMaxBytes of variable-length data, so that 200 MB values do
/// not meet 2,048 at a time.
class Batch {
 public:
  static constexpr std::size_t kMaxRows = 2048;  // DuckDB's vector size, checked at start-up
  static constexpr std::size_t kMaxBytes = std::size_t{8} << 20;
  /// Rows that DuckDB stores together. Chunks of just under a multiple of it leave no small groups.
  static constexpr std::size_t kRowGroup = 122'880;

  explicit Batch(duckdb_data_chunk chunk) noexcept
      : chunk_(chunk), width_(duckdb_data_chunk_get_column_count(chunk)) {}

  std::size_t width() const noexcept { return width_; }
  duckdb_vector vector(std::size_t column) const noexcept {
    return duckdb_data_chunk_get_vector(chunk_, column);
  }

  /// Rows filled so far. Set once, when the batch is done.
  void set_size(std::size_t rows) noexcept {
    size_ = rows;
    duckdb_data_chunk_set_size(chunk_, rows);
  }
  std::size_t size() const noexcept { return size_; }

  /// Bytes read from the source for this batch, and values that a `misfit: null` column dropped;
  /// for the receipt.
  std::uint64_t bytes = 0;
  std::uint64_t misfits = 0;

 private:
  duckdb_data_chunk chunk_;
  std::size_t width_;
  std::size_t size_ = 0;
};

}  // namespace sluice
