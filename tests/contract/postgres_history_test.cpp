// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

#include "support/history_test.h"
#include "support/postgres_server.h"

namespace sluice {
namespace {

TEST(History, EveryRunLeavesWhatItsClassPromises) {
  if (const std::string why = testing::PostgresServer::missing(); !why.empty()) GTEST_SKIP() << why;
  testing::expect_histories(testing::postgres_histories(), 100);
}

}  // namespace
}  // namespace sluice
