// SPDX-License-Identifier: Apache-2.0
// Every other type that values can land as, what does not fit there, and what cannot land at all.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "dolphindb_landed.h"
#include "sluice/error.h"

namespace sluice::dolphindb {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::int64_t kNullLong = std::numeric_limits<std::int64_t>::min();
constexpr std::int32_t kNullInt = std::numeric_limits<std::int32_t>::min();
constexpr double kNullDouble = -std::numeric_limits<double>::max();

Cells integers(dolphin::Type type, const std::vector<std::int64_t>& values, int scale = 0) {
  dolphin::Value vector = dolphin::integers_of(values, type);
  vector.scale = scale;
  return cells_of(dolphin::encode(vector));
}

/// With `null`: values that do not fit are NULL, and `misfits` of them are counted. With `fail`:
/// the first of them is an error that names it.
void expect_landed(const Cells& cells, const std::string& as,
                   const std::vector<std::string>& values, std::uint64_t misfits = 0,
                   const std::string& refused = "") {
  const Landed landed = land(cells, as, Misfit::null);
  EXPECT_THAT(landed.values, ElementsAreArray(values)) << name_of(cells.type) << " as " << as;
  EXPECT_EQ(landed.type, as);
  EXPECT_EQ(landed.misfits, misfits) << name_of(cells.type) << " as " << as;
  EXPECT_EQ(row_without("v IS NULL OR CAST(v::VARCHAR AS " + as + ") IS NOT DISTINCT FROM v"), -1);
  if (misfits == 0) {
    EXPECT_EQ(land(cells, as), landed);
    return;
  }
  try {
    land(cells, as);
    ADD_FAILURE() << name_of(cells.type) << " as " << as << " fits";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::misfit);
    EXPECT_EQ(error.column(), "v");
    EXPECT_THAT(error.what(), HasSubstr("column v: " + refused + " does not fit " + as + ": "));
    EXPECT_THAT(error.hint(), HasSubstr("--misfit null"));
  }
}

TEST(DolphindbLandingTest, WholeNumbersAsOtherNumbers) {
  const Cells longs = integers(dolphin::kLong, {-128, 127, 128, 32'768, kNullLong});
  expect_landed(longs, "TINYINT", {"-128", "127", "NULL", "NULL", "NULL"}, 2, "128");
  expect_landed(longs, "SMALLINT", {"-128", "127", "128", "NULL", "NULL"}, 1, "32768");
  expect_landed(longs, "UINTEGER", {"NULL", "127", "128", "32768", "NULL"}, 1, "-128");
  expect_landed(longs, "UBIGINT", {"NULL", "127", "128", "32768", "NULL"}, 1, "-128");
  expect_landed(longs, "HUGEINT", {"-128", "127", "128", "32768", "NULL"});
  expect_landed(longs, "DECIMAL(4,1)", {"-128.0", "127.0", "128.0", "NULL", "NULL"}, 1, "32768");
  expect_landed(longs, "DECIMAL(38,20)",
                {"-128." + std::string(20, '0'), "127." + std::string(20, '0'),
                 "128." + std::string(20, '0'), "32768." + std::string(20, '0'), "NULL"});
  const std::int64_t most = std::numeric_limits<std::int64_t>::max();
  expect_landed(integers(dolphin::kLong, {most, -most}), "DECIMAL(19,0)",
                {"9223372036854775807", "-9223372036854775807"});
  expect_landed(integers(dolphin::kLong, {most, -most}), "DECIMAL(38,20)", {"NULL", "NULL"}, 2,
                "9223372036854775807");
  expect_landed(integers(dolphin::kChar, {-127, -128, 127}), "BIGINT", {"-127", "NULL", "127"});
  expect_landed(integers(dolphin::kShort, {-1, -32'768}), "INTEGER", {"-1", "NULL"});
  expect_landed(integers(dolphin::kInt, {-1, kNullInt}), "BIGINT", {"-1", "NULL"});
}

TEST(DolphindbLandingTest, DecimalsInOtherScales) {
  const Cells money = integers(dolphin::kDecimal64, {12'500, -1, 0, kNullLong, 990'000}, 4);
  expect_landed(money, "DECIMAL(18,2)", {"1.25", "NULL", "0.00", "NULL", "99.00"}, 1, "-0.0001");
  expect_landed(money, "DECIMAL(38,6)", {"1.250000", "-0.000100", "0.000000", "NULL", "99.000000"});
  expect_landed(money, "DECIMAL(4,3)", {"1.250", "NULL", "0.000", "NULL", "NULL"}, 2, "-0.0001");
  expect_landed(money, "INTEGER", {"NULL", "NULL", "0", "NULL", "99"}, 2, "1.2500");
  // Above 10^18 - 1 the server's 64 bits hold what DuckDB's DECIMAL(18,0) does not.
  const std::int64_t most = std::numeric_limits<std::int64_t>::max();
  expect_landed(integers(dolphin::kDecimal64, {most, -most, 999'999'999'999'999'999}, 0),
                "DECIMAL(18,0)", {"NULL", "NULL", "999999999999999999"}, 2, "9223372036854775807");
  expect_landed(integers(dolphin::kDecimal32, {2'147'483'647, kNullInt}, 2), "DECIMAL(9,2)",
                {"NULL", "NULL"}, 1, "21474836.47");
  const __int128 all = ~(__int128{1} << 127);
  expect_landed(
      cells_of(vector_of(dolphin::kDecimal128, packed(std::vector<__int128>{all, -all, 1}), 38)),
      "DECIMAL(38,38)", {"NULL", "NULL", "." + std::string(37, '0') + "1"}, 2,
      "1.70141183460469231731687303715884105727");
}

TEST(DolphindbLandingTest, FloatingPointNumbersAsTheOther) {
  const double inf = std::numeric_limits<double>::infinity();
  const Cells doubles = cells_of(vector_of(
      dolphin::kDouble,
      packed(std::vector<double>{1.5, 0.1, 1e300, inf, std::nan(""), kNullDouble, -0.0})));
  expect_landed(doubles, "FLOAT", {"1.5", "NULL", "NULL", "inf", "nan", "NULL", "-0.0"}, 2, "0.1");
  const float none = -std::numeric_limits<float>::max();
  const Cells floats = cells_of(
      vector_of(dolphin::kFloat, packed(std::vector<float>{1.5F, 0.1F, none, -INFINITY, NAN})));
  expect_landed(floats, "DOUBLE", {"1.5", "0.10000000149011612", "NULL", "-inf", "nan"});
}

TEST(DolphindbLandingTest, InstantsInOtherUnits) {
  const std::int64_t day = 86'400'000;
  const Cells ms = integers(dolphin::kTimestamp, {0, day, -day, 1, -1'001, 1'000, kNullLong,
                                                  9'300'000'000'000, -day - 1});
  expect_landed(
      ms, "DATE",
      {"1970-01-01", "1970-01-02", "1969-12-31", "NULL", "NULL", "NULL", "NULL", "NULL", "NULL"}, 5,
      "1970-01-01 00:00:00.001");
  expect_landed(ms, "TIMESTAMP_S",
                {"1970-01-01 00:00:00", "1970-01-02 00:00:00", "1969-12-31 00:00:00", "NULL",
                 "NULL", "1970-01-01 00:00:01", "NULL", "2264-09-14 21:20:00", "NULL"},
                3, "1970-01-01 00:00:00.001");
  expect_landed(ms, "TIMESTAMP_NS",
                {"1970-01-01 00:00:00", "1970-01-02 00:00:00", "1969-12-31 00:00:00",
                 "1970-01-01 00:00:00.001", "1969-12-31 23:59:58.999", "1970-01-01 00:00:01",
                 "NULL", "NULL", "1969-12-30 23:59:59.999"},
                1, "2264-09-14 21:20:00");
  expect_landed(integers(dolphin::kTimestamp, {-1, kNullLong}), "TIMESTAMP WITH TIME ZONE",
                {"1969-12-31 23:59:59.999+00", "NULL"});
  expect_landed(integers(dolphin::kNanotimestamp, {-1'000, -1, kNullLong, 1'000'000'000}),
                "TIMESTAMP", {"1969-12-31 23:59:59.999999", "NULL", "NULL", "1970-01-01 00:00:01"},
                1, "1969-12-31 23:59:59.999999999");
  expect_landed(integers(dolphin::kDate, {-1, 2'147'483'647, kNullInt, 106'751'991}), "TIMESTAMP",
                {"1969-12-31 00:00:00", "NULL", "NULL", "294247-01-10 00:00:00"}, 1,
                "5881580-07-11");
  expect_landed(integers(dolphin::kDatehour, {24, 1, kNullInt}), "DATE",
                {"1970-01-02", "NULL", "NULL"}, 1, "1970-01-01 01:00:00");
  expect_landed(integers(dolphin::kMonth, {24'288, kNullInt, 12 * 2'262}), "TIMESTAMP_NS",
                {"2024-01-01 00:00:00", "NULL", "2262-01-01 00:00:00"});
  expect_landed(integers(dolphin::kMonth, {12 * 2'263, 2'147'483'647, -2'147'483'647}),
                "TIMESTAMP_NS", {"NULL", "NULL", "NULL"}, 3, "2263-01-01");
}

TEST(DolphindbLandingTest, TimesOfDayInOtherUnits) {
  expect_landed(integers(dolphin::kNanotime, {1'000, 1, 86'399'999'999'000, kNullLong}), "TIME",
                {"00:00:00.000001", "NULL", "23:59:59.999999", "NULL"}, 1, "00:00:00.000000001");
  expect_landed(integers(dolphin::kTime, {1, 86'400'000, -1}), "TIME_NS",
                {"00:00:00.001", "NULL", "NULL"}, 2, "24:00:00");
  expect_landed(integers(dolphin::kMinute, {-1, 1'440, 1'439}), "TIME",
                {"NULL", "NULL", "23:59:00"}, 2, "-00:01:00");
  expect_landed(integers(dolphin::kSecond, {-1, 86'400, 0}), "TIME", {"NULL", "NULL", "00:00:00"},
                2, "-00:00:01");
  expect_landed(integers(dolphin::kNanotime, {86'400'000'000'000, -1, 0}), "TIME_NS",
                {"NULL", "NULL", "00:00:00"}, 2, "24:00:00");
}

// Beyond its ends DuckDB stores a number that it cannot print, or takes for an infinity.
TEST(DolphindbLandingTest, EndsAreThoseOfWhatDuckdbPrints) {
  const std::int64_t most = std::numeric_limits<std::int64_t>::max();
  expect_landed(integers(dolphin::kDate, {2'147'483'647, -2'147'483'647}), "DATE", {"NULL", "NULL"},
                2, "5881580-07-11");
  expect_landed(integers(dolphin::kNanotimestamp, {most, -most, -9'223'286'400'000'000'001}),
                "TIMESTAMP_NS", {"NULL", "NULL", "NULL"}, 3, "2262-04-11 23:47:16.854775807");
  expect_landed(
      integers(dolphin::kTimestamp, {9'223'372'036'854'776, -9'223'372'022'400'001, most, -most}),
      "TIMESTAMP", {"NULL", "NULL", "NULL", "NULL"}, 4, "294247-01-10 04:00:54.776");
  expect_landed(integers(dolphin::kTimestamp, {9'223'372'036'854'775, -9'223'372'022'400'000,
                                               9'223'372'036'854'776, most, -most}),
                "TIMESTAMP_MS",
                {"294247-01-10 04:00:54.775", "290309-12-22 (BC) 00:00:00", "NULL", "NULL", "NULL"},
                3, "294247-01-10 04:00:54.776");
  expect_landed(integers(dolphin::kTimestamp, {9'223'372'036'854'000, 9'223'372'036'855'000,
                                               -9'223'372'022'400'000, -9'223'372'022'401'000}),
                "TIMESTAMP_S",
                {"294247-01-10 04:00:54", "NULL", "290309-12-22 (BC) 00:00:00", "NULL"}, 2,
                "294247-01-10 04:00:55");
  expect_landed(integers(dolphin::kMonth, {12 * 5'881'580 + 7, 12 * -5'877'641 + 5}), "DATE",
                {"NULL", "NULL"}, 2, "5881580-08-01");
}

TEST(DolphindbLandingTest, ArraysLandAsTheirValuesDo) {
  const Cells ints = cells_of(
      array_of(dolphin::kInt, {2, 0, 1}, packed(std::vector<std::int32_t>{1, kNullInt, 300})));
  expect_landed(ints, "BIGINT[]", {"[1, NULL]", "[]", "[300]"});
  expect_landed(ints, "TINYINT[]", {"[1, NULL]", "[]", "[NULL]"}, 1, "300");
  expect_landed(ints, "VARCHAR[]", {"[1, NULL]", "[]", "[300]"});
  expect_landed(ints, "VARCHAR", {"[1, NULL]", "[]", "[300]"});
  const Cells months =
      cells_of(array_of(dolphin::kMonth, {2}, packed(std::vector<std::int32_t>{0, 2'147'483'647})));
  expect_landed(months, "DATE[]", {"['0001-01-01 (BC)', NULL]"}, 1, "178956970-08-01");
  expect_landed(months, "VARCHAR", {"[0001-01-01 (BC), 178956970-08-01]"});
}

// What lands as text is what the column's own type would print, and can be cast to it.
TEST(DolphindbLandingTest, TextOfEveryTypeIsCastBack) {
  const __int128 most = ~(__int128{1} << 127);
  const std::vector<Cells> all{
      cells_of(vector_of(dolphin::kBool, std::string("\0\1\x80", 3))),
      integers(dolphin::kChar, {-127, 127, -128}),
      integers(dolphin::kLong, {-1, std::numeric_limits<std::int64_t>::max(), kNullLong}),
      cells_of(vector_of(dolphin::kFloat,
                         packed(std::vector<float>{1, 0.1F, 1e10F, 3e38F, NAN, -INFINITY, -0.0F,
                                                   1e-5F, 16'777'216, 1.17549435e-38F}))),
      cells_of(vector_of(dolphin::kDouble,
                         packed(std::vector<double>{1, 0.1, 1e15, 1e16, 1e17, 123'456'789, 1e-5,
                                                    5e-324, NAN, INFINITY, -0.0, kNullDouble,
                                                    123456789012345678.0, 1e22, 1e300, 1e-4}))),
      integers(dolphin::kDate, {0, -719'163, 2'147'483'646, -2'147'483'646, kNullInt}),
      integers(dolphin::kMonth, {24'288, -1, kNullInt}),
      integers(dolphin::kTime, {0, 86'399'999, 100}),
      integers(dolphin::kMinute, {0, 1'439}),
      integers(dolphin::kSecond, {0, 86'399}),
      integers(dolphin::kDatetime, {0, -1, 2'147'483'647}),
      integers(dolphin::kDatehour, {0, -1, 2'147'483'647, -2'147'483'647}),
      integers(dolphin::kDateminute, {0, -1}),
      integers(dolphin::kTimestamp, {1, -1, 9'223'372'036'854'775, -9'223'372'022'400'000}),
      integers(dolphin::kNanotime, {0, 1, 86'399'999'999'999}),
      integers(dolphin::kNanotimestamp, {0, -1, -9'223'286'400'000'000'000}),
      cells_of(vector_of(dolphin::kUuid, packed(std::vector<__int128>{1, most, 0}))),
      cells_of(vector_of(dolphin::kComplex, packed(std::vector<double>{1, kNullDouble, NAN, 2}))),
      cells_of(vector_of(dolphin::kPoint, packed(std::vector<double>{1, -2.5, 1e300, 3}))),
      integers(dolphin::kDecimal32, {-1, 0, 999'999'999, kNullInt}, 4),
      integers(dolphin::kDecimal64, {-1, 0, kNullLong}, 0),
      cells_of(vector_of(dolphin::kDecimal128, packed(std::vector<__int128>{-125, most / 2}), 2)),
      cells_of(array_of(dolphin::kTimestamp, {0, 2, 1},
                        packed(std::vector<std::int64_t>{-62'135'596'800'001, kNullLong, 0}))),
      cells_of(array_of(dolphin::kPoint, {1, 1},
                        packed(std::vector<double>{1, 2, kNullDouble, kNullDouble}))),
  };
  for (const Cells& cells : all) {
    const std::string type = landed_type(cells.type);
    const Landed own = land(cells);
    const Landed text = land(cells, "VARCHAR");
    EXPECT_EQ(text.type, "VARCHAR");
    EXPECT_EQ(text.misfits, 0U);
    // DuckDB leaves a 0 before the point out where all digits are behind it, and quotes in lists.
    if (!cells.type.array) {
      EXPECT_EQ(text.values, own.values) << type;
    }
    landing_place().query("CREATE OR REPLACE TEMP TABLE landed AS SELECT CAST(v AS " + type +
                          ") AS v FROM landed");
    const auto back =
        landing_place().query("SELECT coalesce(v::VARCHAR, 'NULL') FROM landed ORDER BY rowid");
    for (std::size_t i = 0; i < back.rows(); ++i) EXPECT_EQ(back.text(i, 0), own.values[i]) << type;
  }
}

TEST(DolphindbLandingTest, TextsAsBytesAndWhatIsNoText) {
  const Cells texts = cells_of(dolphin::encode(dolphin::texts_of({"a", "", "\xFF\xFE"})));
  expect_landed(texts, "BLOB", {"a", "NULL", R"(\xFF\xFE)"});
  expect_landed(texts, "VARCHAR", {"a", "NULL", "NULL"}, 1, "a text of 2 bytes");
  dolphin::Value symbols;
  symbols.type = dolphin::kSymbol;
  symbols.form = dolphin::vector;
  symbols.based = true;
  symbols.rows = 4;
  symbols.base = {"", "\xC3", "ok"};
  symbols.bytes = packed(std::vector<std::int32_t>{2, 1, 0, 1});
  const Cells cells = cells_of(dolphin::encode(symbols));
  expect_landed(cells, "BLOB", {"ok", R"(\xC3)", "NULL", R"(\xC3)"});
  expect_landed(cells, "VARCHAR", {"ok", "NULL", "NULL", "NULL"}, 2, "a symbol of 1 bytes");
  try {
    land(cells, "VARCHAR");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.hint(), AllOf(HasSubstr("=BLOB'"), Not(HasSubstr("--misfit text"))));
  }
  const Cells blobs = cells_of(dolphin::encode(dolphin::texts_of({"\xFF", "a"}, dolphin::kBlob)));
  expect_landed(blobs, "VARCHAR", {"NULL", "a"}, 1, "a text of 1 bytes");
}

TEST(DolphindbLandingTest, OtherLandingsAreRefused) {
  struct Refused {
    ColumnType type;
    std::vector<std::string> landings;
  };
  const std::vector<Refused> all{
      {{Type::boolean}, {"INTEGER", "TINYINT", "BLOB", "BOOLEAN[]"}},
      {{Type::int64}, {"DOUBLE", "FLOAT", "TIMESTAMP", "BOOLEAN", "BIGINT[]", "UUID", "UHUGEINT"}},
      {{Type::float64}, {"BIGINT", "DECIMAL(18,2)"}},
      {{Type::decimal64, false, 2}, {"DOUBLE", "BOOLEAN"}},
      {{Type::date}, {"TIME", "INTEGER", "INTERVAL"}},
      {{Type::time}, {"TIMESTAMP", "DATE", "TIME WITH TIME ZONE", "INTEGER"}},
      {{Type::month}, {"TIME", "INTEGER"}},
      {{Type::nanotimestamp}, {"TIME_NS", "BIGINT"}},
      {{Type::uuid}, {"HUGEINT", "BLOB"}},
      {{Type::int128}, {"HUGEINT", "UUID", "BLOB"}},
      {{Type::ipaddr}, {"INET", "UUID"}},
      {{Type::duration}, {"INTERVAL"}},
      {{Type::complex}, {"STRUCT(x DOUBLE, y DOUBLE)", "DOUBLE[]"}},
      {{Type::string}, {"INTEGER", "UUID", "VARCHAR[]"}},
      {{Type::symbol}, {"ENUM('a')", "INTEGER"}},
      {{Type::blob}, {"UUID", "BIT"}},
      {{Type::int32, true}, {"INTEGER", "INTEGER[][]", "DOUBLE[]", "BLOB"}},
  };
  for (const auto& [type, landings] : all) {
    for (const std::string& as : landings) {
      try {
        const ColumnDecoder decoder(read_column(type, as));
        ADD_FAILURE() << name_of(type) << " as " << as;
      } catch (const Error& error) {
        EXPECT_EQ(error.fault(), Fault::config);
        EXPECT_THAT(error.what(),
                    HasSubstr("column v is " + name_of(type) + ", which cannot land as " + as));
        EXPECT_THAT(error.hint(), HasSubstr("leave it as " + landed_type(type)));
      }
    }
  }
}

TEST(DolphindbLandingTest, CellsOfAnotherTypeAreNotTaken) {
  const auto fault_of = [](const ColumnType& catalog, const Cells& cells) {
    try {
      ColumnDecoder(read_column(catalog, landed_type(catalog))).check(cells);
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(name_of(cells.type)));
      EXPECT_THAT(error.what(), HasSubstr(name_of(catalog)));
      return std::optional(error.fault());
    }
    return std::optional<Fault>();
  };
  const Cells texts = cells_of(dolphin::encode(dolphin::texts_of({"a"})));
  const Cells symbols = cells_of(golden("vec_symbol.bin"));
  EXPECT_EQ(fault_of({Type::symbol}, texts), std::nullopt);
  EXPECT_EQ(fault_of({Type::string}, symbols), std::nullopt);
  EXPECT_EQ(fault_of({Type::blob}, texts), Fault::schema);
  EXPECT_EQ(fault_of({Type::int32}, texts), Fault::schema);
  EXPECT_EQ(fault_of({Type::string}, integers(dolphin::kInt, {1})), Fault::schema);
  EXPECT_EQ(fault_of({Type::int32}, integers(dolphin::kLong, {1})), Fault::schema);
  EXPECT_EQ(fault_of({Type::int32, true}, integers(dolphin::kInt, {1})), Fault::schema);
  EXPECT_EQ(fault_of({Type::int32}, cells_of(golden("vec_av_int.bin"))), Fault::schema);
  EXPECT_EQ(fault_of({Type::decimal64, false, 3}, integers(dolphin::kDecimal64, {1}, 2)),
            Fault::schema);
  EXPECT_EQ(fault_of({Type::decimal64, false, 2}, integers(dolphin::kDecimal64, {1}, 2)),
            std::nullopt);
  // A symbol column's block without rows comes as plain texts, and is a symbol's all the same.
  EXPECT_EQ(land_in_batches(texts, {Type::symbol}, "VARCHAR", Misfit::fail, 8).values,
            std::vector<std::string>{"a"});
  EXPECT_EQ(land_in_batches(symbols, {Type::string}, "VARCHAR", Misfit::fail, 8).values,
            (std::vector<std::string>{"a", "NULL", "b", "a"}));
}

}  // namespace
}  // namespace sluice::dolphindb
