// SPDX-License-Identifier: Apache-2.0
// The SQL of a plan: conditions, and the query that reads a chunk. A chunk's bounds are JSON.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "connectors/mysql/discovery.h"
#include "sluice/plan.h"

namespace sluice::mysql {

/// A value of this column, written as DuckDB prints its type (BLOB as hex), as a literal of the
/// server.
std::string value_literal(const WireType& wire, const std::string& landed,
                          const std::string& value);

/// SQL of a column of a key as text that tuple_condition() takes: exact, and ordered as its index.
std::string bound_expression(const Shape& shape, const std::string& column);
/// Whether keys with this column have an order that conditions have, too.
bool can_bound(const WireType& wire);

/// A value of the replication key, as Read::from has it, as a literal.
std::string replication_literal(const Shape& shape, const std::string& key,
                                const std::string& value);

/// The conditions on the rows that the plan asks for, but for its keys and chunks.
std::vector<std::string> predicates(const Shape& shape, const Plan& plan);
/// Rows whose key is at or above (else: below) a tuple, as an index finds them: a > 1 OR (a = 1 AND
/// b >= 2). The bounds come from the server and are compared there only, by the columns'
/// collations.
std::string tuple_condition(const Shape& shape, const std::vector<std::string>& names,
                            const std::vector<std::string>& bound, bool at_or_above);
/// " WHERE a AND b"; nothing for none.
std::string where_clause(const std::vector<std::string>& conditions);

/// One partition of a result table: what a chunk of SingleStore's big tables is.
struct ResultPart {
  std::string table;  ///< stands for one result table in each snapshot
  std::size_t partition = 0, of = 0;
};
std::optional<ResultPart> result_part(const Chunk& chunk);
/// What such a table holds: all columns of the plan, called c0, c1, ..
std::string result_query(const Shape& shape, Dialect dialect, const Plan& plan);
std::string partition_query(const std::string& table, std::span<const std::size_t> projection,
                            std::size_t partition);

/// SELECT of the plan's columns at these positions, for the rows of one chunk.
std::string select_statement(const Shape& shape, Dialect dialect, const Plan& plan,
                             std::span<const std::size_t> projection, const Chunk& chunk);

}  // namespace sluice::mysql
