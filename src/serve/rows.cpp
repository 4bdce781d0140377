// SPDX-License-Identifier: Apache-2.0
#include "serve/rows.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "engine/fivetran_type.h"
#include "serve/types.h"
#include "sluice/error.h"

namespace sluice::serve {
namespace {

/// 128 MiB are a message; the rest is for the rows before it.
constexpr std::size_t kLargestRow = std::size_t{127} << 20;
constexpr std::int64_t kFirstSecond = -62'135'596'800;  // 0001-01-01
constexpr std::int64_t kLastSecond = 253'402'300'799;   // 9999-12-31 23:59:59
constexpr std::int64_t kDaySeconds = 86'400;

char* put_varint(char* to, std::uint64_t value) {
  for (; value > 127; value >>= 7) *to++ = static_cast<char>(value | 128);
  *to++ = static_cast<char>(value);
  return to;
}

std::size_t varint_size(std::uint64_t value) {
  return static_cast<std::size_t>((std::bit_width(value | 1) + 6) / 7);
}

void add_varint(std::string& to, std::uint64_t value) {
  char bytes[10];
  to.append(bytes, static_cast<std::size_t>(put_varint(bytes, value) - bytes));
}

enum class Wire { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

char* put_tag(char* to, int field, Wire wire) {
  return put_varint(to, static_cast<std::uint64_t>(field) << 3 | static_cast<std::uint64_t>(wire));
}

template <typename Bits>
char* put_fixed(char* to, Bits bits) {
  for (std::size_t i = 0; i < sizeof bits; ++i) *to++ = static_cast<char>(bits >> (8 * i));
  return to;
}

template <typename T>
T stored(const void* data, std::size_t row) {
  return static_cast<const T*>(data)[row];
}

std::string_view text_of(const void* data, std::size_t row) {
  // A string of DuckDB holds its own short text, so it must not be copied.
  auto* string = const_cast<duckdb_string_t*>(static_cast<const duckdb_string_t*>(data) + row);
  return {duckdb_string_t_data(string), duckdb_string_t_length(*string)};
}

__int128 unscaled(const void* data, std::size_t row, duckdb_type type) {
  switch (type) {
    case DUCKDB_TYPE_SMALLINT:
      return stored<std::int16_t>(data, row);
    case DUCKDB_TYPE_INTEGER:
      return stored<std::int32_t>(data, row);
    case DUCKDB_TYPE_BIGINT:
      return stored<std::int64_t>(data, row);
    default: {
      const auto wide = stored<duckdb_hugeint>(data, row);
      return static_cast<__int128>(wide.upper) << 64 | wide.lower;
    }
  }
}

/// At most 41 characters: 38 digits, a sign, a point, a zero before it.
char* put_decimal(char* to, __int128 value, unsigned scale) {
  auto rest = static_cast<unsigned __int128>(value);
  if (value < 0) {
    rest = -rest;
    *to++ = '-';
  }
  char digits[48];
  unsigned count = 0;
  while (rest > 0 || count <= scale) {
    digits[count++] = static_cast<char>('0' + static_cast<int>(rest % 10));
    rest /= 10;
  }
  while (count > 0) {
    *to++ = digits[--count];
    if (count == scale && scale > 0) *to++ = '.';
  }
  return to;
}

/// Whole units, and what is left above them: never less than nothing.
struct Floored {
  std::int64_t whole, rest;
  Floored(std::int64_t value, std::int64_t unit)
      : whole(value / unit - (value % unit < 0 ? 1 : 0)),
        rest(value % unit + (value % unit < 0 ? unit : 0)) {}
};

}  // namespace

std::string sent_type(const Column& column) {
  const std::string& type = column.type;
  const bool nested = type.ends_with(']') || type.starts_with("STRUCT") ||
                      type.starts_with("MAP") || type.starts_with("UNION");
  return nested ? "JSON" : fivetran_type(column);
}

void describe(const SentColumn& column, proto::Column& to) {
  describe(ServedColumn{column.name, column.type, false, column.key}, to);
}

void RowEncoder::put(std::string& to, int field, std::string_view bytes) {
  add_varint(to, static_cast<std::uint64_t>(field) << 3 | 2);
  add_varint(to, bytes.size());
  to += bytes;
}

std::string RowEncoder::header(const TableName& table) {
  std::string text;
  put(text, 1, table.schema);
  put(text, 2, table.name);
  return text;
}

RowEncoder::RowEncoder(TableName table, const std::vector<SentColumn>& columns)
    : table_(std::move(table)), header_(header(table_)) {
  using Cell = proto::Value;
  for (const SentColumn& each : columns) {
    proto::Column described;
    describe(each, described);
    const auto [kind, field] = [&]() -> std::pair<Kind, int> {
      switch (described.type()) {
        case proto::BOOLEAN:
          return {Kind::boolean, Cell::kBooleanFieldNumber};
        case proto::SHORT:
          return {Kind::int16, Cell::kShortValueFieldNumber};
        case proto::INT:
          return {Kind::int32, Cell::kIntValueFieldNumber};
        case proto::LONG:
          return {Kind::int64, Cell::kLongValueFieldNumber};
        case proto::FLOAT:
          return {Kind::real, Cell::kFloatValueFieldNumber};
        case proto::DOUBLE:
          return {Kind::twofold, Cell::kDoubleValueFieldNumber};
        case proto::NAIVE_DATE:
          return {Kind::date, Cell::kNaiveDateFieldNumber};
        case proto::NAIVE_DATETIME:
          return {each.type == "TIMESTAMP_NS" ? Kind::nanos : Kind::micros,
                  Cell::kNaiveDatetimeFieldNumber};
        case proto::UTC_DATETIME:
          return {Kind::micros, Cell::kUtcDatetimeFieldNumber};
        case proto::DECIMAL:
          return {Kind::decimal, Cell::kDecimalFieldNumber};
        case proto::BINARY:
          return {Kind::bytes, Cell::kBinaryFieldNumber};
        case proto::JSON:
          return {Kind::bytes, Cell::kJsonFieldNumber};
        default:
          return {Kind::bytes, Cell::kTextFieldNumber};
      }
    }();
    Bound bound{.name = each.name,
                .entry = {},
                .kind = kind,
                .field = field,
                .scale = described.params().decimal().scale(),
                .misfit = each.misfit};
    put(bound.entry, 1, each.name);
    columns_.push_back(std::move(bound));
  }
}

void RowEncoder::bind(duckdb_data_chunk chunk) {
  if (duckdb_data_chunk_get_column_count(chunk) != columns_.size())
    throw Error(Fault::internal, table_.text() + ": DuckDB gave other columns than were asked for");
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const duckdb_vector vector = duckdb_data_chunk_get_vector(chunk, i);
    columns_[i].data = duckdb_vector_get_data(vector);
    columns_[i].validity = duckdb_vector_get_validity(vector);
    if (columns_[i].kind != Kind::decimal || columns_[i].stored != DUCKDB_TYPE_INVALID) continue;
    duckdb_logical_type type = duckdb_vector_get_column_type(vector);
    columns_[i].stored = duckdb_decimal_internal_type(type);
    duckdb_destroy_logical_type(&type);
  }
}

void RowEncoder::append(std::size_t row, std::string& records) {
  const std::size_t before = records.size();
  try {
    record(row, records);
  } catch (...) {
    records.resize(before);  // no half of a record is ever sent
    throw;
  }
}

void RowEncoder::record(std::size_t row, std::string& records) {
  records += static_cast<char>(1 << 3 | 2);
  const std::size_t length_at = records.size();
  records.append(length_bytes_, '\0');
  const std::size_t begin = records.size();
  records += header_;
  for (const Bound& each : columns_) cell(each, row, records);
  const std::size_t size = records.size() - begin;
  if (size > kLargestRow) {
    throw Error(Fault::misfit,
                table_.text() + ": a row of " + std::to_string(size) +
                    " bytes does not fit into a message of the protocol, which has 128 MiB",
                "leave the column that is so large out: exclude_columns, in table_options");
  }
  // The number of bytes that the length takes is nearly always that of the row before.
  char length[10];
  const auto needed = static_cast<std::size_t>(put_varint(length, size) - length);
  records.replace(length_at, length_bytes_, length, needed);
  length_bytes_ = needed;
}

void RowEncoder::cell(const Bound& column, std::size_t row, std::string& to) {
  char small[80];
  char* end = small;
  std::string_view text;
  if (column.validity != nullptr && !duckdb_validity_row_is_valid(column.validity, row)) {
    end = put_varint(put_tag(end, proto::Value::kIsNullFieldNumber, Wire::varint), 1);
  } else if (column.kind == Kind::bytes) {
    text = text_of(column.data, row);
    end = put_varint(put_tag(end, column.field, Wire::bytes), text.size());
  } else {
    end = scalar(column, row, end);
  }
  const auto head = static_cast<std::size_t>(end - small);
  const std::size_t value = head + text.size();
  const std::size_t entry = column.entry.size() + 1 + varint_size(value) + value;
  constexpr char kData = 4 << 3 | 2, kValue = 2 << 3 | 2;
  to += kData;
  add_varint(to, entry);
  to += column.entry;
  to += kValue;
  add_varint(to, value);
  to.append(small, head);
  to += text;
}

char* RowEncoder::scalar(const Bound& column, std::size_t row, char* to) {
  const auto integer = [&](std::int64_t value) {
    return put_varint(put_tag(to, column.field, Wire::varint), static_cast<std::uint64_t>(value));
  };
  const void* const data = column.data;
  switch (column.kind) {
    case Kind::boolean:
      return integer(stored<bool>(data, row) ? 1 : 0);
    case Kind::int16:
      return integer(stored<std::int16_t>(data, row));
    case Kind::int32:
      return integer(stored<std::int32_t>(data, row));
    case Kind::int64:
      return integer(stored<std::int64_t>(data, row));
    case Kind::real:
      return put_fixed(put_tag(to, column.field, Wire::fixed32), stored<std::uint32_t>(data, row));
    case Kind::twofold:
      return put_fixed(put_tag(to, column.field, Wire::fixed64), stored<std::uint64_t>(data, row));
    case Kind::date:
      return time(column, stored<std::int32_t>(data, row) * kDaySeconds, 0, to);
    case Kind::micros: {
      const Floored parts(stored<std::int64_t>(data, row), 1'000'000);
      return time(column, parts.whole, parts.rest * 1'000, to);
    }
    case Kind::nanos: {
      const auto all = stored<std::int64_t>(data, row);
      const Floored parts(all, 1'000'000'000);
      // DuckDB's infinities are the last numbers, and would else be days of the year 2262.
      const bool infinite = all == INT64_MAX || all == -INT64_MAX;
      return time(column, infinite ? INT64_MAX : parts.whole, parts.rest, to);
    }
    case Kind::decimal: {
      char text[48];
      const auto size = static_cast<std::size_t>(
          put_decimal(text, unscaled(data, row, column.stored), column.scale) - text);
      to = put_varint(put_tag(to, column.field, Wire::bytes), size);
      std::memcpy(to, text, size);
      return to + size;
    }
    case Kind::bytes:
      break;
  }
  return to;
}

/// A google.protobuf.Timestamp.
char* RowEncoder::time(const Bound& column, std::int64_t seconds, std::int64_t nanos, char* to) {
  if (seconds < kFirstSecond || seconds > kLastSecond) {
    if (column.misfit != Misfit::null) {
      throw Error::misfit(column.name,
                          table_.text() + ": column " + column.name +
                              " holds a time outside of the years 1 to 9999, or an infinite one, "
                              "which the protocol does not have",
                          "table_options: types {\"" + column.name +
                              "\": \"VARCHAR\"} sends the column as text, misfit null sends such "
                              "values as NULL");
    }
    ++misfits_;
    return put_varint(put_tag(to, proto::Value::kIsNullFieldNumber, Wire::varint), 1);
  }
  char parts[24];
  char* end = parts;
  if (seconds != 0)
    end = put_varint(put_tag(end, 1, Wire::varint), static_cast<std::uint64_t>(seconds));
  if (nanos != 0)
    end = put_varint(put_tag(end, 2, Wire::varint), static_cast<std::uint64_t>(nanos));
  const auto size = static_cast<std::size_t>(end - parts);
  to = put_varint(put_tag(to, column.field, Wire::bytes), size);
  std::memcpy(to, parts, size);
  return to + size;
}

}  // namespace sluice::serve
