// SPDX-License-Identifier: Apache-2.0
#include "feed/stage.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "sluice/batch.h"

namespace sluice::feed {
namespace {

/// Columns of every relation before the table's own.
constexpr std::size_t kSeq = 0, kOp = 1, kGiven = 2, kOwn = 3;

std::vector<std::string> names_of(const std::vector<Stage::Column>& columns) {
  std::vector<std::string> names{"seq", "op", "given"};
  for (const Stage::Column& each : columns) names.push_back(each.name);
  return names;
}

std::vector<std::string> types_of(const std::vector<Stage::Column>& columns) {
  std::vector<std::string> types{"BIGINT", "UTINYINT", "VARCHAR"};
  for (const Stage::Column& each : columns) types.push_back(each.type);
  return types;
}

}  // namespace

/// The blocks in memory, as DuckDB's threads read them.
class Stage::Changes final : public duck::Scan {
 public:
  explicit Changes(const Stage& stage) : stage_(stage) {
    const auto names = names_of(stage.columns_);
    auto types = stage.connection_.types(types_of(stage.columns_));
    for (std::size_t i = 0; i < names.size(); ++i)
      columns_.push_back({names[i], std::move(types[i])});
  }
  const std::vector<Column>& columns() const override { return columns_; }
  std::uint64_t estimated_rows() const override { return stage_.rows_ - stage_.spilled_; }
  std::size_t max_threads() const override {
    return std::clamp<std::size_t>(stage_.blocks_.size() / kStride, 1, kMostThreads);
  }
  void begin() override { next_ = 0; }
  std::unique_ptr<duck::ScanThread> open(std::span<const std::size_t> projection) override;
  void failed(std::exception_ptr /*error*/) noexcept override {}

 private:
  friend Reader;
  static constexpr std::size_t kMostThreads = 64;
  /// Blocks that a thread takes at a time: neighbours belong into one row group.
  static constexpr std::size_t kStride = Batch::kRowGroup / Batch::kMaxRows / 2;
  const Stage& stage_;
  std::vector<Column> columns_;
  std::atomic<std::size_t> next_{0};
};

class Stage::Reader final : public duck::ScanThread {
 public:
  Reader(Changes& changes, std::span<const std::size_t> projection)
      : changes_(changes), projection_(projection.begin(), projection.end()) {}
  void fill(duckdb_data_chunk chunk) override {
    const std::vector<Block>& blocks = changes_.stage_.blocks_;
    if (at_ == end_) {
      at_ = changes_.next_.fetch_add(Changes::kStride);
      end_ = at_ + Changes::kStride;
    }
    if (at_ >= blocks.size()) {
      at_ = end_;
      duckdb_data_chunk_set_size(chunk, 0);
      return;
    }
    const Block& block = blocks[at_++];
    for (std::size_t i = 0; i < projection_.size(); ++i) {
      if (projection_[i] == duck::Scan::kNoColumn) continue;
      changes_.stage_.fill(block, projection_[i], duckdb_data_chunk_get_vector(chunk, i));
    }
    duckdb_data_chunk_set_size(chunk, block.rows);
  }

 private:
  Changes& changes_;
  const std::vector<std::size_t> projection_;
  std::size_t at_ = 0, end_ = 0;
};

std::unique_ptr<duck::ScanThread> Stage::Changes::open(std::span<const std::size_t> projection) {
  return std::make_unique<Reader>(*this, projection);
}

Stage::Stage(duck::Connection& connection, Held& held, std::size_t number)
    : connection_(connection), held_(held), table_("sluice_changes_" + std::to_string(number)) {}

Stage::~Stage() = default;

void Stage::count(std::size_t bytes) noexcept {
  counted_ += bytes;
  held_.bytes += bytes;
}

std::optional<Block> Stage::lay_out(std::vector<Column> columns) {
  std::optional<Block> old;
  if (open_) {
    if (open_->rows > 0 || rows_ > 0) spill_all();
    held_.bytes -= std::exchange(counted_, 0);
    old = std::exchange(open_, std::nullopt);
    moved_ = std::exchange(arena(), {});
  }
  if (table_made_) {
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const Column& each = columns[i];
      const bool added = i >= columns_.size();
      if (!added && columns_[i].type == each.type) continue;
      connection_.query(
          "ALTER TABLE temp." + duck::quoted(table_) +
          (added ? " ADD COLUMN " + each.name + " " : " ALTER " + each.name + " TYPE ") +
          each.type);
    }
  }
  columns_ = std::move(columns);
  std::vector<std::string> types{"UTINYINT"};
  block_bytes_ = Batch::kMaxRows;
  for (const Column& each : columns_) {
    types.push_back(each.type);
    block_bytes_ += Batch::kMaxRows * each.width;
  }
  types_ = connection_.types(types);
  handle_.reset();
  changes_.reset();
  row_chunk_.reset();
  return old;
}

Block& Stage::block() {
  if (open_) return *open_;
  spilling_ = held_.bytes + block_bytes_ > held_.most;
  open_.emplace(Block{duck::DataChunk(types_), std::nullopt});
  count(block_bytes_);
  text_before_ = arena().bytes();
  return *open_;
}

duckdb_vector Stage::given() {
  if (!open_->given) {
    open_->given.emplace(null_texts());
    count(Batch::kMaxRows * sizeof(duckdb_string_t));
  }
  return open_->given->vector(0);
}

void Stage::close_block() {
  if (!open_ || open_->rows == 0) return;
  open_->first = rows_;
  rows_ += open_->rows;
  if (spilling_) {
    spill(*open_);
    open_->rows = 0;
    open_->given.reset();
    scratch_.clear();
    text_before_ = 0;
  } else {
    count(text_bytes());
    blocks_.push_back(std::move(*open_));
    open_.reset();
  }
}

void Stage::fill(const Block& block, std::size_t column, duckdb_vector vector) const {
  if (column == kSeq) {
    auto* const numbers = static_cast<std::int64_t*>(duckdb_vector_get_data(vector));
    for (std::size_t i = 0; i < block.rows; ++i)
      numbers[i] = static_cast<std::int64_t>(block.first + i);
  } else if (column == kGiven) {
    duckdb_vector_reference_vector(vector, (block.given ? *block.given : *nulls_).vector(0));
  } else {
    duckdb_vector_reference_vector(vector, block.chunk.vector(column == kOp ? 0 : column - kGiven));
  }
}

void Stage::spill(const Block& block) {
  if (!table_made_) {
    const auto names = names_of(columns_), types = types_of(columns_);
    std::string list;
    for (std::size_t i = 0; i < names.size(); ++i)
      list += (i == 0 ? "" : ", ") + names[i] + " " + types[i];
    connection_.query("CREATE OR REPLACE TEMP TABLE " + duck::quoted(table_) + " (" + list + ")");
    table_made_ = true;
  }
  if (!nulls_) nulls_.emplace(null_texts());
  if (!row_chunk_) row_chunk_.emplace(connection_.types(types_of(columns_)));
  if (!appender_) appender_.emplace(connection_, table_);
  for (std::size_t i = 0; i < kOwn + columns_.size(); ++i) fill(block, i, row_chunk_->vector(i));
  appender_->append(*row_chunk_, block.rows);
  spilled_ += block.rows;
}

/// What is closed, and the rows of the open block that have ended.
void Stage::spill_all() {
  for (const Block& each : blocks_) spill(each);
  if (open_->rows > 0) {
    open_->first = rows_;
    rows_ += open_->rows;
    spill(*open_);
  }
  close_appender();
  blocks_.clear();
  (spilling_ ? kept_ : scratch_).clear();
}

void Stage::close_appender() {
  if (!appender_) return;
  appender_->close();
  appender_.reset();
}

std::string Stage::relation() {
  close_appender();
  const std::string spilled = "temp." + duck::quoted(table_);
  if (blocks_.empty() && spilled_ > 0) return spilled;
  if (!nulls_) nulls_.emplace(null_texts());
  if (!changes_) {
    changes_ = std::make_shared<Changes>(*this);
    handle_.emplace(changes_);
  }
  const std::string held =
      std::string(kFunction) + "(" + std::to_string(handle_->id()) + "::UBIGINT)";
  if (spilled_ == 0) return held;
  return "(SELECT * FROM " + spilled + " UNION ALL BY NAME SELECT * FROM " + held + ")";
}

duck::DataChunk Stage::null_texts() const {
  duck::DataChunk texts(connection_.types(std::array<std::string, 1>{"VARCHAR"}));
  Cells cells;
  cells.bind(texts.vector(0), {sdk::Type::string});
  std::memset(cells.validity, 0, Batch::kMaxRows / 8);
  return texts;
}

void Stage::clear() {
  if (table_made_) connection_.query("DROP TABLE temp." + duck::quoted(table_));
  table_made_ = spilling_ = false;
  blocks_.clear();
  open_.reset();
  kept_ = {};
  scratch_ = {};
  moved_ = {};
  held_.bytes -= std::exchange(counted_, 0);
  rows_ = spilled_ = 0;
}

}  // namespace sluice::feed
