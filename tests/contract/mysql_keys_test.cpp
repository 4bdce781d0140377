// SPDX-License-Identifier: Apache-2.0
// Keys that the server orders and compares in ways of its own: by collations, by the numbers of
// labels, in character sets that are not ours.
#include <gmock/gmock.h>

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "support/mysql_copy_test.h"

namespace sluice {
namespace {

using testing::MysqlServer;
using testing::Texts;

class MysqlKeysTest : public testing::MysqlCopyTest {
 protected:
  /// Keys of the copy in the order of their bytes, each in brackets.
  Texts keys(const std::string& column = "k") const {
    return copy.query("SELECT '[' || " + column + " || '] ' || n FROM public.t ORDER BY " + column);
  }
  /// How many statements read the whole of t.
  std::size_t chunks() const {
    duck::Database database;
    const auto source = make_source(database, db->socket_url());
    const auto tables = source->discover({}).tables;
    const auto t = std::ranges::find(tables, "t", [](const Table& each) { return each.name.name; });
    const auto snapshot = source->snapshot(std::span(&*t, 1));
    Read read;
    read.columns = t->columns;
    return source->plan(*snapshot, *t, read).chunks.size();
  }
  Receipt run() const {
    const Receipt receipt = sync_one();
    EXPECT_EQ(receipt.outcome, Outcome::done) << receipt.error;
    return receipt;
  }
};

/// One row of the server changes its key into one that equals it there; DuckDB knows them apart.
TEST_F(MysqlKeysTest, AKeyThatChangesItsCaseMovesItsRow) {
  struct Way {
    const char* name;
    Strategy strategy;
    bool stamped;  // the change shows in the replication key
  };
  for (const Way& way : std::vector<Way>{{"incremental", Strategy::incremental, true},
                                         {"incremental, hidden", Strategy::incremental, false},
                                         {"digest", Strategy::digest, true},
                                         {"full", Strategy::full, true}}) {
    SCOPED_TRACE(way.name);
    const testing::Copy target;
    SyncOptions chosen = options;
    chosen.defaults.strategy = way.strategy;
    db->exec(
        "DROP TABLE IF EXISTS t; CREATE TABLE t (k varchar(20) COLLATE utf8mb4_general_ci PRIMARY "
        "KEY, n int, updated_at timestamp(6) NOT NULL DEFAULT '2026-01-01 00:00:00', KEY "
        "(updated_at)); "
        "INSERT INTO t (k, n) VALUES ('a', 1), ('B', 2), ('c', 3), ('\u00e9t\u00e9', 4), ('x', 5)");
    const auto expect = [&](const Texts& expected) {
      const RunResult result = target.sync(db->socket_url(), chosen);
      ASSERT_EQ(result.exit_code(), 0) << result.receipts.at(0).error;
      EXPECT_EQ(target.query("SELECT '[' || k || '] ' || n FROM public.t ORDER BY n"), expected);
      const Verified verified = target.verify(db->socket_url(), Sync::Repair::no, chosen).at(0);
      EXPECT_TRUE(verified.equal()) << verified.error;
    };
    const std::string stamp =
        way.stamped ? ", updated_at = updated_at + INTERVAL 1 DAY" : ", updated_at = updated_at";
    expect({"[a] 1", "[B] 2", "[c] 3", "[\u00e9t\u00e9] 4", "[x] 5"});
    db->exec("UPDATE t SET k = 'A'" + stamp + " WHERE k = 'a'");
    expect({"[A] 1", "[B] 2", "[c] 3", "[\u00e9t\u00e9] 4", "[x] 5"});
    db->exec("UPDATE t SET k = 'B  '" + stamp + " WHERE k = 'b'; UPDATE t SET k = 'ETE'" + stamp +
             " WHERE n = 4");
    expect({"[A] 1", "[B  ] 2", "[c] 3", "[ETE] 4", "[x] 5"});
    // Another row takes the place of one that was deleted.
    db->exec("DELETE FROM t WHERE k = 'X'; INSERT INTO t VALUES ('X', 5, '2026-01-03 00:00:00')");
    expect({"[A] 1", "[B  ] 2", "[c] 3", "[ETE] 4", "[X] 5"});
    db->exec("UPDATE t SET k = 'b', n = 20" + stamp + " WHERE n = 2");
    expect({"[A] 1", "[c] 3", "[ETE] 4", "[X] 5", "[b] 20"});
  }
}

TEST_F(MysqlKeysTest, KeysThatDifferOnlyForTheCopyAreFetchedAndRemoved) {
  db->exec(
      "CREATE TABLE t (g int, k varchar(20) CHARACTER SET latin1 COLLATE latin1_german1_ci, n int, "
      "updated_at timestamp(6) NOT NULL DEFAULT '2026-01-01 00:00:00', PRIMARY KEY (k, g)); INSERT "
      "INTO t (g, k, n) VALUES (1, 'Stra\u00dfe', 1), (2, 'Strase', 2), (3, 'a', 3), (1, '', 4)");
  ASSERT_EQ(run().inserted, 4U);
  copy.damage("UPDATE t SET k = upper(k) WHERE n IN (2, 3)");
  options.defaults.strategy = Strategy::incremental;
  options.defaults.replication_key = "updated_at";
  const Receipt mended = run();
  EXPECT_EQ(mended.inserted, 2U);
  EXPECT_EQ(mended.deleted, 2U);
  EXPECT_EQ(keys(), (Texts{"[] 4", "[Strase] 2", "[Stra\u00dfe] 1", "[a] 3"}));
  expect_true_copies();
}

TEST_F(MysqlKeysTest, SoftDeletesKnowKeysApart) {
  options.defaults.deletes = Deletes::soft;
  options.defaults.strategy = Strategy::digest;
  db->exec(
      "CREATE TABLE t (k varchar(20) PRIMARY KEY, n int); INSERT INTO t VALUES ('a', 1), ('b', 2)");
  run();
  db->exec("UPDATE t SET k = 'A' WHERE k = 'a'");
  run();
  EXPECT_EQ(copy.query("SELECT k || ' ' || _sluice_deleted FROM public.t ORDER BY k"),
            (Texts{"A false", "a true", "b false"}));
  db->exec("UPDATE t SET k = 'a' WHERE k = 'A'");
  run();
  EXPECT_EQ(copy.query("SELECT k FROM public.t WHERE NOT _sluice_deleted ORDER BY k"),
            (Texts{"a", "b"}));
}

/// Keys that the server finds only if they are written as it stores them.
TEST_F(MysqlKeysTest, MissingRowsAreFetchedByKeysOfEveryType) {
  struct Keyed {
    std::string type, first, second;
    std::string landed;  // empty: as usual
  };
  std::vector<Keyed> all{
      {"tinyint", "-128", "127", ""},
      {"bigint unsigned", "18446744073709551615", "0", ""},
      {"bigint unsigned", "18446744073709551615", "0", "DECIMAL(20,0)"},
      {"tinyint(1)", "0", "1", "BOOLEAN"},
      {"year", "'0000'", "2026", ""},
      {"decimal(20,3)", "-0.001", "12345678901234567.125", ""},
      {"decimal(65,30)", "0.000000000000000000000000000001", "-1", ""},
      {"float", "0.1", "-3.4e38", ""},
      {"float", "0.1", "16777216", "DOUBLE"},
      {"double", "0.1", "1.7976931348623157e308", ""},
      {"bit(9)", "b'100000001'", "b'0'", ""},
      {"bit(9)", "b'100000001'", "b'10'", "UBIGINT"},
      {"bit(9)", "b'100000001'", "b'10'", "VARCHAR"},
      {"date", "'9999-12-31'", "'2026-01-01'", ""},
      {"datetime(6)", "'2026-01-01 00:00:00.000001'", "'2026-01-01'", ""},
      {"timestamp(3) NOT NULL DEFAULT '2026-01-01'", "'2026-07-01 12:00:00.007'", "'2026-01-01'",
       ""},
      {"time(6)", "'-838:59:58.999999'", "'100:00:00'", ""},
      {"time", "'23:59:59'", "'00:00:00'", "TIME"},
      {"char(9)", "'it''s'", "''", ""},
      {"varchar(40)", "'a\\\\b\"\\n'", "'\U0001F600'", ""},
      {"varchar(40) CHARACTER SET gbk", "'\u4e2d'", "'a'", ""},
      {"varchar(40) CHARACTER SET utf16", "'\U0001F600'", "'a '", ""},
      {"binary(4)", "x'00ff'", "x'27'", ""},
      {"varbinary(40)", "x'00ff5c27'", "''", ""},
      {"varbinary(40)", "'caf\u00e9'", "'a'", "VARCHAR"},
      {"enum('1','0','a,b')", "'0'", "'a,b'", ""},
      {"set('x','y,')", "'x'", "''", ""},
  };
  all.back().type = "set('x','y')", all.back().first = "'x,y'";
  if (MysqlServer::instance().mariadb()) {
    all.push_back({"uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'",
                   "'00000000-0000-0000-0000-000000000000'", ""});
    all.push_back({"inet6", "'2001:db8::1'", "'::'", ""});
  }
  db->exec("SET time_zone = '+00:00'");
  options.defaults.replication_key = "updated_at";
  for (std::size_t i = 0; i < 2 * all.size(); ++i) {
    const Keyed& each = all[i / 2];
    const std::string table = "t" + std::to_string(i);
    // The older row is not among those that the replication key shows.
    const bool composite = i % 2 == 1;
    db->exec(
        "CREATE TABLE " + table + " (k " + each.type +
        ", g int NOT NULL, updated_at timestamp(6) NOT NULL DEFAULT '2026-01-01', PRIMARY KEY (k" +
        (composite ? ", g" : "") + ")); INSERT INTO " + table + " (k, g, updated_at) VALUES (" +
        each.first + ", 1, '2026-0" + (composite ? "6" : "1") + "-01'), (" + each.second +
        ", 2, '2026-0" + (composite ? "1" : "6") + "-01')");
    if (each.landed.empty()) continue;
    options.table_options.emplace_back(
        "*." + table, [&](TableOptions& chosen) { chosen.types["k"] = each.landed; });
  }
  ASSERT_EQ(sync().exit_code(), 0);
  for (std::size_t i = 0; i < 2 * all.size(); ++i)
    copy.damage("DELETE FROM t" + std::to_string(i) + " WHERE g = " + std::to_string(i % 2 + 1));
  for (const Receipt& each : sync().receipts) {
    const Keyed& keyed = all[std::stoul(each.table.name.substr(1)) / 2];
    SCOPED_TRACE(keyed.type + " as " + keyed.landed + ", " + each.table.name);
    EXPECT_EQ(each.error, "");
    EXPECT_EQ(each.strategy, "incremental");
    EXPECT_EQ(each.inserted, 1U);
    EXPECT_THAT(each.notes, ::testing::Contains(::testing::HasSubstr("now fetched: 1")));
  }
  for (const Verified& each : verify())
    EXPECT_TRUE(each.equal()) << each.table.text() << each.error;
}

/// Tables that are read in several chunks: each row is in one of them, whatever order the server
/// keeps the keys in.
TEST_F(MysqlKeysTest, ChunksOfKeysHoldEachRowOnce) {
  struct Keyed {
    const char *columns, *key, *values;
  };
  const std::vector<Keyed> all{
      {"k bigint", "k", "i * 1000003 - 2000000000"},
      {"k bigint unsigned", "k", "18446744073709551615 - i"},
      {"k enum('z','y','b','a','x'), g int", "k, g", "i % 5 + 1, i"},
      {"k set('z','y','b','a'), g int", "k, g", "i % 16, i"},
      {"k varchar(40) COLLATE utf8mb4_general_ci, g int", "k, g",
       "concat(elt(i % 4 + 1, 'a', 'A', '\u00e1 ', 'B'), i % 50), i"},
      {"k varchar(9) CHARACTER SET cp1250, g int", "k, g",
       "CONCAT(x'81', CHAR(64 + i % 60), x'83'), i"},
      {"k float, g bit(30)", "k, g", "i % 11 / 7e0, i"},
      {"g bit(30)", "g", "i"},
      {"k binary(16)", "k", "unhex(md5(i))"},
      {"k decimal(40,10), g time(3)", "k, g", "i % 100 / 8, sec_to_time(i * 10 / 8 - 1000)"},
  };
  db->exec("SET sql_mode = ''");
  db->make_seq(4000);
  options.exclude = {"*.seq"};
  for (const Keyed& each : all) {
    SCOPED_TRACE(each.columns);
    const testing::Copy target;
    db->exec(std::string("DROP TABLE IF EXISTS t; CREATE TABLE t (") + each.columns +
             ", i int, filler longtext CHARACTER SET latin1, PRIMARY KEY (" + each.key +
             ")); INSERT INTO t SELECT " + each.values +
             ", i, repeat('x', 15000) FROM seq; ANALYZE TABLE t");
    SyncOptions chosen = options;
    chosen.defaults.columns = {"i"};  // one of the keys is no text in Unicode
    chosen.defaults.key = {"i"};
    const RunResult result = target.sync(db->socket_url(), chosen);
    ASSERT_EQ(result.exit_code(), 0) << result.receipts.at(0).error;
    EXPECT_EQ(target.query("SELECT count(*) || ' ' || sum(i) FROM public.t"),
              Texts{"4000 8002000"});
    EXPECT_EQ(chunks() > 2, std::string(each.columns).find("set(") == std::string::npos);
  }
}

}  // namespace
}  // namespace sluice
