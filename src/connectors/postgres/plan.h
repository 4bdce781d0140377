// SPDX-License-Identifier: Apache-2.0
// How a table is cut into chunks, and the statement that reads one. The chunks' bounds are JSON.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "connectors/postgres/answers.h"
#include "connectors/postgres/connection.h"
#include "connectors/postgres/discovery.h"
#include "connectors/postgres/witness.h"
#include "sluice/source.h"

namespace sluice::postgres {

/// `session` reads under the snapshot that `shape` and `answers` are of, `witness` was observed
/// before it. Throws
/// Fault::schema if the columns asked for are not the table's.
Plan make_plan(Connection& session, Answers& answers, const Shape& shape, const Witness& witness,
               const Table& table, const Read& read);

/// SELECT of the plan's columns at these positions, for the rows of one chunk.
std::string select_statement(const Shape& shape, const Plan& plan,
                             std::span<const std::size_t> projection, const Chunk& chunk);

}  // namespace sluice::postgres
