// SPDX-License-Identifier: Apache-2.0
// What tables an attached database has.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "duck/duck.h"
#include "sluice/table.h"
#include "wire/text_session.h"

namespace sluice::duckdb_file {

/// Of DuckDB in this process.
wire::Ask ask(duck::Connection& connection);

/// The tables of `catalog`, and the views in `named`. `bytes`: what the tables take together; none:
/// they are guessed by their cells.
Catalog read_catalog(const wire::Ask& ask, const std::string& catalog,
                     std::optional<std::uint64_t> bytes, std::span<const TableName> named);

/// The tables with a column that compares by a collation. DuckDB does not print it with the type.
std::set<TableName> collated_tables(const wire::Ask& ask, const std::string& catalog);

/// "catalog"."schema"."name"
std::string sql_name(const std::string& catalog, const TableName& name);

}  // namespace sluice::duckdb_file
