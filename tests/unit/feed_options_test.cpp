// SPDX-License-Identifier: Apache-2.0
// What a sync of a connector can be told, and what it tells: stopping, choosing, naming, history.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "support/feed.h"

namespace sluice::test {
namespace {

using sdk::Type;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const sdk::TableSchema kT{"t", {"id"}, {{"id", {Type::int64}}}, {}};
const sdk::TableSchema kU{"u", {"id"}, {{"id", {Type::int64}}}, {}};

class FeedOptionsTest : public ::testing::Test {
 protected:
  FeedOptionsTest()
      : folder(std::filesystem::temp_directory_path() /
               ("sluice-feed-options-" + std::to_string(getpid()))) {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    file.emplace(folder / "f.duckdb");
  }
  ~FeedOptionsTest() override {
    file.reset();
    std::filesystem::remove_all(folder);
  }
  std::filesystem::path folder;
  std::optional<FeedFile> file;
};

/// A row of `id` in each table, then a checkpoint.
auto writes(std::vector<std::string> tables, std::int64_t id) {
  return [tables = std::move(tables), id](const std::string& state, sdk::Operations& operations) {
    operations.log().info(state);
    for (const std::string& each : tables) operations.table(each).upsert().set(0, id);
    operations.checkpoint("{\"last\": " + std::to_string(id) + "}");
  };
}

TEST_F(FeedOptionsTest, AStopEndsTheSyncAtTheNextOperationAndTheNextOneGoesOn) {
  std::stop_source stop;
  const auto stopped = file->ended(
      {kT},
      [&](const std::string&, sdk::Operations& operations) {
        sdk::Table& table = operations.table("t");
        table.upsert().set(0, 1);
        operations.checkpoint("{\"n\": 1}");
        table.upsert().set(0, 2);
        stop.request_stop();
        table.upsert().set(0, 3);
        ADD_FAILURE() << "went on";
      },
      {}, stop.get_token());
  EXPECT_EQ(stopped.exit_code(), 130);
  EXPECT_EQ(stopped.run.receipts.at(0).inserted, 1U);
  EXPECT_EQ(file->text("SELECT id FROM dst.main.t"), "1\n");
  EXPECT_EQ(file->text("SELECT exit_code FROM dst._sluice.runs"), "130\n");

  // One that comes while a checkpoint is made leaves that checkpoint, and a swallowed error ends it
  // just so.
  std::stop_source again;
  const auto at_checkpoint = file->ended(
      {kT},
      [&](const std::string& state, sdk::Operations& operations) {
        EXPECT_EQ(state, "{\"n\": 1}");
        operations.table("t").upsert().set(0, 2);
        again.request_stop();
        try {
          operations.checkpoint("{\"n\": 2}");
          ADD_FAILURE() << "went on";
        } catch (const Error& error) {
          EXPECT_EQ(error.fault(), Fault::cancelled);
        }
      },
      {}, again.get_token());
  EXPECT_EQ(at_checkpoint.exit_code(), 130);
  file->run({kT},
            [](const std::string& state, sdk::Operations&) { EXPECT_EQ(state, "{\"n\": 2}"); });
  EXPECT_EQ(file->text("SELECT id FROM dst.main.t ORDER BY id"), "1\n2\n");
}

class Notes : public Observer {
 public:
  void run_started(const std::string& id) override {
    add("run " + std::string(id.empty() ? "?" : ""));
  }
  void table_started(const std::shared_ptr<const Progress>& progress) override {
    add("started " + progress->table.text());
  }
  void unit_committed(const TableName& table, std::uint64_t rows) override {
    add(table.text() + " " + std::to_string(rows));
  }
  void checkpoint_committed(const std::string& state) override { add("checkpoint " + state); }
  void table_finished(const Receipt& receipt) override { add("finished " + receipt.table.text()); }
  std::vector<std::string> all;

 private:
  void add(const std::string& line) { all.push_back(line); }
};

TEST_F(FeedOptionsTest, AnObserverSeesEachCheckpointAndTheHistoryKeepsTheRun) {
  FunctionConnector connector({kT, kU}, [](const std::string&, sdk::Operations& operations) {
    sdk::Table& table = operations.table("t");
    for (int i = 0; i < 5; ++i) table.upsert().set(0, i);
    operations.checkpoint("{\"a\": 1}");
    table.upsert().set(0, 4);
    table.update().set(0, 3);
    table.remove().set(0, 0);
    table.truncate();
    operations.checkpoint("{\"a\": 2}");
    table.upsert().set(0, 9).set(table.column("new"), true);
    operations.checkpoint("{\"a\": 3}");
  });
  Notes notes;
  feed::FeedOptions options;
  options.source = "connector:five";
  const auto result =
      feed::run(file->database, file->destination, connector, {}, options, file->log, notes);
  EXPECT_THAT(notes.all, ElementsAre("run ", "started t", "t 5", "u 0", "checkpoint {\"a\": 1}",
                                     "t 8", "checkpoint {\"a\": 2}", "t 9", "checkpoint {\"a\": 3}",
                                     "finished t", "finished u"));
  EXPECT_EQ(result.exit_code(), 0);
  EXPECT_EQ(result.calls.upserts, 7U);
  EXPECT_EQ(result.calls.checkpoints, 3U);
  EXPECT_EQ(result.calls.schema_changes, 3U);
  const feed::Calls& t = result.tables.at({"", "t"});
  EXPECT_EQ(t.updates, 1U);
  EXPECT_EQ(t.removes, 1U);
  EXPECT_EQ(t.truncates, 1U);
  EXPECT_EQ(file->text("SELECT source, exit_code, error FROM dst._sluice.runs"),
            "connector:five|0|NULL\n");
  EXPECT_EQ(file->text("SELECT source_table, target, outcome, strategy, rows_read, rows_inserted, "
                       "rows_updated, array_to_string(notes, ';') FROM dst._sluice.run_tables "
                       "ORDER BY ALL"),
            "t|main.t|done|connector|9|6|2|new column new (BOOLEAN)\n"
            "u|main.u|done|connector|0|0|0|\n");
  // Another source under the connection is refused before anything is done.
  options.source = "connector:six";
  EXPECT_THROW(
      feed::run(file->database, file->destination, connector, {}, options, file->log, notes),
      Error);
}

TEST_F(FeedOptionsTest, OtherSettingsAreRefusedUntilTheUserSaysThatItIsTheSameSource) {
  feed::FeedOptions options;
  options.settings = {{"base_url", "https://one.example.com"}, {"size", "5"}};
  const auto sync = [&](std::int64_t id) { return file->ended({kT}, writes({"t"}, id), options); };
  EXPECT_EQ(sync(1).exit_code(), 0);
  EXPECT_EQ(sync(2).exit_code(), 0);
  const auto kept = file->text("SELECT value FROM dst._sluice.meta WHERE key = 'feed of default'");
  EXPECT_THAT(kept, ::testing::AllOf(HasSubstr("base_url"), ::testing::Not(HasSubstr("one.exam"))));
  options.settings = {{"base_url", "https://two.example.com"}, {"size", "5"}, {"more", "x"}};
  const auto refused = sync(3);
  EXPECT_EQ(refused.exit_code(), 2);
  EXPECT_THAT(refused.run.error->what(),
              HasSubstr("another value of \"base_url\", \"more\" than at its last checkpoint"));
  EXPECT_THAT(refused.run.error->what(), ::testing::Not(HasSubstr("example.com")));
  EXPECT_EQ(file->text("SELECT id FROM dst.main.t ORDER BY id"), "1\n2\n");
  options.accept_source = true;
  // Said once, even of a sync that then has nothing to commit.
  const auto idle = file->ended(
      {}, [](const std::string& state, sdk::Operations&) { EXPECT_EQ(state, "{\"last\": 2}"); },
      options);
  EXPECT_EQ(idle.exit_code(), 0);
  EXPECT_THAT(file->log.lines.back(), HasSubstr("warning: default: the connector is told another"));
  options.accept_source = false;
  EXPECT_EQ(sync(4).exit_code(), 0);
  EXPECT_EQ(file->log.lines.back(), "{\"last\": 2}");
  // A value that is gone, too.
  options.settings.erase("more");
  EXPECT_EQ(sync(5).exit_code(), 2);
  // The source's own name.
  options.settings["more"] = "x";
  options.source = "connector:renamed";
  EXPECT_THROW(sync(6), Error);
  options.accept_source = true;
  EXPECT_EQ(sync(6).exit_code(), 0);
  options.accept_source = false;
  EXPECT_EQ(sync(7).exit_code(), 0);
  EXPECT_EQ(file->text("SELECT id FROM dst.main.t ORDER BY id"), "1\n2\n4\n6\n7\n");
}

TEST_F(FeedOptionsTest, WhatLeavesUpdateIsInTheHistory) {
  const auto result = file->ended({kT}, [](const std::string&, sdk::Operations& operations) {
    operations.table("t").upsert().set(0, 1);
    operations.checkpoint("{}");
    throw std::runtime_error("the API said no");
  });
  EXPECT_EQ(result.exit_code(), 1);
  EXPECT_EQ(result.run.receipts.at(0).read, 1U);
  EXPECT_EQ(file->text("SELECT exit_code, error FROM dst._sluice.runs"), "1|the API said no\n");
}

TEST_F(FeedOptionsTest, AChosenTableThatWasLeftOutMakesTheConnectorStartOver) {
  feed::FeedOptions options;
  options.exclude = {"u"};
  const auto first = file->ended({kT, kU}, writes({"t", "u"}, 1), options);
  EXPECT_EQ(first.exit_code(), 0);
  ASSERT_EQ(first.run.receipts.size(), 1U);
  EXPECT_EQ(first.calls.upserts, 1U);
  EXPECT_THAT(first.run.notes, ElementsAre(HasSubstr("u is left out")));
  EXPECT_EQ(file->text("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main'"), "t\n");
  file->ended({kT, kU}, writes({"t", "u"}, 2), options);
  // As long as it is left out the state goes on.
  EXPECT_THAT(file->log.lines, ElementsAre("{}", "{\"last\": 1}"));
  file->run({kT, kU}, writes({"t", "u"}, 3));
  file->run({kT, kU}, writes({"t", "u"}, 4));
  EXPECT_THAT(file->log.lines, ElementsAre("{}", "{\"last\": 1}", "{}", "{\"last\": 3}"));
  EXPECT_EQ(file->text("SELECT id FROM dst.main.u ORDER BY id"), "3\n4\n");
  EXPECT_EQ(file->text("SELECT id FROM dst.main.t ORDER BY id"), "1\n2\n3\n4\n");
  // A copy that was left out for a while has a gap: it is made anew.
  file->ended({kT, kU}, writes({"t", "u"}, 5), options);
  EXPECT_EQ(file->text("SELECT id FROM dst.main.u ORDER BY id"), "3\n4\n");
  file->run({kT, kU}, writes({"t", "u"}, 6));
  EXPECT_EQ(file->log.lines.back(), "{}");
  EXPECT_EQ(file->text("SELECT id FROM dst.main.u ORDER BY id"), "6\n");

  options.exclude.clear();
  options.tables = {"T", "t", "x*"};
  const auto slip = file->ended({kT, kU}, writes({"t"}, 7), options);
  EXPECT_EQ(slip.exit_code(), 3);
  EXPECT_THAT(slip.run.notes, ElementsAre("no table fits x*"));
  EXPECT_THAT(slip.run.receipts.back().error, HasSubstr("T: the connector has sent no such table"));
}

TEST_F(FeedOptionsTest, FivetransNamesForSchemasTablesAndColumns) {
  feed::FeedOptions options;
  options.naming = Naming::fivetran;
  options.schema = "tester";
  const sdk::TableSchema people{
      "HTTPUsers2", {"userId"}, {{"userId", {Type::int64}}, {"$ref", {Type::string}}}, "CrmData"};
  const auto writes_both = [](const std::string&, sdk::Operations& operations) {
    sdk::Table& table = operations.table("HTTPUsers2", "CrmData");
    table.upsert().set(0, 1).set(table.column("$ref"), "r").set(table.column("address2"), "here");
    operations.checkpoint("{}");
  };
  for (int round = 0; round < 2; ++round) {
    const auto result = file->ended({people}, writes_both, options);
    EXPECT_EQ(result.exit_code(), 0) << result.run.error->what();
    EXPECT_EQ(result.run.receipts.at(0).target, "tester_crm_data.httpusers_2");
    EXPECT_EQ(result.run.receipts.at(0).table.text(), "CrmData.HTTPUsers2");
  }
  EXPECT_EQ(file->text("SELECT user_id, _ref, address_2 FROM dst.tester_crm_data.httpusers_2"),
            "1|r|here\n");
  // Two that would be one are refused, none is lost.
  const auto error = [&](std::vector<sdk::TableSchema> tables, FunctionConnector::Update update) {
    const auto ended = file->ended(std::move(tables), std::move(update), options);
    return ended.run.error ? std::string(ended.run.error->what()) : std::string();
  };
  EXPECT_THAT(error({{"a__b", {}, {}, {}}, {"a_b", {}, {}, {}}}, writes({}, 1)),
              HasSubstr("a__b and a_b would both be tester.a_b"));
  EXPECT_THAT(error({people},
                    [](const std::string&, sdk::Operations& operations) {
                      operations.table("HTTPUsers2", "CrmData").column("user_id");
                    }),
              HasSubstr("columns userid and user_id would both be user_id"));
  // Other names are another copy.
  EXPECT_THAT(file->ended({people}, writes_both).run.error->what(),
              HasSubstr("with the settings of now"));
}

}  // namespace
}  // namespace sluice::test
