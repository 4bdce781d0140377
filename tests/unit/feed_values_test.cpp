// SPDX-License-Identifier: Apache-2.0
// Every type: what it takes, at the ends of its range, and what it refuses, each read back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <limits>

#include "feed/times.h"
#include "feed/types.h"
#include "support/feed.h"

namespace sluice::test {
namespace {

using sdk::Type;
using sdk::Value;

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();

struct Case {
  sdk::DataType type;
  Value value;
  const char* landed;  ///< null: refused
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all{
      {{Type::boolean}, true, "true"},
      {{Type::boolean}, 0, "false"},
      {{Type::boolean}, 2, nullptr},
      {{Type::boolean}, "true", nullptr},
      {{Type::int16}, 32767, "32767"},
      {{Type::int16}, -32768, "-32768"},
      {{Type::int16}, 32768, nullptr},
      {{Type::int32}, -2147483648LL, "-2147483648"},
      {{Type::int32}, 2147483648LL, nullptr},
      {{Type::int64}, kLeast, "-9223372036854775808"},
      {{Type::int64}, kMost, "9223372036854775807"},
      {{Type::int64}, 1.5, nullptr},
      {{Type::decimal, 4, 2}, sdk::Decimal{"-99.99"}, "-99.99"},
      {{Type::decimal, 4, 2}, "1.500", "1.50"},
      {{Type::decimal, 4, 2}, "1.505", nullptr},
      {{Type::decimal, 4, 2}, 99, "99.00"},
      {{Type::decimal, 4, 2}, 100, nullptr},
      {{Type::decimal, 4, 2}, "", nullptr},
      {{Type::decimal, 4, 2}, "1e1", nullptr},
      {{Type::decimal, 9, 0}, "999999999", "999999999"},
      {{Type::decimal, 18, 18}, ".123456789012345678", ".123456789012345678"},
      {{Type::decimal, 38, 10},
       "-9999999999999999999999999999.9999999999",
       "-9999999999999999999999999999.9999999999"},
      {{Type::decimal, 38, 0}, "100000000000000000000000000000000000000", nullptr},
      // 2^128 + 5, and what its scale takes beyond 2^127: neither comes round to another number.
      {{Type::decimal, 38, 0}, "340282366920938463463374607431768211461", nullptr},
      {{Type::decimal, 38, 0}, "-340282366920938463463374607431768211461", nullptr},
      {{Type::decimal, 38, 10}, "100000000000000000000000000000", nullptr},
      {{Type::decimal, 38, 10}, "10000000000000000000000000000", nullptr},
      {{Type::decimal, 38, 10}, "99999999999999999999999999999999999999", nullptr},
      {{Type::decimal, 38, 37}, "340282366920938463463374607431768211461.5", nullptr},
      {{Type::decimal, 38, 38}, "1", nullptr},
      {{Type::decimal, 38, 0},
       "0000000000000000099999999999999999999999999999999999999",
       "99999999999999999999999999999999999999"},
      {{Type::float32}, 1.5F, "1.5"},
      {{Type::float32}, 1e39, nullptr},
      {{Type::float32}, std::numeric_limits<double>::infinity(), "inf"},
      {{Type::float32}, 16'777'216, "16777216.0"},
      {{Type::float32}, 16'777'217, nullptr},
      {{Type::float64}, 0.1, "0.1"},
      {{Type::float64}, std::numeric_limits<double>::quiet_NaN(), "nan"},
      {{Type::float64}, std::numeric_limits<double>::infinity(), "inf"},
      {{Type::float64}, -std::numeric_limits<double>::infinity(), "-inf"},
      {{Type::float64}, -0.0, "-0.0"},
      {{Type::float32}, -0.0F, "-0.0"},
      {{Type::float64}, 9'007'199'254'740'993, nullptr},
      {{Type::naive_date}, sdk::Date{-1}, "1969-12-31"},
      {{Type::naive_date}, "2024-02-29", "2024-02-29"},
      {{Type::naive_date}, "2023-02-29", nullptr},
      {{Type::naive_date}, "2024-2-9", nullptr},
      {{Type::naive_date}, sdk::Date{2'932'897}, "10000-01-01"},
      {{Type::naive_date}, sdk::Date{-719'529}, "0002-12-31 (BC)"},
      {{Type::naive_date},
       sdk::Date{std::numeric_limits<std::int32_t>::max() - 1},
       "5881580-07-10"},
      {{Type::naive_date}, "10000-01-01", nullptr},
      {{Type::naive_date}, "0000-01-01", nullptr},
      {{Type::naive_date}, "-001-01-01", nullptr},
      {{Type::naive_date}, sdk::Date{std::numeric_limits<std::int32_t>::max()}, nullptr},
      {{Type::naive_datetime}, sdk::DateTime{-1}, "1969-12-31 23:59:59.999999"},
      {{Type::naive_datetime}, "2026-11-22T10:15:30.123456", "2026-11-22 10:15:30.123456"},
      {{Type::naive_datetime}, "2026-11-22 10:15:30", "2026-11-22 10:15:30"},
      {{Type::naive_datetime}, "2026-11-22T10:15:30Z", nullptr},
      {{Type::naive_datetime}, "2026-11-22T10:15:30.1234567", nullptr},
      {{Type::naive_datetime}, "2026-11-22T10:15:30.1234560", "2026-11-22 10:15:30.123456"},
      {{Type::naive_datetime}, sdk::DateTime{kMost}, nullptr},
      {{Type::naive_datetime}, sdk::DateTime{kMost - 1}, "294247-01-10 04:00:54.775806"},
      {{Type::naive_datetime}, sdk::DateTime{kLeast}, nullptr},
      {{Type::naive_datetime}, sdk::Date{-719'529}, "0002-12-31 (BC) 00:00:00"},
      {{Type::utc_datetime},
       sdk::UtcDateTime{-99'999'999'999'999'999},
       "1200-02-15 (BC) 14:13:20.000001+00"},
      {{Type::naive_datetime}, sdk::UtcDateTime{0}, nullptr},
      {{Type::utc_datetime}, sdk::UtcDateTime{0}, "1970-01-01 00:00:00+00"},
      {{Type::utc_datetime}, "2026-11-22T10:15:30+02:00", "2026-11-22 08:15:30+00"},
      {{Type::utc_datetime}, "2026-11-22T10:15:30.5-0530", "2026-11-22 15:45:30.5+00"},
      {{Type::utc_datetime}, "2026-11-22T10:15:30", nullptr},
      {{Type::utc_datetime}, "2026-11-22T25:15:30Z", nullptr},
      {{Type::utc_datetime}, sdk::DateTime{0}, nullptr},
      {{Type::binary}, sdk::Bytes{std::string_view("\0\xff", 2)}, "\\x00\\xFF"},
      {{Type::binary}, "text", nullptr},
      {{Type::xml}, sdk::Xml{"<a/>"}, "<a/>"},
      {{Type::xml}, 5, nullptr},
      {{Type::string}, "", ""},
      {{Type::string}, "twelve bytes", "twelve bytes"},
      {{Type::string}, "thirteen byte", "thirteen byte"},
      {{Type::string},
       "caf\xc3\xa9 \xf0\x9f\x98\x80, longer than inline",
       "caf\xc3\xa9 \xf0\x9f\x98\x80, longer than inline"},
      {{Type::string}, "\xff", nullptr},
      {{Type::string}, std::string_view("a\0b", 3), nullptr},
      {{Type::string}, kLeast, "-9223372036854775808"},
      {{Type::string}, sdk::UtcDateTime{1}, "1970-01-01 00:00:00.000001+00"},
      {{Type::string}, sdk::Date{0}, "1970-01-01"},
      {{Type::string}, sdk::Date{20'000'000}, "56728-02-22"},
      {{Type::string}, sdk::Date{-719'529}, "0002-12-31 (BC)"},
      {{Type::string}, sdk::DateTime{1'100'000'000'000'000'000}, "36827-08-12 11:33:20"},
      {{Type::string}, sdk::DateTime{-1}, "1969-12-31 23:59:59.999999"},
      // Infinity, and what comes before DuckDB's first moment.
      {{Type::string}, sdk::DateTime{kMost}, nullptr},
      {{Type::string}, sdk::DateTime{kLeast}, nullptr},
      {{Type::string}, sdk::UtcDateTime{kLeast}, nullptr},
      {{Type::string}, sdk::Date{std::numeric_limits<std::int32_t>::max()}, nullptr},
      {{Type::string}, sdk::Date{std::numeric_limits<std::int32_t>::min()}, nullptr},
      {{Type::string}, sdk::Bytes{"x"}, nullptr},
      {{Type::json}, sdk::Json{"{\"a\": \"b\"}"}, "{\"a\": \"b\"}"},
      {{Type::json}, "[1]", "[1]"},
      {{Type::json}, "\"quoted once\"", "\"quoted once\""},
      {{Type::json}, 5, "5"},
      {{Type::json}, 1.0, "1.0"},
      {{Type::json}, true, "true"},
      {{Type::string}, 1e16, "1e+16"},
      {{Type::string}, 123456.0, "123456.0"},
      {{Type::json}, sdk::Date{0}, nullptr},
  };
  return all;
}

TEST(FeedValues, EachTypeTakesAndRefuses) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("sluice-feed-values-" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  FeedFile file(folder / "values.duckdb");
  std::vector<sdk::TableSchema> tables;
  for (std::size_t i = 0; i < cases().size(); ++i) {
    if (cases()[i].landed == nullptr) continue;
    tables.push_back(
        {"v" + std::to_string(i), {"id"}, {{"id", {Type::int32}}, {"v", cases()[i].type}}, {}});
  }
  file.run(tables, [](const std::string&, sdk::Operations& operations) {
    for (std::size_t i = 0; i < cases().size(); ++i) {
      if (cases()[i].landed == nullptr) continue;
      sdk::Table& table = operations.table("v" + std::to_string(i));
      table.upsert().set(0, 1).set(1, cases()[i].value);
      table.upsert().set(0, 2);
    }
    operations.checkpoint("{}");
  });
  for (std::size_t i = 0; i < cases().size(); ++i) {
    const Case& each = cases()[i];
    const std::string name = "v" + std::to_string(i);
    if (each.landed != nullptr) {
      EXPECT_EQ(file.text("SELECT v::VARCHAR, typeof(v) FROM dst.main." + name + " ORDER BY id"),
                each.landed + std::string("|") + feed::duck_type(each.type) + "\nNULL|" +
                    feed::duck_type(each.type) + "\n")
          << i;
      continue;
    }
    try {
      file.run({{name, {"id"}, {{"id", {Type::int32}}, {"the_column", each.type}}, {}}},
               [&](const std::string&, sdk::Operations& operations) {
                 operations.table(name).upsert().set(0, 1).set(1, each.value);
               });
      ADD_FAILURE() << i << ": taken as " << feed::name(each.type);
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::misfit) << i;
      EXPECT_THAT(error.what(), ::testing::HasSubstr(name + ": column the_column")) << i;
    }
  }
  std::filesystem::remove_all(folder);
}

// Blocks in memory and rows in a temp table are one relation, with values of every width, NULLs and
// updates in both.
TEST(FeedValues, AreTheSameInMemoryAndInATempTable) {
  constexpr int kRows = 9000;
  const auto folder =
      std::filesystem::temp_directory_path() / ("sluice-feed-held-" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  const sdk::TableSchema t{"t",
                           {"id"},
                           {{"id", {Type::int32}},
                            {"truth", {Type::boolean}},
                            {"amount", {Type::decimal, 38, 2}},
                            {"rate", {Type::float32}},
                            {"at", {Type::utc_datetime}},
                            {"word", {Type::string}},
                            {"raw", {Type::binary}},
                            {"document", {Type::json}}},
                           {}};
  for (const std::optional<std::size_t> memory : {std::optional<std::size_t>(), {0}, {500'000}}) {
    FeedFile file(folder / (std::to_string(memory.value_or(1)) + ".duckdb"));
    feed::FeedOptions options;
    options.memory = memory;
    const auto result = file.ended(
        {t},
        [&](const std::string&, sdk::Operations& operations) {
          sdk::Table& table = operations.table("t");
          for (int i = 0; i < kRows; ++i) {
            const std::string number = std::to_string(i), word = std::string(i % 20, 'w') + number;
            const std::string document = "{\"number\": " + number + "}";
            sdk::Row& row = table.upsert().set(0, i).set(1, i % 2).set(5, word);
            row.set(2, sdk::Decimal{number + ".25"}).set(3, static_cast<float>(i));
            if (i % 3 == 0) continue;
            row.set(4, sdk::UtcDateTime{i}).set(6, sdk::Bytes{word}).set(7, sdk::Json{document});
            if (i % 5 == 0) table.update().set(0, i).set(5, std::monostate());
            if (i % 7 == 0) table.remove().set(0, i);
          }
          operations.checkpoint("{}");
        },
        options);
    ASSERT_FALSE(result.run.error) << result.run.error->what();
    const std::string got = "(SELECT * EXCLUDE (_fivetran_synced) FROM dst.main.t)";
    const std::string want =
        "(SELECT i::INTEGER, i % 2 = 1, (i || '.25')::DECIMAL(38, 2), i::FLOAT, if(i % 3 = 0, "
        "NULL, "
        "make_timestamptz(i)), if(i % 15 IN (5, 10), NULL, repeat('w', (i % 20)::INTEGER) || i), "
        "if(i % 3 = 0, NULL, encode(repeat('w', (i % 20)::INTEGER) || i)), if(i % 3 = 0, NULL, "
        "('{\"number\": ' || i || '}')::JSON), i % 3 <> 0 AND i % 7 = 0 FROM range(" +
        std::to_string(kRows) + ") r(i))";
    EXPECT_EQ(file.text("SELECT count(*) FROM (FROM " + got + " EXCEPT ALL FROM " + want + ")"),
              "0\n");
    EXPECT_EQ(file.text("SELECT count(*) FROM (FROM " + want + " EXCEPT ALL FROM " + got + ")"),
              "0\n");
  }
  std::filesystem::remove_all(folder);
}

TEST(FeedTimes, EveryCountHasAText) {
  char buffer[64];
  EXPECT_EQ(feed::write_time(kLeast, false, buffer), "290309-12-21 (BC) 19:59:05.224192");
  EXPECT_EQ(feed::write_time(kMost, true, buffer), "294247-01-10 04:00:54.775807+00");
  EXPECT_EQ(feed::write_time(-86'400'000'000, false, buffer), "1969-12-31 00:00:00");
}

TEST(FeedTypes, WidenToWhatHoldsBoth) {
  const auto both = [](const char* one, const char* other) {
    const auto wide = feed::widened(*feed::parse_type(one), *feed::parse_type(other));
    const auto back = feed::widened(*feed::parse_type(other), *feed::parse_type(one));
    EXPECT_EQ(wide, back) << one << ", " << other;
    return wide ? feed::name(*wide) : "nothing";
  };
  EXPECT_EQ(both("SHORT", "LONG"), "LONG");
  EXPECT_EQ(both("INT", "DECIMAL(4,2)"), "DECIMAL(12,2)");
  EXPECT_EQ(both("LONG", "DECIMAL(38,30)"), "STRING");
  EXPECT_EQ(both("DECIMAL(10,2)", "DECIMAL(8,6)"), "DECIMAL(14,6)");
  EXPECT_EQ(both("SHORT", "FLOAT"), "FLOAT");
  EXPECT_EQ(both("INT", "FLOAT"), "DOUBLE");
  EXPECT_EQ(both("LONG", "DOUBLE"), "STRING");
  EXPECT_EQ(both("BOOLEAN", "SHORT"), "STRING");
  EXPECT_EQ(both("NAIVE_DATE", "NAIVE_DATETIME"), "NAIVE_DATETIME");
  EXPECT_EQ(both("NAIVE_DATETIME", "UTC_DATETIME"), "STRING");
  EXPECT_EQ(both("JSON", "STRING"), "STRING");
  EXPECT_EQ(both("BINARY", "STRING"), "nothing");
  EXPECT_EQ(feed::parse_type("DECIMAL(10,2"), std::nullopt);
  EXPECT_EQ(feed::parse_type("DECIMAL"), std::nullopt);
  EXPECT_EQ(feed::parse_type("LONG(3)"), std::nullopt);
}

}  // namespace
}  // namespace sluice::test
