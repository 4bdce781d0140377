// SPDX-License-Identifier: Apache-2.0
// What `sluice debug` says: the log lines of the connectors' documents and the closing report.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "sluice/sync.h"

namespace sluice::cli {

/// The operations of a sync, as Fivetran's local tester counts them.
struct DebugCalls {
  std::uint64_t upserts = 0, updates = 0, deletes = 0, truncates = 0;
  std::uint64_t schema_changes = 0;  ///< copies that were made, or got or widened columns
  std::uint64_t checkpoints = 0;     ///< commits of rows with the state that belongs to them
};

/// The table of calls, with its line ends.
std::string calls_text(const DebugCalls& calls);
/// What the receipts say was written.
DebugCalls calls_of(const RunResult& result);

/// The lines that the connectors' documents show, and `committed` after each commit.
class DebugLog : public Observer {
 public:
  explicit DebugLog(std::function<void(const TableName&)> committed)
      : committed_(std::move(committed)) {}
  void table_started(const std::shared_ptr<const Progress>& progress) override;
  void unit_committed(const TableName& table, std::uint64_t rows_so_far) override;
  void published(const TableName& table) override;
  void table_finished(const Receipt& receipt) override;
  void retrying(const std::string& why, std::chrono::milliseconds wait, int attempt) override;
  void note(const std::string& line) override;
  std::uint64_t checkpoints() const { return checkpoints_; }

 private:
  void commit(const TableName& table);
  const std::function<void(const TableName&)> committed_;
  std::uint64_t checkpoints_ = 0;
};

}  // namespace sluice::cli
