// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/codec.h"

#include <charconv>
#include <map>
#include <optional>

#include "connectors/postgres/numeric.h"
#include "connectors/postgres/wire.h"

namespace sluice::postgres {
namespace {

using Verdict = Decoder::Verdict;

// Oids of built-in types are the same in every server: src/include/catalog/pg_type.dat.
enum Oid : std::uint32_t {
  kBool = 16,
  kBytea = 17,
  kChar = 18,
  kName = 19,
  kInt8 = 20,
  kInt2 = 21,
  kInt4 = 23,
  kText = 25,
  kOid = 26,
  kJson = 114,
  kFloat4 = 700,
  kFloat8 = 701,
  kBpchar = 1042,
  kVarchar = 1043,
  kDate = 1082,
  kTime = 1083,
  kTimestamp = 1114,
  kTimestamptz = 1184,
  kInterval = 1186,
  kTimetz = 1266,
  kBit = 1560,
  kVarbit = 1562,
  kNumeric = 1700,
  kUuid = 2950,
  kJsonb = 3802,
};

constexpr std::int64_t kMicrosTo2000 = 946'684'800'000'000;
constexpr std::int32_t kDaysTo2000 = 10'957;
constexpr const char* kOutOfRange = "lies outside the range of the column's type";

// ---- values

template <typename T, typename Wire = T>
Verdict decode_integer(const Decoder&, std::string_view bytes, Slot slot, idx_t row) {
  static_cast<T*>(slot.data)[row] = static_cast<T>(whole<Wire>(bytes));
  return nullptr;
}

Verdict decode_bool(const Decoder&, std::string_view bytes, Slot slot, idx_t row) {
  if (bytes.size() != 1) bad_wire("a boolean is not one byte");
  static_cast<bool*>(slot.data)[row] = bytes.front() != 0;
  return nullptr;
}

template <typename T, typename Bits>
Verdict decode_float(const Decoder&, std::string_view bytes, Slot slot, idx_t row) {
  static_cast<T*>(slot.data)[row] = std::bit_cast<T>(whole<Bits>(bytes));
  return nullptr;
}

Verdict put_text(const Decoder& decoder, std::string_view text, duckdb_vector vector, idx_t row) {
  if (decoder.check_utf8) {
    duckdb_error_data invalid = duckdb_valid_utf8_check(text.data(), text.size());
    const bool bad = invalid != nullptr && duckdb_error_data_has_error(invalid);
    duckdb_destroy_error_data(&invalid);
    if (bad) return "is not valid UTF-8";
  }
  duckdb_unsafe_vector_assign_string_element_len(vector, row, text.data(), text.size());
  return nullptr;
}

Verdict decode_text(const Decoder& decoder, std::string_view bytes, Slot slot, idx_t row) {
  return put_text(decoder, bytes, slot.vector, row);
}

Verdict decode_blob(const Decoder&, std::string_view bytes, Slot slot, idx_t row) {
  duckdb_unsafe_vector_assign_string_element_len(slot.vector, row, bytes.data(), bytes.size());
  return nullptr;
}

Verdict decode_jsonb(const Decoder& decoder, std::string_view bytes, Slot slot, idx_t row) {
  if (bytes.empty() || bytes.front() != 1) bad_wire("a jsonb is of an unknown version");
  return put_text(decoder, bytes.substr(1), slot.vector, row);
}

/// "char" is one byte; what is not ASCII is written as servers from 16 on do.
Verdict decode_char(const Decoder& decoder, std::string_view bytes, Slot slot, idx_t row) {
  if (bytes.size() != 1) bad_wire("a \"char\" is not one byte");
  const auto byte = static_cast<unsigned char>(bytes.front());
  if (byte == 0) return put_text(decoder, {}, slot.vector, row);
  if (byte < 0x80) return put_text(decoder, bytes, slot.vector, row);
  const char octal[4] = {'\\', static_cast<char>('0' + (byte >> 6)),
                         static_cast<char>('0' + ((byte >> 3) & 7)),
                         static_cast<char>('0' + (byte & 7))};
  return put_text(decoder, {octal, 4}, slot.vector, row);
}

Verdict decode_date(const Decoder&, std::string_view bytes, Slot slot, idx_t row) {
  const auto days = whole<std::int32_t>(bytes);
  auto& date = static_cast<duckdb_date*>(slot.data)[row];
  if (days == INT32_MAX) {
    date.days = INT32_MAX;
  } else if (days == INT32_MIN) {
    date.days = -INT32_MAX;
  } else if (days > INT32_MAX - 1 - kDaysTo2000) {
    return kOutOfRange;
  } else {
    date.days = days + kDaysTo2000;
  }
  return nullptr;
}

Verdict decode_timestamp(const Decoder&, std::string_view bytes, Slot slot, idx_t row) {
  const auto micros = whole<std::int64_t>(bytes);
  auto& stamp = static_cast<duckdb_timestamp*>(slot.data)[row];
  if (micros == INT64_MAX) {
    stamp.micros = INT64_MAX;
  } else if (micros == INT64_MIN) {
    stamp.micros = -INT64_MAX;
  } else if (micros > INT64_MAX - 1 - kMicrosTo2000) {
    return kOutOfRange;
  } else {
    stamp.micros = micros + kMicrosTo2000;
  }
  return nullptr;
}

Verdict decode_timetz(const Decoder&, std::string_view bytes, Slot slot, idx_t row) {
  Take take(bytes);
  const auto micros = take.integer<std::int64_t>();
  const auto west = take.integer<std::int32_t>();
  if (take.left() != 0) bad_wire("a timetz is too long");
  if (west <= -57'600 || west >= 57'600) return kOutOfRange;
  static_cast<duckdb_time_tz*>(slot.data)[row] = duckdb_create_time_tz(micros, -west);
  return nullptr;
}

Verdict decode_interval(const Decoder&, std::string_view bytes, Slot slot, idx_t row) {
  Take take(bytes);
  duckdb_interval interval{};
  interval.micros = take.integer<std::int64_t>();
  interval.days = take.integer<std::int32_t>();
  interval.months = take.integer<std::int32_t>();
  if (take.left() != 0) bad_wire("an interval is too long");
  const bool infinite =
      (interval.micros == INT64_MAX && interval.days == INT32_MAX &&
       interval.months == INT32_MAX) ||
      (interval.micros == INT64_MIN && interval.days == INT32_MIN && interval.months == INT32_MIN);
  if (infinite) return "is infinite";
  static_cast<duckdb_interval*>(slot.data)[row] = interval;
  return nullptr;
}

Verdict decode_uuid(const Decoder&, std::string_view bytes, Slot slot, idx_t row) {
  Take take(bytes);
  const auto upper = take.integer<std::uint64_t>();
  const auto lower = take.integer<std::uint64_t>();
  if (take.left() != 0) bad_wire("a uuid is too long");
  // DuckDB flips the top bit so that uuids sort as their text does.
  static_cast<duckdb_hugeint*>(slot.data)[row] = {
      lower, static_cast<std::int64_t>(upper ^ (std::uint64_t{1} << 63))};
  return nullptr;
}

/// DuckDB's BIT: a byte with the number of padding bits, then the bits right-aligned, padding bits
/// set to 1.
Verdict decode_bit(const Decoder&, std::string_view bytes, Slot slot, idx_t row) {
  Take take(bytes);
  const auto bits = take.integer<std::int32_t>();
  if (bits < 0 || take.left() != (static_cast<std::size_t>(bits) + 7) / 8)
    bad_wire("a bit string has another length");
  if (bits == 0) return "is an empty bit string";
  const std::string_view sent = take.piece(take.left());
  const auto padding = static_cast<unsigned>((8 - bits % 8) % 8);
  std::string stored(1, static_cast<char>(padding));
  unsigned carry = padding == 0 ? 0 : 0xFFU << (8 - padding);
  for (const char each : sent) {
    const auto byte = static_cast<unsigned char>(each);
    stored += static_cast<char>((carry | (byte >> padding)) & 0xFF);
    carry = padding == 0 ? 0 : (static_cast<unsigned>(byte) << (8 - padding)) & 0xFF;
  }
  duckdb_unsafe_vector_assign_string_element_len(slot.vector, row, stored.data(), stored.size());
  return nullptr;
}

// ---- nested values

void set_valid(duckdb_vector vector, idx_t row) {
  // Vectors of list elements are used again for later batches, with the NULLs of earlier ones.
  std::uint64_t* validity = duckdb_vector_get_validity(vector);
  if (validity != nullptr) duckdb_validity_set_row_valid(validity, row);
}

Verdict decode_child(const Decoder& decoder, Take& take, duckdb_vector vector, idx_t row) {
  const auto size = take.integer<std::int32_t>();
  if (size == -1) {
    set_null(decoder, vector, row);
    return nullptr;
  }
  if (size < 0) bad_wire("a value has a negative length");
  set_valid(vector, row);
  return decoder(take.piece(static_cast<std::size_t>(size)),
                 {vector, duckdb_vector_get_data(vector)}, row);
}

/// One dimension of an array; the innermost holds the values.
Verdict decode_dimension(const Decoder& element, Take& take, const std::vector<std::int32_t>& dims,
                         std::size_t depth, duckdb_vector list, idx_t row) {
  const auto count = static_cast<idx_t>(dims[depth]);
  const idx_t offset = duckdb_list_vector_get_size(list);
  static_cast<duckdb_list_entry*>(duckdb_vector_get_data(list))[row] = {offset, count};
  duckdb_list_vector_reserve(list, offset + count);
  duckdb_list_vector_set_size(list, offset + count);
  const duckdb_vector child = duckdb_list_vector_get_child(list);
  for (idx_t i = 0; i < count; ++i) {
    Verdict verdict = nullptr;
    if (depth + 1 < dims.size()) {
      set_valid(child, offset + i);
      verdict = decode_dimension(element, take, dims, depth + 1, child, offset + i);
    } else {
      verdict = decode_child(element, take, child, offset + i);
    }
    if (verdict != nullptr) return verdict;
  }
  return nullptr;
}

Verdict decode_array(const Decoder& decoder, std::string_view bytes, Slot slot, idx_t row) {
  Take take(bytes);
  const auto dimensions = take.integer<std::int32_t>();
  take.integer<std::int32_t>();  // whether there are NULLs
  take.integer<std::int32_t>();  // the element's oid
  if (dimensions == 0) {
    static_cast<duckdb_list_entry*>(slot.data)[row] = {duckdb_list_vector_get_size(slot.vector), 0};
    return nullptr;
  }
  if (dimensions < 0 || dimensions > 6) bad_wire("an array has an impossible number of dimensions");
  if (dimensions != decoder.dims)
    return "is an array of another number of dimensions than declared";
  std::vector<std::int32_t> dims;
  std::size_t elements = 1;
  for (std::int32_t i = 0; i < dimensions; ++i) {
    const auto size = take.integer<std::int32_t>();
    const auto lower = take.integer<std::int32_t>();
    if (size < 0) bad_wire("an array has a negative dimension");
    if (lower != 1) return "is an array that does not begin at 1";
    dims.push_back(size);
    elements *= static_cast<std::size_t>(size);
    // Each element takes four bytes at least: no dimension may ask for memory that the bytes do not
    // back.
    if (elements > take.left() / 4) bad_wire("an array has fewer elements than it says");
  }
  const Verdict verdict =
      decode_dimension(decoder.children.front(), take, dims, 0, slot.vector, row);
  if (verdict == nullptr && take.left() != 0) bad_wire("an array has more bytes than elements");
  return verdict;
}

Verdict decode_composite(const Decoder& decoder, std::string_view bytes, Slot slot, idx_t row) {
  Take take(bytes);
  const auto fields = take.integer<std::int32_t>();
  if (fields < 0 || static_cast<std::size_t>(fields) != decoder.children.size()) {
    bad_wire("a composite has another number of fields than its type");
  }
  for (std::size_t i = 0; i < decoder.children.size(); ++i) {
    take.integer<std::int32_t>();  // the field's oid
    const auto verdict = decode_child(decoder.children[i], take,
                                      duckdb_struct_vector_get_child(slot.vector, i), row);
    if (verdict != nullptr) return verdict;
  }
  if (take.left() != 0) bad_wire("a composite has more bytes than fields");
  return nullptr;
}

// ---- types

struct Scalar {
  const char* type;
  Decoder::Function decode;
};

/// The types that travel in binary, each with the type it lands as.
const std::map<std::uint32_t, Scalar>& scalars() {
  static const std::map<std::uint32_t, Scalar> table{
      {kBool, {"BOOLEAN", decode_bool}},
      {kInt2, {"SMALLINT", decode_integer<std::int16_t>}},
      {kInt4, {"INTEGER", decode_integer<std::int32_t>}},
      {kInt8, {"BIGINT", decode_integer<std::int64_t>}},
      {kOid, {"UINTEGER", decode_integer<std::uint32_t>}},
      {kFloat4, {"FLOAT", decode_float<float, std::uint32_t>}},
      {kFloat8, {"DOUBLE", decode_float<double, std::uint64_t>}},
      {kText, {"VARCHAR", decode_text}},
      {kVarchar, {"VARCHAR", decode_text}},
      {kBpchar, {"VARCHAR", decode_text}},
      {kName, {"VARCHAR", decode_text}},
      {kChar, {"VARCHAR", decode_char}},
      {kBytea, {"BLOB", decode_blob}},
      {kBit, {"BIT", decode_bit}},
      {kVarbit, {"BIT", decode_bit}},
      {kDate, {"DATE", decode_date}},
      {kTime, {"TIME", decode_integer<std::int64_t>}},
      {kTimetz, {"TIME WITH TIME ZONE", decode_timetz}},
      {kTimestamp, {"TIMESTAMP", decode_timestamp}},
      {kTimestamptz, {"TIMESTAMP WITH TIME ZONE", decode_timestamp}},
      {kInterval, {"INTERVAL", decode_interval}},
      {kUuid, {"UUID", decode_uuid}},
      {kJson, {"JSON", decode_text}},
      {kJsonb, {"JSON", decode_jsonb}},
  };
  return table;
}

struct DecimalType {
  int width = 0, scale = 0;
};

std::optional<DecimalType> parse_decimal(const std::string& type) {
  if (!type.starts_with("DECIMAL(")) return std::nullopt;
  DecimalType decimal;
  const char* const end = type.data() + type.size();
  const auto width = std::from_chars(type.data() + 8, end, decimal.width);
  if (width.ec != std::errc() || width.ptr == end || *width.ptr != ',') return std::nullopt;
  const auto scale = std::from_chars(width.ptr + 1, end, decimal.scale);
  if (scale.ec != std::errc()) return std::nullopt;
  return decimal;
}

/// numeric(p, s): the DECIMAL that holds every such value; more than 38 digits: text.
std::string numeric_type(std::int32_t typmod) {
  if (typmod < 4) return "DECIMAL(38,18)";
  int precision = ((typmod - 4) >> 16) & 0xFFFF;
  int scale = ((typmod - 4) & 0x7FF);
  if (scale > 1023) scale -= 2048;  // negative scales: servers from 15 on
  if (scale < 0) {
    precision -= scale;
    scale = 0;
  }
  if (scale > precision) precision = scale;
  if (precision > 38) return "VARCHAR";
  return "DECIMAL(" + std::to_string(precision) + "," + std::to_string(scale) + ")";
}

/// DuckDB type that a user may choose -> the server's cast that gets there, in binary.
const std::map<std::string, std::uint32_t>& casts() {
  static const std::map<std::string, std::uint32_t> table{
      {"SMALLINT", kInt2},    {"INTEGER", kInt4},
      {"BIGINT", kInt8},      {"FLOAT", kFloat4},
      {"DOUBLE", kFloat8},    {"BOOLEAN", kBool},
      {"DATE", kDate},        {"TIMESTAMP", kTimestamp},
      {"TIME", kTime},        {"TIMESTAMP WITH TIME ZONE", kTimestamptz},
      {"UUID", kUuid},        {"JSON", kJson},
      {"INTERVAL", kInterval}};
  return table;
}

const char* server_name(std::uint32_t oid) {
  switch (oid) {
    case kInt2:
      return "int2";
    case kInt4:
      return "int4";
    case kInt8:
      return "int8";
    case kFloat4:
      return "float4";
    case kFloat8:
      return "float8";
    case kBool:
      return "bool";
    case kDate:
      return "date";
    case kTimestamp:
      return "timestamp";
    case kTimestamptz:
      return "timestamptz";
    case kTime:
      return "time";
    case kUuid:
      return "uuid";
    case kJson:
      return "json";
    case kInterval:
      return "interval";
    default:
      return "text";
  }
}

bool integer(std::uint32_t oid) {
  return oid == kInt2 || oid == kInt4 || oid == kInt8 || oid == kOid;
}

/// What travels: the column's own binary form, or a cast of it.
struct Travel {
  std::string cast;  ///< "" or "::pg_catalog.text"
  WireType wire;
};

Travel travel(const WireType& wire, const std::string& landed) {
  if (landed == landed_type(wire)) {
    const bool binary =
        wire.kind == WireType::Kind::array || wire.kind == WireType::Kind::composite ||
        (wire.kind == WireType::Kind::scalar &&
         (scalars().contains(wire.oid) || (wire.oid == kNumeric && landed != "VARCHAR")));
    if (landed != "VARCHAR" || binary) return {"", wire};
  }
  WireType text;
  text.oid = kText;
  if (landed == "VARCHAR") return {"::pg_catalog.text", text};
  const bool scalar = wire.kind == WireType::Kind::scalar;
  if (parse_decimal(landed)) {
    WireType numeric;
    numeric.oid = kNumeric;
    if (scalar && wire.oid == kNumeric) return {"", numeric};
    if (scalar && integer(wire.oid)) return {"::pg_catalog.numeric", numeric};
  }
  const auto cast = casts().find(landed);
  // Casts that round (numeric to int, timestamp to date) would change values silently: only exact
  // ones are offered, and floating point, which says what it is.
  if (scalar && cast != casts().end()) {
    const std::uint32_t to = cast->second;
    const bool exact = (integer(wire.oid) && integer(to)) || to == kFloat8 || to == kFloat4 ||
                       wire.oid == kText || wire.oid == kVarchar ||
                       (wire.oid == kDate && to == kTimestamp) ||
                       (wire.oid == kTimestamp && to == kTimestamptz) ||
                       (wire.oid == kTimestamptz && to == kTimestamp);
    if (exact) {
      WireType target;
      target.oid = to;
      return {std::string("::pg_catalog.") + server_name(to), target};
    }
  }
  throw Error(Fault::config, "it cannot land as " + landed,
              "VARCHAR always can; " + landed_type(wire) + " is the default" +
                  (wire.oid == kNumeric ? "; DECIMAL(p,s) and DOUBLE can, too" : ""));
}

/// An element lands like a column, but what travels inside another value cannot be cast: only
/// binary forms.
bool element_travels(const WireType& wire) {
  switch (wire.kind) {
    case WireType::Kind::scalar:
      return scalars().contains(wire.oid) ||
             (wire.oid == kNumeric && landed_type(wire) != "VARCHAR");
    case WireType::Kind::enumeration:
      return true;
    case WireType::Kind::array:
    case WireType::Kind::composite:
      for (const WireType& child : wire.children) {
        if (!element_travels(child)) return false;
      }
      return !wire.children.empty();
    case WireType::Kind::other:
      return false;
  }
  return false;
}

std::string quoted(const std::string& name) {
  std::string text = "\"";
  for (const char c : name) text += c == '"' ? std::string("\"\"") : std::string(1, c);
  return text + '"';
}

std::string hex(std::uint64_t value, int digits) {
  std::string text;
  for (int i = digits - 1; i >= 0; --i) text += "0123456789abcdef"[(value >> (i * 4)) & 15];
  return text;
}

}  // namespace

std::string landed_type(const WireType& wire) {
  switch (wire.kind) {
    case WireType::Kind::array: {
      if (!element_travels(wire)) return "VARCHAR";
      std::string type = landed_type(wire.children.front());
      for (int i = 0; i < std::max(wire.dims, 1); ++i) type += "[]";
      return type;
    }
    case WireType::Kind::composite: {
      if (!element_travels(wire)) return "VARCHAR";
      std::string fields;
      for (std::size_t i = 0; i < wire.children.size(); ++i) {
        fields +=
            (i == 0 ? "" : ", ") + quoted(wire.names[i]) + " " + landed_type(wire.children[i]);
      }
      return "STRUCT(" + fields + ")";
    }
    case WireType::Kind::scalar: {
      if (wire.oid == kNumeric) return numeric_type(wire.typmod);
      const auto found = scalars().find(wire.oid);
      return found == scalars().end() ? "VARCHAR" : found->second.type;
    }
    default:
      return "VARCHAR";
  }
}

std::string select_expression(const std::string& quoted_column, const WireType& wire,
                              const std::string& landed) {
  try {
    return quoted_column + travel(wire, landed).cast;
  } catch (const Error& error) {
    throw error.at("column " + quoted_column);
  }
}

Decoder decoder(const WireType& column, const std::string& landed, bool check_utf8) {
  const WireType wire = travel(column, landed).wire;
  Decoder made;
  made.check_utf8 = check_utf8;
  if (wire.kind == WireType::Kind::array) {
    made.function = decode_array;
    made.dims = std::max(wire.dims, 1);
    const WireType& element = wire.children.front();
    made.children.push_back(decoder(element, landed_type(element), check_utf8));
  } else if (wire.kind == WireType::Kind::composite) {
    made.function = decode_composite;
    for (const WireType& field : wire.children)
      made.children.push_back(decoder(field, landed_type(field), check_utf8));
  } else if (wire.kind == WireType::Kind::scalar && wire.oid == kNumeric) {
    const auto decimal = parse_decimal(landed);
    if (!decimal) throw Error(Fault::internal, "numeric lands as " + landed);
    made.width = decimal->width;
    made.scale = decimal->scale;
    made.function = numeric_decoder(decimal->width);
  } else {
    // Enumerations travel as the text of their label.
    const auto found =
        scalars().find(wire.kind == WireType::Kind::scalar ? wire.oid : std::uint32_t{kText});
    if (found == scalars().end())
      throw Error(Fault::internal, "no decoder for type " + std::to_string(wire.oid));
    made.function = found->second.decode;
  }
  return made;
}

void set_null(const Decoder& decoder, duckdb_vector vector, idx_t row) {
  duckdb_vector_ensure_validity_writable(vector);
  duckdb_validity_set_row_invalid(duckdb_vector_get_validity(vector), row);
  if (decoder.function != decode_composite) return;
  for (std::size_t i = 0; i < decoder.children.size(); ++i) {
    set_null(decoder.children[i], duckdb_struct_vector_get_child(vector, i), row);
  }
}

std::string shown(const WireType& wire, std::string_view bytes) {
  if (wire.kind == WireType::Kind::enumeration) return std::string(bytes);
  if (wire.kind == WireType::Kind::scalar) {
    switch (wire.oid) {
      case kInt2:
        return std::to_string(whole<std::int16_t>(bytes));
      case kInt4:
        return std::to_string(whole<std::int32_t>(bytes));
      case kInt8:
        return std::to_string(whole<std::int64_t>(bytes));
      case kOid:
        return std::to_string(whole<std::uint32_t>(bytes));
      case kNumeric:
        return numeric_text(bytes);
      case kText:
      case kVarchar:
      case kBpchar:
      case kName:
        return bytes.size() <= 80 ? std::string(bytes) : std::string(bytes.substr(0, 80)) + "..";
      case kUuid: {
        Take take(bytes);
        const std::string text =
            hex(take.integer<std::uint64_t>(), 16) + hex(take.integer<std::uint64_t>(), 16);
        return text.substr(0, 8) + "-" + text.substr(8, 4) + "-" + text.substr(12, 4) + "-" +
               text.substr(16, 4) + "-" + text.substr(20);
      }
      default:
        break;
    }
  }
  return "(" + std::to_string(bytes.size()) + " bytes)";
}

}  // namespace sluice::postgres
