// SPDX-License-Identifier: Apache-2.0
// A CSV file that DuckDB reads from a pipe, so that it needs neither a file of its own nor memory.
#pragma once

#include <atomic>
#include <exception>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "serve/bytes.h"

namespace sluice::serve {

/// The header is read at once, the records by whoever opens path(), once. One thread.
class PipedCsv {
 public:
  explicit PipedCsv(std::unique_ptr<Bytes> bytes);
  PipedCsv(const PipedCsv&) = delete;
  PipedCsv& operator=(const PipedCsv&) = delete;
  ~PipedCsv();

  /// Names, in the file's order.
  const std::vector<std::string>& header() const noexcept { return header_; }
  /// "\n" or "\r\n", as the header's line ended.
  const std::string& line_end() const noexcept { return line_end_; }
  bool has_records() const noexcept { return !rest_.empty(); }
  /// What reads as the records. A thread of ours writes them from here on, as they are asked for.
  std::string path();
  /// After they were read without an error: throws what ended them early, of which the reader has
  /// seen no more than an end.
  void finish();
  /// After they were read with an error: throws what ended them early, where that is the reason.
  void blame();

 private:
  bool more();
  void read_header();
  void feed(int to) noexcept;
  void stop() noexcept;

  std::unique_ptr<Bytes> bytes_;
  std::string rest_;  ///< read, and not of the header
  std::vector<std::string> header_;
  std::string line_end_ = "\n";
  int read_end_ = -1;
  std::thread writer_;
  std::atomic<bool> whole_{false};
  std::exception_ptr failure_;  ///< written by the thread, read when it has ended
};

}  // namespace sluice::serve
