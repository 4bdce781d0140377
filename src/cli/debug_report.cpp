// SPDX-License-Identifier: Apache-2.0
#include "cli/debug_report.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "cli/log.h"
#include "cli/text.h"

namespace sluice::cli {

std::string calls_text(const DebugCalls& calls) {
  const std::array<std::pair<const char*, std::uint64_t>, 6> rows{
      {{"Upserts", calls.upserts},
       {"Updates", calls.updates},
       {"Deletes", calls.deletes},
       {"Truncates", calls.truncates},
       {"SchemaChanges", calls.schema_changes},
       {"Checkpoints", calls.checkpoints}}};
  std::string text = "Operation       | Calls\n----------------+------------\n";
  for (const auto& [name, count] : rows)
    text += fmt::format("{:<16}| {}\n", name, with_commas(count));
  return text;
}

DebugCalls calls_of(const RunResult& result) {
  DebugCalls calls;
  for (const Receipt& receipt : result.receipts) {
    calls.schema_changes += receipt.schema_changes;
    if (receipt.outcome != Outcome::done) continue;
    // A load behind the copy writes every row anew and deletes none.
    const bool anew = receipt.strategy == "load";
    calls.upserts += anew ? receipt.read : receipt.inserted + receipt.updated;
    calls.deletes += anew ? 0 : receipt.deleted;
  }
  return calls;
}

void DebugLog::table_started(const std::shared_ptr<const Progress>& progress) {
  log(Level::info, "Querying " + progress->table.name);
}

void DebugLog::commit(const TableName& table) {
  ++checkpoints_;
  committed_(table);
}

void DebugLog::unit_committed(const TableName& table, std::uint64_t rows_so_far) {
  log(Level::debug, "Processed " + std::to_string(rows_so_far) + " records for " + table.name);
  commit(table);
}

void DebugLog::published(const TableName& table) { commit(table); }

void DebugLog::table_finished(const Receipt& receipt) {
  const std::string& table = receipt.table.name;
  for (const std::string& note : receipt.notes) log(Level::debug, table + ": " + note);
  if (receipt.outcome != Outcome::done && receipt.outcome != Outcome::unchanged) {
    log(Level::warn, receipt.error);
    return;
  }
  log(Level::info, "Number of rows fetched: " + std::to_string(receipt.read));
  log(Level::info,
      "Processed " + std::to_string(receipt.inserted + receipt.updated) + " records for " + table);
  if (receipt.until) log(Level::info, "Checkpointed at " + *receipt.until);
}

void DebugLog::retrying(const std::string& why, std::chrono::milliseconds wait, int attempt) {
  log(Level::warn,
      why + "; attempt " + std::to_string(attempt) + " in " + std::to_string(wait.count()) + " ms");
}

void DebugLog::note(const std::string& line) { log(Level::debug, line); }

}  // namespace sluice::cli
