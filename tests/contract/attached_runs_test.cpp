// SPDX-License-Identifier: Apache-2.0
// Whole runs from one attached database into another, of each kind. The oracle is content.
#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "contract/attached_kinds.h"
#include "engine/state.h"
#include "sluice/sync.h"

namespace sluice {
namespace {

using test::has;
using test::Kind;
using test::thrown;

class AttachedRuns : public test::AttachedKinds {
 protected:
  AttachedRuns() { options_.retries = 0; }

  RunResult sync() {
    const auto source = open_source("shop.duckdb");
    const auto destination = open_destination("copy.duckdb");
    Observer observer;
    return Sync(database_, *source, *destination, options_, observer).run();
  }
  /// The receipts by table, of a run in which all went well.
  std::map<std::string, Receipt> synced() {
    const RunResult result = sync();
    EXPECT_EQ(result.exit_code(), 0);
    std::map<std::string, Receipt> receipts;
    for (const Receipt& each : result.receipts) {
      EXPECT_EQ(each.error, "") << each.table.text();
      receipts[each.table.text()] = each;
    }
    return receipts;
  }
  Rows content(const std::string& file_name, const std::string& from) {
    const auto looked = file() ? duckdb_file::look(database_, {path(file_name)})
                               : motherduck::look(database_, options(file_name));
    duck::Connection connection = database_.connect();
    connection.query("SET TimeZone = 'UTC'; USE " + duck::quoted(looked->catalog()));
    const duck::Result result =
        connection.query("SELECT whole_row::VARCHAR FROM (" + from + ") whole_row");
    Rows all;
    for (std::size_t i = 0; i < result.rows(); ++i) all.insert(result.text(i, 0));
    connection.query("USE memory");
    return all;
  }
  void expect_equal(const std::string& table) {
    const Rows theirs = content("shop.duckdb", "FROM " + table);
    EXPECT_EQ(theirs, content("copy.duckdb", "FROM " + table)) << table;
    EXPECT_FALSE(theirs.empty()) << table;
  }
  std::set<std::string> tables_of_copy() {
    std::set<std::string> names;
    for (const std::string& each :
         content("copy.duckdb",
                 "SELECT schema_name || '.' || table_name AS t FROM duckdb_tables() WHERE "
                 "database_name = current_database() AND schema_name <> '_sluice'"))
      names.insert(each.substr(6, each.size() - 7));  // {'t': ..}
    return names;
  }

  SyncOptions options_;
};

INSTANTIATE_TEST_SUITE_P(Kinds, AttachedRuns, test::all_kinds(), test::kind_name);

TEST_P(AttachedRuns, FollowChangesByKeyAndMarkByContentAndAsMultisets) {
  make("shop.duckdb",
       {"CREATE TABLE marked (id BIGINT PRIMARY KEY, v VARCHAR, amount DECIMAL(18,4), born "
        "TIMESTAMP, "
        "list INTEGER[], updated_at TIMESTAMPTZ)",
        "INSERT INTO marked SELECT i, 'v' || i, i / 7, '2026-01-01 00:00:00.000001'::TIMESTAMP + "
        "to_days(i::INTEGER % 300), [i, NULL], now() - INTERVAL 3 DAY FROM range(5000) r(i)",
        "CREATE TABLE keyed AS SELECT i AS id, i::VARCHAR AS v FROM range(3000) r(i)",
        "ALTER TABLE keyed ADD PRIMARY KEY (id)",
        "CREATE TABLE keyless AS SELECT i % 10 AS v, now() AS updated_at FROM range(500) r(i)"});
  const std::string first = file() ? "A" : "D";
  for (const auto& [name, receipt] : synced()) EXPECT_EQ(receipt.guarantee, first) << name;
  const auto all_equal = [&] {
    for (const char* table : {"marked", "keyed", "keyless"}) expect_equal(table);
  };
  all_equal();

  make("shop.duckdb",
       {"UPDATE marked SET v = NULL, updated_at = now() WHERE id IN (1, 2, 4999)",
        "DELETE FROM marked WHERE id IN (3, 4)", "INSERT INTO marked (id, v) VALUES (9000, '')",
        "UPDATE keyed SET v = 'changed' WHERE id = 7", "DELETE FROM keyed WHERE id = 8",
        "DELETE FROM keyless WHERE v = 3", "INSERT INTO keyless VALUES (1, NULL), (1, NULL)"});
  auto second = synced();
  all_equal();
  EXPECT_EQ(second["main.marked"].updated, 3U);
  EXPECT_EQ(second["main.marked"].deleted, 2U);
  EXPECT_EQ(second["main.marked"].inserted, 1U);
  EXPECT_EQ(second["main.keyed"].updated, 1U);
  EXPECT_EQ(second["main.keyed"].deleted, 1U);
  EXPECT_EQ(second["main.keyless"].deleted, 50U);
  EXPECT_EQ(second["main.keyless"].inserted, 2U);

  for (const auto& [name, receipt] : synced())
    EXPECT_EQ(receipt.inserted + receipt.updated + receipt.deleted, 0U) << name;
  all_equal();
}

TEST_P(AttachedRuns, LoadBehindTheCopyAndKeepHistory) {
  make("shop.duckdb", {"CREATE TABLE t (id BIGINT PRIMARY KEY, v VARCHAR)",
                       "INSERT INTO t SELECT i, 'a' FROM range(60000) r(i)",
                       "CREATE TABLE h (id BIGINT PRIMARY KEY, v VARCHAR)",
                       "INSERT INTO h VALUES (1, 'a'), (2, 'b')"});
  options_.unit_rows = 20'000;
  options_.table_options.emplace_back("main.h", [](TableOptions& o) { o.mode = Mode::history; });
  synced();
  make("shop.duckdb",
       {"UPDATE t SET v = 'b'", "UPDATE h SET v = 'c' WHERE id = 1", "DELETE FROM h WHERE id = 2"});
  synced();
  expect_equal("t");
  EXPECT_EQ(
      content("copy.duckdb", "SELECT id, v, COLUMNS('_current$') AS current FROM h ORDER BY ALL")
          .size(),
      3U);
  EXPECT_EQ(content("copy.duckdb", "SELECT v FROM h WHERE COLUMNS('_current$')"),
            (Rows{"{'v': c}"}));
}

TEST_P(AttachedRuns, TakeAllSchemasOrOne) {
  make("shop.duckdb",
       {"CREATE SCHEMA sales", "CREATE TABLE orders AS SELECT 1 AS id",
        "CREATE TABLE sales.orders AS SELECT 2 AS id, 'x' AS note",
        "CREATE TABLE sales.items AS SELECT 3 AS id", "CREATE VIEW sales.v AS FROM sales.orders"});
  options_.tables = {"sales.*"};
  synced();
  EXPECT_EQ(tables_of_copy(), (std::set<std::string>{"sales.items", "sales.orders"}));
  options_.tables.clear();
  synced();
  EXPECT_EQ(tables_of_copy(),
            (std::set<std::string>{"main.orders", "sales.items", "sales.orders"}));
  expect_equal("main.orders");
  expect_equal("sales.orders");
}

/// What the published connector did: columns of tables of one name, of all databases, were mixed.
TEST_P(AttachedRuns, TablesOfOneNameInOtherDatabasesDoNotMix) {
  make("shop.duckdb", {"CREATE TABLE orders (id INTEGER PRIMARY KEY, note VARCHAR)",
                       "INSERT INTO orders VALUES (1, 'shop')"});
  make("other.duckdb", {"CREATE TABLE orders (other INTEGER PRIMARY KEY, id VARCHAR, more DATE)",
                        "INSERT INTO orders VALUES (2, 'other', NULL)",
                        "CREATE TABLE lonely AS SELECT 1 AS i", "CREATE VIEW v AS FROM lonely"});
  const auto other = open_source("other.duckdb");
  const auto source = open_source("shop.duckdb");
  database_.connect().query("CREATE TABLE orders (fleeting BOOLEAN)");
  const Catalog found = source->discover(std::vector<TableName>{{"main", "v"}});
  ASSERT_EQ(found.tables.size(), 1U);
  ASSERT_EQ(found.tables[0].columns.size(), 2U);
  EXPECT_EQ(found.tables[0].columns[1].name, "note");
  EXPECT_EQ(found.tables[0].primary_key, (std::vector<std::string>{"id"}));
  EXPECT_EQ(rows(plan_of(*source, found.tables[0]).relation), (Rows{"1|shop"}));
  EXPECT_EQ(rows(plan_of(*other, table_of(*other, {"main", "orders"})).relation),
            (Rows{"2|other|NULL"}));
  EXPECT_NE(source->identity(), other->identity());
}

TEST_P(AttachedRuns, FivetranNamesBeginWithTheDatabaseOfMotherDuck) {
  make("shop.duckdb", {"CREATE SCHEMA \"Analytics\"", "CREATE TABLE orders AS SELECT 1 AS id",
                       "CREATE TABLE \"Analytics\".\"CustomerList\" AS SELECT 2 AS id"});
  options_.naming = Naming::fivetran;
  options_.schema = "raw";
  synced();
  const std::string before = file() ? "raw." : "raw." + name_of("shop.duckdb") + "_";
  const std::string main = file() ? "" : "main_", analytics = file() ? "" : "analytics_";
  EXPECT_EQ(tables_of_copy(), (std::set<std::string>{before + analytics + "customer_list",
                                                     before + main + "orders"}));
  make("shop.duckdb", {"INSERT INTO orders VALUES (5)"});
  synced();
  EXPECT_EQ(content("copy.duckdb", "FROM " + before + main + "orders").size(), 2U);
}

TEST_P(AttachedRuns, TablesThatFivetranWouldNameAlikeAreRefused) {
  make("shop.duckdb",
       {"CREATE SCHEMA a_b", "CREATE SCHEMA a", "CREATE TABLE a_b.c AS SELECT 1 AS i",
        "CREATE TABLE a.b_c AS SELECT 2 AS i", "CREATE TABLE t AS SELECT 3 AS i"});
  options_.naming = Naming::fivetran;
  options_.schema = "raw";
  const RunResult result = sync();
  EXPECT_EQ(result.exit_code(), file() ? 0 : 3);
  for (const Receipt& each : result.receipts) {
    const bool alike = !file() && each.table.schema != "main";
    EXPECT_EQ(has(each.error, "would both be raw.shop_a_b_c") ||
                  has(each.error, "would both be raw.sluice_test_shop_a_b_c"),
              alike)
        << each.table.text() << " " << each.error;
  }
}

TEST_P(AttachedRuns, ATableThatCannotBeCopiedDoesNotStopTheOthers) {
  make("shop.duckdb", {"CREATE TABLE bad AS SELECT 'no number' AS v",
                       "CREATE TABLE good AS SELECT 1 AS id", "CREATE VIEW v AS FROM good"});
  options_.table_options.emplace_back("main.bad", [](TableOptions& o) {
    o.types["v"] = "INTEGER";
    o.misfit = Misfit::fail;
  });
  const RunResult result = sync();
  EXPECT_EQ(result.exit_code(), 3);
  ASSERT_EQ(result.receipts.size(), 2U);
  EXPECT_EQ(result.receipts[0].fault, Fault::misfit) << result.receipts[0].error;
  expect_equal("good");
  EXPECT_EQ(tables_of_copy().count("main.bad"), 0U);
}

TEST_P(AttachedRuns, TheTokenIsNotInWhatADestinationRemembers) {
  make("shop.duckdb", {"CREATE TABLE t AS SELECT 1 AS id", "CREATE TABLE bad AS SELECT 'x' AS v"});
  options_.table_options.emplace_back("main.bad",
                                      [](TableOptions& o) { o.types["v"] = "INTEGER"; });
  sync();
  for (const char* table : {"meta", "state", "runs", "run_tables"}) {
    const Rows all = content("copy.duckdb", "FROM _sluice." + std::string(table));
    EXPECT_FALSE(all.empty()) << table;
    for (const std::string& row : all) EXPECT_FALSE(has(row, "MARKED")) << row;
  }
}

/// Nor does it end a run of the right one that is under way: the claim of that stays.
TEST_P(AttachedRuns, AnotherDatabaseUnderTheConnectionIsRefused) {
  make("shop.duckdb", {"CREATE TABLE t AS SELECT 1 AS id"});
  make("other.duckdb", {"CREATE TABLE t AS SELECT 1 AS id"});
  synced();
  const Rows before = content("copy.duckdb", "FROM _sluice.meta ORDER BY key");
  EXPECT_EQ(std::ranges::any_of(before, [](const std::string& row) { return has(row, "run of"); }),
            !file());
  {
    const auto source = open_source("other.duckdb");
    const auto destination = open_destination("copy.duckdb");
    Observer observer;
    Sync sync(database_, *source, *destination, options_, observer);
    const Error error = thrown([&] { sync.run(); });
    EXPECT_EQ(error.fault(), Fault::config);
    EXPECT_TRUE(has(error.hint(), "--accept-source")) << error.hint();
  }
  EXPECT_EQ(content("copy.duckdb", "FROM _sluice.meta ORDER BY key"), before);
}

TEST_P(AttachedRuns, DestroyedInATransactionADestinationKeepsNothing) {
  {
    const auto destination = open_destination("copy.duckdb");
    const std::string table = duck::quoted(destination->catalog()) + ".main.t";
    database_.connect().query("CREATE TABLE " + table + " AS SELECT range AS i FROM range(5)");
    duck::Connection connection = database_.connect();
    duck::Transaction transaction(connection);
    connection.query("INSERT INTO " + table + " VALUES (99)");
  }
  EXPECT_EQ(content("copy.duckdb", "FROM t").size(), 5U);
}

/// No lock keeps a second run out of a database that many can write to.
TEST_P(AttachedRuns, OfTwoRunsIntoASharedDestinationTheLaterGoesOn) {
  make("shop.duckdb", {"CREATE TABLE t AS SELECT 1 AS id"});
  synced();
  const auto destination = open_destination("copy.duckdb");
  EXPECT_EQ(destination->shared(), !file());
  duck::Connection connection = database_.connect();
  StateStore states(destination->catalog(), "default");
  states.open(connection, StateStore::Create::no);
  const auto claims = [&] {
    return connection.query("SELECT value FROM " + states.sql_name("meta") +
                            " WHERE key = 'run of default'");
  };
  EXPECT_EQ(claims().rows(), file() ? 0U : 1U);
}

}  // namespace
}  // namespace sluice
