// SPDX-License-Identifier: Apache-2.0
// What the protocol's Migrate does to a table.
#pragma once

#include <set>
#include <string>

#include "duck/duck.h"
#include "fivetran/proto/destination.pb.h"
#include "serve/tables.h"

namespace sluice::serve {

/// False: the operation is one that is not supported (those that make or end a table in live mode,
/// and what this build does not know).
bool migrate(duck::Connection& connection, const std::string& catalog,
             const proto::MigrationDetails& details);

/// The tables of its schema that it is about, by name.
std::set<std::string> tables_of(const proto::MigrationDetails& details);

/// The text of a migration as a value of this column, in SQL. Empty, and the word NULL, are NULL.
std::string migrated_value(const ServedColumn& column, const std::string& text);

/// Fault::schema where `table` is not in history mode, Fault::drift where current versions of it
/// begin after `instant`.
void require_earlier_versions(duck::Connection& connection, const ServedTable& table,
                              const std::string& instant);

/// From `instant` on, `column` (which the table has) holds `value`, SQL of its type: current
/// versions end, and others like them begin. With `only_set`, only of rows that have a value there.
void begin_versions(duck::Connection& connection, const ServedTable& table,
                    const std::string& column, const std::string& value, const std::string& instant,
                    bool only_set);

/// The rows of `table`, in which `deleted_column` marks deleted ones (if it has that), as versions:
/// the table `to` is to have these columns and this content.
struct Converted {
  ServedTable table;
  std::string select;
};
Converted to_history(const ServedTable& table, const std::string& deleted_column,
                     const std::string& to);
Converted to_soft_delete(const ServedTable& table, const std::string& deleted_column);

}  // namespace sluice::serve
