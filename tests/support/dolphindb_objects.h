// SPDX-License-Identifier: Apache-2.0
// DolphinDB's objects as bytes on the wire, both ways, for what stands in for a DolphinDB in tests.
// Written after the vendor's description of the protocol (docs.dolphindb.cn, connapi_intro) and
// what its Python client 3.0.6.1 sends and reads (tests/golden/dolphindb); little endian only.
// Shares nothing with the connector, which is judged by the same bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::testing::dolphin {

enum Form : std::uint8_t { scalar, vector, pair, matrix, set, dictionary, table };

/// Of a value; a vector's second byte of the flag adds kArrayBit or kBasedBit.
// clang-format off
enum Type : std::uint8_t {
  kVoid, kBool, kChar, kShort, kInt, kLong, kDate, kMonth, kTime, kMinute, kSecond, kDatetime,
  kTimestamp, kNanotime, kNanotimestamp, kFloat, kDouble, kSymbol, kString, kUuid, kFunction,
  kHandle, kCode, kDatasource, kResource, kAny, kCompressed, kDictionary, kDatehour, kDateminute,
  kIpaddr, kInt128, kBlob, kComplex = 34, kPoint, kDuration, kDecimal32, kDecimal64, kDecimal128
};
// clang-format on
inline constexpr std::uint8_t kArrayBit = 64, kBasedBit = 128;

/// Bytes of a value of fixed width; 0 for the others.
std::size_t width_of(Type type);
bool is_text(Type type);  ///< STRING, SYMBOL and what else ends with NUL; not BLOB
bool is_decimal(Type type);
/// "NANOTIMESTAMP", as typestr() and schema() say it, without scale.
const char* name_of(Type type);

/// How a column was, or is to be, compressed.
struct Compression {
  std::uint8_t method = 1;          ///< 1 LZ4, 2 delta of delta
  std::vector<std::size_t> blocks;  ///< raw bytes of each; empty: of kBlock
  bool marked = false;              ///< the top bit of the last block's size is set
  std::int32_t checksum = -1;
  static constexpr std::size_t kBlock = 65536;
};

/// An object. Values of fixed width are in `bytes`, packed as on the wire, texts and blobs in
/// `texts`, and objects (of ANY, a dictionary's keys and values, a table's columns, a set's vector,
/// a matrix's labels) in `items`.
struct Value {
  Type type = kVoid;
  Form form = scalar;
  bool array = false;     ///< an array vector
  bool based = false;     ///< SYMBOL with a base: `bytes` are indices of it, 4 bytes each
  std::uint8_t kind = 0;  ///< VOID's byte, FUNCTIONDEF's, a table's kind, a matrix's labels
  std::int32_t rows = 1, cols = 1;
  std::int32_t scale = 0;  ///< of decimals
  std::string bytes;
  std::vector<std::string> texts;
  std::vector<Value> items;
  std::string name;                   ///< of a table
  std::vector<std::string> names;     ///< of its columns
  std::vector<std::uint32_t> counts;  ///< of an array vector: cells of each row
  struct Chunk {
    std::uint16_t rows = 0;
    std::uint8_t width = 1;  ///< bytes of a count
  };
  std::vector<Chunk> chunks;  ///< how its rows come; empty: as few as there can be
  std::int32_t base_id = 0;
  bool reuses = false;  ///< the base is that which came with this id before, and is not sent again
  std::vector<std::string> base;
  std::optional<Compression> compression;

  std::size_t cells() const;  ///< values in `bytes` or `texts`
  bool null(std::size_t cell) const;
  std::int64_t integer(std::size_t cell = 0) const;  ///< of at most 8 bytes, as they are
  double real(std::size_t cell = 0) const;           ///< FLOAT and DOUBLE
  /// Of a text or BLOB.
  const std::string& text(std::size_t cell = 0) const;
};

Value make(Type type, std::int64_t value);  ///< a scalar of an integer or temporal type
Value make_text(std::string_view text, Type type = kString);
Value texts_of(const std::vector<std::string>& texts, Type type = kString);
Value integers_of(const std::vector<std::int64_t>& values, Type type = kInt);
Value any_of(std::vector<Value> items);
/// STRING -> ANY.
Value dictionary_of(std::vector<std::string> keys, std::vector<Value> values);
Value table_of(std::vector<std::string> names, std::vector<Value> columns);

/// Where an object's bytes come from, one after another. take() throws std::runtime_error where
/// they end.
class Input {
 public:
  Input() = default;
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;
  virtual ~Input() = default;
  virtual std::string take(std::size_t size) = 0;
};
class TextInput : public Input {
 public:
  explicit TextInput(std::string_view text) : text_(text) {}
  std::string take(std::size_t size) override;
  std::size_t left() const { return text_.size() - at_; }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

/// One object. What is none throws std::runtime_error.
Value decode(Input& input);
/// One object and nothing behind it.
Value decode(std::string_view bytes);
std::string encode(const Value& value);

/// What follows the flag of a vector whose header is read: its values. For compressed columns.
void decode_values(Input& input, Value& value);
std::string encode_values(const Value& value);

/// A compressed column, behind its flag (dolphindb_compression.cpp).
Value decode_compressed(Input& input);
std::string encode_compressed(const Value& value);

std::string packed(std::uint64_t value, std::size_t width);
std::int64_t unpacked(std::string_view bytes, bool is_signed = true);
/// The bytes that are a type's NULL; empty for texts, BLOB and VOID.
std::string null_of(Type type);

}  // namespace sluice::testing::dolphin
