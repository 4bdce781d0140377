// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "serve/write.h"
#include "sluice/error.h"

namespace sluice::serve {
namespace {

struct History {
  duck::Connection& connection;
  ServedTable table;
  std::vector<ServedColumn> keys;      ///< with _fivetran_start
  std::vector<ServedColumn> row_keys;  ///< without

  std::string typed(const std::vector<ServedColumn>& columns) const {
    std::string list;
    for (const ServedColumn& each : columns) {
      list += (list.empty() ? "" : ", ") + value_of(each, duck::quoted(each.name)) + " AS " +
              duck::quoted(each.name);
    }
    return list;
  }
  const ServedColumn& need(const char* name) const {
    const ServedColumn* column = table.column(name);
    if (column != nullptr) return *column;
    throw Error(Fault::schema,
                "the table " + table.schema + "." + table.name + " has no column " + name,
                "it is not in history mode: Migrate makes it so");
  }
  void forget_from_earliest() const;
  void put_in(const std::string& rows) const;
  void fill_updates(const std::string& unmodified) const;
  void end_deleted() const;
};

History history_of(duck::Connection& connection, const std::string& catalog,
                   const proto::WriteHistoryBatchRequest& request) {
  History history{connection,
                  need_table(connection, catalog, request.schema_name(), request.table().name()),
                  {},
                  {}};
  for (const char* each : {kStart, kEnd, kActive}) history.need(each);
  for (ServedColumn& each : history.table.columns) {
    if (duck::folded(each.name) == kStart) each.key = true;
  }
  history.keys = history.table.keys();
  std::ranges::copy_if(history.keys, std::back_inserter(history.row_keys),
                       [](const ServedColumn& each) { return duck::folded(each.name) != kStart; });
  if (history.row_keys.empty())
    throw Error(Fault::config, "the table's key is _fivetran_start alone",
                "a version belongs to a row, which needs a key");
  return history;
}

/// Versions from the instant on are gone, and the one before ends a millisecond earlier, also where
/// it had ended later.
void History::forget_from_earliest() const {
  const std::string same = same_key(row_keys, "t", "s");
  connection.query("CREATE OR REPLACE TEMP TABLE earliest AS SELECT " + list_of(row_keys) +
                   ", min(\"_fivetran_start\") AS since FROM (SELECT " + typed(keys) +
                   " FROM staged_earliest) GROUP BY ALL");
  connection.query("DELETE FROM " + table.sql() + " AS t USING earliest AS s WHERE " + same +
                   " AND t.\"_fivetran_start\" >= s.since");
  connection.query("UPDATE " + table.sql() +
                   " AS t SET \"_fivetran_active\" = false, \"_fivetran_end\" = s.since - "
                   "INTERVAL 1 millisecond FROM earliest AS s WHERE " +
                   same + " AND (t.\"_fivetran_active\" OR t.\"_fivetran_end\" >= s.since)");
}

/// Those that a call before has put in are put in again.
void History::put_in(const std::string& rows) const {
  connection.query("DELETE FROM " + table.sql() + " AS t USING " + rows + " AS s WHERE " +
                   same_key(keys, "t", "s"));
  connection.query("INSERT INTO " + table.sql() + " (" + list_of(table.columns) + ") SELECT " +
                   list_of(table.columns) + " FROM " + rows);
}

/// Each version of an update file whole: what is unmodified in it is as in the version before it,
/// be that one of the table or of the files.
void History::fill_updates(const std::string& unmodified) const {
  const auto changed = modified_columns(connection, table, "staged_updates", unmodified);
  std::string old_columns, new_columns, last;
  for (const ServedColumn& each : table.columns) {
    const std::string name = duck::quoted(each.name);
    if (each.key) continue;
    old_columns += ", {v: t." + name + "} AS " + name;
    const bool never =
        std::ranges::none_of(changed, [&](const auto& one) { return one.name == each.name; });
    const std::string null = "NULL::STRUCT(v " + each.type + ")";
    new_columns += ", " +
                   (never ? null
                          : "CASE WHEN " + name + " IS DISTINCT FROM " + duck::literal(unmodified) +
                                " THEN {v: " + value_of(each, name) + "} END") +
                   " AS " + name;
    last += ", (last_value(" + name + " IGNORE NULLS) OVER versions).v AS " + name;
  }
  const std::string starts = list_of(keys);
  // As values: a key has more texts than one, such as ..00Z and ..00.000Z.
  std::string values;
  for (const ServedColumn& each : keys)
    values += (values.empty() ? "" : ", ") + value_of(each, duck::quoted(each.name));
  connection.query("CREATE OR REPLACE TEMP TABLE new_versions AS SELECT " + typed(keys) +
                   new_columns + " FROM staged_updates QUALIFY row_number() OVER (PARTITION BY " +
                   values + " ORDER BY " + kOrder + " DESC) = 1");
  connection.query(
      "CREATE OR REPLACE TEMP TABLE filled AS SELECT * EXCLUDE (is_new) FROM (SELECT " + starts +
      last + ", is_new FROM (SELECT " + list_of(keys, "t") + old_columns +
      ", false AS is_new FROM " + table.sql() +
      " AS t WHERE EXISTS (SELECT 1 FROM new_versions "
      "AS s WHERE " +
      same_key(row_keys, "t", "s") +
      ") AND NOT EXISTS (SELECT 1 FROM "
      "new_versions AS s WHERE " +
      same_key(keys, "t", "s") +
      ") UNION ALL BY NAME SELECT *, true "
      "AS is_new FROM new_versions) WINDOW versions AS (PARTITION BY " +
      list_of(row_keys) +
      " ORDER BY \"_fivetran_start\" ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)) "
      "WHERE is_new");
}

void History::end_deleted() const {
  const ServedColumn& end = need(kEnd);
  connection.query("UPDATE " + table.sql() +
                   " AS t SET \"_fivetran_active\" = false, \"_fivetran_end\" = s.until FROM "
                   "(SELECT " +
                   typed(row_keys) + ", max(" + value_of(end, duck::quoted(end.name)) +
                   ") AS until FROM staged_deletes GROUP BY ALL) AS s WHERE " +
                   same_key(row_keys, "t", "s") + " AND t.\"_fivetran_active\"");
}

}  // namespace

Written write_history(duck::Connection& connection, const std::string& catalog,
                      const proto::WriteHistoryBatchRequest& request, bool long_records) {
  const History history = history_of(connection, catalog, request);
  const BatchFiles batch{request.keys(), request.file_params(), long_records};
  const auto staged = [&](const Files& files, const char* stage, bool texts) {
    std::uint64_t rows = 0;
    if (!files.empty()) make_stage(connection, stage, history.table, texts);
    for (const std::string& file : files) {
      rows += texts ? load_texts(connection, batch, history.table, file, stage)
                    : load_values(connection, batch, history.table, file, stage, true);
    }
    return rows;
  };
  Written written;
  const auto earliest = staged(request.earliest_start_files(), "staged_earliest", true);
  written.replaced = staged(request.replace_files(), "staged_rows", false);
  written.updated = staged(request.update_files(), "staged_updates", true);
  written.deleted = staged(request.delete_files(), "staged_deletes", true);
  written.ended = earliest;

  duck::Transaction transaction(connection);
  without_values(history.table, [&] {
    if (earliest > 0) history.forget_from_earliest();
    // Whole versions first: a part of a version may build on one of the same call.
    if (written.replaced > 0) {
      connection.query(std::string("DELETE FROM staged_rows WHERE ") + kOrder +
                       " NOT IN (SELECT max(" + kOrder + ") FROM staged_rows GROUP BY " +
                       list_of(history.keys) + ")");
      history.put_in("staged_rows");
    }
    if (written.updated > 0) {
      history.fill_updates(batch.params.unmodified_string());
      history.put_in("filled");
    }
    if (written.deleted > 0) history.end_deleted();
  });
  commit(transaction);
  return written;
}

}  // namespace sluice::serve
