// SPDX-License-Identifier: Apache-2.0
// Every kind of MySQL and MariaDB value on the whole way: a real server, a run, a DuckDB file, and
// what a reader of that file sees.
#include <gmock/gmock.h>

#include <algorithm>
#include <string>
#include <vector>

#include "duck/duck.h"
#include "support/mysql_copy_test.h"

namespace sluice {
namespace {

using testing::MysqlServer;
using testing::MysqlSession;
using testing::Texts;

enum class Only { any, mariadb, mysql };

/// What a column of this type lands as. `literals` are SQL; where `printed` is empty, the server's
/// own text of each value is what is expected.
struct Case {
  std::string type;
  std::string landed;
  Texts literals;
  Texts printed;
  Only only = Only::any;
};

Texts quoted_all(Texts texts) {
  for (std::string& each : texts) each = duck::literal(each);
  return texts;
}

/// Numbers and the like, which print as they are written.
Case same(const std::string& type, const std::string& landed, const Texts& values) {
  return {type, landed, values, values};
}

std::vector<Case> integers() {
  return {
      same("tinyint", "TINYINT", {"-128", "127"}),
      same("tinyint(1)", "TINYINT", {"-128", "0", "1", "2", "127"}),
      same("tinyint unsigned", "UTINYINT", {"0", "255"}),
      same("boolean", "TINYINT", {"0", "1", "9"}),
      same("smallint", "SMALLINT", {"-32768", "32767"}),
      same("smallint unsigned", "USMALLINT", {"0", "65535"}),
      same("mediumint", "INTEGER", {"-8388608", "8388607", "-1"}),
      same("mediumint unsigned", "UINTEGER", {"0", "16777215"}),
      same("int", "INTEGER", {"-2147483648", "2147483647"}),
      same("int unsigned", "UINTEGER", {"0", "4294967295"}),
      same("int(7) zerofill", "UINTEGER", {"0", "42", "4294967295"}),
      same("bigint", "BIGINT", {"-9223372036854775808", "9223372036854775807", "-1"}),
      same("bigint unsigned", "UBIGINT", {"0", "9223372036854775808", "18446744073709551615"}),
      same("year", "SMALLINT", {"1901", "2155"}),
      {"year(4)", "SMALLINT", {"'0000'", "1999"}, {"0", "1999"}},
      {"bit", "BIT", {"b'0'", "b'1'"}, {"0", "1"}},
      {"bit(8)", "BIT", {"b'1'", "b'11111111'"}, {"00000001", "11111111"}},
      {"bit(9)", "BIT", {"b'1'", "b'100000001'"}, {"000000001", "100000001"}},
      {"bit(17)",
       "BIT",
       {"b'10101010101010101'", "0"},
       {"10101010101010101", std::string(17, '0')}},
      {"bit(63)", "BIT", {"b'1'"}, {std::string(62, '0') + "1"}},
      {"bit(64)",
       "BIT",
       {"18446744073709551615", "0", "9223372036854775809"},
       {std::string(64, '1'), std::string(64, '0'), "1" + std::string(62, '0') + "1"}},
  };
}

std::vector<Case> numbers() {
  const std::string nines(38, '9'), most(35, '9');
  const Texts widest{most + "." + std::string(30, '9'), "-" + most + "." + std::string(30, '9'),
                     "0." + std::string(29, '0') + "1", "-1." + std::string(30, '0')};
  return {
      {"float",
       "FLOAT",
       {"3.402823466e38", "-3.402823466e38", "0.1", "16777216", "0.123456791", "1.17549435e-38"},
       {"3.4028235e+38", "-3.4028235e+38", "0.1", "16777216.0", "0.12345679", "1.1754944e-38"}},
      {"float unsigned", "FLOAT", {"0", "0.3"}, {"0.0", "0.3"}},
      {"float(7,2)", "FLOAT", {"12345.67", "-0.5"}, {"12345.67", "-0.5"}},
      {"double",
       "DOUBLE",
       {"1.7976931348623157e308", "-2.2250738585072014e-308", "0.30000000000000004", "1e15",
        "123456789012345678e0", "1e-5", "1e-16", "-0e0"},
       {"1.7976931348623157e+308", "-2.2250738585072014e-308", "0.30000000000000004",
        "1000000000000000.0", "1.2345678901234568e+17", "1e-05", "1e-16", "*"}},
      {"double(12,3)", "DOUBLE", {"123456789.123", "-0.5"}, {"123456789.123", "-0.5"}},
      {"double unsigned zerofill", "DOUBLE", {"0.5"}, {"0.5"}},
      same("decimal(4,2)", "DECIMAL(4,2)", {"99.99", "-0.01", "0.00"}),
      same("decimal(9,0)", "DECIMAL(9,0)", {"999999999", "-999999999"}),
      same("decimal(18,6)", "DECIMAL(18,6)", {"999999999999.999999", "-0.000001"}),
      same("decimal(38,0)", "DECIMAL(38,0)", {nines, "-" + nines}),
      {"decimal(38,30)",
       "DECIMAL(38,30)",
       {"-99999999." + std::string(30, '9'), "0.000000000000000000000000000001"},
       {}},
      {"decimal(8,3) unsigned zerofill", "DECIMAL(8,3)", {"12.5", "0"}, {"12.500", "0.000"}},
      same("decimal(39,1)", "VARCHAR", {"12345678901234567890123456789012345678.9", "-1.0"}),
      same("decimal(65,30)", "VARCHAR", widest),
      same("decimal(65,0)", "VARCHAR", {std::string(65, '9'), "-1", "0"}),
  };
}

std::vector<Case> times() {
  const auto text = [](const std::string& type, const std::string& landed, const Texts& values,
                       const Texts& printed = {}) {
    return Case{type, landed, quoted_all(values), printed.empty() ? values : printed};
  };
  return {
      text("date", "DATE", {"1000-01-01", "9999-12-31", "1582-10-10", "2024-02-29", "0001-01-01"}),
      text("datetime", "TIMESTAMP", {"1000-01-01 00:00:00", "9999-12-31 23:59:59"}),
      text("datetime(1)", "TIMESTAMP", {"1969-12-31 23:59:59.9"}),
      text("datetime(2)", "TIMESTAMP", {"2026-11-21 04:05:06.78"}),
      text("datetime(3)", "TIMESTAMP", {"2026-11-21 04:05:06.789"}),
      text("datetime(4)", "TIMESTAMP", {"2026-11-21 04:05:06.0001"}),
      text("datetime(5)", "TIMESTAMP", {"2026-11-21 04:05:06.00001"}),
      text("datetime(6)", "TIMESTAMP",
           {"1000-01-01 00:00:00.000001", "9999-12-31 23:59:59.999999", "2026-01-01 00:00:00"}),
      // Written by a session at +05:30.
      text("timestamp NULL", "TIMESTAMP WITH TIME ZONE",
           {"1970-01-01 05:30:01", "2038-01-19 08:44:07", "2026-03-29 02:30:00"},
           {"1970-01-01 00:00:01+00", "2038-01-19 03:14:07+00", "2026-03-28 21:00:00+00"}),
      text("timestamp(3) NULL", "TIMESTAMP WITH TIME ZONE", {"2026-11-21 05:30:00.007"},
           {"2026-11-21 00:00:00.007+00"}),
      text("timestamp(6) NULL", "TIMESTAMP WITH TIME ZONE",
           {"1970-01-01 05:30:01.000001", "2038-01-19 08:44:06.999999"},
           {"1970-01-01 00:00:01.000001+00", "2038-01-19 03:14:06.999999+00"}),
      text("time", "INTERVAL", {"-838:59:59", "838:59:59", "00:00:00", "24:00:00", "-00:00:01"}),
      text("time(1)", "INTERVAL", {"12:34:56.7"}, {"12:34:56.7"}),
      text("time(3)", "INTERVAL", {"-00:00:00.001", "100:00:00.999"}),
      text("time(6)", "INTERVAL",
           {"-838:59:58.999999", "838:59:58.000001", "-00:00:00.000001", "23:59:59.999999"}),
  };
}

std::vector<Case> texts() {
  const Texts of_all{
      "", " a ", "NULL", "\xC3\xA4\xE2\x82\xAC", "twelve bytes", "thirteen byte", "a,b'\"\\\\"};
  Texts all = of_all;
  all.back() = "a,b'\"\\";
  const auto text = [](const std::string& type, Texts values, Texts printed = {}) {
    Texts literals = quoted_all(values);
    return Case{type, "VARCHAR", literals, printed.empty() ? values : printed};
  };
  const auto everything = [&](const std::string& type, const std::string& charset, bool wide) {
    Case made{type + " CHARACTER SET " + charset, "VARCHAR", quoted_all(of_all), all};
    if (wide)
      made.literals.emplace_back("'\xF0\x9F\x98\x80 \xCC\x81'"),
          made.printed.emplace_back("\xF0\x9F\x98\x80 \xCC\x81");
    return made;
  };
  std::vector<Case> cases{
      everything("varchar(40)", "utf8mb4", true),
      everything("text", "utf8mb4", true),
      everything("varchar(40)", "utf8", false),
      everything("mediumtext", "utf8", false),
      everything("varchar(40)", "latin1", false),
      everything("longtext", "latin1", false),
      everything("varchar(300)", "utf16", true),
      everything("tinytext", "utf32", true),
      everything("varchar(40)", "utf16le", true),
      text("char(9)", {"", "ab", " a", "\xC3\xA4\xE2\x82\xAC"}),
      text("char(9) CHARACTER SET latin1", {"", "ab", " a", "\xC3\xBF\xC2\x81"}),
      text("char(255) CHARACTER SET utf8 COLLATE utf8_bin", {"A", "a", "\xC3\xA9"}),
      text("varchar(40) CHARACTER SET ucs2", {"", "\xE4\xB8\xAD\xE6\x96\x87", "a\xC3\xA9"}),
      text("varchar(40) CHARACTER SET gbk", {"", "\xE4\xB8\xAD\xE6\x96\x87 ?", "a"}),
      text("text CHARACTER SET gbk", {"", "\xE4\xB8\xAD\xE6\x96\x87 ??", "?"}),
      text("varchar(40) CHARACTER SET sjis", {"\xE6\x97\xA5\xE6\x9C\xAC", "?"}),
      text("varchar(40) CHARACTER SET big5", {"\xE4\xB8\xAD\xE6\x96\x87"}),
      text("varchar(40) CHARACTER SET cp1251",
           {"\xD0\x9F\xD1\x80\xD0\xB8\xD0\xB2\xD0\xB5\xD1\x82?"}),
      text("varchar(40) CHARACTER SET koi8r", {"\xD0\x9F\xD1\x80\xD0\xB8"}),
      text("varchar(40) CHARACTER SET ascii", {"plain"}),
      text("enum('ok','so so','','\xC3\xA4')", {"ok", "so so", "", "\xC3\xA4"}),
      text("enum('\xC3\xA4','b') CHARACTER SET latin1", {"\xC3\xA4", "b"}),
      text("set('a','b','c c')", {"", "a", "a,b,c c", "b,c c"}),
  };
  return cases;
}

std::vector<Case> others() {
  const auto bytes = [](const std::string& type) {
    return Case{
        type, "BLOB", {"x''", "x'00ff5c41'", "x'0000'"}, {"", "\\x00\\xFF\\x5CA", "\\x00\\x00"}};
  };
  std::vector<Case> cases{
      {"binary(4)", "BLOB", {"x'00ff'", "'abcd'"}, {"\\x00\\xFF\\x00\\x00", "abcd"}},
      bytes("varbinary(40)"),
      bytes("tinyblob"),
      bytes("blob"),
      bytes("mediumblob"),
      bytes("longblob"),
      {"point",
       "BLOB",
       {"ST_GeomFromText('POINT(1 -2)')"},
       {"\\x00\\x00\\x00\\x00\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\xF0?"
        "\\x00\\x00"
        "\\x00\\x00\\x00\\x00\\x00\\xC0"}},
      {"geometry", "BLOB", {"ST_GeomFromText('LINESTRING(0 0,1 1)', 4326)"}, {"*"}},
      {"multipolygon", "BLOB", {"ST_GeomFromText('MULTIPOLYGON(((0 0,1 0,1 1,0 0)))')"}, {"*"}},
      {"geometrycollection", "BLOB", {"ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1))')"}, {"*"}},
  };
  const Texts json{"{\"b\": 1.10,  \"a\":1, \"a\":2}", "null", "\"\"", "12345678901234567890.10"};
  cases.push_back({"json", "JSON", quoted_all(json), json, Only::mariadb});
  const std::string id = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
                    none = "00000000-0000-0000-0000-000000000000",
                    all = "ffffffff-ffff-ffff-ffff-ffffffffffff";
  cases.push_back({"uuid", "UUID", quoted_all({id, none, all}), {id, none, all}, Only::mariadb});
  cases.push_back({"inet6",
                   "VARCHAR",
                   quoted_all({"2001:db8::ff00:42:8329", "::ffff:192.0.2.1", "::"}),
                   {"2001:db8::ff00:42:8329", "::ffff:192.0.2.1", "::"},
                   Only::mariadb});
  cases.push_back({"inet4",
                   "VARCHAR",
                   quoted_all({"10.0.0.1", "0.0.0.0"}),
                   {"10.0.0.1", "0.0.0.0"},
                   Only::mariadb});
  cases.push_back(
      {"text COMPRESSED", "VARCHAR", quoted_all({"", "abc"}), {"", "abc"}, Only::mariadb});
  return cases;
}

class MysqlTypesTest : public testing::MysqlCopyTest {
 protected:
  /// Each case is a column, each of its values a row; the rest of the rows is NULL.
  void expect_landed(std::vector<Case> cases) {
    const bool mariadb = MysqlServer::instance().mariadb();
    std::erase_if(cases, [&](const Case& each) {
      return each.only == (mariadb ? Only::mysql : Only::mariadb);
    });
    constexpr std::size_t kRows = 10;  // more than any case has values
    std::string create = "CREATE TABLE odd (id int PRIMARY KEY";
    Texts landed{"id INTEGER"};
    for (std::size_t i = 0; i < cases.size(); ++i) {
      create += ", c" + std::to_string(i) + " " + cases[i].type;
      landed.push_back("c" + std::to_string(i) + " " + cases[i].landed);
    }
    db->exec(create + ") DEFAULT CHARACTER SET utf8mb4");
    db->exec("SET time_zone = '+05:30'");
    for (std::size_t row = 0; row < kRows; ++row) {
      std::string insert = "INSERT INTO odd VALUES (" + std::to_string(row);
      for (const Case& each : cases)
        insert += ", " + (row < each.literals.size() ? each.literals[row] : "NULL");
      db->exec(insert + ")");
    }
    db->exec("CREATE TABLE keyless AS SELECT * FROM odd");
    const RunResult first = sync();
    ASSERT_EQ(first.exit_code(), 0) << first.receipts.at(0).error << first.receipts.at(1).error;
    for (const Receipt& each : first.receipts) EXPECT_EQ(each.misfits, 0U);
    EXPECT_EQ(copy.columns("odd"), landed);
    for (std::size_t i = 0; i < cases.size(); ++i)
      expect_values("c" + std::to_string(i), cases[i], kRows);
    expect_true_copies();
  }

 private:
  void expect_values(const std::string& column, const Case& wanted, std::size_t rows) {
    SCOPED_TRACE(wanted.type);
    Texts expected = wanted.printed;
    for (std::size_t row = expected.size(); row < wanted.literals.size(); ++row)
      expected.push_back(
          db->value("SELECT " + column + " FROM odd WHERE id = " + std::to_string(row)));
    ASSERT_LT(expected.size(), rows);
    expected.resize(rows, "NULL");
    const Texts found = copy.values("odd", column);
    ASSERT_EQ(found.size(), rows);
    for (std::size_t row = 0; row < rows; ++row) {
      if (expected[row] == "*") continue;
      EXPECT_EQ(found[row], expected[row]) << "row " << row;
    }
    if (wanted.landed == "BLOB") {
      Texts hex;
      for (const auto& each : db->query("SELECT HEX(" + column + ") FROM odd ORDER BY id"))
        hex.push_back(each[0].value_or("NULL"));
      EXPECT_EQ(copy.query("SELECT hex(" + column + ") FROM public.odd ORDER BY id"), hex);
    }
    EXPECT_EQ(copy.digests_differ(db->socket_url(), "odd", column), Texts{});
  }
};

TEST_F(MysqlTypesTest, IntegersAndBitsLandWithEveryValue) { expect_landed(integers()); }
TEST_F(MysqlTypesTest, DecimalsAndFloatsLandWithEveryDigit) { expect_landed(numbers()); }
TEST_F(MysqlTypesTest, DatesAndTimesLandWithEveryMicrosecond) { expect_landed(times()); }
TEST_F(MysqlTypesTest, TextOfEveryCharsetLandsAsUtf8) { expect_landed(texts()); }
TEST_F(MysqlTypesTest, BytesAndTheRestLandAsDocumented) { expect_landed(others()); }

/// A timestamp is an instant, whatever zone the server and whoever wrote it are in; a datetime is
/// what was written.
TEST_F(MysqlTypesTest, TheServersTimeZoneChangesNoValue) {
  db->exec(
      "CREATE TABLE t (id int PRIMARY KEY, at timestamp(6) NULL, d datetime(6)); SET time_zone = "
      "'+00:00'; INSERT INTO t VALUES (1, '2026-07-01 12:00:00.5', '2026-07-01 12:00:00.5')");
  const std::string before = db->value("SELECT @@global.time_zone");
  db->exec("SET GLOBAL time_zone = '-08:00'");
  const RunResult result = sync();
  const Texts differing = copy.digests_differ(db->socket_url(), "t", "at");
  db->exec("SET GLOBAL time_zone = '" + before + "'");
  ASSERT_EQ(result.exit_code(), 0);
  EXPECT_EQ(copy.values("t", "at"), Texts{"2026-07-01 12:00:00.5+00"});
  EXPECT_EQ(copy.values("t", "d"), Texts{"2026-07-01 12:00:00.5"});
  EXPECT_EQ(differing, Texts{});
}

/// Settings of the server's that change how values print or compare.
TEST_F(MysqlTypesTest, TheServersModesChangeNoValue) {
  db->exec(
      "CREATE TABLE t (id int PRIMARY KEY, c char(9), s varchar(20), d double); INSERT INTO t "
      "VALUES (1, 'ab', 'a\\\\b\"', 0.1)");
  const std::string before = db->value("SELECT @@global.sql_mode");
  db->exec(
      "SET GLOBAL sql_mode = 'ANSI,PAD_CHAR_TO_FULL_LENGTH,NO_BACKSLASH_ESCAPES,"
      "STRICT_ALL_TABLES,NO_ZERO_DATE,NO_UNSIGNED_SUBTRACTION'");
  const RunResult result = sync();
  const std::vector<Verified> verified = verify();
  db->exec("SET GLOBAL sql_mode = '" + before + "'");
  ASSERT_EQ(result.exit_code(), 0);
  EXPECT_EQ(copy.values("t", "c"), Texts{"ab"});
  EXPECT_EQ(copy.values("t", "s"), Texts{"a\\b\""});
  EXPECT_TRUE(verified.at(0).equal());
}

TEST_F(MysqlTypesTest, NullAndTheEmptyStringStayApart) {
  db->exec(
      "CREATE TABLE t (id int PRIMARY KEY, s varchar(9), b varbinary(9), x text, e enum('', 'a'));"
      "INSERT INTO t VALUES (1, '', '', '', ''), (2, NULL, NULL, NULL, NULL), (3, 'N', 'N', 'N', "
      "'a')");
  EXPECT_EQ(sync_one().outcome, Outcome::done);
  for (const char* column : {"s", "b", "x"})
    EXPECT_EQ(copy.values("t", column), (Texts{"", "NULL", "N"})) << column;
  EXPECT_EQ(copy.values("t", "e"), (Texts{"", "NULL", "a"}));
  for (const char* column : {"s", "b", "x"})
    EXPECT_EQ(copy.digests_differ(db->socket_url(), "t", column), Texts{}) << column;
  db->exec("UPDATE t SET s = NULL, b = NULL, x = NULL WHERE id = 1");
  EXPECT_EQ(sync_one().updated, 1U);
  EXPECT_EQ(copy.values("t", "x"), (Texts{"NULL", "NULL", "N"}));
}

/// The lengths at which the protocol writes a length in another way, and rows that are more than a
/// packet of 16 MB, or of what the server lets a client send.
TEST_F(MysqlTypesTest, ValuesOfEveryLengthTravelWhole) {
  // MySQL 5.6 takes no InnoDB value of more than a tenth of its log.
  db->exec(
      "CREATE TABLE t (id int PRIMARY KEY, v longtext CHARACTER SET latin1, b longblob, tail int) "
      "ENGINE = MyISAM");
  const std::string before = db->value("SELECT @@global.max_allowed_packet");
  db->exec("SET GLOBAL max_allowed_packet = 67108864");
  MysqlSession writer = db->session();
  const Texts lengths{"0",     "1",        "12",       "13",      "249",   "250",
                      "251",   "252",      "65534",    "65535",   "65536", "65537",
                      "70000", "16777214", "16777215", "16777216"};
  int id = 0;
  Texts expected, tails;
  for (const std::string& each : lengths) {
    ++id;
    writer.exec("INSERT INTO t VALUES (" + std::to_string(id) + ", repeat('\u00e9', " + each +
                "), concat(repeat('\\0', " + each + " DIV 2), repeat('y', (" + each +
                " + 1) DIV 2)), " + std::to_string(-id) + ")");
    expected.push_back(each + " " + each);
    tails.push_back(std::to_string(-id));
  }
  const auto hashes =
      writer.query("SELECT md5(concat(md5(convert(v USING utf8mb4)), md5(b))) FROM t ORDER BY id");
  db->exec("SET GLOBAL max_allowed_packet = " + before);
  EXPECT_EQ(sync_one().outcome, Outcome::done);
  EXPECT_EQ(copy.query("SELECT length(v) || ' ' || octet_length(b) FROM public.t ORDER BY id"),
            expected);
  EXPECT_EQ(copy.values("t", "tail"), tails);
  const Texts found = copy.query("SELECT md5(md5(v) || md5(b)) FROM public.t ORDER BY id");
  ASSERT_EQ(found.size(), hashes.size());
  for (std::size_t i = 0; i < found.size(); ++i) EXPECT_EQ(found[i], hashes[i][0]) << expected[i];
  expect_true_copies();
}

TEST_F(MysqlTypesTest, ColumnsKeepTheirOrderAndGeneratedOnesTravel) {
  if (!MysqlServer::instance().mariadb()) GTEST_SKIP() << "no generated columns before 5.7";
  db->exec(
      "CREATE TABLE t (z varchar(9), `\xC3\x84 ``\"` int, `select` int, doubled int AS (id * 2) "
      "PERSISTENT, tripled int AS (id * 3) VIRTUAL, hidden int INVISIBLE DEFAULT 5, id int PRIMARY "
      "KEY, a int); INSERT INTO t (id, z, `select`) VALUES (7, 'z', 1)");
  EXPECT_EQ(sync_one().outcome, Outcome::done);
  EXPECT_EQ(copy.columns("t"),
            (Texts{"z VARCHAR", "\xC3\x84 `\" INTEGER", "select INTEGER", "doubled INTEGER",
                   "tripled INTEGER", "hidden INTEGER", "id INTEGER", "a INTEGER"}));
  EXPECT_EQ(copy.query("SELECT concat_ws(' ', doubled, tripled, hidden) FROM public.t"),
            Texts{"14 21 5"});
  expect_true_copies();
}

TEST_F(MysqlTypesTest, ATableMayHaveAThousandColumns) {
  std::string create = "CREATE TABLE t (c1 int PRIMARY KEY", insert = "INSERT INTO t SELECT n";
  for (int i = 2; i <= 1000; ++i) {
    create += ", c" + std::to_string(i) + " int";
    insert += ", n * " + std::to_string(i);
  }
  db->exec(
      "CREATE TABLE seq (n int PRIMARY KEY); INSERT INTO seq VALUES (1), (2), (3), (4), (5), (6), "
      "(7), (8)");
  db->exec(
      "INSERT INTO seq SELECT a.n + b.n * 8 + c.n * 64 FROM seq a, seq b, seq c WHERE a.n + b.n * "
      "8 + c.n * 64 > 8");
  db->exec(create + ")");
  db->exec(insert + " FROM seq");
  const std::string rows = db->value("SELECT count(*) FROM t");
  const std::string sum = db->value("SELECT sum(c1) * 500500 FROM t");
  EXPECT_EQ(sync().exit_code(), 0);
  EXPECT_EQ(copy.query("SELECT count(*) // 1000 || ' ' || sum(v) FROM (UNPIVOT (FROM public.t) ON "
                       "COLUMNS(*) INTO NAME n VALUE v)")[0],
            rows + " " + sum);
}

/// Shortest digits of floating-point numbers, as both sides print them.
TEST_F(MysqlTypesTest, DigestsOfManyFloatsAreAlike) {
  db->exec("CREATE TABLE t (id int PRIMARY KEY AUTO_INCREMENT, d double, f float)");
  for (int power = -320; power <= 306; power += 2) {
    std::string insert = "INSERT INTO t (d, f) VALUES ";
    for (int i = 0; i < 20; ++i) {
      const std::string e = "e" + std::to_string(power);
      insert += (i == 0 ? "(rand(" : ", (rand(") + std::to_string(power * 100 + i) + ") * " +
                (i % 2 == 0 ? "1" : "-1") + e + ", " +
                (power < -44 || power > 36 ? std::string("rand()") : "rand() * 1" + e) + ")";
    }
    db->exec(insert);
  }
  for (int power = -25; power <= 25; ++power) {
    db->exec("INSERT INTO t (d, f) VALUES (1e" + std::to_string(power) + ", 1e" +
             std::to_string(power) + "), (123e" + std::to_string(power) + ", 123e" +
             std::to_string(power) + ")");
  }
  EXPECT_EQ(sync_one().outcome, Outcome::done);
  EXPECT_EQ(copy.digests_differ(db->socket_url(), "t", "d"), Texts{});
  EXPECT_EQ(copy.digests_differ(db->socket_url(), "t", "f"), Texts{});
}

}  // namespace
}  // namespace sluice
