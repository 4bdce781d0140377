// SPDX-License-Identifier: Apache-2.0
// publish: together. A second connection of the process looks all the time: it sees the copies of
// one run or those of another, never some of each.
#pragma once

#include <chrono>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>

#include "support/engine_fixture.h"

namespace sluice::test {

class EngineTogether : public EngineSync {
 protected:
  EngineTogether() {
    options.publish = Publish::together;
    source->chunk_rows = 50'000;
    options.unit_rows = 60'000;
  }

  /// Customers, and three orders of each. `v` says which run a row is of.
  void make_shop(int customers = 500) {
    for (const char* name : {"customers", "orders"}) {
      source->sql("CREATE TABLE fake.main." + std::string(name) +
                  " (id BIGINT, customer BIGINT, v VARCHAR, updated_at BIGINT)");
      source->keys[name] = {"id"};
      source->replication_keys[name] = "updated_at";
    }
    const std::string rows = std::to_string(customers);
    source->sql("INSERT INTO fake.main.customers SELECT i, NULL, 'old', 1 FROM range(" + rows +
                ") r(i)");
    source->sql("INSERT INTO fake.main.orders SELECT i, i % " + rows +
                ", 'old', 1 FROM range(3 * " + rows + ") r(i)");
  }
  /// What readers see of a table: its values with how often each is there; "-" where it is not.
  static std::string sight(duck::Connection& reader, const std::string& table) {
    try {
      return reader
          .query(
              "SELECT coalesce(string_agg(v || ' ' || n, ' ' ORDER BY v), 'empty') FROM (SELECT v, "
              "count(*) AS n FROM dst.main." +
              table + " GROUP BY v)")
          .text(0, 0);
    } catch (const Error&) {
      return "-";
    }
  }
  /// All of them, in one transaction.
  std::string look() {
    duck::Connection reader = database.connect();
    std::string tables;
    duck::Transaction one(reader);
    const auto names = reader.query(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = 'dst' AND schema_name = "
        "'main' AND table_name NOT LIKE '\\_sluice%' ESCAPE '\\' ORDER BY ALL");
    for (std::size_t i = 0; i < names.rows(); ++i)
      tables += names.text(i, 0) + ": " + sight(reader, names.text(i, 0)) + "; ";
    return tables;
  }
  /// A run, and all that was to be seen while it went on.
  RunResult watched() {
    seen.clear();
    std::mutex mutex;
    const auto add = [&] {
      const std::string now = look();
      const std::scoped_lock lock(mutex);
      seen.insert(now);
    };
    const auto before = source->before_chunk;
    source->before_chunk = [&](const std::string& table) {
      add();
      if (before) before(table);
    };
    RunResult result;
    {
      std::jthread eye([&](const std::stop_token& done) {
        while (!done.stop_requested()) {
          add();
          std::this_thread::sleep_for(std::chrono::milliseconds(2));
        }
      });
      result = run();
    }
    add();
    source->before_chunk = before;
    return result;
  }
  std::string hidden() {
    return database.connect()
        .query(
            "SELECT coalesce(string_agg(table_name, ' '), '') FROM duckdb_tables() WHERE "
            "database_name = 'dst' AND table_name LIKE '\\_sluice%' ESCAPE '\\'")
        .text(0, 0);
  }
  static const Receipt& of(const RunResult& result, const std::string& table) {
    for (const Receipt& each : result.receipts)
      if (each.table.name == table) return each;
    throw std::runtime_error("no receipt of " + table);
  }
  static void expect_done(const RunResult& result) {
    for (const Receipt& each : result.receipts) EXPECT_EQ(each.error, "");
    EXPECT_EQ(result.exit_code(), 0);
  }
  void expect_copied(const std::set<std::string>& tables = {"customers", "orders"}) {
    for (const std::string& table : tables) EXPECT_EQ(differences(table), "") << table;
    EXPECT_EQ(hidden(), "");
  }
  /// Copied twice: the next run is incremental.
  void settle() {
    expect_done(run());
    expect_done(run());
    expect_copied();
  }
  void change_all() {
    for (const char* name : {"customers", "orders"})
      source->sql("UPDATE fake.main." + std::string(name) +
                  " SET v = 'new', updated_at = 2 WHERE id % 100 = 7");
  }

  std::set<std::string> seen;
};

}  // namespace sluice::test
