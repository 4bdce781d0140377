// SPDX-License-Identifier: Apache-2.0
// Runs from what stands in for a YugabyteDB cluster (support/yugabyte_double.h), and what they
// left.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "support/copy.h"
#include "support/postgres_test.h"
#include "support/yugabyte_double.h"

namespace sluice {

using testing::PostgresDatabase;
using testing::Texts;
using testing::YugabyteDouble;

class YugabyteTest : public testing::PostgresTest {
 protected:
  void begin(const YugabyteDouble::Options& how = {}) {
    cluster = std::make_unique<YugabyteDouble>(*db, how);
  }
  /// A table with both keys and `rows` rows that are as old as the hills, and the cluster.
  void begin_with_orders(int rows, const YugabyteDouble::Options& how = {}) {
    db->exec(
        "CREATE TABLE orders (id int PRIMARY KEY, note text, updated_at timestamptz);"
        "INSERT INTO orders SELECT i, 'note ' || i, '2019-01-01 00:00:00.5+00'::timestamptz + i * "
        "interval '1 minute' FROM generate_series(1, " +
        std::to_string(rows) + ") i; ANALYZE orders");
    begin(how);
  }
  Receipt sync(const std::string& table = "orders", const std::string& parameters = {}) {
    const RunResult result = copy.sync(cluster->url(parameters), options);
    for (const Receipt& each : result.receipts) {
      if (each.table.name == table) return each;
    }
    ADD_FAILURE() << "no receipt of " << table;
    return {};
  }
  Receipt good_sync(const std::string& table = "orders", const std::string& parameters = {}) {
    Receipt receipt = sync(table, parameters);
    EXPECT_EQ(receipt.error, "");
    return receipt;
  }
  /// Each row of the source as one text, and of the copy: of columns that both write alike.
  void expect_equal(const std::string& table, const std::string& columns) const {
    Texts expected;
    for (const auto& each : db->query("SELECT concat_ws('|', " + columns + ") FROM " + table))
      expected.push_back(each[0].value_or("NULL"));
    Texts found = copy.query("SELECT concat_ws('|', " + columns + ") FROM public." + table);
    std::ranges::sort(expected);
    std::ranges::sort(found);
    EXPECT_EQ(found.size(), expected.size());
    EXPECT_TRUE(found == expected) << table << " differs";
  }
  void expect_equal_orders() const {
    expect_equal("orders", "id, note, extract(epoch FROM updated_at)::decimal(20,6)");
  }
  std::size_t asked(const std::string& text) const { return cluster->statements(text).size(); }
  /// What was read of the tables: the texts of COPY.
  Texts copies() const {
    Texts texts;
    for (const auto& each : cluster->statements("COPY (")) texts.push_back(each.text);
    return texts;
  }

  std::unique_ptr<YugabyteDouble> cluster;
  testing::Copy copy;
  SyncOptions options;
};

}  // namespace sluice
