// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

#include "support/history_test.h"
#include "support/mysql_server.h"

namespace sluice {
namespace {

TEST(MariadbHistory, EveryRunLeavesWhatItsClassPromises) {
  if (const std::string why = testing::MysqlServer::missing(); !why.empty()) GTEST_SKIP() << why;
  if (!testing::MysqlServer::instance().mariadb()) GTEST_SKIP() << "histories want MariaDB";
  testing::expect_histories(testing::mariadb_histories(), 40);
}

}  // namespace
}  // namespace sluice
