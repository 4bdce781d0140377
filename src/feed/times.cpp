// SPDX-License-Identifier: Apache-2.0
#include "feed/times.h"

#include <chrono>
#include <cstdio>

namespace sluice::feed {
namespace {

constexpr std::int64_t kSecond = 1'000'000, kDay = 86'400 * kSecond;

/// Takes texts apart from the left; once something did not fit, nothing fits any more.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}
  /// Exactly `digits` digits, at most `most`.
  int number(std::size_t digits, int most) {
    int value = 0;
    for (std::size_t i = 0; i < digits; ++i) {
      const char c = i < rest_.size() ? rest_[i] : ' ';
      if (c < '0' || c > '9') return fail();
      value = value * 10 + (c - '0');
    }
    rest_.remove_prefix(digits);
    return value > most ? fail() : value;
  }
  bool take(char wanted) {
    if (rest_.empty() || rest_.front() != wanted) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void expect(char wanted) {
    if (!take(wanted)) fail();
  }
  bool done() const { return rest_.empty(); }
  bool good() const { return good_; }
  int fail() {
    good_ = false;
    return 0;
  }
  /// Digits behind a point, as millionths.
  std::int64_t fraction() {
    std::int64_t value = 0, weight = kSecond / 10;
    bool any = false;
    while (!rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9') {
      if (weight == 0 && rest_.front() != '0') return fail();
      value += weight * (rest_.front() - '0');
      weight /= 10;
      any = true;
      rest_.remove_prefix(1);
    }
    return any ? value : fail();
  }

 private:
  std::string_view rest_;
  bool good_ = true;
};

std::int32_t date(Cursor& cursor) {
  const std::chrono::year year(cursor.number(4, 9999));
  cursor.expect('-');
  const std::chrono::month month(static_cast<unsigned>(cursor.number(2, 12)));
  cursor.expect('-');
  const std::chrono::day day(static_cast<unsigned>(cursor.number(2, 31)));
  const std::chrono::year_month_day all(year, month, day);
  if (!all.ok() || year == std::chrono::year(0)) cursor.fail();
  return static_cast<std::int32_t>(std::chrono::sys_days(all).time_since_epoch().count());
}

std::int64_t clock(Cursor& cursor) {
  std::int64_t micros = cursor.number(2, 23) * 3600 * kSecond;
  cursor.expect(':');
  micros += cursor.number(2, 59) * 60 * kSecond;
  cursor.expect(':');
  micros += cursor.number(2, 59) * kSecond;
  return cursor.take('.') ? micros + cursor.fraction() : micros;
}

std::int64_t offset(Cursor& cursor, bool negative) {
  std::int64_t minutes = std::int64_t{60} * cursor.number(2, 23);
  const bool colon = cursor.take(':');
  if (colon || !cursor.done()) minutes += cursor.number(2, 59);
  return (negative ? -minutes : minutes) * 60 * kSecond;
}

}  // namespace

std::optional<std::int32_t> parse_date(std::string_view text) {
  Cursor cursor(text);
  const std::int32_t days = date(cursor);
  if (!cursor.good() || !cursor.done()) return std::nullopt;
  return days;
}

std::optional<ParsedTime> parse_time(std::string_view text) {
  Cursor cursor(text);
  ParsedTime time{date(cursor) * kDay, false};
  if (!cursor.take('T')) cursor.expect(' ');
  time.micros += clock(cursor);
  const bool minus = cursor.take('-');
  if (minus || cursor.take('+')) {
    time.micros -= offset(cursor, minus);
    time.has_offset = true;
  } else {
    time.has_offset = cursor.take('Z');
  }
  if (!cursor.good() || !cursor.done()) return std::nullopt;
  return time;
}

std::string_view write_date(std::int32_t days, std::span<char> buffer) {
  // 400 years are 146,097 days, wherever they begin; std::chrono knows few more than 32,767 years.
  constexpr std::int32_t kEra = 146'097;
  const std::int32_t eras = days / kEra;
  const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(days % kEra))};
  const int year = static_cast<int>(date.year()) + 400 * eras;
  const int size = std::snprintf(buffer.data(), buffer.size(), "%04d-%02u-%02u%s",
                                 year > 0 ? year : 1 - year, static_cast<unsigned>(date.month()),
                                 static_cast<unsigned>(date.day()), year > 0 ? "" : " (BC)");
  return {buffer.data(), static_cast<std::size_t>(size)};
}

std::string_view write_time(std::int64_t micros, bool utc, std::span<char> buffer) {
  const std::int64_t rest = (micros % kDay + kDay) % kDay;
  const std::int64_t days = micros / kDay - (micros % kDay < 0 ? 1 : 0);
  const std::size_t head = write_date(static_cast<std::int32_t>(days), buffer).size();
  const auto part = [&](std::int64_t unit, int modulus) {
    return static_cast<int>(rest / unit % modulus);
  };
  int size = std::snprintf(buffer.data() + head, buffer.size() - head, " %02d:%02d:%02d.%06d",
                           part(3600 * kSecond, 24), part(60 * kSecond, 60), part(kSecond, 60),
                           part(1, static_cast<int>(kSecond)));
  std::size_t length = head + static_cast<std::size_t>(size);
  while (buffer[length - 1] == '0') --length;
  if (buffer[length - 1] == '.') --length;
  if (utc) {
    for (const char c : {'+', '0', '0'}) buffer[length++] = c;
  }
  return {buffer.data(), length};
}

}  // namespace sluice::feed
