// SPDX-License-Identifier: Apache-2.0
// mode: history. The oracles: the copy as of each run is what the source was at that run; current
// versions are what it is; a key's versions neither overlap nor repeat each other; and where rows
// have a key, the whole table is what a model of the test's own says.
#include <random>

#include "support/engine_fixture.h"

namespace sluice::test {
namespace {

constexpr const char* kOpen = "9999-12-31 23:59:59.999+00";

class EngineHistory : public EngineSync {
 protected:
  EngineHistory() {
    options.defaults.mode = Mode::history;
    database.connect().query("ATTACH ':memory:' AS past");
  }

  /// What the source's clock said at its n-th snapshot.
  static std::string instant(int n) {
    return "(TIMESTAMPTZ '2026-01-01 00:00:00+00' + to_seconds(" + std::to_string(n) + "))";
  }
  std::string copy(const std::string& what) {
    duck::Connection c = database.connect();
    c.query("SET TimeZone = 'UTC'");
    return c.query("SELECT coalesce((" + what + ")::VARCHAR, '')").text(0, 0);
  }
  void state(const std::string& change) {
    database.connect().query("UPDATE dst._sluice.state SET state = " + change);
  }
  static std::string as_of(const std::string& when) {
    return " WHERE _sluice_valid_from <= " + when + " AND " + when + " < _sluice_valid_to";
  }
  /// Runs, and looks at all of the history.
  Receipt observe() {
    Receipt receipt = run_one();
    const int now = source->snapshots;
    source->sql("CREATE TABLE past.main.run_" + std::to_string(now) + " AS FROM fake.main.t");
    runs_.push_back(now);
    check();
    return receipt;
  }
  void check() {
    EXPECT_EQ(differences("t", "", " WHERE _sluice_is_current"), "");
    for (const int each : runs_) {
      const std::string then = "(FROM past.main.run_" + std::to_string(each) + ")";
      const std::string now = "(SELECT " +
                              copy(
                                  "SELECT string_agg('\"' || column_name || '\"', ', ' ORDER BY "
                                  "column_index) FROM duckdb_columns() WHERE table_name = 'run_" +
                                  std::to_string(each) + "'") +
                              " FROM dst.main.t" + as_of(instant(each)) + ")";
      EXPECT_EQ(
          copy("SELECT string_agg(d::VARCHAR, ' ') FROM (FROM (FROM " + then + " EXCEPT ALL FROM " +
               now + ") UNION ALL FROM (FROM " + now + " EXCEPT ALL FROM " + then + ") LIMIT 5) d"),
          "")
          << "as of run " << each;
    }
    EXPECT_EQ(copy("SELECT count(*) FROM dst.main.t WHERE _sluice_valid_from >= _sluice_valid_to "
                   "OR _sluice_is_current <> (_sluice_valid_to = '" +
                   std::string(kOpen) + "'::TIMESTAMPTZ)"),
              "0");
  }
  /// Versions of the key `id` in time: "value from to", with runs for instants.
  std::string versions(int id) {
    const auto second = [](const std::string& column) {
      return "CASE WHEN " + column + " < '9999-01-01'::TIMESTAMPTZ THEN (epoch(" + column +
             ") - epoch(TIMESTAMPTZ '2026-01-01 00:00:00+00'))::BIGINT::VARCHAR ELSE 'on' END";
    };
    return copy(
        "SELECT string_agg(v || ' ' || " + second("_sluice_valid_from") + " || '-' || " +
        second("_sluice_valid_to") +
        ", ', ' ORDER BY _sluice_valid_from) FROM dst.main.t WHERE id = " + std::to_string(id));
  }
  std::string closed() {
    return copy("SELECT count(*) FROM dst.main.t WHERE NOT _sluice_is_current");
  }
  std::string rows() { return copy("SELECT count(*) FROM dst.main.t"); }

  std::vector<int> runs_;
};

TEST_F(EngineHistory, ChangesDeletesAndReturnsAreVersions) {
  make_orders(1'000);
  EXPECT_EQ(observe().strategy, "load");
  source->sql("UPDATE fake.main.t SET v = 'x', updated_at = 2000 WHERE id = 5");
  source->sql("DELETE FROM fake.main.t WHERE id IN (6, 7)");
  source->sql("INSERT INTO fake.main.t VALUES (5000, 'new', 2000)");
  const Receipt changed = observe();
  EXPECT_EQ(changed.strategy, "incremental");
  EXPECT_EQ(changed.updated, 1U);
  EXPECT_EQ(changed.deleted, 2U);
  EXPECT_EQ(changed.inserted, 1U);
  // Of two changes between two runs the second is what a run can see.
  source->sql("UPDATE fake.main.t SET v = 'y', updated_at = 2001 WHERE id = 5");
  source->sql("UPDATE fake.main.t SET v = 'z', updated_at = 2002 WHERE id = 5");
  // One comes back as it was, one changed, one of them with an old stamp.
  source->sql("INSERT INTO fake.main.t VALUES (6, 'v6', 0), (7, 'again', 2003)");
  const Receipt back = observe();
  EXPECT_EQ(back.inserted, 2U);
  EXPECT_EQ(back.updated, 1U);
  EXPECT_EQ(versions(5), "v5 1-2, x 2-3, z 3-on");
  EXPECT_EQ(versions(6), "v6 1-2, v6 3-on");
  EXPECT_EQ(versions(7), "v7 1-2, again 3-on");
  EXPECT_EQ(versions(5000), "new 2-on");
  EXPECT_EQ(closed(), "4");
  const Receipt quiet = observe();
  EXPECT_EQ(quiet.inserted + quiet.updated + quiet.deleted, 0U);
  EXPECT_EQ(closed(), "4");
}

TEST_F(EngineHistory, ComparingEverythingWritesOnlyWhatDiffers) {
  make_orders(1'000);
  options.defaults.replication_key = "";
  observe();
  source->sql("UPDATE fake.main.t SET v = 'x' WHERE id < 990 AND id >= 10");
  source->sql("DELETE FROM fake.main.t WHERE id < 5");
  const Receipt changed = observe();
  EXPECT_EQ(changed.strategy, "full");
  EXPECT_EQ(changed.updated, 980U);
  EXPECT_EQ(changed.deleted, 5U);
  EXPECT_EQ(rows(), "1980");
  source->sql("INSERT INTO fake.main.t VALUES (3, 'v3', 0)");
  EXPECT_EQ(observe().inserted, 1U);
  options.full = true;
  EXPECT_EQ(observe().updated, 0U);
  EXPECT_EQ(rows(), "1981");
}

TEST_F(EngineHistory, RowsWithoutAKeyAreAMultisetAtEveryInstant) {
  source->sql("CREATE TABLE fake.main.t (id BIGINT)");
  source->sql("INSERT INTO fake.main.t VALUES (1), (1), (1), (2), (NULL)");
  observe();
  source->sql(
      "DELETE FROM fake.main.t; INSERT INTO fake.main.t VALUES (1), (1), (3), (NULL), (NULL)");
  const Receipt changed = observe();
  EXPECT_EQ(changed.deleted, 2U);
  EXPECT_EQ(changed.inserted, 2U);
  source->sql("INSERT INTO fake.main.t VALUES (1), (1), (2)");
  observe();
  EXPECT_EQ(rows(), "10");
  observe();
  EXPECT_EQ(rows(), "10");
}

TEST_F(EngineHistory, ANewColumnBeginsVersionsWhereItHasAValue) {
  make_orders(100);
  observe();
  runs_.clear();
  source->sql("ALTER TABLE fake.main.t ADD COLUMN extra VARCHAR");
  source->sql("UPDATE fake.main.t SET extra = 'e' WHERE id < 10");
  EXPECT_EQ(observe().updated, 10U);
  EXPECT_EQ(copy("SELECT count(*) FROM dst.main.t WHERE NOT _sluice_is_current AND extra IS NULL"),
            "10");
  source->sql("ALTER TABLE fake.main.t DROP COLUMN extra");
  runs_.clear();
  const Receipt dropped = observe();
  EXPECT_EQ(dropped.inserted + dropped.updated + dropped.deleted, 0U);
  EXPECT_EQ(copy("SELECT count(*) FROM dst.main.t WHERE _sluice_is_current AND extra = 'e'"), "10");
  source->sql("ALTER TABLE fake.main.t ALTER updated_at TYPE HUGEINT");
  options.defaults.replication_key = "";
  source->sql(
      "CREATE OR REPLACE TABLE fake.main.t AS SELECT id, v, updated_at::BIGINT AS updated_at FROM "
      "fake.main.t");
  EXPECT_EQ(observe().updated, 0U);
}

TEST_F(EngineHistory, ATableMadeAnewAtTheSourceIsCompared) {
  make_orders(1'000);
  source->incarnations["t"] = "1";
  observe();
  source->sql(
      "CREATE OR REPLACE TABLE fake.main.t AS SELECT id, CASE WHEN id = 3 THEN 'other' ELSE v END "
      "AS v, updated_at FROM fake.main.t WHERE id <> 4");
  source->incarnations["t"] = "2";
  const Receipt compared = observe();
  EXPECT_EQ(compared.updated, 1U);
  EXPECT_EQ(compared.deleted, 1U);
  EXPECT_EQ(rows(), "1001");
}

TEST_F(EngineHistory, AClockThatIsSetBackEndsNoVersionBeforeItBegan) {
  make_orders(100);
  source->clock = "2026-06-01 12:00:00+00";
  run_one();
  source->clock = "2026-06-01 11:00:00+00";
  for (int i = 0; i < 3; ++i) {
    source->sql("UPDATE fake.main.t SET v = v || '.', updated_at = updated_at + 100 WHERE id = 5");
    run_one();
  }
  check();
  EXPECT_EQ(copy("SELECT string_agg(_sluice_valid_to, ' ' ORDER BY _sluice_valid_from) FROM "
                 "dst.main.t WHERE id = 5"),
            "2026-06-01 12:00:00.001+00 2026-06-01 12:00:00.002+00 2026-06-01 12:00:00.003+00 " +
                std::string(kOpen));
}

TEST_F(EngineHistory, ALoadThatGoesOnUnderAnotherSnapshotHasOneVersionOfEachRow) {
  make_orders(20'000);
  source->chunk_rows = 1000;
  std::atomic<int> seen{0};
  source->before_batch = [&](int) {
    if (seen++ == 14) throw Error(Fault::connection, "cut");
  };
  EXPECT_FALSE(run().receipts.at(0).error.empty());
  source->before_batch = nullptr;
  source->sql("UPDATE fake.main.t SET v = 'x', updated_at = 9000 WHERE id % 10 = 0");
  source->sql("DELETE FROM fake.main.t WHERE id % 100 = 1");
  EXPECT_EQ(observe().strategy, "resume");
  EXPECT_EQ(closed(), "0");
  EXPECT_EQ(rows(), "19800");
}

TEST_F(EngineHistory, WhatATornCommitLeftIsTakenBack) {
  make_orders(1'000);
  observe();
  source->sql("UPDATE fake.main.t SET v = 'x', updated_at = 2000 WHERE id < 10");
  source->sql("INSERT INTO fake.main.t VALUES (5000, 'new', 2000)");
  // As DuckDB can leave it: the new versions are there, the old ones have not ended, and the state
  // is that of before.
  state("replace(state, '\"in_flight\":0', '\"in_flight\":130000')");
  const std::string torn = ", " + instant(2) + ", '" + kOpen +
                           "'::TIMESTAMPTZ, true FROM fake.main.t WHERE id < 10 OR id = 5000";
  ++source->snapshots;
  database.connect().query("INSERT INTO dst.main.t SELECT *" + torn);
  EXPECT_EQ(observe().strategy, "full");
  EXPECT_EQ(versions(5), "v5 1-3, x 3-on");
  EXPECT_EQ(versions(5000), "new 3-on");
  EXPECT_EQ(closed(), "10");
}

TEST_F(EngineHistory, ATornCommitOfRowsWithoutAKeyIsTakenBack) {
  source->sql("CREATE TABLE fake.main.t (id BIGINT)");
  source->sql("INSERT INTO fake.main.t VALUES (1), (1), (2)");
  observe();
  source->sql("DELETE FROM fake.main.t WHERE id = 2; INSERT INTO fake.main.t VALUES (1), (3)");
  state("replace(state, '\"in_flight\":0', '\"in_flight\":130000')");
  ++source->snapshots;
  database.connect().query("INSERT INTO dst.main.t SELECT id, " + instant(2) + ", '" + kOpen +
                           "'::TIMESTAMPTZ, true FROM (VALUES (1), (3)) r(id)");
  observe();
  EXPECT_EQ(copy("SELECT count(*) FROM dst.main.t" + as_of(instant(2))), "3");
  EXPECT_EQ(rows(), "5");
}

TEST_F(EngineHistory, AnotherModeOrKeyBeginsNoNewHistoryByItself) {
  options.defaults.mode = Mode::mirror;
  make_orders(100);
  run_one();
  options.defaults.mode = Mode::history;
  EXPECT_EQ(observe().strategy, "load");
  source->sql("DELETE FROM fake.main.t WHERE id = 5");
  observe();
  options.defaults.mode = Mode::mirror;
  const RunResult refused = run();
  EXPECT_EQ(refused.receipts.at(0).fault, Fault::config);
  EXPECT_NE(refused.receipts.at(0).hint.find("sluice state reset main.t --yes"), std::string::npos);
  options.defaults.mode = Mode::history;
  options.defaults.deletes = Deletes::soft;  // what mode history does is no other for it
  EXPECT_EQ(observe().strategy, "incremental");
  EXPECT_EQ(closed(), "1");
  source->keys["t"] = {"id", "v"};
  const Receipt drift = run().receipts.at(0);
  EXPECT_EQ(drift.fault, Fault::drift);
  EXPECT_NE(drift.hint.find("versions are lost"), std::string::npos);
  options.accept_drift = {"*"};
  runs_.clear();
  const Receipt anew = observe();
  EXPECT_EQ(anew.strategy, "load");
  EXPECT_NE(anew.notes.at(0).find("begins anew"), std::string::npos);
  EXPECT_EQ(closed(), "0");
}

TEST_F(EngineHistory, TheBrakeCountsWhatIsCurrent) {
  make_orders(5'000);
  options.defaults.replication_key = "";
  observe();
  for (const char* value : {"'a'", "'b'", "'c'"}) {
    source->sql("UPDATE fake.main.t SET v = " + std::string(value));
    observe();
  }
  source->sql("DELETE FROM fake.main.t WHERE id < 1500");
  EXPECT_EQ(run().receipts.at(0).fault, Fault::brake);
  options.allow_deletes = {"*"};
  EXPECT_EQ(observe().deleted, 1'500U);
}

TEST_F(EngineHistory, InFivetranNamingTheColumnsAreFivetrans) {
  options.naming = Naming::fivetran;
  make_orders(10);
  run_one();
  source->sql("UPDATE fake.main.t SET v = 'x', updated_at = 100 WHERE id = 5");
  run_one();
  EXPECT_EQ(copy("SELECT string_agg(concat_ws(' ', v, _fivetran_start, _fivetran_end, "
                 "_fivetran_active), ', ' ORDER BY _fivetran_start) FROM dst.main.t WHERE id = 5"),
            "v5 2026-01-01 00:00:01+00 2026-01-01 00:00:01.999+00 false, x 2026-01-01 00:00:02+00 "
            "9999-12-31 23:59:59.999+00 true");
  source->sql("ALTER TABLE fake.main.t ADD COLUMN _fivetran_end BIGINT");
  EXPECT_EQ(run().receipts.at(0).fault, Fault::config);
}

TEST_F(EngineHistory, VerificationIsAboutCurrentVersionsAndRepairMakesNewOnes) {
  make_orders(1'000);
  observe();
  source->sql("UPDATE fake.main.t SET v = 'x', updated_at = 2000 WHERE id < 10");
  observe();
  const auto verify = [&](Sync::Repair repair) {
    Observer observer;
    return Sync(database, *source, *destination, options, observer).verify(repair).at(0);
  };
  Verified found = verify(Sync::Repair::no);
  EXPECT_TRUE(found.equal()) << found.error;
  EXPECT_EQ(found.rows, 1'000U);
  database.connect().query("UPDATE dst.main.t SET v = 'bent' WHERE id = 5 AND _sluice_is_current");
  database.connect().query(
      "UPDATE dst.main.t SET v = 'past' WHERE id = 6 AND NOT _sluice_is_current");
  database.connect().query("DELETE FROM dst.main.t WHERE id = 7 AND _sluice_is_current");
  found = verify(Sync::Repair::no);
  EXPECT_EQ(found.changed, 1U);
  EXPECT_EQ(found.missing, 1U);
  EXPECT_EQ(found.extra, 0U);
  EXPECT_TRUE(verify(Sync::Repair::yes).repaired);
  EXPECT_TRUE(verify(Sync::Repair::no).equal());
  EXPECT_EQ(versions(5), "v5 1-2, bent 2-5, x 5-on");
  EXPECT_EQ(versions(6), "past 1-2, x 2-on");
}

/// A history of the test's own: keys, the states that runs saw of each, and since when.
class EngineHistoryModel : public EngineHistory, public ::testing::WithParamInterface<const char*> {
 protected:
  struct State {
    std::string row, from, to;
  };
  void look() {
    run_one();
    const std::string now = copy("SELECT " + instant(source->snapshots));
    std::map<std::string, std::string> seen;
    const auto rows = source->sql(
        "SELECT id::VARCHAR, r::VARCHAR FROM (SELECT id, v, updated_at FROM fake.main.t) r");
    for (std::size_t i = 0; i < rows.rows(); ++i) seen[rows.text(i, 0)] = rows.text(i, 1);
    for (auto& [key, states] : model_) {
      State& last = states.back();
      if (last.to != kOpen) continue;
      if (const auto found = seen.find(key); found == seen.end() || found->second != last.row)
        last.to = now;
    }
    for (const auto& [key, row] : seen) {
      auto& states = model_[key];
      if (states.empty() || states.back().to != kOpen) states.push_back({row, now, kOpen});
    }
    EXPECT_EQ(written(), expected());
  }
  std::vector<std::string> expected() const {
    std::vector<std::string> all;
    for (const auto& [key, states] : model_) {
      for (const State& each : states) all.push_back(each.row + " " + each.from + " " + each.to);
    }
    std::ranges::sort(all);
    return all;
  }
  std::vector<std::string> written() {
    duck::Connection c = database.connect();
    c.query("SET TimeZone = 'UTC'");
    const auto rows = c.query(
        "SELECT r::VARCHAR || ' ' || f::VARCHAR || ' ' || e::VARCHAR FROM (SELECT {'id': id, 'v': "
        "v, 'updated_at': updated_at} AS r, _sluice_valid_from AS f, _sluice_valid_to AS e FROM "
        "dst.main.t)");
    std::vector<std::string> all;
    for (std::size_t i = 0; i < rows.rows(); ++i) all.push_back(rows.text(i, 0));
    std::ranges::sort(all);
    return all;
  }
  std::map<std::string, std::vector<State>> model_;
};

TEST_P(EngineHistoryModel, TheWholeTableIsWhatTheRunsSaw) {
  options.defaults.replication_key = GetParam();
  source->sql("CREATE TABLE fake.main.t (id BIGINT, v VARCHAR, updated_at BIGINT)");
  source->keys["t"] = {"id"};
  std::mt19937 chance(20261121);
  const auto any = [&](unsigned below) { return std::to_string(chance() % below); };
  int stamp = 0;
  for (int runs = 0; runs < 25; ++runs) {
    for (auto changes = chance() % 6; changes > 0; --changes) {
      const std::string now = std::to_string(++stamp);
      const std::string some =
          " WHERE (id + " + any(7) + ") % (" + any(5) + " + 2) = 0 AND id < " + any(60);
      switch (chance() % 4) {
        case 0:
          source->sql("DELETE FROM fake.main.t" + some);
          break;
        case 1:  // to another value, or to the same with another stamp
          source->sql("UPDATE fake.main.t SET v = '" + any(2) + "', updated_at = " + now + some);
          break;
        case 2:  // a key moves, if it can
          source->sql("UPDATE fake.main.t SET id = id + 100, updated_at = " + now + " WHERE id = " +
                      any(40) + " AND NOT EXISTS (FROM fake.main.t o WHERE o.id >= 100)");
          break;
        default:
          source->sql("INSERT INTO fake.main.t SELECT i, '" + any(2) + "', " +
                      (chance() % 2 == 0 ? "NULL" : now) + " FROM range(60) r(i) WHERE i % (" +
                      any(5) + " + 1) = 0 AND i NOT IN (SELECT id FROM fake.main.t)");
      }
    }
    look();
    if (HasFailure()) FAIL() << "run " << runs;
  }
  EXPECT_GT(std::stoi(closed()), 50);
}

INSTANTIATE_TEST_SUITE_P(Strategies, EngineHistoryModel, ::testing::Values("updated_at", ""));

}  // namespace
}  // namespace sluice::test
