// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

#include "support/history_test.h"
#include "support/postgres_server.h"

namespace sluice {
namespace {

TEST(YugabyteHistory, EveryRunLeavesWhatItsClassPromises) {
  if (const std::string why = testing::PostgresServer::missing(); !why.empty()) GTEST_SKIP() << why;
  if (testing::PostgresServer::instance().version() < 15)
    GTEST_SKIP() << "what stands in for YugabyteDB wants PostgreSQL 15 or newer";
  testing::expect_histories(testing::yugabyte_histories(), 24);
}

}  // namespace
}  // namespace sluice
