// SPDX-License-Identifier: Apache-2.0
// COPY .. TO STDOUT (FORMAT binary), row by row into DuckDB's vectors.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "connectors/postgres/codec.h"
#include "connectors/postgres/copy_stream.h"
#include "connectors/postgres/snapshot.h"
#include "sluice/source.h"

namespace sluice::postgres {

/// Bytes per second that all readers of a source may take together. For any thread.
class RateLimit {
 public:
  explicit RateLimit(std::uint64_t bytes_per_second) : rate_(bytes_per_second) {}
  /// How long to wait before reading on, after having read `bytes`.
  std::chrono::microseconds spend(std::uint64_t bytes);

 private:
  const std::uint64_t rate_;
  std::mutex mutex_;
  std::chrono::steady_clock::time_point free_at_;
};

/// A column as it travels.
struct ReadColumn {
  Column column;
  WireType wire;
  bool key = false;  ///< of the primary key: shown in messages
};

class CopyReader : public Reader {
 public:
  /// `select` gives the statement that reads a chunk. `rate` may be null.
  CopyReader(std::shared_ptr<Sessions> sessions, std::vector<ReadColumn> columns,
             std::function<std::string(const Chunk&)> select, std::shared_ptr<RateLimit> rate);
  ~CopyReader() override;
  CopyReader(const CopyReader&) = delete;
  CopyReader& operator=(const CopyReader&) = delete;

  void start(const Chunk& chunk) override;
  bool next(Batch& batch) override;
  void cancel() noexcept override { cancelled_ = true; }

 private:
  void decode_row(Batch& batch, std::size_t row);
  void misfit(Batch& batch, std::size_t column, std::size_t row, Decoder::Verdict why);
  void wait_for_server();
  void finish();
  [[noreturn]] void stop_statement();
  void pause_for_rate(std::uint64_t bytes);

  const std::shared_ptr<Sessions> sessions_;
  const std::vector<ReadColumn> columns_;
  const std::function<std::string(const Chunk&)> select_;
  const std::shared_ptr<RateLimit> rate_;
  std::unique_ptr<Connection> session_;
  std::vector<Decoder> decoders_;
  std::vector<Slot> slots_;
  CopyStream stream_;
  std::atomic<bool> cancelled_{false};
};

}  // namespace sluice::postgres
