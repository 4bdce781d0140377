// SPDX-License-Identifier: Apache-2.0
// Runs from what stands in for a SingleStore (support/singlestore_double.h), and what they left.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>

#include "support/copy.h"
#include "support/singlestore_double.h"

namespace sluice {

using testing::Copy;
using testing::MysqlDatabase;
using testing::MysqlServer;
using testing::SingleStoreDouble;
using testing::Texts;

/// Rows of a table that is worth a result table.
inline constexpr std::uint64_t kBig = 2'000'000;

class SingleStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = MysqlServer::missing(); !why.empty()) GTEST_SKIP() << why;
    db = std::make_unique<MysqlDatabase>();
    options.schema = "public";
    options.parallel = 2;
  }
  void begin(const SingleStoreDouble::Options& how = {}) {
    server = std::make_unique<SingleStoreDouble>(*db, how);
  }
  /// A table with both keys and `rows` rows that are as old as the hills.
  void make_orders(int rows) {
    db->exec(
        "CREATE TABLE orders (id int PRIMARY KEY, note varchar(40), updated_at datetime(6));"
        "INSERT INTO orders SELECT seq, concat('note ', seq), '2019-01-01 00:00:00.5' FROM "
        "seq_1_to_" +
        std::to_string(rows));
  }
  Receipt sync(const std::string& table) {
    const RunResult result = copy.sync(server->url(), options);
    for (const Receipt& each : result.receipts) {
      if (each.table.name == table) return each;
    }
    ADD_FAILURE() << "no receipt of " << table;
    return {};
  }
  Receipt good_sync(const std::string& table) {
    const Receipt receipt = sync(table);
    EXPECT_EQ(receipt.error, "");
    return receipt;
  }
  /// Each row of the source as one text, and of the copy.
  Texts there(const std::string& table, const std::string& columns) const {
    Texts rows;
    for (const auto& each :
         db->query("SELECT concat_ws('|', " + columns + ") FROM `" + table + "`"))
      rows.push_back(each[0].value_or("NULL"));
    std::ranges::sort(rows);
    return rows;
  }
  Texts here(const std::string& table, const std::string& columns) const {
    Texts rows = copy.query("SELECT concat_ws('|', " + columns + ") FROM public.\"" + table + "\"");
    std::ranges::sort(rows);
    return rows;
  }
  void expect_equal(const std::string& table, const std::string& columns) const {
    const Texts expected = there(table, columns), found = here(table, columns);
    EXPECT_EQ(found.size(), expected.size());
    EXPECT_TRUE(found == expected) << table << " differs";
  }
  void expect_equal_orders() const {
    expect_equal("orders", "id, note, left(CAST(updated_at AS CHAR), 19)");
  }
  std::size_t asked(const std::string& text) const { return server->statements(text).size(); }

  std::unique_ptr<MysqlDatabase> db;
  std::unique_ptr<SingleStoreDouble> server;
  Copy copy;
  SyncOptions options;
};

}  // namespace sluice
