// SPDX-License-Identifier: Apache-2.0
// What a later sync of a connector finds: copies that were dropped or reset, other spellings, what
// a crash left.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "engine/state.h"
#include "support/feed.h"
#include "support/program.h"

namespace sluice::test {
namespace {

using sdk::Type;
using ::testing::HasSubstr;

const sdk::TableSchema kItems{"Items", {"Id"}, {{"Id", {Type::int64}}, {"v", {Type::int64}}}, {}};
const sdk::TableSchema kOther{"other", {"id"}, {{"id", {Type::int64}}}, {}};

class FeedAgain : public ::testing::Test {
 protected:
  FeedAgain()
      : folder(std::filesystem::temp_directory_path() /
               ("sluice-feed-again-" + std::to_string(getpid()))) {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    file.emplace(folder / "f.duckdb");
  }
  ~FeedAgain() override {
    file.reset();
    std::filesystem::remove_all(folder);
  }

  /// Items n and n + 1 and other n, then the state n + 1. What it began with is in the log.
  void sync(std::vector<sdk::TableSchema> tables = {kItems, kOther}) {
    file->run(std::move(tables), [](const std::string& state, sdk::Operations& operations) {
      operations.log().info(state);
      const std::int64_t n = state == "{}" ? 0 : std::stol(state.substr(6));
      for (std::int64_t id = n; id < n + 2; ++id)
        operations.table("Items").upsert().set(0, id).set(1, n);
      operations.table("other").upsert().set(0, n);
      operations.checkpoint("{\"n\": " + std::to_string(n + 1) + "}");
    });
  }
  std::string began_with() const { return file->log.lines.back(); }
  std::string items() { return file->text("SELECT id, v FROM dst.main.items ORDER BY id"); }
  void reset(const TableName& table) {
    duck::Connection connection = file->database.connect();
    StateStore states("dst", "default");
    states.open(connection, StateStore::Create::no);
    states.reset(connection, table);
  }

  std::filesystem::path folder;
  std::optional<FeedFile> file;
};

TEST_F(FeedAgain, ACopyThatWasDroppedIsLoadedAnew) {
  sync();
  sync();
  EXPECT_EQ(items(), "0|0\n1|1\n2|1\n");
  file->query("DROP TABLE dst.main.items");
  sync();
  EXPECT_EQ(began_with(), "{}");
  EXPECT_EQ(items(), "0|0\n1|0\n");
  EXPECT_EQ(file->text("SELECT id FROM dst.main.other ORDER BY id"), "0\n1\n");
  sync();
  EXPECT_EQ(began_with(), "{\"n\": 1}");
}

TEST_F(FeedAgain, ACopyThatWasResetIsMadeAnewOnlyOnceItsRowsCome) {
  sync();
  sync();
  reset({"", "Items"});
  EXPECT_EQ(items(), "0|0\n1|1\n2|1\n");
  // A sync that ends before its first checkpoint changes nothing.
  const auto failed =
      file->ended({kItems}, [](const std::string& state, sdk::Operations& operations) {
        EXPECT_EQ(state, "{}");
        operations.table("Items").upsert().set(0, 77);
        throw std::runtime_error("no");
      });
  EXPECT_EQ(failed.exit_code(), 1);
  EXPECT_EQ(items(), "0|0\n1|1\n2|1\n");
  // Another key and another type: what no change of the old copy could be.
  const sdk::TableSchema anew{
      "Items", {"Id", "part"}, {{"Id", {Type::binary}}, {"part", {Type::int64}}}, {}};
  file->run({anew}, [](const std::string& state, sdk::Operations& operations) {
    EXPECT_EQ(state, "{}");
    operations.table("Items").upsert().set(0, sdk::Bytes{"x"}).set(1, 1);
    operations.checkpoint("{\"n\": 1}");
  });
  EXPECT_EQ(file->text("SELECT id::VARCHAR, part FROM dst.main.items"), "x|1\n");
  file->run({anew},
            [](const std::string& state, sdk::Operations&) { EXPECT_EQ(state, "{\"n\": 1}"); });
}

TEST_F(FeedAgain, AResetTableThatIsNotSentAnyMoreIsDropped) {
  sync();
  reset({"", "Items"});
  file->run({kOther}, [](const std::string& state, sdk::Operations& operations) {
    EXPECT_EQ(state, "{}");
    operations.table("other").upsert().set(0, 5);
    operations.checkpoint("{\"n\": 5}");
  });
  EXPECT_EQ(file->text("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'Items'"), "0\n");
  file->run({kOther}, [](const std::string& state, sdk::Operations& operations) {
    EXPECT_EQ(state, "{\"n\": 5}");
    operations.table("Items").upsert().set(operations.table("Items").column("id"), 1);
    operations.checkpoint("{}");
  });
  EXPECT_EQ(file->text("SELECT id FROM dst.main.items"), "1\n");
}

TEST_F(FeedAgain, NamesThatDifferInCaseAloneAreOne) {
  sync();
  file->run({}, [](const std::string&, sdk::Operations& operations) {
    sdk::Table& table = operations.table("ITEMS");
    EXPECT_EQ(&table, &operations.table("items"));
    // The key that the state knows is the key of a table that is not declared any more.
    table.update().set(table.column("ID"), 0).set(table.column("V"), 42);
    operations.checkpoint("{\"n\": 1}");
  });
  EXPECT_EQ(items(), "0|42\n1|0\n");
  sdk::TableSchema spelled = kItems;
  spelled.name = "iTEMS";
  spelled.primary_key = {"iD"};
  spelled.columns[0].first = "ID";
  sync({spelled, kOther});
  EXPECT_EQ(items(), "0|42\n1|1\n2|1\n");
  EXPECT_EQ(file->text("SELECT source_table, count(*) FROM dst._sluice.state GROUP BY ALL "
                       "ORDER BY ALL"),
            "Items|1\nother|1\n");
}

TEST_F(FeedAgain, AnEmptyTableThatACrashLeftIsGoneAfterTheNextSync) {
  file.reset();
  const auto program =
      std::filesystem::read_symlink("/proc/self/exe").parent_path() / "feed_program";
  testing::Program killed(program, {(folder / "f.duckdb").string(), "1", "10"},
                          (folder / "out").string(), "feed-shaped");
  while (killed.running()) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  ASSERT_TRUE(killed.killed());
  file.emplace(folder / "f.duckdb");
  EXPECT_EQ(file->text("SELECT count(*) FROM duckdb_tables() WHERE table_name = 't'"), "1\n")
      << "nothing was left: this test shows nothing";
  file->run({},
            [](const std::string&, sdk::Operations& operations) { operations.checkpoint("{}"); });
  EXPECT_EQ(file->text("SELECT count(*) FROM duckdb_tables() WHERE table_name = 't'"), "0\n");
}

TEST_F(FeedAgain, ATableOfAnotherConnectionIsNotTaken) {
  sync();
  feed::FeedOptions options;
  options.connection = "second";
  const auto refused = file->ended(
      {kItems}, [](const std::string&, sdk::Operations&) {}, options);
  EXPECT_EQ(refused.exit_code(), 2);
  EXPECT_THAT(refused.run.error->what(), HasSubstr("belongs to default: Items"));
}

}  // namespace
}  // namespace sluice::test
