// SPDX-License-Identifier: Apache-2.0
#include "engine/run_log.h"

#include <unistd.h>

#include "sluice/version.h"

namespace sluice {
namespace {

std::string text_or_null(const std::string& text) {
  return text.empty() ? "NULL" : duck::literal(text);
}

std::string row_sql(const std::string& run, const Receipt& receipt) {
  std::string notes = "[";
  for (const std::string& note : receipt.notes)
    notes += (notes.size() > 1 ? ", " : "") + duck::literal(note);
  if (receipt.verified)
    notes += (notes.size() > 1 ? ", " : "") + duck::literal(verified_text(*receipt.verified));
  notes += "]::VARCHAR[]";
  const auto number = [](std::uint64_t n) { return std::to_string(n); };
  return "(" + duck::literal(run) + ", " + duck::literal(receipt.table.schema) + ", " +
         duck::literal(receipt.table.name) + ", " + duck::literal(receipt.target) + ", " +
         duck::literal(outcome_name(receipt.outcome)) + ", " + duck::literal(receipt.strategy) +
         ", " + duck::literal(receipt.guarantee) + ", " + number(receipt.read) + ", " +
         number(receipt.inserted) + ", " + number(receipt.updated) + ", " +
         number(receipt.deleted) + ", " + number(receipt.misfits) + ", " + number(receipt.bytes) +
         ", " + std::to_string(receipt.seconds) + ", " + text_or_null(receipt.instant) + ", " +
         (receipt.until ? duck::literal(*receipt.until) : "NULL") + ", " + notes + ", " +
         text_or_null(receipt.error) + ", " + text_or_null(receipt.hint) + ")";
}

}  // namespace

std::string RunLog::begin(const std::string& source) {
  const auto id = connection_.query(
      "SELECT strftime(now() AT TIME ZONE 'UTC', '%Y%m%dT%H%M%S.%g') || ? || '-' || "
      "(SELECT count(*) FROM " +
          states_.sql_name("runs") + ")",
      {"Z"});
  connection_.query(
      "INSERT INTO " + states_.sql_name("runs") + " VALUES (?, ?, ?, now(), NULL, NULL, NULL, ?)",
      {id.text(0, 0), states_.connection_name(), source, kVersionText});
  return id.text(0, 0);
}

void RunLog::end(const RunResult& result, int exit_code, const std::string& error) {
  duck::Transaction transaction(connection_);
  std::string rows;
  for (const Receipt& receipt : result.receipts)
    rows += (rows.empty() ? "" : ", ") + row_sql(result.id, receipt);
  if (!rows.empty())
    connection_.query("INSERT INTO " + states_.sql_name("run_tables") + " VALUES " + rows);
  correct(result.id, exit_code, error);
  transaction.commit();
}

void RunLog::correct(const std::string& run, int exit_code, const std::string& error) {
  connection_.query(
      "UPDATE " + states_.sql_name("runs") +
          " SET finished_at = now(), exit_code = ?, error = ? WHERE run_id = ?",
      {std::to_string(exit_code), error.empty() ? std::nullopt : std::optional(error), run});
}

}  // namespace sluice
