// SPDX-License-Identifier: Apache-2.0
// publish: together, of more rows than a commit can hold that no crash tears.
#include "support/together_fixture.h"

namespace sluice::test {
namespace {

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

}  // namespace
}  // namespace sluice::test
