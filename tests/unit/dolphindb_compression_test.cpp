// SPDX-License-Identifier: Apache-2.0
// Compressed columns: what the client's writer sent, what an independent encoder makes of the
// hardest values, and damage. (The writer's bytes as a whole: dolphindb_golden_test.cpp.)
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <random>

#include "connectors/dolphindb/compression.h"
#include "dolphindb_bytes.h"

namespace sluice::dolphindb {
namespace {

using ::testing::HasSubstr;

constexpr std::size_t kHead = 2 + 28;  // flag and header

std::string compressed(dolphin::Value value, std::uint8_t method,
                       std::vector<std::size_t> blocks = {}) {
  value.compression.emplace();
  value.compression->method = method;
  value.compression->blocks = std::move(blocks);
  return dolphin::encode(value);
}

std::string printed_column(const std::string& bytes) { return printed(object_of(bytes)); }

std::string damage_of(const std::string& bytes, std::uint64_t most = kRoom) {
  try {
    cells_of(bytes, most);
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::data);
    return error.what();
  }
  return "none";
}

TEST(DolphindbCompressionTest, DeltasOfAnyNumbers) {
  std::mt19937_64 random(7);
  for (const dolphin::Type type : {dolphin::kShort, dolphin::kInt, dolphin::kLong,
                                   dolphin::kTimestamp, dolphin::kDate, dolphin::kMonth}) {
    for (const int kind : {0, 1, 2, 3, 4}) {
      std::vector<std::int64_t> values;
      for (std::int64_t i = 0; i < 40'000; ++i) {
        const auto any = static_cast<std::int64_t>(random());
        values.push_back(kind == 0   ? any        // wild: longer than they were
                         : kind == 1 ? i * 1'000  // steady
                         : kind == 2 ? any % 100  // near
                                     : std::int64_t{1} << (i % 63));
        if (kind == 4) {  // as far apart as can be: twice as long as they were
          const int bits = static_cast<int>(dolphin::width_of(type)) * 8 - 1;
          const auto most = static_cast<std::int64_t>((std::uint64_t{1} << bits) - 1);
          values.back() = i % 2 == 0 ? most : -most;
          continue;
        }
        // The least number is NULL, and the encoder's is 64 bits wide.
        if (i % 11 == 3 || (kind == 3 && i < 20))
          values.back() = std::numeric_limits<std::int64_t>::min();
      }
      dolphin::Value vector = dolphin::integers_of(values, type);
      for (std::size_t i = 0; i < values.size(); ++i) {
        if (values[i] != std::numeric_limits<std::int64_t>::min()) continue;
        const std::string null = dolphin::null_of(type);
        vector.bytes.replace(i * null.size(), null.size(), null);
      }
      const Cells cells = cells_of(compressed(vector, 2));
      ASSERT_EQ(cells.rows, values.size());
      const std::string_view is(reinterpret_cast<const char*>(cells.data.data()),
                                cells.data.size());
      ASSERT_EQ(is.size(), vector.bytes.size());
      const auto differs = std::ranges::mismatch(is, vector.bytes).in1 - is.begin();
      EXPECT_EQ(static_cast<std::size_t>(differs), is.size())
          << dolphin::name_of(type) << " of kind " << kind;
    }
  }
}

TEST(DolphindbCompressionTest, DeltasInSmallBlocks) {
  const std::int64_t null = std::numeric_limits<std::int32_t>::min();
  for (const std::vector<std::int64_t>& values : std::vector<std::vector<std::int64_t>>{
           {}, {null}, {null, null, null}, {5}, {null, 5}, {5, null}, {5, null, null, 6, null}}) {
    const dolphin::Value vector = dolphin::integers_of(values);
    EXPECT_EQ(printed_column(compressed(vector, 2)), printed_column(dolphin::encode(vector)));
  }
}

TEST(DolphindbCompressionTest, TextsGoOnInTheNextBlock) {
  const std::vector<std::string> texts{"a", "", "h\xC3\xA9", std::string(70'000, 'x'), "end"};
  const dolphin::Value vector = dolphin::texts_of(texts);
  const std::string plain = printed_column(dolphin::encode(vector));
  EXPECT_EQ(printed_column(compressed(vector, 1)), plain);
  EXPECT_EQ(printed_column(compressed(vector, 1, {1, 3, 1, 40'000, 30'003})), plain);
  const dolphin::Value blobs = dolphin::texts_of({std::string("a\0b", 3), "", "c"}, dolphin::kBlob);
  const std::string plain_blobs = printed_column(dolphin::encode(blobs));
  EXPECT_EQ(printed_column(compressed(blobs, 1, {2, 4, 7, 3})), plain_blobs);
}

TEST(DolphindbCompressionTest, AllThatIsOfOneWidth) {
  std::string wide;
  for (int i = 0; i < 160'000; ++i) wide += static_cast<char>(i * 7 % 251);
  dolphin::Value uuids = dolphin::integers_of({}, dolphin::kUuid);
  uuids.rows = 10'000;
  uuids.bytes = wide;
  EXPECT_EQ(printed_column(compressed(uuids, 1)), printed_column(dolphin::encode(uuids)));
  dolphin::Value arrays = dolphin::integers_of({1, 2, 3}, dolphin::kLong);
  arrays.array = true;
  arrays.rows = 4;
  arrays.cols = 3;
  arrays.counts = {0, 2, 1, 0};
  EXPECT_EQ(printed_column(compressed(arrays, 1)), "LONG[] [[], [1, 2], [3], []]");
}

// The top bit of the last length says that a number of the log follows.
TEST(DolphindbCompressionTest, ANumberOfTheLogMayFollow) {
  for (const std::uint8_t method : std::vector<std::uint8_t>{1, 2}) {
    std::string bytes = compressed(dolphin::integers_of({1, 2, 3}, dolphin::kLong), method);
    ASSERT_EQ(static_cast<unsigned char>(bytes[kHead + 3]), 0);
    bytes[kHead + 3] = static_cast<char>(0x80);
    EXPECT_EQ(printed_column(bytes), "LONG [1, 2, 3]");  // it may, and need not
    const auto size = load<std::int32_t>(reinterpret_cast<const Byte*>(bytes.data()) + 2) + 8;
    std::memcpy(bytes.data() + 2, &size, sizeof size);
    EXPECT_EQ(printed_column(bytes + std::string(8, '\7')), "LONG [1, 2, 3]");
  }
}

TEST(DolphindbCompressionTest, DamageIsSeen) {
  const std::string lz4 = golden("srv_z_string_split.bin").substr(13);  // the column of the table
  ASSERT_EQ(lz4.substr(0, 2), "\x1A\x01");
  ASSERT_EQ(damage_of(lz4), "none");
  const std::string delta = compressed(dolphin::integers_of({1, 900, 5}), 2);
  ASSERT_EQ(damage_of(delta), "none");
  const auto with = [](std::string bytes, std::size_t at, char byte) {
    bytes[at] = byte;
    return damage_of(bytes);
  };
  EXPECT_THAT(with(delta, 11, 0), HasSubstr("big-endian"));
  EXPECT_THAT(with(delta, 13, 3), HasSubstr("method 3"));
  EXPECT_THAT(with(delta, 15, 3), HasSubstr("deltas of 3 bytes"));
  EXPECT_THAT(with(delta, 15, 8), HasSubstr("longer than 12 bytes"));
  EXPECT_THAT(with(delta, 2, 19), HasSubstr("makes no sense"));
  EXPECT_THAT(with(delta, 22, 4), HasSubstr("another length"));
  EXPECT_THAT(with(delta, kHead, '\x7F'), HasSubstr("longer than it can be"));
  EXPECT_THAT(with(delta, kHead, 4), HasSubstr("ends in the middle"));
  EXPECT_THAT(with(lz4, kHead + 4, '\xFF'), HasSubstr("LZ4"));
  EXPECT_THAT(with(lz4, 22, 4), HasSubstr("ends in the middle"));  // a text more than there are
  EXPECT_THAT(with(lz4, 22, 2), HasSubstr("more in it than its rows"));
  EXPECT_THAT(with(lz4, 14, '\x91'), HasSubstr("symbols"));
  EXPECT_THAT(with(lz4, 14, '\x19'), HasSubstr("ANY"));
}

TEST(DolphindbCompressionTest, NothingSmallBecomesLarge) {
  const std::string much =
      compressed(dolphin::integers_of(std::vector<std::int64_t>(1'000'000), dolphin::kLong), 1);
  EXPECT_LT(much.size(), 100'000U);
  EXPECT_EQ(damage_of(much), "none");
  EXPECT_THAT(damage_of(much, 7'999'999), HasSubstr("more than 7 MiB"));
  const std::string texts =
      compressed(dolphin::texts_of({std::string(1'000'000, 'x'), std::string(100, '\0')}), 1);
  EXPECT_THAT(damage_of(texts, 500'000), HasSubstr("longer than 500000 bytes"));
}

}  // namespace
}  // namespace sluice::dolphindb
