// SPDX-License-Identifier: Apache-2.0
// The tables of what stands in for a DolphinDB, and what they are told to be.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/dolphindb_rows.h"

namespace sluice::testing {

struct DolphindbPartition {
  std::string column;
  std::string kind = "VALUE";  ///< or RANGE, HASH, LIST
  /// VALUE: a vector of some values, of the type that the column is converted to ("date(ts)" for
  /// DATEs); RANGE: of bounds; HASH: a scalar, the number of buckets; LIST: ANY of vectors.
  dolphin::Value scheme = {};
};

struct DolphindbTable {
  std::string database = {};  ///< "dfs://trades"; empty: a table in memory, shared by its name
  std::string name;
  struct Column {
    std::string name, type;  ///< "NANOTIMESTAMP", "DECIMAL64(4)", "DOUBLE[]"
    std::string comment = {};
  };
  std::vector<Column> columns;
  std::vector<DolphindbPartition> partitions = {};  ///< none: a dimension table
  std::string engine = "TSDB";                      ///< OLAP, TSDB, PKEY
  std::vector<std::string> sort_columns = {};
  std::string keep_duplicates = "ALL";  ///< FIRST and LAST are applied when rows are read
  std::vector<std::string> primary_key = {};

  std::string full_name() const { return database.empty() ? name : database + "/" + name; }
  std::string stored_name() const;  ///< in SQL
  /// SQL of its rows as a client sees them.
  std::string relation() const;
  std::vector<std::pair<std::string, dolphin::ColumnType>> types() const;
  /// What schema() answers.
  dolphin::Value schema() const;
};

/// For several threads.
class DolphindbCatalog {
 public:
  void put(DolphindbTable table);
  void remove(const std::string& database, const std::string& name);
  std::optional<DolphindbTable> find(const std::string& database, const std::string& name) const;
  std::vector<DolphindbTable> all() const;  ///< by database and name

 private:
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, DolphindbTable> tables_;
};

}  // namespace sluice::testing
