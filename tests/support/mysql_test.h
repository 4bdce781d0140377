// SPDX-License-Identifier: Apache-2.0
// What every test of a MySQL or MariaDB server begins with.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "support/mysql_server.h"

namespace sluice::testing {

/// A database of the test's own. Skipped where there is no server, for those who run a program by
/// hand: `make test` installs one, and stops where it has none.
class MysqlTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = MysqlServer::missing(); !why.empty()) GTEST_SKIP() << why;
    db = std::make_unique<MysqlDatabase>();
  }

  std::unique_ptr<MysqlDatabase> db;
};

}  // namespace sluice::testing
