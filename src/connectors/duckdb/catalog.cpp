// SPDX-License-Identifier: Apache-2.0
#include "connectors/duckdb/catalog.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <string_view>

namespace sluice::duckdb_file {
namespace {

/// The state of a destination, its hidden tables and whatever else sluice keeps for itself.
constexpr std::string_view kNotOurs =
    " AND schema_name <> '_sluice' AND NOT starts_with(table_name, '_sluice_') AND NOT internal";

using Tables = std::map<TableName, Table>;
using Row = wire::TextRows::value_type;

std::string text(const Row& row, std::size_t column) { return row.at(column).value_or(""); }

std::int64_t integer(const Row& row, std::size_t column) {
  const std::string digits = text(row, column);
  std::int64_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

Tables read_tables(const wire::Ask& ask, const std::string& catalog) {
  const wire::TextRows rows =
      ask("SELECT schema_name, table_name, estimated_size, comment FROM duckdb_tables() WHERE "
          "database_name = " +
          duck::literal(catalog) + std::string(kNotOurs));
  Tables tables;
  for (const auto& row : rows) {
    Table table;
    table.name = {text(row, 0), text(row, 1)};
    table.rows = static_cast<std::uint64_t>(std::max<std::int64_t>(integer(row, 2), 0));
    table.comment = text(row, 3);
    tables.emplace(table.name, std::move(table));
  }
  return tables;
}

void read_columns(const wire::Ask& ask, const std::string& catalog, Tables& tables) {
  const wire::TextRows rows =
      ask("SELECT schema_name, table_name, column_name, data_type, CAST(is_nullable AS VARCHAR), "
          "comment FROM duckdb_columns() WHERE database_name = " +
          duck::literal(catalog) + std::string(kNotOurs) +
          " ORDER BY schema_name, table_name, column_index");
  for (const auto& row : rows) {
    const auto table = tables.find({text(row, 0), text(row, 1)});
    if (table == tables.end()) continue;  // a view's
    Column column;
    column.name = text(row, 2);
    column.type = column.source_type = text(row, 3);
    column.nullable = text(row, 4) == "true";
    column.comment = text(row, 5);
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

void read_keys(const wire::Ask& ask, const std::string& catalog, Tables& tables) {
  const wire::TextRows rows = ask(
      "SELECT schema_name, table_name, constraint_index, constraint_type, "
      "unnest(constraint_column_names) AS column_name, "
      "generate_subscripts(constraint_column_names, 1) AS position FROM duckdb_constraints() WHERE "
      "database_name = " +
      duck::literal(catalog) +
      " AND constraint_type IN ('PRIMARY KEY', 'UNIQUE') ORDER BY schema_name, table_name, "
      "constraint_index, position");
  for (std::size_t i = 0; i < rows.size();) {
    std::vector<std::string> columns;
    std::size_t end = i;
    while (end < rows.size() && (end == i || integer(rows[end], 5) > 1))
      columns.push_back(text(rows[end++], 4));
    const auto table = tables.find({text(rows[i], 0), text(rows[i], 1)});
    if (table != tables.end()) offer_key(table->second, text(rows[i], 3), columns);
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

void read_view(const wire::Ask& ask, const std::string& catalog, const TableName& name,
               const std::string& comment, Catalog& found) {
  Table view;
  view.name = name;
  view.view = true;
  view.comment = comment;
  try {
    for (const auto& row : ask("SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM " +
                               sql_name(catalog, name) + ")")) {
      Column each;
      each.name = text(row, 0);
      each.type = each.source_type = text(row, 1);
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

wire::Ask ask(duck::Connection& connection) {
  return [&connection](const std::string& sql) {
    const duck::Result found = connection.query(sql);
    wire::TextRows rows(found.rows());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      for (std::size_t j = 0; j < found.columns(); ++j) rows[i].push_back(found.optional(i, j));
    }
    return rows;
  };
}

Catalog read_catalog(const wire::Ask& ask, const std::string& catalog,
                     std::optional<std::uint64_t> bytes, std::span<const TableName> named) {
  Tables tables = read_tables(ask, catalog);
  read_columns(ask, catalog, tables);
  read_keys(ask, catalog, tables);
  estimate_bytes(bytes, tables);
  Catalog found;
  for (auto& [name, table] : tables) found.tables.push_back(std::move(table));
  for (const TableName& name : std::set<TableName>(named.begin(), named.end())) {
    const wire::TextRows view =
        ask("SELECT comment FROM duckdb_views() WHERE database_name = " + duck::literal(catalog) +
            " AND schema_name = " + duck::literal(name.schema) +
            " AND view_name = " + duck::literal(name.name) + " AND NOT internal");
    if (!view.empty()) read_view(ask, catalog, name, text(view[0], 0), found);
  }
  std::ranges::sort(found.tables, {}, &Table::name);
  return found;
}

std::set<TableName> collated_tables(const wire::Ask& ask, const std::string& catalog) {
  const wire::TextRows rows =
      ask("SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = " +
          duck::literal(catalog) + " AND contains(lower(sql), 'collate')");
  std::set<TableName> tables;
  for (const auto& row : rows) tables.insert({text(row, 0), text(row, 1)});
  return tables;
}

std::string sql_name(const std::string& catalog, const TableName& name) {
  return duck::quoted(catalog) + "." + duck::quoted(name.schema) + "." + duck::quoted(name.name);
}

}  // namespace sluice::duckdb_file
