// SPDX-License-Identifier: Apache-2.0
#include "support/dolphindb_rows.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <map>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include "duck/scalar_function.h"

namespace sluice::testing::dolphin {
namespace {

constexpr std::uint64_t kTopBit = std::uint64_t{1} << 63U;

std::uint64_t lower_of(const std::string& bytes) {
  return static_cast<std::uint64_t>(unpacked(bytes.substr(0, 8)));
}
std::int64_t upper_of(const std::string& bytes) { return unpacked(bytes.substr(8, 8)); }

/// A column that is being filled, in the order of the rows.
class Column {
 public:
  explicit Column(const ColumnType& type) : type_(type) {
    value_.type = type.type;
    value_.form = vector;
    value_.rows = 0;
    value_.scale = type.scale;
    value_.array = type.array;
    if (type.type == kSymbol) value_.base = {""};
  }

  void add(duckdb_vector from, idx_t row) {
    ++value_.rows;
    std::uint64_t* validity = duckdb_vector_get_validity(from);
    const bool null = validity != nullptr && !duckdb_validity_row_is_valid(validity, row);
    if (!type_.array) {
      cell(from, row, null);
      return;
    }
    if (null) {
      value_.counts.push_back(1);
      cell(from, 0, true);
      return;
    }
    const auto entry = static_cast<duckdb_list_entry*>(duckdb_vector_get_data(from))[row];
    duckdb_vector child = duckdb_list_vector_get_child(from);
    std::uint64_t* valid = duckdb_vector_get_validity(child);
    value_.counts.push_back(static_cast<std::uint32_t>(entry.length));
    for (idx_t i = entry.offset; i < entry.offset + entry.length; ++i)
      cell(child, i, valid != nullptr && !duckdb_validity_row_is_valid(valid, i));
  }

  void add(duckdb_vector from, idx_t begin, idx_t end) {
    if (stored_as_sent() && duckdb_vector_get_validity(from) == nullptr) {
      put(static_cast<char*>(duckdb_vector_get_data(from)) + begin * width_,
          (end - begin) * width_);
      value_.rows += static_cast<std::int32_t>(end - begin);
      return;
    }
    for (idx_t row = begin; row < end; ++row) add(from, row);
  }

  Value take() {
    if (type_.array) value_.cols = static_cast<std::int32_t>(value_.bytes.size() / width_);
    // As a DolphinDB: symbols without a row have no base.
    value_.based = type_.type == kSymbol && value_.rows > 0;
    if (!value_.based) value_.base.clear();
    return std::move(value_);
  }

 private:
  /// Whether a vector's bytes are those of the wire.
  bool stored_as_sent() const {
    return !type_.array && width_ > 0 && type_.type != kUuid && type_.type != kComplex &&
           type_.type != kPoint && type_.type != kDuration && !is_decimal(type_.type);
  }
  template <class T>
  static T at(duckdb_vector from, idx_t row) {
    return static_cast<T*>(duckdb_vector_get_data(from))[row];
  }
  void put(const void* value, std::size_t size) {
    value_.bytes.append(static_cast<const char*>(value), size);
  }

  void cell(duckdb_vector from, idx_t row, bool null) {
    if (null && width_ > 0) {
      value_.bytes += null_;
      return;
    }
    switch (type_.type) {
      case kSymbol:
      case kString:
      case kBlob:
        text(from, row, null);
        break;
      case kVoid:
        break;
      case kUuid: {
        auto number = at<duckdb_hugeint>(from, row);
        number.upper =
            static_cast<std::int64_t>(static_cast<std::uint64_t>(number.upper) ^ kTopBit);
        put(&number, 16);
        break;
      }
      case kComplex:
      case kPoint:
      case kDuration:
        for (const idx_t part : {0, 1})
          put(static_cast<char*>(
                  duckdb_vector_get_data(duckdb_struct_vector_get_child(from, part))) +
                  row * (width_ / 2),
              width_ / 2);
        break;
      case kDecimal32: {
        const auto number = static_cast<std::int32_t>(at<std::int64_t>(from, row));
        put(&number, 4);
        break;
      }
      case kDecimal64: {
        const auto number = static_cast<std::int64_t>(at<duckdb_hugeint>(from, row).lower);
        put(&number, 8);
        break;
      }
      default:
        put(static_cast<char*>(duckdb_vector_get_data(from)) + row * width_, width_);
    }
  }

  void text(duckdb_vector from, idx_t row, bool null) {
    std::string text;
    if (!null) {
      auto& read = static_cast<duckdb_string_t*>(duckdb_vector_get_data(from))[row];
      text.assign(duckdb_string_t_data(&read), duckdb_string_t_length(read));
    }
    if (type_.type != kSymbol) {
      value_.texts.push_back(std::move(text));
      return;
    }
    std::int32_t index = 0;
    if (!text.empty()) {
      const auto [found, is_new] =
          indices_.emplace(text, static_cast<std::int32_t>(value_.base.size()));
      if (is_new) value_.base.push_back(text);
      index = found->second;
    }
    put(&index, 4);
  }

  ColumnType type_;
  std::size_t width_ = width_of(type_.type);
  std::string null_ = null_of(type_.type);
  Value value_;
  std::unordered_map<std::string, std::int32_t> indices_;
};

/// The rows of a query, a chunk at a time.
class Chunks {
 public:
  Chunks(duck::Connection& connection, const Query& query) {
    if (duckdb_prepare(connection.handle(), query.sql.c_str(), &statement_) != DuckDBSuccess)
      fail(duckdb_prepare_error(statement_), query);
    for (std::size_t i = 0; i < query.parameters.size(); ++i)
      if (duckdb_bind_value(statement_, i + 1, query.parameters[i].get()) != DuckDBSuccess)
        fail("a value that cannot be bound", query);
    if (duckdb_pending_prepared_streaming(statement_, &pending_) != DuckDBSuccess)
      fail(duckdb_pending_error(pending_), query);
    if (duckdb_execute_pending(pending_, &result_) != DuckDBSuccess)
      fail(duckdb_result_error(&result_), query);
  }
  ~Chunks() { close(); }
  Chunks(const Chunks&) = delete;
  Chunks& operator=(const Chunks&) = delete;

  std::shared_ptr<_duckdb_data_chunk> next() {
    duckdb_data_chunk chunk = duckdb_fetch_chunk(result_);
    if (chunk == nullptr) {
      const char* why = duckdb_result_error(&result_);
      if (why != nullptr && *why != '\0') throw std::runtime_error(why);
      return nullptr;
    }
    return {chunk, [](duckdb_data_chunk each) { duckdb_destroy_data_chunk(&each); }};
  }

 private:
  void close() {
    duckdb_destroy_result(&result_);
    duckdb_destroy_pending(&pending_);
    duckdb_destroy_prepare(&statement_);
  }
  [[noreturn]] void fail(const char* why, const Query& query) {
    std::string text = std::string(why == nullptr ? "no reason" : why) + " in " + query.sql;
    close();
    // An error is one line, which clients read no end of.
    std::replace(text.begin(), text.end(), '\n', ' ');
    text.resize(std::min<std::size_t>(text.size(), 4000));
    throw std::runtime_error("the stand-in's own SQL failed: " + text);
  }
  duckdb_prepared_statement statement_ = nullptr;
  duckdb_pending_result pending_ = nullptr;
  duckdb_result result_{};
};

Bound owned(duckdb_value value) {
  return {value, [](duckdb_value each) { duckdb_destroy_value(&each); }};
}

Bound bound_fixed(const Value& value, const std::string& bytes) {
  const std::int64_t number = unpacked(std::string_view(bytes).substr(0, 8));
  switch (value.type) {
    case kBool:
      return owned(duckdb_create_bool(number != 0));
    case kUuid:
      return owned(
          duckdb_create_uuid({lower_of(bytes), static_cast<std::uint64_t>(upper_of(bytes))}));
    case kInt128:
    case kIpaddr:
      return owned(
          duckdb_create_uhugeint({lower_of(bytes), static_cast<std::uint64_t>(upper_of(bytes))}));
    case kDecimal32:
    case kDecimal64:
    case kDecimal128: {
      const std::int64_t upper =
          value.type == kDecimal128 ? upper_of(bytes) : (number < 0 ? -1 : 0);
      const std::uint64_t lower = static_cast<std::uint64_t>(number);
      const auto digits = static_cast<std::uint8_t>(value.type == kDecimal32   ? 10
                                                    : value.type == kDecimal64 ? 19
                                                                               : 38);
      return owned(
          duckdb_create_decimal({digits, static_cast<std::uint8_t>(value.scale), {lower, upper}}));
    }
    default:
      return owned(duckdb_create_int64(number));
  }
}

/// The digest as a number, its first byte the most significant, or the least.
template <bool kReversed>
void md5_of_texts(duckdb_data_chunk arguments, duckdb_vector result) {
  duckdb_vector texts = duckdb_data_chunk_get_vector(arguments, 0);
  auto* from = static_cast<duckdb_string_t*>(duckdb_vector_get_data(texts));
  auto* to = static_cast<duckdb_uhugeint*>(duckdb_vector_get_data(result));
  std::uint64_t* validity = duckdb_vector_get_validity(texts);
  for (idx_t i = 0; i < duckdb_data_chunk_get_size(arguments); ++i) {
    const bool null = validity != nullptr && !duckdb_validity_row_is_valid(validity, i);
    std::array<unsigned char, 16> digest{};
    EVP_Digest(null ? "" : duckdb_string_t_data(&from[i]),
               null ? 0 : duckdb_string_t_length(from[i]), digest.data(), nullptr, EVP_md5(),
               nullptr);
    if (!kReversed) std::reverse(digest.begin(), digest.end());
    std::memcpy(&to[i], digest.data(), 16);
  }
}

/// IPv4 with dots. How IPv6 is shortened is not documented.
void text_of_addresses(duckdb_data_chunk arguments, duckdb_vector result) {
  duckdb_vector addresses = duckdb_data_chunk_get_vector(arguments, 0);
  auto* from = static_cast<duckdb_uhugeint*>(duckdb_vector_get_data(addresses));
  std::uint64_t* validity = duckdb_vector_get_validity(addresses);
  duckdb_vector_ensure_validity_writable(result);
  for (idx_t i = 0; i < duckdb_data_chunk_get_size(arguments); ++i) {
    if (validity != nullptr && !duckdb_validity_row_is_valid(validity, i)) {
      duckdb_validity_set_row_invalid(duckdb_vector_get_validity(result), i);
      continue;
    }
    if (from[i].upper != 0 || from[i].lower >> 32U != 0)
      throw std::runtime_error("the stand-in does not know string() of an IPv6 address");
    std::string text;
    for (const unsigned shift : {24U, 16U, 8U, 0U})
      text += (text.empty() ? "" : ".") + std::to_string((from[i].lower >> shift) & 0xFFU);
    duckdb_vector_assign_string_element_len(result, i, text.data(), text.size());
  }
}

}  // namespace

ColumnType type_named(const std::string& text) {
  ColumnType type;
  std::string name = text;
  if (name.size() > 2 && name.substr(name.size() - 2) == "[]") {
    type.array = true;
    name.resize(name.size() - 2);
  }
  if (const std::size_t at = name.find('('); at != std::string::npos) {
    type.scale = std::stoi(name.substr(at + 1));
    name.resize(at);
  }
  for (unsigned i = 0; i <= kDecimal128; ++i) {
    type.type = static_cast<Type>(i);
    if (name == name_of(type.type) && !name.empty()) return type;
  }
  throw std::runtime_error("no type of DolphinDB: " + text);
}

std::string text_of(const ColumnType& type) {
  return name_of(type.type) +
         (is_decimal(type.type) ? "(" + std::to_string(type.scale) + ")" : "") +
         (type.array ? "[]" : "");
}

std::string stored_as(const ColumnType& type) {
  static const std::map<Type, std::string> kStored = {{kVoid, "INTEGER"},
                                                      {kBool, "BOOLEAN"},
                                                      {kChar, "TINYINT"},
                                                      {kShort, "SMALLINT"},
                                                      {kLong, "BIGINT"},
                                                      {kTimestamp, "BIGINT"},
                                                      {kNanotime, "BIGINT"},
                                                      {kNanotimestamp, "BIGINT"},
                                                      {kFloat, "FLOAT"},
                                                      {kDouble, "DOUBLE"},
                                                      {kSymbol, "VARCHAR"},
                                                      {kString, "VARCHAR"},
                                                      {kUuid, "UUID"},
                                                      {kBlob, "BLOB"},
                                                      {kIpaddr, "UHUGEINT"},
                                                      {kInt128, "UHUGEINT"},
                                                      {kComplex, "STRUCT(a DOUBLE, b DOUBLE)"},
                                                      {kPoint, "STRUCT(a DOUBLE, b DOUBLE)"},
                                                      {kDuration, "STRUCT(a INTEGER, b INTEGER)"},
                                                      {kDecimal32, "DECIMAL(10,"},
                                                      {kDecimal64, "DECIMAL(19,"},
                                                      {kDecimal128, "DECIMAL(38,"}};
  const auto found = kStored.find(type.type);
  std::string name = found == kStored.end() ? "INTEGER" : found->second;
  if (is_decimal(type.type)) name += std::to_string(type.scale) + ")";
  return name + (type.array ? "[]" : "");
}

std::string with_nulls(const std::string& sql, const ColumnType& type) {
  if (type.array) return sql;
  switch (type.type) {
    case kSymbol:
    case kString:
      return "nullif(" + sql + ", '')";
    case kUuid:
      return "nullif(" + sql + ", '00000000-0000-0000-0000-000000000000')";
    case kIpaddr:
    case kInt128:
      return "nullif(" + sql + ", 0)";
    case kFloat:
      return "nullif(" + sql + ", -3.4028234663852886e38::FLOAT)";
    case kDouble:
      return "nullif(" + sql + ", -1.7976931348623157e308::DOUBLE)";
    case kBool:
    case kBlob:
    case kComplex:
    case kPoint:
    case kDuration:
    case kDecimal32:
    case kDecimal64:
    case kDecimal128:
    case kVoid:
      return sql;
    default:
      // The lowest of its own type: a wider one would make the column wider, too.
      return "nullif(" + sql + ", '-" +
             std::to_string(std::uint64_t{1} << (8 * width_of(type.type) - 1)) +
             "'::" + stored_as(type) + ")";
  }
}

Bound bound_cell(const Value& value, std::size_t cell) {
  if (value.null(cell)) return owned(duckdb_create_null_value());
  if (value.type == kBlob) {
    const std::string& text = value.text(cell);
    return owned(
        duckdb_create_blob(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
  }
  if (is_text(value.type)) {
    const std::string& text = value.text(cell);
    return owned(duckdb_create_varchar_length(text.data(), text.size()));
  }
  if (value.type == kDouble) return owned(duckdb_create_double(value.real(cell)));
  if (value.type == kFloat) return owned(duckdb_create_float(static_cast<float>(value.real(cell))));
  const std::size_t width = width_of(value.type);
  if (value.type == kComplex || value.type == kPoint || value.type == kDuration)
    throw std::runtime_error("the stand-in binds no " + std::string(name_of(value.type)));
  return bound_fixed(value, value.bytes.substr(cell * width, width));
}

Bound bound(const Value& value) {
  if (value.form == scalar) return bound_cell(value, 0);
  std::vector<Bound> cells;
  std::vector<duckdb_value> values;
  for (std::size_t i = 0; i < value.cells(); ++i) {
    cells.push_back(bound_cell(value, i));
    values.push_back(cells.back().get());
  }
  const ColumnType type{value.type, value.scale, false};
  duckdb_logical_type logical = nullptr;
  if (is_decimal(type.type)) {
    const int digits = type.type == kDecimal32 ? 10 : type.type == kDecimal64 ? 19 : 38;
    logical = duckdb_create_decimal_type(static_cast<std::uint8_t>(digits),
                                         static_cast<std::uint8_t>(type.scale));
  } else {
    static const std::map<std::string, duckdb_type> kLogical = {
        {"BOOLEAN", DUCKDB_TYPE_BOOLEAN},  {"FLOAT", DUCKDB_TYPE_FLOAT},
        {"DOUBLE", DUCKDB_TYPE_DOUBLE},    {"VARCHAR", DUCKDB_TYPE_VARCHAR},
        {"BLOB", DUCKDB_TYPE_BLOB},        {"UUID", DUCKDB_TYPE_UUID},
        {"UHUGEINT", DUCKDB_TYPE_UHUGEINT}};
    const auto found = kLogical.find(stored_as(type));
    logical =
        duckdb_create_logical_type(found == kLogical.end() ? DUCKDB_TYPE_BIGINT : found->second);
  }
  Bound list = owned(duckdb_create_list_value(logical, values.data(), values.size()));
  duckdb_destroy_logical_type(&logical);
  return list;
}

std::vector<Value> tables_of(duck::Connection& connection, const Query& query, std::size_t most,
                             bool empty) {
  std::vector<Value> tables;
  std::vector<Column> columns;
  std::size_t rows = 0;
  const auto begin = [&] {
    columns.clear();
    for (const ColumnType& each : query.types) columns.emplace_back(each);
    rows = 0;
  };
  const auto finish = [&] {
    std::vector<Value> values;
    std::int32_t base = 0;
    for (Column& each : columns) {
      values.push_back(each.take());
      if (values.back().based) values.back().base_id = base++;
    }
    tables.push_back(table_of(query.names, std::move(values)));
  };
  begin();
  Chunks chunks(connection, query);
  while (const auto chunk = chunks.next()) {
    const idx_t size = duckdb_data_chunk_get_size(chunk.get());
    for (idx_t from = 0; from < size;) {
      const idx_t to = std::min<idx_t>(size, from + (most - rows));
      for (std::size_t i = 0; i < columns.size(); ++i) {
        duckdb_vector vector = duckdb_data_chunk_get_vector(chunk.get(), i);
        columns[i].add(vector, from, to);
      }
      rows += to - from;
      from = to;
      if (rows < most) continue;
      finish();
      begin();
    }
  }
  if (rows > 0 || (tables.empty() && empty)) finish();
  return tables;
}

void register_functions(duck::Connection& connection) {
  duck::register_scalar_function(connection, "dolphin_md5", DUCKDB_TYPE_UHUGEINT,
                                 md5_of_texts<false>);
  duck::register_scalar_function(connection, "dolphin_md5_reversed", DUCKDB_TYPE_UHUGEINT,
                                 md5_of_texts<true>);
  duck::register_scalar_function(connection, "dolphin_address", DUCKDB_TYPE_VARCHAR,
                                 text_of_addresses);
  connection.query(
      "CREATE MACRO wrapped(x) AS ((((x + 9223372036854775808::HUGEINT) % "
      "18446744073709551616::HUGEINT) + 18446744073709551616::HUGEINT) % "
      "18446744073709551616::HUGEINT - 9223372036854775808::HUGEINT)::BIGINT;"
      "CREATE MACRO wrapped32(x) AS ((((x + 2147483648::HUGEINT) % 4294967296::HUGEINT) + "
      "4294967296::HUGEINT) % 4294967296::HUGEINT - 2147483648::HUGEINT)::INTEGER;"
      // Of HUGEINTs: rounded to negative infinity.
      "CREATE MACRO floored(x, y) AS ((x - (((x % y) + y) % y)) // y);"
      "CREATE MACRO int128(hex) AS (('0x' || hex[1:16])::UBIGINT::UHUGEINT * "
      "18446744073709551616::UHUGEINT + ('0x' || hex[17:32])::UBIGINT::UHUGEINT);"
      "CREATE MACRO ipaddr4(a, b, c, d) AS (((a::BIGINT * 256 + b) * 256 + c) * 256 + "
      "d)::UHUGEINT;");
}

}  // namespace sluice::testing::dolphin
