// SPDX-License-Identifier: Apache-2.0
// What is new in a table, read in windows of its replication key.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "support/mysql_copy_test.h"

namespace sluice {
namespace {

using testing::Texts;

class MysqlWindows : public testing::MysqlCopyTest {
 protected:
  void SetUp() override {
    MysqlCopyTest::SetUp();
    if (!db) return;
    options.exclude = {"*.seq"};
    db->make_seq(24'000);
  }
  /// A table with one old row, copied; then rows 1 to `rows`, whose stamps are `stamp` of `i`.
  void make(const std::string& type, const std::string& stamp, int rows = 24'000,
            const std::string& index = ", KEY (updated_at)") {
    db->exec("CREATE TABLE t (id int PRIMARY KEY, updated_at " + type + index +
             "); INSERT INTO t VALUES (0, '2001-01-01')");
    sync_one();
    db->exec("INSERT INTO t SELECT i, " + stamp + " FROM seq WHERE i <= " + std::to_string(rows) +
             "; ANALYZE TABLE t");
    log_statements();
  }
  /// Statements for what is new; the part that each run compares has no condition.
  std::size_t reads() const {
    const Texts all = logged("SELECT `id`");
    return static_cast<std::size_t>(std::ranges::count_if(
        all, [](const std::string& each) { return each.find(" WHERE ") != std::string::npos; }));
  }
  Receipt sync_in(std::chrono::seconds window) {
    return sync_one([&](TableOptions& each) {
      each.window = window;
      each.deletes = Deletes::ignore;
      each.overlap = std::chrono::seconds(0);
    });
  }
};

/// Eight crowded hours in a year, two of them side by side; ties at a window's edge, stamps ahead
/// of the clock, and none.
TEST_F(MysqlWindows, HoldEachRowOnceAndSkipEmptyTime) {
  make("datetime NULL",
       "CASE WHEN i % 100 = 0 THEN NULL WHEN i % 1000 = 7 THEN '2999-12-31 23:59:59' ELSE "
       "'2024-01-01 18:00:00' + INTERVAL (i % 8) * 45 DAY + INTERVAL (i % 5 DIV 4) * 6 HOUR + "
       "INTERVAL (i % 7) SECOND END");
  const Receipt receipt = sync_in(std::chrono::hours(6));
  EXPECT_EQ(receipt.strategy, "incremental");
  EXPECT_EQ(receipt.inserted, 24'000U);
  expect_equal("t", "id, updated_at");
  const std::size_t windows = reads();
  EXPECT_EQ(windows, 19U) << "the old row's, two on each of eight days, the future, no stamp";
  EXPECT_LE(logged("`t`").size(), 45U);
  EXPECT_EQ(sync_in(std::chrono::hours(6)).updated, 0U);
}

TEST_F(MysqlWindows, KeepMicrosecondsAndTheServersZone) {
  make("timestamp(6) NULL DEFAULT NULL", "'2024-03-01 00:00:00' + INTERVAL i * 900000 MICROSECOND");
  db->exec("SET GLOBAL time_zone = '-11:00'");
  const Receipt receipt = sync_in(std::chrono::seconds(3600));
  db->exec("SET GLOBAL time_zone = 'SYSTEM'");
  EXPECT_EQ(receipt.inserted, 24'000U);
  EXPECT_EQ(reads(), 8U) << "six hours, the old row's and no stamp";
  expect_true_copies();
}

TEST_F(MysqlWindows, OfDatesAreWholeDays) {
  make("date NULL", "'2024-03-01' + INTERVAL (i % 10) DAY");
  EXPECT_EQ(sync_in(std::chrono::hours(6)).inserted, 24'000U);
  expect_equal("t", "id, updated_at");
  EXPECT_EQ(reads(), 12U);
}

/// Each would walk the whole table.
TEST_F(MysqlWindows, NeedAnIndex) {
  make("datetime NULL", "'2024-03-01' + INTERVAL i MINUTE", 24'000, "");
  EXPECT_EQ(sync_in(std::chrono::hours(6)).inserted, 24'000U);
  expect_equal("t", "id, updated_at");
  EXPECT_EQ(reads(), 1U);
}

/// Where all that is new is little, one statement brings it.
TEST_F(MysqlWindows, AreNotForAHandfulOfRows) {
  make("datetime NULL", "'2024-03-01' + INTERVAL i DAY", 2000);
  EXPECT_EQ(sync_in(std::chrono::hours(6)).inserted, 2000U);
  expect_equal("t", "id, updated_at");
  EXPECT_EQ(reads(), 1U);
}

/// Much that is new, and little of the table: readers divide it by its stamps, and none walks the
/// primary key.
TEST_F(MysqlWindows, WithoutALengthManyBytesAreDividedAmongReaders) {
  db->exec(
      "CREATE TABLE t (id int PRIMARY KEY, updated_at datetime NOT NULL, pad longtext, KEY "
      "(updated_at)); INSERT INTO t SELECT i, '2001-01-01' + INTERVAL i SECOND, repeat('x', 30000) "
      "FROM seq WHERE i <= 8000; ANALYZE TABLE t");
  EXPECT_EQ(sync_one().inserted, 8000U);
  db->exec(
      "UPDATE t SET updated_at = '2024-01-01' + INTERVAL id DIV 10 SECOND, pad = concat(id, pad) "
      "WHERE id % 5 = 1; ANALYZE TABLE t");
  log_statements();
  const Receipt receipt = sync_one([](TableOptions& each) {
    each.deletes = Deletes::ignore;
    each.overlap = std::chrono::seconds(0);
  });
  EXPECT_EQ(receipt.updated, 1600U);
  const Texts reads = logged("SELECT `id`, `updated_at`, `pad`");
  EXPECT_GE(reads.size(), 3U);
  for (const std::string& each : reads) EXPECT_EQ(each.find("`id` >"), std::string::npos) << each;
}

}  // namespace
}  // namespace sluice
