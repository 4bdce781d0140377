// SPDX-License-Identifier: Apache-2.0
#include "wire/exact.h"

#include <array>
#include <charconv>

namespace sluice::wire {
namespace {

constexpr std::array<__int128, kMostDigits + 1> make_powers() {
  std::array<__int128, kMostDigits + 1> powers{};
  powers[0] = 1;
  for (std::size_t i = 1; i < powers.size(); ++i) powers[i] = powers[i - 1] * 10;
  return powers;
}
constexpr auto kPowers = make_powers();

}  // namespace

__int128 power_of_ten(int exponent) noexcept { return kPowers[static_cast<std::size_t>(exponent)]; }

std::optional<Exact> exact_type(std::string_view landed) {
  struct Integer {
    const char* name;
    int bits;
    bool is_signed;
  };
  static constexpr Integer kIntegers[] = {
      {"TINYINT", 8, true},     {"SMALLINT", 16, true},  {"INTEGER", 32, true},
      {"BIGINT", 64, true},     {"HUGEINT", 128, true},  {"UTINYINT", 8, false},
      {"USMALLINT", 16, false}, {"UINTEGER", 32, false}, {"UBIGINT", 64, false},
  };
  for (const Integer& each : kIntegers) {
    if (landed != each.name) continue;
    if (each.bits == 128) {
      const auto most = static_cast<__int128>(~static_cast<unsigned __int128>(0) >> 1);
      return Exact{16, 0, -most, most};
    }
    const int digits = each.is_signed ? each.bits - 1 : each.bits;
    const __int128 most = (static_cast<__int128>(1) << digits) - 1;
    return Exact{each.bits / 8, 0, each.is_signed ? -most - 1 : 0, most};
  }
  if (!landed.starts_with("DECIMAL(") || !landed.ends_with(")")) return std::nullopt;
  int precision = 0;
  int scale = 0;
  const char* end = landed.data() + landed.size();
  const auto comma = std::from_chars(landed.data() + 8, end, precision).ptr;
  if (comma == end || *comma != ',' || std::from_chars(comma + 1, end, scale).ptr != end - 1) {
    return std::nullopt;
  }
  if (precision < 1 || precision > kMostDigits || scale < 0 || scale > precision) {
    return std::nullopt;
  }
  const __int128 most = power_of_ten(precision) - 1;
  return Exact{precision <= 4    ? 2
               : precision <= 9  ? 4
               : precision <= 18 ? 8
                                 : 16,
               scale, -most, most};
}

}  // namespace sluice::wire
