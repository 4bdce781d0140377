// SPDX-License-Identifier: Apache-2.0
#include "cli/debug_report.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "cli/log.h"
#include "cli/render.h"
#include "cli/report.h"
#include "cli/text.h"

namespace sluice::cli {

namespace {

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

}  // namespace

int debug_report(const DebugCalls& calls, const RunResult& result, int code) {
  if (result.error) report_error(shown(*result.error));
  if (code == 0) log(Level::info, "Sync completed successfully.");
  print(calls_text(calls) + failures_text(result, Screen::of(STDOUT_FILENO)) +
        (code == 0 ? "Sync SUCCEEDED\n" : "Sync FAILED\n"));
  return code;
}

void DebugLog::reading(const TableName& table, const std::optional<std::string>& from,
                       const std::optional<std::string>& until) {
  std::string stretch;
  if (from || until) stretch = " from " + from.value_or("the start");
  if (until) stretch += " to " + *until;
  log(Level::info, "Querying " + table.name + stretch);
}

void DebugLog::commit(const TableName& table) {
  ++calls_.checkpoints;
  committed_(table);
}

void DebugLog::unit_committed(const TableName& table, std::uint64_t rows_so_far) {
  log(Level::debug, "Processed " + std::to_string(rows_so_far) + " records for " + table.name);
  commit(table);
}

void DebugLog::published(const TableName& table) { commit(table); }

void DebugLog::table_finished(const Receipt& receipt) {
  // A load writes rows that stay, whatever becomes of it, and deletes none: it is behind the copy.
  const bool loads = receipt.strategy == "load" || receipt.strategy == "resume";
  const bool done = receipt.outcome == Outcome::done;
  const std::uint64_t written = loads ? receipt.loaded : receipt.inserted + receipt.updated;
  if (loads || done) calls_.upserts += written;
  if (!loads && done) calls_.deletes += receipt.deleted;
  if (!loads || done) calls_.schema_changes += receipt.schema_changes;
  const std::string& table = receipt.table.name;
  for (const std::string& note : receipt.notes) log(Level::debug, table + ": " + note);
  if (!done && receipt.outcome != Outcome::unchanged) {
    log(Level::warn, receipt.error);
    return;
  }
  log(Level::info, "Number of rows fetched: " + std::to_string(receipt.read));
  log(Level::info, "Processed " + std::to_string(written) + " records for " + table);
  if (receipt.until) log(Level::info, "Checkpointed at " + *receipt.until);
}

void DebugLog::retrying(const std::string& why, std::chrono::milliseconds wait, int attempt) {
  log(Level::warn,
      why + "; attempt " + std::to_string(attempt) + " in " + std::to_string(wait.count()) + " ms");
}

void DebugLog::note(const std::string& line) { log(Level::debug, line); }

}  // namespace sluice::cli
