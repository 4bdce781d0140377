// SPDX-License-Identifier: Apache-2.0
// How the tables of a SingleStore are read: result tables, changes, windows, loads that were cut
// off.
#include <algorithm>
#include <chrono>
#include <string>

#include "connectors/mysql/configuration.h"
#include "contract/singlestore_fixture.h"

namespace sluice {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

TEST_F(SingleStoreTest, AFirstLoadBringsEveryRowByTextAlone) {
  make_orders(5000);
  db->exec("UPDATE orders SET updated_at = NULL WHERE id % 7 = 0");
  begin();
  const Receipt receipt = good_sync("orders");
  EXPECT_EQ(receipt.strategy, "load");
  EXPECT_EQ(receipt.guarantee, "D");
  EXPECT_EQ(receipt.inserted, 5000U);
  expect_equal("orders", "id, note, coalesce(left(CAST(updated_at AS CHAR), 19), 'none')");
  EXPECT_EQ(server->prepared(), 0);
  EXPECT_EQ(asked("RESULT TABLE"), 0U) << "a small table needs none";
}

TEST_F(SingleStoreTest, WhatIsWrittenWhileATableIsReadComesWithTheNextRun) {
  make_orders(20000);
  begin();
  server->pretend_rows("orders", kBig);
  server->at_row("partition_id() = 1", 100, [&] {
    db->exec(
        "DELETE FROM orders WHERE id % 30 = 0; INSERT INTO orders VALUES (50000, 'new', "
        "utc_timestamp(6)); UPDATE orders SET note = 'later', updated_at = utc_timestamp(6) WHERE "
        "id % 100 = 1");
    return true;
  });
  good_sync("orders");
  EXPECT_EQ(good_sync("orders").strategy, "incremental");
  expect_equal_orders();
}

TEST_F(SingleStoreTest, ABigTableIsReadAsItWasWhenItsResultTableWasMade) {
  make_orders(20000);
  begin();
  server->pretend_rows("orders", kBig);
  const Texts before = there("orders", "id, note, left(CAST(updated_at AS CHAR), 19)");
  server->at_row("partition_id() = 1", 100, [&] {
    db->exec("DELETE FROM orders WHERE id % 3 = 0; UPDATE orders SET note = 'later'");
    return true;
  });
  EXPECT_EQ(good_sync("orders").guarantee, "D");
  EXPECT_TRUE(here("orders", "id, note, left(CAST(updated_at AS CHAR), 19)") == before);
  EXPECT_EQ(asked("CREATE MATERIALIZED RESULT TABLE"), 1U);
  for (const char* partition : {"= 0", "= 1", "= 2", "= 3"})
    EXPECT_EQ(asked(std::string("partition_id() ") + partition), 1U) << partition;
  EXPECT_EQ(asked("DROP RESULT TABLE"), 1U);
  EXPECT_EQ(server->result_tables(), 0U);
  EXPECT_EQ(server->prepared(), 0);
}

TEST_F(SingleStoreTest, WhereNoResultTableIsMadeOneStatementReadsEverything) {
  make_orders(3000);
  begin({.result_tables = false});
  server->pretend_rows("orders", kBig);
  EXPECT_EQ(good_sync("orders").inserted, 3000U);
  expect_equal_orders();
  EXPECT_EQ(asked("CREATE MATERIALIZED RESULT TABLE"), 1U);
}

TEST_F(SingleStoreTest, WhereTheServerDoesNotCountItsPartitionsOneStatementReadsEverything) {
  make_orders(3000);
  begin({.partitions = 0});
  server->pretend_rows("orders", kBig);
  EXPECT_EQ(good_sync("orders").inserted, 3000U);
  expect_equal_orders();
  EXPECT_EQ(asked("RESULT TABLE"), 0U);
}

TEST_F(SingleStoreTest, AReferenceTableIsReadOnceAndNotFromEveryNode) {
  make_orders(3000);
  begin();
  server->pretend_rows("orders", kBig);
  server->declare_reference("orders");
  EXPECT_EQ(good_sync("orders").inserted, 3000U);
  expect_equal_orders();
  EXPECT_EQ(asked("RESULT TABLE"), 0U);
}

TEST_F(SingleStoreTest, AResultTableThatIsNotThereYetIsAskedForAgain) {
  make_orders(3000);
  begin({.late = 3});
  server->pretend_rows("orders", kBig);
  EXPECT_EQ(good_sync("orders").inserted, 3000U);
  expect_equal_orders();
  EXPECT_EQ(asked("CREATE MATERIALIZED RESULT TABLE"), 1U);
  EXPECT_EQ(asked("partition_id()"), 7U);
}

/// The published connector's file is all that its user has.
TEST_F(SingleStoreTest, ItsFiveFieldConfigurationIsASource) {
  make_orders(10);
  db->exec("ALTER TABLE orders ADD KEY (updated_at)");
  begin();
  const wire::Configured made = mysql::singlestore_configuration(
      R"({"host": "127.0.0.1", "port": )" + std::to_string(server->port()) +
          R"(, "user": "root", "password": ")" + server->password() + R"(", "database": ")" +
          db->name() + "\"}",
      "configuration.json");
  options.defaults.window = made.defaults.window;
  const auto run = [&] { return copy.sync(made.url, options, made.password).receipts.at(0); };
  EXPECT_EQ(run().inserted, 10U);
  db->exec(
      "INSERT INTO orders SELECT seq, 'new', '2024-01-01' + INTERVAL (seq % 2) * 7 HOUR FROM "
      "seq_1000_to_20999");
  EXPECT_EQ(run().inserted, 20000U);
  EXPECT_EQ(asked("`updated_at` < '2024-01-01 07:00:00"), 1U) << "windows of six hours";
  expect_equal_orders();
}

/// Statements of one read see different moments: a row that moves on between them is read twice,
/// and the newer of the two is the row.
TEST_F(SingleStoreTest, ARowThatWandersFromWindowToWindowIsOneRow) {
  make_orders(10);
  db->exec("ALTER TABLE orders ADD KEY (updated_at)");
  begin();
  good_sync("orders");
  db->exec(
      "INSERT INTO orders SELECT seq, 'new', '2024-01-01' + INTERVAL seq % 3 DAY FROM "
      "seq_1000_to_20999");
  options.defaults.window = std::chrono::hours(6);
  options.defaults.deletes = Deletes::ignore;
  options.parallel = 1;
  server->at_row("< '2024-01-02", 0, [&] {
    db->exec("UPDATE orders SET note = 'moved', updated_at = '2024-01-03' WHERE id = 1002");
    return true;
  });
  EXPECT_EQ(good_sync("orders").inserted, 20000U);
  EXPECT_EQ(asked("`updated_at` >= '2024-01-0"), 6U) << "each day: what comes next, and its rows";
  expect_equal_orders();
}

TEST_F(SingleStoreTest, ALaterRunBringsWhatIsNewAndDropsWhatIsGone) {
  make_orders(3000);
  begin();
  good_sync("orders");
  db->exec(
      "UPDATE orders SET note = 'changed', updated_at = utc_timestamp(6) WHERE id % 100 = 0;"
      "INSERT INTO orders VALUES (5000, 'new', utc_timestamp(6)), (5001, 'undated', NULL);"
      "DELETE FROM orders WHERE id IN (7, 8, 9)");
  const Receipt receipt = good_sync("orders");
  EXPECT_EQ(receipt.strategy, "incremental");
  EXPECT_EQ(receipt.guarantee, "D");
  EXPECT_EQ(receipt.inserted, 2U);
  EXPECT_EQ(receipt.updated, 30U);
  EXPECT_EQ(receipt.deleted, 3U);
  expect_equal("orders", "id, note, coalesce(left(CAST(updated_at AS CHAR), 19), 'none')");
}

TEST_F(SingleStoreTest, RowsWithoutAKeyAreAMultiset) {
  db->exec(
      "CREATE TABLE events (what varchar(20), day datetime);"
      "INSERT INTO events VALUES ('a', '2024-01-01'), ('a', '2024-01-01'), ('b', NULL), (NULL, "
      "NULL), ('c', '2025-10-02')");
  begin();
  good_sync("events");
  const std::string columns = "coalesce(what, '-'), coalesce(left(CAST(day AS CHAR), 10), '-')";
  EXPECT_EQ(here("events", columns).size(), 5U);
  expect_equal("events", columns);
  db->exec("INSERT INTO events VALUES ('a', '2024-01-01')");
  const Receipt receipt = good_sync("events");
  EXPECT_EQ(receipt.inserted, 1U);
  EXPECT_EQ(receipt.deleted, 0U);
  EXPECT_EQ(here("events", columns).size(), 6U);
  expect_equal("events", columns);
}

TEST_F(SingleStoreTest, AUniqueKeyThatNobodyEnforcesIsNoKey) {
  db->exec(
      "CREATE TABLE codes (code int NOT NULL, what varchar(20));"
      "INSERT INTO codes VALUES (1, 'one'), (1, 'one again'), (2, 'two')");
  begin();
  server->declare_unenforced("codes", "code");
  duck::Database database;
  EXPECT_FALSE(make_source(database, server->url())->discover({}).tables.at(0).has_key());
  good_sync("codes");
  db->exec("UPDATE codes SET what = 'one more' WHERE what = 'one'");
  good_sync("codes");
  EXPECT_EQ(here("codes", "code, what"), Texts({"1|one again", "1|one more", "2|two"}));
}

TEST_F(SingleStoreTest, NamesThatAreWordsOfSqlAreNames) {
  db->exec(
      "CREATE TABLE `order` (`key` int PRIMARY KEY, `desc` text, `my col``s` int);"
      "INSERT INTO `order` VALUES (1, 'x', 2)");
  begin();
  server->pretend_rows("order", kBig);
  good_sync("order");
  EXPECT_EQ(copy.query(R"(SELECT concat_ws('|', key, "desc", "my col`s") FROM public."order")"),
            Texts({"1|x|2"}));
}

TEST_F(SingleStoreTest, ALostConnectionInTheMiddleOfARowStreamIsMadeAnew) {
  db->exec(
      "CREATE TABLE events (id int, what varchar(20));"
      "INSERT INTO events SELECT seq, 'x' FROM seq_1_to_5000");
  begin();
  int cuts = 0;
  server->at_row("FROM `" + db->name() + "`.`events`", 3000, [&] {
    ++cuts;
    return false;
  });
  EXPECT_EQ(good_sync("events").inserted, 5000U);
  EXPECT_EQ(cuts, 1);
  expect_equal("events", "id, what");
}

/// The first run commits some partitions and dies; the second has a result table of its own, made
/// after the source changed, in which rows may be in other partitions; or none.
enum class Then { alike, dealt_anew, refused };
class SingleStoreResume : public SingleStoreTest, public ::testing::WithParamInterface<Then> {};

TEST_P(SingleStoreResume, ALoadThatWasCutOffGoesOnAndEqualsTheSource) {
  make_orders(4000);
  begin();
  server->pretend_rows("orders", kBig);
  options.unit_rows = 1;
  options.parallel = 1;
  options.retries = 0;
  server->at_row("partition_id() = 2", 500, [] { return false; });
  EXPECT_NE(sync("orders").error, "");
  EXPECT_EQ(asked("partition_id() = 1"), 1U);
  if (GetParam() == Then::dealt_anew) server->deal_anew();
  if (GetParam() == Then::refused) server->refuse_result_tables();
  db->exec(
      "UPDATE orders SET note = 'changed', updated_at = utc_timestamp(6) WHERE id % 50 = 0;"
      "DELETE FROM orders WHERE id % 97 = 0;"
      "INSERT INTO orders VALUES (9000, 'new', utc_timestamp(6))");
  const Receipt receipt = good_sync("orders");
  EXPECT_EQ(receipt.strategy, "resume");
  EXPECT_EQ(receipt.guarantee, "D");
  expect_equal_orders();
  EXPECT_EQ(server->result_tables(), 0U) << "none outlives its session";
  if (GetParam() != Then::alike) return;
  EXPECT_THAT(receipt.notes, ::testing::Not(Contains(HasSubstr("starts over"))));
  const Texts read = server->statements("partition_id() = 1");
  EXPECT_EQ(
      std::ranges::count_if(read, [](const auto& each) { return each.find("c2") < each.size(); }),
      1)
      << "of what was committed the keys are read, not the rows";
}
std::string name_of(const ::testing::TestParamInfo<Then>& each) {
  return each.param == Then::alike     ? "Alike"
         : each.param == Then::refused ? "Refused"
                                       : "DealtAnew";
}
INSTANTIATE_TEST_SUITE_P(Then, SingleStoreResume,
                         ::testing::Values(Then::alike, Then::dealt_anew, Then::refused), name_of);

TEST_F(SingleStoreTest, ALoadWithoutAKeyThatWasCutOffStartsOver) {
  db->exec(
      "CREATE TABLE events (id int, what varchar(20));"
      "INSERT INTO events SELECT seq, 'x' FROM seq_1_to_4000");
  begin();
  server->pretend_rows("events", kBig);
  options.unit_rows = 1;
  options.parallel = 1;
  options.retries = 0;
  server->at_row("partition_id() = 2", 500, [] { return false; });
  EXPECT_NE(sync("events").error, "");
  db->exec("DELETE FROM events WHERE id % 5 = 0; UPDATE events SET what = 'y' WHERE id % 2 = 0");
  EXPECT_EQ(good_sync("events").strategy, "load");
  expect_equal("events", "id, what");
}

TEST_F(SingleStoreTest, WhereTheResultTableIsLostTheTableIsReadAgain) {
  make_orders(4000);
  begin();
  server->pretend_rows("orders", kBig);
  options.parallel = 1;
  server->at_row("partition_id() = 1", 10, [&] {
    server->lose_result_tables();
    return true;
  });
  good_sync("orders");
  expect_equal_orders();
  EXPECT_EQ(asked("CREATE MATERIALIZED RESULT TABLE"), 2U);
}

TEST_F(SingleStoreTest, ChunksOfAnotherNumberOfPartitionsAreNoneOfThisTable) {
  make_orders(10);
  duck::Database database;
  const auto incarnation = [&](std::size_t partitions) {
    begin({.partitions = partitions});
    const auto source = make_source(database, server->url());
    const std::string text = source->discover({}).tables.at(0).incarnation;
    server.reset();
    return text;
  };
  EXPECT_EQ(incarnation(4), incarnation(4));
  EXPECT_NE(incarnation(4), incarnation(8));
}

}  // namespace
}  // namespace sluice
