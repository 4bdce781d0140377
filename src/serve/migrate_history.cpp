// SPDX-License-Identifier: Apache-2.0
#include "serve/migrate.h"
#include "serve/write.h"
#include "sluice/error.h"

namespace sluice::serve {
namespace {

constexpr const char* kSynced = "_fivetran_synced";
constexpr const char* kInstant = "TIMESTAMP WITH TIME ZONE";

std::string instant_of(const std::string& text) {
  return "CAST(" + duck::literal(text) + " AS " + kInstant + ")";
}

}  // namespace

void require_earlier_versions(duck::Connection& connection, const ServedTable& table,
                              const std::string& instant) {
  if (table.column(kStart) == nullptr) {
    throw Error(Fault::schema,
                "the table " + table.schema + "." + table.name + " has no column " + kStart,
                "it is not in history mode: a migration of its mode makes it so");
  }
  const auto later = connection.query("SELECT count(*) FROM " + table.sql() +
                                      R"( WHERE "_fivetran_active" AND "_fivetran_start" > )" +
                                      instant_of(instant));
  if (later.integer(0, 0) > 0) {
    throw Error(Fault::drift,
                "the table " + table.schema + "." + table.name +
                    " has versions that begin after the migration's instant",
                "send the instant of the migration, which is later than every version");
  }
}

void begin_versions(duck::Connection& connection, const ServedTable& table,
                    const std::string& column, const std::string& value, const std::string& instant,
                    bool only_set) {
  const ServedColumn* changed = table.column(column);
  if (changed == nullptr) {
    throw Error(Fault::schema,
                "the table " + table.schema + "." + table.name + " has no column " + column);
  }
  require_earlier_versions(connection, table, instant);
  const std::string at = instant_of(instant), name = duck::quoted(changed->name);
  const std::string active = R"("_fivetran_active")", start = R"("_fivetran_start")";
  const std::string current = active + (only_set ? " AND " + name + " IS NOT NULL" : "");
  std::string values;
  for (const ServedColumn& each : table.columns) {
    const bool is_start = duck::folded(each.name) == kStart;
    values += (values.empty() ? "" : ", ") + (is_start           ? at
                                              : &each == changed ? value
                                                                 : duck::quoted(each.name));
  }
  std::vector<ServedColumn> row_keys;
  for (const ServedColumn& each : table.keys()) {
    if (duck::folded(each.name) != kStart) row_keys.push_back(each);
  }
  if (row_keys.empty()) {
    throw Error(Fault::config, "the table's key is _fivetran_start alone",
                "a version belongs to a row, which needs a key");
  }
  duck::Transaction transaction(connection);
  // A crash in the commit can leave new versions and the old ones as they were (DuckDB replays
  // 122,880 rows and more without what is written beside them): such are not put in again.
  // Those that begin at this very instant are changed as they are; a second call finds only such.
  connection.query("INSERT INTO " + table.sql() + " SELECT " + values + " FROM " + table.sql() +
                   " AS t WHERE " + current + " AND " + start + " < " + at +
                   " AND NOT EXISTS (SELECT 1 FROM " + table.sql() + " AS s WHERE s." + start +
                   " = " + at + " AND " + same_key(row_keys, "t", "s") + ")");
  connection.query("UPDATE " + table.sql() + " SET " + active +
                   " = false, \"_fivetran_end\" = " + at + " - INTERVAL 1 millisecond WHERE " +
                   current + " AND " + start + " < " + at);
  connection.query("UPDATE " + table.sql() + " SET " + name + " = " + value + " WHERE " + start +
                   " = " + at);
  commit(transaction);
}

Converted to_history(const ServedTable& table, const std::string& deleted_column,
                     const std::string& to) {
  const ServedColumn* deleted = table.column(deleted_column);
  Converted converted{{table.catalog, table.schema, to, {}}, {}};
  std::string list;
  for (const ServedColumn& each : table.columns) {
    if (&each == deleted) continue;
    converted.table.columns.push_back(each);
    list += duck::quoted(each.name) + ", ";
  }
  converted.table.columns.push_back({kStart, kInstant, false, true});
  converted.table.columns.push_back({kEnd, kInstant, false, false});
  converted.table.columns.push_back({kActive, "BOOLEAN", false, false});
  const std::string is_deleted =
      deleted == nullptr ? "false" : "coalesce(" + duck::quoted(deleted->name) + ", false)";
  const std::string epoch = instant_of("1970-01-01 00:00:00+00");
  const std::string last =
      table.column(kSynced) == nullptr
          ? epoch
          : "coalesce((SELECT max(\"_fivetran_synced\") FROM " + table.sql() + "), " + epoch + ")";
  converted.select = "SELECT " + list + "CASE WHEN " + is_deleted + " THEN " + epoch + " ELSE " +
                     last + " END, CASE WHEN " + is_deleted + " THEN " + epoch + " ELSE " +
                     instant_of("9999-12-31 23:59:59.999+00") + " END, NOT " + is_deleted +
                     " FROM " + table.sql();
  return converted;
}

Converted to_soft_delete(const ServedTable& table, const std::string& deleted_column) {
  Converted converted{{table.catalog, table.schema, table.name, {}}, {}};
  std::string list, keys;
  for (const ServedColumn& each : table.columns) {
    const std::string folded = duck::folded(each.name);
    if (folded == kStart || folded == kEnd || folded == kActive ||
        folded == duck::folded(deleted_column))
      continue;
    converted.table.columns.push_back(each);
    list += duck::quoted(each.name) + ", ";
    if (each.key) keys += (keys.empty() ? "" : ", ") + duck::quoted(each.name);
  }
  if (keys.empty())
    throw Error(Fault::config, "the table " + table.schema + "." + table.name +
                                   " has no primary key but " + kStart);
  converted.table.columns.push_back({deleted_column, "BOOLEAN", false, false});
  converted.select = "SELECT " + list + "NOT coalesce(\"_fivetran_active\", false) FROM " +
                     table.sql() + " QUALIFY row_number() OVER (PARTITION BY " + keys +
                     " ORDER BY \"_fivetran_start\" DESC) = 1";
  return converted;
}

}  // namespace sluice::serve
