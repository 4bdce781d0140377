// SPDX-License-Identifier: Apache-2.0
// PostgreSQL's 64-bit hashes (hash_bytes_extended and what its types make of it), computed outside
// PostgreSQL: equal to the bit on little-endian servers from version 11 on. Proven against the
// vectors in tests/unit/postgres_hash_test.cpp, which a real server printed.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::postgres::hash {

std::uint64_t bytes(std::string_view bytes, std::uint64_t seed) noexcept;
/// bool, int2, int4, date (days), oid.
std::uint64_t word(std::uint32_t value, std::uint64_t seed) noexcept;
/// time, timestamp, timestamptz (microseconds): 64 bits folded to 32.
std::uint64_t folded(std::int64_t value, std::uint64_t seed) noexcept;
/// hashint4extended(0, h): spreads all 64 bits of `h`. Rows are summed after it, because the rest
/// is linear: two values swapped between two rows would not change a sum.
inline std::uint64_t finish(std::uint64_t h) noexcept { return word(0, h); }
/// float8; a float4 is widened first. The sign of zero does not count.
std::uint64_t real(double value, std::uint64_t seed) noexcept;
/// numeric: `value` / 10^`scale`. Its sign and trailing zeros do not count.
std::uint64_t numeric(__int128 value, unsigned scale, std::uint64_t seed) noexcept;
/// What an array of one element makes of the element's hash.
inline std::uint64_t in_array(std::uint64_t h) noexcept { return 31 + h; }

}  // namespace sluice::postgres::hash
