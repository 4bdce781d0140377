// SPDX-License-Identifier: Apache-2.0
// Runs from what stands in for a DolphinDB (support/dolphindb_double.h), and what they left,
// compared with what the stand-in holds: by SQL of DuckDB over its raw numbers, which shares
// nothing with the source.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "support/copy.h"
#include "support/dolphindb_double.h"

namespace sluice {

using testing::Copy;
using testing::DolphindbDouble;
using testing::DolphindbFault;
using testing::DolphindbPartition;
using testing::DolphindbTable;
using testing::Texts;
namespace dolphin = testing::dolphin;

class DolphindbTest : public ::testing::Test {
 protected:
  /// 2024-01-01, as days, and as what else a column counts in.
  static constexpr std::int64_t kDay = 19723, kNanoday = 86'400'000'000'000;

  void SetUp() override {
    options.schema = "public";
    options.parallel = 2;
    options.retries = 0;
  }
  void begin(DolphindbDouble::Options how = {}) {
    cluster = std::make_unique<DolphindbDouble>(std::move(how));
  }
  static DolphindbPartition by_day(const std::string& column) {
    return {column, "VALUE", dolphin::integers_of({kDay}, dolphin::kDate)};
  }
  /// Ticks without a key, partitioned by their day. One each 7 minutes from 2024-01-01 on.
  void begin_with_ticks(int rows, DolphindbDouble::Options how = {}, std::int64_t step = 420) {
    begin(std::move(how));
    make_ticks(rows, step);
  }
  void make_ticks(int rows, std::int64_t step = 420) {
    cluster->create({.database = "dfs://trades",
                     .name = "trade",
                     .columns = {{"symbol", "SYMBOL"},
                                 {"timestamp", "NANOTIMESTAMP"},
                                 {"price", "DOUBLE"},
                                 {"volume", "LONG"}},
                     .partitions = {by_day("timestamp")},
                     .sort_columns = {"symbol", "timestamp"}});
    add_ticks(0, rows, step);
  }
  void add_ticks(int first, int end, std::int64_t step = 420) {
    exec("INSERT INTO \"dfs://trades\".trade SELECT ['A', 'B', 'C'][1 + i % 3], " +
         std::to_string(kDay * kNanoday) + " + i * " + std::to_string(step) +
         "000000001, i / 7, i * 4000000000 FROM range(" + std::to_string(first) + ", " +
         std::to_string(end) + ") r(i)");
  }
  void exec(const std::string& sql) const { cluster->exec(sql); }

  std::string url(const std::string& database = "trades",
                  const std::string& parameters = {}) const {
    return "dolphindb://admin:123456@" + cluster->sites() + "/" + database + parameters;
  }
  Receipt receipt_of(const RunResult& result, const std::string& table) const {
    for (const Receipt& each : result.receipts) {
      if (each.table.name == table) return each;
    }
    ADD_FAILURE() << "no receipt of " << table;
    return {};
  }
  Receipt sync(const std::string& table = "trade", const std::string& from = {}) const {
    return receipt_of(copy.sync(from.empty() ? url() : from, options), table);
  }
  Receipt good_sync(const std::string& table = "trade", const std::string& from = {}) const {
    Receipt receipt = sync(table, from);
    EXPECT_EQ(receipt.error, "") << receipt.hint;
    return receipt;
  }

  /// What a stored value of a type is in DuckDB, as SQL.
  static std::string landed(const std::string& type, const std::string& c) {
    static const std::map<std::string, std::string> kForms = {
        {"DATE", "DATE '1970-01-01' + ?"},
        {"MONTH", "make_date(? // 12, ? % 12 + 1, 1)"},
        {"TIME", "TIME '00:00' + to_milliseconds(?)"},
        {"MINUTE", "TIME '00:00' + to_minutes(?)"},
        {"SECOND", "TIME '00:00' + to_seconds(?)"},
        {"DATETIME", "make_timestamp(?::BIGINT * 1000000)"},
        {"TIMESTAMP", "make_timestamp(? * 1000)"},
        {"NANOTIMESTAMP", "make_timestamp_ns(?)"},
        {"DATEHOUR", "make_timestamp(?::BIGINT * 3600000000)"},
        {"DATEMINUTE", "make_timestamp(?::BIGINT * 60000000)"},
        {"STRING", "nullif(?, '')"},
        {"SYMBOL", "nullif(?, '')"}};
    const auto found = kForms.find(type);
    std::string form = found == kForms.end() ? "?" : found->second;
    for (std::size_t at = 0; (at = form.find('?', at)) != std::string::npos; at += c.size())
      form.replace(at, 1, c);
    return form;
  }
  /// All rows of a stored table as one text each, sorted; and of its copy.
  Texts there(const DolphindbTable& table, const std::string& relation = {}) const {
    std::string items;
    for (const auto& each : table.columns)
      items += (items.empty() ? "" : ", ") + ("(" + landed(each.type, duck::quoted(each.name))) +
               ")::VARCHAR";
    return sorted(cluster->query("SELECT [" + items + "]::VARCHAR FROM " +
                                 (relation.empty() ? table.stored_name() : relation)));
  }
  Texts here(const DolphindbTable& table) const {
    std::string items;
    for (const auto& each : table.columns)
      items += (items.empty() ? "" : ", ") + duck::quoted(each.name) + "::VARCHAR";
    return sorted(copy.query("SELECT [" + items + "]::VARCHAR FROM " +
                             duck::quoted(*options.schema) + "." + duck::quoted(table.name)));
  }
  static Texts sorted(Texts texts) {
    std::ranges::sort(texts);
    return texts;
  }
  /// Every row of the source is in the copy, as often, and no other. `relation`: the rows that are
  /// wanted, where they are not all that are stored.
  void expect_equal(const DolphindbTable& table, const std::string& relation = {}) const {
    const Texts expected = there(table, relation), found = here(table);
    EXPECT_EQ(found.size(), expected.size());
    const auto [a, b] = std::ranges::mismatch(expected, found);
    EXPECT_TRUE(expected == found)
        << table.name << " differs, first in " << (a == expected.end() ? "no row" : *a) << " and "
        << (b == found.end() ? "no row" : *b);
  }
  static DolphindbTable ticks() {
    return {.database = "dfs://trades",
            .name = "trade",
            .columns = {{"symbol", "SYMBOL"},
                        {"timestamp", "NANOTIMESTAMP"},
                        {"price", "DOUBLE"},
                        {"volume", "LONG"}}};
  }
  void expect_equal_ticks() const { expect_equal(ticks()); }
  std::size_t asked(const std::string& text) const { return cluster->requests(text).size(); }

  std::unique_ptr<DolphindbDouble> cluster;
  Copy copy;
  SyncOptions options;
};

}  // namespace sluice
