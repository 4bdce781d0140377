// SPDX-License-Identifier: Apache-2.0
// In what the servers that speak PostgreSQL's protocol differ. A value: nothing else of this folder
// asks which of them it talks to.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace sluice::postgres {

using Setting = std::pair<std::string_view, std::string_view>;  ///< a setting's name, and its value

struct Dialect {
  std::string_view product = "PostgreSQL";
  std::string version;     ///< the product's own, "15.20"
  bool places = true;      ///< rows have a ctid and an xmin, tables blocks that can be counted
  bool one_server = true;  ///< a session sees every other's transactions, and one log has them all
  bool locks = true;       ///< LOCK TABLE keeps a table's shape and file as they are
  /// Given to each session, where the server knows them.
  std::span<const Setting> settings;
  /// Schemas that are the product's own, beside pg_% and information_schema, as a SQL list.
  std::string_view internal_schemas = "''";
};

/// By what version() says. YugabyteDB's names its release after "-YB-"; what else is here of it is
/// of its documentation and source: no ctid, no xmin; pg_stat_activity is a node's own; LOCK TABLE
/// is accepted in ACCESS SHARE mode and locks nothing before 2025.1, and there by a flag.
Dialect dialect_of(std::string_view version);

}  // namespace sluice::postgres
