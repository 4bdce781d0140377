// SPDX-License-Identifier: Apache-2.0
// What YugabyteDB does to a read that takes long, and to its tables meanwhile: runs go on where
// they were.
#include <set>

#include "connectors/registry.h"
#include "contract/yugabyte_copy_fixture.h"

namespace sluice {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

using Fault_ = YugabyteDouble::Fault;

/// Loads of several chunks, each a unit: what was read is committed chunk by chunk.
class YugabyteFaults : public YugabyteTest {
 protected:
  void SetUp() override {
    YugabyteTest::SetUp();
    options.parallel = 1;
    options.unit_rows = 1;
  }
  void begin_in_tablets(int tablets = 8) {
    begin_with_orders(20'000);
    cluster->declare("orders", YugabyteDouble::hash(tablets, 1));
  }
  /// How often the rows of the chunk were asked for that begins at this code.
  std::size_t begun(int from) const {
    std::size_t count = 0;
    for (const std::string& each : copies())
      count += each.starts_with("COPY (SELECT \"id\", \"note\"") &&
                       each.find(">= " + std::to_string(from) + " ") != std::string::npos
                   ? 1U
                   : 0U;
    return count;
  }
};

struct Case {
  const char* name;
  Fault_ (*fault)();
};
class YugabyteResumes : public YugabyteFaults, public ::testing::WithParamInterface<Case> {};

TEST_P(YugabyteResumes, FromTheLastChunkThatWasFinished) {
  begin_in_tablets();
  // Rows of what was read already change before the load goes on, and some that were not.
  cluster->at_row(">= 32768", 1000, [this] {
    db->exec(
        "UPDATE orders SET note = 'changed', updated_at = now() WHERE id % 100 = 1;"
        "DELETE FROM orders WHERE id % 500 = 2; INSERT INTO orders VALUES (100000, 'new', now())");
    return GetParam().fault();
  });
  const Receipt receipt = good_sync();
  EXPECT_EQ(receipt.strategy, "resume");
  expect_equal_orders();
  EXPECT_EQ(begun(16384), 1U) << "a chunk that was finished was read again";
  EXPECT_EQ(begun(32768), 2U);
  EXPECT_TRUE(copy.verify(cluster->url()).at(0).equal());
}

// A comparison of all of it, which a mark that was never proven would ask for, could take longer
// than the servers keep a time.
TEST_P(YugabyteResumes, AndTheNextRunReadsWhatIsNew) {
  begin_in_tablets();
  cluster->at_row(">= 32768", 1000, GetParam().fault());
  good_sync();
  db->exec("UPDATE orders SET note = 'changed', updated_at = now() WHERE id = 5");
  const Receipt receipt = good_sync();
  EXPECT_EQ(receipt.strategy, "incremental");
  EXPECT_EQ(receipt.updated, 1U);
  expect_equal_orders();
}

TEST_P(YugabyteResumes, WithoutAReplicationKeyByDigests) {
  begin_in_tablets();
  db->exec("ALTER TABLE orders RENAME updated_at TO stamp");
  cluster->at_row(">= 32768", 1000, [this] {
    db->exec(
        "UPDATE orders SET note = 'changed' WHERE id % 1000 = 1;"
        "DELETE FROM orders WHERE id % 5000 = 2; INSERT INTO orders VALUES (100000, 'new')");
    return GetParam().fault();
  });
  const Receipt receipt = good_sync();
  EXPECT_EQ(receipt.strategy, "resume");
  EXPECT_EQ(receipt.guarantee, "A");
  expect_equal("orders", "id, note");
  EXPECT_EQ(begun(16384), 1U) << "a chunk that was finished was read again";
}

INSTANTIATE_TEST_SUITE_P(Faults, YugabyteResumes,
                         ::testing::Values(Case{"ReadRestart", &Fault_::read_restart},
                                           Case{"SnapshotTooOld", &Fault_::snapshot_too_old},
                                           Case{"SchemaMismatch", &Fault_::schema_mismatch},
                                           Case{"NodeShutDown", &Fault_::shutdown},
                                           Case{"ConnectionLost", &Fault_::cutting}),
                         [](const auto& each) { return std::string(each.param.name); });

TEST_F(YugabyteFaults, ALoadThatGetsFurtherAtEachTryIsTriedAsOftenAsItTakes) {
  begin_in_tablets(16);
  options.retries = 1;
  for (int i = 2; i < 12; ++i)
    cluster->at_row(">= " + std::to_string(i * 4096), 10, Fault_::snapshot_too_old());
  EXPECT_EQ(good_sync().strategy, "resume");
  expect_equal_orders();
}

TEST_F(YugabyteFaults, ALoadThatDoesNotGetFurtherEnds) {
  begin_in_tablets();
  options.retries = 1;
  for (int i = 0; i < 8; ++i) cluster->at_row(">= 32768", 10, Fault_::snapshot_too_old());
  const Receipt receipt = sync();
  EXPECT_THAT(receipt.error, HasSubstr("Snapshot too old"));
  EXPECT_THAT(receipt.hint, HasSubstr("timestamp_history_retention_interval_sec"));
  EXPECT_EQ(copy.query("SELECT count(*) FROM duckdb_tables() WHERE database_name = 'copy' AND "
                       "table_name = 'orders'"),
            Texts{"0"});
}

TEST_F(YugabyteFaults, TimesThatAreTooOldForAllSessionsAreTakenAnew) {
  begin_in_tablets();
  cluster->at_row(">= 32768", 1000, [this] {
    cluster->expire_read_times();
    return Fault_::snapshot_too_old();
  });
  good_sync();
  expect_equal_orders();
}

TEST_F(YugabyteFaults, AnErrorAfterTheLastRowMakesItsChunkWorthNothing) {
  begin_in_tablets(2);
  const std::string rows = db->value("SELECT count(*) FROM orders");
  cluster->at_row(">= 32768", 9'000, Fault_::read_restart());
  good_sync();
  expect_equal_orders();
}

TEST_F(YugabyteFaults, RowsOfALoadThatStartsOverAreCountedOnce) {
  begin_in_tablets();
  db->exec(
      "ALTER TABLE orders RENAME updated_at TO stamp; ALTER TABLE orders ADD nested int[] DEFAULT "
      "'{1}'");
  cluster->at_row(">= 32768", 1000, Fault_::snapshot_too_old());
  const Receipt receipt = good_sync();
  EXPECT_THAT(receipt.notes, Contains(HasSubstr("it starts over")));
  EXPECT_EQ(receipt.inserted, 20'000U);
  expect_equal("orders", "id, note");
}

TEST_F(YugabyteFaults, AnIncrementalRunIsTriedAgain) {
  begin_in_tablets();
  good_sync();
  db->exec("UPDATE orders SET note = 'changed', updated_at = now() WHERE id % 10 = 0");
  cluster->at_row("\"updated_at\" >=", 100, Fault_::read_restart());
  const Receipt receipt = good_sync();
  EXPECT_EQ(receipt.updated, 2000U);
  expect_equal_orders();
}

// The double reads by PostgreSQL's snapshots, which show a truncated table as empty, as releases do
// that truncate in place; no lock keeps anybody from it there.
TEST_F(YugabyteFaults, ATableThatIsTruncatedWhileItIsReadIsReadAgain) {
  begin_in_tablets();
  db->exec(
      "ALTER TABLE orders RENAME updated_at TO stamp");  // a mark would be read before, and lock
  bool truncated = false;
  cluster->at_row("yb_tablet_metadata", 0, [this, &truncated] {
    db->exec(
        "SET lock_timeout = '5s'; TRUNCATE orders; INSERT INTO orders VALUES (1, 'after', now())");
    truncated = true;
    return Fault_{};
  });
  const Receipt receipt = good_sync();
  EXPECT_TRUE(truncated);
  EXPECT_GE(cluster->statements("SET yb_read_time").size(), 2U) << "not read again";
  expect_equal("orders", "id, note");
}

TEST_F(YugabyteFaults, ATableThatIsTruncatedWhileNothingIsFoundIsReadAgain) {
  begin_in_tablets();
  options.defaults.delete_check.kind = Cadence::Kind::never;
  good_sync();
  // The second session is the one that plans; it reads nothing before.
  cluster->at_row("pg_is_in_recovery", 0, [this] {
    cluster->at_row("pg_is_in_recovery", 0, [this] {
      db->exec("TRUNCATE orders; INSERT INTO orders VALUES (1, 'after', now())");
      return Fault_{};
    });
    return Fault_{};
  });
  options.allow_deletes = {"*"};
  good_sync();
  expect_equal_orders();
}

TEST_F(YugabyteFaults, ATableThatIsTruncatedKeepsNoOtherFromBeingCommitted) {
  db->exec("CREATE TABLE staged (id int PRIMARY KEY); INSERT INTO staged VALUES (1)");
  begin_in_tablets();
  options.retries = 0;
  cluster->at_row("COPY (SELECT \"id\", \"note\"", 100, [this] {
    db->exec("SET lock_timeout = '5s'; TRUNCATE staged; INSERT INTO staged VALUES (2)");
    return Fault_{};
  });
  const RunResult result = copy.sync(cluster->url(), options);
  ASSERT_EQ(result.receipts.size(), 2U);
  EXPECT_EQ(result.receipts[0].error, "");
  EXPECT_THAT(result.receipts[1].error, HasSubstr("staged: dropped, truncated or rewritten"));
  expect_equal_orders();
}

TEST_F(YugabyteFaults, ANodeThatIsLostBeforeTheSnapshotIsAnothersTurn) {
  begin_in_tablets();
  options.retries = 0;
  cluster->at_row("yb_servers()", 0, Fault_::cutting());
  cluster->at_row("relispartition", 0, Fault_::shutdown());
  good_sync();
  expect_equal_orders();
}

TEST_F(YugabyteFaults, ANodeThatIsLostRightAfterItLetUsInIsAnothersTurn) {
  begin_in_tablets();
  options.retries = 0;
  cluster->at_row("pg_is_in_recovery()", 0, Fault_::cutting());
  good_sync();
  expect_equal_orders();
}

TEST_F(YugabyteFaults, NoPasswordIsInWhatItSays) {
  begin_in_tablets();
  options.retries = 0;
  cluster->at_row("COPY", 10, Fault_::cutting());
  const Receipt receipt = sync();
  EXPECT_NE(receipt.error, "");
  EXPECT_THAT(receipt.error + receipt.hint, Not(HasSubstr(db->server().password())));
}

}  // namespace
}  // namespace sluice
