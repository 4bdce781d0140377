// SPDX-License-Identifier: Apache-2.0
// A DuckDB file as a source: tables, plans, and the rows that a plan's relation has.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "contract/duckdb_files.h"

namespace sluice {

class DuckdbSource : public test::DuckdbFiles {
 protected:
  /// With the replication key that the engine would choose.
  static Table table_of(Source& source, const TableName& name) {
    Catalog catalog = source.discover(std::vector{name});
    for (Table& table : catalog.tables) {
      if (table.name != name) continue;
      if (table.column("updated_at") != nullptr) table.replication_key = "updated_at";
      return table;
    }
    ADD_FAILURE() << name.text() << " was not discovered";
    return {};
  }

  static Plan plan_of(Source& source, const Table& table, Read read = {}) {
    const auto snapshot = source.snapshot(std::vector{table});
    if (read.columns.empty()) read.columns = table.columns;
    return source.plan(*snapshot, table, read);
  }

  static Read only(std::vector<Column> columns) {
    Read read;
    read.columns = std::move(columns);
    return read;
  }
  static Read since(std::string from) {
    Read read;
    read.from = std::move(from);
    return read;
  }
  static Read keyed(std::vector<std::vector<std::string>> keys) {
    Read read;
    read.keys = std::move(keys);
    return read;
  }

  /// The rows of a relation, each as one text, in no order.
  std::multiset<std::string> rows(const std::string& relation) {
    duck::Connection connection = database_.connect();
    connection.query("SET TimeZone = 'UTC'");
    const duck::Result result =
        connection.query("SELECT CAST(COLUMNS(*) AS VARCHAR) FROM " + relation);
    std::multiset<std::string> all;
    for (std::size_t i = 0; i < result.rows(); ++i) {
      std::string row;
      for (std::size_t j = 0; j < result.columns(); ++j) {
        row += (j > 0 ? "|" : "") + result.optional(i, j).value_or("NULL");
      }
      all.insert(row);
    }
    return all;
  }

  using Rows = std::multiset<std::string>;
};

}  // namespace sluice
