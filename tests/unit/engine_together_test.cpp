// SPDX-License-Identifier: Apache-2.0
// publish: together, as it is seen from a second connection.
#include <set>

#include "support/together_fixture.h"

namespace sluice::test {
namespace {

using Seen = std::set<std::string>;

TEST_F(EngineTogether, AFirstRunIsSeenAtOnce) {
  make_shop();
  expect_done(watched());
  const std::string all = "customers: old 500; orders: old 1500; ";
  for (const std::string& each : seen) EXPECT_TRUE(each.empty() || each == all) << each;
  EXPECT_TRUE(seen.contains(""));
  EXPECT_EQ(look(), all);
  expect_copied();
}

TEST_F(EngineTogether, PublishedEachByItselfTheyAreSeenOneAfterTheOther) {
  options.publish = Publish::each;
  options.parallel = 1;
  make_shop();
  expect_done(watched());
  EXPECT_TRUE(seen.contains("customers: old 500; "));
  expect_copied();
}

TEST_F(EngineTogether, ChangesOfAllTablesAreSeenAtOnceWhateverTheWayTheyAreFound) {
  make_shop();
  source->sql("CREATE TABLE fake.main.bag AS SELECT 'old' AS v, 1::BIGINT AS n FROM range(400)");
  source->sql("CREATE TABLE fake.main.compared AS FROM fake.main.customers");
  source->keys["compared"] = {"id"};
  source->sql("CREATE TABLE fake.main.log AS FROM fake.main.orders");
  source->replication_keys["log"] = "updated_at";
  source->sql(
      "CREATE TABLE fake.main.rebuilt AS SELECT i AS id, 'old' AS v FROM range(30000) r(i)");
  source->keys["rebuilt"] = {"id"};
  options.table_options = {{"*.log", [](TableOptions& o) { o.mode = Mode::append; }},
                           {"*.compared", [](TableOptions& o) { o.replication_key = ""; }}};
  settle();
  change_all();
  source->sql("DELETE FROM fake.main.orders WHERE id = 3");
  source->sql("UPDATE fake.main.compared SET v = 'new' WHERE id % 50 = 1");
  source->sql("UPDATE fake.main.rebuilt SET v = 'new' WHERE id % 2 = 0");
  source->sql("DELETE FROM fake.main.bag WHERE rowid < 2");
  source->sql("INSERT INTO fake.main.bag VALUES ('new', 1), ('new', 1)");
  source->sql("INSERT INTO fake.main.log VALUES (9000, 1, 'new', 2)");
  const std::string before = look();
  const RunResult result = watched();
  expect_done(result);
  EXPECT_EQ(of(result, "orders").strategy, "incremental");
  EXPECT_EQ(of(result, "orders").updated, 15U);
  EXPECT_EQ(of(result, "orders").deleted, 1U);
  EXPECT_EQ(of(result, "compared").strategy, "full");
  EXPECT_EQ(of(result, "bag").inserted, 2U);
  EXPECT_EQ(of(result, "log").inserted, 1U);
  const std::string after =
      "bag: new 2 old 398; compared: new 10 old 490; customers: new 5 old 495; log: new 1 old "
      "1500; orders: new 15 old 1484; rebuilt: new 15000 old 15000; ";
  EXPECT_EQ(look(), after);
  for (const std::string& each : seen) EXPECT_TRUE(each == before || each == after) << each;
  EXPECT_TRUE(seen.contains(before));
  expect_copied({"bag", "compared", "customers", "log", "orders", "rebuilt"});
  for (const Receipt& each : run().receipts)
    EXPECT_EQ(each.inserted + each.updated + each.deleted, 0U) << each.table.name;
}

TEST_F(EngineTogether, OneTableThatFailsKeepsAllOfThemAsTheyWere) {
  make_shop();
  settle();
  change_all();
  const std::string before = look();
  for (const std::string broken : {"customers", "orders"}) {
    source->before_chunk = [&](const std::string& table) {
      if (table == broken) throw Error(Fault::data, "broken bytes");
    };
    const RunResult result = watched();
    EXPECT_EQ(seen, Seen{before});
    EXPECT_EQ(of(result, broken).error, "broken bytes");
    const Receipt& other = of(result, broken == "orders" ? "customers" : "orders");
    EXPECT_NE(other.error.find("not published"), std::string::npos) << other.error;
    EXPECT_NE(other.error.find("main." + broken + ": broken bytes"), std::string::npos)
        << other.error;
    EXPECT_EQ(other.outcome, Outcome::failed);
    EXPECT_EQ(other.inserted + other.updated + other.deleted, 0U);
    EXPECT_EQ(result.exit_code(), 1);
  }
  source->before_chunk = nullptr;
  expect_done(run());
  expect_copied();
}

TEST_F(EngineTogether, WhatIsRefusedIsKnownBeforeAnythingIsRead) {
  make_shop();
  settle();
  change_all();
  source->sql("ALTER TABLE fake.main.orders ALTER customer TYPE VARCHAR");
  const std::string before = look();
  bool read = false;
  source->before_chunk = [&](const std::string&) { read = true; };
  const RunResult result = watched();
  EXPECT_FALSE(read);
  EXPECT_EQ(seen, Seen{before});
  EXPECT_EQ(of(result, "customers").fault, Fault::drift);
  EXPECT_NE(of(result, "customers").hint.find("--accept-drift main.orders"), std::string::npos);
  EXPECT_EQ(result.exit_code(), 5);
  source->before_chunk = nullptr;
  options.accept_drift = {"main.orders"};
  expect_done(watched());
  EXPECT_EQ(seen.size(), 2U);
  expect_copied();
}

TEST_F(EngineTogether, ATableThatCannotBeChosenKeepsTheOthersOut) {
  make_shop();
  options.tables = {"main.customers", "main.nosuch"};
  const RunResult result = run();
  EXPECT_EQ(look(), "");
  EXPECT_NE(of(result, "customers").error.find("main.nosuch"), std::string::npos);
  EXPECT_EQ(result.exit_code(), 2);
}

TEST_F(EngineTogether, TheBrakeOfOneTableHoldsAll) {
  make_shop(2'000);
  settle();
  change_all();
  source->sql("DELETE FROM fake.main.orders WHERE id % 2 = 1");
  const std::string before = look();
  const RunResult result = watched();
  EXPECT_EQ(seen, Seen{before});
  EXPECT_EQ(of(result, "orders").outcome, Outcome::refused);
  EXPECT_EQ(of(result, "customers").fault, Fault::brake);
  EXPECT_NE(of(result, "customers").hint.find("--allow-deletes main.orders"), std::string::npos);
  EXPECT_EQ(result.exit_code(), 3);
  options.allow_deletes = {"main.orders"};
  expect_done(run());
  expect_copied();
}

TEST_F(EngineTogether, ARetryReadsEveryTableUnderTheNewSnapshot) {
  make_shop();
  settle();
  change_all();
  options.retries = 1;
  source->before_chunk = [this, failed = false](const std::string& table) mutable {
    if (failed || table != "orders") return;
    failed = true;
    // Customers have been staged as they were before.
    source->sql("INSERT INTO fake.main.customers VALUES (9000, NULL, 'later', 3)");
    source->sql("INSERT INTO fake.main.orders VALUES (9000, 9000, 'later', 3)");
    throw Error(Fault::connection, "the line was cut");
  };
  const std::string before = look();
  expect_done(watched());
  EXPECT_EQ(seen.size(), 2U);
  EXPECT_TRUE(seen.contains(before));
  expect_copied();
}

TEST_F(EngineTogether, WhereOneTableIsBeyondHelpNoneIsTriedAgain) {
  make_shop();
  source->sql("CREATE TABLE fake.main.notes AS SELECT 'old' AS v FROM range(10)");
  options.retries = 1;
  source->locked.emplace("customers", Error(Fault::conflict, "a deadlock"));
  source->locked.emplace("notes", Error(Fault::permission, "main.notes: may not be read"));
  const RunResult result = run();
  EXPECT_EQ(look(), "");
  EXPECT_EQ(source->snapshots, 1);
  EXPECT_NE(of(result, "orders").error.find("main.notes: may not be read"), std::string::npos);
  source->locked.erase("notes");
  EXPECT_NE(of(run(), "orders").error.find("a deadlock"), std::string::npos);
  EXPECT_EQ(source->snapshots, 3);
  EXPECT_EQ(look(), "");
}

TEST_F(EngineTogether, ALoadThatWasReadWholeIsBroughtToTheNewSnapshot) {
  make_shop();
  source->sql("CREATE TABLE fake.main.bag AS SELECT 'old' AS v FROM range(400)");
  options.retries = 1;
  source->before_chunk = [this, failed = false](const std::string& table) mutable {
    if (failed || table != "orders") return;
    failed = true;
    source->sql("INSERT INTO fake.main.customers VALUES (9000, NULL, 'later', 3)");
    source->sql("DELETE FROM fake.main.customers WHERE id = 8");
    source->sql("UPDATE fake.main.orders SET customer = 9000, updated_at = 3 WHERE customer = 8");
    source->sql("INSERT INTO fake.main.bag VALUES ('later')");
    throw Error(Fault::connection, "the line was cut");
  };
  const RunResult result = watched();
  expect_done(result);
  EXPECT_EQ(of(result, "customers").strategy, "resume");
  EXPECT_EQ(of(result, "customers").guarantee, "B+C");
  EXPECT_EQ(of(result, "bag").guarantee, "A");
  EXPECT_EQ(seen.size(), 2U);
  expect_copied({"bag", "customers", "orders"});
}

TEST_F(EngineTogether, ALoadLeftByAFailedRunIsBroughtToTheInstantOfTheNext) {
  make_shop();
  source->before_chunk = [](const std::string& table) {
    if (table == "orders") throw Error(Fault::data, "broken bytes");
  };
  EXPECT_EQ(run().exit_code(), 1);
  EXPECT_EQ(look(), "");
  source->before_chunk = nullptr;
  source->sql("INSERT INTO fake.main.customers VALUES (9000, NULL, 'later', 3)");
  source->sql("INSERT INTO fake.main.orders VALUES (9000, 9000, 'later', 3)");
  const RunResult result = watched();
  expect_done(result);
  EXPECT_EQ(of(result, "customers").strategy, "resume");
  EXPECT_EQ(seen.size(), 2U);
  expect_copied();
}

TEST_F(EngineTogether, ASnapshotThatIsGoneAtTheEndLeavesEverythingAsItWas) {
  make_shop();
  settle();
  change_all();
  const std::string before = look();
  source->before_chunk = [this](const std::string& table) { source->gone = table == "orders"; };
  const RunResult result = watched();
  EXPECT_EQ(seen, Seen{before});
  for (const Receipt& each : result.receipts)
    EXPECT_NE(each.error.find("the snapshot is gone"), std::string::npos) << each.error;
  EXPECT_EQ(result.exit_code(), 1);
  source->before_chunk = nullptr;
  source->gone = false;
  expect_done(run());
  expect_copied();
}

TEST_F(EngineTogether, AStopBetweenTwoTablesShowsNothingAndTheNextRunGoesOn) {
  make_shop();
  Observer observer;
  Sync sync(database, *source, *destination, options, observer);
  source->before_chunk = [&](const std::string& table) {
    if (table == "customers") sync.stop();
  };
  const RunResult result = sync.run();
  EXPECT_EQ(look(), "");
  for (const Receipt& each : result.receipts) EXPECT_EQ(each.outcome, Outcome::interrupted);
  EXPECT_NE(of(result, "customers").error.find("main.orders"), std::string::npos);
  EXPECT_EQ(result.exit_code(), 130);
  source->before_chunk = nullptr;
  const RunResult next = run();
  expect_done(next);
  EXPECT_EQ(of(next, "customers").strategy, "resume");
  expect_copied();
}

TEST_F(EngineTogether, RowsThatTheReplicationKeyHidesAreMendedInTheSameCommit) {
  make_shop();
  settle();
  source->sql("UPDATE fake.main.customers SET v = 'hidden', updated_at = 0 WHERE id % 100 = 9");
  source->sql("UPDATE fake.main.orders SET v = 'hidden', updated_at = 0 WHERE id % 100 = 9");
  std::uint64_t mended = 0, runs = 0;
  for (; mended < 20 && runs < 16; ++runs) {
    change_all();
    source->sql("UPDATE fake.main.orders SET updated_at = updated_at + 1 WHERE id % 100 = 7");
    for (const Receipt& each : run().receipts) {
      EXPECT_EQ(each.error, "");
      for (const std::string& note : each.notes)
        if (const auto at = note.find("now repaired: "); at != std::string::npos)
          mended += std::stoull(note.substr(at + 14));
    }
  }
  EXPECT_EQ(mended, 20U);
  expect_copied();
}

TEST_F(EngineTogether, RefusesWhatItCannotKeep) {
  make_shop();
  settle();
  const auto refusal = [this](const std::function<void(TableOptions&)>& change) {
    options.table_options = {{"*.orders", change}};
    const RunResult result = run();
    EXPECT_EQ(of(result, "orders").outcome, Outcome::refused);
    EXPECT_NE(of(result, "customers").error.find("not published"), std::string::npos);
    EXPECT_EQ(result.exit_code(), 2);
    options.table_options.clear();
    return of(result, "orders").error;
  };
  const Cadence hourly{Cadence::Kind::interval, std::chrono::hours(1)};
  EXPECT_NE(refusal([&](TableOptions& o) { o.delete_check = hourly; }).find("delete_check"),
            std::string::npos);
  EXPECT_NE(refusal([&](TableOptions& o) { o.full_every = hourly; }).find("full_every"),
            std::string::npos);
  Observer observer;
  Sync sync(database, *source, *destination, options, observer);
  EXPECT_THROW(sync.verify(Sync::Repair::yes), Error);
  EXPECT_EQ(sync.verify(Sync::Repair::no).size(), 2U);
  source->consistent = false;
  EXPECT_THROW(run(), Error);
  source->consistent = true;
  options.snapshot_per_table = true;
  EXPECT_THROW(run(), Error);
}

}  // namespace
}  // namespace sluice::test
