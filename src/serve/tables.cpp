// SPDX-License-Identifier: Apache-2.0
#include "serve/tables.h"

#include <algorithm>
#include <set>

#include "duck/failpoint.h"
#include "sluice/error.h"

namespace sluice::serve {
namespace {

constexpr const char* kNextName = "_sluice_next_";

void require_unique(duck::Connection& connection, const ServedTable& table,
                    const std::vector<ServedColumn>& keys) {
  const std::string list = keys.empty() ? "new columns" : list_of(keys);
  const auto twice =
      connection.query("SELECT count(*) FROM (SELECT 1 FROM " + table.sql() +
                       (keys.empty() ? "" : " GROUP BY " + list) + " HAVING count(*) > 1)");
  if (twice.integer(0, 0) == 0) return;
  throw Error(Fault::drift,
              "the key cannot become (" + list + "): " + twice.text(0, 0) +
                  " of its values have several rows",
              "re-sync the table");
}

}  // namespace

std::string ServedTable::sql() const { return sibling(name); }

std::string ServedTable::sibling(const std::string& other) const {
  return duck::quoted(catalog) + "." + duck::quoted(schema) + "." + duck::quoted(other);
}

const ServedColumn* ServedTable::column(const std::string& wanted) const {
  const std::string folded = duck::folded(wanted);
  const auto found = std::ranges::find_if(
      columns, [&](const ServedColumn& each) { return duck::folded(each.name) == folded; });
  return found == columns.end() ? nullptr : &*found;
}

std::vector<ServedColumn> ServedTable::keys() const {
  std::vector<ServedColumn> keys;
  std::ranges::copy_if(columns, std::back_inserter(keys), &ServedColumn::key);
  return keys;
}

std::string same_key(const std::vector<ServedColumn>& keys, const std::string& one,
                     const std::string& other) {
  std::string condition;
  for (const ServedColumn& each : keys) {
    const std::string name = "." + duck::quoted(each.name);
    condition += (condition.empty() ? "" : " AND ") + one + name;
    condition += " IS NOT DISTINCT FROM " + other + name;
  }
  return condition;
}

std::string list_of(const std::vector<ServedColumn>& columns, const std::string& alias) {
  std::string list;
  for (const ServedColumn& each : columns) {
    if (!list.empty()) list += ", ";
    if (!alias.empty()) list += alias + ".";
    list += duck::quoted(each.name);
  }
  return list;
}

std::optional<ServedTable> find_table(duck::Connection& connection, const std::string& catalog,
                                      const std::string& schema, const std::string& name) {
  const auto found = connection.query(
      "SELECT c.schema_name, c.table_name, c.column_name, c.data_type, coalesce(c.comment, '') "
      "FROM duckdb_columns() c JOIN duckdb_tables() t USING (database_name, schema_name, "
      "table_name) WHERE database_name = ? AND lower(schema_name) = lower(?) "
      "AND lower(table_name) = lower(?) ORDER BY c.column_index",
      {catalog, schema, name});
  if (found.rows() == 0) return std::nullopt;
  ServedTable table{catalog, found.text(0, 0), found.text(0, 1), {}};
  for (std::size_t i = 0; i < found.rows(); ++i)
    table.columns.push_back(column_of(found.text(i, 2), found.text(i, 3), found.text(i, 4)));
  return table;
}

ServedTable need_table(duck::Connection& connection, const std::string& catalog,
                       const std::string& schema, const std::string& name) {
  auto table = find_table(connection, catalog, schema, name);
  if (table) {
    require_key(*table);
    return *std::move(table);
  }
  throw Error(Fault::schema, "there is no table " + schema + "." + name,
              "CreateTable comes before what is done to a table");
}

void require_key(const ServedTable& table) {
  if (!table.keys().empty()) return;
  throw Error(Fault::ownership,
              "the table " + table.schema + "." + table.name + " was made by somebody else",
              "it is not written to, as no comment marks a column as `fivetran: primary key`; drop "
              "or rename it, and re-sync");
}

void commit(duck::Transaction& transaction) {
  failpoint("before-commit");
  transaction.commit();
  failpoint("after-commit");
}

ServedTable wanted_table(const std::string& catalog, const std::string& schema,
                         const proto::Table& table) {
  ServedTable wanted{catalog, schema, table.name(), {}};
  if (schema.empty() || wanted.name.empty())
    throw Error(Fault::config, "a table needs a schema and a name");
  std::set<std::string> names;
  for (const proto::Column& each : table.columns()) {
    if (!names.insert(duck::folded(each.name())).second) {
      throw Error(Fault::config, "two columns are called " + each.name(),
                  "DuckDB's names do not differ by the case of their letters");
    }
    wanted.columns.push_back(column_of(each));
  }
  if (wanted.keys().empty()) {
    throw Error(Fault::config, "the table " + schema + "." + wanted.name + " has no primary key",
                "rows are written by key: declare one, such as _fivetran_id");
  }
  return wanted;
}

void comment_on(duck::Connection& connection, const std::string& table,
                const ServedColumn& column) {
  const std::string comment = column.comment();
  connection.query("COMMENT ON COLUMN " + table + "." + duck::quoted(column.name) + " IS " +
                   (comment.empty() ? "NULL" : duck::literal(comment)));
}

void make_table(duck::Connection& connection, const ServedTable& table, const std::string& name) {
  std::string columns;
  for (const ServedColumn& each : table.columns)
    columns += (columns.empty() ? "" : ", ") + duck::quoted(each.name) + " " + each.type;
  connection.query("CREATE TABLE " + table.sibling(name) + " (" + columns + ")");
  for (const ServedColumn& each : table.columns) {
    if (!each.comment().empty()) comment_on(connection, table.sibling(name), each);
  }
}

void create_table(duck::Connection& connection, const ServedTable& wanted) {
  const auto there = find_table(connection, wanted.catalog, wanted.schema, wanted.name);
  if (there) {
    const auto rows = connection.query("SELECT 1 FROM " + there->sql() + " LIMIT 1").rows();
    if (there->columns == wanted.columns && rows == 0) return;
    throw Error(Fault::ownership, "there is a table " + wanted.schema + "." + wanted.name,
                "DescribeTable says what it is; AlterTable changes it");
  }
  duck::Transaction transaction(connection);
  connection.query("CREATE SCHEMA IF NOT EXISTS " + duck::quoted(wanted.catalog) + "." +
                   duck::quoted(wanted.schema));
  make_table(connection, wanted, wanted.name);
  transaction.commit();
}

void alter_table(duck::Connection& connection, const ServedTable& wanted, bool drop_columns) {
  const ServedTable table = need_table(connection, wanted.catalog, wanted.schema, wanted.name);
  std::vector<ServedColumn> kept;
  for (const ServedColumn& each : wanted.keys()) {
    if (table.column(each.name) != nullptr) kept.push_back(each);
  }
  // New columns hold NULL in all rows: the others have to tell them apart.
  bool same = kept.size() == table.keys().size() && kept.size() == wanted.keys().size();
  for (const ServedColumn& each : kept) same = same && table.column(each.name)->key;
  if (!same) require_unique(connection, table, kept);
  const std::string alter = "ALTER TABLE " + table.sql() + " ";
  duck::Transaction transaction(connection);
  for (const ServedColumn& each : wanted.columns) {
    const std::string name = duck::quoted(each.name);
    const ServedColumn* old = table.column(each.name);
    if (old == nullptr) {
      connection.query(alter + "ADD COLUMN " + name + " " + each.type);
    } else if (old->type != each.type) {
      connection.query(alter + "ALTER " + name + " TYPE " + each.type);
    }
    if (each.comment() != (old == nullptr ? "" : old->comment()))
      comment_on(connection, table.sql(), each);
  }
  for (const ServedColumn& each : table.columns) {
    if (wanted.column(each.name) != nullptr) continue;
    if (drop_columns) {
      connection.query(alter + "DROP COLUMN " + duck::quoted(each.name));
    } else if (each.key) {
      ServedColumn plain = each;
      plain.key = false;
      comment_on(connection, table.sql(), plain);
    }
  }
  commit(transaction);
}

void replace_table(duck::Connection& connection, const ServedTable& table,
                   const std::string& select) {
  const std::string next = kNextName + table.name;
  {
    duck::Transaction transaction(connection);
    connection.query("DROP TABLE IF EXISTS " + table.sibling(next));
    make_table(connection, table, next);
    transaction.commit();
  }
  failpoint("after-create");
  connection.query("INSERT INTO " + table.sibling(next) + " " + select);
  failpoint("before-publish");
  duck::Transaction transaction(connection);
  connection.query("DROP TABLE IF EXISTS " + table.sql());
  connection.query("ALTER TABLE " + table.sibling(next) + " RENAME TO " + duck::quoted(table.name));
  transaction.commit();
  failpoint("after-publish");
}

}  // namespace sluice::serve
