// SPDX-License-Identifier: Apache-2.0
// Every kind of PostgreSQL value on the whole way: a real server, a run, a DuckDB file, and what a
// reader of that file sees.
#include <gmock/gmock.h>
#include <sys/resource.h>

#include <string>
#include <vector>

#include "contract/postgres_types_fixture.h"
#include "duck/duck.h"

namespace sluice {
namespace {

using testing::Copy;
using ::testing::HasSubstr;
using testing::Texts;

/// What a column of this type lands as. `literals` are SQL; where `printed` is empty, the server's
/// own text of each value is what is expected.
struct Case {
  std::string type;
  std::string landed;
  Texts literals;
  Texts printed;
  int since = 10;
};

Texts quoted_all(Texts texts, const std::string& prefix = "") {
  for (std::string& each : texts) each = prefix + duck::literal(each);
  return texts;
}

std::vector<Case> numbers() {
  const std::string nines(38, '9');
  return {
      {"bool", "BOOLEAN", {"true", "false"}, {"true", "false"}},
      {"int2", "SMALLINT", {"-32768", "32767"}, {"-32768", "32767"}},
      {"int4", "INTEGER", {"-2147483648", "2147483647"}, {"-2147483648", "2147483647"}},
      {"int8",
       "BIGINT",
       {"-9223372036854775808", "9223372036854775807"},
       {"-9223372036854775808", "9223372036854775807"}},
      {"oid", "UINTEGER", {"0", "4294967295"}, {"0", "4294967295"}},
      {"float4",
       "FLOAT",
       quoted_all({"NaN", "Infinity", "-Infinity", "1e-45", "3.4028235e38", "0.1", "-0"}),
       {"nan", "inf", "-inf", "1e-45", "3.4028235e+38", "0.1", "*"}},
      {"float8",
       "DOUBLE",
       quoted_all({"NaN", "Infinity", "-Infinity", "5e-324", "1.7976931348623157e308",
                   "0.30000000000000004", "2.2250738585072011e-308"}),
       {"nan", "inf", "-inf", "5e-324", "1.7976931348623157e+308", "0.30000000000000004",
        "2.225073858507201e-308"}},
      {"numeric(4,2)", "DECIMAL(4,2)", {"99.99", "-0.01", "0"}, {"99.99", "-0.01", "0.00"}},
      {"numeric(9,0)", "DECIMAL(9,0)", {"999999999", "-999999999"}, {"999999999", "-999999999"}},
      {"numeric(18,6)",
       "DECIMAL(18,6)",
       {"999999999999.999999", "-0.000001"},
       {"999999999999.999999", "-0.000001"}},
      {"numeric(38,0)", "DECIMAL(38,0)", {nines, "-" + nines}, {nines, "-" + nines}},
      {"numeric(38,38)",
       "DECIMAL(38,38)",
       {"0." + nines, "0"},
       {"." + nines, "." + std::string(38, '0')}},
      {"numeric(3,-2)", "DECIMAL(5,0)", {"12345", "-99900"}, {"12300", "-99900"}, 15},
      {"numeric(3,5)", "DECIMAL(5,5)", {"0.00123"}, {".00123"}, 15},
      {"numeric(39,1)",
       "VARCHAR",
       quoted_all({"12345678901234567890123456789012345678.9", "NaN", "1"}),
       {"12345678901234567890123456789012345678.9", "NaN", "1.0"}},
      {"numeric",
       "DECIMAL(38,18)",
       {"1.10", "99999999999999999999.999999999999999999", "-0.000000000000000001"},
       {"1.100000000000000000", "99999999999999999999.999999999999999999",
        "-0.000000000000000001"}},
  };
}

std::vector<Case> texts() {
  const std::string long_text(100000, 'x');
  return {
      {"text",
       "VARCHAR",
       quoted_all({"", " a ", "NULL", "\\N", "ä€😀", "twelve bytes", "thirteen byte", long_text}),
       {"", " a ", "NULL", "\\N", "ä€😀", "twelve bytes", "thirteen byte", long_text}},
      {"varchar(5)", "VARCHAR", quoted_all({"", "ab"}), {"", "ab"}},
      {"char(4)", "VARCHAR", quoted_all({"ab", "", "ä"}), {"ab  ", "    ", "ä   "}},
      {"char(4)[]", "VARCHAR[]", quoted_all({"{ab,NULL}"}), {"['ab  ', NULL]"}},
      {"\"char\"", "VARCHAR", {"'x'", "''", "(-28)::\"char\""}, {"x", "", "\\344"}},
      {"name", "VARCHAR", quoted_all({"a name"}), {"a name"}},
      {"mood", "VARCHAR", quoted_all({"ok", "so so"}), {"ok", "so so"}},
      {"bytea", "BLOB", quoted_all({"", "\\x00ff5c41"}), {"", "\\x00\\xFF\\x5CA"}},
      {"bit(1)", "BIT", {"B'1'", "B'0'"}, {"1", "0"}},
      {"bit(17)", "BIT", {"B'10101010101010101'"}, {"10101010101010101"}},
      {"varbit", "BIT", {"B'0'", "B'01'", "B'101010101'"}, {"0", "01", "101010101"}},
      {"uuid",
       "UUID",
       quoted_all({"00000000-0000-0000-0000-000000000000", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
                   "ffffffff-ffff-ffff-ffff-ffffffffffff"}),
       {"00000000-0000-0000-0000-000000000000", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        "ffffffff-ffff-ffff-ffff-ffffffffffff"}},
      {"json",
       "JSON",
       quoted_all({"{\"b\": 1.10,  \"a\":1, \"a\":2}", "null", "\"\"", "12345678901234567890.10"}),
       {"{\"b\": 1.10,  \"a\":1, \"a\":2}", "null", "\"\"", "12345678901234567890.10"}},
      {"jsonb",
       "JSON",
       quoted_all({"{\"b\": 1.10,  \"a\":1, \"a\":2}", "null"}),
       {"{\"a\": 2, \"b\": 1.10}", "null"}},
  };
}

std::vector<Case> times() {
  return {
      {"date",
       "DATE",
       quoted_all({"infinity", "-infinity", "0044-03-15 BC", "4714-11-24 BC", "5874897-12-31"}),
       {"infinity", "-infinity", "0044-03-15 (BC)", "4714-11-24 (BC)", "5874897-12-31"}},
      {"timestamp",
       "TIMESTAMP",
       quoted_all({"infinity", "-infinity", "4714-11-24 00:00:00 BC", "1999-12-31 23:59:59.999999",
                   "294247-01-10 04:00:54.775806"}),
       {"infinity", "-infinity", "4714-11-24 (BC) 00:00:00", "1999-12-31 23:59:59.999999",
        "294247-01-10 04:00:54.775806"}},
      {"timestamp(0)", "TIMESTAMP", quoted_all({"2026-11-21 04:05:06"}), {"2026-11-21 04:05:06"}},
      {"timestamptz",
       "TIMESTAMP WITH TIME ZONE",
       quoted_all({"infinity", "-infinity", "2026-11-21 04:05:06.5+02", "0001-01-01 00:00+00 BC"}),
       {"infinity", "-infinity", "2026-11-21 02:05:06.5+00", "0001-01-01 (BC) 00:00:00+00"}},
      {"time",
       "TIME",
       quoted_all({"00:00", "24:00", "23:59:59.999999"}),
       {"00:00:00", "24:00:00", "23:59:59.999999"}},
      {"timetz",
       "TIME WITH TIME ZONE",
       quoted_all({"24:00+15:59:59", "00:00-15:59:59", "12:34:56.000001+05:30"}),
       {"24:00:00+15:59:59", "00:00:00-15:59:59", "12:34:56.000001+05:30"}},
      {"interval",
       "INTERVAL",
       quoted_all(
           {"1 mon", "30 days", "720:00:00", "-1 mon +2 days -00:00:00.000001", "178000000 years"}),
       {"1 month", "30 days", "720:00:00", "-1 month 2 days -00:00:00.000001", "178000000 years"}},
  };
}

std::vector<Case> nested() {
  return {
      {"int4[]", "INTEGER[]", quoted_all({"{}", "{1,NULL,-3}"}), {"[]", "[1, NULL, -3]"}},
      {"int4[][]",
       "INTEGER[][]",
       quoted_all({"{}", "{{1,NULL},{3,4}}"}),
       {"[]", "[[1, NULL], [3, 4]]"}},
      {"int4[][][]", "INTEGER[][][]", quoted_all({"{{{1},{2}}}"}), {"[[[1], [2]]]"}},
      {"text[]", "VARCHAR[]", quoted_all({"{a,\"\",NULL,\"NULL\"}"}), {"[a, '', NULL, 'NULL']"}},
      {"numeric(6,2)[]", "DECIMAL(6,2)[]", quoted_all({"{1.5,NULL}"}), {"[1.50, NULL]"}},
      {"numeric[]", "DECIMAL(38,18)[]", quoted_all({"{1.5}"}), {"[1.500000000000000000]"}},
      {"timestamptz[]",
       "TIMESTAMP WITH TIME ZONE[]",
       quoted_all({"{infinity,2026-11-21 00:00+01}"}),
       {"[infinity, '2026-11-20 23:00:00+00']"}},
      {"uuid[]",
       "UUID[]",
       quoted_all({"{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}"}),
       {"[a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11]"}},
      {"bytea[]", "BLOB[]", {"ARRAY['\\x00'::bytea, NULL]"}, {"[\\x00, NULL]"}},
      {"jsonb[]", "JSON[]", {"ARRAY['1'::jsonb, NULL]"}, {"[1, NULL]"}},
      {"mood[]", "VARCHAR[]", quoted_all({"{ok,NULL}"}), {"[ok, NULL]"}},
      {"inet[]",
       "VARCHAR[]",
       quoted_all({"{10.0.0.1,NULL,::1/128}"}),
       {"[10.0.0.1/32, NULL, '::1/128']"}},
      {"pair",
       "STRUCT(a INTEGER, \"B b\" VARCHAR)",
       {"row(1,'x')", "row(NULL,'')", "row(NULL,NULL)"},
       {"{'a': 1, 'B b': x}", "{'a': NULL, 'B b': ''}", "{'a': NULL, 'B b': NULL}"}},
      {"pair[]",
       "STRUCT(a INTEGER, \"B b\" VARCHAR)[]",
       {"ARRAY[row(1,'x'),NULL,row(2,NULL)]::pair[]"},
       {"[{'a': 1, 'B b': x}, NULL, {'a': 2, 'B b': NULL}]"}},
      {"deep",
       "STRUCT(p STRUCT(a INTEGER, \"B b\" VARCHAR), l DECIMAL(6,2)[], t TIMESTAMP)",
       {"row(row(1,'x'),'{1.5,NULL}','infinity')", "row(NULL,NULL,NULL)"},
       {"{'p': {'a': 1, 'B b': x}, 'l': [1.50, NULL], 't': infinity}",
        "{'p': NULL, 'l': NULL, 't': NULL}"}},
      {"shrunk",
       "STRUCT(kept INTEGER, added VARCHAR)",
       {"row(1,'new')"},
       {"{'kept': 1, 'added': new}"}},
      {"addressed", "VARCHAR", {"row('10.0.0.1',2)"}, {"(10.0.0.1,2)"}},
      {"positive", "INTEGER", {"5"}, {"5"}},
      {"price", "DECIMAL(8,2)", {"5"}, {"5.00"}},
      {"grid", "INTEGER[][]", quoted_all({"{{1,2}}"}), {"[[1, 2]]"}},
      {"couple", "STRUCT(a INTEGER, \"B b\" VARCHAR)", {"row(1,'x')"}, {"{'a': 1, 'B b': x}"}, 11},
      {"positive[]", "INTEGER[]", {"'{1,NULL}'"}, {"[1, NULL]"}, 11},
      {"grid[]", "INTEGER[][][]", quoted_all({"{\"{{1,2}}\",NULL}"}), {"[[[1, 2]], NULL]"}, 11},
  };
}

std::vector<Case> others() {
  const auto same = [](const std::string& type, const Texts& literals, int since = 10) {
    return Case{type, "VARCHAR", quoted_all(literals), {}, since};
  };
  return {
      same("int4range", {"[1,5)", "empty", "(,)"}),
      same("tstzrange", {"[2026-01-01 00:00+02,infinity)"}),
      same("int4multirange", {"{[1,2),[5,9)}"}, 14),
      same("inet", {"10.0.0.1", "::1/64"}),
      same("cidr", {"10.0.0.0/8"}),
      same("macaddr", {"08:00:2b:01:02:03"}),
      same("money", {"-1234.5"}),
      same("point", {"(1.5,-2)"}),
      same("polygon", {"((0,0),(1,1),(0.1,0.30000000000000004))"}),
      same("tsvector", {"'a':1A 'cat':5", ""}),
      same("tsquery", {"'a' & !'b'"}),
      same("pg_lsn", {"16/B374D848"}),
      same("int2vector", {"1 2 3"}),
      same("regclass", {"pg_catalog.pg_class"}),
  };
}

TEST_F(PostgresTypesTest, EveryTypeLandsAsDocumentedWithEveryValue) {
  db->exec(R"(CREATE TYPE mood AS ENUM ('ok', 'so so', 'Sad');
    CREATE TYPE pair AS (a int, "B b" text);
    CREATE TYPE deep AS (p pair, l numeric(6,2)[], t timestamp);
    CREATE TYPE shrunk AS (gone int, kept int); ALTER TYPE shrunk DROP ATTRIBUTE gone;
    ALTER TYPE shrunk ADD ATTRIBUTE added text;
    CREATE TYPE addressed AS (i inet, n int);
    CREATE DOMAIN positive AS int CHECK (VALUE > 0); CREATE DOMAIN price AS numeric(8,2);
    CREATE DOMAIN grid AS int[][])");
  if (version >= 11) db->exec("CREATE DOMAIN couple AS pair");
  std::vector<Case> cases;
  for (const auto& group : {numbers(), texts(), times(), nested(), others()}) {
    std::copy_if(group.begin(), group.end(), std::back_inserter(cases),
                 [&](const Case& each) { return version >= each.since; });
  }
  constexpr std::size_t kRows = 10;  // more than any case has values: the rest is NULL
  std::string create = "CREATE TABLE odd (id int PRIMARY KEY";
  Texts landed{"id INTEGER"};
  for (std::size_t i = 0; i < cases.size(); ++i) {
    create += ", c" + std::to_string(i) + " " + cases[i].type;
    landed.push_back("c" + std::to_string(i) + " " + cases[i].landed);
  }
  db->exec(create + ")");
  for (std::size_t row = 0; row < kRows; ++row) {
    std::string insert = "INSERT INTO odd VALUES (" + std::to_string(row);
    for (const Case& each : cases) {
      insert += ", " + (row < each.literals.size() ? each.literals[row] : "NULL");
    }
    db->exec(insert + ")");
  }
  db->exec("CREATE TABLE keyless AS TABLE odd");

  const RunResult first = sync();
  ASSERT_EQ(first.exit_code(), 0) << first.receipts.at(0).error << first.receipts.at(1).error;
  EXPECT_EQ(copy.columns("odd"), landed);
  db->exec(
      "SET DateStyle = 'ISO'; SET TimeZone = 'UTC'; SET search_path = ''; SET "
      "extra_float_digits = 3");
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const std::string column = "c" + std::to_string(i);
    SCOPED_TRACE(cases[i].type);
    Texts expected = cases[i].printed;
    if (expected.empty()) {
      for (std::size_t row = 0; row < cases[i].literals.size(); ++row) {
        expected.push_back(db->value("SELECT " + column +
                                     "::text FROM public.odd WHERE id = " + std::to_string(row)));
      }
    }
    ASSERT_LT(expected.size(), kRows);
    expected.resize(kRows, "NULL");
    Texts found = copy.values("odd", column);
    ASSERT_EQ(found.size(), kRows);
    for (std::size_t row = 0; row < kRows; ++row) {
      if (expected[row] == "*") continue;  // the sign of zero is not promised
      EXPECT_EQ(found[row], expected[row]);
    }
  }

  // Server and copy digest every value alike, but for nested ones, which have no digest.
  for (std::size_t i = 0; i < cases.size() && version >= 11; ++i) {
    SCOPED_TRACE(cases[i].type);
    const Texts differing = copy.digests_differ(db->socket_url(), "odd", "c" + std::to_string(i));
    if (cases[i].landed.ends_with("]") || cases[i].landed.starts_with("STRUCT")) {
      ASSERT_EQ(differing.size(), 1U);
      EXPECT_THAT(differing[0], HasSubstr("of which the server has no digest"));
    } else {
      EXPECT_EQ(differing, Texts{});
    }
  }

  // A true copy verifies, whatever its types.
  for (const Verified& each : copy.verify(db->socket_url())) {
    EXPECT_TRUE(each.equal()) << each.table.text() << ": " << each.error << " "
                              << (each.examples.empty() ? "" : each.examples.front());
  }

  // What did not change is not written again, with a key or without one.
  const RunResult second = sync();
  EXPECT_EQ(second.exit_code(), 0);
  for (const Receipt& each : second.receipts) {
    EXPECT_EQ(each.inserted + each.updated + each.deleted, 0U) << each.table.text();
  }
}

TEST_F(PostgresTypesTest, ExtensionTypesLandAsText) {
  db->exec("CREATE TABLE t (id int PRIMARY KEY)");
  Texts columns{"id INTEGER"};
  const auto add = [&](const std::string& name, const std::string& type, const std::string& value) {
    db->exec("ALTER TABLE t ADD " + name + " " + type + " DEFAULT '" + value + "'");
    columns.push_back(name + " VARCHAR");
  };
  const std::vector<std::pair<std::string, std::string>> extensions{
      {"hstore", "\"a\"=>NULL, \"b\"=>\"\""}, {"citext", "MiXed"}};
  for (const auto& [name, value] : extensions) {
    try {
      db->exec("CREATE EXTENSION " + name);
      add(name, name, value);
    } catch (const std::runtime_error&) {  // a server without it
    }
  }
  try {
    add("x", "xml", "<a>1 &lt; 2</a>");
  } catch (const std::runtime_error&) {  // or without libxml
  }
  db->exec("INSERT INTO t (id) VALUES (1)");
  EXPECT_EQ(sync_one().outcome, Outcome::done);
  EXPECT_EQ(copy.columns("t"), columns);
  for (std::size_t i = 1; i < columns.size(); ++i) {
    const std::string name = columns[i].substr(0, columns[i].find(' '));
    EXPECT_EQ(copy.values("t", name)[0], db->value("SELECT " + name + "::text FROM t"));
  }
}

TEST_F(PostgresTypesTest, NullAndTheEmptyStringStayApart) {
  db->exec(
      "CREATE TABLE t (id int PRIMARY KEY, s text, b bytea, a text[]);"
      "INSERT INTO t VALUES (1, '', '', '{}'), (2, NULL, NULL, NULL), (3, '', NULL, '{\"\"}')");
  EXPECT_EQ(sync_one().outcome, Outcome::done);
  EXPECT_EQ(copy.values("t", "s"), (Texts{"", "NULL", ""}));
  EXPECT_EQ(copy.values("t", "b"), (Texts{"", "NULL", "NULL"}));
  EXPECT_EQ(copy.values("t", "a"), (Texts{"[]", "NULL", "['']"}));
  db->exec("UPDATE t SET s = NULL, a = '{NULL}' WHERE id = 1");
  EXPECT_EQ(sync_one().updated, 1U);
  EXPECT_EQ(copy.values("t", "s"), (Texts{"NULL", "NULL", ""}));
  EXPECT_EQ(copy.values("t", "a"), (Texts{"[NULL]", "NULL", "['']"}));
}

TEST_F(PostgresTypesTest, ColumnsKeepTheirOrderAndGeneratedOnesTravel) {
  const std::string generated =
      version >= 12 ? "GENERATED ALWAYS AS (id * 2) STORED" : "DEFAULT 14";
  db->exec("CREATE TABLE t (z text, gone int, \"Ä 😀\" int, \"select\" int, doubled int " +
           generated +
           ", id int PRIMARY KEY, a int); ALTER TABLE t DROP COLUMN gone;"
           "INSERT INTO t (id, z, \"select\") VALUES (7, 'z', 1)");
  EXPECT_EQ(sync_one().outcome, Outcome::done);
  EXPECT_EQ(copy.columns("t"), (Texts{"z VARCHAR", "Ä 😀 INTEGER", "select INTEGER",
                                      "doubled INTEGER", "id INTEGER", "a INTEGER"}));
  EXPECT_EQ(copy.values("t", "doubled"), (Texts{"14"}));
}

TEST_F(PostgresTypesTest, AColumnOfACompositeMayBeDroppedBetweenRuns) {
  db->exec(
      "CREATE TYPE c AS (a int, b text, d int); CREATE TABLE t (id int PRIMARY KEY, v c);"
      "INSERT INTO t VALUES (1, row(1, 'b', 2)), (2, NULL)");
  EXPECT_EQ(sync_one().outcome, Outcome::done);
  EXPECT_EQ(copy.values("t", "v"), (Texts{"{'a': 1, 'b': b, 'd': 2}", "NULL"}));
  db->exec("ALTER TYPE c DROP ATTRIBUTE b");
  const Receipt receipt = sync_one();
  EXPECT_TRUE(receipt.outcome == Outcome::done || receipt.outcome == Outcome::refused)
      << receipt.error;
  const Copy again;
  EXPECT_EQ(again.sync(db->socket_url()).exit_code(), 0);
  EXPECT_EQ(again.values("t", "v"), (Texts{"{'a': 1, 'd': 2}", "NULL"}));
}

TEST_F(PostgresTypesTest, ATableMayHave1600Columns) {
  std::string create = "CREATE TABLE t (";
  std::string select = "INSERT INTO t SELECT ";
  for (int i = 1; i <= 1600; ++i) {
    const std::string number = std::to_string(i);
    create += (i == 1 ? "c" : ", c") + number + " int";
    select += (i == 1 ? "r * " : ", r * ") + number;
  }
  db->exec(create + ", PRIMARY KEY (c1))");
  db->exec(select + " FROM generate_series(1, 3000) r");
  const Receipt receipt = sync_one();
  EXPECT_EQ(receipt.outcome, Outcome::done) << receipt.error;
  EXPECT_EQ(copy.columns("t").size(), 1600U);
  const std::int64_t sum = std::int64_t{3000} * 3001 / 2 * 1600 * 1601 / 2;
  EXPECT_EQ(copy.query("SELECT count(*) || ' ' || sum(v) FROM (UNPIVOT (FROM public.t) ON "
                       "COLUMNS(*) INTO NAME n VALUE v)")[0],
            "4800000 " + std::to_string(sum));
}

TEST_F(PostgresTypesTest, ALongValueTravelsInReasonableMemory) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers need several times the memory";
#endif
  db->exec(
      "CREATE TABLE t (id int PRIMARY KEY, v text);"
      "INSERT INTO t VALUES (1, 'short'), (2, repeat('0123456789abcdef', 13107200)),"
      " (3, 'short again')");
  EXPECT_EQ(sync_one().outcome, Outcome::done);
  // libpq's buffer, the message, DuckDB's string, what it writes: each a time or two.
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  RecordProperty("peak_rss_kb", static_cast<int>(used.ru_maxrss));
  EXPECT_LT(used.ru_maxrss, 1'500'000);
  EXPECT_EQ(copy.query("SELECT md5(v) FROM public.t ORDER BY id")[1],
            db->value("SELECT md5(v) FROM t WHERE id = 2"));
}

}  // namespace
}  // namespace sluice
