// SPDX-License-Identifier: Apache-2.0
// A real server, a run, a DuckDB file, and what a reader of that file sees.
#pragma once

#include <gtest/gtest.h>

#include <functional>

#include "support/copy.h"
#include "support/postgres_test.h"

namespace sluice {

class PostgresTypesTest : public testing::PostgresTest {
 protected:
  void SetUp() override {
    PostgresTest::SetUp();
    if (IsSkipped()) return;
    version = testing::PostgresServer::instance().version();
  }
  RunResult sync(const SyncOptions& options = {}) const {
    return copy.sync(db->socket_url(), options);
  }
  Receipt sync_one(const std::function<void(TableOptions&)>& choose = {}) const {
    SyncOptions options;
    if (choose) choose(options.defaults);
    const RunResult result = sync(options);
    EXPECT_EQ(result.receipts.size(), 1U);
    return result.receipts.empty() ? Receipt{} : result.receipts[0];
  }

  int version = 0;
  testing::Copy copy;
};

}  // namespace sluice
