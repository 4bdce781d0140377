// SPDX-License-Identifier: Apache-2.0
#include "support/dolphindb_objects.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cfloat>
#include <cstring>
#include <map>
#include <stdexcept>
#include <utility>

namespace sluice::testing::dolphin {
namespace {

using Bases = std::map<std::int32_t, std::vector<std::string>>;

constexpr std::array<const char*, 40> kNames = {
    "VOID",      "BOOL",      "CHAR",          "SHORT",      "INT",      "LONG",
    "DATE",      "MONTH",     "TIME",          "MINUTE",     "SECOND",   "DATETIME",
    "TIMESTAMP", "NANOTIME",  "NANOTIMESTAMP", "FLOAT",      "DOUBLE",   "SYMBOL",
    "STRING",    "UUID",      "FUNCTIONDEF",   "HANDLE",     "CODE",     "DATASOURCE",
    "RESOURCE",  "ANY",       "COMPRESS",      "DICTIONARY", "DATEHOUR", "DATEMINUTE",
    "IPADDR",    "INT128",    "BLOB",          "",           "COMPLEX",  "POINT",
    "DURATION",  "DECIMAL32", "DECIMAL64",     "DECIMAL128"};

[[noreturn]] void refuse(const std::string& what) {
  throw std::runtime_error("no object of DolphinDB: " + what);
}

std::string text_from(Input& input) {
  std::string text;
  for (std::string each = input.take(1); each[0] != '\0'; each = input.take(1)) text += each;
  return text;
}

std::int32_t int_from(Input& input) { return static_cast<std::int32_t>(unpacked(input.take(4))); }

std::size_t count_from(Input& input, const char* what) {
  const std::int32_t count = int_from(input);
  if (count < 0) refuse(std::string(what) + " of " + std::to_string(count));
  return static_cast<std::size_t>(count);
}

void decode_array(Input& input, Value& value) {
  const auto cells = static_cast<std::size_t>(value.cols);
  const std::size_t width = width_of(value.type);
  if (width == 0) refuse("an array vector of " + std::string(name_of(value.type)));
  while (value.counts.size() < static_cast<std::size_t>(value.rows)) {
    Value::Chunk chunk;
    chunk.rows = static_cast<std::uint16_t>(unpacked(input.take(2), false));
    chunk.width = static_cast<std::uint8_t>(unpacked(input.take(1), false));
    input.take(1);
    if (chunk.width != 1 && chunk.width != 2 && chunk.width != 4) refuse("a count's width");
    std::size_t here = 0;
    for (std::size_t i = 0; i < chunk.rows; ++i) {
      value.counts.push_back(static_cast<std::uint32_t>(unpacked(input.take(chunk.width), false)));
      here += value.counts.back();
    }
    value.bytes += input.take(here * width);
    value.chunks.push_back(chunk);
  }
  if (value.counts.size() != static_cast<std::size_t>(value.rows) ||
      value.bytes.size() != cells * width)
    refuse("an array vector whose cells are not as many as it says");
}

std::string encode_array(const Value& value) {
  std::vector<Value::Chunk> chunks = value.chunks;
  if (chunks.empty()) {
    for (std::size_t at = 0; at < value.counts.size(); at += 65535) {
      const std::size_t rows = std::min<std::size_t>(65535, value.counts.size() - at);
      const auto from = value.counts.begin() + static_cast<std::ptrdiff_t>(at);
      const std::uint32_t most = *std::max_element(from, from + static_cast<std::ptrdiff_t>(rows));
      chunks.push_back(
          {static_cast<std::uint16_t>(rows), static_cast<std::uint8_t>(most < 256     ? 1
                                                                       : most < 65536 ? 2
                                                                                      : 4)});
    }
  }
  std::string out;
  std::size_t row = 0, at = 0;
  for (const Value::Chunk& chunk : chunks) {
    out += packed(chunk.rows, 2) + packed(chunk.width, 1) + '\0';
    std::size_t here = 0;
    for (std::size_t i = 0; i < chunk.rows; ++i, ++row) {
      out += packed(value.counts[row], chunk.width);
      here += value.counts[row];
    }
    out += value.bytes.substr(at, here * width_of(value.type));
    at += here * width_of(value.type);
  }
  return out;
}

void decode_base(Input& input, Value& value, Bases* bases) {
  value.base_id = int_from(input);
  const std::size_t count = count_from(input, "a base");
  value.reuses = count == 0;
  for (std::size_t i = 0; i < count; ++i) value.base.push_back(text_from(input));
  if (bases != nullptr) {
    if (!value.reuses) (*bases)[value.base_id] = value.base;
    value.base = (*bases)[value.base_id];
  }
  value.bytes = input.take(static_cast<std::size_t>(value.rows) * 4);
}

std::string encode_base(const Value& value) {
  std::string out = packed(static_cast<std::uint32_t>(value.base_id), 4) +
                    packed(value.reuses ? 0 : value.base.size(), 4);
  if (!value.reuses)
    for (const std::string& each : value.base) out += each + '\0';
  return out + value.bytes;
}

Value decode_object(Input& input, Bases* bases);

void decode_scalar(Input& input, Value& value) {
  if (value.type == kVoid || value.type == kFunction)
    value.kind = static_cast<std::uint8_t>(unpacked(input.take(1), false));
  if (is_decimal(value.type)) value.scale = int_from(input);
  if (value.type != kVoid) decode_values(input, value);
}

void decode_matrix(Input& input, Value& value) {
  value.kind = static_cast<std::uint8_t>(unpacked(input.take(1), false));
  for (const unsigned each : {1U, 2U})
    if ((value.kind & each) != 0) value.items.push_back(decode_object(input, nullptr));
  if (input.take(2) != packed(value.type, 1) + packed(matrix, 1)) refuse("a matrix's second flag");
  value.rows = static_cast<std::int32_t>(count_from(input, "rows"));
  value.cols = static_cast<std::int32_t>(count_from(input, "columns"));
  if (is_decimal(value.type)) value.scale = int_from(input);
  decode_values(input, value);
}

void decode_table(Input& input, Value& value) {
  value.kind = value.type;
  value.type = kVoid;
  value.rows = static_cast<std::int32_t>(count_from(input, "rows"));
  value.cols = static_cast<std::int32_t>(count_from(input, "columns"));
  value.name = text_from(input);
  for (std::int32_t i = 0; i < value.cols; ++i) value.names.push_back(text_from(input));
  Bases bases;
  for (std::int32_t i = 0; i < value.cols; ++i) {
    value.items.push_back(decode_object(input, &bases));
    if (value.items.back().form != vector || value.items.back().rows != value.rows)
      refuse("a column that is not as long as its table");
  }
}

Value decode_object(Input& input, Bases* bases) {
  const std::string flag = input.take(2);
  Value value;
  const auto type = static_cast<std::uint8_t>(flag[0]);
  value.form = static_cast<Form>(flag[1]);
  if (value.form > table) refuse("form " + std::to_string(value.form));
  if (value.form == vector && type == kCompressed) return decode_compressed(input);
  value.based = type == (kSymbol | kBasedBit);
  value.array = !value.based && (type & kArrayBit) != 0;
  value.type = static_cast<Type>(value.based ? kSymbol : type & ~kArrayBit);
  if (value.type >= kNames.size()) refuse("type " + std::to_string(type));
  switch (value.form) {
    case scalar:
      decode_scalar(input, value);
      break;
    case vector:
    case pair:
      value.rows = static_cast<std::int32_t>(count_from(input, "rows"));
      value.cols = static_cast<std::int32_t>(count_from(input, "columns"));
      if (is_decimal(value.type)) value.scale = int_from(input);
      if (value.based) {
        decode_base(input, value, bases);
      } else {
        decode_values(input, value);
      }
      break;
    case set:
      value.items.push_back(decode_object(input, nullptr));
      break;
    case dictionary:
      value.items.push_back(decode_object(input, nullptr));
      value.items.push_back(decode_object(input, nullptr));
      break;
    case matrix:
      decode_matrix(input, value);
      break;
    case table:
      decode_table(input, value);
  }
  return value;
}

}  // namespace

std::size_t width_of(Type type) {
  switch (type) {
    case kBool:
    case kChar:
      return 1;
    case kShort:
      return 2;
    case kLong:
    case kTimestamp:
    case kNanotime:
    case kNanotimestamp:
    case kDouble:
    case kDuration:
    case kDecimal64:
      return 8;
    case kUuid:
    case kIpaddr:
    case kInt128:
    case kComplex:
    case kPoint:
    case kDecimal128:
      return 16;
    case kVoid:
    case kAny:
    case kBlob:
    case kCompressed:
    case kDictionary:
      return 0;
    default:
      return is_text(type) ? 0 : 4;
  }
}

bool is_text(Type type) {
  return type == kSymbol || type == kString || (type >= kFunction && type <= kResource);
}
bool is_decimal(Type type) { return type >= kDecimal32 && type <= kDecimal128; }
const char* name_of(Type type) { return kNames.at(type); }

std::string packed(std::uint64_t value, std::size_t width) {
  std::string bytes(width, '\0');
  for (std::size_t i = 0; i < width && i < 8; ++i)
    bytes[i] = static_cast<char>((value >> (8 * i)) & 0xFFU);
  return bytes;
}

std::int64_t unpacked(std::string_view bytes, bool is_signed) {
  std::uint64_t value =
      is_signed && !bytes.empty() && (static_cast<std::uint8_t>(bytes.back()) & 0x80U) != 0
          ? ~std::uint64_t{0}
          : 0;
  for (std::size_t i = bytes.size(); i-- > 0;)
    value = (value << 8U) | static_cast<std::uint8_t>(bytes[i]);
  return static_cast<std::int64_t>(value);
}

std::string null_of(Type type) {
  const std::size_t width = width_of(type);
  const std::string lowest = packed(std::bit_cast<std::uint64_t>(-DBL_MAX), 8);
  switch (type) {
    case kFloat:
      return packed(std::bit_cast<std::uint32_t>(-FLT_MAX), 4);
    case kDouble:
      return lowest;
    case kComplex:
    case kPoint:
      return lowest + lowest;
    case kUuid:
    case kIpaddr:
    case kInt128:
      return std::string(16, '\0');
    case kDuration:
      return std::string("\0\0\0\x80\0\0\0\0", 8);
    default:
      return width == 0 ? std::string() : std::string(width - 1, '\0') + '\x80';
  }
}

std::size_t Value::cells() const {
  const std::size_t width = based ? 4 : width_of(type);
  return width == 0 ? texts.size() : bytes.size() / width;
}

bool Value::null(std::size_t cell) const {
  if (type == kVoid) return true;
  if (is_text(type) || type == kBlob) return text(cell).empty();
  const std::size_t width = width_of(type);
  const std::string_view value = std::string_view(bytes).substr(cell * width, width);
  return type == kDuration ? value.substr(0, 4) == null_of(type).substr(0, 4)
                           : value == null_of(type);
}

std::int64_t Value::integer(std::size_t cell) const {
  const std::size_t width = based ? 4 : width_of(type);
  if (width == 0 || width > 8 || (cell + 1) * width > bytes.size()) refuse("an integer expected");
  return unpacked(std::string_view(bytes).substr(cell * width, width));
}

double Value::real(std::size_t cell) const {
  if (type == kFloat)
    return std::bit_cast<float>(static_cast<std::uint32_t>(integer(cell) & 0xFFFFFFFF));
  if (type != kDouble) return static_cast<double>(integer(cell));
  return std::bit_cast<double>(integer(cell));
}

const std::string& Value::text(std::size_t cell) const {
  return based ? base.at(static_cast<std::size_t>(integer(cell))) : texts.at(cell);
}

std::string TextInput::take(std::size_t size) {
  if (left() < size) refuse("its bytes end");
  at_ += size;
  return std::string(text_.substr(at_ - size, size));
}

void decode_values(Input& input, Value& value) {
  const std::size_t count = value.form == scalar
                                ? 1
                                : static_cast<std::size_t>(value.rows) *
                                      (value.array ? 1 : static_cast<std::size_t>(value.cols));
  if (value.array) {
    decode_array(input, value);
  } else if (value.type == kAny) {
    for (std::size_t i = 0; i < count; ++i) value.items.push_back(decode_object(input, nullptr));
  } else if (value.type == kBlob) {
    for (std::size_t i = 0; i < count; ++i)
      value.texts.push_back(input.take(count_from(input, "a BLOB's length")));
  } else if (is_text(value.type)) {
    for (std::size_t i = 0; i < count; ++i) value.texts.push_back(text_from(input));
  } else if (value.type != kVoid) {
    if (width_of(value.type) == 0) refuse("values of type " + std::to_string(value.type));
    value.bytes = input.take(count * width_of(value.type));
  }
}

std::string encode_values(const Value& value) {
  if (value.array) return encode_array(value);
  std::string out = value.bytes;
  for (const Value& each : value.items) out += encode(each);
  for (const std::string& each : value.texts)
    out += value.type == kBlob ? packed(each.size(), 4) + each : each + '\0';
  return out;
}

Value decode(Input& input) { return decode_object(input, nullptr); }

Value decode(std::string_view bytes) {
  TextInput input(bytes);
  Value value = decode(input);
  if (input.left() > 0) refuse(std::to_string(input.left()) + " bytes behind it");
  return value;
}

std::string encode(const Value& value) {
  if (value.compression) return encode_compressed(value);
  const auto extra =
      static_cast<unsigned>(value.array ? kArrayBit : 0) | (value.based ? kBasedBit : 0U);
  const unsigned type = value.form == table ? value.kind : value.type | extra;
  std::string out = packed(type, 1) + packed(value.form, 1);
  const std::string size = packed(static_cast<std::uint32_t>(value.rows), 4) +
                           packed(static_cast<std::uint32_t>(value.cols), 4);
  const std::string scale =
      is_decimal(value.type) ? packed(static_cast<std::uint32_t>(value.scale), 4) : "";
  switch (value.form) {
    case scalar:
      if (value.type == kVoid || value.type == kFunction) out += packed(value.kind, 1);
      return out + scale + encode_values(value);
    case vector:
    case pair:
      return out + size + scale + (value.based ? encode_base(value) : encode_values(value));
    case matrix: {
      const std::string flag = out;
      out += packed(value.kind, 1);
      for (const Value& each : value.items) out += encode(each);
      return out + flag + size + scale + value.bytes;
    }
    case set:
    case dictionary:
      for (const Value& each : value.items) out += encode(each);
      return out;
    case table:
      out += size + value.name + '\0';
      for (const std::string& each : value.names) out += each + '\0';
      for (const Value& each : value.items) out += encode(each);
      return out;
  }
  refuse("its form");
}

Value make(Type type, std::int64_t value) {
  Value made;
  made.type = type;
  made.bytes = packed(static_cast<std::uint64_t>(value), width_of(type));
  return made;
}

Value make_text(std::string_view text, Type type) {
  Value made;
  made.type = type;
  made.texts.emplace_back(text);
  return made;
}

Value texts_of(const std::vector<std::string>& texts, Type type) {
  Value made;
  made.type = type;
  made.form = vector;
  made.rows = static_cast<std::int32_t>(texts.size());
  made.texts = texts;
  return made;
}

Value integers_of(const std::vector<std::int64_t>& values, Type type) {
  Value made;
  made.type = type;
  made.form = vector;
  made.rows = static_cast<std::int32_t>(values.size());
  for (const std::int64_t each : values)
    made.bytes += packed(static_cast<std::uint64_t>(each), width_of(type));
  return made;
}

Value any_of(std::vector<Value> items) {
  Value made;
  made.type = kAny;
  made.form = vector;
  made.rows = static_cast<std::int32_t>(items.size());
  made.items = std::move(items);
  return made;
}

Value dictionary_of(std::vector<std::string> keys, std::vector<Value> values) {
  Value made;
  made.type = kAny;
  made.form = dictionary;
  made.items = {texts_of(keys), any_of(std::move(values))};
  return made;
}

Value table_of(std::vector<std::string> names, std::vector<Value> columns) {
  Value made;
  made.form = table;
  made.rows = columns.empty() ? 0 : columns[0].rows;
  made.cols = static_cast<std::int32_t>(columns.size());
  made.names = std::move(names);
  made.items = std::move(columns);
  return made;
}

}  // namespace sluice::testing::dolphin
