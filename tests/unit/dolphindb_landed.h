// SPDX-License-Identifier: Apache-2.0
// A column's cells decoded into DuckDB's vectors, and what DuckDB then says that they are.
#pragma once

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "connectors/dolphindb/decode.h"
#include "dolphindb_bytes.h"
#include "duck/duck.h"
#include "sluice/batch.h"

namespace sluice::dolphindb {

inline duck::Connection& landing_place() {
  static duck::Database database;
  static duck::Connection connection = [] {
    duck::Connection made = database.connect();
    made.query("SET TimeZone = 'UTC'");
    return made;
  }();
  return connection;
}

struct Landed {
  std::vector<std::string> values;  ///< as DuckDB prints them
  std::string type;                 ///< as it names it
  std::uint64_t misfits = 0;
  bool operator==(const Landed&) const = default;
};

inline ReadColumn read_column(const ColumnType& type, const std::string& as,
                              Misfit misfit = Misfit::fail) {
  ReadColumn read;
  read.column.name = "v";
  read.column.type = as;
  read.column.misfit = misfit;
  read.type = type;
  return read;
}

/// Into the table `landed` (v), in batches of `most` rows; `catalog`: what the schema says it is.
inline Landed land_in_batches(const Cells& cells, const ColumnType& catalog, const std::string& as,
                              Misfit misfit, std::uint64_t most) {
  duck::Connection& duckdb = landing_place();
  duckdb.query("CREATE OR REPLACE TEMP TABLE landed (v " + as + ")");
  const auto types = duckdb.types(std::span(&as, 1));
  ColumnDecoder decoder(read_column(catalog, as, misfit));
  decoder.check(cells);
  duckdb_appender appender = nullptr;
  duckdb_appender_create(duckdb.handle(), nullptr, "landed", &appender);
  duckdb_logical_type type = types.front().get();
  Landed landed;
  bool appended = true;
  for (std::uint64_t first = 0; first < cells.rows && appended; first += most) {
    duckdb_data_chunk chunk = duckdb_create_data_chunk(&type, 1);
    std::size_t heap = 0;
    Batch batch(chunk);
    const std::uint64_t count = std::min(most, cells.rows - first);
    try {
      decoder.bind(batch.vector(0), heap);
      landed.misfits += decoder.decode(cells, first, count);
      decoder.finish();
      batch.set_size(count);
      const std::uint64_t before = first == 0 || !cells.type.array ? 0 : cells.ends[first - 1];
      if (cells.type.array && as.ends_with("[]") &&
          duckdb_list_vector_get_size(batch.vector(0)) != cells.ends[first + count - 1] - before)
        throw std::runtime_error("DuckDB is not told how many values the lists have");
      appended = duckdb_append_data_chunk(appender, chunk) == DuckDBSuccess;
    } catch (...) {
      duckdb_destroy_data_chunk(&chunk);
      duckdb_appender_destroy(&appender);
      throw;
    }
    duckdb_destroy_data_chunk(&chunk);
  }
  appended = duckdb_appender_destroy(&appender) == DuckDBSuccess && appended;
  if (!appended) throw std::runtime_error("DuckDB does not take the rows");
  const auto rows =
      duckdb.query("SELECT coalesce(v::VARCHAR, 'NULL'), typeof(v) FROM landed ORDER BY rowid");
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    landed.values.push_back(rows.text(i, 0));
    landed.type = rows.text(i, 1);
  }
  return landed;
}

/// The same in one batch and in several, or it throws.
inline Landed land(const Cells& cells, const std::string& as, Misfit misfit = Misfit::fail) {
  Landed landed = land_in_batches(cells, cells.type, as, misfit, 2);
  if (cells.rows <= Batch::kMaxRows &&
      landed != land_in_batches(cells, cells.type, as, misfit, Batch::kMaxRows))
    throw std::runtime_error("batches of two rows are not what one of all is");
  return landed;
}

/// As its type lands by default.
inline Landed land(const Cells& cells) { return land(cells, landed_type(cells.type)); }

/// The first row of the table `landed` for which this holds not; -1: for all of them it does.
inline std::int64_t row_without(const std::string& condition) {
  return landing_place()
      .query("SELECT coalesce(min(rowid), -1) FROM landed WHERE NOT coalesce(" + condition +
             ", false)")
      .integer(0, 0);
}

}  // namespace sluice::dolphindb
