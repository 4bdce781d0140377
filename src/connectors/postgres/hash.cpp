// SPDX-License-Identifier: Apache-2.0
// Bob Jenkins' lookup3 as PostgreSQL uses it (src/common/hashfn.c).
#include "connectors/postgres/hash.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>

namespace sluice::postgres::hash {
namespace {

struct State {
  std::uint32_t a, b, c;

  State(std::uint32_t size, std::uint64_t seed) noexcept {
    a = b = c = 0x9e3779b9U + size + 3923095U;
    if (seed == 0) return;
    a += static_cast<std::uint32_t>(seed >> 32);
    b += static_cast<std::uint32_t>(seed);
    mix();
  }

  void mix() noexcept {
    a -= c, a ^= std::rotl(c, 4), c += b;
    b -= a, b ^= std::rotl(a, 6), a += c;
    c -= b, c ^= std::rotl(b, 8), b += a;
    a -= c, a ^= std::rotl(c, 16), c += b;
    b -= a, b ^= std::rotl(a, 19), a += c;
    c -= b, c ^= std::rotl(b, 4), b += a;
  }

  std::uint64_t last() noexcept {
    c ^= b, c -= std::rotl(b, 14);
    a ^= c, a -= std::rotl(c, 11);
    b ^= a, b -= std::rotl(a, 25);
    c ^= b, c -= std::rotl(b, 16);
    a ^= c, a -= std::rotl(c, 4);
    b ^= a, b -= std::rotl(a, 14);
    c ^= b, c -= std::rotl(b, 24);
    return std::uint64_t{b} << 32 | c;
  }
};

std::uint32_t little(const char* at) noexcept {
  std::uint32_t value = 0;
  std::memcpy(&value, at, sizeof value);
  return value;
}

/// Digits of base 10,000, as numeric keeps them: the most significant first.
struct Digits {
  static constexpr int kMost = 24;
  std::array<std::int16_t, kMost> digits{};
  int count = 0;
  void add(std::uint64_t digit) noexcept {
    digits.at(static_cast<std::size_t>(count++)) = static_cast<std::int16_t>(digit);
  }
};

constexpr unsigned __int128 power_of_ten(unsigned exponent) noexcept {
  unsigned __int128 power = 1;
  while (exponent-- > 0) power *= 10;
  return power;
}

}  // namespace

std::uint64_t bytes(std::string_view bytes, std::uint64_t seed) noexcept {
  State state(static_cast<std::uint32_t>(bytes.size()), seed);
  while (bytes.size() >= 12) {
    state.a += little(bytes.data());
    state.b += little(bytes.data() + 4);
    state.c += little(bytes.data() + 8);
    state.mix();
    bytes.remove_prefix(12);
  }
  std::array<char, 12> tail{};
  std::memcpy(tail.data(), bytes.data(), std::min<std::size_t>(bytes.size(), 8));
  // The lowest byte of c is the length's.
  if (bytes.size() > 8) std::memcpy(tail.data() + 9, bytes.data() + 8, bytes.size() - 8);
  state.a += little(tail.data());
  state.b += little(tail.data() + 4);
  state.c += little(tail.data() + 8);
  return state.last();
}

std::uint64_t word(std::uint32_t value, std::uint64_t seed) noexcept {
  State state(sizeof value, seed);
  state.a += value;
  return state.last();
}

std::uint64_t folded(std::int64_t value, std::uint64_t seed) noexcept {
  const auto low = static_cast<std::uint32_t>(value);
  const auto high = static_cast<std::uint32_t>(static_cast<std::uint64_t>(value) >> 32);
  return word(low ^ (value >= 0 ? high : ~high), seed);
}

std::uint64_t real(double value, std::uint64_t seed) noexcept {
  if (value == 0) return seed;
  auto bits = std::bit_cast<std::uint64_t>(value);
  if (std::isnan(value)) bits = 0x7ff8000000000000U;
  std::array<char, sizeof bits> image{};
  std::memcpy(image.data(), &bits, sizeof bits);
  return bytes({image.data(), image.size()}, seed);
}

std::uint64_t numeric(__int128 value, unsigned scale, std::uint64_t seed) noexcept {
  if (value == 0) return seed - 1;
  const unsigned __int128 whole =
      value < 0 ? -static_cast<unsigned __int128>(value) : static_cast<unsigned __int128>(value);
  const unsigned __int128 one = power_of_ten(scale);
  unsigned __int128 integer = whole / one;
  unsigned __int128 fraction = whole % one;
  Digits backwards;
  for (; integer > 0; integer /= 10000) backwards.add(static_cast<std::uint64_t>(integer % 10000));
  Digits number;
  int weight = backwards.count - 1;
  while (backwards.count > 0) {
    --backwards.count;
    number.add(
        static_cast<std::uint64_t>(backwards.digits.at(static_cast<std::size_t>(backwards.count))));
  }
  for (unsigned left = scale; left > 0 && fraction > 0;) {
    const unsigned taken = left < 4 ? left : 4;
    const unsigned __int128 unit = power_of_ten(left - taken);
    auto digit = static_cast<std::uint64_t>(fraction / unit);
    for (unsigned i = taken; i < 4; ++i) digit *= 10;
    if (number.count > 0 || digit > 0) {
      number.add(digit);
    } else {
      --weight;  // zeros before the first digit are not kept
    }
    fraction %= unit;
    left -= taken;
  }
  while (number.digits.at(static_cast<std::size_t>(number.count - 1)) == 0) --number.count;
  const std::string_view image(reinterpret_cast<const char*>(number.digits.data()),
                               static_cast<std::size_t>(number.count) * sizeof(std::int16_t));
  return bytes(image, seed) ^ static_cast<std::uint64_t>(static_cast<std::int64_t>(weight));
}

}  // namespace sluice::postgres::hash
