// SPDX-License-Identifier: Apache-2.0
// What stands in for a DolphinDB, asked by DolphinDB's own Python client (dolphindb_judge.py).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "support/dolphindb_double.h"
#include "support/output_of.h"

namespace sluice {
namespace {

using testing::DolphindbDouble;
using testing::DolphindbUser;
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

void create_every_type(DolphindbDouble& cluster) {
  cluster.create({.database = "dfs://all",
                  .name = "every",
                  .columns = {{"row", "INT"},
                              {"b", "BOOL"},
                              {"c", "CHAR"},
                              {"h", "SHORT"},
                              {"i", "INT"},
                              {"l", "LONG"},
                              {"f", "FLOAT"},
                              {"d", "DOUBLE"},
                              {"s", "STRING"},
                              {"y", "SYMBOL"},
                              {"u", "UUID"},
                              {"g", "INT128"},
                              {"p", "IPADDR"},
                              {"o", "BLOB"},
                              {"da", "DATE"},
                              {"mo", "MONTH"},
                              {"ti", "TIME"},
                              {"mi", "MINUTE"},
                              {"se", "SECOND"},
                              {"dd", "DATETIME"},
                              {"ts", "TIMESTAMP"},
                              {"nt", "NANOTIME"},
                              {"ns", "NANOTIMESTAMP"},
                              {"dh", "DATEHOUR"},
                              {"m3", "DECIMAL32(4)"},
                              {"m6", "DECIMAL64(4)"},
                              {"m12", "DECIMAL128(4)"},
                              {"av", "DOUBLE[]"}}});
  cluster.exec(
      "INSERT INTO \"dfs://all\".every VALUES (0, true, -5, -300, -7, 9007199254740993, 1.5, "
      "189.5, "
      "'hé中', 'AAPL', '5d212a78-cc48-e3b1-4235-b4d91473ee87', "
      "int128('e1671797c52e15f763380b45e841ec32'), ipaddr4(192, 168, 1, 1), 'a\\xFF'::BLOB, 19724, "
      "24288, 11045123, 184, 11045, 1704164645, 1704164645123, 11045123456789, "
      "1704164645123456789, 473379, -1.25, 123456789012345.6789, -12345678901234567890.5, "
      "[1.5, NULL, 2.0])");
  cluster.exec("INSERT INTO \"dfs://all\".every (row) VALUES (1)");
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
