// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/scalars.h"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>

#include "connectors/postgres/numeric.h"
#include "connectors/postgres/oids.h"
#include "connectors/postgres/temporal.h"
#include "wire/exact.h"
#include "wire/utf8.h"

namespace sluice::postgres {
namespace {

constexpr Reason kInexact = "more digits than it keeps";
constexpr Reason kEncoding = "not valid UTF-8";
constexpr Reason kEmptyBits = "it has no empty bit string";

template <class T>
T load(const Byte* from) {
  if constexpr (sizeof(T) == 2) return static_cast<T>(load16(from));
  if constexpr (sizeof(T) == 4) return std::bit_cast<T>(load32(from));
  if constexpr (sizeof(T) == 8) return std::bit_cast<T>(load64(from));
}

Reason decode_bool(Slot& slot, const Byte* bytes, std::uint32_t size, std::uint64_t row) {
  expect_size(size, 1);
  slot.values<bool>()[row] = bytes[0] != 0;
  return nullptr;
}

template <class T>
Reason decode_same(Slot& slot, const Byte* bytes, std::uint32_t size, std::uint64_t row) {
  expect_size(size, sizeof(T));
  slot.values<T>()[row] = load<T>(bytes);
  return nullptr;
}

// An integer into another one, or into a DECIMAL.
template <class From, class To>
Reason decode_integer(Slot& slot, const Byte* bytes, std::uint32_t size, std::uint64_t row) {
  expect_size(size, sizeof(From));
  __int128 value = load<From>(bytes);
  if (__builtin_mul_overflow(value, wire::power_of_ten(slot.scale), &value)) return kRange;
  if (value < slot.least || value > slot.most) return kRange;
  slot.values<To>()[row] = static_cast<To>(value);
  return nullptr;
}

template <class From, class To>
Reason decode_to_float(Slot& slot, const Byte* bytes, std::uint32_t size, std::uint64_t row) {
  expect_size(size, sizeof(From));
  const From value = load<From>(bytes);
  const auto held = static_cast<To>(value);
  slot.values<To>()[row] = held;
  if constexpr (std::is_integral_v<From>) {
    return static_cast<__int128>(held) == static_cast<__int128>(value) ? nullptr : kInexact;
  } else {
    return std::isnan(value) || static_cast<From>(held) == value ? nullptr : kInexact;
  }
}

// text, varchar, bpchar as padded by the server, name, enumerations, json.
Reason decode_text(Slot& slot, const Byte* bytes, std::uint32_t size, std::uint64_t row) {
  slot.set_string(row, bytes, size);
  return nullptr;
}

Reason decode_unchecked_text(Slot& slot, const Byte* bytes, std::uint32_t size, std::uint64_t row) {
  if (!wire::valid_utf8(bytes, size)) return kEncoding;
  slot.set_string(row, bytes, size);
  return nullptr;
}

template <Decode kText>
Reason decode_jsonb(Slot& slot, const Byte* bytes, std::uint32_t size, std::uint64_t row) {
  if (size < 1 || bytes[0] != 1) broken("a jsonb of an unknown version");
  return kText(slot, bytes + 1, size - 1, row);
}

// Newer servers print bytes from 128 on in octal; older ones sent what may be no UTF-8.
Reason decode_char(Slot& slot, const Byte* bytes, std::uint32_t size, std::uint64_t row) {
  expect_size(size, 1);
  if (bytes[0] < 0x80) {
    slot.set_string(row, bytes, bytes[0] == 0 ? 0 : 1);
    return nullptr;
  }
  const auto digit = [&](int shift) { return static_cast<Byte>('0' + ((bytes[0] >> shift) & 7)); };
  const std::array<Byte, 4> octal{'\\', digit(6), digit(3), digit(0)};
  slot.set_string(row, octal.data(), octal.size());
  return nullptr;
}

// PostgreSQL fills the last byte from the left; DuckDB starts with the number of unused bits, which
// are ones and lead the first byte.
Reason decode_bits(Slot& slot, const Byte* bytes, std::uint32_t size, std::uint64_t row) {
  if (size < 4) broken("a bit string without a length");
  const std::uint32_t bits = load32(bytes);
  const std::uint32_t count = size - 4;
  if (count != bits / 8 + (bits % 8 != 0 ? 1 : 0)) broken("a bit string of another length");
  if (count == 0) return kEmptyBits;
  const unsigned unused = (8 - bits % 8) % 8;
  thread_local std::vector<Byte> shifted;
  shifted.resize(count + 1);
  shifted[0] = static_cast<Byte>(unused);
  unsigned carried = 0xFF;
  for (std::uint32_t i = 0; i < count; ++i) {
    shifted[i + 1] = static_cast<Byte>((carried << (8 - unused)) | (bytes[4 + i] >> unused));
    carried = bytes[4 + i];
  }
  slot.set_string(row, shifted.data(), count + 1);
  return nullptr;
}

// DuckDB sorts a UUID as a signed number, so its top bit is turned over.
Reason decode_uuid(Slot& slot, const Byte* bytes, std::uint32_t size, std::uint64_t row) {
  expect_size(size, 16);
  slot.values<duckdb_hugeint>()[row] = {
      load64(bytes + 8), static_cast<std::int64_t>(load64(bytes) ^ (std::uint64_t{1} << 63))};
  return nullptr;
}

struct Scalar {
  std::uint32_t oid;
  const char* landed;
  Decode decode;
  Decode unchecked;  // in a database without an encoding; null: the same
};

constexpr Scalar kScalars[] = {
    {oid::kBool, "BOOLEAN", &decode_bool, nullptr},
    {oid::kInt2, "SMALLINT", &decode_same<std::int16_t>, nullptr},
    {oid::kInt4, "INTEGER", &decode_same<std::int32_t>, nullptr},
    {oid::kInt8, "BIGINT", &decode_same<std::int64_t>, nullptr},
    {oid::kOid, "UINTEGER", &decode_same<std::uint32_t>, nullptr},
    {oid::kFloat4, "FLOAT", &decode_same<float>, nullptr},
    {oid::kFloat8, "DOUBLE", &decode_same<double>, nullptr},
    {oid::kText, "VARCHAR", &decode_text, &decode_unchecked_text},
    {oid::kVarchar, "VARCHAR", &decode_text, &decode_unchecked_text},
    {oid::kBpchar, "VARCHAR", &decode_text, &decode_unchecked_text},
    {oid::kName, "VARCHAR", &decode_text, &decode_unchecked_text},
    {oid::kChar, "VARCHAR", &decode_char, nullptr},
    {oid::kBytea, "BLOB", &decode_text, nullptr},
    {oid::kBit, "BIT", &decode_bits, nullptr},
    {oid::kVarbit, "BIT", &decode_bits, nullptr},
    {oid::kDate, "DATE", &decode_date, nullptr},
    {oid::kTime, "TIME", &decode_time, nullptr},
    {oid::kTimetz, "TIME WITH TIME ZONE", &decode_timetz, nullptr},
    {oid::kTimestamp, "TIMESTAMP", &decode_timestamp, nullptr},
    {oid::kTimestamptz, "TIMESTAMP WITH TIME ZONE", &decode_timestamp, nullptr},
    {oid::kInterval, "INTERVAL", &decode_interval, nullptr},
    {oid::kUuid, "UUID", &decode_uuid, nullptr},
    {oid::kJson, "JSON", &decode_text, &decode_unchecked_text},
    {oid::kJsonb, "JSON", &decode_jsonb<&decode_text>, &decode_jsonb<&decode_unchecked_text>},
    {oid::kFloat4, "DOUBLE", &decode_to_float<float, double>, nullptr},
    {oid::kFloat8, "FLOAT", &decode_to_float<double, float>, nullptr},
    {oid::kInt2, "FLOAT", &decode_to_float<std::int16_t, float>, nullptr},
    {oid::kInt2, "DOUBLE", &decode_to_float<std::int16_t, double>, nullptr},
    {oid::kInt4, "FLOAT", &decode_to_float<std::int32_t, float>, nullptr},
    {oid::kInt4, "DOUBLE", &decode_to_float<std::int32_t, double>, nullptr},
    {oid::kInt8, "FLOAT", &decode_to_float<std::int64_t, float>, nullptr},
    {oid::kInt8, "DOUBLE", &decode_to_float<std::int64_t, double>, nullptr},
    {oid::kOid, "DOUBLE", &decode_to_float<std::uint32_t, double>, nullptr},
    {oid::kNumeric, "FLOAT", &decode_numeric_float<float>, nullptr},
    {oid::kNumeric, "DOUBLE", &decode_numeric_float<double>, nullptr},
};

// Integers and numeric into any integer or DECIMAL: by width of what DuckDB stores.
struct Widths {
  std::uint32_t oid;
  Decode one, two, four, eight, sixteen;
};

template <class From>
constexpr Widths widths(std::uint32_t oid) {
  return {oid,
          &decode_integer<From, std::int8_t>,
          &decode_integer<From, std::int16_t>,
          &decode_integer<From, std::int32_t>,
          &decode_integer<From, std::int64_t>,
          &decode_integer<From, __int128>};
}

constexpr Widths kWidths[] = {
    widths<std::int16_t>(oid::kInt2),
    widths<std::int32_t>(oid::kInt4),
    widths<std::int64_t>(oid::kInt8),
    widths<std::uint32_t>(oid::kOid),
    {oid::kNumeric, &decode_numeric<std::int8_t>, &decode_numeric<std::int16_t>,
     &decode_numeric<std::int32_t>, &decode_numeric<std::int64_t>, &decode_numeric<__int128>},
};

Decode of_width(const Widths& widths, int bytes) {
  switch (bytes) {
    case 1:
      return widths.one;
    case 2:
      return widths.two;
    case 4:
      return widths.four;
    case 8:
      return widths.eight;
    default:
      return widths.sixteen;
  }
}

}  // namespace

std::string scalar_landed_type(const WireType& wire) {
  if (wire.oid == oid::kNumeric) {
    const std::optional<Decimal> decimal = decimal_of(wire.typmod);
    if (!decimal) return {};
    return "DECIMAL(" + std::to_string(decimal->precision) + "," + std::to_string(decimal->scale) +
           ")";
  }
  for (const Scalar& each : kScalars) {
    if (each.oid == wire.oid) return each.landed;  // the first is the default
  }
  return {};
}

std::optional<Slot> scalar_slot(const WireType& wire, std::string_view landed, Encoding encoding) {
  Slot slot;
  for (const Scalar& each : kScalars) {
    if (each.oid != wire.oid || landed != each.landed) continue;
    const bool check = encoding == Encoding::unchecked && each.unchecked != nullptr;
    slot.decode = check ? each.unchecked : each.decode;
    return slot;
  }
  const std::optional<wire::Exact> exact = wire::exact_type(landed);
  if (!exact) return std::nullopt;
  for (const Widths& each : kWidths) {
    if (each.oid != wire.oid) continue;
    slot.decode = of_width(each, exact->bytes);
    slot.scale = exact->scale;
    slot.least = exact->least;
    slot.most = exact->most;
    return slot;
  }
  return std::nullopt;
}

std::string scalar_choices(const WireType& wire) {
  std::string choices = scalar_landed_type(wire);
  for (const Scalar& each : kScalars) {
    if (each.oid != wire.oid || choices == each.landed) continue;
    choices += (choices.empty() ? "" : ", ") + std::string(each.landed);
  }
  for (const Widths& each : kWidths) {
    if (each.oid == wire.oid) choices += ", DECIMAL(precision,scale), an integer type";
  }
  return choices;
}

}  // namespace sluice::postgres
