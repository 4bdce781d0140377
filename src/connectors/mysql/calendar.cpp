// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/calendar.h"

#include <fmt/format.h>

#include <chrono>
#include <cstring>
#include <string_view>

#include "connectors/mysql/bytes.h"

namespace sluice::mysql {
namespace {

using wire::Byte;
using wire::Reason;

constexpr Reason kNoDate = "a zero or partial date, or one that is in no calendar";

std::uint32_t load32(const Byte* bytes) {
  std::uint32_t value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

struct Fields {
  unsigned year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, micro = 0;
};

/// Of 0, 4, 7 or 11 bytes: what is left out is zero.
bool read(const Byte* bytes, std::uint32_t size, Fields& fields) {
  if (size != 0 && size != 4 && size != 7 && size != 11) return false;
  if (size >= 4) {
    fields.year = static_cast<unsigned>(bytes[0]) | static_cast<unsigned>(bytes[1]) << 8;
    fields.month = bytes[2], fields.day = bytes[3];
  }
  if (size >= 7) fields.hour = bytes[4], fields.minute = bytes[5], fields.second = bytes[6];
  if (size == 11) fields.micro = load32(bytes + 7);
  return true;
}

/// Reads digits from the front of `text`; false: there are none.
bool take(std::string_view& text, unsigned& number) {
  std::size_t digits = 0;
  number = 0;
  while (digits < text.size() && digits < 9 && text[digits] >= '0' && text[digits] <= '9')
    number = number * 10 + static_cast<unsigned>(text[digits++] - '0');
  text.remove_prefix(digits);
  return digits > 0;
}

bool skip(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

/// Up to six digits behind the point.
bool take_fraction(std::string_view& text, unsigned& micro) {
  const std::size_t before = text.size();
  if (!take(text, micro) || before - text.size() > 6) return false;
  for (std::size_t digits = before - text.size(); digits < 6; ++digits) micro *= 10;
  return true;
}

bool take_clock(std::string_view& text, unsigned& hour, unsigned& minute, unsigned& second,
                unsigned& micro) {
  if (!take(text, hour) || !skip(text, ':') || !take(text, minute) || !skip(text, ':') ||
      !take(text, second))
    return false;
  return !skip(text, '.') || take_fraction(text, micro);
}

bool read(std::string_view text, Fields& fields) {
  if (!take(text, fields.year) || !skip(text, '-') || !take(text, fields.month) ||
      !skip(text, '-') || !take(text, fields.day))
    return false;
  if (text.empty()) return true;
  return skip(text, ' ') &&
         take_clock(text, fields.hour, fields.minute, fields.second, fields.micro) && text.empty();
}

Reason moment_of(const Fields& fields, Moment& moment) {
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(fields.year)),
                                         std::chrono::month(fields.month),
                                         std::chrono::day(fields.day)};
  if (fields.year == 0 || !date.ok()) return kNoDate;  // MySQL has no year before 1
  if (fields.hour > 23 || fields.minute > 59 || fields.second > 59 || fields.micro > 999'999)
    return kBroken;
  moment.days = static_cast<std::int32_t>(std::chrono::sys_days(date).time_since_epoch().count());
  moment.micros =
      ((std::int64_t{fields.hour} * 60 + fields.minute) * 60 + fields.second) * 1'000'000 +
      fields.micro;
  return nullptr;
}

Reason span_of(bool negative, std::uint64_t hours, unsigned minutes, unsigned seconds,
               unsigned micro, std::int64_t& micros) {
  if (hours > 838 || minutes > 59 || seconds > 59 || micro > 999'999) return kBroken;
  micros = ((static_cast<std::int64_t>(hours) * 60 + minutes) * 60 + seconds) * 1'000'000 + micro;
  if (negative) micros = -micros;
  return nullptr;
}

}  // namespace

Reason moment_of_bytes(const Byte* bytes, std::uint32_t size, Moment& moment) {
  Fields fields;
  return read(bytes, size, fields) ? moment_of(fields, moment) : kBroken;
}

Reason moment_of_text(const Byte* bytes, std::uint32_t size, Moment& moment) {
  Fields fields;
  return read(view(bytes, size), fields) ? moment_of(fields, moment) : kBroken;
}

Reason span_of_bytes(const Byte* bytes, std::uint32_t size, std::int64_t& micros) {
  micros = 0;
  if (size == 0) return nullptr;
  if (size != 8 && size != 12) return kBroken;
  const std::uint64_t hours = std::uint64_t{load32(bytes + 1)} * 24 + bytes[5];
  return span_of(bytes[0] != 0, hours, bytes[6], bytes[7], size == 12 ? load32(bytes + 8) : 0,
                 micros);
}

Reason span_of_text(const Byte* bytes, std::uint32_t size, std::int64_t& micros) {
  std::string_view text = view(bytes, size);
  const bool negative = skip(text, '-');
  unsigned hour = 0, minute = 0, second = 0, micro = 0;
  if (!take_clock(text, hour, minute, second, micro) || !text.empty()) return kBroken;
  return span_of(negative, hour, minute, second, micro, micros);
}

std::string moment_text(const Byte* bytes, std::uint32_t size) {
  Fields fields;
  if (!read(bytes, size, fields)) return "bytes that are no date";
  std::string text = fmt::format("{:04}-{:02}-{:02}", fields.year, fields.month, fields.day);
  if (size > 4)
    text += fmt::format(" {:02}:{:02}:{:02}", fields.hour, fields.minute, fields.second);
  return fields.micro == 0 ? text : text + fmt::format(".{:06}", fields.micro);
}

std::string span_text(const Byte* bytes, std::uint32_t size) {
  std::int64_t micros = 0;
  if (span_of_bytes(bytes, size, micros) != nullptr) return "bytes that are no time";
  const std::int64_t seconds = std::abs(micros) / 1'000'000;
  return fmt::format("{}{:02}:{:02}:{:02}.{:06}", micros < 0 ? "-" : "", seconds / 3600,
                     seconds / 60 % 60, seconds % 60, std::abs(micros) % 1'000'000);
}

}  // namespace sluice::mysql
