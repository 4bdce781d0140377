// SPDX-License-Identifier: Apache-2.0
// What stands in for a DolphinDB, asked by DolphinDB's own Python client (dolphindb_judge.py).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "contract/dolphindb_fixture.h"
#include "support/dolphindb_double.h"
#include "support/output_of.h"

namespace sluice {
namespace {

using testing::DolphindbDouble;
using ::testing::EndsWith;
using ::testing::IsEmpty;

/// Of 20,000 rows, which is three blocks.
void create_trades(DolphindbDouble& cluster) {
  cluster.create({.database = "dfs://trades",
                  .name = "trade",
                  .columns = {{"id", "LONG"},
                              {"sym", "SYMBOL"},
                              {"ts", "NANOTIMESTAMP"},
                              {"price", "DOUBLE"},
                              {"odd \"name", "LONG"}},
                  .partitions = {{"ts", "VALUE",
                                  testing::dolphin::integers_of({19723}, testing::dolphin::kDate)}},
                  .sort_columns = {"sym", "ts"}});
  cluster.exec(
      "INSERT INTO \"dfs://trades\".trade SELECT i, ['A', 'B', ''][1 + i % 3], CASE WHEN i % 7 <> "
      "3 "
      "THEN 1704067200000000000 + i * 1000000001 END, CASE WHEN i <> 5 THEN i / 4 END, i * 10 FROM "
      "range(20000) r(i)");
}

TEST(DolphindbDoubleTest, TheOfficialClientFindsNothingWrong) {
  DolphindbDouble plain(
      {.users = {{"admin", {"123456", false, {}}}, {"sam", {"pencil", true, {}}}}});
  DolphindbDouble encrypted({.tls = true});
  create_trades(plain);
  create_every_type(plain);
  EXPECT_THAT(
      testing::output_of(testing::python_with("dolphindb") +
                         SLUICE_SOURCE "/tests/contract/dolphindb_judge.py " +
                         std::to_string(plain.port()) + " " + std::to_string(encrypted.port())),
      EndsWith("ok\n"));
  EXPECT_THAT(plain.violations(), IsEmpty());
  EXPECT_THAT(encrypted.violations(), IsEmpty());
}

}  // namespace
}  // namespace sluice
