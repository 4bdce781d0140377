// SPDX-License-Identifier: Apache-2.0
// How runs end: stopped, failed, retried, and with observers and destinations that fail.
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <optional>
#include <thread>

#include "engine/load.h"
#include "engine/state.h"
#include "sluice/sync.h"
#include "support/fake_source.h"

namespace sluice {
namespace {

using test::FakeSource;
using test::FileDestination;

class EngineRun : public ::testing::Test {
 protected:
  EngineRun() : database({{"threads", "3"}, {"preserve_insertion_order", "false"}}) {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    folder = std::filesystem::temp_directory_path() /
             ("sluice-run-" + std::to_string(getpid()) + "-" + std::string(info->name()));
    std::filesystem::create_directories(folder);
    source = std::make_unique<FakeSource>(database);
    destination = std::make_unique<FileDestination>(database, (folder / "dst.duckdb").string());
    options.retries = 0;
  }
  ~EngineRun() override {
    destination.reset();
    std::filesystem::remove_all(folder);
  }

  void make_table(const std::string& name, int rows = 100) {
    source->sql("CREATE TABLE fake.main." + name + " (id BIGINT, v VARCHAR, updated_at BIGINT)");
    source->sql("INSERT INTO fake.main." + name + " SELECT i, 'v' || i, i FROM range(" +
                std::to_string(rows) + ") r(i)");
    source->keys[name] = {"id"};
    source->replication_keys[name] = "updated_at";
  }
  static const Receipt& receipt_of(const RunResult& result, const std::string& name) {
    for (const Receipt& each : result.receipts) {
      if (each.table.name == name) return each;
    }
    throw std::runtime_error("no receipt of " + name);
  }

  duck::Database database;
  std::filesystem::path folder;
  std::unique_ptr<FakeSource> source;
  std::unique_ptr<Destination> destination;
  SyncOptions options;
};

TEST_F(EngineRun, AStopWhileWaitingToTryAgainInterruptsTheTablesThatWait) {
  make_table("t");
  options.retries = 5;
  source->before_batch = [](int) { throw Error(Fault::connection, "the line was cut"); };
  struct Stopping : Observer {
    Sync* sync = nullptr;
    void retrying(const std::string&, std::chrono::milliseconds, int) override { sync->stop(); }
  } observer;
  Sync sync(database, *source, *destination, options, observer);
  observer.sync = &sync;
  const RunResult result = sync.run();
  ASSERT_EQ(result.receipts.size(), 1U);
  EXPECT_EQ(result.receipts[0].outcome, Outcome::interrupted);
  EXPECT_NE(result.receipts[0].error.find("the line was cut"), std::string::npos);
  EXPECT_EQ(result.exit_code(), 130);
}

TEST_F(EngineRun, AStopWhileWaitingForTheSnapshotInterruptsEveryTable) {
  options.retries = 5;
  struct NoSnapshot : FakeSource {
    using FakeSource::FakeSource;
    std::unique_ptr<Snapshot> snapshot(std::span<const Table>) override {
      throw Error(Fault::connection, "no connection");
    }
  };
  source.reset();
  database.connect().query("DETACH fake");
  source = std::make_unique<NoSnapshot>(database);
  make_table("t");
  make_table("u");
  struct Stopping : Observer {
    Sync* sync = nullptr;
    void retrying(const std::string&, std::chrono::milliseconds, int) override { sync->stop(); }
  } observer;
  Sync sync(database, *source, *destination, options, observer);
  observer.sync = &sync;
  const RunResult result = sync.run();
  EXPECT_EQ(result.receipts.size(), 2U);
  EXPECT_EQ(result.exit_code(), 130);
}

TEST_F(EngineRun, AnInterruptionByTheUserIsSaidBeforeAnyFailure) {
  make_table("a");
  make_table("b");
  make_table("c");
  options.parallel = 1;
  Observer observer;
  Sync sync(database, *source, *destination, options, observer);
  source->before_batch = [&](int) {
    sync.stop();
    throw Error(Fault::data, "broken bytes");
  };
  const RunResult result = sync.run();
  EXPECT_EQ(receipt_of(result, "a").outcome, Outcome::failed);
  EXPECT_EQ(receipt_of(result, "b").outcome, Outcome::interrupted);
  EXPECT_EQ(result.exit_code(), 130);
}

TEST_F(EngineRun, TablesKeptBackByTheFailureOfAnotherSayWhich) {
  make_table("a");
  make_table("b");
  options.parallel = 1;
  source->before_batch = [](int) { throw Error(Fault::authentication, "password refused"); };
  Observer observer;
  const RunResult result = Sync(database, *source, *destination, options, observer).run();
  const Receipt& kept_back = receipt_of(result, "b");
  EXPECT_EQ(kept_back.outcome, Outcome::failed);
  EXPECT_NE(kept_back.error.find("not begun"), std::string::npos);
  EXPECT_NE(kept_back.error.find("password refused"), std::string::npos);
  EXPECT_EQ(result.exit_code(), 1);
}

TEST_F(EngineRun, ATableCutOffByTheFailureOfAnotherSaysWhich) {
  make_table("a", 9000);
  make_table("b", 9000);
  options.parallel = 2;
  source->chunk_rows = 100;
  std::atomic<bool> thrown{false};
  source->before_batch = [&](int n) {
    if (n > 20 && !thrown.exchange(true)) throw Error(Fault::internal, "no space");
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  };
  Observer observer;
  const RunResult result = Sync(database, *source, *destination, options, observer).run();
  ASSERT_EQ(result.receipts.size(), 2U);
  for (const Receipt& each : result.receipts) {
    EXPECT_EQ(each.outcome, Outcome::failed);
    EXPECT_NE(each.error.find("no space"), std::string::npos) << each.error;
  }
  EXPECT_EQ(result.exit_code(), 1);
}

TEST_F(EngineRun, AFailureAtTheEndOfARunKeepsTheReceiptsAndIsInTheHistory) {
  struct Unfinished : FileDestination {
    using FileDestination::FileDestination;
    void finish() override { throw Error(Fault::internal, "disk full"); }
  };
  destination.reset();
  destination = std::make_unique<Unfinished>(database, (folder / "other.duckdb").string());
  make_table("t");
  Observer observer;
  const RunResult result = Sync(database, *source, *destination, options, observer).run();
  ASSERT_EQ(result.receipts.size(), 1U);
  EXPECT_EQ(result.receipts[0].outcome, Outcome::done);
  ASSERT_TRUE(result.error);
  EXPECT_NE(std::string(result.error->what()).find("disk full"), std::string::npos);
  EXPECT_EQ(result.exit_code(), 1);
  duck::Connection c = database.connect();
  const auto row = c.query("SELECT exit_code, error FROM dst._sluice.runs");
  EXPECT_EQ(row.integer(0, 0), 1);
  EXPECT_NE(row.text(0, 1).find("disk full"), std::string::npos);
  EXPECT_EQ(c.query("SELECT outcome FROM dst._sluice.run_tables").text(0, 0), "done");
}

TEST_F(EngineRun, AHistoryThatCannotBeWrittenDoesNotHideWhatEndedTheRun) {
  struct Breaking : FakeSource {
    using FakeSource::FakeSource;
    std::function<void()> before_snapshot;
    std::unique_ptr<Snapshot> snapshot(std::span<const Table>) override {
      before_snapshot();
      throw Error(Fault::schema, "the first failure");
    }
  };
  source.reset();
  database.connect().query("DETACH fake");
  auto breaking = std::make_unique<Breaking>(database);
  breaking->before_snapshot = [&] { database.connect().query("DROP TABLE dst._sluice.runs"); };
  source = std::move(breaking);
  make_table("t");
  Observer observer;
  Sync sync(database, *source, *destination, options, observer);
  try {
    sync.run();
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "the first failure");
  }
}

TEST_F(EngineRun, AnExceptionThatIsNotOursEndsTheRunAsAnErrorAndIsInTheHistory) {
  struct Odd : FakeSource {
    using FakeSource::FakeSource;
    Catalog discover(std::span<const TableName>) override { throw std::runtime_error("odd"); }
  };
  source.reset();
  database.connect().query("DETACH fake");
  source = std::make_unique<Odd>(database);
  Observer observer;
  Sync sync(database, *source, *destination, options, observer);
  EXPECT_THROW(sync.run(), Error);
  duck::Connection c = database.connect();
  EXPECT_EQ(c.query("SELECT exit_code FROM dst._sluice.runs").integer(0, 0), 1);
}

TEST_F(EngineRun, AnObserverThatThrowsDoesNotEndTheCopyAndIsReported) {
  make_table("a", 5000);
  make_table("b", 5000);
  struct Throwing : Observer {
    void table_started(const std::shared_ptr<const Progress>&) override { fail(); }
    void unit_committed(const TableName&, std::uint64_t) override { fail(); }
    void table_finished(const Receipt&) override { fail(); }
    static void fail() { throw std::runtime_error("nobody listens"); }
  } observer;
  const RunResult result = Sync(database, *source, *destination, options, observer).run();
  EXPECT_EQ(receipt_of(result, "a").outcome, Outcome::done);
  EXPECT_EQ(receipt_of(result, "b").outcome, Outcome::done);
  ASSERT_TRUE(result.error);
  EXPECT_NE(std::string(result.error->what()).find("nobody listens"), std::string::npos);
  EXPECT_EQ(result.exit_code(), 1);
}

TEST_F(EngineRun, AnObserverIsToldTheIdOfTheRun) {
  make_table("t");
  struct Listening : Observer {
    std::string id;
    void run_started(const std::string& run) override { id = run; }
  } observer;
  const RunResult result = Sync(database, *source, *destination, options, observer).run();
  EXPECT_EQ(observer.id, result.id);
  EXPECT_FALSE(result.id.empty());
}

TEST_F(EngineRun, WhatARunHadNotBegunIsNotNewToTheNext) {
  for (const char* name : {"a", "b", "c"}) make_table(name);
  options.parallel = 1;
  options.new_tables = NewTables::ignore;
  source->before_batch = [](int batch) {
    if (batch >= 2) throw Error(Fault::authentication, "ends the run");
  };
  Observer silent;
  EXPECT_NE(Sync(database, *source, *destination, options, silent).run().exit_code(), 0);
  source->before_batch = nullptr;
  make_table("later");
  const RunResult result = Sync(database, *source, *destination, options, silent).run();
  EXPECT_EQ(result.receipts.size(), 3U);
  for (const char* name : {"a", "b", "c"})
    EXPECT_EQ(receipt_of(result, name).outcome == Outcome::failed, false) << name;
  options.tables = {"main.later"};  // written out, it is wanted
  EXPECT_EQ(Sync(database, *source, *destination, options, silent).run().receipts.size(), 1U);
}

TEST_F(EngineRun, NamesThatFitNothingAreSlips) {
  make_table("customers");
  Observer silent;
  options.table_options.emplace_back("custmers",
                                     [](TableOptions& o) { o.exclude_columns = {"v"}; });
  EXPECT_THROW(Sync(database, *source, *destination, options, silent).run(), Error);
  EXPECT_EQ(database.connect()
                .query("SELECT count(*) FROM duckdb_tables() WHERE database_name = 'dst' AND "
                       "schema_name = 'main'")
                .integer(0, 0),
            0);
  options.table_options.clear();
  options.table_options.emplace_back("log_*", [](TableOptions&) {});
  options.tables = {"main.nope", "customers"};
  const RunResult result = Sync(database, *source, *destination, options, silent).run();
  EXPECT_EQ(receipt_of(result, "main.nope").fault, Fault::config);
  EXPECT_EQ(receipt_of(result, "customers").outcome, Outcome::done);
  EXPECT_EQ(result.exit_code(), 3);
}

/// One that no lock keeps others out of.
class SharedDestination : public FileDestination {
 public:
  using FileDestination::FileDestination;
  bool shared() const override { return true; }
};

class EngineOvertaken : public EngineRun {
 protected:
  EngineOvertaken() {
    destination.reset();
    destination = std::make_unique<SharedDestination>(database, (folder / "dst.duckdb").string());
    options.unit_rows = 1000;
  }
  RunResult run() {
    Observer observer;
    return Sync(database, *source, *destination, options, observer).run();
  }
  std::string of_copy(const std::string& sql) {
    return database.connect().query(sql).optional(0, 0).value_or("NULL");
  }
};

/// The first run has committed some units when the second begins, and has rows under way.
TEST_F(EngineOvertaken, ARunInTheMiddleOfALoadEndsAndTheLaterOneIsTrue) {
  make_table("t", 10'000);
  std::atomic<int> batches{0};
  std::optional<RunResult> second;
  source->before_batch = [&](int) {
    if (++batches != 4) return;
    std::thread([&] { second = run(); }).join();
  };
  const RunResult first = run();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->exit_code(), 0) << second->receipts.at(0).error;
  EXPECT_NE(first.exit_code(), 0);
  EXPECT_FALSE(first.receipts.at(0).error.empty());
  EXPECT_EQ(of_copy("SELECT count(*) || ' ' || count(DISTINCT id) || ' ' || sum(id) FROM "
                    "dst.main.t"),
            "10000 10000 49995000");
  source->before_batch = nullptr;
  EXPECT_EQ(run().exit_code(), 0);
}

/// Our functions run here: what they say of rows that a service keeps would have to fetch them all.
TEST_F(EngineOvertaken, NoDigestsAreMadeOfWhatAServiceKeeps) {
  struct Digesting : FakeSource {
    using FakeSource::FakeSource;
    bool asked = false;
    RowDigest row_digest(Snapshot&, const Table&, const std::vector<Column>&,
                         duck::Connection&) override {
      asked = true;
      return {"", "this test needs none"};
    }
  };
  source.reset();
  database.connect().query("DETACH fake");
  auto digesting = std::make_unique<Digesting>(database);
  Digesting& asked_of = *digesting;
  source = std::move(digesting);
  make_table("t");
  options.defaults.strategy = Strategy::digest;
  run();
  source->sql("UPDATE fake.main.t SET v = 'changed' WHERE id = 5");
  const RunResult result = run();
  EXPECT_EQ(result.receipts.at(0).updated, 1U);
  EXPECT_FALSE(asked_of.asked);
  destination.reset();
  destination = std::make_unique<FileDestination>(database, (folder / "dst.duckdb").string());
  EXPECT_EQ(run().exit_code(), 0);
  EXPECT_TRUE(asked_of.asked);
}

/// What writes no state, which the later run could have changed, has nothing else to notice it by.
TEST_F(EngineOvertaken, ATableIsNotMadeCutOrDroppedByARunThatIsOver) {
  make_table("t", 10);
  run();
  duck::Connection connection = database.connect();
  StateStore first("dst", "default"), later("dst", "default"), other("dst", "other");
  for (StateStore* each : {&first, &later, &other}) {
    each->open(connection, StateStore::Create::no);
    each->claim(connection);
  }
  apply::Target target;
  target.catalog = "dst";
  target.schema = "main";
  target.name = "t";
  const Shape over(connection, first, target);
  const auto refused = [&](const std::function<void()>& work) {
    try {
      work();
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::busy) << error.what();
      return of_copy("SELECT count(*) FROM dst.main.t") == "10";
    }
    return false;
  };
  EXPECT_TRUE(refused([&] { over.cut("t", 5); }));
  EXPECT_TRUE(refused([&] { over.drop("t"); }));
  Column column;
  column.name = "id";
  column.type = "BIGINT";
  EXPECT_TRUE(refused([&] { over.create("t", {column}); }));
  EXPECT_TRUE(refused([&] {
    Load load(connection, first);
    load.execute("DELETE FROM dst.main.t");
    load.commit();
  }));
  EXPECT_TRUE(Shape(connection, later, target).cut("t", 5));
  EXPECT_EQ(of_copy("SELECT count(*) FROM dst.main.t"), "5");
  Shape(connection, other, target).drop("t");
}

}  // namespace
}  // namespace sluice
