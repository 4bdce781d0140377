// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/discovery.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <map>
#include <set>

#include "duck/duck.h"

namespace sluice::mysql {
namespace {

using Found = std::map<TableName, Shape>;

/// Databases that hold nothing of the user's.
constexpr const char* kInternal =
    "('information_schema', 'mysql', 'performance_schema', 'sys', 'cluster', 'memsql')";

/// A condition on which of the databases and tables a query of information_schema is about; its
/// columns' names are prefixed with `table_`, and constants on both spare the server its other
/// tables.
std::string condition(const Connection& connection, const Scope& scope) {
  const std::string& database = connection.login().database;
  if (scope.only_named) {
    std::set<std::string> schemas, names;
    for (const TableName& each : scope.named)
      schemas.insert(literal(each.schema)), names.insert(literal(each.name));
    const auto list = [](const std::set<std::string>& all) {
      std::string text;
      for (const std::string& each : all) text += (text.empty() ? "" : ", ") + each;
      return text.empty() ? "''" : text;
    };
    return "table_schema IN (" + list(schemas) + ") AND table_name IN (" + list(names) + ")";
  }
  if (!database.empty()) return "table_schema = " + literal(database);
  return of_users();
}

bool named(const Scope& scope, const TableName& name) {
  return std::ranges::find(scope.named, name) != scope.named.end();
}

void find_tables(Connection& connection, const Scope& scope, Found& found,
                 std::vector<Skipped>& skipped) {
  const Rows rows = connection.query(
      "SELECT table_schema, table_name, table_type, coalesce(engine, ''), coalesce(table_rows, 0), "
      "coalesce(data_length, 0), coalesce(table_comment, ''), coalesce(create_time, '') FROM "
      "information_schema.tables WHERE " +
      condition(connection, scope));
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const TableName name{rows.text(row, 0), rows.text(row, 1)};
    const std::string type = rows.text(row, 2), engine = rows.text(row, 3),
                      comment = rows.text(row, 6);
    const bool view = type == "VIEW" || type == "SYSTEM VIEW";
    const bool asked = named(scope, name);
    if ((view || scope.only_named) && !asked) continue;
    if (type == "SEQUENCE") continue;
    if (engine.empty() && !view && connection.dialect() != Dialect::singlestore) {
      skipped.push_back({name, "the server cannot open it: " + comment, "CHECK TABLE says more"});
      continue;
    }
    Shape& shape = found[name];
    shape.table.name = name;
    shape.table.view = view;
    shape.table.rows = rows.natural(row, 4);
    shape.table.bytes = rows.natural(row, 5);
    shape.table.comment = view ? "" : comment;
    shape.table.incarnation = rows.text(row, 7);
    shape.engine = engine;
    shape.table.sampled = shape.transactional();  // InnoDB looks into a few pages
  }
}

/// "tinyint(3) unsigned" has what the other columns of information_schema do not say.
WireType wire_of(const Rows& rows, std::size_t row, Dialect dialect) {
  WireType wire;
  wire.name = duck::folded(rows.text(row, 3));
  const std::string column_type = duck::folded(rows.text(row, 4));
  wire.is_unsigned = column_type.find(" unsigned") != std::string::npos;
  wire.charset = rows.text(row, 5);
  wire.precision = static_cast<int>(rows.natural(row, 6));
  wire.scale = static_cast<int>(rows.natural(row, 7));
  wire.fraction = static_cast<int>(rows.natural(row, 8));
  wire.length = rows.natural(row, 11);
  if (wire.name == "integer") wire.name = "int";
  if (wire.name == "dec" || wire.name == "numeric") wire.name = "decimal";
  if (wire.name == "double precision" || wire.name == "real") wire.name = "double";
  if (wire.name == "bit" && wire.precision == 0) {
    const std::size_t open = std::min(column_type.find('('), column_type.size());
    wire.precision = std::max(
        1, std::atoi(column_type.substr(open).c_str() + (open < column_type.size() ? 1 : 0)));
  }
  // SingleStore writes vectors as JSON, in our sessions.
  if (wire.name == "vector" && dialect == Dialect::singlestore) wire.name = "json";
  return wire;
}

/// FNV-1a: what the columns are, in a few digits that stay the same.
std::string digits_of(const std::string& text) {
  std::uint64_t hash = 0xCBF29CE484222325U;
  for (const char each : text) {
    hash ^= static_cast<unsigned char>(each);
    hash *= 0x100000001B3U;
  }
  return std::to_string(hash);
}

void add_columns(Connection& connection, const Scope& scope, Found& found) {
  // MySQL 5.5 has none, and it is what SingleStore's information_schema is modelled on.
  const char* fraction =
      connection.dialect() == Dialect::singlestore ? "0" : "coalesce(datetime_precision, 0)";
  const Rows rows = connection.query(
      std::string("SELECT table_schema, table_name, column_name, data_type, column_type, "
                  "coalesce(character_set_name, ''), coalesce(numeric_precision, 0), "
                  "coalesce(numeric_scale, 0), ") +
      fraction +
      ", is_nullable, column_comment, "
      "coalesce(character_maximum_length, 0) FROM "
      "information_schema.columns WHERE " +
      condition(connection, scope) + " ORDER BY table_schema, table_name, ordinal_position");
  std::map<TableName, std::string> seen;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const TableName name{rows.text(row, 0), rows.text(row, 1)};
    const auto at = found.find(name);
    if (at == found.end()) continue;
    const WireType wire = wire_of(rows, row, connection.dialect());
    Column column;
    column.name = rows.text(row, 2);
    column.type = landed_type(wire);
    column.source_type = rows.text(row, 4);
    column.nullable = rows.text(row, 9) != "NO" || is_date(wire);  // zero dates land as NULL
    column.misfit = usual_misfit(wire);
    column.comment = rows.text(row, 10);
    seen[name] += column.name + " " + column.source_type + " " + wire.charset + "\n";
    at->second.table.columns.push_back(std::move(column));
    at->second.wires.push_back(wire);
  }
  for (auto& [name, shape] : found) shape.table.incarnation += " " + digits_of(seen[name]);
}

/// Tables of which the user may read single columns: the others are not listed.
void mark_partial(Connection& connection, const Scope& scope, Found& found) {
  if (connection.dialect() == Dialect::singlestore) return;
  const Rows rows = connection.query(
      "SELECT DISTINCT table_schema, table_name FROM information_schema.column_privileges WHERE "
      "privilege_type = 'SELECT' AND grantee = concat('\\'', replace(current_user(), '@', "
      "'\\'@\\''), '\\'') AND " +
      condition(connection, scope));
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const auto at = found.find({rows.text(row, 0), rows.text(row, 1)});
    if (at != found.end()) at->second.table.partial = true;
  }
}

/// MariaDB's json is a longtext with a condition on it.
void find_json(Connection& connection, const Scope& scope, Found& found) {
  const int version = connection.version();
  if (connection.dialect() != Dialect::mariadb || version < 100222 ||
      (version >= 100300 && version < 100310))
    return;
  const std::string where = condition(connection, scope);
  const Rows rows = connection.query(
      "SELECT table_schema, table_name, check_clause FROM (SELECT constraint_schema AS "
      "table_schema, table_name, check_clause FROM information_schema.check_constraints) c WHERE " +
      where + " AND check_clause LIKE 'json\\_valid(`%`)'");
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const auto at = found.find({rows.text(row, 0), rows.text(row, 1)});
    if (at == found.end()) continue;
    Shape& shape = at->second;
    for (std::size_t i = 0; i < shape.wires.size(); ++i) {
      Column& column = shape.table.columns[i];
      if (shape.wires[i].name != "longtext" ||
          rows.text(row, 2) != "json_valid(" + identifier(column.name) + ")")
        continue;
      shape.wires[i].name = "json";
      column.type = landed_type(shape.wires[i]);
    }
  }
}

struct Index {
  bool unique = false, whole = true, nullable = false;
  std::vector<std::string> columns;
};

void add_keys(Connection& connection, const Scope& scope, Found& found) {
  const Rows rows = connection.query(
      "SELECT table_schema, table_name, index_name, non_unique, column_name, sub_part, "
      "coalesce(nullable, '') FROM information_schema.statistics WHERE " +
      condition(connection, scope) +
      " ORDER BY table_schema, table_name, index_name, seq_in_index");
  std::map<TableName, std::map<std::string, Index>> all;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    Index& index = all[{rows.text(row, 0), rows.text(row, 1)}][rows.text(row, 2)];
    index.unique = rows.text(row, 3) == "0";
    if (rows.null(row, 4) || !rows.null(row, 5)) index.whole = false;  // an expression, a prefix
    if (rows.text(row, 6) == "YES") index.nullable = true;
    index.columns.push_back(rows.text(row, 4));
  }
  for (auto& [name, shape] : found) {
    Table& table = shape.table;
    for (const auto& [index_name, index] : all[name]) {
      if (std::ranges::find(table.indexed, index.columns.front()) == table.indexed.end())
        table.indexed.push_back(index.columns.front());
      const bool primary = index_name == "PRIMARY";
      // SingleStore does not enforce every index that it calls unique.
      const bool unique = index.unique && index.whole && !index.nullable &&
                          table.primary_key.empty() && connection.dialect() != Dialect::singlestore;
      if (!primary && !unique) continue;
      table.primary_key = index.columns;
      table.key_origin = primary ? KeyOrigin::primary : KeyOrigin::unique;
    }
  }
}

void add_partitions(Connection& connection, const Scope& scope, Found& found) {
  if (connection.dialect() == Dialect::singlestore) return;
  const Rows rows = connection.query(
      "SELECT table_schema, table_name, partition_name, sum(table_rows), sum(data_length) FROM "
      "information_schema.partitions WHERE partition_name IS NOT NULL AND " +
      condition(connection, scope) +
      " GROUP BY table_schema, table_name, partition_name, partition_ordinal_position ORDER BY "
      "partition_ordinal_position");
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const auto at = found.find({rows.text(row, 0), rows.text(row, 1)});
    if (at == found.end()) continue;
    at->second.partitions.push_back(
        {rows.text(row, 2), rows.natural(row, 3), rows.natural(row, 4)});
  }
}

/// The number that InnoDB gave a table, or each of its partitions, when it made it: TRUNCATE,
/// EXCHANGE PARTITION and what is renamed bring another, and leave all else that MariaDB tells as
/// it was.
void add_numbers(Connection& connection, const Scope& scope, Found& found) try {
  if (connection.dialect() == Dialect::singlestore) return;
  // Since 8.0 MySQL tells when a table was truncated, under another name of this.
  if (connection.dialect() == Dialect::mysql && connection.version() >= 80000) return;
  const auto decoded = [](const std::string& text) {
    return "CONVERT(CAST(CAST(" + text +
           " AS BINARY) AS CHAR CHARACTER SET filename) USING utf8mb4)";
  };
  const std::string rest = "SUBSTRING(name, 1 + LOCATE('/', name))";
  const Rows rows = connection.query(
      "SELECT table_schema, table_name, table_id FROM (SELECT " +
      decoded("SUBSTRING_INDEX(name, '/', 1)") + " AS table_schema, " +
      // t#P#p0, in small letters where names are
      decoded("SUBSTRING_INDEX(SUBSTRING_INDEX(" + rest + ", '#P#', 1), '#p#', 1)") +
      " AS table_name, table_id FROM information_schema.innodb_sys_tables WHERE name LIKE '%/%' "
      "AND name NOT LIKE '%/#%') t WHERE " +
      condition(connection, scope) + " ORDER BY table_id");
  std::map<TableName, std::string> numbers;
  for (std::size_t row = 0; row < rows.size(); ++row)
    numbers[{rows.text(row, 0), rows.text(row, 1)}] += rows.text(row, 2) + " ";
  for (auto& [name, shape] : found) {
    if (const auto known = numbers.find(name); known != numbers.end())
      shape.table.incarnation += " " + digits_of(known->second);
  }
} catch (const Error& error) {  // without the PROCESS right
  if (error.fault() != Fault::schema && error.fault() != Fault::permission) throw;
}

/// SingleStore counts rows elsewhere than MySQL, and tells there whether a table has one copy on
/// each node (a reference table) or is dealt into partitions.
void add_shards(Connection& connection, const Scope& scope, Found& found) try {
  if (connection.dialect() != Dialect::singlestore) return;
  std::map<std::string, std::size_t> partitions;
  const Rows databases = connection.query(
      "SELECT database_name, num_partitions FROM information_schema.distributed_databases");
  for (std::size_t row = 0; row < databases.size(); ++row)
    partitions[databases.text(row, 0)] = databases.natural(row, 1);
  const Rows rows = connection.query(
      "SELECT table_schema, table_name, sum(CASE WHEN partition_type = 'Master' THEN n END), "
      "max(CASE WHEN partition_type = 'Reference' THEN n END), sum(memory) FROM (SELECT "
      "database_name AS table_schema, table_name, partition_type, `rows` AS n, memory_use AS "
      "memory "
      "FROM information_schema.table_statistics WHERE partition_type IN ('Master', 'Reference')) s "
      "WHERE " +
      condition(connection, scope) + " GROUP BY table_schema, table_name");
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const auto at = found.find({rows.text(row, 0), rows.text(row, 1)});
    if (at == found.end()) continue;
    Table& table = at->second.table;
    table.rows = std::max(rows.natural(row, 2), rows.natural(row, 3));
    // What a columnstore has on disk is not in there.
    table.bytes =
        std::max({table.bytes, rows.natural(row, 4), table.rows * table.columns.size() * 8});
    if (rows.null(row, 2)) continue;
    at->second.shards = partitions[table.name.schema];
    // Chunks are partitions.
    table.incarnation += " " + std::to_string(at->second.shards) + " partitions";
  }
} catch (const Error& error) {  // without these, tables are read by one statement each
  if (error.fault() != Fault::schema && error.fault() != Fault::permission) throw;
}

}  // namespace

std::string of_users() { return std::string("table_schema NOT IN ") + kInternal; }

std::size_t Shape::position(const std::string& column) const {
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i].name == column) return i;
  }
  throw Error(Fault::schema, table.name.text() + ": no column \"" + column + "\" any more");
}

Discovered discover(Connection& connection, const Scope& scope) {
  Found found;
  Discovered discovered;
  if (scope.only_named && scope.named.empty()) return discovered;
  find_tables(connection, scope, found, discovered.skipped);
  add_columns(connection, scope, found);
  mark_partial(connection, scope, found);
  find_json(connection, scope, found);
  add_keys(connection, scope, found);
  add_partitions(connection, scope, found);
  add_numbers(connection, scope, found);
  add_shards(connection, scope, found);
  for (auto& [name, shape] : found) {
    if (shape.table.columns.empty()) {
      discovered.skipped.push_back(
          {name, "none of its columns may be read",
           "GRANT SELECT ON " + identifier(name.schema, name.name) + " TO .."});
      continue;
    }
    discovered.shapes.push_back(std::move(shape));
  }
  return discovered;
}

}  // namespace sluice::mysql
