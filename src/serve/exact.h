// SPDX-License-Identifier: Apache-2.0
// Whether a text is a value of its column whole. DuckDB's casts take more than that: they round
// 1.005 to a DECIMAL(10,2) and 1.5 to an integer, and drop a date's time and a time's offset.
#pragma once

#include <string>
#include <string_view>

#include "duck/duck.h"

namespace sluice::serve {

/// A decimal number, with an exponent or without, that needs `digits` at most after its point.
bool is_number(std::string_view text, int digits);
bool is_date(std::string_view text);       ///< with no time behind it
bool is_time(std::string_view text);       ///< with no offset
bool is_timestamp(std::string_view text);  ///< the same; or a date

/// Gives SQL that asks these. Once for each database.
void register_exact(duck::Connection& connection);

/// SQL: whether `text`, SQL of a VARCHAR, is not such a value of `type`, DuckDB's. NULL is one.
/// Empty: a cast to `type` refuses all that it would change.
std::string inexact(const std::string& type, const std::string& text);

}  // namespace sluice::serve
