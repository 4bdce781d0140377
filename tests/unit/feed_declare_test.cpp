// SPDX-License-Identifier: Apache-2.0
// What a connector declares within a sync, and the truncate that waits for its end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "support/feed.h"

namespace sluice::test {
namespace {

using sdk::Type;
using ::testing::HasSubstr;

class FeedDeclare : public ::testing::Test {
 protected:
  FeedDeclare()
      : path(std::filesystem::temp_directory_path() /
             ("sluice-feed-declare-" + std::to_string(getpid()))) {
    std::filesystem::remove(path);
    file.emplace(path);
  }
  ~FeedDeclare() override {
    file.reset();
    std::filesystem::remove(path);
  }
  const std::vector<sdk::TableSchema> tables{
      {"t", {"id"}, {{"id", {Type::int32}}, {"a", {Type::int16}}, {"raw", {Type::binary}}}, {}}};
  /// What ended the sync; "": nothing.
  std::string sync(const std::function<void(sdk::Operations&)>& work,
                   std::optional<std::size_t> memory = std::nullopt) {
    feed::FeedOptions options;
    options.memory = memory;
    const auto result = file->ended(
        tables, [&](const std::string&, sdk::Operations& operations) { work(operations); },
        options);
    return result.run.error ? result.run.error->what() : "";
  }
  std::string types(const std::string& table) {
    return file->text(
        "SELECT column_name, data_type FROM duckdb_columns() WHERE database_name = 'dst' AND "
        "table_name = '" +
        table + "' AND column_name NOT LIKE '\\_fivetran%' ESCAPE '\\' ORDER BY ALL");
  }
  std::string marks() {
    return file->text("SELECT id, a, _fivetran_deleted FROM dst.main.t ORDER BY id");
  }
  std::filesystem::path path;
  std::optional<FeedFile> file;
};

// Rows of both shapes in one checkpoint, of several blocks each, in memory and in a temp table.
TEST_F(FeedDeclare, ColumnsThatComeAndWidenWithinASync) {
  constexpr int kRows = 5'000;
  for (const std::optional<std::size_t> memory : {std::optional<std::size_t>(), {0}}) {
    const auto error = sync(
        [&](sdk::Operations& operations) {
          sdk::Table& table = operations.table("t");
          for (int i = 0; i < kRows; ++i) table.upsert().set(0, i).set(1, i % 1000);
          operations.declare({"T", {"ID"}, {{"A", {Type::int64}}, {"more", {Type::string}}}, {}});
          const std::size_t more = table.column("more");
          operations.declare({"t", {}, {{"a", {Type::int16}}, {"none", {Type::json}}}, {}});
          for (int i = 0; i < kRows; ++i) {
            table.upsert()
                .set(0, kRows + i)
                .set(1, 5'000'000'000 + i)
                .set(more, "a text that is not held in place " + std::to_string(i));
          }
          operations.checkpoint("{}");
        },
        memory);
    ASSERT_EQ(error, "");
    EXPECT_EQ(types("t"), "a|BIGINT\nid|INTEGER\nmore|VARCHAR\nnone|JSON\nraw|BLOB\n");
    EXPECT_EQ(file->text("SELECT count(*), count(DISTINCT id), bool_and(CASE WHEN id < 5000 THEN a "
                         "= id % 1000 AND more IS NULL ELSE a = 4999995000 + id AND more = 'a text "
                         "that is not held in place ' || (id - 5000) END) FROM dst.main.t"),
              "10000|10000|true\n");
  }
}

TEST_F(FeedDeclare, ATableWithAKey) {
  const auto error = sync([](sdk::Operations& operations) {
    operations.table("t").upsert().set(0, 1);
    operations.declare({"new", {"k"}, {{"k", {Type::string}}, {"v", {Type::int16}}}, {}});
    for (int i = 0; i < 3; ++i) operations.table("new").upsert().set(0, "one").set(1, i);
    operations.declare({"empty", {"k"}, {{"k", {Type::naive_date}}}, {}});
    operations.checkpoint("{}");
  });
  ASSERT_EQ(error, "");
  EXPECT_EQ(types("new"), "k|VARCHAR\nv|SMALLINT\n");
  EXPECT_EQ(types("empty"), "k|DATE\n");
  EXPECT_EQ(file->text("SELECT k, v FROM dst.main.new"), "one|2\n");
}

TEST_F(FeedDeclare, RefusesWhatDoesNotFit) {
  const auto refusal = [&](const sdk::TableSchema& declared) {
    return sync([&](sdk::Operations& operations) {
      operations.table("t").upsert().set(0, 1);
      operations.declare(declared);
      operations.checkpoint("{}");
    });
  };
  EXPECT_THAT(refusal({"t", {"a"}, {}, {}}), HasSubstr("t: its primary key was changed"));
  EXPECT_THAT(refusal({"t", {}, {{"raw", {Type::string}}}, {}}),
              HasSubstr("column raw was BINARY and is declared as STRING"));
  EXPECT_THAT(refusal({"t", {}, {{"d", {Type::decimal, 39, 0}}}, {}}),
              HasSubstr("cannot be declared as DECIMAL(39,0)"));
  EXPECT_EQ(types("t"), "") << "something of a refused sync was kept";
}

// Of each key one row is left, whatever its type was when it came.
TEST_F(FeedDeclare, AKeyThatWidens) {
  const auto error = sync([](sdk::Operations& operations) {
    sdk::Table& table = operations.table("t");
    table.upsert().set(0, 1).set(1, 1);
    operations.declare({"t", {"id"}, {{"id", {Type::string}}}, {}});
    for (const int a : {2, 3}) {
      operations.checkpoint("{}");
      for (int i = 0; i < 3; ++i) table.upsert().set(0, "1").set(1, a * 10 + i);
    }
    operations.checkpoint("{}");
  });
  ASSERT_EQ(error, "");
  EXPECT_EQ(marks(), "1|32|false\n");
}

TEST_F(FeedDeclare, ATruncateAtTheEndMarksWhatTheSyncHasNotTouched) {
  const auto fill = [](sdk::Operations& operations) {
    for (int id = 1; id <= 5; ++id) operations.table("t").upsert().set(0, id).set(1, 0);
    operations.checkpoint("{}");
  };
  const auto work = [](bool fails) {
    return [fails](sdk::Operations& operations) {
      sdk::Table& table = operations.table("t");
      table.truncate_at_end();
      table.upsert().set(0, 2).set(1, 2);
      table.remove().set(0, 5);
      operations.checkpoint("{}");
      table.update().set(0, 3).set(1, 3);
      operations.checkpoint("{}");
      if (fails) throw std::runtime_error("broken");
      table.upsert().set(0, 6).set(1, 6);
    };
  };
  ASSERT_EQ(sync(fill), "");
  EXPECT_EQ(sync(work(true)), "broken");
  EXPECT_EQ(marks(), "1|0|false\n2|2|false\n3|3|false\n4|0|false\n5|0|true\n");
  EXPECT_EQ(sync(work(false)), "");
  EXPECT_EQ(marks(), "1|0|true\n2|2|false\n3|3|false\n4|0|true\n5|0|true\n6|6|false\n");
  // Nothing else, and no checkpoint behind it.
  EXPECT_EQ(sync([](sdk::Operations& operations) { operations.table("t").truncate_at_end(); }), "");
  EXPECT_EQ(marks(), "1|0|true\n2|2|true\n3|3|true\n4|0|true\n5|0|true\n6|6|true\n");
  EXPECT_THAT(sync([](sdk::Operations& operations) {
                operations.table("t").upsert().set(0, 7);
                operations.table("t").truncate_at_end();
              }),
              HasSubstr("behind changes of the table that no checkpoint covers"));
}

}  // namespace
}  // namespace sluice::test
