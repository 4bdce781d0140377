// SPDX-License-Identifier: Apache-2.0
#include "engine/load.h"

namespace sluice {

bool Shape::exists(const std::string& name) const {
  return connection_
             ->query(
                 "SELECT count(*) FROM (SELECT table_name FROM duckdb_tables() WHERE database_name "
                 "= $1 AND "
                 "lower(schema_name) = lower($2) AND lower(table_name) = lower($3) UNION ALL "
                 "SELECT view_name FROM "
                 "duckdb_views() WHERE database_name = $1 AND lower(schema_name) = lower($2) AND "
                 "lower(view_name) "
                 "= lower($3))",
                 {target_.catalog, target_.schema, name})
             .integer(0, 0) > 0;
}

std::uint64_t Shape::rows(const std::string& name) const {
  return static_cast<std::uint64_t>(
      connection_->query("SELECT count(*) FROM " + target_.sibling(name)).integer(0, 0));
}

std::uint64_t Shape::living_rows(const std::string& name) const {
  return static_cast<std::uint64_t>(
      connection_
          ->query("SELECT count(*) FROM " + target_.sibling(name) + " WHERE " + target_.living())
          .integer(0, 0));
}

void Shape::create(const std::string& name, const std::vector<Column>& columns) const {
  std::string list;
  for (const Column& column : columns) {
    list += (list.empty() ? "" : ", ") + duck::quoted(column.name) + " " + column.type;
  }
  if (!target_.deleted.empty())
    list += ", " + duck::quoted(target_.deleted) + " BOOLEAN DEFAULT false";
  if (target_.versions) {
    list += ", " + duck::quoted(target_.versions->from) + " TIMESTAMPTZ, " +
            duck::quoted(target_.versions->to) + " TIMESTAMPTZ, " +
            duck::quoted(target_.versions->current) + " BOOLEAN";
  }
  if (!target_.row_id.empty()) list += ", " + duck::quoted(target_.row_id) + " VARCHAR";
  if (!target_.synced_at.empty()) list += ", " + duck::quoted(target_.synced_at) + " TIMESTAMPTZ";
  duck::Transaction transaction(*connection_);
  connection_->query("DROP TABLE IF EXISTS " + target_.sibling(name));
  connection_->query("CREATE TABLE " + target_.sibling(name) + " (" + list + ")");
  commit(transaction);
}

void Shape::drop(const std::string& name) const {
  duck::Transaction transaction(*connection_);
  connection_->query("DROP TABLE IF EXISTS " + target_.sibling(name));
  commit(transaction);
}

void Shape::change(const std::vector<ColumnChange>& changes) const {
  if (changes.empty()) return;
  duck::Transaction transaction(*connection_);
  for (const ColumnChange& change : changes) {
    const std::string column = duck::quoted(change.column.name);
    if (!change.added) {
      connection_->query("ALTER TABLE " + target_.sql() + " ALTER " + column + " TYPE " +
                         change.column.type);
      continue;
    }
    // A run may have been cut off between this and its state, and the type have changed since. No
    // row was written to such a column yet.
    connection_->query("ALTER TABLE " + target_.sql() + " DROP COLUMN IF EXISTS " + column);
    connection_->query("ALTER TABLE " + target_.sql() + " ADD COLUMN " + column + " " +
                       change.column.type);
  }
  commit(transaction);
}

bool Shape::cut(const std::string& name, std::uint64_t rows_wanted) const {
  const std::string table = target_.sibling(name);
  if (rows(name) == rows_wanted) return true;
  const std::string wanted = std::to_string(rows_wanted);
  // An append-only table numbers its rows 0, 1, 2, ..: unless rows were cut off before and their
  // numbers are used up.
  if (connection_->query("SELECT count(*) FROM " + table + " WHERE rowid < " + wanted).text(0, 0) !=
      wanted)
    return false;
  duck::Transaction transaction(*connection_);
  connection_->query("DELETE FROM " + table + " WHERE rowid >= " + wanted);
  commit(transaction);
  return true;
}

void Shape::commit(duck::Transaction& transaction) const {
  states_->hold(*connection_);
  transaction.commit();
}

void Pin::check() {
  try {
    connection_.query(reading_);
  } catch (const Error& error) {
    throw Error(Fault::conflict,
                std::string("what kept the rows where they were found has ended: ") + error.what());
  }
}

void Load::replace_state(const TableName& table, const std::optional<TableState>& expected,
                         const TableState& next) {
  states_.replace(connection_, table, expected, next);
  written_.emplace_back(table, next.json());
}

void Load::replace_feed(const std::optional<FeedState>& expected, const FeedState& next) {
  states_.replace_feed(connection_, expected, next);
  feed_ = next;
}

void Load::commit() {
  failpoint("before-commit");
  states_.hold(connection_);
  transaction_.commit();
  // COMMIT answers "success" also for a transaction that an error had already ended: only the
  // states prove it.
  for (const auto& [table, state] : written_) {
    const auto stored = states_.table(connection_, table);
    if (!stored || stored->json() != state) {
      states_.hold(connection_);  // whoever claimed it since may have replaced the state already
      throw Error(Fault::internal, table.text() + ": DuckDB reported a commit that did not happen");
    }
  }
  if (feed_ && states_.feed(connection_) != feed_) {
    states_.hold(connection_);
    throw Error(Fault::internal, "DuckDB reported a commit of the connector's that did not happen");
  }
  failpoint("after-commit");
}

}  // namespace sluice
