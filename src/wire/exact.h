// SPDX-License-Identifier: Apache-2.0
// DuckDB's types that hold whole numbers of something: integers and DECIMAL.
#pragma once

#include <optional>
#include <string_view>

namespace sluice::wire {

constexpr int kMostDigits = 38;  // of a DECIMAL

/// 10^exponent, 0 to 38.
__int128 power_of_ten(int exponent) noexcept;

/// Bytes that DuckDB stores, digits behind the point, and the ends of the range, both included.
struct Exact {
  int bytes;
  int scale;
  __int128 least, most;
};

/// What an integer type or DECIMAL(p,s), written as DuckDB prints it, holds; none: it is neither.
std::optional<Exact> exact_type(std::string_view landed);

}  // namespace sluice::wire
