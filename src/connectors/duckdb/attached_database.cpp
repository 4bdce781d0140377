// SPDX-License-Identifier: Apache-2.0
#include "connectors/duckdb/attached_database.h"

namespace sluice::duckdb_file {

void AttachedDatabase::detach() noexcept {
  if (catalog_.empty()) return;
  try {
    database_.connect().query("DETACH " + duck::quoted(catalog_));
  } catch (const std::exception&) {
    // DuckDB detaches what is left when it ends; a file that could not be checkpointed keeps its
    // log.
  }
}

duck::Connection AttachedDatabase::connect() const {
  duck::Connection connection = database_.connect();
  connection.query("SET TimeZone = 'UTC'");
  return connection;
}

}  // namespace sluice::duckdb_file
