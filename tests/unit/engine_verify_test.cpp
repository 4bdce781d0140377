// SPDX-License-Identifier: Apache-2.0
// Runs that end verified: what is compared, what is left out and said so, and how such a run ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <climits>
#include <utility>

#include "support/engine_fixture.h"

namespace sluice {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class EngineVerify : public test::EngineSync {
 protected:
  EngineVerify() { options.verify_after_run = true; }

  /// Another writer's hand in the copy.
  void damage(const std::string& sql) { database.connect().query(sql); }
  void expect_verified(const Receipt& receipt, std::uint64_t rows) {
    ASSERT_TRUE(receipt.verified) << receipt.error;
    EXPECT_TRUE(receipt.verified->equal()) << verified_text(*receipt.verified);
    EXPECT_EQ(receipt.verified->rows, rows);
    EXPECT_EQ(receipt.target, receipt.verified->target);
  }
};

TEST_F(EngineVerify, ACleanRunSaysWhatItComparedAndKeepsItsCounts) {
  make_orders(5'000);
  Receipt receipt = run_one();
  EXPECT_EQ(receipt.read, 5'000U);
  EXPECT_EQ(receipt.inserted, 5'000U);
  expect_verified(receipt, 5'000);
  EXPECT_EQ(receipt.verified->how, "rows: this source computes no digests");
  source->sql("UPDATE fake.main.t SET v = 'new', updated_at = 600 WHERE id < 3");
  source->sql("DELETE FROM fake.main.t WHERE id = 7");
  receipt = run_one();
  EXPECT_EQ(receipt.strategy, "incremental");
  EXPECT_EQ(receipt.updated, 3U);
  EXPECT_EQ(receipt.deleted, 1U);
  EXPECT_EQ(receipt.inserted, 0U);
  expect_verified(receipt, 4'999);
  EXPECT_EQ(differences(), "");
}

TEST_F(EngineVerify, DamageThatTheReplicationKeyHidesEndsARunWithCodeFour) {
  make_orders(2'000);
  run_one();
  damage("UPDATE dst.main.t SET v = 'bent' WHERE id = 77");
  const RunResult result = run();
  const Receipt& receipt = result.receipts.at(0);
  EXPECT_EQ(receipt.strategy, "incremental");
  EXPECT_EQ(receipt.outcome, Outcome::done);
  ASSERT_TRUE(receipt.verified);
  EXPECT_EQ(receipt.verified->changed, 1U);
  EXPECT_THAT(receipt.verified->examples, ElementsAre("id 77: differs in v"));
  EXPECT_EQ(result.exit_code(), 4);
  const auto told = database.connect().query(
      "SELECT exit_code, array_to_string(notes, ';') FROM dst._sluice.runs JOIN "
      "dst._sluice.run_tables USING (run_id) ORDER BY run_id DESC LIMIT 1");
  EXPECT_EQ(told.integer(0, 0), 4);
  EXPECT_EQ(told.text(0, 1),
            "verified: 1 of 2000 rows differ (rows: this source computes no digests); id 77: "
            "differs in v");
}

TEST_F(EngineVerify, AFailedTableSaysMoreThanACopyThatDiffers) {
  make_orders(100);
  run_one();
  damage("DELETE FROM dst.main.t WHERE id = 5; INSERT INTO dst.main.t VALUES (5, 'x', 0)");
  source->sql("CREATE TABLE fake.main.u (id BIGINT)");
  damage("CREATE TABLE dst.main.u (id BIGINT)");
  const RunResult result = run();
  EXPECT_EQ(result.receipts.at(1).fault, Fault::ownership);
  ASSERT_TRUE(result.receipts.at(0).verified);
  EXPECT_FALSE(result.receipts.at(0).verified->equal());
  EXPECT_EQ(result.exit_code(), 3);
}

TEST_F(EngineVerify, DeletesThatHadNoTurnAreNoFalseAlarm) {
  make_orders(2'000);
  options.defaults.delete_check = {Cadence::Kind::never, {}};
  run_one();
  source->sql("DELETE FROM fake.main.t WHERE id < 50");
  const Receipt receipt = run_one();
  EXPECT_EQ(receipt.deleted, 0U);
  expect_verified(receipt, 2'000);
  EXPECT_THAT(receipt.notes, Contains(HasSubstr("but for rows that only the copy has")));
  // What is there of both is compared all the same.
  damage("UPDATE dst.main.t SET v = 'bent' WHERE id = 77");
  EXPECT_EQ(run().exit_code(), 4);
}

/// Two connections that run in turn into one file: each counts its own runs.
TEST_F(EngineVerify, EachConnectionComparesItsPartsInItsOwnTurns) {
  make_orders(1'000);
  const auto both = [this] {
    std::uint64_t updated = 0;
    for (const char* name : {"one", "other"}) {
      options.connection = options.schema.emplace(name);
      updated += run_one().updated;
    }
    return updated;
  };
  both(), both();
  source->sql("UPDATE fake.main.t SET v = 'hidden' WHERE id = 7");
  std::uint64_t mended = 0;
  for (int i = 0; i < 16; ++i) mended += both();
  EXPECT_EQ(mended, 2U);
}

TEST_F(EngineVerify, SoftDeletesAndVersionsThatEndedAreNoDifference) {
  for (const bool history : {false, true}) {
    SCOPED_TRACE(history);
    source->sql("DROP TABLE IF EXISTS fake.main.t");
    make_orders(1'000);
    options.connection = options.schema.emplace(history ? "versions" : "marks");
    options.defaults.deletes = history ? Deletes::hard : Deletes::soft;
    options.defaults.mode = history ? Mode::history : Mode::mirror;
    expect_verified(run_one(), 1'000);
    source->sql("DELETE FROM fake.main.t WHERE id < 10");
    source->sql("UPDATE fake.main.t SET v = 'new', updated_at = 600 WHERE id = 20");
    const Receipt receipt = run_one();
    EXPECT_EQ(receipt.deleted, 10U);
    expect_verified(receipt, 990);
    damage("UPDATE dst." + *options.schema + ".t SET v = 'bent' WHERE id = 500");
    const RunResult result = run();
    EXPECT_EQ(result.exit_code(), 4);
    EXPECT_EQ(result.receipts.at(0).verified->changed, 1U);
  }
}

TEST_F(EngineVerify, RowsWithoutAKeyAreVerifiedAsAMultiset) {
  source->sql("CREATE TABLE fake.main.t AS SELECT i % 10 AS n, 'x' AS v FROM range(100) r(i)");
  options.defaults.full_every = Cadence{Cadence::Kind::never, {}};
  expect_verified(run_one(), 100);
  const Receipt receipt = run_one();
  EXPECT_EQ(receipt.strategy, "not due");
  EXPECT_FALSE(receipt.verified);
  EXPECT_THAT(receipt.notes, Contains("not verified: nothing was read of it in this run"));
}

TEST_F(EngineVerify, ModeAppendIsNotVerifiedAndSaysSo) {
  make_orders(100);
  options.defaults.mode = Mode::append;
  const Receipt receipt = run_one();
  EXPECT_FALSE(receipt.verified);
  EXPECT_THAT(receipt.notes,
              Contains("not verified: mode append keeps what the source no longer has"));
}

/// Rows that were loaded under another snapshot are compared with none.
TEST_F(EngineVerify, ALoadThatOnlyHadToBePublishedIsNotComparedWithALaterInstant) {
  make_orders(5'000);
  // All units are committed, then the snapshot is lost: the next run has but to publish.
  struct Losing : Observer {
    test::FakeSource* source = nullptr;
    void unit_committed(const TableName&, std::uint64_t rows) override {
      if (rows == 5'000) source->gone = true;
    }
  } losing;
  losing.source = source.get();
  Sync first(database, *source, *destination, options, losing);
  EXPECT_EQ(first.run().receipts.at(0).outcome, Outcome::failed);
  source->gone = false;
  source->sql("UPDATE fake.main.t SET v = 'later' WHERE id = 1");
  const Receipt receipt = run_one();
  EXPECT_EQ(receipt.strategy, "resume");
  EXPECT_FALSE(receipt.verified);
  EXPECT_THAT(receipt.notes, Contains(HasSubstr("not verified: its load, which was cut off")));
}

/// With the locks gone, what was read may be of another table: neither equal nor a difference.
TEST_F(EngineVerify, WhatWasReadWithoutASnapshotSaysNothing) {
  make_orders(100);
  options.parallel = 1;
  run_one();
  damage("UPDATE dst.main.t SET v = 'bent' WHERE id = 5");
  // As many reads as a run has that does not verify; the next is the verification's.
  std::atomic<int> reads{0}, last{INT_MAX};
  source->before_batch = [&](int) {
    if (++reads > last) source->gone = true;
  };
  options.verify_after_run = false;
  run_one();
  last = reads.exchange(0);
  options.verify_after_run = true;
  const RunResult result = run();
  EXPECT_EQ(result.receipts.at(0).error,
            "main.t: its copy is up to date, but was not verified: the snapshot is gone");
  EXPECT_FALSE(result.receipts.at(0).verified);
  EXPECT_EQ(result.exit_code(), 1);
}

class BreakingOff : public Observer {
 public:
  std::function<void()> then;
  void unit_committed(const TableName&, std::uint64_t rows) override {
    if (rows == 2'000 && then) std::exchange(then, nullptr)();
  }
};

TEST_F(EngineVerify, AVerificationThatIsCutOffIsTriedAgain) {
  make_orders(2'000);
  options.retries = 2;
  std::atomic<bool> cut{false};
  source->before_batch = [&](int) {
    if (cut.exchange(false)) throw Error(Fault::connection, "the line was cut");
  };
  BreakingOff observer;
  observer.then = [&] { cut = true; };
  Sync sync(database, *source, *destination, options, observer);
  const RunResult result = sync.run();
  EXPECT_EQ(result.exit_code(), 0) << result.receipts.at(0).error;
  expect_verified(result.receipts.at(0), 2'000);
}

TEST_F(EngineVerify, AVerificationThatFailsIsAFailureOfItsTableAndTheCopyStays) {
  make_orders(2'000);
  std::atomic<bool> cut{false};
  source->before_batch = [&](int) {
    if (cut) throw Error(Fault::connection, "the line was cut");
  };
  BreakingOff observer;
  observer.then = [&] { cut = true; };
  Sync sync(database, *source, *destination, options, observer);
  const RunResult result = sync.run();
  const Receipt& receipt = result.receipts.at(0);
  EXPECT_EQ(receipt.outcome, Outcome::failed);
  EXPECT_EQ(receipt.error,
            "main.t: its copy is up to date, but was not verified: the line was cut");
  EXPECT_EQ(receipt.inserted, 2'000U);
  EXPECT_FALSE(receipt.verified);
  EXPECT_EQ(result.exit_code(), 1);
  EXPECT_EQ(differences(), "");
}

TEST_F(EngineVerify, ARunThatIsStoppedBeforeItIsVerifiedIsInterrupted) {
  make_orders(2'000);
  BreakingOff observer;
  Sync sync(database, *source, *destination, options, observer);
  observer.then = [&] { sync.stop(); };
  const RunResult result = sync.run();
  EXPECT_EQ(result.receipts.at(0).outcome, Outcome::interrupted);
  EXPECT_THAT(result.receipts.at(0).error, HasSubstr("was not verified"));
  EXPECT_EQ(result.exit_code(), 130);
  EXPECT_EQ(differences(), "");
  expect_verified(run_one(), 2'000);
}

}  // namespace
}  // namespace sluice
