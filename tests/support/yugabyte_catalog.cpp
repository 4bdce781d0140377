// SPDX-License-Identifier: Apache-2.0
// The database behind what stands in for a YugabyteDB: yugabyte_catalog.sql, and what its options
// change.
#include <sstream>

#include "support/yugabyte_double.h"
#include "support/yugabyte_sql.h"
#include "yugabyte_catalog.h"

namespace sluice::testing {
namespace {

std::string quoted_text(std::string_view text) {
  std::string out = "'";
  for (const char each : text) out += each == '\'' ? "''" : std::string(1, each);
  return out + "'";
}

/// As pg_settings calls it.
std::string vartype(YugabyteSetting::Kind kind) {
  switch (kind) {
    case YugabyteSetting::Kind::boolean:
      return "bool";
    case YugabyteSetting::Kind::integer:
    case YugabyteSetting::Kind::size:
      return "integer";
    case YugabyteSetting::Kind::choice:
      return "enum";
    case YugabyteSetting::Kind::time:
      return "string";
  }
  return {};
}

}  // namespace

void YugabyteDouble::make_catalog() {
  std::ostringstream sql;
  sql << kYugabyteCatalog;
  if (!options_.tablet_metadata) sql << "DROP VIEW pg_catalog.yb_tablet_metadata;\n";
  if (!options_.read_time) sql << "DROP FUNCTION pg_catalog.yb_get_current_hybrid_time_lsn();\n";
  if (!options_.universe_uuid)
    sql << "DROP FUNCTION pg_catalog.yb_servers();\n"
           "ALTER FUNCTION pg_catalog.yb_double_old_servers() RENAME TO yb_servers;\n";
  for (const YugabyteSetting& each : yugabyte_settings()) {
    if (!dialect_.has(each.name)) continue;
    sql << "INSERT INTO pg_catalog.yb_double_settings VALUES (" << quoted_text(each.name) << ", "
        << quoted_text(vartype(each.kind)) << ", " << quoted_text(each.initial) << ");\n";
  }
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const YugabyteNode& node = nodes_[i]->place;
    sql << "INSERT INTO pg_catalog.yb_double_nodes VALUES (" << i << ", " << quoted_text(node.host)
        << ", " << port_ << ", " << quoted_text(node.node_type) << ", " << quoted_text(node.cloud)
        << ", " << quoted_text(node.region) << ", " << quoted_text(node.zone) << ", "
        << quoted_text(node.public_ip) << ");\n";
  }
  sql << "RESET allow_system_table_mods;";
  behind_.exec(sql.str());
}

void YugabyteDouble::declare(const std::string& table, const Sharding& how) {
  behind_.exec("SELECT pg_catalog.yb_double_declare(" + quoted_text(table) + ", " +
               std::to_string(how.tablets) + ", " + std::to_string(how.hash_columns) + ", " +
               (how.colocated ? "true" : "false") + ", " + quoted_text(how.split) + ")");
}

}  // namespace sluice::testing
