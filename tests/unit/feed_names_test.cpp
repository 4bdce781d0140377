// SPDX-License-Identifier: Apache-2.0
// Names and sizes that a connector may come up with, and what errors show of its rows: nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <limits>

#include "support/feed.h"

namespace sluice::test {
namespace {

using sdk::Type;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class FeedNames : public ::testing::Test {
 protected:
  FeedNames()
      : path(std::filesystem::temp_directory_path() /
             ("sluice-feed-names-" + std::to_string(getpid()))) {
    std::filesystem::remove(path);
    file.emplace(path);
  }
  ~FeedNames() override {
    file.reset();
    std::filesystem::remove(path);
  }
  /// What ends a sync.
  std::string error(std::vector<sdk::TableSchema> tables, FunctionConnector::Update update) {
    const auto ended = file->ended(std::move(tables), std::move(update));
    return ended.run.error ? ended.run.error->what() : "";
  }
  std::string error(const std::function<void(sdk::Operations&)>& update) {
    return error({}, [&](const std::string&, sdk::Operations& operations) {
      update(operations);
      operations.checkpoint("{}");
    });
  }
  std::filesystem::path path;
  std::optional<FeedFile> file;
};

TEST_F(FeedNames, ReservedWordsQuotesAndOtherScriptsAreNames) {
  const std::vector<std::string> names{
      "select", "order", "a b", "quo\"te", "it's", "\xc3\xbc\xe6\x97\xa5",
      "rowid",  "c0",    "seq", "op",      "given"};
  std::vector<sdk::TableSchema> tables;
  for (const std::string& table : names) {
    tables.push_back({table, {"table"}, {{"table", {Type::int64}}}, {}});
    for (const std::string& each : names) tables.back().columns.push_back({each, {Type::string}});
  }
  for (int round = 0; round < 2; ++round) {
    file->run(tables, [&](const std::string&, sdk::Operations& operations) {
      for (const std::string& name : names) {
        sdk::Table& table = operations.table(name);
        sdk::Row& row = table.upsert().set(0, round);
        for (const std::string& each : names) row.set(table.column(each), name + "/" + each);
        table.update().set(0, round).set(table.column("order"), "updated");
      }
      operations.checkpoint("{}");
    });
  }
  for (const std::string& name : names) {
    std::string expected = "2", columns = "count(*)";
    for (const std::string& each : names) {
      expected += "|" + (each == "order" ? "updated" : name + "/" + each);
      columns += ", any_value(" + duck::quoted(each == "rowid" ? "rowid_" : each) + ")";
    }
    EXPECT_EQ(file->text("SELECT " + columns + " FROM dst.main." + duck::quoted(name)),
              expected + "\n");
  }
}

TEST_F(FeedNames, WhatIsNoNameIsRefused) {
  const std::string nul("a\0b", 3), bad = "a\xff";
  for (const std::string& name : {std::string(), nul, bad}) {
    const std::string why = name.empty() ? "without a name" : "not UTF-8, or holds U+0000";
    EXPECT_THAT(error([&](sdk::Operations& o) { o.table(name); }), HasSubstr(why));
    EXPECT_THAT(error([&](sdk::Operations& o) { o.table("t").column(name); }), HasSubstr(why));
    EXPECT_THAT(error({{"t", {}, {{name, {Type::int64}}}, {}}}, nullptr), HasSubstr(why));
    EXPECT_THAT(error({{"t", {name}, {}, {}}}, nullptr), HasSubstr(why));
    if (name.empty()) continue;  // the connection's schema
    EXPECT_THAT(error([&](sdk::Operations& o) { o.table("t", name); }), HasSubstr(why));
  }
  for (const char* own : {"_fivetran_synced", "_FIVETRAN_deleted", "_fivetran_id"}) {
    EXPECT_THAT(error([&](sdk::Operations& o) { o.table("t").column(own); }),
                HasSubstr("cannot be called"));
    EXPECT_THAT(error({{"t", {}, {{own, {Type::string}}}, {}}}, nullptr),
                HasSubstr("cannot be called"));
  }
  EXPECT_THAT(error([&](sdk::Operations& o) { o.table("_sluice_load_t").truncate(); }),
              HasSubstr("keeps for itself"));
  EXPECT_EQ(file->text("SELECT count(*) FROM duckdb_tables() WHERE schema_name = 'main' AND "
                       "database_name = 'dst'"),
            "0\n");
}

TEST_F(FeedNames, ColumnsWithoutEndAreRefusedBeforeTheyFillTheMemory) {
  std::size_t taken = 0;
  const auto endless = [&](sdk::Operations& operations) {
    sdk::Table& table = operations.table("t");
    for (; taken < 10'000; ++taken) table.column("value " + std::to_string(taken));
  };
  EXPECT_THAT(error(endless), HasSubstr("t: more than 4096 columns"));
  EXPECT_EQ(taken, 4096U);
  sdk::TableSchema wide{"t", {}, {}, {}};
  for (int i = 0; i <= 4096; ++i) wide.columns.push_back({"c" + std::to_string(i), {Type::int16}});
  EXPECT_THAT(error({wide}, nullptr), HasSubstr("t: more than 4096 columns"));
}

TEST_F(FeedNames, AValueOfTwentyMegabytesIsAValueAndOneOfMoreThanFourGigabytesIsNot) {
  constexpr std::size_t kSize = 20'000'000;
  const sdk::TableSchema t{
      "t",
      {"id"},
      {{"id", {Type::int64}}, {"s", {Type::string}}, {"b", {Type::binary}}, {"j", {Type::json}}},
      {}};
  std::string text(kSize, 'x'), document = "\"" + text + "\"";
  for (std::size_t i = 0; i < kSize; i += 1000) text[i] = static_cast<char>('a' + i / 1000 % 26);
  for (const std::optional<std::size_t> memory : {std::optional<std::size_t>(), {0}}) {
    feed::FeedOptions options;
    options.memory = memory;
    const auto ended = file->ended(
        {t},
        [&](const std::string&, sdk::Operations& operations) {
          operations.table("t")
              .upsert()
              .set(0, 1)
              .set(1, text)
              .set(2, sdk::Bytes{text})
              .set(3, sdk::Json{document});
          operations.checkpoint("{}");
        },
        options);
    ASSERT_FALSE(ended.run.error) << ended.run.error->what();
    duck::Connection connection = file->database.connect();
    const auto alike = connection.query(
        "SELECT count(*) FILTER (s = ? AND b = encode(s) AND j::VARCHAR = ?) FROM dst.main.t",
        {text, document});
    EXPECT_EQ(alike.integer(0, 0), 1);
  }
  // Nobody has to have as much: what is longer is not looked at.
  const std::string_view huge(text.data(), std::size_t{5} << 30);
  for (const sdk::Value& value :
       {sdk::Value(huge), sdk::Value(sdk::Bytes{huge}), sdk::Value(sdk::Json{huge})}) {
    const std::size_t column = value.index() == 10 ? 2 : value.index() == 12 ? 3 : 1;
    EXPECT_THAT(error({t},
                      [&](const std::string&, sdk::Operations& operations) {
                        operations.table("t").upsert().set(0, 9).set(column, value);
                      }),
                HasSubstr("longer than 4 GiB"));
  }
}

TEST_F(FeedNames, AnErrorSaysTableColumnAndKindAndShowsNoValue) {
  const std::string secret = "row-data-4711";
  const auto types = {Type::boolean,    Type::int16,          Type::decimal, Type::float64,
                      Type::naive_date, Type::naive_datetime, Type::binary,  Type::json};
  for (const Type type : types) {
    const sdk::DataType of{type, static_cast<std::uint8_t>(type == Type::decimal ? 5 : 0)};
    const std::string said =
        error({{"t" + std::to_string(static_cast<int>(type)),
                {"id"},
                {{"id", {Type::int64}}, {"v", of}},
                {}}},
              [&](const std::string&, sdk::Operations& operations) {
                sdk::Table& table = operations.table("t" + std::to_string(static_cast<int>(type)));
                table.upsert().set(0, 1);
                table.upsert().set(0, 2).set(1, secret);
                operations.checkpoint("{}");
              });
    EXPECT_THAT(said, AllOf(HasSubstr("column v, which is "), HasSubstr("operation 2"),
                            Not(HasSubstr("4711"))));
  }
  const std::string number = error([](sdk::Operations& operations) {
    sdk::Table& table = operations.table("n");
    table.upsert().set(table.column("v"), sdk::Bytes{"4711"});
    table.upsert().set(table.column("v"), 4711);
  });
  EXPECT_THAT(number, AllOf(HasSubstr("n: column v, which is BINARY, and no type holds that and "
                                      "LONG"),
                            Not(HasSubstr("4711"))));
}

// DuckDB's own words of a value that does not fit quote it.
TEST_F(FeedNames, AWideningThatAValueDoesNotSurviveShowsNoValue) {
  const auto late = [](bool checkpoint) {
    return [checkpoint](sdk::Operations& operations) {
      sdk::Table& table = operations.table(checkpoint ? "a" : "b");
      const auto d = table.column("d");
      table.upsert().set(d, sdk::Date{2'147'000'000});
      if (checkpoint) operations.checkpoint("{}");
      table.upsert().set(d, sdk::DateTime{1});
    };
  };
  for (const bool checkpoint : {true, false}) {
    const std::string said = error(late(checkpoint));
    EXPECT_THAT(said, AllOf(HasSubstr(checkpoint ? "a: " : "b: "), HasSubstr("widens to"),
                            HasSubstr("d"), Not(HasSubstr("5880256"))));
  }
}

}  // namespace
}  // namespace sluice::test
