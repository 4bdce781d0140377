// SPDX-License-Identifier: Apache-2.0
#include "serve/truncate.h"

#include "serve/tables.h"
#include "sluice/error.h"

namespace sluice::serve {

std::uint64_t truncate(duck::Connection& connection, const std::string& catalog,
                       const proto::TruncateRequest& request) {
  const auto table = find_table(connection, catalog, request.schema_name(), request.table_name());
  if (!table) return 0;
  require_key(*table);
  const ServedColumn* synced = table->column(request.synced_column());
  if (synced == nullptr) {
    throw Error(Fault::schema, "the table has no column \"" + request.synced_column() +
                                   "\" that says when its rows were synced");
  }
  if (!request.has_utc_delete_before())
    throw Error(Fault::config, "Truncate without utc_delete_before");
  const auto& before = request.utc_delete_before();
  // The range of protobuf's Timestamp: years 1 to 9999.
  if (before.seconds() < -62'135'596'800 || before.seconds() > 253'402'300'799 ||
      before.nanos() < 0 || before.nanos() > 999'999'999)
    throw Error(Fault::config, "utc_delete_before is not within the years 1 to 9999");
  const std::string micros = std::to_string(before.seconds() * 1'000'000 + before.nanos() / 1'000);
  const std::string old =
      " WHERE " + duck::quoted(synced->name) + " < make_timestamptz(" + micros + ")";
  if (!request.has_soft()) return connection.query("DELETE FROM " + table->sql() + old).changed();
  const std::string& name = request.soft().deleted_column();
  duck::Transaction transaction(connection);
  if (table->column(name) == nullptr)
    connection.query("ALTER TABLE " + table->sql() + " ADD COLUMN " + duck::quoted(name) +
                     " BOOLEAN");
  const auto rows =
      connection.query("UPDATE " + table->sql() + " SET " + duck::quoted(name) + " = true" + old)
          .changed();
  commit(transaction);
  return rows;
}

}  // namespace sluice::serve
