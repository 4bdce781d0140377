// SPDX-License-Identifier: Apache-2.0
// Values that do not fit the type they land in, and types that a user chose.
#include <gmock/gmock.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "support/mysql_copy_test.h"

namespace sluice {
namespace {

using ::testing::Contains;
using testing::Copy;
using ::testing::HasSubstr;
using testing::MysqlServer;
using testing::Texts;

class MysqlMisfitsTest : public testing::MysqlCopyTest {
 protected:
  void SetUp() override {
    MysqlCopyTest::SetUp();
    if (!IsSkipped()) db->exec("SET sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00'");
  }
  Receipt sync_with(Misfit misfit) const {
    return sync_one([&](TableOptions& chosen) { chosen.misfit = misfit; });
  }
};

/// As in MySQL's own drivers; but every run that reads one says so.
TEST_F(MysqlMisfitsTest, ZeroAndPartialDatesLandAsNullAndAreCounted) {
  db->exec(
      "CREATE TABLE t (id int PRIMARY KEY, d date NOT NULL, dt datetime(3), ts timestamp NOT NULL "
      "DEFAULT '2026-01-01 00:00:00'); INSERT INTO t VALUES"
      " (1, '0000-00-00', '0000-00-00 00:00:00', '0000-00-00 00:00:00'),"
      " (2, '2024-00-00', '2024-05-00 10:00:00.5', '2026-01-01 00:00:00'),"
      " (3, '2024-02-30', '2023-02-29 23:59:59.999', '2026-01-01 00:00:01'),"
      " (4, '0000-05-05', '0000-01-01 00:00:01', '2026-01-01 00:00:02'),"
      " (5, '2024-02-29', '2024-02-29 23:59:59.999', '2026-01-01 00:00:03'),"
      " (6, '0001-01-01', NULL, '2026-01-01 00:00:04')");
  const Receipt receipt = sync_one();
  EXPECT_EQ(receipt.outcome, Outcome::done) << receipt.error;
  EXPECT_EQ(receipt.misfits, 9U);
  EXPECT_EQ(copy.columns("t"),
            (Texts{"id INTEGER", "d DATE", "dt TIMESTAMP", "ts TIMESTAMP WITH TIME ZONE"}));
  EXPECT_EQ(copy.values("t", "d"),
            (Texts{"NULL", "NULL", "NULL", "NULL", "2024-02-29", "0001-01-01"}));
  EXPECT_EQ(copy.values("t", "dt"),
            (Texts{"NULL", "NULL", "NULL", "NULL", "2024-02-29 23:59:59.999", "NULL"}));
  EXPECT_EQ(copy.values("t", "ts"),
            (Texts{"NULL", "2026-01-01 00:00:00+00", "2026-01-01 00:00:01+00",
                   "2026-01-01 00:00:02+00", "2026-01-01 00:00:03+00", "2026-01-01 00:00:04+00"}));
  for (const char* column : {"d", "dt", "ts"})
    EXPECT_EQ(copy.digests_differ(db->socket_url(), "t", column), Texts{}) << column;
  expect_true_copies();
}

/// Rows whose keys became NULL would be one row, or none.
TEST_F(MysqlMisfitsTest, AKeyIsNeverMadeNull) {
  db->exec(
      "CREATE TABLE t (k datetime(6), z date, v int, updated_at timestamp NOT NULL DEFAULT "
      "CURRENT_TIMESTAMP, PRIMARY KEY (k, z)); INSERT INTO t (k, z, v) VALUES ('2024-01-01 "
      "00:00:00.000001', '2024-01-01', 1), ('0000-00-00', '2024-01-01', 2), ('2024-01-01', "
      "'0000-00-00', 3), ('2024-02-31', '2024-01-01', 4)");
  const Texts all{
      "0000-00-00 00:00:00.000000 2024-01-01 2", "2024-01-01 00:00:00.000000 0000-00-00 3",
      "2024-01-01 00:00:00.000001 2024-01-01 1", "2024-02-31 00:00:00.000000 2024-01-01 4"};
  const std::string rows = "SELECT concat_ws(' ', k, z, v) FROM public.t ORDER BY 1";
  EXPECT_EQ(sync_one().error, "");
  EXPECT_EQ(copy.query(rows), all);
  db->exec("DELETE FROM t WHERE v = 4; UPDATE t SET v = 20 WHERE v = 2");
  for (const Strategy strategy : {Strategy::automatic, Strategy::full}) {
    EXPECT_EQ(sync_one([&](TableOptions& each) { each.strategy = strategy; }).error, "");
    EXPECT_EQ(copy.query(rows),
              (Texts{"0000-00-00 00:00:00.000000 2024-01-01 20", all[1], all[2]}));
  }
  expect_true_copies();
}

TEST_F(MysqlMisfitsTest, AFirstLoadGivesWayToText) {
  struct Widened {
    const char* type;
    Texts values;  // as the server prints them
    const char* landed;
  };
  const std::vector<Widened> all{
      {"date", {"2024-05-05", "0000-00-00"}, "DATE"},
      {"date", {"2024-02-30", "2024-00-00", "0000-05-05"}, "DATE"},
      {"datetime", {"2024-00-00 10:00:00", "2024-01-01 00:00:00"}, "TIMESTAMP"},
      {"datetime(6)", {"2024-01-01 00:00:00.100000", "0000-00-00 00:00:00.000000"}, "TIMESTAMP"},
      {"timestamp NULL",
       {"0000-00-00 00:00:00", "2026-11-21 04:05:06"},
       "TIMESTAMP WITH TIME ZONE"},
  };
  db->exec(
      "CREATE TABLE seq (n int PRIMARY KEY); INSERT INTO seq VALUES (0), (1), (2), (3), (4), (5), "
      "(6), (7), (8), (9)");
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::string name = "t" + std::to_string(i);
    db->exec("CREATE TABLE " + name + " (id int PRIMARY KEY, v " + all[i].type + ", other date)");
    // The misfit comes after many rows that were good.
    db->exec("INSERT INTO " + name +
             " SELECT a.n * 1000 + b.n * 100 + c.n * 10 + d.n, NULL, "
             "'2026-01-01' FROM seq a, seq b, seq c, seq d WHERE a.n < 5");
    int id = 5000;
    for (const std::string& each : all[i].values)
      db->exec("INSERT INTO " + name + " VALUES (" + std::to_string(++id) + ", '" + each +
               "', NULL)");
  }
  options.defaults.misfit = Misfit::text;
  const RunResult result = sync();
  EXPECT_EQ(result.exit_code(), 0);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::string name = "t" + std::to_string(i);
    SCOPED_TRACE(std::string(all[i].type) + " " + all[i].values[0]);
    EXPECT_EQ(copy.columns(name), (Texts{"id INTEGER", "v VARCHAR", "other DATE"}));
    EXPECT_EQ(copy.query("SELECT v FROM public." + name + " WHERE v IS NOT NULL ORDER BY id"),
              all[i].values);
    EXPECT_EQ(copy.query("SELECT count(*)::VARCHAR FROM public." + name)[0],
              std::to_string(5000 + all[i].values.size()));
    const auto receipt = std::ranges::find_if(
        result.receipts, [&](const Receipt& each) { return each.table.name == name; });
    ASSERT_NE(receipt, result.receipts.end());
    EXPECT_THAT(receipt->notes,
                Contains(HasSubstr("column v holds values that " + std::string(all[i].landed))));
    EXPECT_EQ(receipt->misfits, 0U);
  }
  expect_true_copies();
  options.defaults.where = "true";  // other settings, another load
  for (const Receipt& each : sync().receipts) EXPECT_EQ(each.error, "") << each.table.text();
  EXPECT_EQ(copy.columns("t0"), (Texts{"id INTEGER", "v VARCHAR", "other DATE"}));
}

TEST_F(MysqlMisfitsTest, AMisfitThatMayNotBeTextFailsItsTableAndTheLastGoodCopyStays) {
  struct Refused {
    std::string type, landed, good, printed, bad, says;
  };
  const std::vector<Refused> all{
      {"date", "", "'2026-01-01'", "2026-01-01", "'0000-00-00'", "v: 0000-00-00 does not fit DATE"},
      {"date", "", "'2026-01-01'", "2026-01-01", "'2023-02-29'", "v: 2023-02-29 does not fit DATE"},
      {"datetime(2)", "", "'2026-01-01'", "2026-01-01 00:00:00", "'2026-00-01 01:02:03.04'",
       "v: 2026-00-01 01:02:03.040000 does not fit TIMESTAMP"},
      {"varchar(9)", "", "'caf\xC3\xA9'", "caf\xC3\xA9", "'a\\0b'",
       "does not fit VARCHAR: not valid UTF-8, or a zero byte"},
      {"varbinary(9)", "VARCHAR", "'abc'", "abc", "x'636166e9'",
       "v: 0x636166E9 does not fit VARCHAR"},
      {"tinyint(1)", "BOOLEAN", "1", "true", "2", "v: 2 does not fit BOOLEAN"},
      {"tinyint", "BOOLEAN", "0", "false", "-1", "v: -1 does not fit BOOLEAN"},
      {"bigint unsigned", "BIGINT", "9223372036854775807", "9223372036854775807",
       "9223372036854775808", "v: 9223372036854775808 does not fit BIGINT: outside its range"},
      {"int", "UTINYINT", "255", "255", "-1", "v: -1 does not fit UTINYINT"},
      {"bigint", "DOUBLE", "9007199254740992", "9007199254740992.0", "9007199254740993",
       "v: 9007199254740993 does not fit DOUBLE"},
      {"double", "FLOAT", "0.5", "0.5", "0.1", "v: 0.1 does not fit FLOAT"},
      {"decimal(20,4)", "DECIMAL(10,2)", "1.25", "1.25", "1.2501",
       "v: '1.2501' does not fit DECIMAL(10,2)"},
      {"decimal(20,4)", "SMALLINT", "-32768", "-32768", "32768",
       "v: '32768.0000' does not fit SMALLINT"},
      {"decimal(65,2)", "DECIMAL(38,2)", "-1.25", "-1.25", "1e40",
       "does not fit DECIMAL(38,2): outside its range"},
      {"time", "TIME", "'24:00:00'", "24:00:00", "'24:00:01'",
       "v: 24:00:01.000000 does not fit TIME: beyond a day"},
      {"time(6)", "TIME", "'23:59:59.999999'", "23:59:59.999999", "'-00:00:00.000001'",
       "v: -00:00:00.000001 does not fit TIME"},
      {"datetime", "DATE", "'2026-01-01'", "2026-01-01", "'2026-01-01 00:00:01'",
       "does not fit DATE: it has a time of day"},
      {"bit(9)", "BOOLEAN", "1", "true", "b'100000001'", "v: 0x0101 does not fit BOOLEAN"},
      {"char(36)", "UUID", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'",
       "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1'",
       "does not fit UUID"},
  };
  for (const Refused& each : all) {
    SCOPED_TRACE(each.type + " " + each.bad);
    const Copy target;
    SyncOptions chosen = options;
    chosen.defaults.misfit = Misfit::fail;
    if (!each.landed.empty()) chosen.defaults.types = {{"v", each.landed}};
    db->exec("DROP TABLE IF EXISTS t; CREATE TABLE t (id int, `k 2` varchar(9), v " + each.type +
             ", PRIMARY KEY (id, `k 2`)); INSERT INTO t VALUES (1, 'x', " + each.good + ")");
    const RunResult first = target.sync(db->socket_url(), chosen);
    ASSERT_EQ(first.exit_code(), 0) << first.receipts.at(0).error;
    EXPECT_EQ(target.values("t", "v"), (Texts{each.printed}));
    db->exec("INSERT INTO t VALUES (42, 'key', " + each.bad + ")");
    const RunResult result = target.sync(db->socket_url(), chosen);
    ASSERT_EQ(result.receipts.size(), 1U);
    const Receipt& receipt = result.receipts[0];
    EXPECT_EQ(receipt.outcome, Outcome::failed);
    EXPECT_EQ(receipt.fault, Fault::misfit) << receipt.error;
    EXPECT_NE(result.exit_code(), 0);
    EXPECT_THAT(receipt.error, HasSubstr(each.says));
    EXPECT_THAT(receipt.error, HasSubstr("(in the row with id 42, k 2 'key')"));
    EXPECT_THAT(receipt.hint, HasSubstr("--misfit null"));
    const bool text = each.type.starts_with("var");
    EXPECT_EQ(receipt.hint.find(".t.v=VARCHAR") == std::string::npos, text) << receipt.hint;
    EXPECT_EQ(target.values("t", "v"), (Texts{each.printed}));
  }
}

/// What the server has no character for, it sends as a question mark.
TEST_F(MysqlMisfitsTest, BytesThatAreNoCharacterAreNoQuestionMark) {
  const std::pair<const char*, const char*> all[] = {
      {"cp1250", "4181"}, {"sjis", "418740"}, {"ascii", "41E9"}, {"ucs2", "0041D800"}};
  for (const auto& [charset, bytes] : all) {
    for (const char* type : {"varchar(40)", "text"}) {
      SCOPED_TRACE(std::string(charset) + " " + type);
      const Copy target;
      db->exec(std::string("DROP TABLE IF EXISTS t; CREATE TABLE t (id int PRIMARY KEY, v ") +
               type + " CHARACTER SET " + charset +
               "); INSERT INTO t VALUES (1, '? why?'), (2, NULL), (3, _" + charset + " x'" + bytes +
               "')");
      ASSERT_EQ(db->value("SELECT hex(v) FROM t WHERE id = 3"), bytes);
      const RunResult refused = target.sync(db->socket_url(), options);
      EXPECT_EQ(refused.receipts.at(0).fault, Fault::misfit);
      EXPECT_THAT(refused.receipts.at(0).error, HasSubstr("does not fit VARCHAR"));
      EXPECT_THAT(refused.receipts.at(0).error, HasSubstr("(in the row with id 3)"));
      db->exec("UPDATE t SET v = '?' WHERE id = 3");
      EXPECT_EQ(target.sync(db->socket_url(), options).exit_code(), 0);
      EXPECT_EQ(target.values("t", "v"), (Texts{"? why?", "NULL", "?"}));
    }
  }
}

TEST_F(MysqlMisfitsTest, AFirstLoadThatFailsPublishesNothing) {
  db->exec(
      "CREATE TABLE t (id int PRIMARY KEY, v varchar(9)); CREATE TABLE u (id int PRIMARY KEY); "
      "INSERT INTO t VALUES (1, 'a'), (2, 'b\\0'); INSERT INTO u VALUES (1)");
  EXPECT_EQ(sync().exit_code(), 3);
  EXPECT_EQ(copy.query("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'public' AND "
                       "NOT starts_with(table_name, '_sluice')"),
            (Texts{"u"}));
}

TEST_F(MysqlMisfitsTest, MisfitNullIsCounted) {
  db->exec(
      "CREATE TABLE t (id int PRIMARY KEY, s text, n decimal(50,3), b tinyint(1), d date); INSERT "
      "INTO t VALUES (1, 'a\\0', 1e45, 2, '2026-00-00'), (2, 'b', 0.005, 1, '2026-01-01'), (3, "
      "NULL, NULL, NULL, NULL)");
  const auto choose = [](TableOptions& chosen) {
    chosen.misfit = Misfit::null;
    chosen.types = {{"n", "DECIMAL(38,3)"}, {"b", "BOOLEAN"}};
  };
  const Receipt receipt = sync_one(choose);
  EXPECT_EQ(receipt.outcome, Outcome::done) << receipt.error;
  EXPECT_EQ(receipt.misfits, 4U);
  EXPECT_EQ(copy.columns("t"),
            (Texts{"id INTEGER", "s VARCHAR", "n DECIMAL(38,3)", "b BOOLEAN", "d DATE"}));
  EXPECT_EQ(copy.values("t", "s"), (Texts{"NULL", "b", "NULL"}));
  EXPECT_EQ(copy.values("t", "n"), (Texts{"NULL", "0.005", "NULL"}));
  EXPECT_EQ(copy.values("t", "b"), (Texts{"NULL", "true", "NULL"}));
  EXPECT_EQ(copy.values("t", "d"), (Texts{"NULL", "2026-01-01", "NULL"}));
  // The server's digest knows nothing of what was dropped: rows are compared instead.
  choose(options.defaults);
  const Verified verified = verify().at(0);
  EXPECT_TRUE(verified.equal()) << verified.error;
  EXPECT_THAT(verified.how, HasSubstr("may drop values"));
}

TEST_F(MysqlMisfitsTest, MisfitIsSaidOfOneColumn) {
  db->exec(
      "CREATE TABLE t (id int PRIMARY KEY, a date, b date, c tinyint(1)); INSERT INTO t VALUES (1, "
      "'0000-00-00', '0000-00-00', 7)");
  const Receipt receipt = sync_one([](TableOptions& chosen) {
    chosen.misfits = {{"b", Misfit::text}, {"c", Misfit::text}};
    chosen.types = {{"c", "BOOLEAN"}};
  });
  EXPECT_EQ(receipt.outcome, Outcome::done) << receipt.error;
  EXPECT_EQ(receipt.misfits, 1U);
  EXPECT_EQ(copy.columns("t"), (Texts{"id INTEGER", "a DATE", "b VARCHAR", "c VARCHAR"}));
  EXPECT_EQ(copy.values("t", "b"), (Texts{"0000-00-00"}));
  EXPECT_EQ(copy.values("t", "c"), (Texts{"7"}));
}

/// Each as its server type, the type chosen, a value, and what it lands as.
TEST_F(MysqlMisfitsTest, TypesAreChosen) {
  struct Chosen {
    const char *type, *value, *wanted, *landed, *printed;
  };
  const std::vector<Chosen> all{
      {"tinyint(1)", "1", "boolean", "BOOLEAN", "true"},
      {"int", "-7", "bigint", "BIGINT", "-7"},
      {"int unsigned", "7", "utinyint", "UTINYINT", "7"},
      {"bigint unsigned", "18446744073709551615", "hugeint", "HUGEINT", "18446744073709551615"},
      {"bigint unsigned", "18446744073709551615", "decimal(20,0)", "DECIMAL(20,0)",
       "18446744073709551615"},
      {"int", "7", "decimal(10,2)", "DECIMAL(10,2)", "7.00"},
      {"int", "7", "double", "DOUBLE", "7.0"},
      {"int(5) zerofill", "7", "varchar", "VARCHAR", "00007"},
      {"year", "2026", "integer", "INTEGER", "2026"},
      {"decimal(20,4)", "12.3400", "decimal(18,2)", "DECIMAL(18,2)", "12.34"},
      {"decimal(20,4)", "12.3400", "varchar", "VARCHAR", "12.3400"},
      {"decimal(20,4)", "12.0000", "bigint", "BIGINT", "12"},
      {"float", "0.1", "double", "DOUBLE", "0.10000000149011612"},
      {"float", "16777216", "varchar", "VARCHAR", "16777216"},
      {"double", "0.30000000000000004", "varchar", "VARCHAR", "0.30000000000000004"},
      {"bit(9)", "b'100000001'", "ubigint", "UBIGINT", "257"},
      {"bit(9)", "b'1'", "varchar", "VARCHAR", "000000001"},
      {"bit(64)", "18446744073709551615", "varchar", "VARCHAR",
       "1111111111111111111111111111111111111111111111111111111111111111"},
      {"bit", "1", "boolean", "BOOLEAN", "true"},
      {"date", "'2026-01-02'", "timestamp", "TIMESTAMP", "2026-01-02 00:00:00"},
      {"date", "'2026-01-00'", "varchar", "VARCHAR", "2026-01-00"},
      {"datetime(3)", "'2026-01-02 03:04:05.6'", "timestamptz", "TIMESTAMP WITH TIME ZONE",
       "2026-01-02 03:04:05.6+00"},
      {"datetime(3)", "'2026-01-02 03:04:05.6'", "varchar", "VARCHAR", "2026-01-02 03:04:05.600"},
      {"timestamp NULL", "'2026-01-02 03:04:05'", "timestamp", "TIMESTAMP", "2026-01-02 03:04:05"},
      {"time(6)", "'03:04:05.000006'", "time", "TIME", "03:04:05.000006"},
      {"time", "'-100:00:01'", "varchar", "VARCHAR", "-100:00:01"},
      {"varchar(40)", "'{\"a\": 1}'", "json", "JSON", "{\"a\": 1}"},
      {"char(36)", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "uuid", "UUID",
       "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
      {"varbinary(9)", "'caf\xC3\xA9'", "varchar", "VARCHAR", "caf\xC3\xA9"},
  };
  std::string create = "CREATE TABLE t (id int PRIMARY KEY", insert = ") ; INSERT INTO t VALUES (1";
  Texts landed{"id INTEGER"};
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::string name = "c" + std::to_string(i);
    create += ", " + name + " " + all[i].type;
    insert += std::string(", ") + all[i].value;
    options.defaults.types[name] = all[i].wanted;
    landed.push_back(name + " " + all[i].landed);
  }
  db->exec(create + insert + ")");
  const Receipt receipt = sync_one();
  ASSERT_EQ(receipt.outcome, Outcome::done) << receipt.error;
  EXPECT_EQ(copy.columns("t"), landed);
  for (std::size_t i = 0; i < all.size(); ++i)
    EXPECT_EQ(copy.values("t", "c" + std::to_string(i)), Texts{all[i].printed})
        << all[i].type << " as " << all[i].wanted;
  const Verified verified = verify().at(0);
  EXPECT_TRUE(verified.equal()) << verified.error;
  EXPECT_EQ(verified.rows, 1U);
}

/// Where both sides have a text of a value that was landed as another type, digests compare it.
TEST_F(MysqlMisfitsTest, ValuesAsTextAreComparedByDigests) {
  const Texts types{"int(5) zerofill", "bigint unsigned", "decimal(20,4)", "float",
                    "double",          "bit(9)",          "date",          "datetime(3)",
                    "timestamp NULL",  "time(2)",         "varbinary(9)",  "point"};
  const Texts values{"7",
                     "18446744073709551615",
                     "-1.5",
                     "0.1",
                     "1e300",
                     "b'1'",
                     "'2024-00-00'",
                     "'2026-01-02 03:04:05.6'",
                     "'2026-01-02 03:04:05'",
                     "'-100:00:01.25'",
                     "'abc'",
                     "ST_GeomFromText('POINT(1 2)')"};
  std::string create = "CREATE TABLE t (id int PRIMARY KEY", insert = "1";
  for (std::size_t i = 0; i < types.size(); ++i) {
    create += ", c" + std::to_string(i) + " " + types[i];
    insert += ", " + values[i];
    options.defaults.types["c" + std::to_string(i)] = "varchar";
  }
  db->exec(create + "); INSERT INTO t VALUES (" + insert + ")");
  const Receipt receipt = sync_one();
  ASSERT_EQ(receipt.outcome, Outcome::done) << receipt.error;
  EXPECT_EQ(copy.values("t", "c0"), Texts{"00007"});
  EXPECT_EQ(copy.values("t", "c11"), Texts{"POINT(1 2)"});
  expect_true_copies();
}

TEST_F(MysqlMisfitsTest, ATypeThatCannotBeIsRefusedWithThoseThatCan) {
  struct Refused {
    const char *type, *wanted, *hint;
  };
  for (const Refused& each : std::vector<Refused>{{"int", "DATE", "VARCHAR, an integer type"},
                                                  {"smallint", "BOOLEAN", "DECIMAL(p,s)"},
                                                  {"tinyint", "UUID", "BOOLEAN"},
                                                  {"date", "INTEGER", "DATE, TIMESTAMP"},
                                                  {"datetime", "TIME", "TIMESTAMP, TIMESTAMPTZ"},
                                                  {"time", "TIMESTAMP", "INTERVAL, TIME"},
                                                  {"decimal(9,2)", "DOUBLE", "another DECIMAL"},
                                                  {"varchar(9)", "INTEGER", "JSON, UUID"},
                                                  {"varchar(9)", "BLOB", "JSON, UUID"},
                                                  {"blob", "INTEGER", "BLOB, JSON"},
                                                  {"double", "DECIMAL(9,2)", "DOUBLE"},
                                                  {"bit(3)", "DATE", "UBIGINT, BOOLEAN"}}) {
    SCOPED_TRACE(std::string(each.type) + " as " + each.wanted);
    db->exec(std::string("DROP TABLE IF EXISTS t; CREATE TABLE t (id int PRIMARY KEY, n ") +
             each.type + ")");
    const Receipt receipt = sync_one([&](TableOptions& chosen) {
      chosen.types = {{"n", each.wanted}};
    });
    EXPECT_EQ(receipt.outcome, Outcome::refused);
    EXPECT_EQ(receipt.fault, Fault::config);
    EXPECT_THAT(receipt.error, HasSubstr("column n cannot land as " + std::string(each.wanted)));
    EXPECT_THAT(receipt.hint, HasSubstr(each.hint));
    EXPECT_THAT(receipt.hint, HasSubstr("VARCHAR"));
  }
}

}  // namespace
}  // namespace sluice
