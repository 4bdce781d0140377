// SPDX-License-Identifier: Apache-2.0
// Marks as text and back, and what is sent as arguments.
#include <gtest/gtest.h>

#include <limits>
#include <optional>
#include <utility>

#include "dolphindb_landed.h"

namespace sluice::dolphindb {
namespace {

using Number = std::optional<std::int64_t>;

constexpr std::int64_t kMostInt = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t kMostLong = std::numeric_limits<std::int64_t>::max();

TEST(DolphindbTextTest, MarksComeBack) {
  const std::vector<std::pair<Type, std::vector<std::int64_t>>> all{
      {Type::int8, {0, 1, -1, 127, -127}},
      {Type::int16, {0, 32'767, -32'767}},
      {Type::int32, {0, kMostInt, -kMostInt}},
      {Type::int64, {0, kMostLong, -kMostLong}},
      {Type::date, {0, -1, 19'782, -719'163, kMostInt, -kMostInt}},
      {Type::month, {0, -1, 24'288, 23'639, kMostInt, -kMostInt}},
      {Type::datehour, {0, -1, kMostInt, -kMostInt}},
      {Type::dateminute, {0, -1, kMostInt, -kMostInt}},
      {Type::datetime, {0, -1, kMostInt, -kMostInt}},
      {Type::timestamp,
       {0, -1, -62'135'596'800'001, 9'223'372'036'854'775, -9'223'372'022'400'000}},
      {Type::nanotimestamp, {0, -1, 1'704'067'200'000'000'001, kMostLong, -kMostLong}},
  };
  std::size_t marks = 0;
  for (int number = 0; number <= static_cast<int>(Type::decimal128); ++number)
    marks += is_mark(static_cast<Type>(number)) ? 1 : 0;
  EXPECT_EQ(marks, all.size());
  for (const auto& [type, numbers] : all) {
    for (const std::int64_t each : numbers)
      EXPECT_EQ(mark_number(type, mark_text(type, each)), each) << mark_text(type, each);
  }
}

// The engine's marks are DuckDB's text of the landed values.
TEST(DolphindbTextTest, MarksAreWhatDuckdbPrints) {
  const std::vector<std::pair<dolphin::Type, std::vector<std::int64_t>>> all{
      {dolphin::kInt, {0, kMostInt, -kMostInt}},
      {dolphin::kDate, {0, -1, -719'163, 2'147'483'646, -2'147'483'646}},
      {dolphin::kMonth, {24'288, -1, 23'639}},
      {dolphin::kDatehour, {0, -1, kMostInt, -kMostInt}},
      {dolphin::kDateminute, {0, -1, kMostInt}},
      {dolphin::kDatetime, {0, -1, kMostInt}},
      {dolphin::kTimestamp, {1, -1, -62'135'596'800'001, -9'223'372'022'400'000}},
      {dolphin::kNanotimestamp, {1, -1, kMostLong - 1}},
  };
  for (const auto& [type, numbers] : all) {
    const Cells cells = cells_of(dolphin::encode(dolphin::integers_of(numbers, type)));
    const Landed landed = land(cells);
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      EXPECT_EQ(mark_text(cells.type.type, numbers[i]), landed.values[i]);
      EXPECT_EQ(mark_number(cells.type.type, landed.values[i]), numbers[i]) << landed.values[i];
    }
  }
}

TEST(DolphindbTextTest, BetweenTwoNumbersIsTheUpper) {
  EXPECT_EQ(mark_number(Type::date, "2024-02-29 00:00:00.000000001"), Number(19'783));
  EXPECT_EQ(mark_number(Type::date, "1969-12-31 12:00:00"), Number(0));
  EXPECT_EQ(mark_number(Type::date, "1969-12-30 00:00:01"), Number(-1));
  EXPECT_EQ(mark_number(Type::month, "2024-01-02"), Number(24'289));
  EXPECT_EQ(mark_number(Type::month, "2024-01-01 00:00:00.000000001"), Number(24'289));
  EXPECT_EQ(mark_number(Type::month, "1969-12-31"), Number(23'640));
  EXPECT_EQ(mark_number(Type::month, "0001-12-31 (BC) 23:59:59"), Number(12));
  EXPECT_EQ(mark_number(Type::datehour, "1969-12-31 23:00:00.1"), Number(0));
  EXPECT_EQ(mark_number(Type::datehour, "1970-01-01 00:00:00.1"), Number(1));
  EXPECT_EQ(mark_number(Type::datetime, "1969-12-31 23:59:58.999999"), Number(-1));
  EXPECT_EQ(mark_number(Type::timestamp, "2024-01-01 00:00:00.0001"), Number(1'704'067'200'001));
  EXPECT_EQ(mark_number(Type::timestamp, "1969-12-31 23:59:59.9991"), Number(0));
  EXPECT_EQ(mark_number(Type::nanotimestamp, "1969-12-31 23:59:59.999999999"), Number(-1));
}

TEST(DolphindbTextTest, MarksAreReadAsDuckdbAndPeopleWriteThem) {
  EXPECT_EQ(mark_number(Type::timestamp, "2024-01-01T00:00:00+00"), Number(1'704'067'200'000));
  EXPECT_EQ(mark_number(Type::timestamp, "2024-01-01 00:00"), Number(1'704'067'200'000));
  EXPECT_EQ(mark_number(Type::timestamp, "2024-01-01"), Number(1'704'067'200'000));
  EXPECT_EQ(mark_number(Type::date, "0044-03-15 (BC)"), Number(-735'160));
  for (const char* text :
       {"", "2024", "2024-13-01", "2024-02-30", "2023-02-29", "2024-01-01 24:00:00",
        "2024-01-01 00:60:00", "2024-01-01 00:00:00.0000000001", "2024-01-01 00:00:00x", "infinity",
        "2024-01-01 00:00:00 (BC)", "999999999-01-01", "99999999999999999999-01-01", "-1-01-01",
        "2024-01-00", "2024-01-01 00:00:00-05"}) {
    EXPECT_EQ(mark_number(Type::timestamp, text), std::nullopt) << text;
    EXPECT_EQ(mark_number(Type::month, text), std::nullopt) << text;
  }
  for (const char* text :
       {"", "x", "1x", "1.5", " 1", "9223372036854775808", "-9223372036854775808"})
    EXPECT_EQ(mark_number(Type::int64, text), std::nullopt) << text;
}

TEST(DolphindbTextTest, WhatATypeCannotHoldIsNone) {
  EXPECT_EQ(mark_number(Type::int8, "128"), std::nullopt);
  EXPECT_EQ(mark_number(Type::int8, "-128"), std::nullopt);  // it is NULL
  EXPECT_EQ(mark_number(Type::int16, "32768"), std::nullopt);
  EXPECT_EQ(mark_number(Type::int32, "-2147483648"), std::nullopt);
  EXPECT_EQ(mark_number(Type::datetime, "2038-01-19 03:14:07"), Number(kMostInt));
  EXPECT_EQ(mark_number(Type::datetime, "2038-01-19 03:14:07.1"), std::nullopt);
  EXPECT_EQ(mark_number(Type::nanotimestamp, "2262-04-11 23:47:16.854775808"), std::nullopt);
  EXPECT_EQ(mark_number(Type::nanotimestamp, "1677-09-21 00:12:43.145224192"), std::nullopt);
  EXPECT_EQ(mark_number(Type::time, "10:00:00"), std::nullopt);
  EXPECT_EQ(mark_number(Type::string, "a"), std::nullopt);
}

TEST(DolphindbTextTest, ArgumentsAreSentAsTheOfficialClientSendsThem) {
  EXPECT_EQ(bytes_of(text_scalar("h\xC3\xA9\xE4\xB8\xAD")), golden("sc_string.bin"));
  EXPECT_EQ(bytes_of(text_scalar("")), golden("sc_string_empty.bin"));
  EXPECT_EQ(bytes_of(bool_scalar(true)), golden("sc_bool_true.bin"));
  EXPECT_EQ(bytes_of(bool_scalar(false)), golden("sc_bool_false.bin"));
  EXPECT_EQ(bytes_of(int_scalar(42)), golden("sc_long.bin"));
  EXPECT_EQ(bytes_of(int_scalar(std::numeric_limits<std::int64_t>::min())),
            golden("sc_long_null.bin"));
  EXPECT_EQ(bytes_of(int_scalar(-5, Type::int8)), golden("sc_char.bin"));
  EXPECT_EQ(bytes_of(int_scalar(-300, Type::int16)), golden("sc_short.bin"));
  EXPECT_EQ(bytes_of(int_scalar(-7, Type::int32)), golden("sc_int.bin"));
  EXPECT_EQ(bytes_of(text_vector({"a", "", "b"})), golden("v_list_str.bin"));
  const auto mark = [](Type type, const char* text) {
    return bytes_of(int_scalar(mark_number(type, text).value(), type));
  };
  EXPECT_EQ(mark(Type::month, "2024-01-01"), golden("sc_month.bin"));
  EXPECT_EQ(mark(Type::date, "2024-01-02"), golden("sc_date.bin"));
  EXPECT_EQ(mark(Type::date, "1969-12-31"), golden("sc_date_neg.bin"));
  EXPECT_EQ(mark(Type::datehour, "2024-01-02 03:00:00"), golden("sc_datehour.bin"));
  EXPECT_EQ(mark(Type::datetime, "2024-01-02 03:04:05"), golden("sc_datetime.bin"));
  EXPECT_EQ(mark(Type::timestamp, "2024-01-02 03:04:05.123"), golden("sc_timestamp.bin"));
  EXPECT_EQ(mark(Type::nanotimestamp, "2024-01-02 03:04:05.123456789"),
            golden("sc_nanotimestamp.bin"));
  // They are read back, empty lists too.
  EXPECT_EQ(printed(object_of(bytes_of(text_vector({})))), "STRING []");
  EXPECT_THROW(text_scalar(std::string("a\0b", 3)), Error);
  EXPECT_THROW(text_vector({"a", std::string(1, '\0')}), Error);
}

// Keys and bounds are sent as tables of vectors.
TEST(DolphindbTextTest, VectorsAndTablesAreSentAsTheyCame) {
  std::size_t sent = 0;
  for (const std::string& name : golden_names()) {
    const bool column = name.starts_with("vec_") || name.starts_with("tab_");
    if (!column || name.find("_av_") != std::string::npos) continue;
    const std::string bytes = golden(name + ".bin");
    const Object object = object_of(bytes);
    const std::string is = printed(object);
    // Symbols are sent as texts, and blobs not at all.
    if (is.find("SYMBOL") != std::string::npos || is.find("BLOB") != std::string::npos ||
        is.find("[]") != std::string::npos)
      continue;
    EXPECT_EQ(bytes_of(object), bytes) << name;
    ++sent;
  }
  EXPECT_EQ(sent, 55U);
}

TEST(DolphindbTextTest, DictionariesAndTablesAreAskedByName) {
  const Object map = object_of(golden("dict_any.bin"));
  ASSERT_NE(map.find("b"), nullptr);
  EXPECT_EQ(map.find("b")->texts(), std::vector<std::string>{"x"});
  EXPECT_EQ(map.find("c")->numbers(), (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(map.find("d"), nullptr);
  const Object table = object_of(golden("tab_wide.bin"));
  EXPECT_EQ(table.find("y")->texts(), (std::vector<std::string>{"AAPL", ""}));
  EXPECT_EQ(table.find("i")->numbers(),
            (std::vector<std::int64_t>{1, std::numeric_limits<std::int64_t>::min()}));
  EXPECT_TRUE(table.find("p")->numbers().empty());
  EXPECT_TRUE(table.find("p")->texts().empty());
  EXPECT_EQ(table.find("z"), nullptr);
  EXPECT_EQ(object_of(golden("sc_int.bin")).find("a"), nullptr);
  EXPECT_TRUE(object_of(golden("sc_null.bin")).void_value());
  EXPECT_FALSE(object_of(golden("srv_blocks_0.bin")).void_value());
}

TEST(DolphindbTextTest, TypesAreNamedByTheirNumbers) {
  EXPECT_EQ(name_of(column_type(68, 0).value()), "INT[]");
  EXPECT_EQ(name_of(column_type(38, 4).value()), "DECIMAL64(4)");
  EXPECT_EQ(name_of(column_type(103, 38).value()), "DECIMAL128(38)[]");
  EXPECT_EQ(column_type(145, 0), column_type(17, 0));
  for (const int number : {-1, 26, 27, 33, 40, 41, 42, 43, 64, 81, 82, 96, 128, 129, 146, 255})
    EXPECT_FALSE(column_type(number, 0)) << number;
  EXPECT_FALSE(column_type(37, 10));
  EXPECT_FALSE(column_type(38, 19));
  EXPECT_FALSE(column_type(39, 39));
  EXPECT_FALSE(column_type(39, -1));
  EXPECT_EQ(landed_type({Type::decimal32, true, 3}), "DECIMAL(9,3)[]");
  for (const Type none : {Type::any, Type::nothing, Type::handle, Type::code})
    EXPECT_EQ(landed_type({none}), "");
}

/// Rows are asked for by keys as DuckDB prints them.
TEST(DolphindbTextTest, AValueIsReadBackFromItsText) {
  const auto again = [](const ColumnType& type, const std::string& text) {
    std::array<Byte, 16> value{};
    return value_of(type, text, value) ? text_of(type, value.data()) : std::string("none");
  };
  const std::vector<std::pair<ColumnType, std::vector<std::string>>> cases{
      {{Type::boolean}, {"true", "false"}},
      {{Type::int8}, {"-127", "127"}},
      {{Type::int64}, {"-9223372036854775807", "0"}},
      {{Type::float32}, {"0.1", "-1.5"}},
      {{Type::float64}, {"0.1", "1e+300"}},
      {{Type::decimal32, false, 9}, {"0.000000001", "-0.999999999"}},
      {{Type::decimal64, false, 0}, {"-999999999999999999"}},
      {{Type::decimal128, false, 38}, {"-0.00000000000000000000000000000000000001"}},
      {{Type::decimal128, false, 2}, {"999999999999999999999999999999999999.99"}},
      {{Type::uuid}, {"5d212a78-cc48-e3b1-4235-b4d91473ee87"}},
      {{Type::int128}, {"e1671797c52e15f763380b45e841ec32"}},
      {{Type::ipaddr}, {"192.168.1.1", "2001:db8::1"}},
      {{Type::time}, {"23:59:59.999", "00:00:00"}},
      {{Type::minute}, {"13:30:00"}},
      {{Type::second}, {"13:30:01"}},
      {{Type::nanotime}, {"13:30:01.000000001"}},
      {{Type::date}, {"1969-12-31", "2024-02-29"}},
      {{Type::month}, {"2024-02-01"}},
      {{Type::datehour}, {"2024-02-01 05:00:00"}},
      {{Type::nanotimestamp}, {"1969-12-31 23:59:59.999999999"}}};
  for (const auto& [type, texts] : cases) {
    for (const std::string& each : texts) EXPECT_EQ(again(type, each), each) << name_of(type);
    EXPECT_EQ(again(type, "x"), "none") << name_of(type);
    EXPECT_EQ(again(type, ""), "none") << name_of(type);
  }
  EXPECT_EQ(again({Type::decimal32, false, 1}, "0.25"), "none");
  EXPECT_EQ(again({Type::decimal32, false, 0}, "4294967296"), "none");
  EXPECT_EQ(again({Type::second}, "13:30:01.5"), "none");
  EXPECT_EQ(again({Type::uuid}, "5d212a78"), "none");
}

}  // namespace
}  // namespace sluice::dolphindb
