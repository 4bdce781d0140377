// SPDX-License-Identifier: Apache-2.0
// What the stand-in for SingleStore says of its tables.
#include <algorithm>
#include <string>

#include "support/singlestore_double.h"

namespace sluice::testing {
namespace {

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char each : text) out += each == '\'' ? "''" : std::string(1, each);
  return out + "'";
}

}  // namespace

/// information_schema as SingleStore has it: of the databases behind, and of what was declared.
void SingleStoreDouble::make_metadata() {
  const auto view = [this](const std::string& name, const std::string& query) {
    behind_.exec("CREATE VIEW " + meta(name) + " AS SELECT " + query);
  };
  behind_.exec("CREATE DATABASE `" + meta_ + "` CHARACTER SET utf8mb4");
  behind_.exec(
      "CREATE TABLE " + meta("declared") +
      " (table_name varchar(64), column_name varchar(64), data_type text, column_type text, "
      "PRIMARY KEY (table_name, column_name))");
  behind_.exec("CREATE TABLE " + meta("counted") +
               " (table_name varchar(64) PRIMARY KEY, n bigint, reference boolean)");
  behind_.exec("CREATE TABLE " + meta("unenforced") +
               " (table_name varchar(64), column_name varchar(64))");
  behind_.exec("CREATE TABLE " + meta("distributed_databases") +
               " (database_id int, database_name varchar(64), num_partitions int)");
  behind_.exec(
      "CREATE TABLE " + meta("distributed_partitions") +
      " (database_name varchar(64), ordinal int, role varchar(16), host varchar(64), port int)");
  if (options_.partitions > 0) {
    behind_.exec("INSERT INTO " + meta("distributed_databases") + " VALUES (1, " +
                 quoted(behind_.name()) + ", " + std::to_string(options_.partitions) + ")");
  }
  for (std::size_t i = 0; i < options_.partitions; ++i) {
    for (const char* role : {"Master", "Slave"}) {
      behind_.exec("INSERT INTO " + meta("distributed_partitions") + " VALUES (" +
                   quoted(behind_.name()) + ", " + std::to_string(i) + ", '" + role +
                   "', '127.0.0.1', " + (role[0] == 'M' ? "3307)" : "3308)"));
    }
  }
  const std::string own = " WHERE t.table_schema <> " + quoted(meta_);
  view(
      "tables",
      "table_catalog, table_schema, table_name, table_type, CASE table_type WHEN 'BASE TABLE' THEN "
      "'MemSQL' END AS engine, 0 AS table_rows, 0 AS data_length, create_time, table_comment FROM "
      "information_schema.tables t" +
          own);
  view("columns",
       "t.table_schema, t.table_name, t.column_name, t.ordinal_position, t.is_nullable, "
       "coalesce(d.data_type, t.data_type) AS data_type, coalesce(d.column_type, t.column_type) AS "
       "column_type, if(d.data_type IS NULL, t.character_set_name, NULL) AS character_set_name, "
       "t.character_maximum_length, t.numeric_precision, t.numeric_scale, "
       "t.column_key, t.column_comment FROM information_schema.columns t LEFT JOIN " +
           meta("declared") +
           " d ON d.table_name = t.table_name AND d.column_name = t.column_name" + own);
  view("statistics",
       "t.table_schema, t.table_name, t.non_unique, t.index_name, t.seq_in_index, t.column_name, "
       "t.sub_part, t.nullable FROM information_schema.statistics t" +
           own + " UNION ALL SELECT " + quoted(behind_.name()) +
           ", table_name, 0, concat('u_', column_name), 1, column_name, "
           "NULL, '' FROM " +
           meta("unenforced"));
  view(
      "table_statistics",
      "t.table_schema AS database_name, t.table_name, p.ordinal, p.host, p.port, CASE WHEN p.role "
      "= "
      "'Slave' THEN 'Slave' WHEN c.reference THEN 'Reference' ELSE 'Master' END AS partition_type, "
      "coalesce(c.n, t.table_rows) DIV if(c.reference, 1, " +
          std::to_string(std::max<std::size_t>(1, options_.partitions)) +
          ") AS `rows`, 4096 AS memory_use FROM "
          "information_schema.tables t JOIN " +
          meta("distributed_partitions") + " p ON p.database_name = t.table_schema LEFT JOIN " +
          meta("counted") + " c ON c.table_name = t.table_name WHERE t.table_type = 'BASE TABLE'");
}

void SingleStoreDouble::declare(const std::string& table, const std::string& column,
                                const std::string& type) {
  const std::string name = type.substr(0, type.find('('));
  behind_.exec("REPLACE INTO " + meta("declared") + " VALUES (" + quoted(table) + ", " +
               quoted(column) + ", " + quoted(name) + ", " + quoted(type) + ")");
  const std::lock_guard lock(mutex_);
  if (name == "vector") vectors_[table + "." + column] = type;
}

void SingleStoreDouble::declare_reference(const std::string& table) {
  behind_.exec("INSERT INTO " + meta("counted") + " VALUES (" + quoted(table) +
               ", NULL, true) ON DUPLICATE KEY UPDATE reference = true");
}

void SingleStoreDouble::declare_unenforced(const std::string& table, const std::string& column) {
  behind_.exec("INSERT INTO " + meta("unenforced") + " VALUES (" + quoted(table) + ", " +
               quoted(column) + ")");
}

void SingleStoreDouble::pretend_rows(const std::string& table, std::uint64_t rows) {
  behind_.exec("INSERT INTO " + meta("counted") + " VALUES (" + quoted(table) + ", " +
               std::to_string(rows) +
               ", false) ON DUPLICATE KEY UPDATE n = " + std::to_string(rows));
}

}  // namespace sluice::testing
