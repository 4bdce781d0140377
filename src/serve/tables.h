// SPDX-License-Identifier: Apache-2.0
// Tables at the destination: as they are, and as a call wants them to be. Each function is run
// again by a client that has lost its answer, and then finds its own work done.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "duck/duck.h"
#include "serve/types.h"

namespace sluice::serve {

struct ServedTable {
  std::string catalog, schema, name;
  std::vector<ServedColumn> columns;

  std::string sql() const;  ///< qualified and quoted
  /// The same in another name of the same schema.
  std::string sibling(const std::string& other) const;
  /// By the name that DuckDB would take for the same; nullptr: none.
  const ServedColumn* column(const std::string& wanted) const;
  std::vector<ServedColumn> keys() const;
};

/// None: there is no such table.
std::optional<ServedTable> find_table(duck::Connection& connection, const std::string& catalog,
                                      const std::string& schema, const std::string& name);
/// Fault::schema where there is none, Fault::ownership where it has no key: CreateTable gives every
/// table one, so somebody else made it.
ServedTable need_table(duck::Connection& connection, const std::string& catalog,
                       const std::string& schema, const std::string& name);
void require_key(const ServedTable& table);  ///< that

/// As the message says; Fault::config where it has no columns, no key, or a name twice.
ServedTable wanted_table(const std::string& catalog, const std::string& schema,
                         const proto::Table& table);

/// With its schema. One that is there, empty, and as wanted, was made by a call before.
void create_table(duck::Connection& connection, const ServedTable& wanted);
/// Adds columns, changes types and the key; drops what is not wanted where that is said.
void alter_table(duck::Connection& connection, const ServedTable& wanted, bool drop_columns);
/// The statements that make a table and its comments, under that name.
void make_table(duck::Connection& connection, const ServedTable& table, const std::string& name);
void comment_on(duck::Connection& connection, const std::string& table, const ServedColumn& column);

/// Makes `table` hold what `select` gives (its columns, in their order), whether or not there is
/// one: written beside it, then renamed in a transaction of its own, for DuckDB replays rows with a
/// RENAME after them in one transaction wrongly after a crash.
void replace_table(duck::Connection& connection, const ServedTable& table,
                   const std::string& select);

/// Commits what `transaction` holds. A test can end the process right before and after.
void commit(duck::Transaction& transaction);

/// "a IS NOT DISTINCT FROM b" for each of these columns of both aliases, joined by AND.
std::string same_key(const std::vector<ServedColumn>& keys, const std::string& one,
                     const std::string& other);
/// Quoted names, joined by commas.
std::string list_of(const std::vector<ServedColumn>& columns, const std::string& alias = {});

}  // namespace sluice::serve
