// SPDX-License-Identifier: Apache-2.0
// A table of a stand-in for DolphinDB with a column of every type that a table can have.
#pragma once

#include "support/dolphindb_double.h"

namespace sluice {

/// dfs://all/every: row 0 holds values, row 1 NULLs.
inline void create_every_type(testing::DolphindbDouble& cluster) {
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

}  // namespace sluice
