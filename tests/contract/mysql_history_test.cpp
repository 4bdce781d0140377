// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

#include "support/history_test.h"
#include "support/mysql_server.h"

namespace sluice {
namespace {

TEST(MysqlHistory, EveryRunLeavesWhatItsClassPromises) {
  if (const std::string why = testing::MysqlServer::missing(); !why.empty()) GTEST_SKIP() << why;
  // MySQL 5.6 waits a second for any lock, MariaDB not at all.
  testing::expect_histories(testing::mysql_histories(),
                            testing::MysqlServer::instance().mariadb() ? 40 : 15);
}

}  // namespace
}  // namespace sluice
