// SPDX-License-Identifier: Apache-2.0
// The instant that a receipt names, and whether a table has one.
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <string>
#include <thread>

#include "support/postgres_copy_test.h"

namespace sluice {
namespace {

using testing::Copy;
using testing::PostgresServer;
using testing::PostgresSession;
using testing::Texts;

class PostgresInstant : public testing::PostgresCopyTest {
 protected:
  /// A wrapper without a handler: its tables can be found, and not be read.
  void make_foreign_server() const {
    db->exec("CREATE FOREIGN DATA WRAPPER far; CREATE SERVER far FOREIGN DATA WRAPPER far");
  }
  /// Of the tables of the schema `public` with these names, those that have an instant.
  Texts consistent(const std::vector<TableName>& named) const {
    duck::Database database;
    const auto source = make_source(database, db->socket_url());
    const Catalog catalog = source->discover(named);
    const auto snapshot = source->snapshot(catalog.tables);
    Texts names;
    for (const auto& each : snapshot->tables()) {
      if (const auto* error = std::get_if<Error>(&each)) throw *error;
      const auto& table = std::get<Table>(each);
      if (snapshot->consistent(table)) names.push_back(table.name.name);
    }
    return names;
  }
};

/// The clock is read before the locks are waited for, and again when the snapshot is taken.
TEST_F(PostgresInstant, AVersionBeginsAfterWhatTheLocksWaitedFor) {
  db->exec(
      "CREATE TABLE t (id int PRIMARY KEY, updated_at timestamptz); INSERT INTO t VALUES (1, "
      "now())");
  options.defaults.mode = Mode::history;
  ASSERT_EQ(copy.sync(db->socket_url(), options).exit_code(), 0);
  PostgresSession writer = db->session();
  writer.exec("BEGIN; LOCK TABLE t");
  auto run = std::async(std::launch::async, [&] { return copy.sync(db->socket_url(), options); });
  while (db->value("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = "
                   "'t'::regclass") == "0")
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  writer.exec("UPDATE t SET updated_at = clock_timestamp(); COMMIT");
  const RunResult result = run.get();
  ASSERT_EQ(result.exit_code(), 0);
  EXPECT_EQ(copy.query("SELECT count(*) || ' ' || count(*) FILTER (_sluice_valid_from >= "
                       "updated_at) FROM public.t"),
            Texts{"2 2"});
  const std::string& instant = result.receipts.at(0).instant;
  EXPECT_EQ(db->value("SELECT updated_at <= '" + instant.substr(0, instant.find(',')) +
                      "'::timestamptz FROM t"),
            "t")
      << instant;
  // A mark is what the clock said before: rows of the time in between are read again.
  EXPECT_EQ(db->value("SELECT '" + result.receipts.at(0).until.value_or("infinity") +
                      "'::timestamptz < updated_at FROM t"),
            "t");
}

TEST_F(PostgresInstant, WhatForeignTablesHoldHasNone) {
  if (PostgresServer::instance().version() < 11)
    GTEST_SKIP() << "before 11 a wrapper without a handler lets no statement be planned";
  make_foreign_server();
  db->exec(
      "CREATE TABLE near (id int); CREATE FOREIGN TABLE away (id int) SERVER far; CREATE TABLE "
      "parent (id int); CREATE FOREIGN TABLE child () INHERITS (parent) SERVER far; CREATE VIEW "
      "over_near AS SELECT * FROM near; CREATE VIEW over_away AS SELECT n.id FROM near n WHERE "
      "EXISTS (SELECT FROM away a WHERE a.id = n.id); CREATE VIEW twice AS SELECT * FROM "
      "over_away; CREATE VIEW over_parent AS SELECT * FROM parent; CREATE MATERIALIZED VIEW kept "
      "AS SELECT * FROM away WITH NO DATA; CREATE VIEW over_kept AS SELECT * FROM kept");
  EXPECT_EQ(consistent({{"public", "over_near"},
                        {"public", "over_away"},
                        {"public", "twice"},
                        {"public", "over_parent"},
                        {"public", "over_kept"}}),
            (Texts{"near", "over_kept", "over_near"}));
}

TEST_F(PostgresInstant, ReceiptsOfForeignTablesSaySo) {
  if (PostgresServer::instance().version() < 11)
    GTEST_SKIP() << "the server of 10 that tests fetch cannot list its extensions";
  if (db->value("SELECT count(*) FROM pg_available_extensions WHERE name = 'postgres_fdw'") == "0")
    GTEST_SKIP() << "this server has no postgres_fdw";
  db->exec(
      "CREATE EXTENSION postgres_fdw; CREATE SERVER self FOREIGN DATA WRAPPER postgres_fdw "
      "OPTIONS (host '" +
      PostgresServer::instance().folder().string() + "', port '" +
      std::to_string(PostgresServer::instance().port()) + "', dbname '" + db->name() +
      "'); CREATE USER MAPPING FOR postgres SERVER self OPTIONS (user 'postgres'); CREATE "
      "TABLE t (id int); INSERT INTO t VALUES (1), (2); CREATE FOREIGN TABLE f (id int) "
      "SERVER self OPTIONS (table_name 't')");
  options.tables = {"public.t", "public.f"};
  const RunResult result = copy.sync(db->socket_url(), options);
  ASSERT_EQ(result.exit_code(), 0) << result.receipts.at(0).error;
  EXPECT_EQ(result.receipts.at(0).guarantee, "D");
  EXPECT_EQ(result.receipts.at(1).guarantee, "A");
  EXPECT_EQ(copy.query("SELECT sum(id) FROM public.f"), Texts{"3"});
  Copy other;
  options.publish = Publish::together;
  EXPECT_THROW(other.sync(db->socket_url(), options), Error);
}

}  // namespace
}  // namespace sluice
