// SPDX-License-Identifier: Apache-2.0
// Every type of DuckDB's through text: the copy is what `duckdb:` makes of the same database.
#include <set>
#include <string>

#include "contract/motherduck_endpoint_fixture.h"

namespace sluice::testing {
namespace {

struct OfType {
  const char* type;
  const char* values;  ///< a list of them, as SQL
};

/// Ends of ranges, what prints oddly, and what a text could be mistaken for.
const OfType kTypes[] = {
    {"BOOLEAN", "[true, false]"},
    {"TINYINT", "[-128, 127]"},
    {"SMALLINT", "[-32768, 32767]"},
    {"INTEGER", "[-2147483648, 2147483647]"},
    {"BIGINT", "[-9223372036854775808, 9223372036854775807]"},
    {"UTINYINT", "[0, 255]"},
    {"USMALLINT", "[0, 65535]"},
    {"UINTEGER", "[0, 4294967295]"},
    {"UBIGINT", "[0, 18446744073709551615]"},
    {"HUGEINT",
     "['-170141183460469231731687303715884105728', '170141183460469231731687303715884105727']"},
    {"UHUGEINT", "['0', '340282366920938463463374607431768211455']"},
    {"BIGNUM", "['-123456789012345678901234567890123456789012345678901234567890', '0', '7']"},
    {"FLOAT", "['nan', 'inf', '-inf', '-0.0', '0.1', '1e-45', '3.4028235e38', '16777217']"},
    {"DOUBLE",
     "['nan', 'inf', '-inf', '-0.0', '0.1', '5e-324', '1.7976931348623157e308', "
     "'0.30000000000000004', '1e22', '123456789.123456789']"},
    {"DECIMAL(4,1)", "[-999.9, 0.1]"},
    {"DECIMAL(18,4)", "[-12345678901234.5678, 0.0001]"},
    {"DECIMAL(38,10)", "['-1234567890123456789012345678.0123456789', '0']"},
    {"DECIMAL(38,38)", "['0.00000000000000000000000000000000000001']"},
    {"VARCHAR",
     "['', ' ', 'NULL', 'null', '\\N', '\\x41', 'ä€🦆', e'tab\\tline\\nreturn\\r', '''\"', "
     "'a' || chr(0) || 'b', repeat('long ', 5000)]"},
    {"BLOB", "['\\x00\\xFF'::BLOB, ''::BLOB, '\\x5C\\x78'::BLOB, 'plain \\x27\\x22'::BLOB]"},
    {"BIT", "['0', '101', '000000001', '1111111111111111111']"},
    {"UUID", "['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff']"},
    {"JSON", "['{\"a\": [1, null]}', '\"x\"', 'null']"},
    {"DATE", "['infinity', '-infinity', '0044-03-15 (BC)', '5877642-06-25 (BC)', '5881580-07-10']"},
    {"TIME", "['00:00:00', '23:59:59.999999', '24:00:00']"},
    {"TIME_NS", "['00:00:00', '23:59:59.999999999', '00:00:00.000000001']"},
    {"TIME WITH TIME ZONE", "['00:00:00+15:59:59', '23:59:59.999999-15:59:59', '12:00:00+05:45']"},
    {"TIMESTAMP",
     "['infinity', '-infinity', '1969-12-31 23:59:59.999999', '290309-12-22 (BC) 00:00:00', "
     "'294247-01-10 04:00:54.775806']"},
    {"TIMESTAMP_S", "['infinity', '0001-01-01 00:00:00', '9999-12-31 23:59:59']"},
    {"TIMESTAMP_MS", "['-infinity', '1969-12-31 23:59:59.999', '2026-01-01 00:00:00.001']"},
    {"TIMESTAMP_NS", "['infinity', '1677-09-22 00:00:00', '2262-04-11 23:47:16.854775806']"},
    {"TIMESTAMP WITH TIME ZONE",
     "['infinity', '-infinity', '1883-11-18 12:00:00+00', '2026-03-29 01:30:00.000001+00', "
     "'290309-12-22 (BC) 00:00:00+00']"},
    {"INTERVAL",
     "['0', '1 month', '30 days', '720 hours', '-1 year 2 months -3 days 04:05:06.789', "
     "'-00:00:00.000001', '178956970 years', '-2147483648 days']"},
    {"ENUM('sad', 'it''s', '')", "['sad', 'it''s', '']"},
    {"INTEGER[]", "[[], [1, NULL, -3], [NULL]]"},
    {"VARCHAR[]", "[['a', 'b, c', '[x]', '''', '\"', '', ' ', 'NULL', NULL, '\\'], []]"},
    {"DOUBLE[][]", "[[[1.5], [], NULL], [['nan'::DOUBLE]]]"},
    {"BLOB[]", "[['\\x00\\xFF'::BLOB, 'a,b'::BLOB, '\\x5C'::BLOB]]"},
    {"TIMESTAMP WITH TIME ZONE[]", "[['1883-11-18 12:00:00+00', NULL]]"},
    {"INTEGER[3]", "[[1, NULL, 3]]"},
    {"STRUCT(a INTEGER, b VARCHAR)",
     "[{'a': 1, 'b': 'x, ''b'': y}'}, {'a': NULL, 'b': NULL}, {'a': 2, 'b': 'NULL'}]"},
    {"STRUCT(\"odd, \"\"name\" INTEGER[], n STRUCT(d DATE))",
     "[{'odd, \"name': [1], 'n': {'d': DATE '2026-01-01'}}]"},
    {"MAP(VARCHAR, INTEGER)", "[MAP {'a=b': 1, '': NULL, '{': 3}, MAP {}]"},
};

TEST_F(MotherduckEndpoint, EveryTypeArrivesAsFromTheFileItself) {
  std::size_t number = 0;
  for (const OfType& each : kTypes) {
    const std::string table = "t" + std::to_string(++number);
    service_.exec("CREATE TABLE " + table + " (id INTEGER PRIMARY KEY, v " + each.type + ");" +
                  "INSERT INTO " + table + " VALUES (0, NULL); INSERT INTO " + table +
                  " SELECT row_number() OVER (), v FROM (SELECT unnest(CAST(" + each.values +
                  " AS " + each.type + "[])) AS v)");
  }
  const RunResult result = run();
  for (const Receipt& each : result.receipts) {
    const std::size_t at = std::stoul(each.table.name.substr(1)) - 1;
    EXPECT_EQ(each.error, "") << kTypes[at].type;
    if (each.error.empty()) expect_equal(each.table.name);
  }
  ASSERT_EQ(result.receipts.size(), number);

  Copy direct;
  direct.sync("duckdb:" + service_.stop(), options_);
  for (std::size_t i = 1; i <= number; ++i) {
    const std::string table = "t" + std::to_string(i);
    EXPECT_EQ(copy_.columns(table), direct.columns(table));
    EXPECT_EQ(copy_.values(table, "v"), direct.values(table, "v")) << kTypes[i - 1].type;
  }
}

/// Random bits of each type that has no holes: nothing that a list of values forgot.
TEST_F(MotherduckEndpoint, RandomValuesArriveExactly) {
  service_.exec(
      "SELECT setseed(0.42); CREATE TABLE t AS SELECT i AS id, "
      "(random() * 2 - 1) * 10 ** (random() * 600 - 300) AS d, "
      "((random() * 2 - 1) * 10 ** (random() * 70 - 35))::FLOAT AS f, "
      "make_timestamp((random() * 2e17 - 1e17)::BIGINT) AS ts, "
      "make_timestamptz((random() * 2e17 - 1e17)::BIGINT) AS tz, "
      "make_timestamp_ns((random() * 8e18 - 4e18)::BIGINT) AS ns, "
      "to_months((random() * 1e6 - 5e5)::INTEGER) + to_days((random() * 1e6 - 5e5)::INTEGER) + "
      "to_microseconds((random() * 1e15 - 5e14)::BIGINT) AS iv, "
      "unhex(md5(random()::VARCHAR)) AS bytes, "
      "[chr((random() * 120 + 1)::INTEGER) || chr((random() * 120 + 1)::INTEGER), ''] AS texts, "
      "{'k': chr((random() * 120 + 1)::INTEGER), 'v': random()} AS st "
      "FROM range(20000) r(i)");
  const RunResult result = run();
  EXPECT_EQ(result.receipts.at(0).error, "");
  expect_equal("t");
}

/// DuckDB 1.5.6 prints both so that it reads another value, or none.
TEST_F(MotherduckEndpoint, ANestedValueWhoseTextIsAmbiguousIsAnErrorOfItsTable) {
  service_.exec(
      "CREATE TABLE a (id INTEGER PRIMARY KEY, v VARCHAR[2]);"
      "INSERT INTO a SELECT i, ['x', 'y'] FROM range(2000) r(i); INSERT INTO a VALUES (-1, ['', "
      "'\"']);"
      "CREATE TABLE s (id INTEGER PRIMARY KEY, v STRUCT(n STRUCT(t VARCHAR)));"
      "INSERT INTO s SELECT i, {'n': {'t': 'x'}} FROM range(1000) r(i);"
      "INSERT INTO s VALUES (-1, {'n': {'t': '}'}});"
      "CREATE TABLE z (id INTEGER PRIMARY KEY, v VARCHAR[2]); INSERT INTO z VALUES (1, ['a', '']), "
      "(2, NULL)");
  options_.retries = 3;
  options_.parallel = 1;
  const RunResult result = run();
  ASSERT_EQ(result.receipts.size(), 3U);
  for (const std::size_t i : {0U, 1U}) {
    EXPECT_TRUE(has(result.receipts[i].error, "column v holds a")) << result.receipts[i].error;
    EXPECT_FALSE(result.receipts[i].fault == Fault::connection);
  }
  EXPECT_EQ(result.receipts[2].error, "");
  expect_equal("z");
}

TEST_F(MotherduckEndpoint, TypesWhoseTextDoesNotSayTheValueAreLeftOutAndNamed) {
  service_.exec(
      "CREATE TABLE u (id INTEGER PRIMARY KEY, v UNION(a INTEGER, b VARCHAR));"
      "CREATE TABLE l (id INTEGER PRIMARY KEY, v UNION(a INTEGER, b VARCHAR)[]);"
      "CREATE TABLE good (id INTEGER PRIMARY KEY); INSERT INTO good VALUES (1)");
  duck::Database database;
  const auto source = source_at(database, service_.url(), service_.token());
  const Catalog catalog = source->discover({});
  ASSERT_EQ(catalog.tables.size(), 1U);
  EXPECT_EQ(catalog.tables[0].name.name, "good");
  std::set<std::string> skipped;
  for (const Skipped& each : catalog.skipped) {
    skipped.insert(each.name.name);
    EXPECT_TRUE(has(each.why, "column v") && has(each.why, "UNION")) << each.why;
    EXPECT_TRUE(has(each.hint, "via=postgres")) << each.hint;
  }
  EXPECT_EQ(skipped, (std::set<std::string>{"l", "u"}));
}

}  // namespace
}  // namespace sluice::testing
