// SPDX-License-Identifier: Apache-2.0
// Plans: what they foresee, and runs that do just what a plan says, or refuse.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>

#include "support/engine_fixture.h"

namespace sluice {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class EnginePlan : public test::EngineSync {
 protected:
  std::vector<TablePlan> plans() {
    Observer observer;
    return Sync(database, *source, *destination, options, observer).plan();
  }
  TablePlan plan_one() {
    const auto all = plans();
    EXPECT_EQ(all.size(), 1U);
    EXPECT_EQ(all.at(0).error, "");
    return all.at(0);
  }
  /// As another process reads it.
  RunPlan kept() { return RunPlan::parse(make_plan(options, *source, plans()).json()); }
  RunResult run(const RunPlan& plan) {
    Observer observer;
    return Sync(database, *source, *destination, options, observer).run(plan);
  }
  void expect_refused(const RunPlan& plan, const std::string& message) {
    const RunResult result = run(plan);
    EXPECT_EQ(result.exit_code(), 5);
    ASSERT_EQ(result.receipts.size(), 1U);
    EXPECT_EQ(result.receipts[0].error, message);
    EXPECT_THAT(result.receipts[0].hint, HasSubstr("sluice plan --out FILE"));
  }
  /// The whole plan, and nothing is written.
  void expect_refused_whole(const RunPlan& plan, const std::string& message) {
    const std::string before = content();
    try {
      run(plan);
      ADD_FAILURE() << "accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::config);
      EXPECT_THAT(error.what(), HasSubstr(message));
    }
    EXPECT_EQ(content(), before);
  }
  std::string content() {
    return database.connect()
        .query(
            "SELECT coalesce(string_agg(schema_name || '.' || table_name || ' ' || "
            "estimated_size, ';' ORDER BY schema_name, table_name), '') FROM duckdb_tables() WHERE "
            "database_name = "
            "'dst'")
        .text(0, 0);
  }
  void alter(const std::string& what) { source->sql("ALTER TABLE fake.main.t " + what); }
};

TEST_F(EnginePlan, ARunOfItDoesItsTablesAndNoOthers) {
  make_orders(1'000);
  source->sql("CREATE TABLE fake.main.u AS FROM fake.main.t");
  options.tables = {"main.t"};
  const RunPlan plan = kept();
  options.tables.clear();  // as sluice.yaml may say
  const RunResult result = run(plan);
  EXPECT_EQ(result.exit_code(), 0);
  ASSERT_EQ(result.receipts.size(), 1U);
  EXPECT_EQ(result.receipts[0].strategy, "load");
  EXPECT_EQ(differences(), "");
  EXPECT_THAT(content(), Not(HasSubstr("main.u")));
}

TEST_F(EnginePlan, AShapeThatChangedRefusesItsTable) {
  make_orders(100);
  run_one();
  for (const auto& [change, back, message] :
       {std::tuple{"ADD COLUMN extra VARCHAR", "DROP COLUMN extra", "column extra VARCHAR is new"},
        {"RENAME v TO w", "RENAME w TO v", "column v is gone"},
        {"ALTER v TYPE BIGINT USING 1", "ALTER v TYPE VARCHAR",
         "column v is BIGINT now, it was VARCHAR"}}) {
    const RunPlan plan = kept();
    alter(change);
    expect_refused(plan, std::string("main.t: not as planned: ") + message);
    alter(back);
  }
  const RunPlan plan = kept();
  source->keys["t"] = {"id", "v"};
  expect_refused(plan, "main.t: not as planned: the primary key is (id, v) now, it was (id)");
  source->keys["t"] = {"id"};
  source->replication_keys["t"] = "id";
  expect_refused(plan, "main.t: not as planned: the replication key is id now, it was updated_at");
}

/// The shape that counts is the one under the run's own lock.
TEST_F(EnginePlan, AShapeThatChangesAfterDiscoveryRefusesItsTable) {
  make_orders(100);
  const RunPlan plan = kept();
  source->before_snapshot = [&] { alter("ADD COLUMN extra VARCHAR"); };
  expect_refused(plan, "main.t: not as planned: column extra VARCHAR is new");
  source->before_snapshot = nullptr;
  EXPECT_THAT(content(), Not(HasSubstr("main.t ")));
}

TEST_F(EnginePlan, AShapeThatChangesBeforeATableIsTriedAgainRefusesIt) {
  make_orders(100);
  options.retries = 2;
  const RunPlan plan = kept();
  std::atomic<bool> cut{true};
  source->before_batch = [&](int) {
    if (!cut.exchange(false)) return;
    alter("ADD COLUMN extra VARCHAR");
    throw Error(Fault::connection, "the line was cut");
  };
  expect_refused(plan, "main.t: not as planned: column extra VARCHAR is new");
}

TEST_F(EnginePlan, WhatAnotherRunHasDoneMeanwhileIsNotDoneAgain) {
  make_orders(100);
  const RunPlan plan = kept();
  run_one();
  expect_refused(plan,
                 "main.t: not as planned: it would be incremental now (replication key "
                 "updated_at), the plan has load (no copy yet)");
  source->incarnations["t"] = "another";
  const RunPlan whole = kept();
  EXPECT_EQ(whole.tables.at(0).strategy, "full");
  source->incarnations["t"] = "a third";  // it is compared whole all the same
  EXPECT_EQ(run(whole).exit_code(), 0);
  const RunPlan since = kept();
  source->incarnations["t"] = "a fourth";
  expect_refused(since, "main.t: not as planned: the source rewrote or re-created the table");
}

TEST_F(EnginePlan, ATableThatIsGoneIsRefused) {
  make_orders(100);
  const RunPlan first = kept();
  source->sql("ALTER TABLE fake.main.t RENAME TO x");
  expect_refused(first, "main.t: not as planned: the source no longer has it");
  source->sql("ALTER TABLE fake.main.x RENAME TO t");
  run_one();
  const RunPlan later = kept();
  source->sql("DROP TABLE fake.main.t");
  expect_refused(later, "main.t: not as planned: the source no longer has it");
}

/// What this run has begun by itself is no other run's work; nor is what one of the same plan
/// began.
TEST_F(EnginePlan, ALoadThatIsCutOffGoesOn) {
  make_orders(10'000);
  options.unit_rows = 2'000;
  options.retries = 2;
  const RunPlan plan = kept();
  std::atomic<int> batches{0};
  source->before_batch = [&](int) {
    if (++batches == 8) throw Error(Fault::connection, "the line was cut");
  };
  options.parallel = 1;
  const RunResult result = run(plan);
  EXPECT_EQ(result.exit_code(), 0) << result.receipts.at(0).error;
  EXPECT_EQ(result.receipts.at(0).strategy, "resume");
  EXPECT_EQ(differences(), "");
}

TEST_F(EnginePlan, ALoadThatARunOfThePlanLeftGoesOnByTheSamePlan) {
  make_orders(10'000);
  options.unit_rows = 2'000;
  options.parallel = 1;
  const RunPlan plan = kept();
  std::atomic<int> batches{0};
  source->before_batch = [&](int) {
    if (++batches >= 8) throw Error(Fault::connection, "the line was cut");
  };
  EXPECT_EQ(run(plan).exit_code(), 1);
  source->before_batch = nullptr;
  EXPECT_EQ(run(plan).receipts.at(0).strategy, "resume");
  EXPECT_EQ(differences(), "");
}

/// Time alone makes no plan outdated.
TEST_F(EnginePlan, WhatIsDueIsJudgedByWhenThePlanWasMade) {
  make_orders(100);
  options.defaults.delete_check = {Cadence::Kind::interval, std::chrono::hours(1)};
  run_one();
  source->sql("DELETE FROM fake.main.t WHERE id = 5");
  EXPECT_FALSE(kept().tables.at(0).finds_deletes);
  options.as_of = std::time(nullptr) + 7200;
  const RunPlan later = kept();
  EXPECT_TRUE(later.tables.at(0).finds_deletes);
  options.as_of.reset();
  const RunResult result = run(later);
  EXPECT_EQ(result.receipts.at(0).deleted, 1U);
  EXPECT_EQ(differences(), "");
  // And once they have been looked for, it is outdated.
  RunPlan again = later;
  again.made_at = std::time(nullptr);
  expect_refused(again,
                 "main.t: not as planned: deletes would not be looked for now, the plan looks for "
                 "them");
}

TEST_F(EnginePlan, AForeignPlanIsRefusedBeforeAnythingIsWritten) {
  make_orders(100);
  const RunPlan plan = kept();
  options.connection = "other";
  expect_refused_whole(plan, "the plan is of connection default, this is other");
  options.connection = "default";
  source->identity_text = "another database";
  expect_refused_whole(plan, "the plan is of fake, this source is another database");
  source->identity_text = "fake";
  options.defaults.where = "id > 5";
  expect_refused_whole(plan,
                       "main.t: the plan was made with other settings: where is \"id > 5\", the "
                       "plan has \"\"");
  options.defaults.where.clear();
  options.defaults.types["v"] = "BLOB";
  expect_refused_whole(plan, "types is {\"v\":\"BLOB\"}, the plan has {}");
  options.defaults.types.clear();
  options.defaults.deletes = Deletes::ignore;
  expect_refused_whole(plan, "deletes is \"ignore\", the plan has \"hard\"");
  options.defaults.deletes = Deletes::hard;
  options.schema = "raw";
  expect_refused_whole(plan, "target is \"raw.t\", the plan has \"main.t\"");
  options.schema.reset();
  EXPECT_EQ(content(), "");
  EXPECT_EQ(run(plan).exit_code(), 0);
}

TEST_F(EnginePlan, TheFlagsOfAPlanAreThoseOfItsRun) {
  make_orders(100);
  run_one();
  source->sql("UPDATE fake.main.t SET v = 'unstamped' WHERE id = 3");
  options.full = true;
  const RunPlan plan = kept();
  options.full = false;
  const RunResult result = run(plan);
  EXPECT_EQ(result.receipts.at(0).strategy, "full");
  EXPECT_EQ(differences(), "");
}

TEST_F(EnginePlan, WhatIsNoPlanIsRefused) {
  make_orders(10);
  const std::string good = make_plan(options, *source, plans()).json();
  const auto refusal = [](const std::string& text) -> std::string {
    try {
      RunPlan::parse(text);
      return "accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::config);
      return error.what();
    }
  };
  const std::string start = "this is no plan that this sluice can do: ";
  EXPECT_THAT(refusal(good), "accepted");
  EXPECT_EQ(refusal("{}"), start + "it is another file");
  EXPECT_EQ(refusal("[1]"), start + "it is another file");
  EXPECT_EQ(refusal("{\"sluice_plan\": 2}"), start + "its format is 2, 1 is known");
  for (std::size_t size = 0; size + 2 < good.size(); size += 7)
    EXPECT_THAT(refusal(good.substr(0, size)), StartsWith(start)) << size;
  std::string keyless = good;
  keyless.replace(keyless.find("\"name\": \"id\""), 12, "\"name\": \"no\"");
  EXPECT_EQ(refusal(keyless), start + "a key has no column id");
}

TEST_F(EnginePlan, ARefusedTableIsNoPartOfThePlan) {
  make_orders(100);
  source->sql("CREATE TABLE fake.main.u AS FROM fake.main.t");
  database.connect().query("CREATE TABLE dst.main.u (id BIGINT)");
  const RunPlan plan = kept();
  ASSERT_EQ(plan.tables.size(), 1U);
  EXPECT_EQ(plan.tables[0].table.name.name, "t");
}

TEST_F(EnginePlan, DeletesAreExpectedWhereARunLooksForThemAndTheEstimateSaysSo) {
  make_orders(20'000);
  source->estimates["t"] = 20'000;
  EXPECT_EQ(plan_one().deletes, std::nullopt);  // there is no copy yet
  run_one();
  EXPECT_EQ(plan_one().deletes, std::nullopt);
  source->estimates["t"] = 19'900;  // within what an estimate may be off
  EXPECT_EQ(plan_one().deletes, std::nullopt);
  source->estimates["t"] = 19'000;
  EXPECT_EQ(plan_one().deletes, 1'000U);
  EXPECT_TRUE(plan_one().notes.empty());
  source->estimates["t"] = 0;  // the source has none
  EXPECT_EQ(plan_one().deletes, std::nullopt);
  source->estimates["t"] = 10'000;
  EXPECT_EQ(plan_one().deletes, 10'000U);
  EXPECT_THAT(plan_one().notes, ElementsAre(HasSubstr("--allow-deletes main.t")));
  options.allow_deletes = {"*"};
  EXPECT_TRUE(plan_one().notes.empty());
  options.defaults.delete_check = {Cadence::Kind::never, {}};
  EXPECT_EQ(plan_one().deletes, std::nullopt);
  options.full = true;
  EXPECT_EQ(plan_one().deletes, 10'000U);
  options.defaults.deletes = Deletes::ignore;
  EXPECT_EQ(plan_one().deletes, std::nullopt);
}

TEST_F(EnginePlan, HowTheSourceIsReadIsSaid) {
  make_orders(10'000);
  options.parallel = 2;
  TablePlan plan = plan_one();
  EXPECT_EQ(plan.reads, "whole table once");
  EXPECT_EQ(plan.connections, 2U);
  EXPECT_EQ(plan.rows, 10'000U);
  run_one();
  EXPECT_EQ(plan_one().reads,
            "whole table scanned once (no index leads with updated_at), all keys");
  options.verify_after_run = true;
  options.defaults.delete_check = {Cadence::Kind::never, {}};
  EXPECT_EQ(plan_one().reads,
            "whole table scanned once (no index leads with updated_at), all of it to verify");
  options.verify_after_run = false;
  options.full = true;
  EXPECT_EQ(plan_one().reads, "whole table once, twice if much differs");
  options.defaults.deletes = Deletes::ignore;
  EXPECT_EQ(plan_one().reads, "whole table once");
  options.full = false;
  source->keys.clear();
  options.defaults.deletes = Deletes::hard;
  options.defaults.key = {"id"};
  EXPECT_THAT(plan_one().reads, EndsWith(", all keys to prove that key: is one"));
  options.connection = "keyless";
  options.schema = "keyless";
  options.defaults.key.clear();
  run_one();
  EXPECT_EQ(plan_one().reads, "whole table once, twice if rows are new");
  options.defaults.full_every = Cadence{Cadence::Kind::never, {}};
  plan = plan_one();
  EXPECT_EQ(plan.strategy, "not due");
  EXPECT_EQ(plan.reads, "");
  EXPECT_EQ(plan.rows, 0U);
}

TEST_F(EnginePlan, ALoadThatWasCutOffHasItsRestToRead) {
  make_orders(10'000);
  options.unit_rows = 2'000;
  options.parallel = 1;
  std::atomic<int> batches{0};
  source->before_batch = [&](int) {
    if (++batches >= 8) throw Error(Fault::connection, "the line was cut");
  };
  EXPECT_EQ(test::EngineSync::run().exit_code(), 1);
  source->before_batch = nullptr;
  const TablePlan plan = plan_one();
  EXPECT_EQ(plan.strategy, "resume");
  EXPECT_EQ(plan.reads, "rest of the table once, what is new since it began, all keys");
  EXPECT_GE(plan.rows, 2'000U);
  EXPECT_LE(plan.rows, 8'000U);
}

TEST_F(EnginePlan, SecondsAreThoseOfEarlierRuns) {
  make_orders(100);
  EXPECT_EQ(plan_one().seconds, std::nullopt);
  run_one();
  run_one();
  database.connect().query(
      "UPDATE dst._sluice.run_tables SET seconds = 12.5 WHERE strategy = 'incremental'");
  EXPECT_EQ(plan_one().seconds, 12.5);
  // Never done before: by the bytes, at the speed of what was.
  database.connect().query(
      "UPDATE dst._sluice.run_tables SET seconds = 1, bytes_read = 2000000 WHERE strategy = "
      "'load'");
  options.full = true;
  EXPECT_EQ(plan_one().seconds, 8'000 / 2e6);  // a chunk of the source says 1,000 rows of 8 bytes
  options.connection = "other";
  options.schema = "other";
  EXPECT_EQ(plan_one().seconds, std::nullopt);
}

/// As the next run will, see EngineTable's restored backup.
TEST_F(EnginePlan, ASourceThatWasSetBackIsComparedWhole) {
  make_orders(100);
  source->position_number = 100;
  run_one();
  source->position_number = 200;
  run_one();
  EXPECT_EQ(plan_one().strategy, "incremental");
  source->position_number = 150;
  EXPECT_EQ(plan_one().strategy, "full");
  EXPECT_EQ(run_one().strategy, "full");
}

}  // namespace
}  // namespace sluice
