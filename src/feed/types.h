// SPDX-License-Identifier: Apache-2.0
// The types of a connector's columns: their names, what holds two of them, what a value begins.
#pragma once

#include <optional>
#include <string>

#include "sluice/table.h"
#include "sluice/value.h"

namespace sluice::feed {

/// As Fivetran writes it: "LONG", "DECIMAL(10,2)".
std::string name(const sdk::DataType& type);
/// Of name()'s text; none: it is not a type.
std::optional<sdk::DataType> parse_type(const std::string& name);
/// The DuckDB type it lands as, written as DuckDB prints it.
std::string duck_type(const sdk::DataType& type);
/// Throws Fault::config where a column cannot be declared so.
void check_declared(const TableName& table, const std::string& column, const sdk::DataType& type);
/// The narrowest type that holds every value of both exactly; none: bytes and anything else.
std::optional<sdk::DataType> widened(const sdk::DataType& one, const sdk::DataType& other);
/// What an undeclared column begins as with this value; none: NULL says nothing.
std::optional<sdk::DataType> inferred(const sdk::Value& value);

}  // namespace sluice::feed
