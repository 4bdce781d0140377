// SPDX-License-Identifier: Apache-2.0
// How far a table has been seen by its replication key, and how it is proven that nothing below was
// missed. Shared by runs into a destination and by a source that is served.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "duck/duck.h"
#include "engine/scan.h"
#include "engine/state.h"
#include "sluice/options.h"
#include "sluice/source.h"

namespace sluice {

/// `until`, which this snapshot has reached, waits for what it saw open. No promotion.
void add_mark(Marks& marks, const std::optional<std::string>& until, const Snapshot& snapshot);
/// Marks whose holders have ended bound the NEXT read. The one under this snapshot still has to
/// begin below them: what their holders committed since is visible only now.
void promote_settled(Marks& marks, const Snapshot& snapshot);

/// Where a read from `mark` on begins: the overlap of the table's options below it. `note` is told
/// where marks cannot be proven.
std::string below(const std::string& mark, const Table& table, const TableOptions& options,
                  const Snapshot& snapshot, duck::Connection& connection,
                  const std::function<void(const std::string&)>& note);

/// Throws Fault::config if `key` is not one: `keys` is the relation, or a SELECT from it in
/// parentheses, and has all of the table's rows.
void prove_key(Relation& relation, const std::string& keys, const TableName& table,
               const std::vector<std::string>& key);

}  // namespace sluice
