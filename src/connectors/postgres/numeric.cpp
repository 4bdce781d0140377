// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/numeric.h"

#include <array>

#include "connectors/postgres/wire.h"

namespace sluice::postgres {
namespace {

using Int128 = __int128;

constexpr std::uint16_t kNegative = 0x4000;
constexpr std::uint16_t kNan = 0xC000;
constexpr std::uint16_t kInfinity = 0xD000;
constexpr std::uint16_t kMinusInfinity = 0xF000;
constexpr int kDigits = 4;  // decimal digits in one of the wire's

constexpr std::array<Int128, 39> make_powers() {
  std::array<Int128, 39> powers{};
  Int128 power = 1;
  for (std::size_t i = 0; i < powers.size(); ++i) {
    powers[i] = power;
    if (i + 1 < powers.size()) power *= 10;
  }
  return powers;
}
constexpr std::array<Int128, 39> kPowers = make_powers();

struct Header {
  int digits, weight;
  std::uint16_t sign, dscale;
};

Header header_of(Take& take) {
  Header header{};
  header.digits = take.integer<std::int16_t>();
  header.weight = take.integer<std::int16_t>();
  header.sign = take.integer<std::uint16_t>();
  header.dscale = take.integer<std::uint16_t>();
  if (header.digits < 0 || take.left() != static_cast<std::size_t>(header.digits) * 2) {
    bad_wire("a numeric has another length than it says");
  }
  return header;
}

/// value * 10^scale, or why there is no such integer of at most `width` digits. Int holds 10^width.
template <typename Int>
Decoder::Verdict scaled(std::string_view bytes, int width, int scale, Int& result) {
  Take take(bytes);
  const Header header = header_of(take);
  if (header.sign != 0 && header.sign != kNegative) {
    if (header.sign == kNan) return "is not a number (NaN)";
    if (header.sign == kInfinity || header.sign == kMinusInfinity) return "is infinite";
    bad_wire("a numeric has an unknown sign");
  }
  Int value = 0;
  int weight = header.weight;
  for (int i = 0; i < header.digits; ++i, --weight) {
    const int digit = take.integer<std::int16_t>();
    if (digit < 0 || digit > 9999) bad_wire("a numeric has a digit beyond 9999");
    if (digit == 0) continue;
    const int exponent = weight * kDigits + scale;
    if (exponent >= 0) {
      // Each part below 10^width: so is their sum, and nothing overflows on the way.
      const int length = digit < 10 ? 1 : digit < 100 ? 2 : digit < 1000 ? 3 : 4;
      if (exponent + length > width) return "has more digits than the column can hold";
      const Int128 part = kPowers[static_cast<std::size_t>(exponent)] * digit;
      value = static_cast<Int>(value + static_cast<Int>(part));
    } else {
      if (exponent <= -kDigits) return "has more decimals than the column can hold";
      const int divisor = static_cast<int>(kPowers[static_cast<std::size_t>(-exponent)]);
      if (digit % divisor != 0) return "has more decimals than the column can hold";
      value = static_cast<Int>(value + digit / divisor);
    }
  }
  result = header.sign == kNegative ? static_cast<Int>(-value) : value;
  return nullptr;
}

template <typename Storage>
Decoder::Verdict decode_numeric(const Decoder& decoder, std::string_view bytes, Slot slot,
                                idx_t row) {
  std::conditional_t<sizeof(Storage) == 8, std::int64_t, std::int32_t> value = 0;
  if (const auto verdict = scaled(bytes, decoder.width, decoder.scale, value)) return verdict;
  static_cast<Storage*>(slot.data)[row] = static_cast<Storage>(value);
  return nullptr;
}

Decoder::Verdict decode_huge_numeric(const Decoder& decoder, std::string_view bytes, Slot slot,
                                     idx_t row) {
  Int128 value = 0;
  if (const auto verdict = scaled(bytes, decoder.width, decoder.scale, value)) return verdict;
  static_cast<duckdb_hugeint*>(slot.data)[row] = {static_cast<std::uint64_t>(value),
                                                  static_cast<std::int64_t>(value >> 64)};
  return nullptr;
}

}  // namespace

Decoder::Function numeric_decoder(int width) {
  if (width <= 4) return decode_numeric<std::int16_t>;
  if (width <= 9) return decode_numeric<std::int32_t>;
  if (width <= 18) return decode_numeric<std::int64_t>;
  return decode_huge_numeric;
}

std::string numeric_text(std::string_view bytes) {
  Take take(bytes);
  const Header header = header_of(take);
  if (header.sign == kNan) return "NaN";
  if (header.sign == kInfinity) return "Infinity";
  if (header.sign == kMinusInfinity) return "-Infinity";
  std::string whole, fraction;
  for (int i = 0, weight = header.weight; i < header.digits; ++i, --weight) {
    const std::string digits = std::to_string(10'000 + take.integer<std::int16_t>()).substr(1);
    if (i == 0 && weight < -1)
      fraction.assign(static_cast<std::size_t>(-weight - 1) * kDigits, '0');
    (weight >= 0 ? whole : fraction) += digits;
  }
  if (header.weight >= header.digits) {
    whole.append(static_cast<std::size_t>(header.weight - header.digits + 1) * kDigits, '0');
  }
  whole.erase(0, std::min(whole.find_first_not_of('0'), whole.size()));
  if (whole.empty()) whole = "0";
  fraction.resize(header.dscale, '0');
  return (header.sign == kNegative ? "-" : "") + whole + (fraction.empty() ? "" : "." + fraction);
}

}  // namespace sluice::postgres
