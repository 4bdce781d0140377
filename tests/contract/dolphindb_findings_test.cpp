// SPDX-License-Identifier: Apache-2.0
// What somebody who read the source of DolphinDB found.
#include "support/dolphindb_copy_test.h"

namespace sluice {
namespace {

using ::testing::HasSubstr;

class DolphindbFindings : public DolphindbTest {
 protected:
  void SetUp() override {
    DolphindbTest::SetUp();
    begin();
  }
  /// dfs://marks/t without a key, its column `at` of this type and with these numbers.
  void create(const std::string& type, const std::string& numbers) {
    cluster->create({.database = "dfs://marks",
                     .name = "t",
                     .columns = {{"at", type}, {"v", "LONG"}},
                     .partitions = {},
                     .sort_columns = {"at"}});
    insert(numbers);
  }
  void insert(const std::string& numbers) {
    exec("INSERT INTO \"dfs://marks\".t SELECT n, hash(n) % 1000 FROM (" + numbers + ") t(n)");
  }
  Receipt run() const { return good_sync("t", url("marks")); }
  /// How often each number is there.
  std::string counted(const std::string& number) const {
    return copy
        .query("SELECT coalesce(string_agg(n || ' x' || c, ', ' ORDER BY n), '') FROM (SELECT " +
               number + " AS n, count(*) AS c FROM public.t GROUP BY ALL)")
        .at(0);
  }
};

/// The difference of two numbers that are further apart than a LONG can tell.
TEST_F(DolphindbFindings, NumbersThatAreFarApartAreInTheirBuckets) {
  options.defaults.replication_key = "at";
  create("LONG",
         "SELECT -9200000000000000000 + i * 150000000000000 FROM range(3000) r(i) UNION ALL "
         "SELECT unnest([5000000000000000000, 9223372036854775807, -9223372036854775807])");
  EXPECT_EQ(run().inserted, 3003U);
  insert("SELECT 5000000000000000001");
  const Receipt second = run();
  EXPECT_EQ(second.strategy, "digest");
  EXPECT_EQ(second.inserted, 1U);
  EXPECT_EQ(second.deleted, 0U);
  exec("DELETE FROM \"dfs://marks\".t WHERE \"at\" = 9223372036854775807");
  EXPECT_EQ(run().deleted, 1U);
  const Receipt last = run();
  EXPECT_EQ(last.read, 0U);
  EXPECT_EQ(copy.query("SELECT count(*) || ' ' || max(\"at\") FROM public.t"),
            Texts{"3003 5000000000000000001"});
}

/// A stamp of the next century must not become the mark: rows of this hour would be below it.
TEST_F(DolphindbFindings, AStampAheadOfTheClockHidesNothingThatIsStampedByAnotherZone) {
  options.defaults.mode = Mode::append;
  options.defaults.overlap = std::chrono::seconds(0);
  const std::string behind = "SELECT epoch_ms(now()::TIMESTAMP) - 8 * 3600 * 1000 + ";
  create("TIMESTAMP", behind + "i FROM range(100) r(i) UNION ALL SELECT 4102444800000");
  EXPECT_EQ(run().inserted, 101U);
  insert(behind + "200 + i FROM range(50) r(i)");
  EXPECT_EQ(run().inserted, 50U);
}

TEST_F(DolphindbFindings, WhereEverythingIsAheadOfTheClockThatIsTheMark) {
  options.defaults.mode = Mode::append;
  options.defaults.overlap = std::chrono::seconds(0);
  create("DATE", "SELECT 47482");  // 2100-01-01
  EXPECT_EQ(run().inserted, 1U);
  insert("SELECT (current_date - DATE '1970-01-01')::INTEGER");
  EXPECT_EQ(run().inserted, 1U);
}

/// What is still to come of a day has its date already.
TEST_F(DolphindbFindings, AMarkOfDaysIsTheDayThatHasBegun) {
  options.defaults.mode = Mode::append;
  options.defaults.overlap = std::chrono::seconds(0);
  const std::string today = "SELECT (current_date - DATE '1970-01-01')::INTEGER";
  create("DATE", today + " + 1 UNION ALL " + today);
  EXPECT_EQ(run().inserted, 2U);
  insert(today);
  EXPECT_EQ(run().inserted, 1U);
}

/// Buckets of one tick more or less are not read from before the start, and verify is not either.
TEST_F(DolphindbFindings, TheStartBoundsWhatIsReadByBuckets) {
  create("DATETIME", "SELECT 1704067200 + i FROM range(3000) r(i) UNION ALL SELECT NULL");
  options.defaults.start = "2024-01-01 00:20:00";
  EXPECT_EQ(run().inserted, 1800U);
  insert("SELECT 1704067200 + 1201");
  EXPECT_EQ(run().inserted, 1U);
  EXPECT_EQ(run().read, 0U);
  EXPECT_EQ(copy.query("SELECT count(*) || ' ' || min(\"at\") FROM public.t"),
            Texts{"1801 2024-01-01 00:20:00"});
  EXPECT_TRUE(copy.verify(url("marks"), Sync::Repair::no, options).at(0).equal());
}

/// A MONTH lands as a date, of which the server has no numbers.
TEST_F(DolphindbFindings, AReplicationKeyOfMonthsHasNoRangesAndIsComparedWhole) {
  cluster->create({.database = "dfs://marks",
                   .name = "t",
                   .columns = {{"ts", "NANOTIMESTAMP"}, {"at", "MONTH"}},
                   .partitions = {},
                   .sort_columns = {"ts"}});
  const auto add = [&](int month) {
    exec("INSERT INTO \"dfs://marks\".t VALUES (1704067200000000000, " + std::to_string(month) +
         ")");
  };
  add(24288);
  options.defaults.replication_key = "at";
  EXPECT_EQ(run().inserted, 1U);
  add(24289);
  const Receipt second = run();
  EXPECT_EQ(second.strategy, "full");
  EXPECT_EQ(second.inserted, 1U);
  EXPECT_EQ(counted("\"at\"::VARCHAR"), "2024-01-01 x1, 2024-02-01 x1");
}

/// Their numbers are multiplied to DuckDB's unit, and must not wrap into a stretch that nobody
/// reads.
TEST_F(DolphindbFindings, AStampThatDuckdbCannotHoldIsAMisfitInLaterRunsToo) {
  create("TIMESTAMP", "SELECT 1704067200000 + i FROM range(100) r(i)");
  EXPECT_EQ(run().inserted, 100U);
  for (const char* stamp : {"9223372036854775807", "9223372036854775806", "9223372036854776",
                            "-9223372036854775", "-9223372036854775807"}) {
    insert(std::string("SELECT ") + stamp);
    EXPECT_THAT(sync("t", url("marks")).error, HasSubstr("does not fit TIMESTAMP")) << stamp;
    exec(std::string("DELETE FROM \"dfs://marks\".t WHERE \"at\" = ") + stamp);
    EXPECT_EQ(run().read, 0U) << stamp;
  }
  exec("DELETE FROM \"dfs://marks\".t");
  options.allow_deletes = {"*"};
  insert("SELECT 9223372036854775 UNION ALL SELECT -9223372022400000");
  EXPECT_EQ(run().inserted, 2U);
  EXPECT_EQ(run().read, 0U);
}

TEST_F(DolphindbFindings, AMisfitThatBecameNullStays) {
  options.defaults.misfit = Misfit::null;
  create("TIMESTAMP",
         "SELECT 1704067200000 + i FROM range(100) r(i) UNION ALL SELECT NULL UNION ALL "
         "SELECT 9223372036854775806");
  EXPECT_EQ(run().inserted, 102U);
  for (int again = 0; again < 2; ++again) {
    const Receipt receipt = run();
    EXPECT_EQ(receipt.inserted + receipt.deleted, 0U);
  }
  EXPECT_EQ(copy.query("SELECT count(*) || ' ' || count(\"at\") FROM public.t"), Texts{"102 100"});
}

/// Rows are asked for, and "OK" alone is no table without rows.
TEST_F(DolphindbFindings, NothingIsNoAnswerToAQuery) {
  create("LONG", "SELECT 1");
  DolphindbDouble::Fault nothing;
  nothing.header = "1 0 1";
  nothing.at = 0;
  cluster->fault("select at", nothing);
  options.retries = 0;
  EXPECT_THAT(sync("t", url("marks")).error, HasSubstr("answered with nothing"));
}

TEST_F(DolphindbFindings, ANodeThatIsNamedTwiceIsOneNode) {
  try {
    copy.sync("dolphindb://admin:123456@127.0.0.1:1,127.0.0.1:1/marks", options);
    ADD_FAILURE() << "it connected";
  } catch (const Error& error) {
    EXPECT_THAT(std::string(error.what()), HasSubstr("cannot connect to 127.0.0.1:1"));
  }
}

}  // namespace
}  // namespace sluice
