// SPDX-License-Identifier: Apache-2.0
#include <set>

#include "contract/duckdb_source_fixture.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;
using test::has;
using test::thrown;

struct Typed {
  const char* declared;
  std::vector<const char*> values;
};

/// Every type, with the values that a sloppy path through text, ints or doubles would change.
const std::vector<Typed> kTypes{
    {"BOOLEAN", {"true", "false"}},
    {"TINYINT", {"-128", "127"}},
    {"SMALLINT", {"-32768"}},
    {"INTEGER", {"-2147483648"}},
    {"BIGINT", {"-9223372036854775808"}},
    {"HUGEINT",
     {"'-170141183460469231731687303715884105728'::HUGEINT",
      "170141183460469231731687303715884105727"}},
    {"UTINYINT", {"255"}},
    {"USMALLINT", {"65535"}},
    {"UINTEGER", {"4294967295"}},
    {"UBIGINT", {"18446744073709551615"}},
    {"UHUGEINT", {"340282366920938463463374607431768211455"}},
    {"BIGNUM", {"'123456789012345678901234567890123456789012345678901234567890'"}},
    {"FLOAT", {"'nan'", "'-infinity'", "1e-45", "16777216"}},
    {"DOUBLE", {"'nan'", "'infinity'", "5e-324", "0.1"}},
    {"DECIMAL(4,1)", {"-999.9"}},
    {"DECIMAL(38,0)", {"99999999999999999999999999999999999999"}},
    {"DECIMAL(38,38)", {"0.00000000000000000000000000000000000001"}},
    {"VARCHAR", {"''", "'O''Brien \U0001F600 '", "'a' || chr(10) || chr(0) || 'b'"}},
    {"VARCHAR COLLATE NOCASE", {"'A'", "'a'"}},
    {"BLOB", {"''", "'\\x00\\xFF'"}},
    {"BIT", {"'0'", "'10101010101'"}},
    {"DATE", {"'infinity'", "'-infinity'", "'0044-03-15 (BC)'", "'5881580-07-10'"}},
    {"TIME", {"'24:00:00'", "'23:59:59.999999'"}},
    {"TIME_NS", {"'23:59:59.999999999'"}},
    {"TIMETZ", {"'23:59:59.999999+15:59'", "'00:00:00-15:59'"}},
    {"TIMESTAMP",
     {"'infinity'", "'-infinity'", "'294247-01-10 04:00:54.775806'", "'0044-03-15 (BC) 01:02:03'"}},
    {"TIMESTAMPTZ", {"'infinity'", "'2026-03-29 02:30:00.000001+02'"}},
    {"TIMESTAMP_S", {"'2026-01-02 03:04:05'", "'infinity'"}},
    {"TIMESTAMP_MS", {"'2026-01-02 03:04:05.678'"}},
    {"TIMESTAMP_NS", {"'2026-01-02 03:04:05.678901234'", "'infinity'"}},
    {"INTERVAL", {"'1 month'", "'30 days'", "INTERVAL '-1 year 2 days 3.000001 seconds'"}},
    {"UUID", {"'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"}},
    {"JSON", {"'{\"b\": 1,  \"a\": 1.10, \"a\": null}'"}},
    {"ENUM('sad', 'it''s', 'ha\"ppy', '')", {"'it''s'", "''"}},
    {"mood", {"'sad'", "'happy'"}},
    {"other.kind[]", {"['b', NULL, 'a']"}},
    {"whole", {"42"}},
    {"point", {"{'x': 1, 'm': 'sad'}"}},
    {"INTEGER[]", {"[]", "[NULL]", "[1, 2]"}},
    {"INTEGER[][3]", {"[[1], NULL, []]"}},
    {"TIMESTAMPTZ[]", {"['2026-01-01 00:00:00+00']"}},
    {"STRUCT(\"odd \"\"name\" INTEGER, \"select\" mood)",
     {"{'odd \"name': NULL, 'select': 'happy'}"}},
    {"MAP(VARCHAR, INTEGER[])", {"MAP {'': [1], 'k': NULL}"}},
    {"MAP(mood, point)", {"MAP {'sad': {'x': 1, 'm': 'happy'}}"}},
    {"UNION(number INTEGER, word VARCHAR, feeling mood)",
     {"union_value(word := '1')", "union_value(number := 1)"}},
    {"GEOMETRY", {"'POINT (1 2)'"}},
    {"VARIANT", {"1::VARIANT", "{'a': [1, 2]}::VARIANT"}},
};

TEST_F(DuckdbSource, EveryTypeArrivesIdentical) {
  std::vector<std::string> statements{
      "CREATE SCHEMA other", "CREATE TYPE mood AS ENUM ('sad', 'happy')",
      "CREATE TYPE other.kind AS ENUM ('a', 'b')", "CREATE TYPE whole AS INTEGER",
      "CREATE TYPE point AS STRUCT(x INTEGER, m mood)"};
  for (std::size_t i = 0; i < kTypes.size(); ++i) {
    const std::string table = "t" + std::to_string(i);
    statements.push_back("CREATE TABLE " + table + " (c " + kTypes[i].declared + ")");
    statements.push_back("INSERT INTO " + table + " VALUES (NULL)");
    for (const char* value : kTypes[i].values) {
      statements.push_back("INSERT INTO " + table + " VALUES (" + value + ")");
    }
  }
  make("s.duckdb", statements);
  const auto source = open_source("s.duckdb");
  const auto destination =
      duckdb_file::destination(database_, {.path = path("d.duckdb"), .storage = "v1.5.0"});
  duck::Connection connection = database_.connect();
  for (std::size_t i = 0; i < kTypes.size(); ++i) {
    SCOPED_TRACE(kTypes[i].declared);
    const std::string name = "t" + std::to_string(i);
    const Table table = table_of(*source, {"main", name});
    const std::string original = "sluice_source.main." + name;
    const std::string copy = "sluice_destination.main." + name;
    ASSERT_EQ(table.columns.size(), 1U);
    EXPECT_EQ(connection.canonical_type(table.columns[0].type), table.columns[0].type);
    connection.query("CREATE TABLE " + copy + " (c " + table.columns[0].type + ")");
    connection.query("INSERT INTO " + copy + " SELECT * FROM " + plan_of(*source, table).relation);
    EXPECT_EQ(connection.describe("FROM " + copy), connection.describe("FROM " + original));
    EXPECT_EQ(rows(copy), rows(original));
    EXPECT_EQ(rows(copy).size(), kTypes[i].values.size() + 1);
  }
}

TEST_F(DuckdbSource, DiscoversTablesKeysAndReplicationKeys) {
  make("s.duckdb",
       {"CREATE SCHEMA \"odd \"\"schema\"",
        "CREATE TABLE orders (id INTEGER, \"B b\" VARCHAR, g INTEGER AS (id * 2), z INTEGER NOT "
        "NULL, "
        "Modified_At DATE, \"UPDATED_AT\" TIMESTAMPTZ, PRIMARY KEY (\"B b\", id), UNIQUE (z))",
        "COMMENT ON TABLE orders IS 'what was bought'", "COMMENT ON COLUMN orders.z IS 'zed'",
        "INSERT INTO orders (id, \"B b\", z) SELECT range, 'x', range FROM range(5000)",
        "CREATE TABLE two_uniques (a INTEGER NOT NULL, b INTEGER NOT NULL, c INTEGER, d INTEGER "
        "NOT NULL, "
        "UNIQUE (c), UNIQUE (a, b), UNIQUE (d), last_modified BIGINT, updated_at VARCHAR)",
        "CREATE TABLE nothing (a INTEGER UNIQUE, created_at TIMESTAMP)",
        "CREATE TABLE \"odd \"\"schema\".\"select \U0001F600\" (\"from\" INTEGER PRIMARY KEY)",
        "CREATE SCHEMA _sluice", "CREATE TABLE _sluice.state (i INTEGER)",
        "CREATE TABLE _sluice_load_orders (i INTEGER)", "CREATE VIEW v AS SELECT * FROM orders",
        "CREATE TEMP TABLE fleeting (i INTEGER)"});
  const auto source = open_source("s.duckdb");
  const Catalog catalog = source->discover({});
  std::vector<std::string> names;
  for (const Table& table : catalog.tables) names.push_back(table.name.text());
  EXPECT_EQ(names, (std::vector<std::string>{"main.nothing", "main.orders", "main.two_uniques",
                                             "odd \"schema.select \U0001F600"}));
  EXPECT_TRUE(catalog.skipped.empty());

  const Table& orders = catalog.tables[1];
  EXPECT_EQ(orders.primary_key, (std::vector<std::string>{"B b", "id"}));
  EXPECT_EQ(orders.key_origin, KeyOrigin::primary);
  EXPECT_EQ(std::ranges::count(orders.indexed, "UPDATED_AT"), 1);
  EXPECT_EQ(orders.comment, "what was bought");
  EXPECT_EQ(orders.rows, 5000U);
  EXPECT_GT(orders.bytes, 0U);
  ASSERT_EQ(orders.columns.size(), 6U);
  EXPECT_EQ(orders.columns[2].name, "g");
  EXPECT_EQ(orders.columns[2].type, "INTEGER");
  EXPECT_EQ(orders.columns[3].comment, "zed");
  EXPECT_FALSE(orders.columns[3].nullable);
  EXPECT_TRUE(orders.columns[4].nullable);
  EXPECT_EQ(orders.columns[5].type, "TIMESTAMP WITH TIME ZONE");

  const Table& uniques = catalog.tables[2];
  EXPECT_EQ(uniques.primary_key, (std::vector<std::string>{"d"}));
  EXPECT_EQ(uniques.key_origin, KeyOrigin::unique);
  EXPECT_FALSE(catalog.tables[0].has_key());

  const Plan generated = plan_of(*source, orders, only({orders.columns[0], orders.columns[2]}));
  EXPECT_EQ(rows("(SELECT sum(id), sum(g) FROM " + generated.relation + ")"),
            (Rows{"12497500|24995000"}));
  const Table& odd = catalog.tables[3];
  EXPECT_TRUE(rows(plan_of(*source, odd).relation).empty());
}

TEST_F(DuckdbSource, ViewsAppearOnlyWhenNamed) {
  make("s.duckdb",
       {"CREATE TABLE a AS SELECT 1 AS i, now() AS updated_at", "CREATE SCHEMA q",
        "CREATE VIEW v AS SELECT i + 1 AS j, updated_at FROM a", "ALTER TABLE a RENAME TO b",
        "CREATE TABLE a AS SELECT 5 AS other", "CREATE VIEW w AS SELECT other FROM a"});
  const auto source = open_source("s.duckdb");
  EXPECT_EQ(source->discover({}).tables.size(), 2U);
  const Table view = table_of(*source, {"main", "w"});
  EXPECT_TRUE(view.view);
  EXPECT_EQ(rows(plan_of(*source, view).relation), (Rows{"5"}));
  const auto snapshot = source->snapshot(std::vector{view});
  EXPECT_FALSE(snapshot->proof(view).possible);
  const Catalog with_broken =
      source->discover(std::vector<TableName>{{"main", "v"}, {"main", "none"}});
  EXPECT_EQ(with_broken.tables.size(), 2U);
  ASSERT_EQ(with_broken.skipped.size(), 1U);
  EXPECT_EQ(with_broken.skipped[0].name.name, "v");
}

TEST_F(DuckdbSource, SnapshotSaysWhatIsMissing) {
  make("s.duckdb", {"CREATE TABLE a (i INTEGER)"});
  const auto source = open_source("s.duckdb");
  Table gone;
  gone.name = {"main", "gone"};
  const auto snapshot = source->snapshot(std::vector{gone, table_of(*source, {"main", "a"})});
  ASSERT_EQ(snapshot->tables().size(), 2U);
  EXPECT_EQ(std::get<Error>(snapshot->tables()[0]).fault(), Fault::schema);
  EXPECT_EQ(std::get<Table>(snapshot->tables()[1]).name.name, "a");
  EXPECT_TRUE(snapshot->settled(snapshot->witness()));
  EXPECT_TRUE(has(snapshot->instant(), "+00, file ")) << snapshot->instant();
  snapshot->check_alive({"main", "a"});
  EXPECT_EQ(thrown([&] { source->reader(*snapshot, {}, {}); }).fault(), Fault::internal);
}

class DuckdbPlan : public DuckdbSource {
 protected:
  void SetUp() override {
    make("s.duckdb",
         {"CREATE TABLE t (id INTEGER PRIMARY KEY, updated_at TIMESTAMPTZ, note VARCHAR)",
          "INSERT INTO t VALUES (1, '2026-01-01 00:00:00+00', 'a'), (2, '2026-01-02 00:00:00+00', "
          "'b'), "
          "(3, '2026-01-02 00:00:00+00', 'c'), (4, NULL, 'd'), (5, '2999-01-01 00:00:00+00', 'e'), "
          "(6, 'infinity', 'f')"});
    source_ = open_source("s.duckdb");
    table_ = table_of(*source_, {"main", "t"});
  }
  Rows ids(const Table& table, Read read = {}) {
    read.columns = {*table.column("id")};
    return rows(plan_of(*source_, table, read).relation);
  }
  std::unique_ptr<Source> source_;
  Table table_;
};

TEST_F(DuckdbPlan, HoldsTheWholeTableAndNoChunks) {
  const Plan plan = plan_of(*source_, table_);
  EXPECT_TRUE(plan.chunks.empty());
  EXPECT_EQ(plan.rows, 6U);
  EXPECT_EQ(ids(table_), (Rows{"1", "2", "3", "4", "5", "6"}));
}

TEST_F(DuckdbPlan, TheLowerBoundIsInclusiveAndNullKeysComeAlong) {
  EXPECT_EQ(ids(table_, since("2026-01-02 00:00:00+00")), (Rows{"2", "3", "4", "5", "6"}));
  EXPECT_EQ(ids(table_, since("2026-01-02 01:00:00+01")), (Rows{"2", "3", "4", "5", "6"}));
}

TEST_F(DuckdbPlan, TheMarkIsNotBeyondTheAttach) {
  const std::optional<std::string> mark = plan_of(*source_, table_).until;
  ASSERT_TRUE(mark);
  EXPECT_EQ(
      rows("(SELECT '" + *mark + "'::TIMESTAMPTZ BETWEEN now() - INTERVAL '10 minutes' AND now())"),
      (Rows{"true"}))
      << *mark;
  table_.where = "updated_at < '2026-06-01'";
  EXPECT_EQ(plan_of(*source_, table_).until, "2026-01-02 00:00:00+00");
  table_.where = "updated_at IS NULL";
  EXPECT_EQ(plan_of(*source_, table_).until, std::nullopt);
}

TEST_F(DuckdbPlan, TheUsersRowsAndStartLimitEveryRead) {
  table_.where = "note <> 'b' -- not this one";
  EXPECT_EQ(ids(table_), (Rows{"1", "3", "4", "5", "6"}));
  EXPECT_EQ(ids(table_, since("2026-01-02 00:00:00+00")), (Rows{"3", "4", "5", "6"}));
  table_.start = "2026-01-02 00:00:00+00";
  EXPECT_EQ(ids(table_), (Rows{"3", "5", "6"}));
  EXPECT_EQ(ids(table_, keyed({{"1"}, {"3"}, {"2"}})), (Rows{"3"}));
}

TEST_F(DuckdbPlan, MarksOfEveryKeyTypeReadBackAsThemselves) {
  make("k.duckdb",
       {"CREATE TABLE d AS SELECT DATE '2999-01-01' AS updated_at",
        "CREATE TABLE s AS SELECT '2999-01-01'::TIMESTAMP_S AS updated_at",
        "CREATE TABLE ms AS SELECT '2999-01-01'::TIMESTAMP_MS AS updated_at",
        "CREATE TABLE ns AS SELECT '2026-01-01 00:00:00.123456789'::TIMESTAMP_NS AS updated_at",
        "CREATE TABLE ts AS SELECT '2999-01-01'::TIMESTAMP AS updated_at",
        "CREATE TABLE h AS SELECT '170141183460469231731687303715884105727'::HUGEINT AS "
        "updated_at"});
  const auto source = open_source("k.duckdb");
  for (const std::string name : {"d", "s", "ms", "ns", "ts", "h"}) {
    const Table table = table_of(*source, {"main", name});
    const std::optional<std::string> mark = plan_of(*source, table).until;
    ASSERT_TRUE(mark) << name;
    const std::string type = table.columns[0].type;
    if (name == "ns") {
      EXPECT_EQ(*mark, "2026-01-01 00:00:00.123456789");
    }
    if (name == "h") {
      EXPECT_EQ(*mark, "170141183460469231731687303715884105727");
    }
    if (name != "h") {
      EXPECT_EQ(rows("(SELECT '" + *mark + "'::" + type + " <= (now() AT TIME ZONE 'UTC'))"),
                (Rows{"true"}))
          << *mark;
    }
    EXPECT_EQ(rows(plan_of(*source, table, since(*mark)).relation).size(), 1U) << name;
    const auto snapshot = source->snapshot(std::vector{table});
    EXPECT_EQ(snapshot->proof(table).possible, name == "h") << name;
  }
}

TEST_F(DuckdbSource, FindsRowsByKeysOfAnyType) {
  make("s.duckdb",
       {"CREATE TYPE mood AS ENUM ('sad', 'it''s')",
        "CREATE TABLE t (b BLOB, w VARCHAR COLLATE NOCASE, m mood, d DOUBLE, z TIMESTAMPTZ, u "
        "UUID, v INTEGER, "
        "PRIMARY KEY (b, w, m, d, z, u))",
        "INSERT INTO t VALUES "
        "('\\x00\\xFF', 'A', 'sad', 0.1, '2026-01-01 00:00:00+00', "
        "'00000000-0000-0000-0000-000000000001', 1), "
        "('', 'a', 'it''s', 'nan', 'infinity', '00000000-0000-0000-0000-000000000001', 2), "
        "('\\x00\\xFF', 'B''', 'sad', 0.1, '2026-01-01 00:00:00+00', "
        "'00000000-0000-0000-0000-000000000001', 3)"});
  const auto source = open_source("s.duckdb");
  const Table table = table_of(*source, {"main", "t"});
  Read read = only({*table.column("v")});
  const std::string uuid = "00000000-0000-0000-0000-000000000001";
  const std::string day = "2026-01-01 00:00:00+00";
  read.keys = {{"00FF", "A", "sad", "0.1", day, uuid},
               {"", "a", "it's", "nan", "infinity", uuid},
               {"00FF", "b'", "sad", "0.1", day, uuid},
               {"FF", "A", "sad", "0.1", day, uuid}};
  EXPECT_EQ(rows(plan_of(*source, table, read).relation), (Rows{"1", "2"}));
  read.keys.clear();
  for (int i = 0; i < 20'000; ++i)
    read.keys.push_back({"00FF", std::to_string(i), "sad", "0.1", day, uuid});
  read.keys.push_back({"00FF", "B'", "sad", "0.1", day, uuid});
  EXPECT_EQ(rows(plan_of(*source, table, read).relation), (Rows{"3"}));
  read.keys = {{"00FF"}};
  EXPECT_EQ(thrown([&] { plan_of(*source, table, read); }).fault(), Fault::internal);
}

TEST_F(DuckdbSource, CollatedTextComparesByteByByteFromHereOn) {
  make("s.duckdb",
       {"CREATE TABLE t (c VARCHAR COLLATE NOCASE, n VARCHAR)",
        "INSERT INTO t VALUES ('A', 'x'), ('a', 'x')", "CREATE VIEW v AS SELECT c FROM t"});
  const auto source = open_source("s.duckdb");
  for (const std::string name : {"t", "v"}) {
    const std::string relation = plan_of(*source, table_of(*source, {"main", name})).relation;
    EXPECT_EQ(rows("(SELECT count(*) FROM " + relation + " WHERE c = 'a')"), (Rows{"1"}));
    EXPECT_EQ(rows("(SELECT count(*) FROM (SELECT c FROM " + relation + " GROUP BY c))"),
              (Rows{"2"}));
  }
}

TEST_F(DuckdbSource, AChosenTypeHoldsValuesExactlyOrFails) {
  make("s.duckdb",
       {"CREATE TABLE t (d DOUBLE, i BIGINT, v VARCHAR)",
        "INSERT INTO t VALUES (1.5, 7, '1.50'), (NULL, NULL, NULL)",
        "CREATE TABLE bad AS SELECT 1.2345::DOUBLE AS d, 300::BIGINT AS i, '1.239' AS v"});
  const auto source = open_source("s.duckdb");
  const std::vector<std::string> types{"DECIMAL(9,2)", "TINYINT", "DECIMAL(9,2)"};
  Table table = table_of(*source, {"main", "t"});
  for (std::size_t i = 0; i < 3; ++i) table.columns[i].type = types[i];
  EXPECT_EQ(rows(plan_of(*source, table).relation), (Rows{"1.50|7|1.50", "NULL|NULL|NULL"}));
  const auto described =
      database_.connect().describe("SELECT * FROM " + plan_of(*source, table).relation);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(described[i].second, types[i]);

  Table bad = table_of(*source, {"main", "bad"});
  for (std::size_t i = 0; i < 3; ++i) {
    Column column = bad.columns[i];
    column.type = types[i];
    const Error error = thrown([&] { plan_of(*source, bad, only({column})); });
    EXPECT_EQ(error.fault(), Fault::misfit);
    EXPECT_EQ(error.column(), column.name);
    EXPECT_TRUE(has(error.what(), "column " + column.name + " holds 1 value")) << error.what();
    column.misfit = Misfit::null;
    EXPECT_EQ(plan_of(*source, bad, only({column})).misfits, 1U);
    EXPECT_EQ(rows(plan_of(*source, bad, only({column})).relation), (Rows{"NULL"}));
    column.type = "VARCHAR";
    EXPECT_EQ(rows(plan_of(*source, bad, only({column})).relation).count("NULL"), 0U);
  }
}

TEST_F(DuckdbSource, TextThatAChosenTypeWouldRoundIsAMisfit) {
  struct Chosen {
    std::string type, text;
    bool fits;
  };
  const std::vector<Chosen> all{{"INTEGER", "1.0000000000000000001", false},
                                {"INTEGER", " 7.000 ", true},
                                {"HUGEINT", "170141183460469231731687303715884105727", true},
                                {"DECIMAL(38,0)", "99999999999999999999999999999999999999", true},
                                {"DECIMAL(38,30)", "0.0000000000000000000000000000012", false},
                                {"DECIMAL(38,30)", "-0.000000000000000000000000000001", true},
                                {"DATE", "2026-01-02", true},
                                {"DATE", "2026-01-02 03:04:05", false},
                                {"TIMESTAMP", "2026-01-02 03:04:05.123456", true},
                                {"TIMESTAMP", "2026-01-02 03:04:05.123456789", false}};
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::string name = "t" + std::to_string(i);
    make("s.duckdb", {"CREATE TABLE " + name + " (v VARCHAR)",
                      "INSERT INTO " + name + " VALUES ('" + all[i].text + "'), (NULL)"});
    const auto source = open_source("s.duckdb");
    Table table = table_of(*source, {"main", name});
    table.columns[0].type = all[i].type;
    table.columns[0].misfit = Misfit::null;
    EXPECT_EQ(plan_of(*source, table).misfits, all[i].fits ? 0U : 1U)
        << all[i].text << " as " << all[i].type;
  }
}

}  // namespace
}  // namespace sluice
