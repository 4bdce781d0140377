// SPDX-License-Identifier: Apache-2.0
// The changes of one table since the last checkpoint, readable in SQL: chunks in memory, and beyond
// what all tables may hold there, a temp table, so that DuckDB's memory limit holds.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "duck/appender.h"
#include "duck/table_function.h"
#include "feed/cells.h"

namespace sluice::feed {

/// What the stages of one sync hold in memory together.
struct Held {
  std::size_t most = 0;
  std::size_t bytes = 0;
};

/// Up to Batch::kMaxRows changes. A change's number is `first` and its row.
struct Block {
  duck::DataChunk chunk;                 ///< "op" (UTINYINT), then the columns
  std::optional<duck::DataChunk> given;  ///< one VARCHAR; none: no update is among them
  std::uint64_t first = 0;
  std::size_t rows = 0;
};

/// Its relation has "seq" (BIGINT, the change's number), "op", "given" and the columns. Used by one
/// thread; while it is read in SQL, nothing is written.
class Stage {
 public:
  /// What reads it in SQL; to be registered before.
  static constexpr const char* kFunction = "sluice_changes";
  /// `number`: of this stage among the connection's.
  Stage(duck::Connection& connection, Held& held, std::size_t number);
  ~Stage();
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  struct Column {
    std::string name, type;
    std::size_t width;  ///< bytes of a cell
  };
  /// Before the first change, and later: all columns, those before in their places, some wider.
  /// Returns the block that was open, whose rows are no longer its own: a row that has not ended is
  /// in it, and what that points at lives until the next call here.
  std::optional<Block> lay_out(std::vector<Column> columns);

  /// The block that is being written to; opened where there is none. Its vectors and its rows are
  /// the caller's to write.
  Block& block();
  /// Where its long texts are, and how many bytes of them.
  Arena& arena() noexcept { return spilling_ ? scratch_ : kept_; }
  std::size_t text_bytes() noexcept { return arena().bytes() - text_before_; }
  /// Of the block: "given", NULL in all rows where it did not have it yet.
  duckdb_vector given();
  /// The block is full, or no more will come.
  void close_block();

  std::uint64_t rows() const noexcept { return rows_; }  ///< in closed blocks
  /// After close_block(): what stands behind FROM, parentheses included where it needs them. Until
  /// something else is called here.
  std::string relation();
  /// All is done with.
  void clear();

 private:
  class Reader;
  class Changes;
  void count(std::size_t bytes) noexcept;
  void fill(const Block& block, std::size_t column, duckdb_vector vector) const;
  void spill(const Block& block);
  void spill_all();
  void close_appender();
  duck::DataChunk null_texts() const;

  duck::Connection& connection_;
  Held& held_;
  const std::string table_;
  std::vector<Column> columns_;
  std::vector<duck::LogicalType> types_;
  std::size_t block_bytes_ = 0;
  std::vector<Block> blocks_;  ///< closed, in memory
  std::optional<Block> open_;
  Arena kept_, scratch_, moved_;
  bool spilling_ = false;        ///< the open block goes to the temp table
  std::size_t text_before_ = 0;  ///< in the arena when the block was opened
  std::size_t counted_ = 0;      ///< what of Held::bytes is ours
  std::uint64_t rows_ = 0, spilled_ = 0;
  bool table_made_ = false;
  std::optional<duck::Appender> appender_;
  std::optional<duck::DataChunk> row_chunk_;  ///< for the appender
  std::optional<duck::DataChunk> nulls_;      ///< one VARCHAR, all NULL
  std::shared_ptr<Changes> changes_;
  std::optional<duck::ScanHandle> handle_;
};

}  // namespace sluice::feed
