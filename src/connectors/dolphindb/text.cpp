// SPDX-License-Identifier: Apache-2.0
#include "connectors/dolphindb/text.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <array>
#include <cfloat>
#include <charconv>
#include <cstring>
#include <limits>

namespace sluice::dolphindb {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000, kDay = 86'400;
constexpr std::int64_t kMostYear = 200'000'000;      // a month's number ends before
constexpr std::string_view kBeforeChrist = " (BC)";  // behind the day, as DuckDB writes it

std::int64_t floored(std::int64_t value, std::int64_t by) noexcept {
  return value / by - (value % by < 0 ? 1 : 0);
}

struct Civil {
  std::int64_t year;
  int month, day;
};

// The proleptic Gregorian calendar, by eras of 400 years that begin in March.
Civil civil(std::int64_t days) noexcept {
  days += 719'468;
  const std::int64_t era = floored(days, 146'097), day_of_era = days - era * 146'097;
  const std::int64_t year_of_era =
      (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const std::int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t shifted = (5 * day_of_year + 2) / 153;
  const auto day = static_cast<int>(day_of_year - (153 * shifted + 2) / 5 + 1);
  const auto month = static_cast<int>(shifted < 10 ? shifted + 3 : shifted - 9);
  return {year_of_era + era * 400 + (month <= 2 ? 1 : 0), month, day};
}

std::int64_t days_of(std::int64_t year, int month, int day) noexcept {
  year -= month <= 2 ? 1 : 0;
  const std::int64_t era = floored(year, 400), year_of_era = year - era * 400;
  const std::int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  const std::int64_t day_of_era =
      year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146'097 + day_of_era - 719'468;
}

std::string date_text(std::int64_t days) {
  const Civil date = civil(days);
  if (date.year < 1)
    return fmt::format("{:04}-{:02}-{:02}{}", 1 - date.year, date.month, date.day, kBeforeChrist);
  return fmt::format("{:04}-{:02}-{:02}", date.year, date.month, date.day);
}

std::string clock_text(std::int64_t seconds, std::int64_t nanoseconds) {
  std::string text =
      fmt::format("{:02}:{:02}:{:02}", seconds / 3'600, seconds / 60 % 60, seconds % 60);
  if (nanoseconds == 0) return text;
  std::string fraction = fmt::format(".{:09}", nanoseconds);
  fraction.erase(fraction.find_last_not_of('0') + 1);
  return text + fraction;
}

/// Of a unit of less than a day.
std::string instant_text(std::int64_t value, std::int64_t unit) {
  const std::int64_t per_second = unit < kSecond ? kSecond / unit : 1;
  const std::int64_t seconds =
      unit < kSecond ? floored(value, per_second) : value * (unit / kSecond);
  const std::int64_t rest = value % per_second;
  const std::int64_t fraction = (rest < 0 ? rest + per_second : rest) * unit;
  const std::int64_t days = floored(seconds, kDay);
  return date_text(days) + " " + clock_text(seconds - days * kDay, fraction);
}

std::string time_text(std::int64_t value, const Unit& unit) {
  __int128 nanoseconds = static_cast<__int128>(value) * unit.nanoseconds;
  const char* const sign = nanoseconds < 0 ? "-" : "";
  if (nanoseconds < 0) nanoseconds = -nanoseconds;
  return sign + clock_text(static_cast<std::int64_t>(nanoseconds / kSecond),
                           static_cast<std::int64_t>(nanoseconds % kSecond));
}

std::string decimal_text(__int128 value, int scale) {
  const bool negative = value < 0;
  unsigned __int128 left =
      negative ? -static_cast<unsigned __int128>(value) : static_cast<unsigned __int128>(value);
  std::string digits;
  for (; left > 0 || static_cast<int>(digits.size()) <= scale; left /= 10)
    digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(left % 10)));
  if (scale > 0) digits.insert(digits.size() - static_cast<std::size_t>(scale), ".");
  return (negative ? "-" : "") + digits;
}

std::string hex_text(const Byte* value) {
  std::string text;
  for (int i = 15; i >= 0; --i) text += fmt::format("{:02x}", value[i]);
  return text;
}

std::string uuid_text(const Byte* value) {
  std::string text = hex_text(value);
  for (const std::size_t at : {8U, 13U, 18U, 23U}) text.insert(at, "-");
  return text;
}

/// An address whose upper twelve bytes are zero is an IPv4 one.
std::string address_text(const Byte* value) {
  std::array<Byte, 16> canonical{};
  for (std::size_t i = 0; i < 16; ++i) canonical[i] = value[15 - i];
  const bool four = load<std::uint64_t>(value + 8) == 0 && load<std::uint32_t>(value + 4) == 0;
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(four ? AF_INET : AF_INET6, canonical.data() + (four ? 12 : 0), text.data(),
            text.size());
  return text.data();
}

std::string duration_text(const Byte* value) {
  static constexpr std::array kUnits{"ns", "us", "ms", "s", "m", "H", "d", "w", "M", "y", "B"};
  const auto unit = load<std::uint32_t>(value + 4);
  std::string text = std::to_string(load<std::int32_t>(value));
  if (unit < kUnits.size()) return text + kUnits[unit];
  for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(unit >> shift & 0x7F);
  return text;
}

template <class T>
std::string float_text(const Byte* value) {
  std::string text = fmt::format("{}", load<T>(value));
  if (text.find_first_not_of("-0123456789") == std::string::npos) text += ".0";
  return text;
}

/// Two numbers, of which one may be NULL.
std::string pair_text(Type type, const Byte* value) {
  const auto part = [](const Byte* at) {
    return is_null(Type::float64, at) ? "NULL" : float_text<double>(at);
  };
  const bool point = type == Type::point;
  return fmt::format("{{'{}': {}, '{}': {}}}", point ? "x" : "re", part(value), point ? "y" : "im",
                     part(value + 8));
}

std::int64_t integer_at(Type type, const Byte* value) noexcept {
  switch (width(type)) {
    case 1:
      return load<std::int8_t>(value);
    case 2:
      return load<std::int16_t>(value);
    case 4:
      return load<std::int32_t>(value);
    default:
      return load<std::int64_t>(value);
  }
}

/// Digits from `at` on, which moves behind them.
std::optional<std::int64_t> digits(std::string_view text, std::size_t& at) {
  std::int64_t value = 0;
  const char* const begin = text.data() + std::min(at, text.size());
  const char* const end = text.data() + text.size();
  if (begin == end || *begin < '0' || *begin > '9') return std::nullopt;
  const auto [stop, problem] = std::from_chars(begin, end, value);
  if (problem != std::errc()) return std::nullopt;
  at = static_cast<std::size_t>(stop - text.data());
  return value;
}

bool take(std::string_view text, std::size_t& at, char wanted) {
  if (at >= text.size() || text[at] != wanted) return false;
  ++at;
  return true;
}

/// "0044-03-15 (BC) 03:04:05.678" as seconds and nanoseconds since 1970; the time may be left out.
std::optional<std::pair<std::int64_t, std::int64_t>> parsed(std::string_view text) {
  if (text.ends_with("+00")) text.remove_suffix(3);
  std::size_t at = 0;
  const auto year = digits(text, at);
  if (!year || !take(text, at, '-')) return std::nullopt;
  const auto month = digits(text, at);
  if (!month || !take(text, at, '-')) return std::nullopt;
  const auto day = digits(text, at);
  if (!day || *month < 1 || *month > 12 || *day < 1 || *day > 31 || *year > kMostYear)
    return std::nullopt;
  const bool before_christ = text.substr(at).starts_with(kBeforeChrist);
  if (before_christ) at += kBeforeChrist.size();
  const std::int64_t days =
      days_of(before_christ ? 1 - *year : *year, static_cast<int>(*month), static_cast<int>(*day));
  if (civil(days).day != *day) return std::nullopt;  // the 30th of February
  std::int64_t seconds = 0, nanoseconds = 0;
  if (take(text, at, ' ') || take(text, at, 'T')) {
    const auto hour = digits(text, at);
    if (!hour || *hour > 23 || !take(text, at, ':')) return std::nullopt;
    const auto minute = digits(text, at);
    if (!minute || *minute > 59) return std::nullopt;
    seconds = *hour * 3'600 + *minute * 60;
    if (take(text, at, ':')) {
      const auto second = digits(text, at);
      if (!second || *second > 59) return std::nullopt;
      seconds += *second;
    }
    if (take(text, at, '.')) {
      const std::size_t begin = at;
      const auto fraction = digits(text, at);
      if (!fraction || at - begin > 9) return std::nullopt;
      nanoseconds = *fraction;
      for (std::size_t i = at - begin; i < 9; ++i) nanoseconds *= 10;
    }
  }
  if (at != text.size()) return std::nullopt;
  return std::pair(days * kDay + seconds, nanoseconds);
}

std::optional<std::int64_t> fitting(Type type, __int128 number) {
  const int bits = static_cast<int>(width(type)) * 8;
  const __int128 most = (static_cast<__int128>(1) << (bits - 1)) - 1;
  if (number > most || number < -most) return std::nullopt;  // the least is NULL
  return static_cast<std::int64_t>(number);
}

}  // namespace

bool is_null(Type type, const Byte* value) noexcept {
  switch (type) {
    case Type::float32:
      return load<std::uint32_t>(value) == 0xFF7FFFFF;
    case Type::float64:
      return load<std::uint64_t>(value) == 0xFFEFFFFFFFFFFFFF;
    case Type::uuid:
    case Type::int128:
    case Type::ipaddr:
      return load<std::uint64_t>(value) == 0 && load<std::uint64_t>(value + 8) == 0;
    case Type::complex:
    case Type::point:
      return is_null(Type::float64, value) && is_null(Type::float64, value + 8);
    case Type::duration:
      return load<std::int32_t>(value) == std::numeric_limits<std::int32_t>::min();
    case Type::decimal128:
      return load<std::uint64_t>(value) == 0 && load<std::uint64_t>(value + 8) == std::uint64_t{1}
                                                                                      << 63;
    default:
      break;
  }
  const std::int64_t least = width(type) == 8 ? std::numeric_limits<std::int64_t>::min()
                                              : -(std::int64_t{1} << (width(type) * 8 - 1));
  return integer_at(type, value) == least;
}

std::string text_of(const ColumnType& type, const Byte* value) {
  switch (type.type) {
    case Type::boolean:
      return *value == 0 ? "false" : "true";
    case Type::float32:
      return float_text<float>(value);
    case Type::float64:
      return float_text<double>(value);
    case Type::uuid:
      return uuid_text(value);
    case Type::int128:
      return hex_text(value);
    case Type::ipaddr:
      return address_text(value);
    case Type::duration:
      return duration_text(value);
    case Type::complex:
    case Type::point:
      return pair_text(type.type, value);
    case Type::decimal128:
      return decimal_text(load<__int128>(value), type.scale);
    default:
      break;
  }
  const std::int64_t number = integer_at(type.type, value);
  if (is_decimal(type.type)) return decimal_text(number, type.scale);
  if (const auto unit = unit_of(type.type); unit && unit->of_day) return time_text(number, *unit);
  return mark_text(type.type, number);
}

std::string mark_text(Type type, std::int64_t number) {
  if (type == Type::date) return date_text(number);
  if (type == Type::month) return date_text(days_of_month(number));
  const auto unit = unit_of(type);
  return unit ? instant_text(number, unit->nanoseconds) : std::to_string(number);
}

std::optional<std::int64_t> mark_number(Type type, std::string_view text) {
  if (is_integer(type)) {
    std::int64_t value = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return fitting(type, value);
  }
  const auto instant = parsed(text);
  if (!instant) return std::nullopt;
  const auto [seconds, nanoseconds] = *instant;
  if (type == Type::month) {
    const std::int64_t days = floored(seconds, kDay);
    const Civil date = civil(days);
    const bool begins = date.day == 1 && seconds == days * kDay && nanoseconds == 0;
    return fitting(type, date.year * 12 + date.month - 1 + (begins ? 0 : 1));
  }
  const auto unit = unit_of(type);
  if (!unit || unit->of_day) return std::nullopt;
  const __int128 all = static_cast<__int128>(seconds) * kSecond + nanoseconds;
  const __int128 whole = all / unit->nanoseconds;
  return fitting(type, whole + (all % unit->nanoseconds > 0 ? 1 : 0));
}

std::int64_t days_of_month(std::int64_t month) noexcept {
  const std::int64_t year = floored(month, 12);
  return days_of(year, static_cast<int>(month - year * 12) + 1, 1);
}

}  // namespace sluice::dolphindb
