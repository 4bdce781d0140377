// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/decode.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "connectors/mysql/bytes.h"
#include "connectors/mysql/calendar.h"
#include "wire/exact.h"
#include "wire/utf8.h"

namespace sluice::mysql {
namespace {

using wire::Byte;
using wire::Decode;
using wire::kRange;
using wire::Reason;
using wire::Slot;

constexpr Reason kEncoding = "not valid UTF-8, or a zero byte";
constexpr Reason kTooExact = "too many digits behind the point";
constexpr Reason kNoUuid = "no UUID";
constexpr Reason kNotMidnight = "it has a time of day";
constexpr Reason kBeyondDay = "beyond a day";

template <class T>
T load(const Byte* bytes) {
  static_assert(std::endian::native == std::endian::little);
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

template <class T>
bool parse(std::string_view text, T& value) {
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  return problem == std::errc() && end == text.data() + text.size();
}

// ---- numbers

template <class To>
Reason put(Slot& slot, __int128 value, std::uint64_t row) {
  if (slot.scale > 0 && __builtin_mul_overflow(value, wire::power_of_ten(slot.scale), &value))
    return kRange;
  if (value < slot.least || value > slot.most) return kRange;
  slot.values<To>()[row] = static_cast<To>(value);
  return nullptr;
}

template <class T>
Reason decode_same(Slot& slot, const Byte* bytes, std::uint32_t /*size*/, std::uint64_t row) {
  slot.values<T>()[row] = load<T>(bytes);
  return nullptr;
}

/// Of the binary protocol: `From` is what travels.
template <class From, class To>
Reason decode_integer(Slot& slot, const Byte* bytes, std::uint32_t /*size*/, std::uint64_t row) {
  return put<To>(slot, load<From>(bytes), row);
}

template <class To>
Reason decode_integer_text(Slot& slot, const Byte* bytes, std::uint32_t size, std::uint64_t row) {
  const std::string_view text = view(bytes, size);
  if (text.starts_with('-')) {
    std::int64_t value = 0;
    return parse(text, value) ? put<To>(slot, value, row) : kBroken;
  }
  std::uint64_t value = 0;
  return parse(text, value) ? put<To>(slot, value, row) : kBroken;
}

template <class From, class To>
Reason decode_to_float(Slot& slot, const Byte* bytes, std::uint32_t /*size*/, std::uint64_t row) {
  const From value = load<From>(bytes);
  const auto held = static_cast<To>(value);
  slot.values<To>()[row] = held;
  const bool same = std::is_integral_v<From>
                        ? static_cast<__int128>(held) == static_cast<__int128>(value)
                        : static_cast<double>(held) == static_cast<double>(value);
  return same ? nullptr : "more digits than it keeps";
}

template <class To>
Reason decode_float_text(Slot& slot, const Byte* bytes, std::uint32_t size, std::uint64_t row) {
  double value = 0;
  if (!parse(view(bytes, size), value)) return kBroken;
  slot.values<To>()[row] = static_cast<To>(value);
  return nullptr;
}

/// Digits with at most one point: a DECIMAL travels as text in both protocols.
template <class To>
Reason decode_decimal(Slot& slot, const Byte* bytes, std::uint32_t size, std::uint64_t row) {
  const Byte* at = bytes;
  const Byte* const end = bytes + size;
  const bool negative = at != end && *at == '-';
  if (negative) ++at;
  if (at == end) return kBroken;
  unsigned __int128 magnitude = 0;
  std::uint64_t low = 0;  // 128-bit products cost: up to 18 digits go here first
  int digits = 0, behind = -1;
  const auto flush = [&] {
    magnitude = magnitude * static_cast<unsigned __int128>(wire::power_of_ten(digits)) + low;
    low = 0;
    digits = 0;
  };
  int kept = 0;  // digits in the magnitude, leading zeros not counted
  for (; at != end; ++at) {
    if (*at == '.' && behind < 0) {
      behind = 0;
      continue;
    }
    const unsigned digit = *at - unsigned{'0'};
    if (digit > 9) return kBroken;
    if (behind >= 0) {
      if (behind == slot.scale) {  // more digits than are kept: zeros at most
        if (digit != 0) return kTooExact;
        continue;
      }
      ++behind;
    }
    if (kept > 0 || digit > 0) ++kept;
    if (kept > wire::kMostDigits) return kRange;
    low = low * 10 + digit;
    if (++digits == 18) flush();
  }
  flush();
  auto value = static_cast<__int128>(magnitude);
  const int missing = slot.scale - std::max(behind, 0);
  if (missing > 0 && __builtin_mul_overflow(value, wire::power_of_ten(missing), &value))
    return kRange;
  if (negative) value = -value;
  if (value < slot.least || value > slot.most) return kRange;
  slot.values<To>()[row] = static_cast<To>(value);
  return nullptr;
}

Reason decode_boolean(Slot& slot, const Byte* bytes, std::uint32_t /*size*/, std::uint64_t row) {
  if (bytes[0] > 1) return kRange;
  slot.values<bool>()[row] = bytes[0] == 1;
  return nullptr;
}

Reason decode_boolean_text(Slot& slot, const Byte* bytes, std::uint32_t size, std::uint64_t row) {
  if (size != 1 || (bytes[0] != '0' && bytes[0] != '1')) return kRange;
  slot.values<bool>()[row] = bytes[0] == '1';
  return nullptr;
}

// ---- bits: bytes, the highest first, in both protocols

std::uint64_t bits_of(const Byte* bytes, std::uint32_t size) {
  std::uint64_t value = 0;
  for (std::uint32_t i = 0; i < size; ++i) value = value << 8 | bytes[i];
  return value;
}

template <class To>
Reason decode_bits_number(Slot& slot, const Byte* bytes, std::uint32_t size, std::uint64_t row) {
  if (size > 8) return kBroken;
  return put<To>(slot, bits_of(bytes, size), row);
}

/// DuckDB's form: how many bits of the next byte are unused, and ones in their place. Slot::depth
/// is how many bits the column has.
Reason decode_bits(Slot& slot, const Byte* bytes, std::uint32_t size, std::uint64_t row) {
  const auto bits = static_cast<std::uint32_t>(slot.depth);
  const std::uint32_t wanted = (bits + 7) / 8;
  for (; size > wanted && *bytes == 0; ++bytes) --size;  // SingleStore sends eight
  if (size > 8 || size > wanted) return kBroken;
  std::array<Byte, 9> form{};
  const std::uint32_t unused = wanted * 8 - bits;
  form[0] = static_cast<Byte>(unused);
  std::memcpy(form.data() + 1 + (wanted - size), bytes, size);
  form[1] = static_cast<Byte>(form[1] | static_cast<unsigned>(0xFF00U >> unused));
  slot.set_string(row, form.data(), wanted + 1);
  return nullptr;
}

Reason decode_bits_boolean(Slot& slot, const Byte* bytes, std::uint32_t size, std::uint64_t row) {
  const std::uint64_t value = size > 8 ? 2 : bits_of(bytes, size);
  if (value > 1) return kRange;
  slot.values<bool>()[row] = value == 1;
  return nullptr;
}

// ---- dates and times: the moment itself, whichever protocol it came by

using ReadMoment = Reason (*)(const Byte* bytes, std::uint32_t size, Moment& moment);
using ReadSpan = Reason (*)(const Byte* bytes, std::uint32_t size, std::int64_t& micros);

template <ReadMoment kRead>
Reason decode_date(Slot& slot, const Byte* bytes, std::uint32_t size, std::uint64_t row) {
  Moment moment;
  if (const Reason reason = kRead(bytes, size, moment)) return reason;
  if (moment.micros != 0) return kNotMidnight;
  slot.values<std::int32_t>()[row] = moment.days;
  return nullptr;
}

template <ReadMoment kRead>
Reason decode_timestamp(Slot& slot, const Byte* bytes, std::uint32_t size, std::uint64_t row) {
  Moment moment;
  if (const Reason reason = kRead(bytes, size, moment)) return reason;
  slot.values<std::int64_t>()[row] = moment.days * kMicrosOfDay + moment.micros;
  return nullptr;
}

template <ReadSpan kRead>
Reason decode_interval(Slot& slot, const Byte* bytes, std::uint32_t size, std::uint64_t row) {
  std::int64_t micros = 0;
  if (const Reason reason = kRead(bytes, size, micros)) return reason;
  slot.values<duckdb_interval>()[row] = {0, 0, micros};
  return nullptr;
}

template <ReadSpan kRead>
Reason decode_time(Slot& slot, const Byte* bytes, std::uint32_t size, std::uint64_t row) {
  std::int64_t micros = 0;
  if (const Reason reason = kRead(bytes, size, micros)) return reason;
  if (micros < 0 || micros > kMicrosOfDay) return kBeyondDay;
  slot.values<std::int64_t>()[row] = micros;
  return nullptr;
}

// ---- strings

Reason decode_bytes(Slot& slot, const Byte* bytes, std::uint32_t size, std::uint64_t row) {
  slot.set_string(row, bytes, size);
  return nullptr;
}

Reason decode_text(Slot& slot, const Byte* bytes, std::uint32_t size, std::uint64_t row) {
  if (!wire::valid_utf8(bytes, size)) return kEncoding;
  slot.set_string(row, bytes, size);
  return nullptr;
}

/// DuckDB sorts a UUID as a signed number, so its top bit is turned over.
Reason decode_uuid(Slot& slot, const Byte* bytes, std::uint32_t size, std::uint64_t row) {
  std::array<std::uint64_t, 2> half{};
  std::size_t digits = 0;
  for (std::uint32_t i = 0; i < size; ++i) {
    if (bytes[i] == '-') continue;
    unsigned digit = 0;
    const char* one = reinterpret_cast<const char*>(bytes) + i;
    if (digits == 32 || std::from_chars(one, one + 1, digit, 16).ptr != one + 1) return kNoUuid;
    std::uint64_t& part = half[digits / 16];
    part = part << 4 | digit;
    ++digits;
  }
  if (digits != 32) return kNoUuid;
  slot.values<duckdb_hugeint>()[row] = {
      half[1], static_cast<std::int64_t>(half[0] ^ (std::uint64_t{1} << 63))};
  return nullptr;
}

// ---- which of them

template <template <class> class Pick>
Decode by_width(int bytes) {
  switch (bytes) {
    case 1:
      return Pick<std::int8_t>::kDecode;
    case 2:
      return Pick<std::int16_t>::kDecode;
    case 4:
      return Pick<std::int32_t>::kDecode;
    case 8:
      return Pick<std::int64_t>::kDecode;
    default:
      return Pick<__int128>::kDecode;
  }
}
template <class From>
struct Integer {
  template <class To>
  struct Into {
    static constexpr Decode kDecode = &decode_integer<From, To>;
  };
};
template <class To>
struct IntegerText {
  static constexpr Decode kDecode = &decode_integer_text<To>;
};
template <class To>
struct DecimalText {
  static constexpr Decode kDecode = &decode_decimal<To>;
};
template <class To>
struct BitsNumber {
  static constexpr Decode kDecode = &decode_bits_number<To>;
};

/// What an integer of the binary protocol becomes.
template <class From>
Decode from_integer(const std::string& landed, const std::optional<wire::Exact>& exact) {
  if (landed == "DOUBLE") return &decode_to_float<From, double>;
  if (landed == "FLOAT") return &decode_to_float<From, float>;
  if (landed == "BOOLEAN" && sizeof(From) == 1) return &decode_boolean;
  if (!exact) return nullptr;
  const bool same = exact->bytes == sizeof(From) && exact->scale == 0 &&
                    !landed.starts_with("DECIMAL") &&
                    (exact->least == 0) == std::is_unsigned_v<From>;
  return same ? &decode_same<From> : by_width<Integer<From>::template Into>(exact->bytes);
}

template <class Signed>
Decode from_integer(bool is_unsigned, const std::string& landed,
                    const std::optional<wire::Exact>& exact) {
  return is_unsigned ? from_integer<std::make_unsigned_t<Signed>>(landed, exact)
                     : from_integer<Signed>(landed, exact);
}

Decode integer_decode(const Travelling& travelling, const std::string& landed,
                      const std::optional<wire::Exact>& exact) {
  if (travelling.text) {
    if (landed == "BOOLEAN" && travelling.type == MYSQL_TYPE_TINY) return &decode_boolean_text;
    if (landed == "DOUBLE") return &decode_float_text<double>;
    return exact ? by_width<IntegerText>(exact->bytes) : nullptr;
  }
  switch (travelling.type) {
    case MYSQL_TYPE_TINY:
      return from_integer<std::int8_t>(travelling.is_unsigned, landed, exact);
    case MYSQL_TYPE_SHORT:
    case MYSQL_TYPE_YEAR:
      return from_integer<std::int16_t>(
          travelling.is_unsigned && travelling.type != MYSQL_TYPE_YEAR, landed, exact);
    case MYSQL_TYPE_INT24:
    case MYSQL_TYPE_LONG:
      return from_integer<std::int32_t>(travelling.is_unsigned, landed, exact);
    default:
      return from_integer<std::int64_t>(travelling.is_unsigned, landed, exact);
  }
}

Decode moment_decode(const Travelling& travelling, const std::string& landed) {
  const bool timestamp = landed == "TIMESTAMP" || landed == "TIMESTAMP WITH TIME ZONE";
  if (travelling.text) {
    return landed == "DATE" ? &decode_date<&moment_of_text>
           : timestamp      ? &decode_timestamp<&moment_of_text>
                            : nullptr;
  }
  return landed == "DATE" ? &decode_date<&moment_of_bytes>
         : timestamp      ? &decode_timestamp<&moment_of_bytes>
                          : nullptr;
}

Decode span_decode(const Travelling& travelling, const std::string& landed) {
  if (travelling.text) {
    return landed == "INTERVAL" ? &decode_interval<&span_of_text>
           : landed == "TIME"   ? &decode_time<&span_of_text>
                                : nullptr;
  }
  return landed == "INTERVAL" ? &decode_interval<&span_of_bytes>
         : landed == "TIME"   ? &decode_time<&span_of_bytes>
                              : nullptr;
}

Decode float_decode(const Travelling& travelling, const std::string& landed) {
  const bool narrow = travelling.type == MYSQL_TYPE_FLOAT;
  if (landed == "DOUBLE") {
    return travelling.text ? &decode_float_text<double>
           : narrow        ? &decode_to_float<float, double>
                           : &decode_same<double>;
  }
  if (landed != "FLOAT") return nullptr;
  return travelling.text ? &decode_float_text<float>
         : narrow        ? &decode_same<float>
                         : &decode_to_float<double, float>;
}

Decode string_decode(const Travelling& travelling, const std::string& landed) {
  if (landed == "BLOB") return travelling.binary ? &decode_bytes : nullptr;
  if (landed == "VARCHAR" || landed == "JSON") return &decode_text;
  return landed == "UUID" ? &decode_uuid : nullptr;
}

Decode bits_decode(const std::string& landed, const std::optional<wire::Exact>& exact) {
  if (landed == "BIT") return &decode_bits;
  if (landed == "BOOLEAN") return &decode_bits_boolean;
  return exact ? by_width<BitsNumber>(exact->bytes) : nullptr;
}

Decode decode_of(const Travelling& travelling, const std::string& landed,
                 const std::optional<wire::Exact>& exact) {
  switch (travelling.type) {
    case MYSQL_TYPE_TINY:
    case MYSQL_TYPE_SHORT:
    case MYSQL_TYPE_YEAR:
    case MYSQL_TYPE_INT24:
    case MYSQL_TYPE_LONG:
    case MYSQL_TYPE_LONGLONG:
      return integer_decode(travelling, landed, exact);
    case MYSQL_TYPE_FLOAT:
    case MYSQL_TYPE_DOUBLE:
      return float_decode(travelling, landed);
    case MYSQL_TYPE_DECIMAL:
    case MYSQL_TYPE_NEWDECIMAL:
      return exact ? by_width<DecimalText>(exact->bytes) : string_decode(travelling, landed);
    case MYSQL_TYPE_BIT:
      return bits_decode(landed, exact);
    case MYSQL_TYPE_DATE:
    case MYSQL_TYPE_DATETIME:
    case MYSQL_TYPE_TIMESTAMP:
      return moment_decode(travelling, landed);
    case MYSQL_TYPE_TIME:
      return span_decode(travelling, landed);
    default:
      return string_decode(travelling, landed);
  }
}

/// What a column selected as it is travels as.
Travelling travelling_of(const WireType& wire) {
  struct Named {
    std::string_view name;
    enum_field_types type;
  };
  static constexpr std::array<Named, 13> kNamed{{{"tinyint", MYSQL_TYPE_TINY},
                                                 {"smallint", MYSQL_TYPE_SHORT},
                                                 {"mediumint", MYSQL_TYPE_INT24},
                                                 {"int", MYSQL_TYPE_LONG},
                                                 {"bigint", MYSQL_TYPE_LONGLONG},
                                                 {"year", MYSQL_TYPE_YEAR},
                                                 {"float", MYSQL_TYPE_FLOAT},
                                                 {"double", MYSQL_TYPE_DOUBLE},
                                                 {"decimal", MYSQL_TYPE_NEWDECIMAL},
                                                 {"bit", MYSQL_TYPE_BIT},
                                                 {"date", MYSQL_TYPE_DATE},
                                                 {"datetime", MYSQL_TYPE_DATETIME},
                                                 {"time", MYSQL_TYPE_TIME}}};
  Travelling travelling;
  travelling.is_unsigned = wire.is_unsigned;
  travelling.type = wire.name == "timestamp" ? MYSQL_TYPE_TIMESTAMP : MYSQL_TYPE_VAR_STRING;
  if (const auto found = std::ranges::find(kNamed, wire.name, &Named::name); found != kNamed.end())
    travelling.type = found->type;
  travelling.binary = landed_type(wire) == "BLOB";
  return travelling;
}

}  // namespace

std::optional<std::uint32_t> fixed_size(const Travelling& travelling) {
  if (travelling.text) return std::nullopt;
  switch (travelling.type) {
    case MYSQL_TYPE_TINY:
      return 1;
    case MYSQL_TYPE_SHORT:
    case MYSQL_TYPE_YEAR:
      return 2;
    case MYSQL_TYPE_INT24:
    case MYSQL_TYPE_LONG:
    case MYSQL_TYPE_FLOAT:
      return 4;
    case MYSQL_TYPE_LONGLONG:
    case MYSQL_TYPE_DOUBLE:
      return 8;
    default:
      return std::nullopt;
  }
}

std::optional<Slot> make_slot(const Travelling& travelling, const std::string& landed) {
  const std::optional<wire::Exact> exact = wire::exact_type(landed);
  Slot slot;
  slot.decode = decode_of(travelling, landed, exact);
  if (slot.decode == nullptr) return std::nullopt;
  if (exact) slot.scale = exact->scale, slot.least = exact->least, slot.most = exact->most;
  if (landed == "BIT") slot.depth = static_cast<int>(travelling.length);
  return slot;
}

bool can_land(const WireType& wire, const std::string& landed) {
  return make_slot(travelling_of(wire), landed).has_value();
}

}  // namespace sluice::mysql
