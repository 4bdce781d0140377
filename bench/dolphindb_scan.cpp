// SPDX-License-Identifier: Apache-2.0
// Decodes a table into DuckDB's vectors and writes it nowhere: `dolphindb_scan URL TABLE`. One
// thread, one reader. Prints how many rows there were.
#include <duckdb.h>

#include <cstdio>
#include <exception>
#include <numeric>
#include <string>
#include <vector>

#include "connectors/dolphindb/connector.h"
#include "duck/duck.h"

namespace {

std::uint64_t scan(const std::string& url, const std::string& name) {
  using sluice::Plan, sluice::Read, sluice::Table;
  const auto source = sluice::dolphindb::source(url);
  std::vector<Table> tables;
  for (const Table& each : source->discover({}).tables) {
    if (each.name.name == name) tables.push_back(each);
  }
  const auto snapshot = source->snapshot(tables);
  const Table table = std::get<Table>(snapshot->tables().at(0));
  Read read;
  read.columns = table.columns;
  const Plan plan = source->plan(*snapshot, table, read);
  sluice::duck::Database database;
  auto connection = database.connect();
  std::vector<std::string> names;
  for (const auto& each : table.columns) names.push_back(each.type);
  const auto types = connection.types(names);
  std::vector<duckdb_logical_type> raw;
  for (const auto& each : types) raw.push_back(each.get());
  duckdb_data_chunk chunk = duckdb_create_data_chunk(raw.data(), raw.size());
  std::vector<std::size_t> all(raw.size());
  std::iota(all.begin(), all.end(), 0U);
  const auto reader = source->reader(*snapshot, plan, all);
  std::uint64_t rows = 0;
  for (const auto& each : plan.chunks) {
    reader->start(each);
    for (bool more = true; more;) {
      duckdb_data_chunk_reset(chunk);
      sluice::Batch batch(chunk);
      more = reader->next(batch);
      rows += batch.size();
    }
  }
  duckdb_destroy_data_chunk(&chunk);
  return rows;
}

}  // namespace

int main(int count, char** arguments) try {
  if (count != 3) return 2;
  std::printf("%llu\n", static_cast<unsigned long long>(scan(arguments[1], arguments[2])));
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
