// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <span>

#include "engine/attempts.h"
#include "engine/select.h"
#include "sluice/sync.h"

namespace sluice {

Preview preview(duck::Database& database, Source& source, const Table& discovered,
                const TableOptions& options, std::size_t rows) {
  duck::Connection connection = database.connect();
  prepare_connection(connection);
  register_scan(connection);
  const auto snapshot = source.snapshot(std::span(&discovered, 1));
  if (const auto* error = std::get_if<Error>(&snapshot->tables().front())) throw *error;
  Table table = shaped(std::get<Table>(snapshot->tables().front()), options, connection);
  ReaderBudget budget(1);
  std::atomic<StopLevel> stop{StopLevel::none};
  const ScanContext context{source, budget, stop};
  const auto read_rows = [&] {
    Read read;
    read.columns = table.columns;
    const Plan plan = source.plan(*snapshot, table, read);
    Relation relation(connection, context, *snapshot, plan);
    return relation.run("SELECT COLUMNS(*)::VARCHAR FROM " + relation.sql() + " LIMIT " +
                        std::to_string(rows));
  };
  std::optional<duck::Result> read;
  while (!read) {
    try {
      read = read_rows();
    } catch (const Error& error) {
      // As a first load would: such a column lands as text.
      const auto column = std::ranges::find(table.columns, error.column(), &Column::name);
      if (error.fault() != Fault::misfit || column == table.columns.end() ||
          column->misfit != Misfit::text || column->type == "VARCHAR")
        throw;
      column->type = "VARCHAR";
    }
  }
  const duck::Result& result = *read;
  Preview preview;
  preview.columns = table.columns;
  for (std::size_t row = 0; row < result.rows(); ++row) {
    auto& cells = preview.rows.emplace_back();
    for (std::size_t column = 0; column < result.columns(); ++column)
      cells.push_back(result.optional(row, column));
  }
  return preview;
}

}  // namespace sluice
