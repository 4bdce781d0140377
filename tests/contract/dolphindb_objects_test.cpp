// SPDX-License-Identifier: Apache-2.0
// The stand-in's encodings, by bytes that DolphinDB's own Python client sent or has read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/dolphindb_objects.h"

namespace sluice {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using namespace testing::dolphin;

std::string golden(const std::string& name) {
  std::stringstream bytes;
  bytes << std::ifstream(SLUICE_SOURCE "/tests/golden/dolphindb/" + name, std::ios::binary).rdbuf();
  return bytes.str();
}

std::vector<std::string> golden_names() {
  std::vector<std::string> names;
  std::istringstream index(golden("index.tsv"));
  for (std::string line; std::getline(index, line);)
    names.push_back(line.substr(0, line.find('\t')));
  return names;
}

/// The same object as it would be written without compression.
Value plain(Value value) {
  value.compression.reset();
  if (value.form == table) value.kind = 0;
  for (Value& each : value.items) each = plain(each);
  return value;
}

std::string refusal_of(const std::string& bytes) {
  try {
    decode(bytes);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "none";
}

TEST(DolphindbObjectsTest, EveryGoldenObjectIsReadAndWrittenAsItIs) {
  const std::vector<std::string> names = golden_names();
  ASSERT_EQ(names.size(), 214U);
  for (const std::string& name : names) {
    const std::string bytes = golden(name + ".bin");
    ASSERT_FALSE(bytes.empty()) << name;
    try {
      const Value value = decode(bytes);
      // Not the client's: literals alone, where LZ4 finds something to repeat.
      EXPECT_TRUE(encode(value) == bytes || name == "srv_z_dec64") << name;
      EXPECT_TRUE(encode(plain(decode(encode(value)))) == encode(plain(value))) << name;
    } catch (const std::exception& error) {
      ADD_FAILURE() << name << ": " << error.what();
    }
  }
}

TEST(DolphindbObjectsTest, CompressedRowsAreThePlainOnes) {
  const Value plain_rows = decode(golden("mtw_plain_10000.bin"));
  for (const char* name : {"mtw_lz4_10000.bin", "mtw_delta_10000.bin"}) {
    Value rows = plain(decode(golden(name)));
    rows.names = plain_rows.names;
    EXPECT_TRUE(encode(rows) == encode(plain_rows)) << name;
  }
  // And compressed by us, with blocks of our own.
  for (const bool by_differences : {false, true}) {
    Value rows = plain_rows;
    for (Value& each : rows.items) {
      const std::size_t width = width_of(each.type);
      const bool differences =
          by_differences && width > 1 && width < 9 && each.type != kDouble && each.type != kFloat;
      each.compression.emplace().method = differences ? 2 : 1;
    }
    const std::string bytes = encode(rows);
    EXPECT_LT(bytes.size(), encode(plain_rows).size() / 2);
    EXPECT_TRUE(encode(plain(decode(bytes))) == encode(plain_rows));
  }
}

// The vendor's own example of an answer, worked out by hand.
TEST(DolphindbObjectsTest, ValuesMeanWhatTheyAreDocumentedToMean) {
  Value symbol;
  symbol.type = kSymbol;
  symbol.form = vector;
  symbol.based = true;
  symbol.rows = 3;
  symbol.base = {"", "AAPL", "MSFT"};
  symbol.bytes = integers_of({1, 2, 1}).bytes;
  Value price = integers_of({}, kDouble);
  price.rows = 3;
  price.bytes = packed(0x4067b00000000000, 8) + null_of(kDouble) + packed(0x4067c80000000000, 8);
  const Value rows =
      table_of({"symbol", "timestamp", "price", "volume"},
               {symbol, integers_of({1704067200001, 1704067202000, INT64_MIN}, kTimestamp), price,
                integers_of({100, INT32_MIN, -7})});
  const std::string bytes = encode(rows);
  ASSERT_EQ(bytes.size(), 172U);
  EXPECT_EQ(bytes.substr(0, 11), std::string("\x00\x06\x03\0\0\0\x04\0\0\0\0", 11));
  EXPECT_EQ(bytes.substr(41, 2), "\x91\x01");
  EXPECT_THAT(bytes, HasSubstr(std::string("\x01\xf4\x51\xc2\x8c\x01\0\0", 8)));
  const Value again = decode(bytes);
  EXPECT_EQ(again.items[0].text(2), "AAPL");
  EXPECT_TRUE(again.items[1].null(2));
  EXPECT_EQ(again.items[1].integer(1), 1704067202000);
  EXPECT_TRUE(again.items[2].null(1));
  EXPECT_EQ(again.items[2].real(2), 190.25);
  EXPECT_EQ(again.items[3].integer(2), -7);
  EXPECT_TRUE(again.items[3].null(1));
  const Value blob = decode(golden("vec_blob.bin"));
  EXPECT_EQ(blob.text(0), std::string("a\0b", 3));
  const Value lists = decode(golden("vec_av_int.bin"));
  EXPECT_THAT(lists.counts, ElementsAre(3, 1, 1));
  EXPECT_TRUE(lists.null(1));
  EXPECT_EQ(lists.integer(3), 4);
  const Value money = decode(golden("vec_decimal64_s4.bin"));
  EXPECT_EQ(money.scale, 4);
  EXPECT_EQ(money.integer(0), 12500);
}

TEST(DolphindbObjectsTest, WhatEndsTooEarlyOrTooLateIsRefused) {
  for (const std::string& name : golden_names()) {
    const std::string bytes = golden(name + ".bin");
    EXPECT_THAT(refusal_of(bytes + "x"), HasSubstr("1 bytes behind")) << name;
    for (std::size_t size = 0; size < bytes.size() && bytes.size() < 700; ++size)
      EXPECT_NE(refusal_of(bytes.substr(0, size)), "none") << name << " cut at " << size;
  }
  std::string longer = golden("tab_int.bin");
  longer[2] = 4;
  EXPECT_THAT(refusal_of(longer), HasSubstr("not as long as its table"));
  std::string cells = golden("vec_av_int.bin");
  cells[6] = 6;
  EXPECT_THAT(refusal_of(cells), HasSubstr("not as many as it says"));
  EXPECT_THAT(refusal_of(std::string("\x04\x0a\0\0\0\0", 6)), HasSubstr("form 10"));
  EXPECT_THAT(refusal_of("\x04\x01\xff\xff\xff\xff\x01"), StartsWith("no object"));
}

}  // namespace
}  // namespace sluice
