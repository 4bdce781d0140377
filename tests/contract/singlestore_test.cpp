// SPDX-License-Identifier: Apache-2.0
// Whole runs from what stands in for a SingleStore (support/singlestore_double.h).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "connectors/mysql/configuration.h"
#include "support/copy.h"
#include "support/singlestore_double.h"

namespace sluice {
namespace {

using ::testing::Contains;
using testing::Copy;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::MysqlDatabase;
using testing::MysqlServer;
using testing::SingleStoreDouble;
using testing::Texts;

constexpr std::uint64_t kBig = 2'000'000;

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
  const mysql::Configured made = mysql::singlestore_configuration(
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

TEST_F(SingleStoreTest, EveryTypeLandsAsItIs) {
  db->exec(
      "CREATE TABLE types (id int PRIMARY KEY, flag tinyint(1), big bigint unsigned, f float, d "
      "double, amount decimal(30,6), wide decimal(65,30), moment datetime(6), stamp timestamp(6) "
      "NULL, span time, day date, y year, bits bit(64), j longtext, blobs blob, kind "
      "enum('a','b'), "
      "v longtext, bs longblob, geo longtext, point longtext);"
      "SET time_zone = '+00:00';"
      "INSERT INTO types VALUES (1, 1, 18446744073709551615, 16777217, 0.1, "
      "123456789012345678901234.567891, "
      "12345678901234567890123456789012345.012345678901234567890123456789, "
      "'2026-03-29 02:30:00.000001', '2026-03-29 02:30:00.000001', '-838:59:59', '0001-01-01', "
      "1901, "
      "b'1000000000000000000000000000000000000000000000000000000000000101', '{\"a\": [1, null]}', "
      "x'00ff', 'b', '[1.5,-2.25,0.1]', x'0500000000', 'POLYGON((0 0, 0 1, 1 1, 0 0))', 'POINT(1 "
      "2)');"
      "INSERT INTO types (id, f, span) VALUES (2, 0.123456791, '838:59:59')");
  begin({.vectors_as_json = false});
  server->declare("types", "j", "JSON");
  server->declare("types", "v", "vector(3, F32)");
  server->declare("types", "bs", "bson");
  server->declare("types", "geo", "geography");
  server->declare("types", "point", "geographypoint");
  const Texts columns{"id INTEGER",    "flag TINYINT",     "big UBIGINT",
                      "f FLOAT",       "d DOUBLE",         "amount DECIMAL(30,6)",
                      "wide VARCHAR",  "moment TIMESTAMP", "stamp TIMESTAMP WITH TIME ZONE",
                      "span INTERVAL", "day DATE",         "y SMALLINT",
                      "bits BIT",      "j JSON",           "blobs BLOB",
                      "kind VARCHAR",  "v JSON",           "bs BLOB",
                      "geo VARCHAR",   "point VARCHAR"};
  for (const bool big : {false, true}) {
    SCOPED_TRACE(big ? "by a result table" : "by one statement");
    if (big) {
      server->pretend_rows("types", kBig);
      options.full = true;
      copy.damage("DELETE FROM types");
      options.allow_deletes = {"*"};
    }
    good_sync("types");
    EXPECT_EQ(asked("RESULT TABLE") > 0, big);
    EXPECT_EQ(copy.columns("types"), columns);
    const auto value = [&](const std::string& column) { return copy.values("types", column); };
    EXPECT_EQ(value("flag"), Texts({"1", "NULL"}));
    EXPECT_EQ(value("big"), Texts({"18446744073709551615", "NULL"}));
    EXPECT_EQ(copy.query("SELECT (f = 16777217::FLOAT)::INT FROM public.types WHERE id = 1"),
              Texts({"1"}));
    EXPECT_EQ(copy.query("SELECT (f = 0.123456791::FLOAT)::INT FROM public.types WHERE id = 2"),
              Texts({"1"}));
    EXPECT_EQ(value("d"), Texts({"0.1", "NULL"}));
    EXPECT_EQ(value("amount"), Texts({"123456789012345678901234.567891", "NULL"}));
    EXPECT_EQ(
        value("wide"),
        Texts({"12345678901234567890123456789012345.012345678901234567890123456789", "NULL"}));
    EXPECT_EQ(value("moment"), Texts({"2026-03-29 02:30:00.000001", "NULL"}));
    EXPECT_EQ(value("stamp"), Texts({"2026-03-29 02:30:00.000001+00", "NULL"}));
    EXPECT_EQ(value("span"), Texts({"-838:59:59", "838:59:59"}));
    EXPECT_EQ(value("day"), Texts({"0001-01-01", "NULL"}));
    EXPECT_EQ(value("y"), Texts({"1901", "NULL"}));
    EXPECT_EQ(value("bits"), Texts({"1" + std::string(60, '0') + "101", "NULL"}));
    EXPECT_EQ(value("j"), Texts({"{\"a\": [1, null]}", "NULL"}));
    EXPECT_EQ(value("blobs"), Texts({"\\x00\\xFF", "NULL"}));
    EXPECT_EQ(value("kind"), Texts({"b", "NULL"}));
    EXPECT_EQ(value("v"), Texts({"[1.5,-2.25,0.1]", "NULL"}));
    EXPECT_EQ(value("bs"), Texts({"\\x05\\x00\\x00\\x00\\x00", "NULL"}));
    EXPECT_EQ(value("geo"), Texts({"POLYGON((0 0, 0 1, 1 1, 0 0))", "NULL"}));
    EXPECT_EQ(value("point"), Texts({"POINT(1 2)", "NULL"}));
  }
}

TEST_F(SingleStoreTest, FewBitsAreFewThoughEightBytesTravel) {
  db->exec(
      "CREATE TABLE t (id int PRIMARY KEY, b bit(3), c bit(9));"
      "INSERT INTO t VALUES (1, b'101', b'100000001'), (2, 0, NULL)");
  begin();
  good_sync("t");
  EXPECT_EQ(copy.values("t", "b"), Texts({"101", "000"}));
  EXPECT_EQ(copy.values("t", "c"), Texts({"100000001", "NULL"}));
}

TEST_F(SingleStoreTest, AStreamThatStandsStillIsEndedAndReadAgain) {
  make_orders(3000);
  begin();
  options.idle_timeout = std::chrono::seconds(1);
  server->at_row("SELECT `id`, `note`", 1000, [&] {
    while (asked("KILL QUERY") == 0) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return true;
  });
  good_sync("orders");
  expect_equal_orders();
  EXPECT_EQ(asked("SELECT `id`, `note`"), 2U);
}

TEST_F(SingleStoreTest, SettingsThatAVersionDoesNotHaveAreDoneWithout) {
  make_orders(100);
  begin({.unknown = "timeout|sql_mode|sql_select_limit|vector"});
  EXPECT_EQ(good_sync("orders").inserted, 100U);
  expect_equal_orders();
}

TEST_F(SingleStoreTest, AServerThatKeepsItsOwnTimeZoneIsRefused) {
  make_orders(100);
  begin({.unknown = "time_zone"});
  db->exec("SET GLOBAL time_zone = '+05:30'");
  try {
    copy.sync(server->url(), options);
    ADD_FAILURE() << "timestamps are off by half a day";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("does not let a session have UTC"));
  }
  db->exec("SET GLOBAL time_zone = '+00:00'");
  EXPECT_EQ(good_sync("orders").inserted, 100U);
  db->exec("SET GLOBAL time_zone = 'SYSTEM'");
}

TEST_F(SingleStoreTest, TheCheckSaysThatThereIsNoSnapshot) {
  begin();
  duck::Database database;
  Texts bad;
  for (const Finding& each : make_source(database, server->url())->findings()) {
    if (!each.good) bad.push_back(each.what);
  }
  EXPECT_THAT(bad,
              ElementsAre("TLS is off",
                          "rows that commit late may be missed: SingleStore does not tell which "
                          "transactions are open",
                          "SingleStore has no snapshot for more than one statement"));
}

TEST_F(SingleStoreTest, TheWrongSchemeIsToldBothWays) {
  make_orders(5);
  begin();
  const auto why = [&](const std::string& url) -> std::string {
    try {
      copy.sync(url, options);
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::config);
      return error.what() + std::string("; ") + error.hint();
    }
    return "none";
  };
  EXPECT_THAT(why(server->url("mysql")), HasSubstr("write singlestore://"));
  std::string mariadb = db->url();
  mariadb.replace(0, mariadb.find(':'), "singlestore");
  EXPECT_THAT(why(mariadb), HasSubstr("is no SingleStore"));
  EXPECT_EQ(why(db->url()), "none");
}

/// It has no TLS; whoever stands between a client and a server can pretend that.
TEST_F(SingleStoreTest, NoTlsIsRefusedWhereTlsIsAskedFor) {
  make_orders(3);
  begin();
  EXPECT_EQ(copy.sync(server->url() + "?ssl-mode=PREFERRED", options).exit_code(), 0);
  for (const char* asked_for : {"REQUIRED", "VERIFY_CA&ssl-capath=/", "VERIFY_IDENTITY"}) {
    try {
      copy.sync(server->url() + "?ssl-mode=" + asked_for, options);
      ADD_FAILURE() << asked_for;
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::config) << asked_for << error.what();
      EXPECT_THAT(error.what(), HasSubstr("TLS"));
    }
  }
}

TEST_F(SingleStoreTest, AWrongPasswordIsRefusedOnce) {
  begin();
  std::string url = server->url();
  url.replace(url.find(server->password()), server->password().size(), "wrong");
  try {
    copy.sync(url, options);
    FAIL() << "it came in";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::authentication);
    EXPECT_THAT(error.what(), HasSubstr("Access denied"));
  }
}

}  // namespace
}  // namespace sluice
