// SPDX-License-Identifier: Apache-2.0
#include "serve/write.h"

#include "sluice/error.h"

namespace sluice::serve {
namespace {

bool empty(duck::Connection& connection, const ServedTable& table) {
  return connection.query("SELECT 1 FROM " + table.sql() + " LIMIT 1").rows() == 0;
}

bool has_twice(duck::Connection& connection, const std::string& rows,
               const std::vector<ServedColumn>& keys) {
  const auto found = connection.query("SELECT (SELECT count(*) FROM " + rows +
                                      ") <> (SELECT count(*) FROM (SELECT DISTINCT " +
                                      list_of(keys) + " FROM " + rows + "))");
  return found.boolean(0, 0);
}

/// Of each key's rows, keeps the last by `order`.
void keep_last(duck::Connection& connection, const std::string& rows, const std::string& order,
               const std::vector<ServedColumn>& keys) {
  if (!has_twice(connection, rows, keys)) return;
  connection.query("DELETE FROM " + rows + " WHERE " + order + " NOT IN (SELECT max(" + order +
                   ") FROM " + rows + " GROUP BY " + list_of(keys) + ")");
}

/// The staged texts as one row per key: each column's last text that is not the unmodified_string.
void update(duck::Connection& connection, const ServedTable& table,
            const std::vector<ServedColumn>& keys, const std::string& unmodified) {
  const auto changed = modified_columns(connection, table, "staged_updates", unmodified);
  if (changed.empty()) return;
  std::string folded, set;
  for (const ServedColumn& each : changed) {
    const std::string name = duck::quoted(each.name);
    folded += ", arg_max({v: " + name + "}, " + kOrder + ") FILTER (" + name +
              " IS DISTINCT FROM " + duck::literal(unmodified) + ") AS " + name;
    set += (set.empty() ? "" : ", ") + name + " = CASE WHEN s." + name + " IS NULL THEN t." + name +
           " ELSE " + value_of(each, "s." + name + ".v") + " END";
  }
  std::string typed;
  for (const ServedColumn& each : keys) {
    typed += (typed.empty() ? "" : ", ") + value_of(each, duck::quoted(each.name)) + " AS " +
             duck::quoted(each.name);
  }
  without_values(table, [&] {
    connection.query("UPDATE " + table.sql() + " AS t SET " + set + " FROM (SELECT " + typed +
                     folded + " FROM staged_updates GROUP BY ALL) AS s WHERE " +
                     same_key(keys, "t", "s"));
  });
}

}  // namespace

std::vector<ServedColumn> modified_columns(duck::Connection& connection, const ServedTable& table,
                                           const std::string& stage,
                                           const std::string& unmodified) {
  std::vector<ServedColumn> others, changed;
  std::string list;
  for (const ServedColumn& each : table.columns) {
    if (each.key) continue;
    others.push_back(each);
    list += (list.empty() ? "" : ", ") + std::string("coalesce(bool_or(") +
            duck::quoted(each.name) + " IS DISTINCT FROM " + duck::literal(unmodified) +
            "), false)";
  }
  if (others.empty()) return changed;
  const auto found = connection.query("SELECT " + list + " FROM " + stage);
  for (std::size_t i = 0; i < others.size(); ++i) {
    if (found.boolean(0, i)) changed.push_back(others[i]);
  }
  return changed;
}

Written write_batch(duck::Connection& connection, const std::string& catalog,
                    const proto::WriteBatchRequest& request, bool long_records) {
  const ServedTable table =
      need_table(connection, catalog, request.schema_name(), request.table().name());
  const auto keys = table.keys();
  const BatchFiles batch{request.keys(), request.file_params(), long_records};
  const std::string& unmodified = batch.params.unmodified_string();
  Written written;
  // A table that is empty takes what it gets as it comes; else rows are staged, out of the
  // transaction.
  // `rowid` is the order of its rows, but where a column is called so.
  const bool direct = table.column("rowid") == nullptr && empty(connection, table);
  if (!direct && !request.replace_files().empty())
    make_stage(connection, "staged_rows", table, false);
  if (!direct) {
    for (const std::string& file : request.replace_files())
      written.replaced += load_values(connection, batch, table, file, "staged_rows", true);
    if (written.replaced > 0) keep_last(connection, "staged_rows", kOrder, keys);
  }
  if (!request.update_files().empty()) make_stage(connection, "staged_updates", table, true);
  for (const std::string& file : request.update_files())
    written.updated += load_texts(connection, batch, table, file, "staged_updates");
  if (!request.delete_files().empty()) make_stage(connection, "staged_deletes", table, true);
  for (const std::string& file : request.delete_files())
    written.deleted += load_texts(connection, batch, table, file, "staged_deletes");

  duck::Transaction transaction(connection);
  if (direct) {
    for (const std::string& file : request.replace_files())
      written.replaced += load_values(connection, batch, table, file, table.sql(), false);
    if (written.replaced > 0) keep_last(connection, table.sql(), "rowid", keys);
  } else if (written.replaced > 0) {
    connection.query("DELETE FROM " + table.sql() + " AS t USING staged_rows AS s WHERE " +
                     same_key(keys, "t", "s"));
    connection.query("INSERT INTO " + table.sql() + " (" + list_of(table.columns) + ") SELECT " +
                     list_of(table.columns) + " FROM staged_rows");
  }
  if (written.updated > 0) update(connection, table, keys, unmodified);
  if (written.deleted > 0) {
    std::string typed;
    for (const ServedColumn& each : keys) {
      typed += (typed.empty() ? "" : ", ") + value_of(each, duck::quoted(each.name)) + " AS " +
               duck::quoted(each.name);
    }
    without_values(table, [&] {
      connection.query("DELETE FROM " + table.sql() + " AS t USING (SELECT DISTINCT " + typed +
                       " FROM staged_deletes) AS s WHERE " + same_key(keys, "t", "s"));
    });
  }
  commit(transaction);
  return written;
}

}  // namespace sluice::serve
