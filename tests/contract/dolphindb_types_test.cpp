// SPDX-License-Identifier: Apache-2.0
// Values of every type of DolphinDB, at its ends, through whole runs into a DuckDB file. What is
// expected is written in DuckDB's own SQL.
#include <limits>

#include "support/dolphindb_copy_test.h"

namespace sluice {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

struct Values {
  const char* name;
  const char* type;
  const char* stored;    ///< SQL of the values as on the wire, in rows of "id"s from 0 on
  const char* landed;    ///< the DuckDB type
  const char* expected;  ///< SQL of the same values in the copy
};
void PrintTo(const Values& each, std::ostream* out) { *out << each.name; }
std::string values_name(const ::testing::TestParamInfo<Values>& each) { return each.param.name; }

class DolphindbTypes : public DolphindbTest {
 protected:
  void begin_with(const std::string& type, const std::string& stored) {
    begin();
    create("t", type, stored);
  }
  void create(const std::string& name, const std::string& type, const std::string& stored) const {
    cluster->create(
        {.database = "dfs://types", .name = name, .columns = {{"id", "LONG"}, {"v", type}}});
    if (!stored.empty())
      exec("INSERT INTO \"dfs://types\"." + name +
           " SELECT row_number() OVER () - 1, v FROM (VALUES " + stored + ") x(v)");
  }
  Texts copied() const { return copy.values("t", "v"); }
  Texts wanted(const std::string& expected, const std::string& type) const {
    return cluster->query("SELECT v::" + type + "::VARCHAR FROM (VALUES " + expected + ") x(v)");
  }
};

class DolphindbEveryType : public DolphindbTypes, public ::testing::WithParamInterface<Values> {};

TEST_P(DolphindbEveryType, LandsWithEveryValueAndNull) {
  const Values& is = GetParam();
  // Where arrays are NULL the server sends [NULL].
  const std::string null = std::string(is.type).ends_with("[]") ? "" : ", (NULL)";
  begin_with(is.type, is.stored + null);
  good_sync("t", url("types"));
  EXPECT_THAT(copy.columns("t"), ElementsAre("id BIGINT", "v " + std::string(is.landed)));
  const Texts expected = wanted(is.expected + null, is.landed);
  EXPECT_EQ(copied(), expected);
  // What is there already is not written again; what is new is found, by digests or by rows.
  exec("INSERT INTO \"dfs://types\".t SELECT id + 1000, v FROM \"dfs://types\".t");
  EXPECT_EQ(good_sync("t", url("types")).inserted, expected.size());
  Texts twice = expected;
  twice.insert(twice.end(), expected.begin(), expected.end());
  EXPECT_EQ(copied(), twice);
  const Verified verified = copy.verify(url("types"), Sync::Repair::no, options).at(0);
  EXPECT_TRUE(verified.equal()) << verified.how << verified.error << verified.changed;
  copy.damage("UPDATE t SET v = NULL WHERE id = 0");
  EXPECT_EQ(copy.verify(url("types"), Sync::Repair::no, options).at(0).equal(),
            expected[0] == "NULL");
}

INSTANTIATE_TEST_SUITE_P(
    Of, DolphindbEveryType,
    ::testing::Values(
        Values{"Bool", "BOOL", "(true), (false)", "BOOLEAN", "(true), (false)"},
        Values{"Char", "CHAR", "(127::TINYINT), (-127), (0)", "TINYINT", "(127), (-127), (0)"},
        Values{"Short", "SHORT", "(32767::SMALLINT), (-32767)", "SMALLINT", "(32767), (-32767)"},
        Values{"Int", "INT", "(2147483647), (-2147483647)", "INTEGER",
               "(2147483647), (-2147483647)"},
        Values{"Long", "LONG", "(9223372036854775807), (-9223372036854775807), (9007199254740993)",
               "BIGINT", "(9223372036854775807), (-9223372036854775807), (9007199254740993)"},
        Values{
            "Float", "FLOAT",
            "(3.4028235e38::FLOAT), (1e-45::FLOAT), (-1.5::FLOAT), (0.1::FLOAT), ('nan'::FLOAT), "
            "('inf'::FLOAT), ('-inf'::FLOAT)",
            "FLOAT",
            "(3.4028235e38::FLOAT), (1e-45::FLOAT), (-1.5::FLOAT), (0.1::FLOAT), ('nan'::FLOAT), "
            "('inf'::FLOAT), ('-inf'::FLOAT)"},
        Values{
            "Double", "DOUBLE",
            "(1.7976931348623157e308::DOUBLE), (5e-324::DOUBLE), (0.1::DOUBLE), ('nan'::DOUBLE), "
            "('-inf'::DOUBLE), (37.774929::DOUBLE)",
            "DOUBLE",
            "(1.7976931348623157e308::DOUBLE), (5e-324::DOUBLE), (0.1::DOUBLE), ('nan'::DOUBLE), "
            "('-inf'::DOUBLE), (37.774929::DOUBLE)"},
        Values{"String", "STRING", "('plain'), ('\xE4\xB8\xAD\xF0\x9F\x90\xAC'), ('  '), ('')",
               "VARCHAR", "('plain'), ('\xE4\xB8\xAD\xF0\x9F\x90\xAC'), ('  '), (NULL)"},
        Values{"LongString", "STRING", "(repeat('x', 70000)), ('NULL'), ('\"q\\'), (E'a\\nb')",
               "VARCHAR", "(repeat('x', 70000)), ('NULL'), ('\"q\\'), (E'a\\nb')"},
        Values{"Symbol", "SYMBOL", "('AAPL'), ('AAPL'), ('\xE4\xB8\xAD'), ('')", "VARCHAR",
               "('AAPL'), ('AAPL'), ('\xE4\xB8\xAD'), (NULL)"},
        Values{"Blob", "BLOB", "('\\x00\\xFFa'::BLOB), ('x'::BLOB)", "BLOB",
               "('\\x00\\xFFa'::BLOB), ('x'::BLOB)"},
        Values{
            "Uuid", "UUID",
            "('5d212a78-cc48-e3b1-4235-b4d91473ee87'::UUID), "
            "('ffffffff-ffff-ffff-ffff-ffffffffffff'::UUID), "
            "('80000000-0000-0000-0000-000000000001'::UUID)",
            "UUID",
            "('5d212a78-cc48-e3b1-4235-b4d91473ee87'), ('ffffffff-ffff-ffff-ffff-ffffffffffff'), "
            "('80000000-0000-0000-0000-000000000001')"},
        Values{"Int128", "INT128", "(int128('e1671797c52e15f763380b45e841ec32'))", "VARCHAR",
               "('e1671797c52e15f763380b45e841ec32')"},
        Values{"Ipaddr", "IPADDR", "(ipaddr4(192, 168, 1, 13)), (ipaddr4(255, 255, 255, 255))",
               "VARCHAR", "('192.168.1.13'), ('255.255.255.255')"},
        Values{"Date", "DATE", "(0), (19723), (-719162), (2932896), (-36524)", "DATE",
               "('1970-01-01'), ('2024-01-01'), ('0001-01-01'), ('9999-12-31'), ('1870-01-01')"},
        Values{"Month", "MONTH", "(24288), (23639), (12)", "DATE",
               "('2024-01-01'), ('1969-12-01'), ('0001-01-01')"},
        Values{"Time", "TIME", "(0), (86399999), (11045123)", "TIME",
               "('00:00:00'), ('23:59:59.999'), ('03:04:05.123')"},
        Values{"Minute", "MINUTE", "(0), (1439)", "TIME", "('00:00:00'), ('23:59:00')"},
        Values{"Second", "SECOND", "(0), (86399)", "TIME", "('00:00:00'), ('23:59:59')"},
        Values{"Datetime", "DATETIME", "(0), (2147483647), (-2147483647), (-1)", "TIMESTAMP",
               "('1970-01-01 00:00:00'), ('2038-01-19 03:14:07'), ('1901-12-13 20:45:53'), "
               "('1969-12-31 23:59:59')"},
        Values{"Timestamp", "TIMESTAMP", "(0::BIGINT), (1704164645123), (-1), (253402300799999)",
               "TIMESTAMP",
               "('1970-01-01 00:00:00'), ('2024-01-02 03:04:05.123'), ('1969-12-31 23:59:59.999'), "
               "('9999-12-31 23:59:59.999')"},
        Values{"Nanotime", "NANOTIME", "(0::BIGINT), (86399999999999), (11045123456789)", "TIME_NS",
               "('00:00:00'), ('23:59:59.999999999'), ('03:04:05.123456789')"},
        Values{"Nanotimestamp", "NANOTIMESTAMP",
               "(0::BIGINT), (1704164645123456789), (-1), (9223372036854775806)", "TIMESTAMP_NS",
               "('1970-01-01 00:00:00'), ('2024-01-02 03:04:05.123456789'), "
               "('1969-12-31 23:59:59.999999999'), ('2262-04-11 23:47:16.854775806')"},
        Values{"Datehour", "DATEHOUR", "(0), (473379), (-1)", "TIMESTAMP",
               "('1970-01-01 00:00:00'), ('2024-01-02 03:00:00'), ('1969-12-31 23:00:00')"},
        Values{"Complex", "COMPLEX", "({'a': 1.5::DOUBLE, 'b': -2.5::DOUBLE})",
               "STRUCT(re DOUBLE, im DOUBLE)", "({'re': 1.5, 'im': -2.5})"},
        Values{"Point", "POINT", "({'a': 0.1::DOUBLE, 'b': 7.0::DOUBLE})",
               "STRUCT(x DOUBLE, y DOUBLE)", "({'x': 0.1, 'y': 7})"},
        Values{"Decimal32", "DECIMAL32(4)", "(99999.9999::DECIMAL(10,4)), (-1.25), (0)",
               "DECIMAL(9,4)", "(99999.9999), (-1.25), (0)"},
        Values{"Decimal64", "DECIMAL64(0)",
               "(999999999999999999::DECIMAL(19,0)), (-999999999999999999)", "DECIMAL(18,0)",
               "(999999999999999999), (-999999999999999999)"},
        Values{"Decimal128", "DECIMAL128(10)",
               "(9999999999999999999999999999.9999999999::DECIMAL(38,10)), (-0.0000000001)",
               "DECIMAL(38,10)",
               "(9999999999999999999999999999.9999999999::DECIMAL(38,10)), (-0.0000000001)"},
        Values{"Doubles", "DOUBLE[]", "([1.5::DOUBLE, NULL, 2.0]), ([0.1])", "DOUBLE[]",
               "([1.5::DOUBLE, NULL, 2.0]), ([0.1])"},
        Values{
            "Nanotimestamps", "NANOTIMESTAMP[]", "([1::BIGINT, 1704164645123456789])",
            "TIMESTAMP_NS[]",
            "(['1970-01-01 00:00:00.000000001'::TIMESTAMP_NS, '2024-01-02 03:04:05.123456789'])"},
        Values{"Decimals", "DECIMAL64(2)[]", "([1.25::DECIMAL(19,2), -7.00])", "DECIMAL(18,2)[]",
               "([1.25, -7.00])"}),
    values_name);

TEST_F(DolphindbTypes, AnEmptyArrayIsNoNull) {
  begin_with("INT[]", "([]::INTEGER[]), ([NULL]::INTEGER[]), ([1, NULL, 2147483647])");
  good_sync("t", url("types"));
  EXPECT_EQ(copied(), (Texts{"[]", "[NULL]", "[1, NULL, 2147483647]"}));
}

TEST_F(DolphindbTypes, AChosenTypeHoldsWhatItCan) {
  begin();
  create("a", "NANOTIMESTAMP", "(1704164645123456000::BIGINT), (NULL)");
  create("b", "DATETIME", "(1704164645), (NULL)");
  create("c", "LONG", "(9223372036854775807), (NULL)");
  create("d", "DOUBLE[]", "([1.5::DOUBLE, NULL])");
  create("e", "TIMESTAMP", "(1704164645123), (NULL)");
  create("f", "DECIMAL64(4)", "(12.5000::DECIMAL(19,4))");
  create("g", "STRING", "('bytes')");
  create("h", "MONTH", "(24288)");
  const std::map<std::string, std::pair<std::string, std::string>> chosen = {
      {"a", {"TIMESTAMP", "2024-01-02 03:04:05.123456"}},
      {"b", {"TIMESTAMP WITH TIME ZONE", "2024-01-02 03:04:05+00"}},
      {"c", {"HUGEINT", "9223372036854775807"}},
      {"d", {"VARCHAR", "[1.5, NULL]"}},
      {"e", {"TIMESTAMP_NS", "2024-01-02 03:04:05.123"}},
      {"f", {"DECIMAL(9,1)", "12.5"}},
      {"g", {"BLOB", "bytes"}},
      {"h", {"VARCHAR", "2024-01-01"}}};
  for (const auto& [name, is] : chosen)
    options.table_options.emplace_back(
        "types." + name, [type = is.first](TableOptions& each) { each.types["v"] = type; });
  for (int run = 0; run < 2; ++run) {
    const RunResult result = copy.sync(url("types"), options);
    for (const auto& [name, is] : chosen) {
      EXPECT_EQ(receipt_of(result, name).error, "") << name;
      EXPECT_EQ(copy.columns(name)[1], "v " + is.first);
      EXPECT_EQ(copy.values(name, "v")[0], is.second) << name;
    }
    exec("INSERT INTO \"dfs://types\".e VALUES (7, 1704164645999), (8, NULL)");
  }
  EXPECT_EQ(copy.query("SELECT count(*) FROM public.e"), Texts{"4"});
}

TEST_F(DolphindbTypes, ATypeThatCannotHoldItIsRefusedInWords) {
  begin_with("DATE", "(0)");
  options.defaults.types["v"] = "UUID";
  const Receipt receipt = sync("t", url("types"));
  EXPECT_THAT(receipt.error, HasSubstr("column v is DATE, which cannot land as UUID"));
}

TEST_F(DolphindbTypes, WhatDoesNotFitLandsAsText) {
  begin_with("DECIMAL32(2)", "(1.25::DECIMAL(10,2)), (21474836.47), (NULL)");
  create("u", "TIMESTAMP", "(0::BIGINT), (9223372036854775807)");
  const RunResult result = copy.sync(url("types"), options);
  EXPECT_EQ(receipt_of(result, "t").error + receipt_of(result, "u").error, "");
  EXPECT_EQ(copy.columns("t")[1], "v VARCHAR");
  EXPECT_EQ(copied(), (Texts{"1.25", "21474836.47", "NULL"}));
  EXPECT_EQ(copy.columns("u")[1], "v VARCHAR");
  EXPECT_EQ(copy.values("u", "v")[0], "1970-01-01 00:00:00");
}

TEST_F(DolphindbTypes, WhatDoesNotFitFailsWhereThatIsWanted) {
  begin_with("DECIMAL32(2)", "(1.25::DECIMAL(10,2)), (21474836.47)");
  options.defaults.misfit = Misfit::fail;
  const Receipt receipt = sync("t", url("types"));
  EXPECT_EQ(receipt.fault, Fault::misfit);
  EXPECT_THAT(receipt.error, HasSubstr("column v: 21474836.47 does not fit DECIMAL(9,2)"));
  options.defaults.misfit = Misfit::null;
  EXPECT_EQ(good_sync("t", url("types")).misfits, 1U);
  EXPECT_EQ(copied(), (Texts{"1.25", "NULL"}));
}

TEST_F(DolphindbTypes, WhatIsNoTextIsNotTakenForOne) {
  begin_with("STRING", "('good'), ('bad')");
  const auto spoil = [&] {
    DolphindbFault fault;
    fault.change = [](std::string& bytes) {
      bytes.replace(bytes.find("bad"), 3,
                    "b\xFF"
                    "d");
    };
    cluster->fault("select id, v", fault);
  };
  spoil();
  const Receipt receipt = sync("t", url("types"));
  EXPECT_EQ(receipt.fault, Fault::misfit);
  EXPECT_THAT(receipt.error, HasSubstr("column v: a text of 3 bytes does not fit VARCHAR"));
  EXPECT_THAT(receipt.hint, HasSubstr("BLOB"));
  options.defaults.types["v"] = "BLOB";
  spoil();
  good_sync("t", url("types"));
  EXPECT_EQ(copied(), (Texts{"good", "b\\xFFd"}));
}

TEST_F(DolphindbTypes, AColumnThatCannotBeCopiedKeepsOnlyItsTableBack) {
  begin_with("INT", "(7)");
  create("odd", "INT", "(1)");
  // Of the two tables' schemas the first: "odd" comes before "t".
  DolphindbFault fault;
  fault.change = [](std::string& bytes) {
    const std::size_t at = bytes.find(std::string("INT\0", 4));
    ASSERT_NE(at, std::string::npos);
    bytes.replace(at, 3, "ANY");
    const std::size_t number = bytes.find(std::string("\5\0\0\0\4\0\0\0", 8));
    ASSERT_NE(number, std::string::npos);
    bytes[number + 4] = 25;
  };
  cluster->fault("schema(", fault);
  const RunResult result = copy.sync(url("types"), options);
  ASSERT_THAT(result.receipts, SizeIs(2));
  EXPECT_EQ(result.receipts[0].outcome, Outcome::skipped);
  EXPECT_THAT(result.receipts[0].error, HasSubstr("column v is ANY, which cannot be copied"));
  EXPECT_EQ(result.receipts[1].error, "");
  EXPECT_EQ(copied(), Texts{"7"});
  // And by leaving the column out it is.
}

}  // namespace
}  // namespace sluice
