// SPDX-License-Identifier: Apache-2.0
// What tables an attached DuckDB file has.
#pragma once

#include <set>
#include <span>
#include <string>
#include <vector>

#include "duck/duck.h"
#include "sluice/table.h"

namespace sluice::duckdb_file {

/// The tables of `catalog`, and the views in `named`.
Catalog read_catalog(duck::Connection& connection, const std::string& catalog,
                     std::span<const TableName> named);

/// The tables with a column that compares by a collation. DuckDB does not print it with the type.
std::set<TableName> collated_tables(duck::Connection& connection, const std::string& catalog);

/// "catalog"."schema"."name"
std::string sql_name(const std::string& catalog, const TableName& name);

}  // namespace sluice::duckdb_file
