// SPDX-License-Identifier: Apache-2.0
// How values of each type are written as each DuckDB type that can hold them.

#include <cmath>
#include <cstring>
#include <limits>
#include <optional>

#include "connectors/dolphindb/decode.h"
#include "connectors/dolphindb/text.h"
#include "wire/exact.h"

namespace sluice::dolphindb {

using wire::Reason;
using wire::Slot;

namespace {

constexpr Reason kPrecision = "it has more digits";

/// A DuckDB type that counts time: what it counts in, and between which ends DuckDB 1.5.6 prints a
/// value and casts it back. Beyond are its infinities, or instants that it stores and cannot print.
struct Counted {
  std::int64_t nanoseconds;
  bool of_day;
  int bytes;
  std::int64_t least, most;
};

std::optional<Counted> counted(const std::string& landed) {
  // 290,309 BC December 22, and as many microseconds behind 1970 as 64 bits hold.
  constexpr std::int64_t kFirst = -9'223'372'022'400, kDay = 86'400'000'000'000;
  constexpr std::int64_t kLast = std::numeric_limits<std::int64_t>::max() - 1;
  if (landed == "DATE") return Counted{kDay, false, 4, -2'147'483'646, 2'147'483'646};
  if (landed == "TIMESTAMP_S") return Counted{1'000'000'000, false, 8, kFirst, kLast / 1'000'000};
  if (landed == "TIMESTAMP_MS") return Counted{1'000'000, false, 8, kFirst * 1'000, kLast / 1'000};
  if (landed == "TIMESTAMP" || landed == "TIMESTAMP WITH TIME ZONE")
    return Counted{1'000, false, 8, kFirst * 1'000'000, kLast};
  // The day that 64 bits reach back into is cut off, and DuckDB prints none of it.
  if (landed == "TIMESTAMP_NS") return Counted{1, false, 8, -106'751 * kDay, kLast};
  if (landed == "TIME") return Counted{1'000, true, 8, 0, kDay / 1'000 - 1};
  if (landed == "TIME_NS") return Counted{1, true, 8, 0, kDay - 1};
  return std::nullopt;
}

}  // namespace

/// How values of one type are written as another.
struct Landing {
  using Write = ColumnDecoder::Write;

  /// Numbers that travel as DuckDB stores them. Most blocks have no NULL: looked for in one pass
  /// that compilers turn into wide instructions.
  template <class T>
  static void same(ColumnDecoder&, Slot& slot, const Byte* values, std::uint64_t count,
                   std::uint64_t row) {
    T* const to = slot.values<T>() + row;
    std::memcpy(to, values, count * sizeof(T));
    constexpr T kNull = std::numeric_limits<T>::min();
    unsigned nulls = 0;
    for (std::uint64_t i = 0; i < count; ++i) nulls |= to[i] == kNull ? 1U : 0U;
    if (nulls == 0) return;
    for (std::uint64_t i = 0; i < count; ++i) {
      if (to[i] == kNull) slot.set_null(row + i);
    }
  }

  /// The same for floating point numbers, whose NULL is the most negative finite one.
  template <class T>
  static void same_float(ColumnDecoder&, Slot& slot, const Byte* values, std::uint64_t count,
                         std::uint64_t row) {
    T* const to = slot.values<T>() + row;
    std::memcpy(to, values, count * sizeof(T));
    constexpr T kNull = -std::numeric_limits<T>::max();
    unsigned nulls = 0;
    for (std::uint64_t i = 0; i < count; ++i) nulls |= to[i] == kNull ? 1U : 0U;
    if (nulls == 0) return;
    for (std::uint64_t i = 0; i < count; ++i) {
      if (to[i] == kNull) slot.set_null(row + i);
    }
  }

  template <class From, class To>
  static void other_float(ColumnDecoder& decoder, Slot& slot, const Byte* values,
                          std::uint64_t count, std::uint64_t row) {
    for (std::uint64_t i = 0; i < count; ++i) {
      const From value = load<From>(values + i * sizeof(From));
      const To landed = static_cast<To>(value);
      if (value == -std::numeric_limits<From>::max()) {
        slot.set_null(row + i);
      } else if (static_cast<From>(landed) == value || std::isnan(value)) {
        slot.values<To>()[row + i] = landed;
      } else {
        decoder.misfit(slot, row + i, kPrecision, values + i * sizeof(From));
      }
    }
  }

  static void boolean(ColumnDecoder&, Slot& slot, const Byte* values, std::uint64_t count,
                      std::uint64_t row) {
    for (std::uint64_t i = 0; i < count; ++i) {
      if (values[i] == 0x80) slot.set_null(row + i);
      slot.values<bool>()[row + i] = values[i] != 0 && values[i] != 0x80;
    }
  }

  template <class From>
  static __int128 widened(const Byte* at) {
    return load<From>(at);
  }

  /// A whole number, or one with a decimal point, as another type of those.
  template <class From>
  static void exact(ColumnDecoder& decoder, Slot& slot, const Byte* values, std::uint64_t count,
                    std::uint64_t row) {
    const auto factor = slot.scale >= 0 ? wire::power_of_ten(slot.scale) : 1;
    const auto divisor = slot.scale < 0 ? wire::power_of_ten(-slot.scale) : 1;
    for (std::uint64_t i = 0; i < count; ++i) {
      const Byte* const at = values + i * sizeof(From);
      if (is_null(decoder.read_.type.type, at)) {
        slot.set_null(row + i);
        continue;
      }
      const __int128 value = widened<From>(at);
      const __int128 whole = value / divisor;
      if (value % divisor != 0) {
        decoder.misfit(slot, row + i, kPrecision, at);
      } else if (whole > slot.most / factor || whole < slot.least / factor) {
        decoder.misfit(slot, row + i, wire::kRange, at);
      } else {
        store(slot, row + i, whole * factor, decoder.bytes_);
      }
    }
  }

  /// `bytes`: as many as DuckDB stores.
  static void store(Slot& slot, std::uint64_t row, __int128 value, int bytes) {
    switch (bytes) {
      case 1:
        slot.values<std::int8_t>()[row] = static_cast<std::int8_t>(value);
        break;
      case 2:
        slot.values<std::int16_t>()[row] = static_cast<std::int16_t>(value);
        break;
      case 4:
        slot.values<std::int32_t>()[row] = static_cast<std::int32_t>(value);
        break;
      case 8:
        slot.values<std::int64_t>()[row] = static_cast<std::int64_t>(value);
        break;
      default:
        slot.values<duckdb_hugeint>()[row] = {static_cast<std::uint64_t>(value),
                                              static_cast<std::int64_t>(value >> 64)};
    }
  }

  /// A time in another unit, or in a type that has no room for all that it can be.
  template <class From, class To>
  static void time(ColumnDecoder& decoder, Slot& slot, const Byte* values, std::uint64_t count,
                   std::uint64_t row) {
    for (std::uint64_t i = 0; i < count; ++i) {
      const Byte* const at = values + i * sizeof(From);
      const From value = load<From>(at);
      if (value == std::numeric_limits<From>::min()) {
        slot.set_null(row + i);
        continue;
      }
      std::int64_t landed = 0;
      if (value % decoder.divide_ != 0) {
        decoder.misfit(slot, row + i, kPrecision, at);
      } else if (__builtin_mul_overflow(static_cast<std::int64_t>(value / decoder.divide_),
                                        decoder.multiply_, &landed) ||
                 landed < decoder.least_ || landed > decoder.most_) {
        decoder.misfit(slot, row + i, wire::kRange, at);
      } else {
        slot.values<To>()[row + i] = static_cast<To>(landed);
      }
    }
  }

  /// A time in the landed unit or a coarser one, into as wide a number.
  static void finer(ColumnDecoder& decoder, Slot& slot, const Byte* values, std::uint64_t count,
                    std::uint64_t row) {
    auto* const to = slot.values<std::int64_t>() + row;
    std::memcpy(to, values, count * 8);
    const std::int64_t least = decoder.least_ / decoder.multiply_;
    const std::int64_t most = decoder.most_ / decoder.multiply_;
    unsigned outside = 0;  // NULL is, too
    for (std::uint64_t i = 0; i < count; ++i) {
      outside |= to[i] < least || to[i] > most ? 1U : 0U;
      to[i] = static_cast<std::int64_t>(static_cast<std::uint64_t>(to[i]) *
                                        static_cast<std::uint64_t>(decoder.multiply_));
    }
    if (outside != 0) time<std::int64_t, std::int64_t>(decoder, slot, values, count, row);
  }

  template <class To>
  static void month(ColumnDecoder& decoder, Slot& slot, const Byte* values, std::uint64_t count,
                    std::uint64_t row) {
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto value = load<std::int32_t>(values + i * 4);
      if (value == std::numeric_limits<std::int32_t>::min()) {
        slot.set_null(row + i);
        continue;
      }
      std::int64_t landed = 0;
      if (__builtin_mul_overflow(days_of_month(value), decoder.multiply_, &landed) ||
          landed < decoder.least_ || landed > decoder.most_) {
        decoder.misfit(slot, row + i, wire::kRange, values + i * 4);
      } else {
        slot.values<To>()[row + i] = static_cast<To>(landed);
      }
    }
  }

  /// DuckDB keeps the highest bit the other way round, so that they sort.
  static void uuid(ColumnDecoder&, Slot& slot, const Byte* values, std::uint64_t count,
                   std::uint64_t row) {
    for (std::uint64_t i = 0; i < count; ++i) {
      const Byte* const at = values + i * 16;
      if (is_null(Type::uuid, at)) {
        slot.set_null(row + i);
      } else {
        slot.values<duckdb_hugeint>()[row + i] = {
            load<std::uint64_t>(at),
            static_cast<std::int64_t>(load<std::uint64_t>(at + 8) ^ (std::uint64_t{1} << 63))};
      }
    }
  }

  static void pair(ColumnDecoder&, Slot& slot, const Byte* values, std::uint64_t count,
                   std::uint64_t row) {
    for (std::uint64_t i = 0; i < count; ++i) {
      const Byte* const at = values + i * 16;
      if (is_null(Type::point, at)) {
        slot.set_null(row + i);
        continue;
      }
      for (std::size_t part = 0; part < 2; ++part)
        same_float_one(slot.children[part], at + part * 8, row + i);
    }
  }
  static void same_float_one(Slot& slot, const Byte* value, std::uint64_t row) {
    if (is_null(Type::float64, value)) {
      slot.set_null(row);
    } else {
      slot.values<double>()[row] = load<double>(value);
    }
  }

  static void as_text(ColumnDecoder& decoder, Slot& slot, const Byte* values, std::uint64_t count,
                      std::uint64_t row) {
    const ColumnType type{decoder.read_.type.type, false, decoder.read_.type.scale};
    const std::size_t size = width(type.type);
    for (std::uint64_t i = 0; i < count; ++i) {
      if (is_null(type.type, values + i * size)) {
        slot.set_null(row + i);
        continue;
      }
      const std::string text = text_of(type, values + i * size);
      slot.set_string(row + i, reinterpret_cast<const Byte*>(text.data()),
                      static_cast<std::uint32_t>(text.size()));
    }
  }

  /// Null: values of the type cannot land so.
  static Write choose(ColumnDecoder& decoder, Slot& slot, const std::string& landed) {
    const ColumnType& type = decoder.read_.type;
    if (landed == "VARCHAR") return as_text;
    if (type.type == Type::boolean) return landed == "BOOLEAN" ? boolean : nullptr;
    if (is_integer(type.type) || is_decimal(type.type)) return choose_exact(decoder, slot, landed);
    if (type.type == Type::float32)
      return landed == "FLOAT"    ? same_float<float>
             : landed == "DOUBLE" ? other_float<float, double>
                                  : nullptr;
    if (type.type == Type::float64)
      return landed == "DOUBLE"  ? same_float<double>
             : landed == "FLOAT" ? other_float<double, float>
                                 : nullptr;
    if (type.type == Type::uuid) return landed == "UUID" ? uuid : nullptr;
    if (type.type == Type::complex || type.type == Type::point) {
      if (landed != landed_type({type.type})) return nullptr;
      slot.shape = Slot::Shape::structure;
      slot.children.resize(2);
      return pair;
    }
    return choose_time(decoder, landed);
  }

  static Write choose_exact(ColumnDecoder& decoder, Slot& slot, const std::string& landed) {
    const ColumnType& type = decoder.read_.type;
    if (!is_decimal(type.type) && landed == landed_type({type.type})) {
      switch (type.type) {
        case Type::int8:
          return same<std::int8_t>;
        case Type::int16:
          return same<std::int16_t>;
        case Type::int32:
          return same<std::int32_t>;
        default:
          return same<std::int64_t>;
      }
    }
    const std::optional<wire::Exact> exact_type = wire::exact_type(landed);
    if (!exact_type) return nullptr;
    decoder.bytes_ = exact_type->bytes;
    slot.scale = exact_type->scale - type.scale;
    slot.least = exact_type->least;
    slot.most = exact_type->most;
    switch (width(type.type)) {
      case 1:
        return exact<std::int8_t>;
      case 2:
        return exact<std::int16_t>;
      case 4:
        return exact<std::int32_t>;
      case 8:
        return exact<std::int64_t>;
      default:
        return exact<__int128>;
    }
  }

  static Write choose_time(ColumnDecoder& decoder, const std::string& landed) {
    const Type type = decoder.read_.type.type;
    const std::optional<Counted> to = counted(landed);
    const bool month_type = type == Type::month;
    const std::optional<Unit> from = month_type ? unit_of(Type::date) : unit_of(type);
    if (!to || !from || to->of_day != from->of_day) return nullptr;
    if (from->nanoseconds >= to->nanoseconds) {
      decoder.multiply_ = from->nanoseconds / to->nanoseconds;
    } else {
      decoder.divide_ = to->nanoseconds / from->nanoseconds;
    }
    decoder.least_ = to->least;
    decoder.most_ = to->most;
    const bool four = to->bytes == 4;
    if (month_type) return four ? month<std::int32_t> : month<std::int64_t>;
    if (width(type) == 8 && !four && decoder.divide_ == 1) return finer;
    if (width(type) == 8)
      return four ? time<std::int64_t, std::int32_t> : time<std::int64_t, std::int64_t>;
    return four ? time<std::int32_t, std::int32_t> : time<std::int32_t, std::int64_t>;
  }
};

LandedRange landed_range(const ColumnType& type) {
  const auto bits = static_cast<unsigned>(width(type.type) * 8 - 1);
  const auto most = static_cast<std::int64_t>((std::uint64_t{1} << bits) - 1);
  LandedRange range{-most, most};  // below is NULL
  const std::optional<Unit> from = unit_of(type.type);
  const std::optional<Counted> to = counted(landed_type(type));
  if (!from || !to) return range;
  const std::int64_t factor = from->nanoseconds / to->nanoseconds;
  range.least = std::max(range.least, to->least / factor);  // both round towards 1970
  range.most = std::min(range.most, to->most / factor);
  return range;
}

ColumnDecoder::Write ColumnDecoder::choose(Slot& slot, const std::string& landed) {
  return Landing::choose(*this, slot, landed);
}

}  // namespace sluice::dolphindb
