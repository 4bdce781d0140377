// SPDX-License-Identifier: Apache-2.0
// The SQL that reads: predicates, literals, bounds. Every name quoted, every value escaped.
#pragma once

#include <string>
#include <vector>

#include "connectors/postgres/discovery.h"
#include "sluice/source.h"

namespace sluice::postgres {

/// A value as DuckDB prints it, as a literal of the column's type.
std::string key_literal(const Shape& shape, const std::string& column, const std::string& value);

/// What Table::where, Table::start and Read::from ask for; Read::keys belong to the chunks.
std::vector<std::string> predicates(const Shape& shape, const Plan& plan);

/// The table as a FROM item, under its own name. Where it has other heaps than itself, partitions
/// and children that were attached since the snapshot show through it.
std::string from_item(const Shape& shape);
/// The condition that a row whose tableoid is `heap` is of the table's heaps; nothing: all are.
std::string in_heaps(const Shape& shape, const std::string& heap);

/// A query of the highest `key`, as `type` and named m, of the rows of its heaps.
std::string newest(const Shape& shape, const std::vector<std::string>& conditions,
                   const std::string& key, const std::string& type);

/// " WHERE a AND b", or nothing.
std::string where_clause(const std::vector<std::string>& conditions);

}  // namespace sluice::postgres
