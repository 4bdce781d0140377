// SPDX-License-Identifier: Apache-2.0
// A function of SQL that C++ code computes, a vector at a time.
#pragma once

#include <duckdb.h>

#include <string>

#include "duck/duck.h"

namespace sluice::duck {

/// Fills `result` for the rows of `arguments`, whose vectors are flat. Called by several threads at
/// once. May throw: the query fails with the exception's text.
using ScalarWork = void (*)(duckdb_data_chunk arguments, duckdb_vector result);

/// Registers `name`, which takes any number of arguments of any type (NULLs too) and returns
/// `type`, for as long as the database lives. Does nothing where the database has it.
void register_scalar_function(Connection& connection, const std::string& name, duckdb_type type,
                              ScalarWork work);

}  // namespace sluice::duck
