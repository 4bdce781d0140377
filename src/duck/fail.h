// SPDX-License-Identifier: Apache-2.0
// From DuckDB's errors to ours.
#pragma once

#include <duckdb.h>

namespace sluice::duck {

/// Throws the Error of DuckDB's text (nullptr: it gave none), without what hide() was told.
[[noreturn]] void fail(duckdb_error_type type, const char* text);
/// Where an error comes without its type: the head of the text says.
[[noreturn]] void fail_as_said(const char* text);

}  // namespace sluice::duck
