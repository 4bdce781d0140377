// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/digest.h"

#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "connectors/mysql/float_text.h"
#include "connectors/mysql/statement.h"
#include "duck/scalar_function.h"

namespace sluice::mysql {
namespace {

/// How a column's value stands among those that are hashed.
constexpr char kPlain = 'p';           ///< the text of a number, a date, a uuid
constexpr char kPrefixed = 't';        ///< its length, a colon, itself
constexpr char kHashed = 'h';          ///< its SHA1 in hex
constexpr std::uint64_t kShort = 255;  // characters of a text that is hashed as it is

char way_of(const WireType& wire, const std::string& landed) {
  if (landed == "BLOB" || landed == "JSON") return kHashed;
  if (landed != "VARCHAR") return kPlain;
  return is_text(wire) && wire.length <= kShort ? kPrefixed : kHashed;
}

/// The server's text of a value that lands as `landed`; empty: it has none that DuckDB has, too.
std::string plain_expression(const WireType& wire, const std::string& landed,
                             const std::string& c) {
  if (is_integer(wire)) {
    const bool whole = landed != "DOUBLE" && landed != "FLOAT" && !landed.starts_with("DECIMAL");
    return whole ? c + " + 0" : "";
  }
  if (landed != landed_type(wire)) return {};
  if (wire.name == "decimal") return "CAST(" + c + " + 0 AS CHAR)";  // + 0: without ZEROFILL's
  if (wire.name == "float" || wire.name == "double") return "CAST(" + c + " + 0e0 AS CHAR)";
  if (wire.name == "bit") return c + " + 0";
  if (wire.name == "uuid") return "CAST(" + c + " AS CHAR)";
  if (wire.name == "time") return "CAST(CAST(" + c + " AS TIME(6)) AS CHAR)";
  // What is zero or partial lands as NULL; so does what no calendar has.
  if (is_date(wire)) {
    const std::string text = wire.name == "date" ? "CAST(" + c + " AS CHAR)"
                                                 : "CAST(CAST(" + c + " AS DATETIME(6)) AS CHAR)";
    return "IF(YEAR(" + c + ") = 0 OR MONTH(" + c + ") = 0 OR DAYOFMONTH(" + c +
           ") = 0 OR DAYOFMONTH(" + c + ") > DAYOFMONTH(LAST_DAY(" + c + ")), NULL, " + text + ")";
  }
  return {};
}

std::string element(const WireType& wire, const std::string& column, const std::string& landed) {
  const std::string c = identifier(column);
  switch (way_of(wire, landed)) {
    case kPrefixed:
    case kHashed: {
      std::string text = !is_text(wire) && (landed == "VARCHAR" || landed == "JSON")
                             ? select_expression(column, wire, "VARCHAR", Dialect::mysql)
                             : c;
      const bool utf8 = wire.charset.empty() || wire.charset.starts_with("utf8");
      if (!utf8) text = "CONVERT(" + text + " USING utf8mb4)";
      return way_of(wire, landed) == kHashed
                 ? "SHA1(" + text + ")"
                 : "CONCAT(OCTET_LENGTH(" + text + "), ':', " + text + ")";
    }
    default:
      return plain_expression(wire, landed, c);
  }
}

// ---- DuckDB's side

using Buffer = std::string;

void put_number(Buffer& to, __int128 value) {
  std::array<char, 48> digits{};
  char* at = digits.data() + digits.size();
  auto rest = static_cast<unsigned __int128>(value < 0 ? -value : value);
  do {
    *--at = static_cast<char>('0' + static_cast<int>(rest % 10));
    rest /= 10;
  } while (rest > 0);
  if (value < 0) *--at = '-';
  to.append(at, digits.data() + digits.size());
}

void put_decimal(Buffer& to, __int128 value, unsigned scale) {
  Buffer digits;
  put_number(digits, value < 0 ? -value : value);
  if (digits.size() <= scale) digits.insert(0, scale + 1 - digits.size(), '0');
  if (scale > 0) digits.insert(digits.size() - scale, 1, '.');
  if (value < 0) to += '-';
  to += digits;
}

void put_padded(Buffer& to, std::int64_t value, int width) {
  std::array<char, 20> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  to.append(static_cast<std::size_t>(std::max<std::ptrdiff_t>(0, width - (end - digits.data()))),
            '0');
  to.append(digits.data(), end);
}

void put_date(Buffer& to, std::int32_t days) {
  const duckdb_date_struct date = duckdb_from_date({days});
  put_padded(to, date.year, 4);
  to += '-';
  put_padded(to, date.month, 2);
  to += '-';
  put_padded(to, date.day, 2);
}

void put_clock(Buffer& to, std::int64_t micros) {
  put_padded(to, micros / 3'600'000'000, 2);
  to += ':';
  put_padded(to, micros / 60'000'000 % 60, 2);
  to += ':';
  put_padded(to, micros / 1'000'000 % 60, 2);
  to += '.';
  put_padded(to, micros % 1'000'000, 6);
}

void put_timestamp(Buffer& to, std::int64_t micros) {
  constexpr std::int64_t kDay = 86'400'000'000;
  const std::int64_t days = micros >= 0 ? micros / kDay : -((kDay - 1 - micros) / kDay);
  put_date(to, static_cast<std::int32_t>(days));
  to += ' ';
  put_clock(to, micros - days * kDay);
}

void put_uuid(Buffer& to, duckdb_hugeint value) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const std::array<std::uint64_t, 2> half{
      static_cast<std::uint64_t>(value.upper) ^ (std::uint64_t{1} << 63), value.lower};
  for (int i = 0; i < 32; ++i) {
    if (i == 8 || i == 12 || i == 16 || i == 20) to += '-';
    to += kDigits[half.at(static_cast<std::size_t>(i / 16)) >> (60 - i % 16 * 4) & 15];
  }
}

void put_bits(Buffer& to, std::string_view bits) {
  std::uint64_t value = 0;
  for (std::size_t bit = static_cast<unsigned char>(bits[0]); bit < (bits.size() - 1) * 8; ++bit)
    value = value << 1 | (static_cast<unsigned char>(bits[1 + bit / 8]) >> (7 - bit % 8) & 1U);
  put_number(to, value);
}

void put_hash(Buffer& to, std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::array<unsigned char, SHA_DIGEST_LENGTH> hash{};
  SHA1(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), hash.data());
  for (const unsigned char each : hash) to += kDigits[each >> 4], to += kDigits[each & 15];
}

std::string_view text_of(duckdb_string_t& value) {
  return {duckdb_string_t_data(&value), duckdb_string_t_length(value)};
}

__int128 wide(duckdb_hugeint value) {
  return static_cast<__int128>((static_cast<unsigned __int128>(value.upper) << 64) | value.lower);
}

/// One column of a chunk.
class Values {
 public:
  Values(duckdb_vector vector, char way)
      : data_(duckdb_vector_get_data(vector)),
        validity_(duckdb_vector_get_validity(vector)),
        way_(way) {
    const duck::LogicalType type(duckdb_vector_get_column_type(vector));
    type_ = duckdb_get_type_id(type.get());
    if (type_ != DUCKDB_TYPE_DECIMAL) return;
    scale_ = duckdb_decimal_scale(type.get());
    type_ = duckdb_decimal_internal_type(type.get());
    decimal_ = true;
  }

  void put(Buffer& to, idx_t row) {
    if (validity_ != nullptr && !duckdb_validity_row_is_valid(validity_, row)) {
      to += 'N';
    } else if (type_ == DUCKDB_TYPE_VARCHAR || type_ == DUCKDB_TYPE_BLOB) {
      const std::string_view text = text_of(at<duckdb_string_t>(row));
      if (way_ == kHashed) return put_hash(to, text);
      put_number(to, static_cast<__int128>(text.size()));
      to += ':';
      to += text;
    } else {
      put_plain(to, row);
    }
  }

 private:
  template <class T>
  T& at(idx_t row) {
    return static_cast<T*>(data_)[row];
  }
  void put_exact(Buffer& to, __int128 value) const {
    decimal_ ? put_decimal(to, value, scale_) : put_number(to, value);
  }
  void put_plain(Buffer& to, idx_t row) {
    switch (type_) {
      case DUCKDB_TYPE_BOOLEAN:
        return put_number(to, at<bool>(row) ? 1 : 0);
      case DUCKDB_TYPE_TINYINT:
        return put_exact(to, at<std::int8_t>(row));
      case DUCKDB_TYPE_SMALLINT:
        return put_exact(to, at<std::int16_t>(row));
      case DUCKDB_TYPE_INTEGER:
        return put_exact(to, at<std::int32_t>(row));
      case DUCKDB_TYPE_BIGINT:
        return put_exact(to, at<std::int64_t>(row));
      case DUCKDB_TYPE_UTINYINT:
        return put_number(to, at<std::uint8_t>(row));
      case DUCKDB_TYPE_USMALLINT:
        return put_number(to, at<std::uint16_t>(row));
      case DUCKDB_TYPE_UINTEGER:
        return put_number(to, at<std::uint32_t>(row));
      case DUCKDB_TYPE_UBIGINT:
        return put_number(to, at<std::uint64_t>(row));
      case DUCKDB_TYPE_HUGEINT:
        return put_exact(to, wide(at<duckdb_hugeint>(row)));
      case DUCKDB_TYPE_FLOAT:
        return put_float(to, static_cast<double>(at<float>(row)));
      case DUCKDB_TYPE_DOUBLE:
        return put_float(to, at<double>(row));
      case DUCKDB_TYPE_DATE:
        return put_date(to, at<std::int32_t>(row));
      case DUCKDB_TYPE_TIMESTAMP:
      case DUCKDB_TYPE_TIMESTAMP_TZ:
        return put_timestamp(to, at<std::int64_t>(row));
      case DUCKDB_TYPE_INTERVAL: {
        const std::int64_t micros = at<duckdb_interval>(row).micros;
        if (micros < 0) to += '-';
        return put_clock(to, std::abs(micros));
      }
      case DUCKDB_TYPE_UUID:
        return put_uuid(to, at<duckdb_hugeint>(row));
      case DUCKDB_TYPE_BIT:
        return put_bits(to, text_of(at<duckdb_string_t>(row)));
      default:
        throw Error(Fault::internal, "a column without a digest");
    }
  }

  void* data_;
  std::uint64_t* validity_;
  char way_;
  duckdb_type type_;
  bool decimal_ = false;
  unsigned scale_ = 0;
};

void digest_rows(duckdb_data_chunk arguments, duckdb_vector result) {
  const idx_t rows = duckdb_data_chunk_get_size(arguments);
  auto* digests = static_cast<std::int64_t*>(duckdb_vector_get_data(result));
  if (rows == 0) return;
  duckdb_vector first = duckdb_data_chunk_get_vector(arguments, 0);
  const std::string ways(text_of(static_cast<duckdb_string_t*>(duckdb_vector_get_data(first))[0]));
  std::vector<Values> columns;
  for (idx_t i = 1; i < duckdb_data_chunk_get_column_count(arguments); ++i)
    columns.emplace_back(duckdb_data_chunk_get_vector(arguments, i), ways.at(i - 1));
  Buffer buffer;
  for (idx_t row = 0; row < rows; ++row) {
    buffer.clear();
    for (Values& each : columns) {
      if (&each != &columns.front()) buffer += ',';
      each.put(buffer, row);
    }
    std::array<unsigned char, SHA_DIGEST_LENGTH> hash{};
    SHA1(reinterpret_cast<const unsigned char*>(buffer.data()), buffer.size(), hash.data());
    std::uint64_t half = 0;
    for (int i = 0; i < 8; ++i) half = half << 8 | hash.at(static_cast<std::size_t>(i));
    digests[row] = static_cast<std::int64_t>(half);
  }
}

}  // namespace

void register_copy_digest(duck::Connection& connection) {
  duck::register_scalar_function(connection, kCopyDigest, DUCKDB_TYPE_BIGINT, &digest_rows);
}

RowDigest server_digest(const Shape& shape, const std::vector<Column>& columns) {
  std::string elements;
  for (const Column& column : columns) {
    const WireType& wire = shape.wire(column.name);
    const std::string text = element(wire, column.name, column.type);
    if (text.empty())
      return {"", "column " + column.name + " lands as " + column.type +
                      ", of which the server has no digest"};
    if (column.misfit == Misfit::null && !is_date(wire))
      return {"", "column " + column.name + " may drop values (misfit: null)"};
    elements += ", IFNULL(" + text + ", 'N')";
  }
  return {"CAST(CONV(LEFT(SHA1(CONCAT_WS(','" + elements + ")), 16), 16, -10) AS SIGNED)", ""};
}

std::string copy_digest(const Shape& shape, const std::vector<Column>& columns) {
  std::string ways, list;
  for (const Column& column : columns) {
    ways += way_of(shape.wire(column.name), column.type);
    list += ", " + duck::quoted(column.name);
  }
  return std::string(kCopyDigest) + "('" + ways + "'" + list + ")";
}

// >> would shift a negative number as an unsigned one, and & makes one.
std::string server_bucket(const Shape& shape, const Table& table, const Buckets& buckets) {
  if (buckets.by == Buckets::By::ranges) {
    const std::string key = "CAST(" + identifier(table.primary_key.at(0)) + " AS SIGNED)";
    const std::string width = std::to_string(std::uint64_t{1} << buckets.bits);
    const std::string mask = std::to_string((std::uint64_t{1} << buckets.bits) - 1);
    return "((" + key + " - CAST(" + key + " & " + mask + " AS SIGNED)) DIV " + width + ")";
  }
  std::vector<Column> key;
  for (const std::string& name : table.primary_key) key.push_back(*table.column(name));
  if (key.empty()) key = table.columns;
  return "CAST(" + server_digest(shape, key).sql + " & " +
         std::to_string((std::uint64_t{1} << buckets.bits) - 1) + " AS SIGNED)";
}

std::string in_buckets(const Shape& shape, const Table& table, const Buckets& buckets) {
  constexpr std::size_t kMost = 200;  // ranges that an index is asked for
  if (buckets.only.empty()) return {};
  const std::vector<KeyRange> ranges = key_ranges(buckets);
  std::string text;
  if (!ranges.empty() && ranges.size() <= kMost) {
    for (const KeyRange& each : ranges) {
      text += (text.empty() ? "(" : " OR ") + identifier(table.primary_key.at(0)) + " BETWEEN " +
              std::to_string(each.first) + " AND " + std::to_string(each.last);
    }
    return text + ")";
  }
  for (const std::int64_t each : buckets.only)
    text += (text.empty() ? "" : ", ") + std::to_string(each);
  return server_bucket(shape, table, buckets) + " IN (" + text + ")";
}

std::string digests_differ(MysqlSnapshot& snapshot, const Stop& stop, duck::Connection& copy) {
  if (snapshot.dialect() == Dialect::singlestore) return "it was never tried with SingleStore";
  constexpr const char* kServer =
      "SELECT CAST(CONV(LEFT(SHA1(CONCAT_WS(',', IFNULL(42 + 0, 'N'), IFNULL(CAST(0.1e0 + 0e0 AS "
      "CHAR), 'N'), IFNULL(NULL, 'N'), IFNULL(CAST(CAST('1999-12-31 23:59:59.000001' AS "
      "DATETIME(6)) AS CHAR), 'N'), IFNULL(CONCAT(OCTET_LENGTH('caf\u00e9'), ':', 'caf\u00e9'), "
      "'N'), "
      "SHA1('x'))), 16), 16, -10) AS SIGNED)";
  const auto rows = snapshot.ask(kServer, stop);
  const std::string expected =
      copy.query(std::string("SELECT ") + kCopyDigest +
                 "('ppppth', 42::INTEGER, 0.1::DOUBLE, NULL::INTEGER, TIMESTAMP '1999-12-31 "
                 "23:59:59.000001', 'caf\u00e9', 'x')")
          .text(0, 0);
  return !rows.empty() && rows[0][0] == expected
             ? ""
             : "this server computes SHA1 of the same values otherwise";
}

}  // namespace sluice::mysql
