// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/digest.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "connectors/postgres/hash.h"
#include "connectors/postgres/oids.h"
#include "duck/scalar_function.h"

namespace sluice::postgres {
namespace {

constexpr std::uint64_t kGolden = 0x9E3779B97F4A7C15U;
constexpr std::uint64_t kNull = 0x5555555555555555U;
constexpr int kExtendedHashes = 110000;  // the first version that has them
constexpr std::int64_t kEpochDays = 10957;
constexpr std::int64_t kEpochMicros = 946'684'800'000'000;

std::uint64_t seed_of(std::size_t column) { return (column + 1) * kGolden; }

// ---- DuckDB's side

/// One column of a chunk, hashed into the digests of its rows.
class Hashing {
 public:
  Hashing(duckdb_vector vector, idx_t rows, std::uint64_t seed, std::uint64_t* digests)
      : vector_(vector),
        validity_(duckdb_vector_get_validity(vector)),
        rows_(rows),
        seed_(seed),
        digests_(digests) {}

  template <typename T, typename Hash>
  void each(Hash&& hash) {
    const auto* values = static_cast<const T*>(duckdb_vector_get_data(vector_));
    for (idx_t row = 0; row < rows_; ++row) {
      const bool valid = validity_ == nullptr || duckdb_validity_row_is_valid(validity_, row);
      digests_[row] ^= valid ? hash(values[row], seed_) : seed_ ^ kNull;
    }
  }

  void add(duckdb_logical_type type);

 private:
  void add_decimal(duckdb_logical_type type);
  duckdb_vector vector_;
  std::uint64_t* validity_;
  idx_t rows_;
  std::uint64_t seed_;
  std::uint64_t* digests_;
};

std::uint64_t signed_seed(bool negative, std::uint64_t seed) { return negative ? ~seed : seed; }

__int128 wide(duckdb_hugeint value) {
  return static_cast<__int128>((static_cast<unsigned __int128>(value.upper) << 64) | value.lower);
}

std::string_view text_of(duckdb_string_t& value) {
  return {duckdb_string_t_data(&value), duckdb_string_t_length(value)};
}

/// The server's own form of `value`, whose infinities are the ends of its type.
template <typename T>
T shifted(T value, T epoch) {
  if (value == std::numeric_limits<T>::max()) return value;
  if (value == -std::numeric_limits<T>::max()) return std::numeric_limits<T>::min();
  return static_cast<T>(value - epoch);
}

template <typename T>
void put_big_endian(char* to, T value) {
  for (std::size_t i = 0; i < sizeof value; ++i)
    to[i] = static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * (sizeof value - 1 - i)));
}

std::uint64_t hash_interval(duckdb_interval value, std::uint64_t seed) {
  std::array<char, 16> sent{};
  put_big_endian(sent.data(), value.micros);
  put_big_endian(sent.data() + 8, value.days);
  put_big_endian(sent.data() + 12, value.months);
  return hash::in_array(hash::bytes({sent.data(), sent.size()}, seed));
}

std::uint64_t hash_uuid(duckdb_hugeint value, std::uint64_t seed) {
  std::array<char, 16> bytes{};
  put_big_endian(bytes.data(), static_cast<std::uint64_t>(value.upper) ^ (std::uint64_t{1} << 63));
  put_big_endian(bytes.data() + 8, value.lower);
  return hash::bytes({bytes.data(), bytes.size()}, seed);
}

/// A bit string as the server prints it; DuckDB's form begins with the number of bits that pad.
std::uint64_t hash_bits(duckdb_string_t value, std::uint64_t seed) {
  const std::string_view bytes = text_of(value);
  thread_local std::string text;
  text.clear();
  for (std::size_t bit = static_cast<unsigned char>(bytes[0]); bit < (bytes.size() - 1) * 8; ++bit)
    text += (static_cast<unsigned char>(bytes[1 + bit / 8]) >> (7 - bit % 8) & 1) != 0 ? '1' : '0';
  return hash::bytes(text, seed);
}

std::uint64_t hash_time_tz(duckdb_time_tz value, std::uint64_t seed) {
  const duckdb_time_tz_struct parts = duckdb_from_time_tz(value);
  const duckdb_time_struct& time = parts.time;
  const std::int64_t micros =
      ((std::int64_t{time.hour} * 60 + time.min) * 60 + time.sec) * 1'000'000 + time.micros;
  return hash::folded(micros, seed) ^ hash::word(static_cast<std::uint32_t>(-parts.offset), seed);
}

template <typename T>
std::uint64_t hash_word(T value, std::uint64_t seed) {
  return hash::word(static_cast<std::uint32_t>(value), seed);
}

void Hashing::add_decimal(duckdb_logical_type type) {
  const unsigned scale = duckdb_decimal_scale(type);
  const auto decimal = [scale](auto value, std::uint64_t seed) {
    return hash::numeric(value, scale, signed_seed(value < 0, seed));
  };
  switch (duckdb_decimal_internal_type(type)) {
    case DUCKDB_TYPE_SMALLINT:
      return each<std::int16_t>(decimal);
    case DUCKDB_TYPE_INTEGER:
      return each<std::int32_t>(decimal);
    case DUCKDB_TYPE_BIGINT:
      return each<std::int64_t>(decimal);
    default:
      return each<duckdb_hugeint>(
          [&](duckdb_hugeint value, std::uint64_t seed) { return decimal(wide(value), seed); });
  }
}

void Hashing::add(duckdb_logical_type type) {
  switch (duckdb_get_type_id(type)) {
    case DUCKDB_TYPE_BOOLEAN:
      return each<bool>(hash_word<bool>);
    case DUCKDB_TYPE_SMALLINT:
      return each<std::int16_t>(hash_word<std::int16_t>);
    case DUCKDB_TYPE_INTEGER:
      return each<std::int32_t>(hash_word<std::int32_t>);
    case DUCKDB_TYPE_UINTEGER:
      return each<std::uint32_t>(hash_word<std::uint32_t>);
    case DUCKDB_TYPE_BIGINT:
      return each<std::int64_t>([](std::int64_t value, std::uint64_t seed) {
        return hash::finish(static_cast<std::uint64_t>(value) ^ seed);
      });
    case DUCKDB_TYPE_FLOAT:
      return each<float>(hash::real);
    case DUCKDB_TYPE_DOUBLE:
      return each<double>(hash::real);
    case DUCKDB_TYPE_DECIMAL:
      return add_decimal(type);
    case DUCKDB_TYPE_DATE:
      return each<std::int32_t>([](std::int32_t days, std::uint64_t seed) {
        return hash_word(shifted<std::int32_t>(days, kEpochDays), seed);
      });
    case DUCKDB_TYPE_TIMESTAMP:
    case DUCKDB_TYPE_TIMESTAMP_TZ:
      return each<std::int64_t>([](std::int64_t micros, std::uint64_t seed) {
        return hash::folded(shifted(micros, kEpochMicros), seed);
      });
    case DUCKDB_TYPE_TIME:
      return each<std::int64_t>(hash::folded);
    case DUCKDB_TYPE_TIME_TZ:
      return each<duckdb_time_tz>(hash_time_tz);
    case DUCKDB_TYPE_INTERVAL:
      return each<duckdb_interval>(hash_interval);
    case DUCKDB_TYPE_UUID:
      return each<duckdb_hugeint>(hash_uuid);
    case DUCKDB_TYPE_VARCHAR:
      return each<duckdb_string_t>([](duckdb_string_t value, std::uint64_t seed) {
        return hash::bytes(text_of(value), seed);
      });
    case DUCKDB_TYPE_BLOB:
      return each<duckdb_string_t>([](duckdb_string_t value, std::uint64_t seed) {
        return hash::in_array(hash::bytes(text_of(value), seed));
      });
    case DUCKDB_TYPE_BIT:
      return each<duckdb_string_t>(hash_bits);
    default:
      throw Error(Fault::internal, "a column without a digest");
  }
}

void digest_rows(duckdb_data_chunk arguments, duckdb_vector result) {
  const idx_t rows = duckdb_data_chunk_get_size(arguments);
  auto* digests = static_cast<std::uint64_t*>(duckdb_vector_get_data(result));
  std::fill_n(digests, rows, 0);
  for (idx_t column = 0; column < duckdb_data_chunk_get_column_count(arguments); ++column) {
    duckdb_vector vector = duckdb_data_chunk_get_vector(arguments, column);
    const duck::LogicalType type(duckdb_vector_get_column_type(vector));
    Hashing(vector, rows, seed_of(column), digests).add(type.get());
  }
  if (duckdb_data_chunk_get_column_count(arguments) > 1)
    std::transform(digests, digests + rows, digests, hash::finish);
}

// ---- the server's side

std::string number(std::uint64_t value) {
  return "'" + std::to_string(static_cast<std::int64_t>(value)) + "'::int8";
}

bool integer(std::uint32_t oid) {
  return oid == oid::kInt2 || oid == oid::kInt4 || oid == oid::kInt8;
}

std::string of_text(const std::string& column, const std::string& seed) {
  return "hashtextextended(" + column + "::text COLLATE \"C\", " + seed + ")";
}

/// For what has no hash of its own that SQL can call. An array of NULL is not NULL.
std::string in_array(const std::string& column, const std::string& element,
                     const std::string& seed) {
  return "CASE WHEN " + column + " IS NOT NULL THEN hash_array_extended(ARRAY[" + element + "], " +
         seed + ") END";
}

/// The hash of a value that lands as `landed`, or nothing. `c` is the column, `s` its seed.
std::string value_hash(const WireType& wire, const std::string& landed, const std::string& c,
                       const std::string& s) {
  const std::uint32_t oid = wire.kind == WireType::Kind::scalar ? wire.oid : 0;
  if (landed == "VARCHAR" || landed == "JSON") {
    // Its text has lost the padding that the copy keeps.
    if (oid == oid::kBpchar) return of_text("textin(bpcharout(" + c + "))", s);
    // In octal from 128 on, as it lands; older servers print the byte.
    if (oid == oid::kChar) {
      const std::string byte = "(" + c + "::int4 + 256)";
      return of_text("(CASE WHEN " + c + "::int4 < 0 THEN '\\' || (" + byte + " >> 6) || (" + byte +
                         " >> 3 & 7) || (" + byte + " & 7) ELSE " + c + "::text END)",
                     s);
    }
    return of_text(c, s);
  }
  if (integer(oid) && landed == "BIGINT") return "hashint4extended(0, " + c + "::int8 # " + s + ")";
  if (integer(oid) && (landed == "INTEGER" || landed == "SMALLINT"))
    return "hashint4extended(" + c + "::int4, " + s + ")";
  if ((integer(oid) || oid == oid::kNumeric) && landed.starts_with("DECIMAL")) {
    return "hash_numeric_extended(" + c + "::numeric, CASE WHEN " + c + " < 0 THEN ~" + s +
           " ELSE " + s + " END)";
  }
  if ((oid == oid::kFloat4 || oid == oid::kFloat8) && landed == "DOUBLE")
    return "hashfloat8extended(" + c + "::float8, " + s + ")";
  if (wire.kind != WireType::Kind::scalar || landed != landed_type(wire)) return {};
  switch (oid) {
    case oid::kBool:
      return "hashint4extended(" + c + "::int4, " + s + ")";
    case oid::kOid:
      return "hashoidextended(" + c + ", " + s + ")";
    case oid::kFloat4:
      return "hashfloat8extended(" + c + "::float8, " + s + ")";
    case oid::kBytea:
      return in_array(c, c + "::bytea", s);
    case oid::kBit:
    case oid::kVarbit:
      return of_text(c, s);
    case oid::kDate:
      // Through timestamp, days beyond its range would be an error.
      return "hashint4extended(CASE WHEN isfinite(" + c + ") THEN " + c +
             " - '2000-01-01'::date WHEN " + c + " > '2000-01-01' THEN 2147483647 WHEN " + c +
             " < '2000-01-01' THEN -2147483648 END, " + s + ")";
    case oid::kTimestamp:
      return "timestamp_hash_extended(" + c + ", " + s + ")";
    case oid::kTimestamptz:
      return "timestamp_hash_extended(" + c + " AT TIME ZONE 'UTC', " + s + ")";
    case oid::kTime:
      return "time_hash_extended(" + c + ", " + s + ")";
    case oid::kTimetz:
      return "timetz_hash_extended(" + c + ", " + s + ")";
    case oid::kInterval:
      return in_array(c, "interval_send(" + c + ")", s);
    case oid::kUuid:
      return "uuid_hash_extended(" + c + ", " + s + ")";
    default:
      return {};
  }
}

}  // namespace

void register_copy_digest(duck::Connection& connection) {
  duck::register_scalar_function(connection, kCopyDigest, DUCKDB_TYPE_BIGINT, &digest_rows);
}

RowDigest server_digest(const Shape& shape, const std::vector<Column>& columns) {
  std::string combined;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const Column& column = columns[i];
    const std::size_t position = shape.position(column.name);
    const std::string seed = number(seed_of(i));
    std::string hash =
        value_hash(shape.wires[position], column.type, identifier(column.name), seed);
    if (hash.empty()) {
      return {"", "column " + column.name + " lands as " + column.type +
                      ", of which the server has no digest"};
    }
    if (column.misfit == Misfit::null)
      return {"", "column " + column.name + " may drop values (misfit: null)"};
    if (shape.table.columns[position].nullable)
      hash = "coalesce(" + hash + ", " + number(seed_of(i) ^ kNull) + ")";
    combined += (i == 0 ? "" : " # ") + hash;
  }
  return {columns.size() == 1 ? combined : "hashint4extended(0, " + combined + ")", ""};
}

std::string server_bucket(const Shape& shape, const Table& table, const Buckets& buckets) {
  if (buckets.by == Buckets::By::ranges)
    return "(" + identifier(table.primary_key.at(0)) + "::int8 >> " + std::to_string(buckets.bits) +
           ")";
  std::vector<Column> key;
  for (const std::string& name : table.primary_key) key.push_back(*table.column(name));
  if (key.empty()) key = table.columns;
  return "(" + server_digest(shape, key).sql + " & " +
         number((std::uint64_t{1} << buckets.bits) - 1) + ")";
}

std::vector<KeyRange> index_ranges(const Buckets& buckets) {
  constexpr std::size_t kMost = 200;  // that an index is asked for
  std::vector<KeyRange> ranges = key_ranges(buckets);
  if (ranges.size() > kMost) ranges.clear();
  return ranges;
}

std::string in_buckets(const Shape& shape, const Table& table, const Buckets& buckets) {
  if (buckets.only.empty()) return {};
  std::string ranges;
  for (const KeyRange& each : index_ranges(buckets)) {
    ranges += (ranges.empty() ? "(" : " OR ") + identifier(table.primary_key.at(0)) + " BETWEEN " +
              number(static_cast<std::uint64_t>(each.first)) + " AND " +
              number(static_cast<std::uint64_t>(each.last));
  }
  if (!ranges.empty()) return ranges + ")";
  std::string list;
  for (const std::int64_t each : buckets.only)
    list += (list.empty() ? "" : ",") + std::to_string(each);
  return server_bucket(shape, table, buckets) + " = ANY ('{" + list + "}'::int8[])";
}

std::string hashes_differ(Connection& connection, Answers& answers) {
  if (connection.version() < kExtendedHashes)
    return "PostgreSQL has no 64-bit hashes before version 11";
  const auto rows =
      answers.ask(connection,
                  "SELECT current_setting('server_encoding') IN ('UTF8', 'SQL_ASCII'), "
                  "hashtextextended('thirteen+ bytes of text', 7), hashint4extended(0, 42), "
                  "hash_numeric_extended(-123456789.00123, 7), hashfloat8extended(0.1, 7), "
                  "timestamp_hash_extended('1999-12-31 23:59:59.999999', 7)");
  if (rows.at(0).at(0) != "t") return "its text is not stored in UTF-8";
  const std::array<std::uint64_t, 5> expected{
      hash::bytes("thirteen+ bytes of text", 7), hash::finish(42),
      hash::numeric(-12345678900123, 5, 7), hash::real(0.1, 7), hash::folded(-1, 7)};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (rows[0].at(i + 1) != std::to_string(static_cast<std::int64_t>(expected.at(i))))
      return "this server's hash functions are others than PostgreSQL's own";
  }
  return {};
}

}  // namespace sluice::postgres
