// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/numeric.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "wire/exact.h"

namespace sluice::postgres {
namespace {

constexpr Reason kNotANumber = "it has no NaN";
constexpr Reason kTooLarge = "too large";
constexpr Reason kTooExact = "too many digits behind the point";
constexpr Reason kTooManyDigits = "more digits than it keeps";

constexpr std::uint16_t kNegative = 0x4000;
constexpr std::uint16_t kNaN = 0xC000;
constexpr std::uint16_t kPlusInfinity = 0xD000;
constexpr std::uint16_t kMinusInfinity = 0xF000;
constexpr std::size_t kHeader = 8;

struct Numeric {
  int count;   // groups of four digits
  int weight;  // of the first group
  std::uint16_t sign;
  int display_scale;
  const Byte* groups;

  std::uint32_t group(int index) const {
    const std::uint32_t value = load16(groups + 2 * index);
    if (value > 9999) broken("a numeric's digit is above 9999");
    return value;
  }
  bool finite() const { return sign == 0 || sign == kNegative; }
};

inline Numeric parse(const Byte* bytes, std::size_t size) {
  if (size < kHeader) broken("a numeric of " + std::to_string(size) + " bytes");
  const Numeric numeric{load16(bytes), static_cast<std::int16_t>(load16(bytes + 2)),
                        load16(bytes + 4), load16(bytes + 6), bytes + kHeader};
  if (size != kHeader + 2 * static_cast<std::size_t>(numeric.count)) {
    broken("a numeric of " + std::to_string(size) + " bytes");
  }
  if (!numeric.finite() && numeric.sign != kNaN && numeric.sign != kPlusInfinity &&
      numeric.sign != kMinusInfinity) {
    broken("a numeric's sign");
  }
  return numeric;
}

int digits_of(std::uint32_t group) {
  return group >= 1000 ? 4 : group >= 100 ? 3 : group >= 10 ? 2 : 1;
}

// The magnitude times 10^scale. `last` is the exponent of ten that its last group then has.
Reason scale_widely(Numeric numeric, int last, __int128& magnitude) {
  while (numeric.count > 0 && numeric.group(numeric.count - 1) == 0) {
    --numeric.count;
    last += 4;
  }
  while (numeric.count > 0 && numeric.group(0) == 0) {
    --numeric.count;
    numeric.groups += 2;
  }
  magnitude = 0;
  if (numeric.count == 0) return nullptr;
  if (last < -3) return kTooExact;
  if (digits_of(numeric.group(0)) + 4 * (numeric.count - 1) + last > wire::kMostDigits) {
    return kTooLarge;
  }
  for (int i = 0; i + 1 < numeric.count; ++i) magnitude = magnitude * 10000 + numeric.group(i);
  const std::uint32_t group = numeric.group(numeric.count - 1);
  if (last >= 0) {
    magnitude = (magnitude * 10000 + group) * wire::power_of_ten(last);
    return nullptr;
  }
  const auto divisor = static_cast<std::uint32_t>(wire::power_of_ten(-last));
  if (group % divisor != 0) return kTooExact;
  magnitude = magnitude * wire::power_of_ten(4 + last) + group / divisor;
  return nullptr;
}

// Division by a constant is a multiplication; by a variable it costs more than all the rest.
inline std::uint64_t divided(std::uint64_t value, int exponent, std::uint64_t& rest) {
  switch (exponent) {
    case 1:
      rest = value % 10;
      return value / 10;
    case 2:
      rest = value % 100;
      return value / 100;
    default:
      rest = value % 1000;
      return value / 1000;
  }
}

inline Reason scaled(const Byte* bytes, std::size_t size, int scale, __int128& value) {
  const Numeric numeric = parse(bytes, size);
  if (!numeric.finite()) [[unlikely]]
    return numeric.sign == kNaN ? kNotANumber : kInfinite;
  const int last = 4 * (numeric.weight - (numeric.count - 1)) + scale;
  if (numeric.count <= 4 && last >= -3 && 4 * numeric.count + last <= 18) {
    std::uint64_t narrow = 0;
    for (int i = 0; i < numeric.count; ++i) narrow = narrow * 10000 + numeric.group(i);
    if (last < 0) {
      std::uint64_t rest = 0;
      narrow = divided(narrow, -last, rest);
      if (rest != 0) return kTooExact;
    } else {
      narrow *= static_cast<std::uint64_t>(wire::power_of_ten(last));
    }
    const auto magnitude = static_cast<std::int64_t>(narrow);
    value = numeric.sign == kNegative ? -magnitude : magnitude;
    return nullptr;
  }
  __int128 magnitude = 0;
  if (const Reason reason = scale_widely(numeric, last, magnitude)) return reason;
  value = numeric.sign == kNegative ? -magnitude : magnitude;
  return nullptr;
}

struct Digits {
  std::string digits;  // without leading and trailing zeros; empty: zero
  int exponent = 0;    // of the first digit
  bool operator==(const Digits&) const = default;
};

Digits stripped(std::string digits, int exponent) {
  const std::size_t first = digits.find_first_not_of('0');
  if (first == std::string::npos) return {};
  digits.erase(digits.find_last_not_of('0') + 1);
  digits.erase(0, first);
  return {digits, exponent - static_cast<int>(first)};
}

Digits digits_of(const Numeric& numeric) {
  std::string digits;
  for (int i = 0; i < numeric.count; ++i) {
    const std::string group = std::to_string(numeric.group(i));
    digits.append(4 - group.size(), '0').append(group);
  }
  return stripped(std::move(digits), 4 * numeric.weight + 3);
}

// The shortest digits that read back as this float: those it is printed with.
template <class T>
Digits digits_of(T value) {
  std::array<char, 64> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value < 0 ? -value : value,
                                 std::chars_format::scientific)
                       .ptr;
  const auto mark = std::find(text.data(), end, 'e');
  std::string digits;
  std::copy_if(text.data(), mark, std::back_inserter(digits), [](char c) { return c != '.'; });
  int exponent = 0;
  std::from_chars(mark[1] == '+' ? mark + 2 : mark + 1, end, exponent);
  return stripped(std::move(digits), exponent);
}

}  // namespace

std::optional<Decimal> decimal_of(std::int32_t typmod) {
  if (typmod < 4) return Decimal{38, 18};
  int precision = ((typmod - 4) >> 16) & 0xFFFF;
  const int scale = (((typmod - 4) & 0x7FF) ^ 1024) - 1024;  // signed 11 bits since 15
  if (scale < 0) precision -= scale;
  precision = std::max(precision, scale);
  if (precision > wire::kMostDigits) return std::nullopt;
  return Decimal{precision, std::max(scale, 0)};
}

Slot decimal_slot(Decimal type) {
  Slot slot;
  slot.scale = type.scale;
  slot.most = wire::power_of_ten(type.precision) - 1;
  slot.least = -slot.most;
  slot.decode = type.precision <= 4    ? &decode_numeric<std::int16_t>
                : type.precision <= 9  ? &decode_numeric<std::int32_t>
                : type.precision <= 18 ? &decode_numeric<std::int64_t>
                                       : &decode_numeric<__int128>;
  return slot;
}

template <class T>
Reason decode_numeric(Slot& slot, const Byte* bytes, std::uint32_t size, std::uint64_t row) {
  __int128 value = 0;
  if (const Reason reason = scaled(bytes, size, slot.scale, value)) return reason;
  if (value > slot.most || value < slot.least) return kTooLarge;
  slot.values<T>()[row] = static_cast<T>(value);
  return nullptr;
}

template Reason decode_numeric<std::int8_t>(Slot&, const Byte*, std::uint32_t, std::uint64_t);
template Reason decode_numeric<std::int16_t>(Slot&, const Byte*, std::uint32_t, std::uint64_t);
template Reason decode_numeric<std::int32_t>(Slot&, const Byte*, std::uint32_t, std::uint64_t);
template Reason decode_numeric<std::int64_t>(Slot&, const Byte*, std::uint32_t, std::uint64_t);
template Reason decode_numeric<__int128>(Slot&, const Byte*, std::uint32_t, std::uint64_t);

template <class T>
Reason decode_numeric_float(Slot& slot, const Byte* bytes, std::uint32_t size, std::uint64_t row) {
  const Numeric numeric = parse(bytes, size);
  T& value = slot.values<T>()[row];
  if (!numeric.finite()) {
    value = numeric.sign == kNaN            ? std::numeric_limits<T>::quiet_NaN()
            : numeric.sign == kPlusInfinity ? std::numeric_limits<T>::infinity()
                                            : -std::numeric_limits<T>::infinity();
    return nullptr;
  }
  const std::string text = numeric_text(bytes, size);
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size()) return kTooLarge;
  return digits_of(value) == digits_of(numeric) ? nullptr : kTooManyDigits;
}

template Reason decode_numeric_float<float>(Slot&, const Byte*, std::uint32_t, std::uint64_t);
template Reason decode_numeric_float<double>(Slot&, const Byte*, std::uint32_t, std::uint64_t);

std::string numeric_text(const Byte* bytes, std::size_t size) {
  const Numeric numeric = parse(bytes, size);
  if (numeric.sign == kNaN) return "NaN";
  if (numeric.sign == kPlusInfinity) return "Infinity";
  if (numeric.sign == kMinusInfinity) return "-Infinity";
  const auto digit = [&numeric](int exponent) {  // of ten
    const int from_first = numeric.weight - (exponent >= 0 ? exponent / 4 : -((3 - exponent) / 4));
    if (from_first < 0 || from_first >= numeric.count) return '0';
    std::uint32_t group = numeric.group(from_first);
    for (int i = ((exponent % 4) + 4) % 4; i > 0; --i) group /= 10;
    return static_cast<char>('0' + group % 10);
  };
  std::string text;
  for (int exponent = std::max(0, 4 * numeric.weight + 3); exponent >= 0; --exponent) {
    const char each = digit(exponent);
    if (!text.empty() || each != '0' || exponent == 0) text += each;
  }
  if (numeric.display_scale > 0) text += '.';
  for (int i = 1; i <= numeric.display_scale; ++i) text += digit(-i);
  return numeric.sign == kNegative ? "-" + text : text;
}

}  // namespace sluice::postgres
