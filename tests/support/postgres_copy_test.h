// SPDX-License-Identifier: Apache-2.0
// What every test of a copy of a PostgreSQL database begins with.
#pragma once

#include "support/copy.h"
#include "support/postgres_test.h"

namespace sluice::testing {

class PostgresCopyTest : public PostgresTest {
 protected:
  Copy copy;
  SyncOptions options;
};

}  // namespace sluice::testing
