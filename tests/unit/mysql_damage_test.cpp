// SPDX-License-Identifier: Apache-2.0
// Rows of the binary protocol cut and damaged everywhere: values, misfits or an error, and never a
// byte too many. Each row is in memory of just its size, which AddressSanitizer watches.
#include <gtest/gtest.h>
#include <mysql.h>

#include <cstdint>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "connectors/mysql/row_decoder.h"
#include "duck/duck.h"

namespace sluice::mysql {
namespace {

using Bytes = std::vector<wire::Byte>;

/// A column of a result, and a value of it as it travels.
struct Sent {
  enum_field_types type;
  unsigned flags, charset;
  unsigned long length;
  std::string landed;
  Bytes value;
};

constexpr unsigned kText = 45, kBinary = 63;

Bytes text(const std::string& value) {
  Bytes bytes{static_cast<wire::Byte>(value.size())};
  bytes.insert(bytes.end(), value.begin(), value.end());
  return bytes;
}

std::vector<Sent> columns() {
  const Bytes eight{1, 2, 3, 4, 5, 6, 7, 8};
  const Bytes moment{11, 0xE8, 7, 2, 29, 23, 59, 59, 0x3F, 0x42, 0x0F, 0};
  const Bytes span{12, 1, 34, 0, 0, 0, 22, 59, 59, 1, 0, 0, 0};
  std::vector<Sent> all;
  for (const char* landed : {"TINYINT", "UTINYINT", "BOOLEAN", "BIGINT", "DOUBLE", "DECIMAL(4,2)"})
    all.push_back({MYSQL_TYPE_TINY, UNSIGNED_FLAG, kBinary, 4, landed, {1}});
  all.push_back({MYSQL_TYPE_SHORT, 0, kBinary, 6, "SMALLINT", {1, 2}});
  all.push_back({MYSQL_TYPE_YEAR, UNSIGNED_FLAG, kBinary, 4, "SMALLINT", {1, 2}});
  all.push_back({MYSQL_TYPE_INT24, 0, kBinary, 9, "INTEGER", {1, 2, 3, 0}});
  all.push_back({MYSQL_TYPE_LONG, UNSIGNED_FLAG, kBinary, 10, "UINTEGER", {1, 2, 3, 4}});
  for (const char* landed : {"BIGINT", "UTINYINT", "HUGEINT", "DECIMAL(38,19)", "FLOAT"})
    all.push_back({MYSQL_TYPE_LONGLONG, 0, kBinary, 20, landed, eight});
  all.push_back({MYSQL_TYPE_LONGLONG, UNSIGNED_FLAG, kBinary, 20, "UBIGINT", eight});
  for (const char* landed : {"FLOAT", "DOUBLE"}) {
    all.push_back({MYSQL_TYPE_FLOAT, 0, kBinary, 12, landed, {0, 0, 0, 0x3F}});
    all.push_back({MYSQL_TYPE_DOUBLE, 0, kBinary, 22, landed, {0, 0, 0, 0, 0, 0, 0, 0x40}});
  }
  for (const char* landed :
       {"DECIMAL(4,2)", "DECIMAL(9,3)", "DECIMAL(18,4)", "DECIMAL(38,30)", "VARCHAR", "BIGINT"})
    all.push_back({MYSQL_TYPE_NEWDECIMAL, 0, kBinary, 67, landed, text("-12.00")});
  for (const unsigned long bits : {1UL, 7UL, 8UL, 9UL, 63UL, 64UL}) {
    Bytes value(1 + (bits + 7) / 8, 1);
    value[0] = static_cast<wire::Byte>(value.size() - 1);
    all.push_back({MYSQL_TYPE_BIT, UNSIGNED_FLAG, kBinary, bits, "BIT", value});
  }
  all.push_back({MYSQL_TYPE_BIT, UNSIGNED_FLAG, kBinary, 9, "UBIGINT", {2, 1, 1}});
  all.push_back({MYSQL_TYPE_BIT, UNSIGNED_FLAG, kBinary, 9, "BOOLEAN", {2, 0, 1}});
  all.push_back({MYSQL_TYPE_DATE, 0, kBinary, 10, "DATE", {4, 0xE8, 7, 2, 29}});
  all.push_back({MYSQL_TYPE_DATETIME, 0, kBinary, 26, "TIMESTAMP", moment});
  all.push_back({MYSQL_TYPE_TIMESTAMP, 0, kBinary, 26, "TIMESTAMP WITH TIME ZONE", moment});
  all.push_back({MYSQL_TYPE_TIME, 0, kBinary, 17, "INTERVAL", span});
  all.push_back({MYSQL_TYPE_TIME, 0, kBinary, 17, "TIME", {8, 0, 0, 0, 0, 0, 22, 59, 59}});
  all.push_back(
      {MYSQL_TYPE_VAR_STRING, 0, kText, 90, "VARCHAR", text("caf\u00e9, and more than twelve")});
  all.push_back({MYSQL_TYPE_VAR_STRING, 0, kText, 90, "JSON", text("{}")});
  all.push_back(
      {MYSQL_TYPE_STRING, 0, kText, 36, "UUID", text("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")});
  all.push_back({MYSQL_TYPE_BLOB, 0, kBinary, 90, "BLOB", text("\x01\x02")});
  return all;
}

duck::Connection& duckdb() {
  static duck::Database database;
  static duck::Connection connection = database.connect();
  return connection;
}

enum class Outcome { row, misfit, broken };

/// Decodes rows of these columns, one at a time.
class Decoder {
 public:
  Decoder(const std::vector<Sent>& sent, Misfit misfit) {
    std::vector<ReadColumn> read;
    std::vector<std::string> landed;
    for (const Sent& each : sent) {
      ReadColumn& column = read.emplace_back();
      column.column.name = "c" + std::to_string(read.size());
      column.column.type = each.landed;
      column.column.misfit = misfit;
      column.key = true;
      landed.push_back(each.landed);
      MYSQL_FIELD& field = fields_.emplace_back();
      field.type = each.type;
      field.flags = each.flags;
      field.charsetnr = each.charset;
      field.length = each.length;
    }
    read_ = read;
    types_ = duckdb().types(landed);
    std::vector<duckdb_logical_type> handles;
    for (const duck::LogicalType& each : types_) handles.push_back(each.get());
    chunk_ = duckdb_create_data_chunk(handles.data(), handles.size());
  }
  ~Decoder() { duckdb_destroy_data_chunk(&chunk_); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  Outcome decode(const Bytes& row) {
    duckdb_data_chunk_reset(chunk_);
    Batch batch(chunk_);
    RowDecoder decoder(read_, fields_, false);
    decoder.begin(batch);
    // Not a vector: its end may be behind its last byte.
    const std::unique_ptr<wire::Byte[]> own(new wire::Byte[row.size()]);
    std::copy(row.begin(), row.end(), own.get());
    wire::Byte* at = own.get();
    const wire::Byte* const end = at + row.size();
    for (unsigned i = 0; i < read_.size(); ++i) {
      decoder.take(i, &at, end);
      EXPECT_LE(at, end);
    }
    try {
      decoder.end_row();
    } catch (const Error& error) {
      EXPECT_TRUE(error.fault() == Fault::data || error.fault() == Fault::misfit) << error.what();
      return error.fault() == Fault::data ? Outcome::broken : Outcome::misfit;
    }
    decoder.finish();
    EXPECT_EQ(batch.size(), 1U);
    return batch.misfits > 0 ? Outcome::misfit : Outcome::row;
  }

 private:
  std::vector<ReadColumn> read_;
  std::vector<MYSQL_FIELD> fields_;
  std::vector<duck::LogicalType> types_;
  duckdb_data_chunk chunk_ = nullptr;
};

TEST(MysqlDamage, RowsThatEndTooSoonAreErrors) {
  for (const Sent& sent : columns()) {
    SCOPED_TRACE(sent.landed + " of type " + std::to_string(sent.type));
    Decoder decoder({sent}, Misfit::null);
    EXPECT_NE(decoder.decode(sent.value), Outcome::broken);
    for (std::size_t size = 0; size < sent.value.size(); ++size)
      EXPECT_EQ(decoder.decode({sent.value.begin(), sent.value.begin() + static_cast<long>(size)}),
                Outcome::broken)
          << size;
  }
}

TEST(MysqlDamage, LengthsBeyondTheRowAreErrors) {
  const std::vector<Bytes> lengths{{1},
                                   {250},
                                   {251},
                                   {252, 9, 0},
                                   {252, 0xFF, 0xFF},
                                   {252},
                                   {252, 1},
                                   {253, 9, 0, 0},
                                   {253, 0xFF, 0xFF, 0xFF},
                                   {253, 0, 0},
                                   {254, 9, 0, 0, 0, 0, 0, 0, 0},
                                   {254, 0, 0, 0, 0, 1, 0, 0, 0},
                                   {254, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF},
                                   {254, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F},
                                   {254, 0, 0},
                                   {255}};
  for (const Sent& sent : columns()) {
    const Travelling travelling{sent.type, (sent.flags & UNSIGNED_FLAG) != 0,
                                sent.charset == kBinary, false, 0};
    if (fixed_size(travelling)) continue;
    SCOPED_TRACE(sent.landed + " of type " + std::to_string(sent.type));
    Decoder decoder({sent}, Misfit::fail);
    for (const Bytes& each : lengths)
      EXPECT_EQ(decoder.decode(each), Outcome::broken) << int{each[0]};
  }
}

// Every length, with bytes that mean nothing behind it: what a value is made of is in its bounds.
TEST(MysqlDamage, ValuesOfEveryLengthStayInTheirBounds) {
  std::mt19937 random(1);
  std::size_t rows = 0, misfits = 0;
  for (const Sent& sent : columns()) {
    SCOPED_TRACE(sent.landed + " of type " + std::to_string(sent.type));
    Decoder lenient({sent}, Misfit::null), strict({sent}, Misfit::fail);
    for (unsigned length = 0; length < 100; ++length) {
      for (int again = 0; again < 20; ++again) {
        Bytes value{static_cast<wire::Byte>(length)};
        const unsigned most = again < 5 ? 10 : again < 10 ? 128 : 256;
        for (unsigned i = 0; i < std::max(length, 8U); ++i)
          value.push_back(static_cast<wire::Byte>((again % 5 == 0 ? '0' : 0) + random() % most));
        const Outcome outcome = lenient.decode(value);
        EXPECT_NE(outcome, Outcome::broken);
        EXPECT_EQ(strict.decode(value), outcome);
        ++(outcome == Outcome::row ? rows : misfits);
      }
    }
  }
  EXPECT_GT(rows, 10'000U);
  EXPECT_GT(misfits, 10'000U);
}

TEST(MysqlDamage, NothingButErrorsComesOfTwentyThousandDamagedRows) {
  const std::vector<Sent> all = columns();
  Bytes good;
  for (const Sent& each : all) good.insert(good.end(), each.value.begin(), each.value.end());
  Decoder decoder(all, Misfit::null);
  ASSERT_NE(decoder.decode(good), Outcome::broken);
  std::mt19937 random(2);
  std::size_t broken = 0;
  for (int i = 0; i < 20'000; ++i) {
    Bytes row = good;
    for (unsigned changes = 1 + random() % 4; changes > 0; --changes) {
      const std::size_t at = random() % row.size();
      switch (random() % 4) {
        case 0:
          row[at] = static_cast<wire::Byte>(random());
          break;
        case 1:
          row[at] = static_cast<wire::Byte>(250 + random() % 6);
          break;
        case 2:
          row.resize(at + 1);
          break;
        default:
          row.insert(row.begin() + static_cast<long>(at), static_cast<wire::Byte>(random()));
      }
    }
    if (decoder.decode(row) == Outcome::broken) ++broken;
  }
  EXPECT_GT(broken, 2'000U);
  EXPECT_LT(broken, 20'000U);
}

}  // namespace
}  // namespace sluice::mysql
