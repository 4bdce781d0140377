// SPDX-License-Identifier: Apache-2.0
// ISO 8601 dates and times as connectors write them, to and from counts since 1970.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace sluice::feed {

/// "2026-11-22": days; years 0001 to 9999. None: it is no such date.
std::optional<std::int32_t> parse_date(std::string_view text);

/// "2026-11-22T10:15:30.123456", a blank for the T, up to six digits behind the point (more only if
/// they are zeros), then nothing or an offset: "Z", "+02", "+0200", "+02:00".
struct ParsedTime {
  std::int64_t micros;  ///< of the clock that the text shows, less its offset
  bool has_offset;
};
std::optional<ParsedTime> parse_time(std::string_view text);

/// As DuckDB prints them: "2026-11-22 10:15:30+00" the UTC form, "0044-03-15 (BC)" a year before
/// 0001. Of those years the above read what this writes. Views `buffer`, of 48 bytes or more.
std::string_view write_date(std::int32_t days, std::span<char> buffer);
std::string_view write_time(std::int64_t micros, bool utc, std::span<char> buffer);

}  // namespace sluice::feed
