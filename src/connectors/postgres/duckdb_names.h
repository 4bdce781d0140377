// SPDX-License-Identifier: Apache-2.0
// Names as DuckDB writes them inside a type: STRUCT(a INTEGER, "key" INTEGER).
#pragma once

#include <string>
#include <string_view>

namespace sluice::postgres {

/// Quoted where DuckDB itself would quote it.
std::string duckdb_name(std::string_view name);

}  // namespace sluice::postgres
