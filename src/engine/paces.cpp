// SPDX-License-Identifier: Apache-2.0
#include "engine/paces.h"

namespace sluice {
namespace {

constexpr int kRunsLookedAt = 5;
/// Less is read in no time whatever the speed.
constexpr int kTelling = 1'000'000;

}  // namespace

Paces::Paces(duck::Connection& connection, const StateStore& states) {
  if (!states.present()) return;
  const std::string done = " FROM " + states.sql_name("run_tables") + " JOIN " +
                           states.sql_name("runs") +
                           " USING (run_id) WHERE connection = ? AND outcome = 'done'";
  const auto tables = connection.query(
      "SELECT source_schema, source_table, strategy, avg(seconds)::VARCHAR FROM (SELECT "
      "source_schema, source_table, strategy, seconds, row_number() OVER (PARTITION BY "
      "source_schema, source_table, strategy ORDER BY run_id "
      "DESC) AS nth" +
          done + ") WHERE nth <= " + std::to_string(kRunsLookedAt) + " GROUP BY ALL",
      {states.connection_name()});
  for (std::size_t i = 0; i < tables.rows(); ++i) {
    seconds_[{{tables.text(i, 0), tables.text(i, 1)}, tables.text(i, 2)}] =
        std::stod(tables.text(i, 3));
  }
  const auto speed =
      connection.query("SELECT (sum(bytes_read) / nullif(sum(seconds), 0))::VARCHAR" + done +
                           " AND bytes_read >= " + std::to_string(kTelling),
                       {states.connection_name()});
  if (!speed.null(0, 0)) bytes_a_second_ = std::stod(speed.text(0, 0));
}

std::optional<double> Paces::of(const TablePlan& plan) const {
  if (plan.reads.empty()) return std::nullopt;
  const auto same = seconds_.find({plan.table.name, plan.strategy});
  if (same != seconds_.end()) return same->second;
  if (bytes_a_second_ == 0 || plan.bytes == 0) return std::nullopt;
  return static_cast<double>(plan.bytes) / bytes_a_second_;
}

}  // namespace sluice
