// SPDX-License-Identifier: Apache-2.0
#include "connectors/duckdb/catalog.h"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>

namespace sluice::duckdb_file {
namespace {

/// The state of a destination, its hidden tables and whatever else sluice keeps for itself.
constexpr std::string_view kNotOurs =
    " AND schema_name <> '_sluice' AND NOT starts_with(table_name, '_sluice_') AND NOT internal";

using Tables = std::map<TableName, Table>;

Tables read_tables(duck::Connection& connection, const std::string& catalog) {
  const duck::Result rows = connection.query(
      "SELECT schema_name, table_name, estimated_size, comment FROM duckdb_tables() WHERE "
      "database_name = ?" +
          std::string(kNotOurs),
      {catalog});
  Tables tables;
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    Table table;
    table.name = {rows.text(i, 0), rows.text(i, 1)};
    table.rows = static_cast<std::uint64_t>(std::max<std::int64_t>(rows.integer(i, 2), 0));
    table.comment = rows.optional(i, 3).value_or("");
    tables.emplace(table.name, std::move(table));
  }
  return tables;
}

void read_columns(duck::Connection& connection, const std::string& catalog, Tables& tables) {
  const duck::Result rows = connection.query(
      "SELECT schema_name, table_name, column_name, data_type, is_nullable, comment FROM "
      "duckdb_columns() "
      "WHERE database_name = ?" +
          std::string(kNotOurs) + " ORDER BY schema_name, table_name, column_index",
      {catalog});
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    const auto table = tables.find({rows.text(i, 0), rows.text(i, 1)});
    if (table == tables.end()) continue;  // a view's
    Column column;
    column.name = rows.text(i, 2);
    column.type = column.source_type = rows.text(i, 3);
    column.nullable = rows.boolean(i, 4);
    column.comment = rows.optional(i, 5).value_or("");
    // DuckDB skips row groups by the minimum and maximum of any column.
    table->second.indexed.push_back(column.name);
    table->second.columns.push_back(std::move(column));
  }
}

bool all_required(const Table& table, const std::vector<std::string>& columns) {
  return std::ranges::all_of(columns, [&](const std::string& name) {
    const Column* column = table.column(name);
    return column != nullptr && !column->nullable;
  });
}

/// A primary key, else the narrowest UNIQUE constraint over columns that cannot be NULL.
void offer_key(Table& table, const std::string& kind, const std::vector<std::string>& columns) {
  if (kind == "PRIMARY KEY") {
    table.primary_key = columns;
    table.key_origin = KeyOrigin::primary;
    return;
  }
  if (table.key_origin == KeyOrigin::primary || !all_required(table, columns)) return;
  if (table.has_key() && table.primary_key.size() <= columns.size()) return;
  table.primary_key = columns;
  table.key_origin = KeyOrigin::unique;
}

void read_keys(duck::Connection& connection, const std::string& catalog, Tables& tables) {
  const duck::Result rows = connection.query(
      "SELECT schema_name, table_name, constraint_index, constraint_type, "
      "unnest(constraint_column_names) AS column_name, "
      "generate_subscripts(constraint_column_names, 1) AS position FROM duckdb_constraints() WHERE "
      "database_name = ? "
      "AND constraint_type IN ('PRIMARY KEY', 'UNIQUE') ORDER BY schema_name, table_name, "
      "constraint_index, position",
      {catalog});
  for (std::size_t i = 0; i < rows.rows();) {
    std::vector<std::string> columns;
    std::size_t end = i;
    while (end < rows.rows() && (end == i || rows.integer(end, 5) > 1))
      columns.push_back(rows.text(end++, 4));
    const auto table = tables.find({rows.text(i, 0), rows.text(i, 1)});
    if (table != tables.end()) offer_key(table->second, rows.text(i, 3), columns);
    i = end;
  }
}

/// The database's bytes, shared out by cells: exact sizes would mean reading every table's segment
/// list.
void estimate_bytes(std::optional<std::uint64_t> bytes, Tables& tables) {
  constexpr double kCell = 8;  // bytes, where the database does not say how many it has
  const auto cells = [](const Table& table) {
    return static_cast<double>(table.rows) * static_cast<double>(table.columns.size());
  };
  double all = 0;
  for (const auto& [name, table] : tables) all += cells(table);
  if (all <= 0) return;
  const double of_a_cell = bytes ? static_cast<double>(*bytes) / all : kCell;
  for (auto& [name, table] : tables)
    table.bytes = static_cast<std::uint64_t>(of_a_cell * cells(table));
}

void read_view(duck::Connection& connection, const std::string& catalog, const TableName& name,
               const std::string& comment, Catalog& found) {
  Table view;
  view.name = name;
  view.view = true;
  view.comment = comment;
  try {
    for (auto& [column, type] : connection.describe("SELECT * FROM " + sql_name(catalog, name))) {
      Column each;
      each.name = column;
      each.type = each.source_type = type;
      view.columns.push_back(std::move(each));
    }
  } catch (const Error& error) {
    found.skipped.push_back(
        {name, std::string("the view cannot be read: ") + error.what(),
         "a view can use tables, views and macros of its own database only, without the "
         "database's name"});
    return;
  }
  found.tables.push_back(std::move(view));
}

}  // namespace

Catalog read_catalog(duck::Connection& connection, const std::string& catalog,
                     std::optional<std::uint64_t> bytes, std::span<const TableName> named) {
  Tables tables = read_tables(connection, catalog);
  read_columns(connection, catalog, tables);
  read_keys(connection, catalog, tables);
  estimate_bytes(bytes, tables);
  Catalog found;
  for (auto& [name, table] : tables) found.tables.push_back(std::move(table));
  for (const TableName& name : std::set<TableName>(named.begin(), named.end())) {
    const duck::Result view = connection.query(
        "SELECT comment FROM duckdb_views() WHERE database_name = ? AND schema_name = ? AND "
        "view_name = ? AND NOT internal",
        {catalog, name.schema, name.name});
    if (view.rows() > 0)
      read_view(connection, catalog, name, view.optional(0, 0).value_or(""), found);
  }
  std::ranges::sort(found.tables, {}, &Table::name);
  return found;
}

std::set<TableName> collated_tables(duck::Connection& connection, const std::string& catalog) {
  const duck::Result rows = connection.query(
      "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = ? AND "
      "contains(lower(sql), 'collate')",
      {catalog});
  std::set<TableName> tables;
  for (std::size_t i = 0; i < rows.rows(); ++i) tables.insert({rows.text(i, 0), rows.text(i, 1)});
  return tables;
}

std::string sql_name(const std::string& catalog, const TableName& name) {
  return duck::quoted(catalog) + "." + duck::quoted(name.schema) + "." + duck::quoted(name.name);
}

}  // namespace sluice::duckdb_file
