// SPDX-License-Identifier: Apache-2.0
// Every type into the vectors of the type that it lands as by default, and what DuckDB then prints:
// ends of ranges, NULLs, the empty and the long.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "dolphindb_landed.h"
#include "wire/exact.h"

namespace sluice::dolphindb {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using Wide = __int128;

template <class T>
constexpr T kLeast = std::numeric_limits<T>::min();
template <class T>
constexpr T kMost = std::numeric_limits<T>::max();

template <class T>
Landed landed_vector(dolphin::Type type, const std::vector<T>& values, int scale = 0) {
  return land(cells_of(vector_of(type, packed(values), scale)));
}

/// What is printed, cast to the type again, is the value that was stored.
void expect_castable(const std::string& type) {
  EXPECT_EQ(row_without("v IS NULL OR CAST(v::VARCHAR AS " + type + ") IS NOT DISTINCT FROM v"), -1)
      << type;
}

void expect(const Landed& is, const std::string& type, const std::vector<std::string>& values) {
  EXPECT_EQ(is.type, type);
  EXPECT_THAT(is.values, ElementsAreArray(values)) << type;
  EXPECT_EQ(is.misfits, 0U);
  expect_castable(type);
}

TEST(DolphindbDecodeTest, WholeNumbersAndTruths) {
  expect(landed_vector<std::int8_t>(dolphin::kBool, {1, 0, kLeast<std::int8_t>}), "BOOLEAN",
         {"true", "false", "NULL"});
  expect(landed_vector<std::int8_t>(dolphin::kChar, {-127, 127, 0, kLeast<std::int8_t>}), "TINYINT",
         {"-127", "127", "0", "NULL"});
  expect(landed_vector<std::int16_t>(dolphin::kShort, {-32767, 32767, kLeast<std::int16_t>}),
         "SMALLINT", {"-32767", "32767", "NULL"});
  expect(
      landed_vector<std::int32_t>(dolphin::kInt, {kLeast<std::int32_t>, -kMost<std::int32_t>, 7}),
      "INTEGER", {"NULL", "-2147483647", "7"});
  expect(landed_vector<std::int64_t>(
             dolphin::kLong, {-kMost<std::int64_t>, kMost<std::int64_t>, kLeast<std::int64_t>}),
         "BIGINT", {"-9223372036854775807", "9223372036854775807", "NULL"});
}

TEST(DolphindbDecodeTest, FloatingPointNumbers) {
  const float inf = std::numeric_limits<float>::infinity();
  expect(landed_vector<float>(dolphin::kFloat,
                              {-kMost<float>, kMost<float>, -inf, std::nanf(""), 0.1F, 1.4e-45F}),
         "FLOAT", {"NULL", "3.4028235e+38", "-inf", "nan", "0.1", "1e-45"});
  const double big = std::numeric_limits<double>::infinity();
  expect(landed_vector<double>(dolphin::kDouble, {-kMost<double>, kMost<double>, big, -big,
                                                  std::nan(""), 0.1, 5e-324, -0.0, 1e15, 1e16}),
         "DOUBLE",
         {"NULL", "1.7976931348623157e+308", "inf", "-inf", "nan", "0.1", "5e-324", "-0.0",
          "1000000000000000.0", "1e+16"});
}

TEST(DolphindbDecodeTest, DatesAndMonths) {
  expect(landed_vector<std::int32_t>(dolphin::kDate, {0, -1, -719'163, -2'147'483'646,
                                                      2'147'483'646, kLeast<std::int32_t>, 19'782}),
         "DATE",
         {"1970-01-01", "1969-12-31", "0001-12-31 (BC)", "5877642-06-25 (BC)", "5881580-07-10",
          "NULL", "2024-02-29"});
  expect(
      landed_vector<std::int32_t>(dolphin::kMonth, {24'288, 23'639, 0, -1, 12, 12 * 5'881'580 + 6,
                                                    12 * -5'877'641 + 6, kLeast<std::int32_t>}),
      "DATE",
      {"2024-01-01", "1969-12-01", "0001-01-01 (BC)", "0002-12-01 (BC)", "0001-01-01",
       "5881580-07-01", "5877642-07-01 (BC)", "NULL"});
}

TEST(DolphindbDecodeTest, TimesOfDay) {
  expect(landed_vector<std::int32_t>(dolphin::kTime, {0, 86'399'999, 1, kLeast<std::int32_t>}),
         "TIME", {"00:00:00", "23:59:59.999", "00:00:00.001", "NULL"});
  expect(landed_vector<std::int32_t>(dolphin::kMinute, {0, 1'439, kLeast<std::int32_t>}), "TIME",
         {"00:00:00", "23:59:00", "NULL"});
  expect(landed_vector<std::int32_t>(dolphin::kSecond, {0, 86'399, kLeast<std::int32_t>}), "TIME",
         {"00:00:00", "23:59:59", "NULL"});
  expect(landed_vector<std::int64_t>(dolphin::kNanotime,
                                     {0, 86'399'999'999'999, 1, kLeast<std::int64_t>}),
         "TIME_NS", {"00:00:00", "23:59:59.999999999", "00:00:00.000000001", "NULL"});
}

TEST(DolphindbDecodeTest, Instants) {
  expect(
      landed_vector<std::int32_t>(dolphin::kDatetime, {0, -1, kMost<std::int32_t>,
                                                       -kMost<std::int32_t>, kLeast<std::int32_t>}),
      "TIMESTAMP",
      {"1970-01-01 00:00:00", "1969-12-31 23:59:59", "2038-01-19 03:14:07", "1901-12-13 20:45:53",
       "NULL"});
  expect(
      landed_vector<std::int32_t>(dolphin::kDatehour, {473'352, -1, kMost<std::int32_t>,
                                                       -kMost<std::int32_t>, kLeast<std::int32_t>}),
      "TIMESTAMP",
      {"2024-01-01 00:00:00", "1969-12-31 23:00:00", "246953-10-09 07:00:00",
       "243015-03-24 (BC) 17:00:00", "NULL"});
  expect(landed_vector<std::int32_t>(dolphin::kDateminute, {-1, 1, kLeast<std::int32_t>}),
         "TIMESTAMP", {"1969-12-31 23:59:00", "1970-01-01 00:01:00", "NULL"});
  expect(
      landed_vector<std::int64_t>(
          dolphin::kTimestamp, {1'704'067'200'001, -1, -62'135'596'800'001, 9'223'372'036'854'775,
                                -9'223'372'022'400'000, kLeast<std::int64_t>}),
      "TIMESTAMP",
      {"2024-01-01 00:00:00.001", "1969-12-31 23:59:59.999", "0001-12-31 (BC) 23:59:59.999",
       "294247-01-10 04:00:54.775", "290309-12-22 (BC) 00:00:00", "NULL"});
  expect(landed_vector<std::int64_t>(dolphin::kNanotimestamp,
                                     {1'704'067'200'000'000'001, -1, kMost<std::int64_t> - 1,
                                      -9'223'286'400'000'000'000, kLeast<std::int64_t>}),
         "TIMESTAMP_NS",
         {"2024-01-01 00:00:00.000000001", "1969-12-31 23:59:59.999999999",
          "2262-04-11 23:47:16.854775806", "1677-09-22 00:00:00", "NULL"});
}

TEST(DolphindbDecodeTest, Decimals) {
  expect(landed_vector<std::int32_t>(dolphin::kDecimal32,
                                     {999'999'999, -999'999'999, -1, kLeast<std::int32_t>}, 9),
         "DECIMAL(9,9)", {".999999999", "-.999999999", "-.000000001", "NULL"});
  expect(landed_vector<std::int64_t>(
             dolphin::kDecimal64,
             {999'999'999'999'999'999, -999'999'999'999'999'999, 5, kLeast<std::int64_t>}, 18),
         "DECIMAL(18,18)",
         {".999999999999999999", "-.999999999999999999", ".000000000000000005", "NULL"});
  const Wide most = wire::power_of_ten(38) - 1, least = Wide{1} << 127;
  expect(landed_vector<Wide>(dolphin::kDecimal128, {most, -most, -125, least}, 2), "DECIMAL(38,2)",
         {"999999999999999999999999999999999999.99", "-999999999999999999999999999999999999.99",
          "-1.25", "NULL"});
  expect(landed_vector<Wide>(dolphin::kDecimal128, {most, 0}, 38), "DECIMAL(38,38)",
         {".99999999999999999999999999999999999999", "." + std::string(38, '0')});
  expect(landed_vector<std::int32_t>(dolphin::kDecimal32, {7, 0}, 0), "DECIMAL(9,0)", {"7", "0"});
}

TEST(DolphindbDecodeTest, SixteenBytes) {
  const auto bytes = [](const std::vector<std::uint64_t>& low_first) { return packed(low_first); };
  const std::string values = bytes({0xEE87'0000'0000'0001, 0xFFFF'0000'0000'0000}) + bytes({1, 0}) +
                             bytes({~0ULL, ~0ULL}) + bytes({0, 0});
  expect(land(cells_of(vector_of(dolphin::kUuid, values))), "UUID",
         {"ffff0000-0000-0000-ee87-000000000001", "00000000-0000-0000-0000-000000000001",
          "ffffffff-ffff-ffff-ffff-ffffffffffff", "NULL"});
  expect(land(cells_of(vector_of(dolphin::kInt128, values))), "VARCHAR",
         {"ffff000000000000ee87000000000001", "00000000000000000000000000000001",
          "ffffffffffffffffffffffffffffffff", "NULL"});
  expect(land(cells_of(vector_of(dolphin::kIpaddr, bytes({0xC0A8'0101, 0}) + values))), "VARCHAR",
         {"192.168.1.1", "ffff::ee87:0:0:1", "0.0.0.1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
          "NULL"});
  const double none = -kMost<double>;
  const std::string pairs = packed(std::vector<double>{1.5, -2, none, 3, none, none});
  expect(land(cells_of(vector_of(dolphin::kComplex, pairs))), "STRUCT(re DOUBLE, im DOUBLE)",
         {"{'re': 1.5, 'im': -2.0}", "{'re': NULL, 'im': 3.0}", "NULL"});
  expect(land(cells_of(vector_of(dolphin::kPoint, pairs))), "STRUCT(x DOUBLE, y DOUBLE)",
         {"{'x': 1.5, 'y': -2.0}", "{'x': NULL, 'y': 3.0}", "NULL"});
}

TEST(DolphindbDecodeTest, Durations) {
  std::vector<std::int32_t> values;
  std::vector<std::string> expected;
  for (const char* unit : {"ns", "us", "ms", "s", "m", "H", "d", "w", "M", "y", "B"}) {
    values.insert(values.end(), {-3, static_cast<std::int32_t>(expected.size())});
    expected.push_back(std::string("-3") + unit);
  }
  values.insert(values.end(), {10, ('X' << 24) | ('N' << 16) | ('Y' << 8) | 'S'});  // exchange days
  values.insert(values.end(), {kLeast<std::int32_t>, 3});
  expected.insert(expected.end(), {"10XNYS", "NULL"});
  expect(landed_vector(dolphin::kDuration, values), "VARCHAR", expected);
}

TEST(DolphindbDecodeTest, TextsSymbolsAndBlobs) {
  const std::string twelve = "twelve bytes", longer = "more than twelve bytes: h\xC3\xA9";
  const std::vector<std::string> texts{"", "a", twelve, longer, std::string(70'000, 'x')};
  const std::vector<std::string> landed{"NULL", "a", twelve, longer, std::string(70'000, 'x')};
  expect(land(cells_of(dolphin::encode(dolphin::texts_of(texts)))), "VARCHAR", landed);
  dolphin::Value symbols = dolphin::integers_of({3, 0, 1, 1, 2}, dolphin::kSymbol);
  symbols.bytes = packed(std::vector<std::int32_t>{3, 0, 1, 1, 2});
  symbols.based = true;
  symbols.base = {"", "AAPL", twelve, longer};
  expect(land(cells_of(dolphin::encode(symbols))), "VARCHAR",
         {longer, "NULL", "AAPL", "AAPL", twelve});
  const std::string zeros("a\0b\0", 4);
  expect(land(cells_of(dolphin::encode(
             dolphin::texts_of({zeros, "", "\xFF\xFE", std::string(20, '\0')}, dolphin::kBlob)))),
         "BLOB", {R"(a\x00b\x00)", "NULL", R"(\xFF\xFE)", [] {
                    std::string all;
                    for (int i = 0; i < 20; ++i) all += R"(\x00)";
                    return all;
                  }()});
}

TEST(DolphindbDecodeTest, Arrays) {
  const auto ints = packed(std::vector<std::int32_t>{1, kLeast<std::int32_t>, 3});
  expect(land(cells_of(array_of(dolphin::kInt, {0, 2, 0, 1, 0}, ints))), "INTEGER[]",
         {"[]", "[1, NULL]", "[]", "[3]", "[]"});
  expect(land(cells_of(array_of(dolphin::kDecimal64, {2, 0},
                                packed(std::vector<std::int64_t>{-5, kLeast<std::int64_t>}), 2))),
         "DECIMAL(18,2)[]", {"[-0.05, NULL]", "[]"});
  expect(land(cells_of(array_of(dolphin::kNanotimestamp, {1, 1},
                                packed(std::vector<std::int64_t>{-1, kLeast<std::int64_t>})))),
         "TIMESTAMP_NS[]", {"['1969-12-31 23:59:59.999999999']", "[NULL]"});
  expect(land(cells_of(array_of(dolphin::kBool, {3, 0}, std::string("\1\0\x80", 3)))), "BOOLEAN[]",
         {"[true, false, NULL]", "[]"});
  expect(land(cells_of(array_of(dolphin::kUuid, {2}, packed(std::vector<Wide>{1, 0})))), "UUID[]",
         {"[00000000-0000-0000-0000-000000000001, NULL]"});
  expect(land(cells_of(array_of(dolphin::kInt128, {2}, packed(std::vector<Wide>{255, 0})))),
         "VARCHAR[]", {"[000000000000000000000000000000ff, NULL]"});
  const double none = -kMost<double>;
  expect(land(cells_of(array_of(dolphin::kPoint, {2, 0, 1},
                                packed(std::vector<double>{1, none, none, none, 2, 3})))),
         "STRUCT(x DOUBLE, y DOUBLE)[]",
         {"[{'x': 1.0, 'y': NULL}, NULL]", "[]", "[{'x': 2.0, 'y': 3.0}]"});
}

// The child's room is made in steps, and NULLs are noted before and after it grows.
TEST(DolphindbDecodeTest, ArraysThatGrow) {
  std::vector<std::uint32_t> counts;
  std::vector<std::int64_t> values;
  for (std::uint32_t row = 0; row < 3'000; ++row) {
    counts.push_back(row % 7);
    for (std::uint32_t i = 0; i < row % 7; ++i)
      values.push_back(values.size() % 5 == 0 ? kLeast<std::int64_t>
                                              : static_cast<std::int64_t>(values.size()));
  }
  const Cells cells = cells_of(array_of(dolphin::kLong, counts, packed(values)));
  const Landed landed =
      land_in_batches(cells, cells.type, "BIGINT[]", Misfit::fail, Batch::kMaxRows);
  ASSERT_EQ(landed.values.size(), 3'000U);
  for (std::uint64_t row = 0; row < cells.rows; ++row)
    ASSERT_EQ(landed.values[row], printed_cell(cells, row)) << row;
}

TEST(DolphindbDecodeTest, AVoidColumnIsNullWhateverTheCatalogSays) {
  const Object table = object_of(golden("srv_void_column.bin"));
  for (const ColumnType& catalog :
       {ColumnType{Type::int32}, ColumnType{Type::string}, ColumnType{Type::blob},
        ColumnType{Type::month}, ColumnType{Type::int64, true}, ColumnType{Type::point}})
    EXPECT_THAT(land_in_batches(table.items[0].cells, catalog, landed_type(catalog), Misfit::fail,
                                Batch::kMaxRows)
                    .values,
                ElementsAre("NULL", "NULL"))
        << name_of(catalog);
}

}  // namespace
}  // namespace sluice::dolphindb
