// SPDX-License-Identifier: Apache-2.0
// What every test of a PostgreSQL server begins with.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "support/postgres_server.h"

namespace sluice::testing {

/// A database of the test's own. Skipped where there is no server, for those who run a program by
/// hand: `make test` installs one, and stops where it has none.
class PostgresTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = PostgresServer::missing(); !why.empty()) GTEST_SKIP() << why;
    db = std::make_unique<PostgresDatabase>();
  }

  std::unique_ptr<PostgresDatabase> db;
};

}  // namespace sluice::testing
