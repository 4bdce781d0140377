// SPDX-License-Identifier: Apache-2.0
// What every test of a copy of a MySQL or MariaDB database begins with.
#pragma once

#include <functional>
#include <string>

#include "support/copy.h"
#include "support/mysql_test.h"

namespace sluice::testing {

class MysqlCopyTest : public MysqlTest {
 protected:
  void SetUp() override {
    MysqlTest::SetUp();
    options.schema = "public";  // where Copy looks; a database of a test has a name of its own
  }
  RunResult sync() const { return copy.sync(db->socket_url(), options); }
  /// Of a database with one table.
  Receipt sync_one(const std::function<void(TableOptions&)>& choose = {}) const {
    SyncOptions chosen = options;
    if (choose) choose(chosen.defaults);
    const RunResult result = copy.sync(db->socket_url(), chosen);
    EXPECT_EQ(result.receipts.size(), 1U);
    return result.receipts.empty() ? Receipt{} : result.receipts[0];
  }
  std::vector<Verified> verify(Sync::Repair repair = Sync::Repair::no, double percent = 100) const {
    return copy.verify(db->socket_url(), repair, options, percent);
  }
  /// The copies are their tables, by digests, and the run after the one before writes nothing.
  void expect_true_copies() const {
    for (const Verified& each : verify()) {
      EXPECT_TRUE(each.equal()) << each.table.text() << ": " << each.error << each.not_compared
                                << (each.examples.empty() ? "" : each.examples.front());
      EXPECT_EQ(each.how, "digests") << each.table.text();
    }
    for (const Receipt& each : sync().receipts) {
      EXPECT_EQ(each.error, "");
      EXPECT_EQ(each.inserted + each.updated + each.deleted, 0U) << each.table.text();
    }
  }

  Copy copy;
  SyncOptions options;
};

}  // namespace sluice::testing
