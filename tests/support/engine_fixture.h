// SPDX-License-Identifier: Apache-2.0
// A FakeSource, a DuckDB file and the engine between them, in one instance of DuckDB. The oracle is
// content: differences().
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "sluice/sync.h"
#include "support/fake_source.h"

namespace sluice::test {

class EngineSync : public ::testing::Test {
 protected:
  EngineSync() : database(settings()) {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    folder = std::filesystem::temp_directory_path() /
             ("sluice-engine-" + std::to_string(getpid()) + "-" + std::string(info->name()));
    std::filesystem::create_directories(folder);
    source = std::make_unique<FakeSource>(database);
    destination = std::make_unique<FileDestination>(database, (folder / "dst.duckdb").string());
    options.unit_rows = 3000;
    options.retries = 0;
  }
  ~EngineSync() override {
    destination.reset();
    std::filesystem::remove_all(folder);
  }
  static std::map<std::string, std::string> settings() {
    return {{"threads", "3"}, {"preserve_insertion_order", "false"}};
  }

  RunResult run() {
    Observer observer;
    Sync sync(database, *source, *destination, options, observer);
    return sync.run();
  }
  Receipt run_one() {
    RunResult result = run();
    EXPECT_EQ(result.receipts.size(), 1U);
    EXPECT_EQ(result.receipts.at(0).error, "");
    return result.receipts.at(0);
  }
  /// Rows that only one of the two sides has, multiplicity included.
  std::string differences(const std::string& table = "t", const std::string& where = "",
                          const std::string& copy_where = "") {
    duck::Connection c = database.connect();
    const auto columns = c.query(
        "SELECT string_agg('\"' || column_name || '\"', ', ' ORDER BY column_index) FROM "
        "duckdb_columns() WHERE "
        "database_name = 'fake' AND table_name = ?",
        {table});
    const std::string list = "SELECT " + columns.text(0, 0) + " FROM ";
    const std::string a = "(" + list + "fake.main." + table + where + ")";
    const std::string b = "(" + list + "dst.main." + table + copy_where + ")";
    return c
        .query(
            "SELECT coalesce(string_agg(d::VARCHAR, ' '), '') FROM ((SELECT 'missing' AS side, * "
            "FROM (FROM " +
            a + " EXCEPT ALL FROM " + b + ")) UNION ALL (SELECT 'extra', * FROM (FROM " + b +
            " EXCEPT ALL FROM " + a + ")) LIMIT 5) d")
        .text(0, 0);
  }
  void make_orders(int rows) {
    source->sql("CREATE TABLE fake.main.t (id BIGINT, v VARCHAR, updated_at BIGINT)");
    source->sql("INSERT INTO fake.main.t SELECT i, 'v' || i, i // 10 FROM range(" +
                std::to_string(rows) + ") r(i)");
    source->keys["t"] = {"id"};
    source->replication_keys["t"] = "updated_at";
  }

  duck::Database database;
  std::filesystem::path folder;
  std::unique_ptr<FakeSource> source;
  std::unique_ptr<FileDestination> destination;
  SyncOptions options;
};

}  // namespace sluice::test
