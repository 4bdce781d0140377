// SPDX-License-Identifier: Apache-2.0
// What a sync of a connector leaves: tables, types, system columns, states, errors.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <limits>

#include "connectors/key_based_replication/connector.h"
#include "support/feed.h"

namespace sluice::test {
namespace {

using sdk::Type;
using ::testing::HasSubstr;

class FeedRun : public ::testing::Test {
 protected:
  FeedRun()
      : path(std::filesystem::temp_directory_path() /
             ("sluice-feed-run-" + std::to_string(getpid()))) {
    std::filesystem::remove(path);
    file.emplace(path);
  }
  ~FeedRun() override {
    file.reset();
    std::filesystem::remove(path);
  }
  void run(std::vector<sdk::TableSchema> tables, FunctionConnector::Update update) {
    file->run(std::move(tables), std::move(update));
  }
  /// What the run throws.
  std::string error(std::vector<sdk::TableSchema> tables, FunctionConnector::Update update) {
    try {
      run(std::move(tables), std::move(update));
    } catch (const std::exception& thrown) {
      return thrown.what();
    }
    return "";
  }
  std::string types() {
    return file->text(
        "SELECT string_agg(column_name || ' ' || data_type, ', ' ORDER BY column_name) FROM "
        "duckdb_columns() WHERE database_name = 'dst' AND table_name = 't'");
  }

  std::filesystem::path path;
  std::optional<FeedFile> file;
  const sdk::TableSchema t{"t", {"id"}, {{"id", {Type::int64}}}, {}};
};

TEST_F(FeedRun, WithoutAKeyEqualRowsAreOneAndANewColumnChangesNoIdentity) {
  run({}, [](const std::string&, sdk::Operations& operations) {
    sdk::Table& table = operations.table("t");
    const auto a = table.column("a"), b = table.column("b");
    table.upsert().set(a, 1).set(b, "x");
    table.upsert().set(a, 1).set(b, "x");
    table.upsert().set(a, 1).set(b, "y");
    table.upsert().set(b, "x");
    operations.checkpoint("{}");
    table.upsert().set(a, 1).set(b, "x");
    table.upsert().set(a, 1).set(b, "x").set(table.column("c"), 5);
    operations.checkpoint("{}");
  });
  EXPECT_EQ(file->text("SELECT a, b, c, count(*), count(DISTINCT _fivetran_id), min(length("
                       "_fivetran_id)) FROM dst.main.t GROUP BY ALL ORDER BY ALL"),
            "1|x|5|1|1|40\n1|x|NULL|1|1|40\n1|y|NULL|1|1|40\nNULL|x|NULL|1|1|40\n");
  const std::string refused = error(
      {}, [](const std::string&, sdk::Operations& operations) { operations.table("t").remove(); });
  EXPECT_THAT(refused, HasSubstr("without a primary key"));
}

TEST_F(FeedRun, UndeclaredColumnsWidenInTheBufferAndAtTheDestination) {
  run({t}, [](const std::string&, sdk::Operations& operations) {
    sdk::Table& table = operations.table("t");
    const auto n = table.column("n"), s = table.column("s"), d = table.column("d"),
               never = table.column("never");
    table.upsert().set(0, 1).set(n, 7).set(s, 3).set(d, sdk::Date{0}).set(never, std::monostate());
    // In one chunk with values of the narrower type, and in one row with others set before.
    table.upsert().set(0, 2).set(n, 8).set(s, "long enough for the arena").set(d, sdk::DateTime{1});
    operations.checkpoint("{}");
    table.upsert().set(0, 3).set(n, 0.5);
    operations.checkpoint("{}");
  });
  EXPECT_EQ(types(),
            "_fivetran_deleted BOOLEAN, _fivetran_synced TIMESTAMP WITH TIME ZONE, d TIMESTAMP, "
            "id BIGINT, n VARCHAR, s VARCHAR\n");
  EXPECT_EQ(file->text("SELECT id, n, s, d::VARCHAR FROM dst.main.t ORDER BY id"),
            "1|7|3|1970-01-01 00:00:00\n2|8|long enough for the arena|1970-01-01 "
            "00:00:00.000001\n3|0.5|NULL|NULL\n");
  // The next sync knows them without a word of the connector's.
  run({t}, [](const std::string&, sdk::Operations& operations) {
    operations.table("t").update().set(0, 1).set(operations.table("t").column("N"), 9);
    operations.checkpoint("{}");
  });
  EXPECT_EQ(file->text("SELECT n, s FROM dst.main.t WHERE id = 1"), "9|3\n");
}

// Where all keys are beyond those of the copy none is looked for: one that is not must be found.
TEST_F(FeedRun, KeysThatAscendAreReplacedWhereTheyAreThere) {
  const auto upserts = [](std::int64_t first, std::int64_t last, std::int64_t value) {
    return [=](const std::string&, sdk::Operations& operations) {
      sdk::Table& table = operations.table("t");
      const auto v = table.column("v");
      for (std::int64_t id = first; id <= last; ++id) table.upsert().set(0, id).set(v, value);
      operations.checkpoint("{}");
    };
  };
  run({t}, upserts(0, 2999, 0));
  run({t}, upserts(2999, 5998, 1));
  run({t}, upserts(-2999, 0, 2));
  run({t}, upserts(6000, 8999, 3));
  run({t}, upserts(5999, 5999, 4));
  EXPECT_EQ(file->text("SELECT v, min(id), max(id), count(*), count(DISTINCT id) FROM dst.main.t "
                       "GROUP BY v ORDER BY v"),
            "0|1|2998|2998|2998\n1|2999|5998|3000|3000\n2|-2999|0|3000|3000\n"
            "3|6000|8999|3000|3000\n4|5999|5999|1|1\n");
  // Every other one of them is there, and the last comes twice.
  run({t}, [](const std::string&, sdk::Operations& operations) {
    sdk::Table& table = operations.table("t");
    for (std::int64_t id = -4000; id <= 10'000; id += 2) table.upsert().set(0, id).set(1, 5);
    table.upsert().set(0, 10'000).set(1, 6);
    operations.checkpoint("{}");
  });
  EXPECT_EQ(file->text("SELECT count(*), count(DISTINCT id), count(*) FILTER (v = 5), "
                       "string_agg(id, ',') FILTER (v = 6) FROM dst.main.t"),
            "13001|13001|7000|10000\n");
}

// What a column held before it became text was cast by DuckDB, what comes later is written by us.
TEST_F(FeedRun, ATextIsTheSameHoweverItBecameOne) {
  const std::vector<std::vector<sdk::Value>> columns{
      {1.0, -0.0, 0.1, 1e5, 123456.75, 1e15, 9.5e15, 1e16, 1.5e-5, 0.0001, 0.00012345, 5e-324,
       1.7976931348623157e308, -2.5, std::numeric_limits<double>::infinity(),
       -std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()},
      {1.0F, -0.0F, 0.1F, 16777216.0F, 9007199254740993.0F, 1e16F, 1.5e-5F, 3.4028235e38F},
      {sdk::Date{0}, sdk::Date{2'932'897}, sdk::Date{-719'528}, sdk::Date{-719'529},
       sdk::Date{-900'000}, sdk::Date{2'147'483'646}, sdk::Date{-2'147'000'000}},
      {sdk::DateTime{0}, sdk::DateTime{-1}, sdk::DateTime{1'500'000},
       sdk::DateTime{-62'135'596'800'000'001}, sdk::DateTime{9'000'000'000'000'000'000},
       sdk::DateTime{-9'000'000'000'000'000'000}},
      {sdk::UtcDateTime{0}, sdk::UtcDateTime{-1}, sdk::UtcDateTime{999'999'999'999'999'999},
       sdk::UtcDateTime{-99'999'999'999'999'999}},
      {true, false},
      {std::int64_t{0}, std::numeric_limits<std::int64_t>::min()}};
  run({{"t", {"id"}, {{"id", {Type::int64}}, {"text", {Type::string}}}, {}}},
      [&](const std::string&, sdk::Operations& operations) {
        sdk::Table& table = operations.table("t");
        std::int64_t id = 0;
        for (std::size_t i = 0; i < columns.size(); ++i) {
          const std::size_t v = table.column("v" + std::to_string(i));
          for (const sdk::Value& each : columns[i])
            table.upsert().set(0, id++).set(1, each).set(v, each);
        }
        operations.checkpoint("{}");
        for (std::size_t i = 0; i < columns.size(); ++i)
          table.upsert().set(0, id++).set(1, "x").set(table.column("v" + std::to_string(i)), "x");
        operations.checkpoint("{}");
      });
  EXPECT_EQ(file->text("SELECT text, coalesce(v0, v1, v2, v3, v4, v5, v6) AS cast_by_duckdb FROM "
                       "dst.main.t WHERE text IS DISTINCT FROM cast_by_duckdb"),
            "");
  EXPECT_EQ(file->text("SELECT count(*) FROM dst.main.t"), "53\n");
}

TEST_F(FeedRun, AnOperationThatFailedEndsTheSyncEvenWhereItIsCaught) {
  const auto update = [](const std::string&, sdk::Operations& operations) {
    sdk::Table& table = operations.table("t");
    table.upsert().set(0, 1);
    operations.checkpoint("{\"n\": 1}");
    table.upsert().set(0, 2);
    try {
      table.upsert().set(0, "not a number");
    } catch (const Error&) {
    }
    operations.checkpoint("{\"n\": 2}");
  };
  const std::string said = error({t}, update);
  EXPECT_THAT(said, HasSubstr("t: column id, which is LONG, cannot hold a text of 12 bytes"));
  EXPECT_EQ(file->text("SELECT id FROM dst.main.t"), "1\n");
  run({t}, [](const std::string& state, sdk::Operations&) { EXPECT_EQ(state, "{\"n\": 1}"); });
}

TEST_F(FeedRun, WhatFollowsTheLastCheckpointIsCommittedUnderItsState) {
  run({t}, [](const std::string& state, sdk::Operations& operations) {
    EXPECT_EQ(state, "{}");
    operations.table("t").upsert().set(0, 1);
    operations.checkpoint("{\"n\": 1}");
    operations.table("t").upsert().set(0, 2);
  });
  EXPECT_EQ(file->text("SELECT id FROM dst.main.t ORDER BY id"), "1\n2\n");
  ASSERT_EQ(file->log.lines.size(), 1U);
  EXPECT_THAT(file->log.lines[0], HasSubstr("without a checkpoint"));
  run({t}, [](const std::string& state, sdk::Operations&) { EXPECT_EQ(state, "{\"n\": 1}"); });
}

TEST_F(FeedRun, RefusesWhatWouldBeWrong) {
  const auto nothing = [](const std::string&, sdk::Operations&) {};
  const auto one = [](const std::string&, sdk::Operations& operations) {
    operations.table("t").upsert().set(0, 1);
    operations.checkpoint("{}");
  };
  file->query("CREATE TABLE dst.main.t (mine INTEGER)");
  EXPECT_THAT(error({t}, one), HasSubstr("was not made by sluice"));
  EXPECT_EQ(file->text("SELECT count(*) FROM dst.main.t"), "0\n");
  file->query("DROP TABLE dst.main.t");
  EXPECT_THAT(error({t, {"T", {}, {}, {}}}, nothing), HasSubstr("declared twice"));
  EXPECT_THAT(error({{"u", {}, {{"d", {Type::decimal, 39, 0}}}, {}}}, nothing),
              HasSubstr("cannot be declared as DECIMAL(39,0)"));
  EXPECT_EQ(error({t}, one), "");
  EXPECT_THAT(error({{"t", {"other"}, {{"other", {Type::int64}}}, {}}}, one),
              HasSubstr("primary key is not what it was"));
  EXPECT_THAT(error({t},
                    [](const std::string&, sdk::Operations& operations) {
                      operations.table("t").upsert().set(operations.table("t").column("x"), 1);
                      operations.checkpoint("{}");
                    }),
              HasSubstr("without a value for id"));
  EXPECT_THAT(error({t},
                    [](const std::string&, sdk::Operations& operations) {
                      sdk::Table& table = operations.table("t");
                      table.remove().set(0, 1).set(table.column("x"), 1);
                      operations.checkpoint("{}");
                    }),
              HasSubstr("not of the primary key"));
  EXPECT_THAT(error({t}, [](const std::string&,
                            sdk::Operations& operations) { operations.checkpoint("[]"); }),
              HasSubstr("not a JSON object"));
  EXPECT_THAT(error({t},
                    [](const std::string&, sdk::Operations& operations) {
                      sdk::Table& table = operations.table("t");
                      table.upsert().set(0, 5).set(table.column("j"), sdk::Json{"{broken"});
                      operations.checkpoint("{}");
                    }),
              HasSubstr("column j, which is JSON, cannot hold the value in operation 1 on "));
  EXPECT_EQ(file->text("SELECT id FROM dst.main.t"), "1\n");
}

TEST_F(FeedRun, TheExampleCopiesCustomersAndGoesOn) {
  const auto connector = examples::key_based_replication();
  EXPECT_EQ(connector->test("open", {}), std::nullopt);
  EXPECT_NE(connector->test("open", {{"database", "no such file"}}), std::nullopt);
  Observer nobody;
  const feed::Calls first =
      feed::run(file->database, file->destination, *connector, {}, {}, file->log, nobody).calls;
  EXPECT_EQ(first.upserts, 5U);
  EXPECT_EQ(file->text("SELECT customer_id, first_name, updated_at::VARCHAR, _fivetran_deleted "
                       "FROM dst.main.customers ORDER BY updated_at"),
            "3|Jake|2023-11-01 23:59:59+00|false\n1|Mathew|2023-12-31 23:59:59+00|false\n"
            "2|Joe|2024-01-31 23:04:39+00|false\n4|John|2024-02-14 22:59:59+00|false\n"
            "5|Ricky|2024-03-16 16:40:29+00|false\n");
  const feed::Calls second =
      feed::run(file->database, file->destination, *connector, {}, {}, file->log, nobody).calls;
  EXPECT_EQ(second.upserts, 1U);  // the bound is inclusive
  EXPECT_EQ(file->text("SELECT count(*) FROM dst.main.customers"), "5\n");
}

}  // namespace
}  // namespace sluice::test
