// SPDX-License-Identifier: Apache-2.0
// Whole runs from one DuckDB file into another.
#include <filesystem>
#include <string>

#include "contract/duckdb_files.h"
#include "support/copy.h"

namespace sluice::test {
namespace {

namespace fs = std::filesystem;

class DuckdbRuns : public DuckdbFiles {
 protected:
  /// The run's one receipt; every row of the file is in the copy, and nothing else is.
  Receipt sync() {
    const RunResult result = copy.sync("duckdb:" + path("shop.duckdb"));
    EXPECT_EQ(result.exit_code(), 0);
    duck::Database own;
    duck::Connection connection = own.connect();
    connection.query("ATTACH " + duck::literal(path("shop.duckdb")) + " AS shop (READ_ONLY)");
    connection.query("ATTACH " + duck::literal(copy.file()) + " AS copy (READ_ONLY)");
    for (const auto& [one, other] : {std::pair("shop", "copy"), std::pair("copy", "shop")}) {
      const auto rows = connection.query(
          "SELECT count(*) FROM (SELECT id, v, updated_at FROM " + std::string(one) +
          ".main.t EXCEPT ALL SELECT id, v, updated_at FROM " + other + ".main.t)");
      EXPECT_EQ(rows.integer(0, 0), 0) << "only in " << one;
    }
    return result.receipts.at(0);
  }
  void change(const std::string& word, int digit) {
    make("shop.duckdb", {"UPDATE t SET v = '" + word +
                             "', updated_at = now() WHERE id % 10 = " + std::to_string(digit),
                         "DELETE FROM t WHERE id = " + std::to_string(digit),
                         "INSERT INTO t SELECT id + 1000000, '" + word +
                             "', now() FROM t WHERE id % 10 = " + std::to_string(digit + 1)});
  }

  testing::Copy copy;
};

/// What was changed since the backup is undone, and its rows are stamped as they were then.
TEST_F(DuckdbRuns, AFileThatItsBackupReplacesIsComparedWhole) {
  make("shop.duckdb",
       {"CREATE TABLE t (id BIGINT PRIMARY KEY, v VARCHAR, updated_at TIMESTAMPTZ NOT NULL)",
        "INSERT INTO t SELECT range, 'first', now() - INTERVAL 1 DAY FROM range(3000)"});
  sync();
  fs::copy_file(path("shop.duckdb"), path("backup.duckdb"));
  change("undone", 1);
  EXPECT_EQ(sync().strategy, "incremental");
  change("undone, too", 3);
  EXPECT_EQ(sync().strategy, "incremental");
  fs::copy_file(path("backup.duckdb"), path("shop.duckdb"), fs::copy_options::overwrite_existing);
  change("since", 5);
  EXPECT_EQ(sync().strategy, "full");
  EXPECT_EQ(sync().strategy, "incremental");
}

}  // namespace
}  // namespace sluice::test
