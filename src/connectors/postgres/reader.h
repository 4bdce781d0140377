// SPDX-License-Identifier: Apache-2.0
// Reads chunks of one table by COPY in binary, under a snapshot that the session has joined.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connectors/postgres/row_decoder.h"
#include "connectors/postgres/snapshot.h"
#include "sluice/source.h"
#include "wire/rate_limit.h"

namespace sluice::postgres {

struct FreeMessage {
  void operator()(char* message) const noexcept { PQfreemem(message); }
};

class CopyReader : public Reader {
 public:
  /// `columns` in projection order. `select` gives the query that reads a chunk, its columns
  /// written by select_expression(). `rate` may be null. Borrows a session at the first start().
  CopyReader(std::shared_ptr<Sessions> sessions, std::vector<ReadColumn> columns,
             std::function<std::string(const Chunk&)> select,
             std::shared_ptr<wire::RateLimit> rate);
  ~CopyReader() override;
  CopyReader(const CopyReader&) = delete;
  CopyReader& operator=(const CopyReader&) = delete;

  void start(const Chunk& chunk) override;
  bool next(Batch& batch) override;
  void cancel() noexcept override { cancelled_.store(true, std::memory_order_relaxed); }

 private:
  PGconn* handle() const { return session_->handle(); }
  void test_cancelled();
  void wait_readable();
  void consume();
  ResultHandle result();
  enum class Message { fed, coming, none };
  Message next_message(Batch& batch);
  void end_copy();
  void pause();

  const std::shared_ptr<Sessions> sessions_;
  const std::vector<ReadColumn> columns_;
  const std::function<std::string(const Chunk&)> select_;
  const std::shared_ptr<wire::RateLimit> rate_;
  std::atomic<bool> cancelled_{false};
  std::unique_ptr<Connection> session_;
  std::optional<RowDecoder> decoder_;
  CopyStream stream_;
  std::unique_ptr<char, FreeMessage> message_;  // what stream_ looks at
  bool copying_ = false;
  std::chrono::microseconds owed_{0};  ///< to the rate
};

}  // namespace sluice::postgres
