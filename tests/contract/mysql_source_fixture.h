// SPDX-License-Identifier: Apache-2.0
// A MySQL source of a database of the test's own, and what it reads.
#pragma once

#include <duckdb.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "connectors/mysql/connector.h"
#include "connectors/mysql/snapshot.h"
#include "support/mysql_test.h"

namespace sluice {

class MysqlSourceTest : public testing::MysqlTest {
 protected:
  static mysql::SourceOptions hasty() {
    mysql::SourceOptions options;
    options.lock_timeout_s = 1;
    return options;
  }
  std::unique_ptr<Source> source(const std::string& user = "root") const {
    return mysql::source(db->socket_url(user), hasty());
  }
  /// A user of this test's own with these rights, "SELECT ON shop.*".
  std::string user(const std::string& rights, const std::string& suffix = "") const {
    std::string name = "u" + suffix + db->name().substr(db->name().size() - 8);
    db->server().create_user(name, "its own", rights);
    return name;
  }
  std::string all_tables() const { return db->name() + ".*"; }
  const Table& find(const Catalog& catalog, const std::string& name) const {
    for (const Table& each : catalog.tables) {
      if (each.name == TableName{db->name(), name}) return each;
    }
    throw std::runtime_error(name + " was not found");
  }
  /// Of the snapshot, with the replication key that the engine would choose.
  Table table_of(const Snapshot& snapshot, const std::string& name) const {
    for (const auto& each : snapshot.tables()) {
      if (const Table* found = std::get_if<Table>(&each);
          found != nullptr && found->name.name == name) {
        Table table = *found;
        if (table.column("updated_at") != nullptr) table.replication_key = "updated_at";
        return table;
      }
    }
    throw std::runtime_error(name + " is not in the snapshot");
  }
  /// Of the first column, which lands as BIGINT, whatever else the table has.
  static Plan plan_of(Source& source, Snapshot& snapshot, const Table& table, Read read = {}) {
    if (read.columns.empty()) read.columns = {table.columns[0]};
    return source.plan(snapshot, table, read);
  }
  /// "count sum" of what these chunks bring.
  static std::string totals(Source& source, Snapshot& snapshot, const Plan& plan) {
    const std::vector<std::size_t> projection{0};
    const auto reader = source.reader(snapshot, plan, projection);
    std::uint64_t rows = 0;
    std::int64_t sum = 0;
    duckdb_logical_type type = duckdb_create_logical_type(DUCKDB_TYPE_BIGINT);
    duckdb_data_chunk data = duckdb_create_data_chunk(&type, 1);
    for (const Chunk& chunk : plan.chunks) {
      reader->start(chunk);
      for (bool more = true; more;) {
        duckdb_data_chunk_reset(data);
        Batch batch(data);
        more = reader->next(batch);
        const auto* values =
            static_cast<const std::int64_t*>(duckdb_vector_get_data(batch.vector(0)));
        for (std::size_t row = 0; row < batch.size(); ++row) sum += values[row];
        rows += batch.size();
      }
    }
    duckdb_destroy_data_chunk(&data);
    duckdb_destroy_logical_type(&type);
    return std::to_string(rows) + " " + std::to_string(sum);
  }
  std::string totals(Source& source, Snapshot& snapshot, const std::string& table,
                     Read read = {}) const {
    return totals(source, snapshot,
                  plan_of(source, snapshot, table_of(snapshot, table), std::move(read)));
  }
  /// A table of the rows 1 to `rows`, of which each is some 20 kB, so that few make many chunks.
  /// `key`: columns and primary key; `values`: the key's values, made of `i`.
  void make_wide(const std::string& columns, const std::string& values, int rows = 4000) const {
    db->make_seq(rows);
    db->exec("CREATE TABLE t (n bigint NOT NULL, " + columns +
             ", pad longtext); INSERT INTO t SELECT i, " + values +
             ", repeat('x', 20000) FROM seq ORDER BY i; ANALYZE TABLE t");
  }
};

}  // namespace sluice
