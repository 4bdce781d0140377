// SPDX-License-Identifier: Apache-2.0
// What happens to one table at the edges: loads that were cut off, columns that come and go,
// commits that a crash tore.
#include <gtest/gtest.h>

#include "engine/state.h"
#include "support/engine_fixture.h"

namespace sluice {
namespace {

class EngineTable : public test::EngineSync {
 protected:
  /// The first load breaks off after so many batches of 1,000 rows.
  void cut_off_load(int batches) {
    source->chunk_rows = 1000;
    std::atomic<int> seen{0};
    source->before_batch = [&](int) {
      if (seen++ == batches) throw Error(Fault::connection, "cut");
    };
    EXPECT_FALSE(run().receipts.at(0).error.empty());
    source->before_batch = nullptr;
  }
  std::string copy(const std::string& what) {
    return database.connect().query("SELECT (" + what + ")::VARCHAR").text(0, 0);
  }
  void state(const std::string& change) {
    database.connect().query("UPDATE dst._sluice.state SET state = " + change);
  }
};

TEST_F(EngineTable, ALoadThatCannotBeHealedStartsOverInTheSameRun) {
  make_orders(60'000);
  source->replication_keys["t"] = "updated_at";
  options.unit_rows = 10'000;
  cut_off_load(50);
  // More rows than are fetched by key, none of them with a newer mark.
  source->sql("INSERT INTO fake.main.t SELECT 100000 + i, 'back-dated', 1 FROM range(25000) r(i)");
  const Receipt receipt = run_one();
  EXPECT_EQ(receipt.strategy, "resume");
  EXPECT_EQ(receipt.inserted, 85'000U);
  EXPECT_EQ(receipt.guarantee, "A");
  EXPECT_EQ(differences(), "");
}

TEST_F(EngineTable, AHiddenTableOfAnotherLoadIsNeverTakenForTheOneThatWasCutOff) {
  make_orders(10'000);
  cut_off_load(14);
  const std::string before = copy("SELECT state FROM dst._sluice.state");
  // A load anew, torn by a crash: the rows of its first unit are there, its state is not.
  options.table_options.emplace_back("*", [](TableOptions& o) { o.where = "id >= 0"; });
  cut_off_load(14);
  EXPECT_EQ(copy("SELECT count(*) FROM dst._sluice.state WHERE state = " + duck::literal(before)),
            "0");
  options.table_options.clear();
  run_one();
  EXPECT_EQ(differences(), "");
}

TEST_F(EngineTable, ADroppedColumnSurvivesARunThatChangesMostRows) {
  make_orders(20'000);
  run_one();
  source->sql("ALTER TABLE fake.main.t ADD COLUMN extra VARCHAR");
  source->sql("UPDATE fake.main.t SET extra = 'e' || id");
  run_one();
  source->sql("ALTER TABLE fake.main.t DROP COLUMN extra");
  run_one();
  source->sql("UPDATE fake.main.t SET v = 'changed' WHERE id >= 5000");
  options.full = true;
  run_one();
  EXPECT_EQ(copy("SELECT count(*) FROM dst.main.t WHERE extra = 'e' || id"), "5000");
  options.full = false;
  source->sql("ALTER TABLE fake.main.t ADD COLUMN extra VARCHAR DEFAULT 'back'");
  run_one();
  EXPECT_EQ(differences(), "");
}

TEST_F(EngineTable, AColumnThatReturnsInOtherLettersIsRefused) {
  make_orders(100);
  run_one();
  source->sql("ALTER TABLE fake.main.t DROP COLUMN v");
  source->sql("ALTER TABLE fake.main.t ADD COLUMN \"V\" DOUBLE DEFAULT 1.5");
  const RunResult result = run();
  EXPECT_EQ(result.receipts.at(0).fault, Fault::drift);
  EXPECT_EQ(result.exit_code(), 5);
  options.accept_drift = {"*"};
  run_one();
  EXPECT_EQ(differences(), "");
}

TEST_F(EngineTable, AColumnAddedByARunThatDiedHasTheTypeThatTheSourceHasNow) {
  make_orders(100);
  run_one();
  database.connect().query("ALTER TABLE dst.main.t ADD COLUMN price INTEGER");
  source->sql("ALTER TABLE fake.main.t ADD COLUMN price DOUBLE DEFAULT 1.5");
  run_one();
  EXPECT_EQ(copy("SELECT sum(price) FROM dst.main.t"), "150.0");
}

TEST_F(EngineTable, ACopyThatSomebodyTookAColumnFromIsLoadedAnewOrLeft) {
  make_orders(100);
  run_one();
  const std::string taken = "ALTER TABLE dst.main.t DROP COLUMN v";
  database.connect().query(taken);
  const Receipt receipt = run_one();
  EXPECT_EQ(receipt.strategy, "load");
  EXPECT_EQ(differences(), "");
  options.defaults.deletes = Deletes::soft;
  run_one();
  database.connect().query(taken);
  const Receipt left = run().receipts.at(0);
  EXPECT_EQ(left.outcome, Outcome::refused);
  EXPECT_NE(left.error.find("somebody changed the copy"), std::string::npos) << left.error;
  EXPECT_NE(left.hint.find("sluice state reset main.t --yes"), std::string::npos) << left.hint;
}

TEST_F(EngineTable, ATornCommitOfAKeylessTableIsHealedThoughNoComparisonIsDue) {
  source->sql("CREATE TABLE fake.main.t (a BIGINT, b VARCHAR)");
  source->sql("INSERT INTO fake.main.t SELECT i, 'x' FROM range(900000) r(i)");
  run_one();
  options.defaults.full_every = Cadence{Cadence::Kind::never, {}};
  options.full = true;
  source->sql("INSERT INTO fake.main.t SELECT i, 'y' FROM range(130000) r(i)");
  run_one();
  EXPECT_EQ(copy("SELECT count(*) FROM dst._sluice.state WHERE state LIKE '%\"in_flight\":0%'"),
            "1");
  state("replace(state, '\"in_flight\":0', '\"in_flight\":130000')");
  database.connect().query("INSERT INTO dst.main.t SELECT i, 'y' FROM range(130000) r(i)");
  options.full = false;
  EXPECT_EQ(run_one().strategy, "full");
  EXPECT_EQ(differences(), "");
}

TEST_F(EngineTable, KeysThatCannotBeFetchedAreFoundByComparingEverything) {
  make_orders(2'000);
  run_one();
  source->sql("INSERT INTO fake.main.t VALUES (99999, 'back-dated', 3)");
  source->lost_keys = "id = 99999";
  const Receipt receipt = run_one();
  EXPECT_EQ(receipt.guarantee, "A");
  EXPECT_EQ(differences(), "");
}

TEST_F(EngineTable, TheBrakeStaysOffForALoadThatIsResumedAfterItsSettingsChanged) {
  make_orders(20'000);
  run_one();
  options.table_options.emplace_back("*", [](TableOptions& o) { o.deletes = Deletes::soft; });
  source->sql("DELETE FROM fake.main.t WHERE id >= 8000");
  cut_off_load(14);
  EXPECT_EQ(copy("SELECT count(*) FROM dst.main.t"), "20000");
  EXPECT_EQ(run_one().strategy, "resume");
  EXPECT_EQ(copy("SELECT count(*) FROM dst.main.t"), "8000");
}

TEST_F(EngineTable, TheBrakeHoldsWhereChangedSettingsDoNotExplainDeletes) {
  make_orders(20'000);
  run_one();
  source->sql("DELETE FROM fake.main.t WHERE id >= 8000");
  options.table_options.emplace_back("*", [](TableOptions& o) { o.exclude_columns = {"v"}; });
  EXPECT_EQ(run().receipts.at(0).outcome, Outcome::refused);
  EXPECT_EQ(copy("SELECT count(*) FROM dst.main.t"), "20000");
  options.allow_deletes = {"*"};
  EXPECT_EQ(run_one().outcome, Outcome::done);
  EXPECT_EQ(copy("SELECT count(*) FROM dst.main.t"), "8000");
}

TEST_F(EngineTable, ALoadElsewhereThatWasCutOffLeavesTheLiveCopyOurs) {
  make_orders(10'000);
  run_one();
  options.schema = "elsewhere";
  cut_off_load(14);
  options.schema.reset();
  run_one();
  EXPECT_EQ(differences(), "");
  EXPECT_EQ(copy("SELECT count(*) FROM duckdb_tables() WHERE table_name LIKE '\\_sluice\\_load%' "
                 "ESCAPE '\\'"),
            "0");
}

TEST_F(EngineTable, ASourceWithoutInstantsIsClassD) {
  make_orders(100);
  source->consistent = false;
  EXPECT_EQ(run_one().guarantee, "D");
  EXPECT_EQ(run_one().guarantee, "D");
  // Asked for, it is compared, and told that writers may be why it differs.
  Observer silent;
  const auto how = [&] {
    const auto all =
        Sync(database, *source, *destination, options, silent).verify(Sync::Repair::no, 100);
    EXPECT_TRUE(all.at(0).equal()) << all.at(0).error;
    return all.at(0).how;
  };
  EXPECT_NE(how().find("the source has no instant of it"), std::string::npos);
  source->consistent = true;
  EXPECT_EQ(how().find("instant"), std::string::npos);
}

TEST_F(EngineTable, AStateThatCannotBeReadIsResetByItsTablesName) {
  make_orders(100);
  run_one();
  state("'{'");
  EXPECT_THROW(run(), Error);
  StateStore states("dst", "default");
  duck::Connection connection = database.connect();
  states.open(connection, StateStore::Create::no);
  EXPECT_EQ(states.names(connection).size(), 1U);
  states.reset(connection, {"main", "t"});
  EXPECT_EQ(run_one().strategy, "load");
  EXPECT_EQ(differences(), "");
}

TEST_F(EngineTable, WhatTheBrakeRefusedIsRefusedAgain) {
  make_orders(20'000);
  options.defaults.replication_key = "";
  run_one();
  source->sql("UPDATE fake.main.t SET id = id + 1000000");
  for (int i = 0; i < 2; ++i) {
    const RunResult result = run();
    EXPECT_EQ(result.receipts.at(0).fault, Fault::brake) << i;
    EXPECT_EQ(result.receipts.at(0).inserted + result.receipts.at(0).deleted, 0U);
    EXPECT_EQ(copy("SELECT min(id) FROM dst.main.t"), "0");
  }
  options.defaults.deletes = Deletes::ignore;
  run_one();
  EXPECT_EQ(copy("SELECT count(*) FROM dst.main.t"), "40000");
  options.defaults.deletes = Deletes::hard;
  options.allow_deletes = {"*"};
  run_one();
  EXPECT_EQ(differences(), "");
}

TEST_F(EngineTable, ASourcePutRightAfterTheBrakeIsLookedAtAgain) {
  make_orders(40'000);
  options.defaults.replication_key = "";
  run_one();
  source->sql("CREATE TABLE kept AS FROM fake.main.t");
  source->sql("DELETE FROM fake.main.t WHERE id < 20000");
  EXPECT_EQ(run().receipts.at(0).fault, Fault::brake);
  source->sql("INSERT INTO fake.main.t FROM kept WHERE id < 20000");
  source->sql("DROP TABLE kept");
  EXPECT_EQ(run_one().deleted, 0U);
  EXPECT_EQ(differences(), "");
}

TEST_F(EngineTable, ARebuildThatWasCutOffDoesNotHideDrift) {
  make_orders(20'000);
  source->sql("ALTER TABLE fake.main.t ADD COLUMN extra VARCHAR DEFAULT 'e'");
  options.defaults.replication_key = "";
  run_one();
  source->sql("UPDATE fake.main.t SET v = 'x'");
  source->chunk_rows = 1000;
  std::atomic<int> seen{0};
  source->before_batch = [&](int) {
    if (seen++ == 35) throw Error(Fault::connection, "cut");  // of the rebuild after the comparison
  };
  EXPECT_EQ(run().receipts.at(0).fault, Fault::connection);
  source->before_batch = nullptr;
  EXPECT_NE(copy("SELECT state FROM dst._sluice.state").find("\"loading\""), std::string::npos);
  source->sql("ALTER TABLE fake.main.t DROP COLUMN extra");
  source->sql("ALTER TABLE fake.main.t DROP COLUMN v");
  source->sql("ALTER TABLE fake.main.t ADD COLUMN v BIGINT");
  EXPECT_EQ(run().receipts.at(0).fault, Fault::drift);
  EXPECT_EQ(copy("SELECT count(extra) FROM dst.main.t"), "20000");
}

TEST_F(EngineTable, AnotherSourceThatIsAcceptedIsComparedWhole) {
  make_orders(5'000);
  source->incarnations["t"] = "table";
  run_one();
  run_one();
  source->sql("UPDATE fake.main.t SET v = 'restored', updated_at = 1 WHERE id = 4000");
  source->identity_text = "another";
  EXPECT_THROW(run(), Error);
  options.accept_source = true;
  run_one();
  EXPECT_EQ(differences(), "");
}

TEST_F(EngineTable, ASourceThatWasSetBackIsComparedWhole) {
  make_orders(5'000);
  source->position_number = 100;
  run_one();
  source->position_number = 200;
  EXPECT_EQ(run_one().strategy, "incremental");
  source->sql("UPDATE fake.main.t SET v = 'restored', updated_at = 1 WHERE id = 4000");
  source->position_number = 150;
  EXPECT_EQ(run_one().strategy, "full");
  EXPECT_EQ(differences(), "");
  EXPECT_EQ(run_one().strategy, "incremental");
}

TEST_F(EngineTable, NothingIsWrittenThatWasReadUnderASnapshotThatIsGone) {
  make_orders(900);
  run_one();
  source->sql("DELETE FROM fake.main.t");
  source->gone = true;
  EXPECT_EQ(run().receipts.at(0).fault, Fault::connection);
  EXPECT_EQ(copy("SELECT count(*) FROM dst.main.t"), "900");
}

TEST_F(EngineTable, RowsAreFoundAgainThoughACheckpointNumbersThemAnew) {
  make_orders(400'000);
  source->chunk_rows = 100'000;
  options.unit_rows = 1'000'000;
  options.allow_deletes = {"*"};
  run_one();
  run_one();
  const auto checkpoint = [this] { database.connect().query("CHECKPOINT dst"); };
  checkpoint();
  source->sql("DELETE FROM fake.main.t WHERE id % 10 <> 3");
  run_one();
  source->sql("UPDATE fake.main.t SET v = 'changed', updated_at = 900000 WHERE id % 100 = 3");
  // As a commit of another table brings it about, once what changed has been matched: keys are
  // planned then.
  source->before_plan = [&, plans = 0]() mutable {
    if (++plans == 2) checkpoint();
  };
  const Receipt receipt = run_one();
  EXPECT_EQ(receipt.strategy, "incremental");
  EXPECT_EQ(receipt.updated, 4'000U);
  EXPECT_EQ(differences(), "");
}

TEST_F(EngineTable, AWidenedColumnIsWidenedOnceThoughNothingElseIsDue) {
  source->sql("CREATE TABLE fake.main.t (a BIGINT, b VARCHAR)");
  source->sql("INSERT INTO fake.main.t VALUES (1, 'x')");
  run_one();
  options.defaults.full_every = Cadence{Cadence::Kind::never, {}};
  state("replace(state, 'BIGINT', 'INTEGER')");
  database.connect().query("ALTER TABLE dst.main.t ALTER COLUMN a TYPE INTEGER");
  const auto widened = [&] {
    for (const std::string& note : run_one().notes) {
      if (note.starts_with("column widened")) return true;
    }
    return false;
  };
  EXPECT_TRUE(widened());
  EXPECT_FALSE(widened());
}

TEST_F(EngineTable, AStateThatCannotBeReadIsNamed) {
  make_orders(10);
  run_one();
  state("'{'");
  try {
    run();
    FAIL();
  } catch (const Error& error) {
    EXPECT_TRUE(std::string(error.what()).starts_with("main.t: the state is not readable"));
    EXPECT_NE(error.hint().find("state reset main.t"), std::string::npos);
  }
}

}  // namespace
}  // namespace sluice
