// SPDX-License-Identifier: Apache-2.0
#include "connectors/dolphindb/decode.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "connectors/dolphindb/text.h"
#include "sluice/error.h"
#include "wire/exact.h"
#include "wire/utf8.h"

namespace sluice::dolphindb {

using wire::Reason;
using wire::Slot;

namespace {

constexpr Reason kNoText = "it is not valid UTF-8";
constexpr Reason kPrecision = "it has more digits";

template <class T>
T load(const Byte* from) noexcept {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

std::string element_of(const std::string& type) {
  return type.ends_with("[]") ? type.substr(0, type.size() - 2) : std::string();
}

/// A DuckDB type that counts time.
struct Counted {
  std::int64_t nanoseconds;
  bool of_day;
  int bytes;
};

std::optional<Counted> counted(const std::string& landed) {
  if (landed == "DATE") return Counted{86'400'000'000'000, false, 4};
  if (landed == "TIMESTAMP_S") return Counted{1'000'000'000, false, 8};
  if (landed == "TIMESTAMP_MS") return Counted{1'000'000, false, 8};
  if (landed == "TIMESTAMP" || landed == "TIMESTAMP WITH TIME ZONE")
    return Counted{1'000, false, 8};
  if (landed == "TIMESTAMP_NS") return Counted{1, false, 8};
  if (landed == "TIME") return Counted{1'000, true, 8};
  if (landed == "TIME_NS") return Counted{1, true, 8};
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
      const __int128 value = load<From>(at);
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
    // The ends of a type are its infinities; those of a day are its midnights.
    const std::int64_t end = to->bytes == 4 ? std::numeric_limits<std::int32_t>::max()
                                            : std::numeric_limits<std::int64_t>::max();
    decoder.least_ = to->of_day ? 0 : -(end - 1);
    decoder.most_ = to->of_day ? 86'400'000'000'000 / to->nanoseconds - 1 : end - 1;
    // Earlier, DuckDB has no instants: a day and a bit before 290,308 BC.
    if (to->nanoseconds == 1'000) decoder.least_ = std::int64_t{-9'223'372'022'400'000'000};
    if (to->nanoseconds == 1'000'000) decoder.least_ = std::int64_t{-9'223'372'022'400'000};
    if (to->nanoseconds == 1'000'000'000) decoder.least_ = std::int64_t{-9'223'372'022'400};
    if (to->of_day) decoder.least_ = 0;
    const bool four = to->bytes == 4;
    if (month_type) return four ? month<std::int32_t> : month<std::int64_t>;
    if (width(type) == 8 && !four && decoder.divide_ == 1) return finer;
    if (width(type) == 8)
      return four ? time<std::int64_t, std::int32_t> : time<std::int64_t, std::int64_t>;
    return four ? time<std::int32_t, std::int32_t> : time<std::int32_t, std::int64_t>;
  }
};

ColumnDecoder::ColumnDecoder(const ReadColumn& read) : read_(read) {
  const ColumnType& type = read_.type;
  const std::string& landed = read_.column.type;
  bool fits = false;
  if (is_text(type.type) || type.type == Type::blob) {
    as_bytes_ = landed == "BLOB";
    fits = !type.array && (as_bytes_ || landed == "VARCHAR");
  } else if (type.array) {
    const std::string element = element_of(landed);
    slot_.shape = Slot::Shape::list;
    slot_.children.resize(1);
    write_ = element.empty() ? nullptr : Landing::choose(*this, slot_.children[0], element);
    fits = write_ != nullptr;
  } else {
    write_ = Landing::choose(*this, slot_, landed);
    fits = write_ != nullptr;
  }
  if (!fits)
    throw Error(Fault::config,
                read_.table + ": column " + read_.column.name + " is " + name_of(type) +
                    ", which cannot land as " + landed,
                "leave it as " + landed_type(type) + ", or use VARCHAR");
}

void ColumnDecoder::check(const Cells& cells) const {
  const ColumnType& is = cells.type;
  const bool texts = is_text(is.type) && is_text(read_.type.type) && !read_.type.array;
  if (is == read_.type || texts || is.type == Type::nothing) return;
  throw Error(Fault::schema,
              read_.table + ": column " + read_.column.name + " came as " + name_of(is) +
                  ", and the catalog has it as " + name_of(read_.type),
              "was the table changed while it was read? run it again");
}

std::uint64_t ColumnDecoder::decode(const Cells& cells, std::uint64_t first, std::uint64_t count) {
  misfits_ = 0;
  if (cells.type.type == Type::nothing) {
    for (std::uint64_t i = 0; i < count; ++i) slot_.set_null(i);
  } else if (cells.symbols != nullptr) {
    decode_symbols(cells, first, count);
  } else if (write_ == nullptr) {
    decode_texts(cells, first, count);
  } else if (read_.type.array) {
    const std::uint64_t begin = cells.begin_of(first), end = cells.ends[first + count - 1];
    slot_.reserve(end - begin);
    Slot& child = slot_.children[0];
    write_(*this, child, cells.data.data() + begin * width(cells.type.type), end - begin,
           child.size);
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t from = cells.begin_of(first + i);
      slot_.values<duckdb_list_entry>()[i] = {child.size + from - begin,
                                              cells.ends[first + i] - from};
    }
    child.size += end - begin;
  } else {
    write_(*this, slot_, cells.data.data() + first * width(cells.type.type), count, 0);
  }
  return misfits_;
}

void ColumnDecoder::decode_texts(const Cells& cells, std::uint64_t first, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string_view text = cells.text(first + i);
    if (text.empty()) {
      slot_.set_null(i);
    } else if (as_bytes_ ||
               wire::valid_utf8(reinterpret_cast<const Byte*>(text.data()), text.size())) {
      put_text(i, text);
    } else {
      refuse(slot_, i, kNoText, "a text of " + std::to_string(text.size()) + " bytes");
    }
  }
}

void ColumnDecoder::decode_symbols(const Cells& cells, std::uint64_t first, std::uint64_t count) {
  if (symbols_ != cells.symbols) {
    symbols_ = cells.symbols;
    checked_.clear();
    for (const std::string& each : *symbols_)
      checked_.push_back(as_bytes_ ||
                         wire::valid_utf8(reinterpret_cast<const Byte*>(each.data()), each.size()));
  }
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto number = load<std::uint32_t>(cells.data.data() + (first + i) * 4);
    const std::string& text = (*symbols_)[number];
    if (text.empty()) {
      slot_.set_null(i);
    } else if (checked_[number]) {
      put_text(i, text);
    } else {
      refuse(slot_, i, kNoText, "a symbol of " + std::to_string(text.size()) + " bytes");
    }
  }
}

void ColumnDecoder::put_text(std::uint64_t row, std::string_view text) {
  slot_.set_string(row, reinterpret_cast<const Byte*>(text.data()),
                   static_cast<std::uint32_t>(text.size()));
}

void ColumnDecoder::misfit(Slot& slot, std::uint64_t row, Reason reason, const Byte* value) {
  refuse(slot, row, reason, text_of({read_.type.type, false, read_.type.scale}, value));
}

void ColumnDecoder::refuse(Slot& slot, std::uint64_t row, Reason reason, const std::string& text) {
  const std::string& name = read_.column.name;
  if (read_.column.misfit == Misfit::null) {
    slot.set_null(row);
    ++misfits_;
    return;
  }
  std::string hint = "--misfit null lands such values as NULL and counts them";
  if (read_.column.type != "VARCHAR" && reason != kNoText)
    hint += "; --misfit text, or --type '" + read_.table + "." + name +
            "=VARCHAR', lands the column as text";
  if (reason == kNoText)
    hint += "; --type '" + read_.table + "." + name + "=BLOB' lands the bytes as they are";
  throw Error::misfit(
      name, "column " + name + ": " + text + " does not fit " + read_.column.type + ": " + reason,
      hint);
}

}  // namespace sluice::dolphindb
