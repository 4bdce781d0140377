// SPDX-License-Identifier: Apache-2.0
// Values that do not fit the type they land in, types that a user chose, and text of other
// charsets.
#include <gmock/gmock.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "contract/postgres_types_fixture.h"

namespace sluice {
namespace {

using testing::Copy;
using ::testing::HasSubstr;
using testing::PostgresDatabase;
using testing::PostgresServer;
using testing::PostgresSession;
using testing::Texts;

TEST_F(PostgresTypesTest, AFirstLoadGivesWayToText) {
  struct Widened {
    const char* type;
    Texts values;  // as the server prints them
    const char* reason;
  };
  std::vector<Widened> all{
      {"numeric", {"1.10", "0.0000000000000000001", "NaN"}, "DECIMAL(38,18)"},
      {"numeric", {"100000000000000000000", "1"}, "DECIMAL(38,18)"},
      {"numeric", {"NaN", "-1.000"}, "DECIMAL(38,18)"},
      {"int4[]", {"{1,NULL}", "{{1,2},{3,4}}"}, "INTEGER[]"},
      {"int4[]", {"[0:1]={1,2}", "{}"}, "INTEGER[]"},
      {"int4[][]", {"{1}", "{{1}}"}, "INTEGER[][]"},
      {"numeric[]", {"{1.50,NaN}", "{}"}, "DECIMAL(38,18)[]"},
      {"date[]", {"{\"0044-03-15 BC\"}", "[2:2]={infinity}"}, "DATE[]"},
      {"varbit", {"", "101"}, "BIT"},
      {"listed", {"({{1}},1.5)", "(,)"}, "STRUCT(l INTEGER[], n DECIMAL(38,18))"},
      {"listed", {"(,NaN)"}, "STRUCT(l INTEGER[], n DECIMAL(38,18))"},
  };
  if (version >= 14) all.push_back({"numeric", {"Infinity", "-Infinity"}, "DECIMAL(38,18)"});
  db->exec("CREATE TYPE listed AS (l int[], n numeric)");
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::string name = "t" + std::to_string(i);
    db->exec("CREATE TABLE " + name + " (id int PRIMARY KEY, v " + all[i].type +
             ", other numeric)");
    // The misfit comes after many rows that were good.
    db->exec("INSERT INTO " + name + " SELECT i, NULL, 1 FROM generate_series(1, 5000) i");
    int id = 5000;
    for (const std::string& each : all[i].values) {
      db->exec("INSERT INTO " + name + " VALUES (" + std::to_string(++id) + ", '" + each + "')");
    }
  }
  const RunResult result = sync();
  EXPECT_EQ(result.exit_code(), 0);
  ASSERT_EQ(result.receipts.size(), all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::string name = "t" + std::to_string(i);
    SCOPED_TRACE(std::string(all[i].type) + " " + all[i].values[0]);
    EXPECT_EQ(copy.columns(name), (Texts{"id INTEGER", "v VARCHAR", "other DECIMAL(38,18)"}));
    EXPECT_EQ(copy.query("SELECT v FROM public." + name + " WHERE v IS NOT NULL ORDER BY id"),
              all[i].values);
    EXPECT_EQ(copy.query("SELECT count(*)::VARCHAR FROM public." + name)[0],
              std::to_string(5000 + all[i].values.size()));
    const auto receipt = std::find_if(result.receipts.begin(), result.receipts.end(),
                                      [&](const Receipt& each) { return each.table.name == name; });
    ASSERT_NE(receipt, result.receipts.end());
    ASSERT_EQ(receipt->notes.empty(), false);
    EXPECT_THAT(receipt->notes, ::testing::Contains(HasSubstr("column v holds values that " +
                                                              std::string(all[i].reason))));
    EXPECT_EQ(receipt->misfits, 0U);
  }
  // And so it stays: the next run compares text with text.
  for (const Receipt& each : sync().receipts) {
    EXPECT_EQ(each.inserted + each.updated + each.deleted, 0U) << each.table.text() << each.error;
  }
}

TEST_F(PostgresTypesTest, AMisfitThatMayNotBeTextFailsItsTableAndTheLastGoodCopyStays) {
  struct Refused {
    std::string type, good, bad, says;
    int since = 10;
  };
  const std::vector<Refused> all{
      {"numeric(6,2)", "1.25", "NaN", "v: NaN does not fit DECIMAL(6,2)"},
      {"numeric", "1.250000000000000000", "1e30",
       "v: 1000000000000000000000000000000 does not fit DECIMAL(38,18)"},
      {"timestamp", "2026-01-01 00:00:00", "294276-12-31 00:00:00",
       "v: 294276-12-31 00:00:00.000000 does not fit TIMESTAMP"},
      {"timestamptz", "2026-01-01 00:00:00+00", "294276-12-31 00:00:00+00",
       "v: 294276-12-31 00:00:00.000000+00 does not fit TIMESTAMP WITH TIME ZONE"},
      {"date", "2026-01-01", "5881580-07-11", "v: 5881580-07-11 does not fit DATE", 99},
      {"int4[]", "[1]", "{{1}}", "v: an array [1:1][1:1] does not fit INTEGER[]"},
      {"interval", "1 day", "infinity", "v: infinity does not fit INTERVAL", 17},
  };
  for (const Refused& each : all) {
    if (version < each.since) continue;
    SCOPED_TRACE(each.type);
    const Copy target;
    db->exec("DROP TABLE IF EXISTS t; CREATE TABLE t (id int, \"k 2\" text, v " + each.type +
             ", PRIMARY KEY (id, \"k 2\")); INSERT INTO t VALUES (1, 'x', '" +
             (each.type == "int4[]" ? "{1}" : each.good) + "')");
    ASSERT_EQ(target.sync(db->socket_url()).exit_code(), 0);
    db->exec("INSERT INTO t VALUES (42, 'key', '" + each.bad + "')");
    const RunResult result = target.sync(db->socket_url());
    ASSERT_EQ(result.receipts.size(), 1U);
    const Receipt& receipt = result.receipts[0];
    EXPECT_EQ(receipt.outcome, Outcome::failed);
    EXPECT_EQ(receipt.fault, Fault::misfit);
    EXPECT_NE(result.exit_code(), 0);
    EXPECT_EQ(receipt.table.text(), "public.t");
    EXPECT_THAT(receipt.error, HasSubstr(each.says));
    EXPECT_THAT(receipt.error, HasSubstr("(in the row with id 42, k 2 'key')"));
    EXPECT_THAT(receipt.hint, HasSubstr("--misfit null"));
    EXPECT_THAT(receipt.hint, HasSubstr("public.t.v=VARCHAR"));
    EXPECT_EQ(target.values("t", "v"), (Texts{each.good}));
  }
}

TEST_F(PostgresTypesTest, AFirstLoadThatFailsPublishesNothing) {
  db->exec(
      "CREATE TABLE t (id int PRIMARY KEY, v numeric(6,2)); CREATE TABLE u (id int PRIMARY "
      "KEY); INSERT INTO t VALUES (1, 1), (2, 'NaN'); INSERT INTO u VALUES (1)");
  const RunResult result = sync();
  EXPECT_EQ(result.exit_code(), 3);
  EXPECT_EQ(copy.query("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'public' AND "
                       "NOT starts_with(table_name, '_sluice')"),
            (Texts{"u"}));
}

TEST_F(PostgresTypesTest, MisfitNullIsCounted) {
  db->exec(
      "CREATE TABLE t (id int PRIMARY KEY, n numeric, a int[], ts timestamp);"
      "INSERT INTO t VALUES (1, 'NaN', '{{1}}', '294276-12-31'), (2, 1, '{1}', 'infinity'),"
      " (3, NULL, NULL, NULL), (4, 1e-30, '[0:0]={1}', '2026-01-01')");
  const Receipt receipt = sync_one([](TableOptions& options) { options.misfit = Misfit::null; });
  EXPECT_EQ(receipt.outcome, Outcome::done) << receipt.error;
  EXPECT_EQ(receipt.misfits, 5U);
  EXPECT_EQ(copy.columns("t"),
            (Texts{"id INTEGER", "n DECIMAL(38,18)", "a INTEGER[]", "ts TIMESTAMP"}));
  EXPECT_EQ(copy.values("t", "n"), (Texts{"NULL", "1.000000000000000000", "NULL", "NULL"}));
  EXPECT_EQ(copy.values("t", "a"), (Texts{"NULL", "[1]", "NULL", "NULL"}));
  EXPECT_EQ(copy.values("t", "ts"), (Texts{"NULL", "infinity", "NULL", "2026-01-01 00:00:00"}));
}

TEST_F(PostgresTypesTest, MisfitIsSaidOfOneColumn) {
  db->exec(
      "CREATE TABLE t (id int PRIMARY KEY, a numeric, b numeric, c numeric(4,2));"
      "INSERT INTO t VALUES (1, 'NaN', 'NaN', 'NaN')");
  const Receipt receipt = sync_one([](TableOptions& options) {
    options.misfits = {{"a", Misfit::null}, {"c", Misfit::text}};
  });
  EXPECT_EQ(receipt.outcome, Outcome::done) << receipt.error;
  EXPECT_EQ(receipt.misfits, 1U);
  EXPECT_EQ(copy.columns("t"), (Texts{"id INTEGER", "a DECIMAL(38,18)", "b VARCHAR", "c VARCHAR"}));
  EXPECT_EQ(copy.values("t", "c"), (Texts{"NaN"}));
}

TEST_F(PostgresTypesTest, TypesAreChosen) {
  db->exec(
      "CREATE TABLE t (id int PRIMARY KEY, d numeric, f numeric, s numeric, b int, w int8,"
      " a numeric[], j jsonb, ts timestamptz, c char(4));"
      "INSERT INTO t VALUES (1, 12345.6789, 0.1, 1.10, 7, 127, '{1.5,NULL}', '{\"a\": 1}',"
      " '2026-01-01 00:00+00', 'x'), (2, NULL, 'NaN', 'NaN', NULL, NULL, NULL, NULL,"
      " NULL, NULL)");
  const Receipt receipt = sync_one([](TableOptions& options) {
    options.types = {{"d", "decimal(18,4)"}, {"f", "double"},   {"s", "text"},
                     {"b", "bigint"},        {"w", "tinyint"},  {"a", "varchar[]"},
                     {"j", "varchar"},       {"ts", "varchar"}, {"c", "varchar"}};
  });
  ASSERT_EQ(receipt.outcome, Outcome::done) << receipt.error;
  EXPECT_EQ(copy.columns("t"),
            (Texts{"id INTEGER", "d DECIMAL(18,4)", "f DOUBLE", "s VARCHAR", "b BIGINT",
                   "w TINYINT", "a VARCHAR[]", "j VARCHAR", "ts VARCHAR", "c VARCHAR"}));
  EXPECT_EQ(copy.values("t", "d")[0], "12345.6789");
  EXPECT_EQ(copy.values("t", "f"), (Texts{"0.1", "nan"}));
  EXPECT_EQ(copy.values("t", "s"), (Texts{"1.10", "NaN"}));
  EXPECT_EQ(copy.values("t", "b")[0], "7");
  EXPECT_EQ(copy.values("t", "w")[0], "127");
  EXPECT_EQ(copy.values("t", "a")[0], "[1.5, NULL]");
  EXPECT_EQ(copy.values("t", "j")[0], "{\"a\": 1}");
  EXPECT_EQ(copy.values("t", "ts")[0], "2026-01-01 00:00:00+00");
  EXPECT_EQ(copy.values("t", "c")[0], "x   ");
}

TEST_F(PostgresTypesTest, ATypeThatCannotBeIsRefusedWithThoseThatCan) {
  db->exec("CREATE TABLE t (id int PRIMARY KEY, n numeric)");
  const Receipt receipt = sync_one([](TableOptions& options) { options.types = {{"n", "DATE"}}; });
  EXPECT_EQ(receipt.outcome, Outcome::refused);
  EXPECT_EQ(receipt.fault, Fault::config);
  EXPECT_THAT(receipt.error, HasSubstr("column n cannot land as DATE"));
  EXPECT_THAT(receipt.hint, HasSubstr("VARCHAR, DECIMAL(38,18)"));
  EXPECT_THAT(receipt.hint, HasSubstr("DOUBLE"));
}

/// A database of another encoding. Statements reach it as they are written here.
class Encoded {
 public:
  Encoded(const PostgresDatabase& beside, const std::string& encoding)
      : name_(beside.name() + "_other"), session_(PostgresServer::instance().socket_url()) {
    session_.exec("CREATE DATABASE " + name_ + " ENCODING '" + encoding +
                  "' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'");
  }
  ~Encoded() {
    try {
      session_.exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" +
                    name_ + "'");
      session_.exec("DROP DATABASE " + name_);
    } catch (const std::runtime_error&) {  // it goes with the cluster
    }
  }
  Encoded(const Encoded&) = delete;
  Encoded& operator=(const Encoded&) = delete;
  std::string url() const { return PostgresServer::instance().socket_url(name_); }
  void exec(const std::string& client_encoding, const std::string& sql) const {
    PostgresSession session(url());
    session.exec("SET client_encoding = '" + client_encoding + "'");
    session.exec(sql);
  }

 private:
  std::string name_;
  PostgresSession session_;
};

TEST_F(PostgresTypesTest, TextThatIsNoUtf8IsNamedWithItsPlace) {
  const Encoded ascii(*db, "SQL_ASCII");
  ascii.exec("SQL_ASCII", R"(CREATE TABLE t (id int PRIMARY KEY, v text, x xid, a text[]);
    INSERT INTO t VALUES (1, 'ä€', '1', '{ä}'), (2, E'caf\xe9', '2', ARRAY[E'\xff']))");
  const RunResult failed = copy.sync(ascii.url());
  ASSERT_EQ(failed.receipts.size(), 1U);
  EXPECT_EQ(failed.receipts[0].outcome, Outcome::failed);
  EXPECT_EQ(failed.receipts[0].fault, Fault::misfit);
  EXPECT_EQ(failed.receipts[0].table.text(), "public.t");
  EXPECT_THAT(failed.receipts[0].error,
              HasSubstr("column v: \\x636166e9 does not fit VARCHAR: not valid UTF-8 (in the row "
                        "with id 2)"));
  EXPECT_THAT(failed.receipts[0].hint, HasSubstr("--misfit null"));

  SyncOptions options;
  options.defaults.misfit = Misfit::null;
  const RunResult counted = copy.sync(ascii.url(), options);
  ASSERT_EQ(counted.receipts.size(), 1U);
  EXPECT_EQ(counted.receipts[0].outcome, Outcome::done) << counted.receipts[0].error;
  EXPECT_EQ(counted.receipts[0].misfits, 2U);
  EXPECT_EQ(copy.values("t", "v"), (Texts{"ä€", "NULL"}));
  EXPECT_EQ(copy.values("t", "a"), (Texts{"[ä]", "NULL"}));
}

TEST_F(PostgresTypesTest, TextOfAnotherCharsetArrivesAsUtf8) {
  const Encoded latin(*db, "LATIN1");
  latin.exec("UTF8",
             "CREATE TABLE t (id int PRIMARY KEY, \"é\" text, a text[]); INSERT INTO t VALUES"
             " (1, 'café', '{ä}'), (2, repeat('ü', 100000), NULL)");
  EXPECT_EQ(copy.sync(latin.url()).exit_code(), 0);
  std::string long_text;
  for (int i = 0; i < 100000; ++i) long_text += "ü";
  EXPECT_EQ(copy.values("t", "é"), (Texts{"café", long_text}));
  EXPECT_EQ(copy.values("t", "a"), (Texts{"[ä]", "NULL"}));
}

}  // namespace
}  // namespace sluice
