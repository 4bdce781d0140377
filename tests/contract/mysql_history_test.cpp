// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

#include "support/history_test.h"
#include "support/mysql_server.h"

namespace sluice {
namespace {

TEST(MysqlHistory, EveryRunLeavesWhatItsClassPromises) {
  if (const std::string why = testing::MysqlServer::missing(); !why.empty()) GTEST_SKIP() << why;
  const testing::HistoryEngine engine = testing::mysql_histories();
  if (testing::MysqlServer::instance().mariadb()) return testing::expect_histories(engine, 40);
  // It waits for a lock for a second or two, where MariaDB does not at all: mostly idle.
  testing::expect_histories(engine, 15, 4);
}

}  // namespace
}  // namespace sluice
