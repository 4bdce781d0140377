// SPDX-License-Identifier: Apache-2.0
// Values as text, as DuckDB prints and casts them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "connectors/dolphindb/input.h"
#include "connectors/dolphindb/types.h"

namespace sluice::dolphindb {

/// Whether the bytes of one value, of a type that has a width, are the type's NULL.
bool is_null(Type type, const Byte* value) noexcept;

/// One value that has a width and is not NULL: "2024-01-02 03:04:05.000000001", "-7.25", "1.0",
/// "192.168.1.1", "e1671797c52e15f763380b45e841ec32", "3d", "{'re': 1.5, 'im': NULL}".
std::string text_of(const ColumnType& type, const Byte* value);

/// A replication key's number of this type, and back. From a text between two numbers: the upper.
/// None: the text is no such value, or outside of the type.
std::string mark_text(Type type, std::int64_t number);
std::optional<std::int64_t> mark_number(Type type, std::string_view text);

/// The bytes of one value, of a type that has a width, from its text as DuckDB prints it. False: it
/// is none.
bool value_of(const ColumnType& type, std::string_view text, std::array<Byte, 16>& value);

/// Days since 1970 of a month's first day.
std::int64_t days_of_month(std::int64_t month) noexcept;

}  // namespace sluice::dolphindb
