// SPDX-License-Identifier: Apache-2.0
// Reads chunks of one table, block by block as they arrive.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "connectors/dolphindb/decode.h"
#include "connectors/dolphindb/discovery.h"
#include "connectors/dolphindb/sessions.h"
#include "connectors/dolphindb/statement.h"
#include "sluice/source.h"
#include "wire/rate_limit.h"

namespace sluice::dolphindb {

class BlockReader : public Reader {
 public:
  /// `columns` in projection order; `query` makes the statement of a chunk. `rate` may be null.
  BlockReader(std::shared_ptr<Sessions> sessions, bool in_memory, std::uint64_t fetch_size,
              const std::vector<ReadColumn>& columns, std::function<Query(const Chunk&)> query,
              std::shared_ptr<wire::RateLimit> rate);
  ~BlockReader() override;
  BlockReader(const BlockReader&) = delete;
  BlockReader& operator=(const BlockReader&) = delete;

  void start(const Chunk& chunk) override;
  bool next(Batch& batch) override;
  void cancel() noexcept override { cancelled_.store(true, std::memory_order_relaxed); }

 private:
  bool next_block(Batch& batch);
  std::uint64_t rows_that_fit(std::uint64_t most) const;
  bool pause();

  const std::shared_ptr<Sessions> sessions_;
  const bool in_memory_;
  const std::uint64_t fetch_size_;
  const std::function<Query(const Chunk&)> query_;
  const std::shared_ptr<wire::RateLimit> rate_;
  std::vector<ColumnDecoder> decoders_;
  std::atomic<bool> cancelled_{false};
  std::unique_ptr<Session> session_;  ///< while a chunk is read
  Query wanted_;                      ///< of the chunk that was started, and not asked for yet
  bool asked_ = false;
  Block block_;
  std::uint64_t at_ = 0;               ///< rows of the block that were delivered
  std::chrono::microseconds owed_{0};  ///< to the rate
};

/// Reads sums of digests instead of rows: a few rows for each chunk, in digest_columns()' shape.
class DigestReader : public Reader {
 public:
  struct Asked {
    Query query;         ///< its answer has the columns of DigestItems
    bool nulls = false;  ///< all of it is the bucket Buckets::kNulls
  };
  /// `query` makes the statement of a chunk.
  DigestReader(std::shared_ptr<Sessions> sessions, const Shape& shape,
               std::function<Asked(const Chunk&)> query, std::vector<std::size_t> projection);

  void start(const Chunk& chunk) override;
  bool next(Batch& batch) override;
  void cancel() noexcept override { cancelled_.store(true, std::memory_order_relaxed); }

 private:
  const std::shared_ptr<Sessions> sessions_;
  const Shape& shape_;
  const std::function<Asked(const Chunk&)> query_;
  const std::vector<std::size_t> projection_;
  std::atomic<bool> cancelled_{false};
  Asked asked_;
  bool answered_ = false;
  std::vector<std::int64_t> buckets_, rows_, low_, high_;
  std::size_t at_ = 0;
};

}  // namespace sluice::dolphindb
