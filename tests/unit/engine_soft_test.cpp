// SPDX-License-Identifier: Apache-2.0
// deletes: soft. A row that the source deleted stays, marked; one that comes back is a row again.
#include "support/engine_fixture.h"

namespace sluice::test {
namespace {

class EngineSoftDeletes : public EngineSync {
 protected:
  EngineSoftDeletes() { options.defaults.deletes = Deletes::soft; }
  /// Living rows equal the source; returns the ids of those that are marked.
  std::string marked() {
    EXPECT_EQ(differences("t", "", " WHERE NOT _sluice_deleted"), "");
    duck::Connection c = database.connect();
    return c
        .query(
            "SELECT coalesce(string_agg(id, ' ' ORDER BY id), '') FROM dst.main.t WHERE "
            "_sluice_deleted")
        .text(0, 0);
  }
};

TEST_F(EngineSoftDeletes, ADeletedRowIsMarkedAndComesBack) {
  make_orders(1'000);
  run_one();
  EXPECT_EQ(marked(), "");
  source->sql("DELETE FROM fake.main.t WHERE id IN (7, 8, 9)");
  const Receipt gone = run_one();
  EXPECT_EQ(gone.strategy, "incremental");
  EXPECT_EQ(gone.deleted, 3U);
  EXPECT_EQ(marked(), "7 8 9");
  EXPECT_EQ(run_one().deleted, 0U);
  // One comes back with a new stamp, one as it was, one with an old stamp and another value.
  source->sql("INSERT INTO fake.main.t VALUES (7, 'again', 2000), (8, 'v8', 0), (9, 'other', 0)");
  const Receipt back = run_one();
  EXPECT_EQ(back.inserted + back.updated, 3U);
  EXPECT_EQ(marked(), "");
  EXPECT_EQ(run_one().inserted, 0U);
}

TEST_F(EngineSoftDeletes, AComparisonOfEverythingMarksAndUnmarks) {
  make_orders(1'000);
  options.defaults.replication_key = "";
  run_one();
  source->sql(
      "DELETE FROM fake.main.t WHERE id IN (3, 4); UPDATE fake.main.t SET v = 'x' WHERE id "
      "= 5");
  const Receipt gone = run_one();
  EXPECT_EQ(gone.strategy, "full");
  EXPECT_EQ(gone.deleted, 2U);
  EXPECT_EQ(gone.updated, 1U);
  EXPECT_EQ(marked(), "3 4");
  source->sql("INSERT INTO fake.main.t VALUES (3, 'v3', 0)");
  EXPECT_EQ(run_one().updated, 1U);
  EXPECT_EQ(marked(), "4");
  EXPECT_EQ(run_one().updated, 0U);
}

TEST_F(EngineSoftDeletes, RowsWithoutAKeyAreMarkedOneByOne) {
  source->sql("CREATE TABLE fake.main.t (id BIGINT)");
  source->sql("INSERT INTO fake.main.t VALUES (1), (1), (1), (2)");
  run_one();
  source->sql("DELETE FROM fake.main.t; INSERT INTO fake.main.t VALUES (1), (1)");
  EXPECT_EQ(run_one().deleted, 2U);
  EXPECT_EQ(marked(), "1 2");
  EXPECT_EQ(run_one().deleted, 0U);
}

TEST_F(EngineSoftDeletes, TurningItOnLoadsAnew) {
  options.defaults.deletes = Deletes::hard;
  make_orders(100);
  run_one();
  options.defaults.deletes = Deletes::soft;
  EXPECT_EQ(run_one().strategy, "load");
  EXPECT_EQ(marked(), "");
}

TEST_F(EngineSoftDeletes, InFivetranNamingTheColumnIsFivetrans) {
  options.naming = Naming::fivetran;
  make_orders(10);
  run_one();
  source->sql("DELETE FROM fake.main.t WHERE id = 5");
  run_one();
  duck::Connection c = database.connect();
  EXPECT_EQ(
      c.query("SELECT string_agg(id, ' ') FROM dst.main.t WHERE _fivetran_deleted").text(0, 0),
      "5");
}

}  // namespace
}  // namespace sluice::test
