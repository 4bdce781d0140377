// SPDX-License-Identifier: Apache-2.0
// What `sluice debug` says: the log lines of the connectors' documents and the closing report.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "sluice/sync.h"

namespace sluice::cli {

/// The operations of a sync, as Fivetran's local tester counts them.
struct DebugCalls {
  std::uint64_t upserts = 0, updates = 0, deletes = 0, truncates = 0;
  std::uint64_t schema_changes = 0;  ///< copies that were made, or got or widened columns
  std::uint64_t checkpoints = 0;     ///< commits of rows with the state that belongs to them
};

/// The last that is said of a sync, on standard output: the calls, what failed, how it ended.
/// Errors beside the tables go to standard error. Returns `code`.
int debug_report(const DebugCalls& calls, const RunResult& result, int code);

/// The lines that the connectors' documents show, `committed` after each commit, and the calls:
/// rows that were written, of each attempt.
class DebugLog : public Observer {
 public:
  explicit DebugLog(std::function<void(const TableName&)> committed)
      : committed_(std::move(committed)) {}
  void reading(const TableName& table, const std::optional<std::string>& from,
               const std::optional<std::string>& until) override;
  void unit_committed(const TableName& table, std::uint64_t rows_so_far) override;
  void published(const TableName& table) override;
  void table_finished(const Receipt& receipt) override;
  void retrying(const std::string& why, std::chrono::milliseconds wait, int attempt) override;
  void note(const std::string& line) override;
  const DebugCalls& calls() const { return calls_; }

 private:
  void commit(const TableName& table);
  const std::function<void(const TableName&)> committed_;
  DebugCalls calls_;
};

}  // namespace sluice::cli
