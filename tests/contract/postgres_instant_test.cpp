// SPDX-License-Identifier: Apache-2.0
// The instant that a receipt names, and whether a table has one.
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <string>
#include <thread>

#include "support/copy.h"
#include "support/postgres_test.h"

namespace sluice {
namespace {

using testing::Copy;
using testing::PostgresServer;
using testing::PostgresSession;
using testing::Texts;

class PostgresInstant : public testing::PostgresTest {
 protected:
  Copy copy;
  SyncOptions options;
};

/// The clock is read before the locks are waited for, and again when the snapshot is taken.
TEST_F(PostgresInstant, AVersionBeginsAfterWhatTheLocksWaitedFor) {
  db->exec(
      "CREATE TABLE t (id int PRIMARY KEY, updated_at timestamptz); INSERT INTO t VALUES (1, "
      "now())");
  options.defaults.mode = Mode::history;
  ASSERT_EQ(copy.sync(db->socket_url(), options).exit_code(), 0);
  PostgresSession writer = db->session();
  writer.exec("BEGIN; LOCK TABLE t");
  auto run = std::async(std::launch::async, [&] { return copy.sync(db->socket_url(), options); });
  while (db->value("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = "
                   "'t'::regclass") == "0")
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  writer.exec("UPDATE t SET updated_at = clock_timestamp(); COMMIT");
  const RunResult result = run.get();
  ASSERT_EQ(result.exit_code(), 0);
  EXPECT_EQ(copy.query("SELECT count(*) || ' ' || count(*) FILTER (_sluice_valid_from >= "
                       "updated_at) FROM public.t"),
            Texts{"2 2"});
  const std::string& instant = result.receipts.at(0).instant;
  EXPECT_EQ(db->value("SELECT updated_at <= '" + instant.substr(0, instant.find(',')) +
                      "'::timestamptz FROM t"),
            "t")
      << instant;
  // A mark is what the clock said before: rows of the time in between are read again.
  EXPECT_EQ(db->value("SELECT '" + result.receipts.at(0).until.value_or("infinity") +
                      "'::timestamptz < updated_at FROM t"),
            "t");
}

}  // namespace
}  // namespace sluice
