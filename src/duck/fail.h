// SPDX-License-Identifier: Apache-2.0
// From DuckDB's errors to ours.
#pragma once

#include <duckdb.h>

#include <optional>
#include <string_view>

#include "sluice/error.h"

namespace sluice::duck {

/// Throws the Error of DuckDB's text (nullptr: it gave none), without what hide() was told.
[[noreturn]] void fail(duckdb_error_type type, const char* text);
/// Where an error comes without its type: the head of the text says.
[[noreturn]] void fail_as_said(const char* text);
/// What a service behind an extension says comes as an error of any type: conflict, authentication
/// or connection by the text, none for others. The texts are those of MotherDuck's extension 1.4
/// and 1.5, as its own connectors look for them
/// (github.com/motherduckdb/motherduck-fivetran-connector).
std::optional<Fault> fault_of_service(std::string_view message);

}  // namespace sluice::duck
