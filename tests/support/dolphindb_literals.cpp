// SPDX-License-Identifier: Apache-2.0
#include <bit>
#include <charconv>
#include <limits>
#include <map>
#include <regex>
#include <stdexcept>

#include "support/dolphindb_script.h"

namespace sluice::testing::dolphin {
namespace {

using Match = std::match_results<std::string_view::const_iterator>;

bool matches(std::string_view text, std::size_t at, const std::regex& form, Match& found) {
  return std::regex_search(text.begin() + static_cast<std::ptrdiff_t>(at), text.end(), found, form,
                           std::regex_constants::match_continuous);
}

std::int64_t number_of(const std::string& digits) {
  return digits.empty() ? 0 : std::stoll(digits);
}

/// Of a fraction of a second with 3, 6 or 9 digits.
std::int64_t nanoseconds(std::string digits) {
  digits.resize(9, '0');
  return number_of(digits);
}

constexpr std::int64_t kSecondOfNs = 1'000'000'000;

const std::regex kDateForm(R"((\d{4})\.(\d{2})\.(\d{2}))");
const std::regex kClock(R"((\d{1,2}):(\d{2}):(\d{2})(?:\.(\d{3}(?:\d{3})?(?:\d{3})?))?)");
const std::regex kMonthForm(R"((\d{4})\.(\d{2})M)");
const std::regex kMinuteForm(R"((\d{1,2}):(\d{2})m)");
const std::regex kNullForm(R"(00([bchildMtmsDTnNfF])(?![A-Za-z0-9_]))");
const std::regex kNumber(R"(\d+(\.\d*)?([eE][+-]?\d+)?(ns|us|ms|[bchilfFsmHdw])?)");

Value clock_value(const Match& found) {
  const std::int64_t seconds =
      number_of(found[1]) * 3600 + number_of(found[2]) * 60 + number_of(found[3]);
  const std::string fraction = found[4];
  if (fraction.empty()) return make(kSecond, seconds);
  if (fraction.size() == 3) return make(kTime, seconds * 1000 + number_of(fraction));
  return make(kNanotime, seconds * kSecondOfNs + nanoseconds(fraction));
}

Value date_value(std::string_view text, std::size_t& at, const Match& found) {
  const std::int64_t days = days_of(number_of(found[1]), static_cast<unsigned>(number_of(found[2])),
                                    static_cast<unsigned>(number_of(found[3])));
  at += static_cast<std::size_t>(found.length());
  Match clock;
  if (at >= text.size() || (text[at] != 'T' && text[at] != ' ') ||
      !matches(text, at + 1, kClock, clock))
    return make(kDate, days);
  at += static_cast<std::size_t>(clock.length()) + 1;
  const Value time = clock_value(clock);
  if (time.type == kSecond) return make(kDatetime, days * 86400 + time.integer());
  if (time.type == kTime) return make(kTimestamp, days * 86400000 + time.integer());
  return make(kNanotimestamp, days * 86400 * kSecondOfNs + time.integer());
}

const std::map<char, Type> kSuffixes = {
    {'b', kBool},     {'c', kChar},          {'h', kShort},    {'i', kInt},
    {'l', kLong},     {'d', kDate},          {'M', kMonth},    {'t', kTime},
    {'m', kMinute},   {'s', kSecond},        {'D', kDatetime}, {'T', kTimestamp},
    {'n', kNanotime}, {'N', kNanotimestamp}, {'f', kFloat},    {'F', kDouble}};
const std::map<std::string, std::int32_t> kDurationUnits = {
    {"ns", 0}, {"us", 1}, {"ms", 2}, {"s", 3}, {"m", 4}, {"H", 5}, {"d", 6}, {"w", 7}};

Value number_value(const std::string& all, const Match& found) {
  const std::string suffix = found[3];
  const std::string digits = all.substr(0, all.size() - suffix.size());
  if (const auto unit = kDurationUnits.find(suffix); unit != kDurationUnits.end()) {
    Value value = make(kDuration, 0);
    value.bytes = packed(std::stoull(digits), 4) + packed(static_cast<unsigned>(unit->second), 4);
    return value;
  }
  const bool real = found[1].matched || found[2].matched || suffix == "f" || suffix == "F";
  if (real) {
    if (suffix == "f") return make(kFloat, std::bit_cast<std::int32_t>(std::stof(digits)));
    return make(kDouble, std::bit_cast<std::int64_t>(std::stod(digits)));
  }
  std::int64_t value = 0;
  if (std::from_chars(digits.data(), digits.data() + digits.size(), value).ec != std::errc())
    value = std::numeric_limits<std::int64_t>::max();
  if (!suffix.empty()) return make(kSuffixes.at(suffix[0]), value);
  return make(value > std::numeric_limits<std::int32_t>::max() ? kLong : kInt, value);
}

}  // namespace

std::int64_t days_of(std::int64_t year, unsigned month, unsigned day) {
  // https://howardhinnant.github.io/date_algorithms.html#days_from_civil, the formula.
  const std::int64_t y = month <= 2 ? year - 1 : year;
  const std::int64_t era = (y >= 0 ? y : y - 399) / 400;
  const auto of_era = static_cast<unsigned>(y - era * 400);
  const unsigned of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

Value parse_literal(std::string_view text, std::size_t& at) {
  Match found;
  if (matches(text, at, kDateForm, found)) return date_value(text, at, found);
  const auto is = [&](const std::regex& form) {
    if (!matches(text, at, form, found)) return false;
    at += static_cast<std::size_t>(found.length());
    return true;
  };
  if (is(kMonthForm)) return make(kMonth, number_of(found[1]) * 12 + number_of(found[2]) - 1);
  if (is(kClock)) return clock_value(found);
  if (is(kMinuteForm)) return make(kMinute, number_of(found[1]) * 60 + number_of(found[2]));
  if (is(kNullForm)) {
    Value null;
    null.type = kSuffixes.at(found[1].str()[0]);
    null.bytes = null_of(null.type);
    return null;
  }
  if (is(kNumber)) return number_value(found[0], found);
  throw std::runtime_error("Syntax Error: [line #1] Cannot recognize the token " +
                           std::string(text.substr(at, 12)));
}

Value parse_temporal(std::string_view text, Type type) {
  Value null;
  null.type = type;
  null.bytes = null_of(type);
  std::size_t at = 0;
  try {
    const Value read = parse_literal(text, at);
    if (at != text.size()) return null;
    const std::map<Type, std::int64_t> units = {{kDate, 86400 * kSecondOfNs},
                                                {kDatetime, kSecondOfNs},
                                                {kTimestamp, 1'000'000},
                                                {kNanotimestamp, 1}};
    if (read.type == type) return read;
    if (units.count(read.type) == 0 || units.count(type) == 0) return null;
    const std::int64_t ns = read.integer() * units.at(read.type);
    const std::int64_t unit = units.at(type);
    return make(type, ns / unit - (ns % unit < 0 ? 1 : 0));
  } catch (const std::runtime_error&) {
    return null;
  }
}

}  // namespace sluice::testing::dolphin
