// SPDX-License-Identifier: Apache-2.0
#include "feed/cells.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "feed/times.h"
#include "wire/exact.h"
#include "wire/utf8.h"

namespace sluice::feed {
namespace {

using sdk::Type;

constexpr const char* kWrongType = "of another type";
constexpr const char* kRange = "out of its range";
constexpr const char* kDigits = "not a number that it holds exactly";

/// What a duckdb_string_t can count.
constexpr std::size_t kLongest = std::numeric_limits<std::uint32_t>::max();
constexpr const char* kTooLong = "longer than 4 GiB";

/// Bytes of a text that a duckdb_string_t holds itself.
constexpr std::size_t kInline = 12;

/// The ends of DuckDB's dates and timestamps, which hold an infinity beyond each.
constexpr std::int32_t kLastDay = std::numeric_limits<std::int32_t>::max() - 1;
constexpr std::int64_t kFirstMicro = -9'223'372'022'400'000'000;
constexpr std::int64_t kLastMicro = std::numeric_limits<std::int64_t>::max() - 1;

template <class T>
const char* put(const Cells& cells, std::size_t row, T value) {
  static_cast<T*>(cells.data)[row] = value;
  return nullptr;
}

const char* put_text(const Cells& cells, std::size_t row, std::string_view text, Arena& arena) {
  if (text.size() > kLongest) return kTooLong;
  if (!wire::valid_utf8(reinterpret_cast<const wire::Byte*>(text.data()), text.size())) {
    return "not valid UTF-8, or holds U+0000";
  }
  write_string(cells, row, text, arena);
  return nullptr;
}

template <class T>
const char* put_whole(const Cells& cells, std::size_t row, const sdk::Value& value) {
  const auto* whole = std::get_if<std::int64_t>(&value);
  if (whole == nullptr) return kWrongType;
  if (*whole < std::numeric_limits<T>::min() || *whole > std::numeric_limits<T>::max())
    return kRange;
  return put(cells, row, static_cast<T>(*whole));
}

const char* put_boolean(const Cells& cells, std::size_t row, const sdk::Value& value) {
  if (const auto* truth = std::get_if<bool>(&value)) return put(cells, row, *truth);
  const auto* number = std::get_if<std::int64_t>(&value);
  if (number == nullptr) return kWrongType;
  if (*number != 0 && *number != 1) return kRange;
  return put(cells, row, *number == 1);
}

template <class T>
const char* put_floating(const Cells& cells, std::size_t row, const sdk::Value& value) {
  if (const auto* single = std::get_if<float>(&value)) return put(cells, row, T{*single});
  if (const auto* twice = std::get_if<double>(&value)) {
    if (std::isfinite(*twice) && std::abs(*twice) > double{std::numeric_limits<T>::max()})
      return kRange;
    return put(cells, row, static_cast<T>(*twice));
  }
  const auto* whole = std::get_if<std::int64_t>(&value);
  if (whole == nullptr) return kWrongType;
  constexpr std::int64_t kMost = std::int64_t{1} << std::numeric_limits<T>::digits;
  if (*whole < -kMost || *whole > kMost) return kDigits;
  return put(cells, row, static_cast<T>(*whole));
}

const char* put_decimal(const Cells& cells, std::size_t row, std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  __int128 number = 0;
  int digits = 0, before = 0, behind = 0;
  bool point = false;
  const int precision = cells.type.precision, scale = cells.type.scale;
  for (const char c : text) {
    if (c == '.' && !point) {
      point = true;
      continue;
    }
    if (c < '0' || c > '9') return "not a decimal number";
    ++digits;
    if (point && ++behind > scale) {
      if (c != '0') return kDigits;
      continue;
    }
    // Counted, since the number itself would overflow: 39 digits do not fit.
    if (!point && (number != 0 || c != '0') && ++before > precision - scale) return kRange;
    number = number * 10 + (c - '0');
  }
  if (digits == 0) return "not a decimal number";
  for (int i = std::min(behind, scale); i < scale; ++i) number *= 10;
  if (negative) number = -number;
  switch (cells.width) {
    case 2:
      return put(cells, row, static_cast<std::int16_t>(number));
    case 4:
      return put(cells, row, static_cast<std::int32_t>(number));
    case 8:
      return put(cells, row, static_cast<std::int64_t>(number));
    default:
      return put(cells, row,
                 duckdb_hugeint{static_cast<std::uint64_t>(number),
                                static_cast<std::int64_t>(number >> 64)});
  }
}

using Buffer = std::array<char, 64>;

template <class T>
std::string_view number_text(T number, Buffer& buffer) {
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number).ptr;
  return {buffer.data(), static_cast<std::size_t>(end - buffer.data())};
}

/// As DuckDB prints it, which casts what a column held before it widened to text.
template <class T>
std::string_view floating_text(T number, Buffer& buffer) {
  if (std::isnan(number)) return "nan";
  std::array<char, 32> scientific{};
  const char* const end = std::to_chars(scientific.data(), scientific.data() + scientific.size(),
                                        number, std::chars_format::scientific)
                              .ptr;
  std::string_view text(scientific.data(), static_cast<std::size_t>(end - scientific.data()));
  char* to = buffer.data();
  if (text.front() == '-') {
    *to++ = '-';
    text.remove_prefix(1);
  }
  const std::size_t e = text.find('e');
  int exponent = 0;
  const bool plus = e != std::string_view::npos && text[e + 1] == '+';
  if (e != std::string_view::npos) std::from_chars(text.data() + e + (plus ? 2 : 1), end, exponent);
  constexpr int kLeast = -4, kMost = 15;
  const std::string_view mantissa = text.substr(0, e);
  if (e == std::string_view::npos || exponent < kLeast || exponent > kMost) {
    to = std::ranges::copy(text, to).out;  // an infinity, too
  } else {
    const auto digit = [&](int place) {
      const auto at = static_cast<std::size_t>(place == 0 ? 0 : place + 1);
      return place >= 0 && at < mantissa.size() ? mantissa[at] : '0';
    };
    for (int place = std::min(0, exponent); place <= exponent; ++place) *to++ = digit(place);
    *to++ = '.';
    const int digits = mantissa.size() == 1 ? 1 : static_cast<int>(mantissa.size()) - 1;
    const int last = std::max(exponent + 1, digits - 1);
    for (int place = exponent + 1; place <= last; ++place) *to++ = digit(place);
  }
  return {buffer.data(), static_cast<std::size_t>(to - buffer.data())};
}

/// What a value is as text; a null pointer for bytes.
struct AsText {
  Buffer& buffer;
  std::string_view operator()(std::monostate) const { return "NULL"; }
  std::string_view operator()(bool truth) const { return truth ? "true" : "false"; }
  std::string_view operator()(std::int64_t number) const { return number_text(number, buffer); }
  std::string_view operator()(float number) const { return floating_text(number, buffer); }
  std::string_view operator()(double number) const { return floating_text(number, buffer); }
  std::string_view operator()(std::string_view text) const { return text; }
  std::string_view operator()(sdk::Decimal decimal) const { return decimal.digits; }
  std::string_view operator()(sdk::Date date) const { return write_date(date.days, buffer); }
  std::string_view operator()(sdk::DateTime t) const { return write_time(t.micros, false, buffer); }
  std::string_view operator()(sdk::UtcDateTime t) const {
    return write_time(t.micros, true, buffer);
  }
  std::string_view operator()(sdk::Bytes) const { return {}; }
  std::string_view operator()(sdk::Xml xml) const { return xml.text; }
  std::string_view operator()(sdk::Json json) const { return json.text; }
};

/// What DuckDB's own types hold of a date or time: a text of another would be no time when it is
/// read back.
bool in_range(const sdk::Value& value) {
  const auto holds = [](std::int64_t micros) {
    return micros >= kFirstMicro && micros <= kLastMicro;
  };
  if (const auto* date = std::get_if<sdk::Date>(&value))
    return date->days >= -kLastDay && date->days <= kLastDay;
  if (const auto* time = std::get_if<sdk::DateTime>(&value)) return holds(time->micros);
  if (const auto* time = std::get_if<sdk::UtcDateTime>(&value)) return holds(time->micros);
  return true;
}

const char* put_any_text(const Cells& cells, std::size_t row, const sdk::Value& value,
                         Arena& arena) {
  if (std::holds_alternative<sdk::Bytes>(value)) return kWrongType;
  if (!in_range(value)) return kRange;
  Buffer buffer;
  return put_text(cells, row, std::visit(AsText{buffer}, value), arena);
}

const char* put_date(const Cells& cells, std::size_t row, const sdk::Value& value) {
  if (const auto* date = std::get_if<sdk::Date>(&value)) {
    return in_range(value) ? put(cells, row, date->days) : kRange;
  }
  const auto* text = std::get_if<std::string_view>(&value);
  if (text == nullptr) return kWrongType;
  const auto parsed = parse_date(*text);
  return parsed ? put(cells, row, *parsed) : "not a date like 2026-11-22";
}

const char* put_micros(const Cells& cells, std::size_t row, std::int64_t micros) {
  return micros < kFirstMicro || micros > kLastMicro ? kRange : put(cells, row, micros);
}

template <class Time>
const char* put_time(const Cells& cells, std::size_t row, const sdk::Value& value) {
  constexpr bool kUtc = std::is_same_v<Time, sdk::UtcDateTime>;
  if (const auto* time = std::get_if<Time>(&value)) return put_micros(cells, row, time->micros);
  const auto* text = std::get_if<std::string_view>(&value);
  if (text == nullptr) {
    const auto* date = std::get_if<sdk::Date>(&value);
    constexpr std::int64_t kDay = 86'400'000'000;
    if (kUtc || date == nullptr) return kWrongType;
    if (std::abs(std::int64_t{date->days}) > kLastMicro / kDay) return kRange;
    return put_micros(cells, row, date->days * kDay);
  }
  const auto parsed = parse_time(*text);
  if (parsed && parsed->has_offset == kUtc) return put(cells, row, parsed->micros);
  return kUtc ? "not a time like 2026-11-22T10:15:30.123456Z, with Z or an offset"
              : "not a time like 2026-11-22T10:15:30.123456, without an offset";
}

const char* put_document(const Cells& cells, std::size_t row, const sdk::Value& value,
                         Arena& arena) {
  const bool number = std::holds_alternative<std::int64_t>(value) ||
                      std::holds_alternative<bool>(value) || std::holds_alternative<double>(value);
  if (!number && !std::holds_alternative<std::string_view>(value) &&
      !std::holds_alternative<sdk::Json>(value)) {
    return kWrongType;
  }
  return put_any_text(cells, row, value, arena);
}

bool is_text(Type type) { return type >= Type::binary; }

}  // namespace

const char* Arena::keep(std::string_view bytes) {
  while (current_ < blocks_.size() && blocks_[current_].size - used_ < bytes.size()) {
    ++current_;
    used_ = 0;
  }
  if (current_ == blocks_.size()) {
    const std::size_t size = std::max(kBlock, bytes.size());
    blocks_.push_back({std::make_unique_for_overwrite<char[]>(size), size});
    used_ = 0;
  }
  char* const place = blocks_[current_].memory.get() + used_;
  std::memcpy(place, bytes.data(), bytes.size());
  used_ += bytes.size();
  bytes_ += bytes.size();
  return place;
}

void Arena::clear() noexcept {
  std::erase_if(blocks_, [](const Block& each) { return each.size > kBlock; });
  current_ = used_ = bytes_ = 0;
}

std::size_t cell_width(const sdk::DataType& type) {
  switch (type.type) {
    case Type::boolean:
      return sizeof(bool);
    case Type::int16:
      return 2;
    case Type::int32:
    case Type::float32:
    case Type::naive_date:
      return 4;
    case Type::int64:
    case Type::float64:
    case Type::naive_datetime:
    case Type::utc_datetime:
      return 8;
    case Type::decimal:
      return type.precision <= 4 ? 2 : type.precision <= 9 ? 4 : type.precision <= 18 ? 8 : 16;
    default:
      return sizeof(duckdb_string_t);
  }
}

void Cells::bind(duckdb_vector vector, const sdk::DataType& holds) {
  type = holds;
  width = cell_width(type);
  data = duckdb_vector_get_data(vector);
  duckdb_vector_ensure_validity_writable(vector);
  validity = duckdb_vector_get_validity(vector);
}

void Cells::copy(std::size_t row, const Cells& from, std::size_t from_row, Arena& arena) const {
  if (!from.is_valid(from_row)) return set_null(row);
  set_valid(row);
  const void* const cell = static_cast<const char*>(from.data) + from_row * width;
  if (is_text(type.type)) {
    const auto& string = *static_cast<const duckdb_string_t*>(cell);
    const std::uint32_t size = string.value.pointer.length;
    if (size > kInline) return write_string(*this, row, {string.value.pointer.ptr, size}, arena);
  }
  std::memcpy(static_cast<char*>(data) + row * width, cell, width);
}

void write_string(const Cells& cells, std::size_t row, std::string_view text, Arena& arena) {
  constexpr std::size_t kPrefix = 4;
  duckdb_string_t& string = static_cast<duckdb_string_t*>(cells.data)[row];
  if (text.size() <= kInline) {
    std::memset(&string, 0, sizeof string);  // DuckDB compares the unused bytes, too
    string.value.inlined.length = static_cast<std::uint32_t>(text.size());
    if (!text.empty()) std::memcpy(string.value.inlined.inlined, text.data(), text.size());
    return;
  }
  string.value.pointer.length = static_cast<std::uint32_t>(text.size());
  std::memcpy(string.value.pointer.prefix, text.data(), kPrefix);
  string.value.pointer.ptr = const_cast<char*>(arena.keep(text));
}

const char* write(const Cells& cells, std::size_t row, const sdk::Value& value, Arena& arena) {
  switch (cells.type.type) {
    case Type::boolean:
      return put_boolean(cells, row, value);
    case Type::int16:
      return put_whole<std::int16_t>(cells, row, value);
    case Type::int32:
      return put_whole<std::int32_t>(cells, row, value);
    case Type::int64:
      return put_whole<std::int64_t>(cells, row, value);
    case Type::decimal: {
      const auto* text = std::get_if<std::string_view>(&value);
      if (text != nullptr) return put_decimal(cells, row, *text);
      if (const auto* exact = std::get_if<sdk::Decimal>(&value))
        return put_decimal(cells, row, exact->digits);
      const auto* whole = std::get_if<std::int64_t>(&value);
      Buffer buffer;
      return whole == nullptr ? kWrongType : put_decimal(cells, row, number_text(*whole, buffer));
    }
    case Type::float32:
      return put_floating<float>(cells, row, value);
    case Type::float64:
      return put_floating<double>(cells, row, value);
    case Type::naive_date:
      return put_date(cells, row, value);
    case Type::naive_datetime:
      return put_time<sdk::DateTime>(cells, row, value);
    case Type::utc_datetime:
      return put_time<sdk::UtcDateTime>(cells, row, value);
    case Type::binary: {
      const auto* bytes = std::get_if<sdk::Bytes>(&value);
      if (bytes == nullptr) return kWrongType;
      if (bytes->bytes.size() > kLongest) return kTooLong;
      write_string(cells, row, bytes->bytes, arena);
      return nullptr;
    }
    case Type::xml: {
      if (const auto* xml = std::get_if<sdk::Xml>(&value))
        return put_text(cells, row, xml->text, arena);
      const auto* text = std::get_if<std::string_view>(&value);
      return text == nullptr ? kWrongType : put_text(cells, row, *text, arena);
    }
    case Type::string:
      return put_any_text(cells, row, value, arena);
    case Type::json:
      return put_document(cells, row, value, arena);
  }
  return kWrongType;
}

std::string kind_of(const sdk::Value& value) {
  // By the alternatives of Value.
  constexpr std::array kKinds{
      "NULL",      "a boolean", "a whole number",        "a float",    "a double", "a text",
      "a decimal", "a date",    "a time without offset", "a UTC time", "bytes",    "XML",
      "JSON"};
  static_assert(kKinds.size() == std::variant_size_v<sdk::Value>);
  const std::string kind = kKinds.at(value.index());
  const auto* text = std::get_if<std::string_view>(&value);
  return text == nullptr ? kind : kind + " of " + std::to_string(text->size()) + " bytes";
}

}  // namespace sluice::feed
