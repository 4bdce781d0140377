// SPDX-License-Identifier: Apache-2.0
// The sessions that read under one snapshot. They were opened with it: none can join it later.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "connectors/mysql/connection.h"

namespace sluice::mysql {

/// For any thread; outlives the Snapshot with its borrowers.
class Sessions {
 public:
  void add(std::unique_ptr<Connection> session);
  /// An idle one; null: there was none in that time. Throws Fault::connection once all of them are
  /// lost: the instant cannot be read any more.
  std::unique_ptr<Connection> borrow(std::chrono::milliseconds wait);
  /// A broken one is closed, and missing from then on.
  void give_back(std::unique_ptr<Connection> session) noexcept;
  /// Closes the idle ones. The others are closed as they come back.
  void close() noexcept;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool closed_ = false;
  std::size_t living_ = 0;  ///< idle or borrowed
  std::vector<std::unique_ptr<Connection>> idle_;
};

}  // namespace sluice::mysql
