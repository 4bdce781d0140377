// SPDX-License-Identifier: Apache-2.0
#include "serve/migrate.h"

#include "duck/failpoint.h"
#include "serve/stage.h"
#include "serve/write.h"
#include "sluice/error.h"

namespace sluice::serve {
namespace {

constexpr const char* kDeleted = "_fivetran_deleted";

struct Migration {
  duck::Connection& connection;
  const std::string& catalog;
  const proto::MigrationDetails& details;

  ServedTable need(const std::string& name) const {
    return need_table(connection, catalog, details.schema(), name);
  }
  ServedTable need() const { return need(details.table()); }
  bool has(const std::string& name) const {
    return find_table(connection, catalog, details.schema(), name).has_value();
  }
  void add(ServedTable& table, const ServedColumn& column) const;
  void copy(const Converted& converted) const;

  bool drop() const;
  bool copy() const;
  bool rename() const;
  bool add() const;
  void update_column(const proto::UpdateColumnValueOperation& operation) const;
  bool change_mode(const proto::TableSyncModeMigrationOperation& operation) const;
};

const ServedColumn& need_column(const ServedTable& table, const std::string& name) {
  const ServedColumn* column = table.column(name);
  if (column != nullptr) return *column;
  throw Error(Fault::schema,
              "the table " + table.schema + "." + table.name + " has no column " + name);
}

/// Of a message of a migration: it has a type and no parameters.
template <typename Operation>
ServedColumn column_to_add(const Operation& operation) {
  proto::Column column;
  column.set_name(operation.column());
  column.set_type(operation.column_type());
  return column_of(column);
}

/// Before rows are written in the same transaction. A column that is there already and of its type
/// is taken for that of a call before.
void Migration::add(ServedTable& table, const ServedColumn& column) const {
  if (const ServedColumn* there = table.column(column.name)) {
    if (there->type == column.type) return;
    throw Error(Fault::ownership,
                "the table " + table.schema + "." + table.name + " has a column " + column.name +
                    " of type " + there->type,
                "add it under another name, or AlterTable to the new type");
  }
  connection.query("ALTER TABLE " + table.sql() + " ADD COLUMN " + duck::quoted(column.name) + " " +
                   column.type);
  if (!column.comment().empty()) comment_on(connection, table.sql(), column);
  table.columns.push_back(column);
}

/// A table that is there already is the work of a call before only if it holds the same.
void Migration::copy(const Converted& converted) const {
  const auto there = find_table(connection, catalog, details.schema(), converted.table.name);
  if (!there) return replace_table(connection, converted.table, converted.select);
  if (there->columns == converted.table.columns) {
    const std::string old = "(FROM " + there->sql() + ")", wanted = "(" + converted.select + ")";
    const auto differ = connection.query("SELECT count(*) FROM ((" + old + " EXCEPT ALL " + wanted +
                                         ") UNION ALL (" + wanted + " EXCEPT ALL " + old + "))");
    if (differ.integer(0, 0) == 0) return;
  }
  throw Error(Fault::ownership, "there is a table " + details.schema() + "." + there->name,
              "drop it, or copy to another name");
}

bool Migration::drop() const {
  const proto::DropOperation& drop = details.drop();
  if (drop.has_drop_column_in_history_mode()) {
    const auto& column = drop.drop_column_in_history_mode();
    begin_versions(connection, need(), column.column(), "NULL", column.operation_timestamp(), true);
    return true;
  }
  if (!drop.drop_table()) return false;
  if (has(details.table())) connection.query("DROP TABLE " + need().sql());
  return true;
}

bool Migration::copy() const {
  const proto::CopyOperation& operation = details.copy();
  if (operation.has_copy_table()) {
    ServedTable to = need(operation.copy_table().from_table());
    const std::string select = "SELECT * FROM " + to.sql();
    to.name = operation.copy_table().to_table();
    copy({to, select});
    return true;
  }
  if (operation.has_copy_table_to_history_mode()) {
    const auto& history = operation.copy_table_to_history_mode();
    copy(to_history(need(history.from_table()), history.soft_deleted_column(), history.to_table()));
    return true;
  }
  if (!operation.has_copy_column()) return false;
  ServedTable table = need();
  ServedColumn column = need_column(table, operation.copy_column().from_column());
  const std::string from = duck::quoted(column.name);
  column.name = operation.copy_column().to_column();
  column.key = false;
  refuse_own_name(column.name);
  if (table.column(column.name) != nullptr) {
    const std::string to = duck::quoted(column.name);
    const auto other = connection.query(
        "SELECT 1 FROM " + table.sql() + " WHERE " + to + " IS NOT NULL AND CAST(" + to +
        " AS VARCHAR) IS DISTINCT FROM CAST(" + from + " AS VARCHAR) LIMIT 1");
    if (other.rows() > 0) {
      throw Error(
          Fault::ownership,
          "the table " + table.schema + "." + table.name + " has another column " + column.name,
          "drop it, or copy to another name");
    }
  }
  duck::Transaction transaction(connection);
  add(table, column);
  connection.query("UPDATE " + table.sql() + " SET " + duck::quoted(column.name) + " = " + from);
  commit(transaction);
  return true;
}

bool Migration::rename() const {
  const proto::RenameOperation& rename = details.rename();
  if (rename.has_rename_table()) {
    const auto& [from, to] =
        std::pair(rename.rename_table().from_table(), rename.rename_table().to_table());
    if (!has(from) && has(to)) return true;
    connection.query("ALTER TABLE " + need(from).sql() + " RENAME TO " + duck::quoted(to));
    return true;
  }
  if (!rename.has_rename_column()) return false;
  const auto& [from, to] =
      std::pair(rename.rename_column().from_column(), rename.rename_column().to_column());
  const ServedTable table = need();
  refuse_own_name(to);
  if (table.column(from) == nullptr && table.column(to) != nullptr) return true;
  need_column(table, from);
  connection.query("ALTER TABLE " + table.sql() + " RENAME COLUMN " + duck::quoted(from) + " TO " +
                   duck::quoted(to));
  return true;
}

bool Migration::add() const {
  const proto::AddOperation& operation = details.add();
  ServedTable table = need();
  if (operation.has_add_column_in_history_mode()) {
    const auto& added = operation.add_column_in_history_mode();
    const ServedColumn column = column_to_add(added);
    const std::string value = migrated_value(column, added.default_value());
    // All that can be refused is, before the column is there.
    require_earlier_versions(connection, table, added.operation_timestamp());
    connection.query("SELECT (" + value + ") IS NULL");
    add(table, column);
    failpoint("after-ddl");
    begin_versions(connection, table, column.name, value, added.operation_timestamp(), false);
    return true;
  }
  if (!operation.has_add_column_with_default_value()) return false;
  const auto& added = operation.add_column_with_default_value();
  const ServedColumn column = column_to_add(added);
  duck::Transaction transaction(connection);
  add(table, column);
  connection.query("UPDATE " + table.sql() + " SET " + duck::quoted(column.name) + " = " +
                   migrated_value(column, added.default_value()));
  commit(transaction);
  return true;
}

void Migration::update_column(const proto::UpdateColumnValueOperation& operation) const {
  const ServedTable table = need();
  const ServedColumn& column = need_column(table, operation.column());
  connection.query("UPDATE " + table.sql() + " SET " + duck::quoted(column.name) + " = " +
                   migrated_value(column, operation.value()));
}

bool Migration::change_mode(const proto::TableSyncModeMigrationOperation& operation) const {
  const ServedTable table = need();
  const std::string deleted =
      operation.soft_deleted_column().empty() ? kDeleted : operation.soft_deleted_column();
  const bool is_history = table.column(kStart) != nullptr;
  Converted converted;
  switch (operation.type()) {
    case proto::SOFT_DELETE_TO_HISTORY:
      if (is_history) return true;
      converted = to_history(table, deleted, table.name);
      break;
    case proto::HISTORY_TO_SOFT_DELETE:
      if (!is_history) return true;
      converted = to_soft_delete(table, deleted);
      break;
    default:
      return false;
  }
  replace_table(connection, converted.table, converted.select);
  return true;
}

}  // namespace

std::string migrated_value(const ServedColumn& column, const std::string& text) {
  if (text.empty() || text == "NULL") return "CAST(NULL AS " + column.type + ")";
  return value_of(column, duck::literal(text));
}

std::set<std::string> tables_of(const proto::MigrationDetails& details) {
  std::set<std::string> names{details.table(),
                              details.copy().copy_table().from_table(),
                              details.copy().copy_table().to_table(),
                              details.copy().copy_table_to_history_mode().from_table(),
                              details.copy().copy_table_to_history_mode().to_table(),
                              details.rename().rename_table().from_table(),
                              details.rename().rename_table().to_table()};
  names.erase("");
  return names;
}

bool migrate(duck::Connection& connection, const std::string& catalog,
             const proto::MigrationDetails& details) {
  const Migration migration{connection, catalog, details};
  switch (details.operation_case()) {
    case proto::MigrationDetails::kDrop:
      return migration.drop();
    case proto::MigrationDetails::kCopy:
      return migration.copy();
    case proto::MigrationDetails::kRename:
      return migration.rename();
    case proto::MigrationDetails::kAdd:
      return migration.add();
    case proto::MigrationDetails::kUpdateColumnValue:
      migration.update_column(details.update_column_value());
      return true;
    case proto::MigrationDetails::kTableSyncModeMigration:
      return migration.change_mode(details.table_sync_mode_migration());
    default:
      return false;
  }
}

}  // namespace sluice::serve
