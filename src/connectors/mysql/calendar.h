// SPDX-License-Identifier: Apache-2.0
// Dates and times as MySQL's two protocols carry them.
#pragma once

#include <cstdint>
#include <string>

#include "wire/slot.h"

namespace sluice::mysql {

constexpr std::int64_t kMicrosOfDay = 86'400'000'000;

/// A date and a time of day: days since 1970-01-01 (proleptic Gregorian), microseconds since
/// midnight.
struct Moment {
  std::int32_t days = 0;
  std::int64_t micros = 0;
};

/// A Reason where the date is zero, partial (2024-00-00, 0000-05-05) or not in the calendar
/// (2024-02-30).
wire::Reason moment_of_bytes(const wire::Byte* bytes, std::uint32_t size, Moment& moment);
wire::Reason moment_of_text(const wire::Byte* bytes, std::uint32_t size, Moment& moment);

/// TIME, -838:59:59.000000 to 838:59:59.000000, in microseconds.
wire::Reason span_of_bytes(const wire::Byte* bytes, std::uint32_t size, std::int64_t& micros);
wire::Reason span_of_text(const wire::Byte* bytes, std::uint32_t size, std::int64_t& micros);

/// As the server prints it, also what is in no calendar. Of the binary protocol.
std::string moment_text(const wire::Byte* bytes, std::uint32_t size);
std::string span_text(const wire::Byte* bytes, std::uint32_t size);

}  // namespace sluice::mysql
