// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/temporal.h"

#include <limits>

namespace sluice::postgres {
namespace {

constexpr std::int32_t kDaysTo2000 = 10957;                  // from 1970
constexpr std::int64_t kMicrosTo2000 = 946'684'800'000'000;  // likewise
constexpr std::int64_t kMicrosOfDay = 86'400'000'000;
constexpr std::int32_t kMaxZone = 16 * 3600 - 1;  // seconds, of both sides

template <class T>
constexpr T kEndless = std::numeric_limits<T>::max();

std::int32_t int32(const Byte* from) { return static_cast<std::int32_t>(load32(from)); }
std::int64_t int64(const Byte* from) { return static_cast<std::int64_t>(load64(from)); }

std::int64_t time_of_day(const Byte* bytes) {
  const auto micros = int64(bytes);
  if (micros < 0 || micros > kMicrosOfDay) broken("a time outside the day");
  return micros;
}

// Since 17: all fields at one end of their range.
bool infinite(const duckdb_interval& interval) {
  constexpr auto kMost = std::numeric_limits<std::int32_t>::max();
  constexpr auto kLeast = std::numeric_limits<std::int32_t>::min();
  return (interval.months == kMost && interval.days == kMost &&
          interval.micros == std::numeric_limits<std::int64_t>::max()) ||
         (interval.months == kLeast && interval.days == kLeast &&
          interval.micros == std::numeric_limits<std::int64_t>::min());
}

}  // namespace

Reason decode_date(Slot& slot, const Byte* bytes, std::uint32_t size, std::uint64_t row) {
  expect_size(size, 4);
  const auto days = int32(bytes);
  std::int32_t& date = slot.values<std::int32_t>()[row];
  if (days == kEndless<std::int32_t>) {
    date = days;
  } else if (days == std::numeric_limits<std::int32_t>::min()) {
    date = -kEndless<std::int32_t>;
  } else if (days >= kEndless<std::int32_t> - kDaysTo2000) {
    return kRange;
  } else {
    date = days + kDaysTo2000;
    if (date == -kEndless<std::int32_t>) return kRange;
  }
  return nullptr;
}

Reason decode_timestamp(Slot& slot, const Byte* bytes, std::uint32_t size, std::uint64_t row) {
  expect_size(size, 8);
  const auto micros = int64(bytes);
  std::int64_t& timestamp = slot.values<std::int64_t>()[row];
  if (micros == kEndless<std::int64_t>) {
    timestamp = micros;
  } else if (micros == std::numeric_limits<std::int64_t>::min()) {
    timestamp = -kEndless<std::int64_t>;
  } else if (micros >= kEndless<std::int64_t> - kMicrosTo2000 ||
             micros < -kEndless<std::int64_t> / 2) {
    return kRange;  // the server's own least timestamp is far above the latter
  } else {
    timestamp = micros + kMicrosTo2000;
  }
  return nullptr;
}

Reason decode_time(Slot& slot, const Byte* bytes, std::uint32_t size, std::uint64_t row) {
  expect_size(size, 8);
  slot.values<std::int64_t>()[row] = time_of_day(bytes);
  return nullptr;
}

// The server counts seconds west of UTC; DuckDB keeps what is left to the easternmost zone.
Reason decode_timetz(Slot& slot, const Byte* bytes, std::uint32_t size, std::uint64_t row) {
  expect_size(size, 12);
  const auto micros = static_cast<std::uint64_t>(time_of_day(bytes));
  const auto west = int32(bytes + 8);
  if (west < -kMaxZone || west > kMaxZone) return kRange;
  slot.values<std::uint64_t>()[row] = (micros << 24) | static_cast<std::uint64_t>(kMaxZone + west);
  return nullptr;
}

Reason decode_interval(Slot& slot, const Byte* bytes, std::uint32_t size, std::uint64_t row) {
  expect_size(size, 16);
  const duckdb_interval interval{int32(bytes + 12), int32(bytes + 8), int64(bytes)};
  if (infinite(interval)) return kInfinite;
  slot.values<duckdb_interval>()[row] = interval;
  return nullptr;
}

}  // namespace sluice::postgres
