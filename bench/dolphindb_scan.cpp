// SPDX-License-Identifier: Apache-2.0
// Decodes a table into DuckDB's vectors and writes it nowhere: `dolphindb_scan URL TABLE
// READERS`, each on a thread of its own. Prints how many rows there were.
#include <duckdb.h>

#include <atomic>
#include <cstdio>
#include <exception>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "connectors/dolphindb/connector.h"
#include "duck/duck.h"

namespace {

std::uint64_t scan(const std::string& url, const std::string& name, std::size_t readers) {
  using sluice::Plan, sluice::Read, sluice::Table;
  const auto source = sluice::dolphindb::source(url);
  std::vector<Table> tables;
  for (const Table& each : source->discover({}).tables) {
    if (each.name.name == name) tables.push_back(each);
  }
  const auto snapshot = source->snapshot(tables);
  Table table = std::get<Table>(snapshot->tables().at(0));
  table.replication_key.clear();  // the stand-in takes seconds to find the highest one
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
  std::vector<std::size_t> all(raw.size());
  std::iota(all.begin(), all.end(), 0U);
  std::atomic<std::size_t> next{0};
  std::atomic<std::uint64_t> rows{0};
  const auto work = [&] {
    duckdb_data_chunk chunk = duckdb_create_data_chunk(raw.data(), raw.size());
    const auto reader = source->reader(*snapshot, plan, all);
    for (std::size_t i = next++; i < plan.chunks.size(); i = next++) {
      reader->start(plan.chunks[i]);
      for (bool more = true; more;) {
        duckdb_data_chunk_reset(chunk);
        sluice::Batch batch(chunk);
        more = reader->next(batch);
        rows += batch.size();
      }
    }
    duckdb_destroy_data_chunk(&chunk);
  };
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 1; i < readers; ++i) threads.emplace_back(work);
    work();
  }
  return rows;
}

}  // namespace

int main(int count, char** arguments) try {
  if (count != 4) return 2;
  std::printf("%llu\n", static_cast<unsigned long long>(
                            scan(arguments[1], arguments[2], std::stoul(arguments[3]))));
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
