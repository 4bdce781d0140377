// SPDX-License-Identifier: Apache-2.0
// Values of a SingleStore, its sessions, and what is refused.
#include <chrono>
#include <string>
#include <thread>

#include "contract/singlestore_fixture.h"

namespace sluice {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

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
