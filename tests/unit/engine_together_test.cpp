// SPDX-License-Identifier: Apache-2.0
// publish: together. A second connection of the process looks all the time: it sees the copies of
// one run or those of another, never some of each.
#include <mutex>
#include <set>
#include <thread>

#include "support/engine_fixture.h"

namespace sluice::test {
namespace {

class EngineTogether : public EngineSync {
 protected:
  EngineTogether() {
    options.publish = Publish::together;
    source->chunk_rows = 50'000;
    options.unit_rows = 60'000;
  }

  /// Customers, and three orders of each. `v` says which run a row is of.
  void make_shop(int customers = 500) {
    for (const char* name : {"customers", "orders"}) {
      source->sql("CREATE TABLE fake.main." + std::string(name) +
                  " (id BIGINT, customer BIGINT, v VARCHAR, updated_at BIGINT)");
      source->keys[name] = {"id"};
      source->replication_keys[name] = "updated_at";
    }
    const std::string rows = std::to_string(customers);
    source->sql("INSERT INTO fake.main.customers SELECT i, NULL, 'old', 1 FROM range(" + rows +
                ") r(i)");
    source->sql("INSERT INTO fake.main.orders SELECT i, i % " + rows +
                ", 'old', 1 FROM range(3 * " + rows + ") r(i)");
  }
  /// What readers see of a table: its values with how often each is there; "-" where it is not.
  static std::string sight(duck::Connection& reader, const std::string& table) {
    try {
      return reader
          .query(
              "SELECT coalesce(string_agg(v || ' ' || n, ' ' ORDER BY v), 'empty') FROM (SELECT v, "
              "count(*) AS n FROM dst.main." +
              table + " GROUP BY v)")
          .text(0, 0);
    } catch (const Error&) {
      return "-";
    }
  }
  /// All of them, in one transaction.
  std::string look() {
    duck::Connection reader = database.connect();
    std::string tables;
    duck::Transaction one(reader);
    const auto names = reader.query(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = 'dst' AND schema_name = "
        "'main' AND table_name NOT LIKE '\\_sluice%' ESCAPE '\\' ORDER BY ALL");
    for (std::size_t i = 0; i < names.rows(); ++i)
      tables += names.text(i, 0) + ": " + sight(reader, names.text(i, 0)) + "; ";
    return tables;
  }
  /// A run, and all that was to be seen while it went on.
  RunResult watched() {
    seen.clear();
    std::mutex mutex;
    const auto add = [&] {
      const std::string now = look();
      const std::scoped_lock lock(mutex);
      seen.insert(now);
    };
    const auto before = source->before_chunk;
    source->before_chunk = [&](const std::string& table) {
      add();
      if (before) before(table);
    };
    RunResult result;
    {
      std::jthread eye([&](const std::stop_token& done) {
        while (!done.stop_requested()) {
          add();
          std::this_thread::sleep_for(std::chrono::milliseconds(2));
        }
      });
      result = run();
    }
    add();
    source->before_chunk = before;
    return result;
  }
  std::string hidden() {
    return database.connect()
        .query(
            "SELECT coalesce(string_agg(table_name, ' '), '') FROM duckdb_tables() WHERE "
            "database_name = 'dst' AND table_name LIKE '\\_sluice%' ESCAPE '\\'")
        .text(0, 0);
  }
  static const Receipt& of(const RunResult& result, const std::string& table) {
    for (const Receipt& each : result.receipts)
      if (each.table.name == table) return each;
    throw std::runtime_error("no receipt of " + table);
  }
  static void expect_done(const RunResult& result) {
    for (const Receipt& each : result.receipts) EXPECT_EQ(each.error, "");
    EXPECT_EQ(result.exit_code(), 0);
  }
  void expect_copied(const std::set<std::string>& tables = {"customers", "orders"}) {
    for (const std::string& table : tables) EXPECT_EQ(differences(table), "") << table;
    EXPECT_EQ(hidden(), "");
  }
  /// Copied twice: the next run is incremental.
  void settle() {
    expect_done(run());
    expect_done(run());
    expect_copied();
  }
  void change_all() {
    for (const char* name : {"customers", "orders"})
      source->sql("UPDATE fake.main." + std::string(name) +
                  " SET v = 'new', updated_at = 2 WHERE id % 100 = 7");
  }

  std::set<std::string> seen;
};

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
        if (note.find("5 rows were not") == 0 || note.find("15 rows were not") == 0)
          mended += std::stoull(note);
    }
  }
  EXPECT_EQ(mended, 20U);
  expect_copied();
}

// ---- more rows than a commit can hold that no crash tears

class EngineTogetherBig : public EngineTogether {
 protected:
  static constexpr int kRows = 150'000;

  void make_big() {
    source->sql(
        "CREATE TABLE fake.main.big AS SELECT i AS id, 0::BIGINT AS customer, 'old' AS v, "
        "1::BIGINT AS updated_at, 0::BIGINT AS spare FROM range(" +
        std::to_string(kRows) + ") r(i)");
    source->keys["big"] = {"id"};
    source->replication_keys["big"] = "updated_at";
    make_shop(100);
    settle();
    EXPECT_EQ(differences("big"), "");
  }
  void change_most() {
    change_all();
    source->sql("UPDATE fake.main.big SET v = 'new', updated_at = 2 WHERE id < 120000");
    source->sql("DELETE FROM fake.main.big WHERE id >= 149990");
  }
  /// Neither in place nor announced: a crash at any time leaves the old copy or the new one.
  RunResult run_big() {
    const std::string before = look();
    bool announced = false;
    source->before_chunk = [&](const std::string&) {
      const auto rows = database.connect().query(
          "SELECT count(*) FROM dst._sluice.state WHERE state NOT LIKE '%\"in_flight\":0%'");
      if (rows.integer(0, 0) > 0) announced = true;
    };
    RunResult result = watched();
    source->before_chunk = nullptr;
    expect_done(result);
    const std::string after = look();
    EXPECT_EQ(seen.size(), 2U);
    EXPECT_TRUE(seen.contains(before));
    EXPECT_FALSE(announced);
    EXPECT_EQ(hidden(), "");
    EXPECT_EQ(differences("customers"), "");
    EXPECT_EQ(differences("orders"), "");
    return result;
  }
  /// A quiet run finds nothing to do in what was made.
  void expect_settled() {
    const RunResult result = run();
    expect_done(result);
    const Receipt& quiet = of(result, "big");
    EXPECT_EQ(quiet.inserted + quiet.updated + quiet.deleted, 0U);
  }
};

TEST_F(EngineTogetherBig, AMerge) {
  make_big();
  change_most();
  const Receipt receipt = of(run_big(), "big");
  EXPECT_EQ(receipt.strategy, "incremental");
  EXPECT_EQ(receipt.updated, 120'000U);
  EXPECT_EQ(receipt.deleted, 10U);
  EXPECT_EQ(differences("big"), "");
  expect_settled();
}

TEST_F(EngineTogetherBig, AMergeThatMarksDeletedRows) {
  options.table_options.emplace_back("*.big", [](TableOptions& o) { o.deletes = Deletes::soft; });
  make_big();
  change_most();
  EXPECT_EQ(of(run_big(), "big").deleted, 10U);
  EXPECT_EQ(differences("big", "", " WHERE NOT _sluice_deleted"), "");
  EXPECT_EQ(database.connect()
                .query("SELECT count(*) FROM dst.main.big WHERE _sluice_deleted AND v = 'old'")
                .integer(0, 0),
            10);
  // A row written after that has the mark's default.
  source->sql("INSERT INTO fake.main.big VALUES (200000, 0, 'next', 3, 0)");
  expect_done(run());
  EXPECT_EQ(differences("big", "", " WHERE NOT _sluice_deleted"), "");
  expect_settled();
}

TEST_F(EngineTogetherBig, AHistory) {
  options.table_options.emplace_back("*.big", [](TableOptions& o) { o.mode = Mode::history; });
  source->clock = "2026-01-01 00:00:01+00";
  make_big();
  source->clock = "2026-01-01 00:00:02+00";
  change_most();
  const Receipt receipt = of(run_big(), "big");
  EXPECT_EQ(receipt.updated, 120'000U);
  EXPECT_EQ(differences("big", "", " WHERE _sluice_is_current"), "");
  duck::Connection c = database.connect();
  EXPECT_EQ(c.query("SELECT count(*) FROM dst.main.big WHERE NOT _sluice_is_current AND v = 'old' "
                    "AND _sluice_valid_to > _sluice_valid_from")
                .integer(0, 0),
            120'010);
  EXPECT_EQ(c.query("SELECT count(*) FROM dst.main.big").integer(0, 0), kRows + 120'000);
  expect_settled();
}

TEST_F(EngineTogetherBig, AComparisonThatMayNotBuildTheTableAnew) {
  options.table_options.emplace_back("*.big", [](TableOptions& o) { o.replication_key = ""; });
  make_big();
  source->sql("ALTER TABLE fake.main.big DROP COLUMN spare");
  change_most();
  const Receipt receipt = of(run_big(), "big");
  EXPECT_EQ(receipt.strategy, "full");
  EXPECT_EQ(receipt.updated, 120'000U);
  EXPECT_EQ(differences("big"), "");
  EXPECT_EQ(database.connect()
                .query("SELECT count(*) FROM dst.main.big WHERE v = 'old' AND spare = 0")
                .integer(0, 0),
            kRows - 120'000 - 10);
  expect_settled();
}

TEST_F(EngineTogetherBig, RowsWithoutAKey) {
  make_big();
  source->sql(
      "CREATE TABLE fake.main.bag AS SELECT 'old' AS v, 1::BIGINT AS n, 2::BIGINT AS spare "
      "FROM range(1000)");
  expect_done(run());
  source->sql("ALTER TABLE fake.main.bag DROP COLUMN spare");
  source->sql("INSERT INTO fake.main.bag SELECT 'new', i // 2 FROM range(120000) r(i)");
  source->sql("DELETE FROM fake.main.bag WHERE rowid < 10");
  const Receipt receipt = of(run_big(), "bag");
  EXPECT_EQ(receipt.inserted, 120'000U);
  EXPECT_EQ(receipt.deleted, 10U);
  EXPECT_EQ(differences("bag"), "");
  expect_settled();
}

TEST_F(EngineTogetherBig, AppendedRows) {
  options.table_options.emplace_back("*.big", [](TableOptions& o) { o.mode = Mode::append; });
  make_big();
  source->sql("INSERT INTO fake.main.big SELECT i, 0, 'new', 2, 0 FROM range(200000, 320000) r(i)");
  source->sql("DELETE FROM fake.main.big WHERE id < 5");
  EXPECT_EQ(of(run_big(), "big").inserted, 120'000U);
  EXPECT_EQ(differences("big", "", " WHERE id >= 5"), "");
  expect_settled();
}

TEST_F(EngineTogetherBig, WhatATornCommitLeftIsTakenBackUnseen) {
  make_big();
  // As a crash of a run that published each table by itself leaves it.
  duck::Connection c = database.connect();
  c.query("INSERT INTO dst.main.big SELECT id, customer, 'torn', 2, 0 FROM dst.main.big LIMIT 500");
  c.query(
      "UPDATE dst._sluice.state SET state = replace(state, '\"in_flight\":0', "
      "'\"in_flight\":130000') WHERE source_table = 'big'");
  const std::string before = look();
  expect_done(watched());
  EXPECT_EQ(seen.size(), 2U);
  EXPECT_TRUE(seen.contains(before));
  EXPECT_EQ(differences("big"), "");
  expect_copied();
}

// ---- what cannot be kept is refused

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
