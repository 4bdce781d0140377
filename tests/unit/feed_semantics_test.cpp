// SPDX-License-Identifier: Apache-2.0
// What each operation of a connector means, one rule a test. That they hold in every order is
// feed_golden_test.cpp's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "support/feed.h"

namespace sluice::test {
namespace {

using sdk::Type;
using ::testing::HasSubstr;

class FeedSemantics : public ::testing::Test {
 protected:
  FeedSemantics()
      : path(std::filesystem::temp_directory_path() /
             ("sluice-feed-semantics-" + std::to_string(getpid()))) {
    std::filesystem::remove(path);
    file.emplace(path);
  }
  ~FeedSemantics() override {
    file.reset();
    std::filesystem::remove(path);
  }
  using Work = std::function<void(sdk::Table& table, sdk::Operations& operations)>;
  /// A sync of one table, t(id, a, b), and a checkpoint.
  void sync(const Work& work) {
    file->run(
        {{"t", {"id"}, {{"id", {Type::int64}}, {"a", {Type::string}}, {"b", {Type::int64}}}, {}}},
        [&](const std::string&, sdk::Operations& operations) {
          work(operations.table("t"), operations);
          operations.checkpoint("{}");
        });
  }
  void three_rows() {
    sync([](sdk::Table& table, sdk::Operations&) {
      for (int id = 1; id <= 3; ++id) table.upsert().set(0, id).set(1, "a").set(2, id * 10);
    });
  }
  std::string rows() {
    return file->text("SELECT id, a, b, _fivetran_deleted FROM dst.main.t ORDER BY id");
  }
  std::string synced() {
    return file->text("SELECT id, epoch_us(_fivetran_synced) FROM dst.main.t ORDER BY id");
  }
  /// Of the last checkpoint.
  std::string stamp() {
    const auto feed =
        file->query("SELECT value FROM dst._sluice.meta WHERE key = 'feed of default'");
    return std::to_string(nlohmann::json::parse(feed.text(0, 0)).at("synced").get<std::int64_t>());
  }
  std::filesystem::path path;
  std::optional<FeedFile> file;
};

TEST_F(FeedSemantics, AnUpsertReplacesTheWholeRow) {
  three_rows();
  sync([](sdk::Table& table, sdk::Operations&) { table.upsert().set(0, 2).set(1, "new"); });
  EXPECT_EQ(rows(), "1|a|10|false\n2|new|NULL|false\n3|a|30|false\n");
}

TEST_F(FeedSemantics, AnUpdateSetsWhatIsSetAndNothingElse) {
  three_rows();
  sync([](sdk::Table& table, sdk::Operations&) {
    table.update().set(0, 1).set(1, "new");
    table.update().set(0, 2).set(2, std::monostate());
    table.update().set(0, 3);
  });
  EXPECT_EQ(rows(), "1|new|10|false\n2|a|NULL|false\n3|a|30|false\n");
}

TEST_F(FeedSemantics, AnUpdateOfNoRowIsIgnored) {
  three_rows();
  sync([](sdk::Table& table, sdk::Operations&) { table.update().set(0, 9).set(1, "new"); });
  EXPECT_EQ(rows(), "1|a|10|false\n2|a|20|false\n3|a|30|false\n");
}

TEST_F(FeedSemantics, ARemoveMarksTheRowAndKeepsItsValues) {
  three_rows();
  sync([](sdk::Table& table, sdk::Operations&) {
    table.remove().set(0, 2);
    table.remove().set(0, 9);
  });
  EXPECT_EQ(rows(), "1|a|10|false\n2|a|20|true\n3|a|30|false\n");
}

TEST_F(FeedSemantics, AnUpsertAndAnUpdateReviveARowThatWasMarked) {
  three_rows();
  sync([](sdk::Table& table, sdk::Operations&) {
    for (int id = 1; id <= 3; ++id) table.remove().set(0, id);
  });
  sync([](sdk::Table& table, sdk::Operations&) {
    table.upsert().set(0, 1).set(1, "new");
    table.update().set(0, 2).set(1, "new");
  });
  EXPECT_EQ(rows(), "1|new|NULL|false\n2|new|20|false\n3|a|30|true\n");
}

TEST_F(FeedSemantics, ATruncateMarksWhatCameBeforeTheCallAndNothingAfterIt) {
  three_rows();
  sync([](sdk::Table& table, sdk::Operations&) {
    table.upsert().set(0, 4).set(1, "before");
    table.upsert().set(0, 2).set(1, "before");
    table.truncate();
    table.upsert().set(0, 3).set(1, "after");
    table.upsert().set(0, 5).set(1, "after");
    table.update().set(0, 1).set(1, "after");
  });
  EXPECT_EQ(rows(),
            "1|after|10|false\n2|before|NULL|true\n3|after|NULL|false\n4|before|NULL|true\n"
            "5|after|NULL|false\n");
}

TEST_F(FeedSemantics, ATruncateIsSeenAtTheNextCheckpointAndNotBefore) {
  three_rows();
  sync([this](sdk::Table& table, sdk::Operations& operations) {
    table.truncate();
    table.upsert().set(0, 1).set(1, "after");
    EXPECT_EQ(rows(), "1|a|10|false\n2|a|20|false\n3|a|30|false\n");
    operations.checkpoint("{}");
    EXPECT_EQ(rows(), "1|after|NULL|false\n2|a|20|true\n3|a|30|true\n");
  });
}

TEST_F(FeedSemantics, SyncedIsWhenTheCheckpointOfTheRowsLastOperationWasApplied) {
  three_rows();
  const std::string first = stamp();
  sync([](sdk::Table& table, sdk::Operations&) {
    table.update().set(0, 1);
    table.remove().set(0, 2);
  });
  const std::string second = stamp();
  EXPECT_LT(std::stoll(first), std::stoll(second));
  EXPECT_EQ(synced(), "1|" + second + "\n2|" + second + "\n3|" + first + "\n");
  // A truncate is no operation of a row's.
  sync([](sdk::Table& table, sdk::Operations&) { table.truncate(); });
  EXPECT_EQ(synced(), "1|" + second + "\n2|" + second + "\n3|" + first + "\n");
}

TEST_F(FeedSemantics, ACheckpointCommitsAllTablesAndTheStateAtOnce) {
  EXPECT_THROW(sync([this](sdk::Table& table, sdk::Operations& operations) {
                 sdk::Table& other = operations.table("other");
                 table.upsert().set(0, 1);
                 other.upsert().set(other.column("x"), 1);
                 operations.checkpoint("{\"at\": 1}");
                 EXPECT_EQ(rows(), "1|NULL|NULL|false\n");
                 table.upsert().set(0, 2);
                 other.upsert().set(other.column("x"), 2);
                 // One bad document ends the checkpoint of all of them.
                 other.upsert().set(other.column("j"), sdk::Json{"{"});
                 operations.checkpoint("{\"at\": 2}");
               }),
               Error);
  EXPECT_EQ(rows(), "1|NULL|NULL|false\n");
  EXPECT_EQ(file->text("SELECT x FROM dst.main.other"), "1\n");
  file->run({},
            [](const std::string& state, sdk::Operations&) { EXPECT_EQ(state, "{\"at\": 1}"); });
}

TEST_F(FeedSemantics, ADeclaredTableIsMadeWithoutARowAndAColumnOfNullsAloneIsNot) {
  sync([](sdk::Table& table, sdk::Operations& operations) {
    table.upsert().set(0, 1).set(table.column("only_null"), std::monostate());
    operations.table("never");
  });
  EXPECT_EQ(file->text("SELECT table_name, string_agg(column_name || ' ' || data_type, ', ' ORDER "
                       "BY column_index) FROM duckdb_columns() WHERE schema_name = 'main' AND "
                       "database_name = 'dst' GROUP BY ALL ORDER BY ALL"),
            "t|id BIGINT, a VARCHAR, b BIGINT, _fivetran_synced TIMESTAMP WITH TIME ZONE, "
            "_fivetran_deleted BOOLEAN\n");
  sync([](sdk::Table&, sdk::Operations&) {});
  EXPECT_EQ(rows(), "1|NULL|NULL|false\n");
}

TEST_F(FeedSemantics, ChangesOfOneKeyInOneCheckpointAreAppliedInTheirOrder) {
  sync([](sdk::Table& table, sdk::Operations&) {
    table.upsert().set(0, 1).set(1, "first").set(2, 1);
    table.update().set(0, 1).set(1, "second");
    table.remove().set(0, 1);
    table.update().set(0, 1).set(2, 4);
    table.upsert().set(0, 2).set(1, "gone");
    table.remove().set(0, 2);
    table.update().set(0, 3).set(1, "no row yet");
    table.upsert().set(0, 3).set(2, 3);
  });
  EXPECT_EQ(rows(), "1|second|4|false\n2|gone|NULL|true\n3|NULL|3|false\n");
}

TEST_F(FeedSemantics, SetTwiceTheLastValueCounts) {
  sync([](sdk::Table& table, sdk::Operations&) {
    table.upsert().set(0, 1).set(1, "first").set(1, "a text that is longer than twelve");
    table.upsert().set(0, 2).set(1, "first").set(1, std::monostate());
    table.upsert().set(0, 3).set(1, std::monostate()).set(1, "last");
  });
  EXPECT_EQ(rows(),
            "1|a text that is longer than twelve|NULL|false\n2|NULL|NULL|false\n"
            "3|last|NULL|false\n");
}

TEST_F(FeedSemantics, AKeyOfSeveralColumnsOfAnyType) {
  const sdk::TableSchema t{
      "k",
      {"at", "name", "part"},
      {{"v", {Type::int64}}, {"at", {Type::utc_datetime}}, {"part", {Type::decimal, 4, 2}}},
      {}};
  const auto row = [](sdk::Row& begun, const char* name, const char* part) -> sdk::Row& {
    return begun.set(0, sdk::UtcDateTime{5}).set(1, name).set(2, sdk::Decimal{part});
  };
  file->run({t}, [&](const std::string&, sdk::Operations& operations) {
    sdk::Table& table = operations.table("k");
    EXPECT_EQ(table.column("v"), 3U);  // behind the key
    row(table.upsert(), "x", "1.25").set(3, 1);
    row(table.upsert(), "x", "1.5").set(3, 2);
    row(table.upsert(), "X", "1.25").set(3, 3);
    operations.checkpoint("{}");
    row(table.update(), "x", "1.250").set(3, 4);
    row(table.remove(), "X", "1.25");
    operations.checkpoint("{}");
  });
  EXPECT_EQ(file->text("SELECT name, part::VARCHAR, v, _fivetran_deleted FROM dst.main.k ORDER BY "
                       "ALL"),
            "X|1.25|3|true\nx|1.25|4|false\nx|1.50|2|false\n");
}

}  // namespace
}  // namespace sluice::test
