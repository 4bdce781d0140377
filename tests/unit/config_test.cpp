// SPDX-License-Identifier: Apache-2.0
#include "cli/config.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "engine/select.h"
#include "sluice/error.h"

namespace sluice::cli {
namespace {

using std::chrono::seconds;

std::vector<Connection> parse(const std::string& text, const std::vector<std::string>& names = {}) {
  return parse_config(text, "conf/sluice.yaml", names);
}

/// One connection with these lines in it, each indented by four.
Connection one(const std::string& lines) {
  return parse(
             "connections:\n  shop:\n    source: duckdb:/in.duckdb\n    destination: "
             "duckdb:/out.duckdb\n" +
             lines)
      .front();
}

std::string refusal(const std::string& text) {
  try {
    parse(text);
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::config);
    return std::string(error.what()) + " | " + error.hint();
  }
  return "accepted";
}

std::string refusal_of(const std::string& lines) {
  return refusal(
      "connections:\n  shop:\n    source: duckdb:/in.duckdb\n    destination: "
      "duckdb:/out.duckdb\n" +
      lines);
}

TableOptions of(const Connection& connection, const std::string& table) {
  return options_of(connection.sync, {"public", table});
}

TEST(Config, EveryKeyIsRead) {
  const Connection c = one(R"yaml(    password: secret
    schema: raw
    tables: ["public.*"]
    exclude: ["public.audit_*"]
    naming: fivetran
    new_tables: ignore
    parallel: 3
    memory: 512MB
    temp: /spill
    max_rate: 20MB
    snapshot: table
    publish: together
    idle_timeout: 1h
    unit_rows: 50000
    wait: 10m
    read_copy: /read.duckdb
    storage: v1.5.0
    verify: after-run
    defaults: {deletes: ignore, misfit: text}
    table_options:
      public.orders:
        mode: append
        strategy: full
        replication_key: updated_at
        key: [a, b]
        delete_check: never
        on_drift: refuse
        full_every: 1h30m
        misfit: {amount: "null"}
        columns: [a, b]
        exclude_columns: [card_number]
        types: {amount: "DECIMAL(18,4)"}
        where: "a > 1"
        start: "2026-01-01"
        overlap: 90s
        synced_at: true
)yaml");
  EXPECT_EQ(c.sync.connection, "shop");
  EXPECT_EQ(c.password.value.reveal(), "secret");
  EXPECT_EQ(c.sync.schema, "raw");
  EXPECT_EQ(c.sync.tables, std::vector<std::string>{"public.*"});
  EXPECT_EQ(c.sync.naming, Naming::fivetran);
  EXPECT_EQ(c.sync.new_tables, NewTables::ignore);
  EXPECT_EQ(c.sync.parallel, 3U);
  EXPECT_EQ(c.memory, 512'000'000U);
  EXPECT_EQ(c.max_rate, 20'000'000U);
  EXPECT_TRUE(c.sync.snapshot_per_table);
  EXPECT_EQ(c.sync.publish, Publish::together);
  EXPECT_EQ(c.sync.idle_timeout, seconds(3600));
  EXPECT_EQ(c.sync.unit_rows, 50'000U);
  EXPECT_EQ(c.wait, seconds(600));
  EXPECT_EQ(c.storage, "v1.5.0");
  EXPECT_TRUE(c.sync.verify_after_run);
  const TableOptions other = of(c, "customers");
  EXPECT_EQ(other.deletes, Deletes::ignore);
  EXPECT_EQ(other.misfit, Misfit::text);
  EXPECT_EQ(other.mode, Mode::mirror);
  const TableOptions orders = of(c, "orders");
  EXPECT_EQ(orders.mode, Mode::append);
  EXPECT_EQ(orders.strategy, Strategy::full);
  EXPECT_EQ(orders.replication_key, "updated_at");
  EXPECT_EQ(orders.key, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(orders.delete_check.kind, Cadence::Kind::never);
  EXPECT_EQ(orders.full_every->every, seconds(5400));
  EXPECT_EQ(orders.misfits.at("amount"), Misfit::null);
  EXPECT_EQ(orders.misfit, Misfit::text);
  EXPECT_EQ(orders.exclude_columns, std::vector<std::string>{"card_number"});
  EXPECT_EQ(orders.types.at("amount"), "DECIMAL(18,4)");
  EXPECT_EQ(orders.where, "a > 1");
  EXPECT_EQ(orders.start, "2026-01-01");
  EXPECT_EQ(orders.overlap, seconds(90));
  EXPECT_TRUE(orders.synced_at);
}

TEST(Config, LaterGlobsWin) {
  const Connection c = one(R"(    table_options:
      public.*: {deletes: ignore, replication_key: changed}
      public.orders: {deletes: hard}
)");
  EXPECT_EQ(of(c, "orders").deletes, Deletes::hard);
  EXPECT_EQ(of(c, "orders").replication_key, "changed");
  EXPECT_EQ(of(c, "lines").deletes, Deletes::ignore);
}

TEST(Config, KeyIsAListAWordOrDetect) {
  EXPECT_EQ(one("    defaults: {key: id}\n").sync.defaults.key, std::vector<std::string>{"id"});
  EXPECT_TRUE(one("    defaults: {key: detect}\n").sync.defaults.detect_key);
  EXPECT_FALSE(one("    defaults: {key: [detect]}\n").sync.defaults.detect_key);
}

TEST(Config, ExtendsTakesWhatTheOtherSays) {
  const auto all = parse(R"(connections:
  lake:
    extends: shop
    destination: "duckdb:/lake.duckdb"
    defaults: {misfit: fail}
  shop:
    source: duckdb:/in.duckdb
    destination: duckdb:/out.duckdb
    tables: ["public.*"]
    defaults: {deletes: ignore, misfit: text}
)");
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].sync.connection, "lake");
  EXPECT_EQ(all[0].source, "duckdb:/in.duckdb");
  EXPECT_EQ(all[0].destination, "duckdb:/lake.duckdb");
  EXPECT_EQ(all[0].sync.tables, std::vector<std::string>{"public.*"});
  EXPECT_EQ(all[0].sync.defaults.deletes, Deletes::ignore);
  EXPECT_EQ(all[0].sync.defaults.misfit, Misfit::fail);
}

TEST(Config, ExtendsInACircleIsRefused) {
  EXPECT_NE(refusal("connections:\n  a: {extends: b}\n  b: {extends: a}\n").find("in a circle"),
            std::string::npos);
  EXPECT_NE(refusal("connections:\n  shop: {source: x, destination: y}\n  b: {extends: shp}\n")
                .find("did you mean shop?"),
            std::string::npos);
}

TEST(Config, PathsAreRelativeToTheFile) {
  const Connection c = parse(R"(connections:
  shop:
    source: in.duckdb
    destination: "duckdb:out/w.duckdb"
    read_copy: ../read.duckdb
    password_file: secrets/pw
)")
                           .front();
  EXPECT_EQ(c.source, "duckdb:conf/in.duckdb");
  EXPECT_EQ(c.destination, "duckdb:conf/out/w.duckdb");
  EXPECT_EQ(c.read_copy, "read.duckdb");
  EXPECT_EQ(c.password.value.reveal(), "conf/secrets/pw");
}

TEST(Config, VariablesAreReplaced) {
  ::setenv("SLUICE_TEST_A", "x:y", 1);
  ::unsetenv("SLUICE_TEST_B");
  EXPECT_EQ(one("    schema: \"a${SLUICE_TEST_A}b $${SLUICE_TEST_A}\"\n").sync.schema,
            "ax:yb ${SLUICE_TEST_A}");
  EXPECT_EQ(refusal_of("    password: \"${SLUICE_TEST_B}\"\n"),
            "conf/sluice.yaml:5:15: the environment variable SLUICE_TEST_B is not set | "
            "export SLUICE_TEST_B=.. before running sluice");
}

TEST(Config, VariablesOfOtherConnectionsNeedNotBeSet) {
  ::unsetenv("SLUICE_TEST_B");
  const std::string text =
      "connections:\n  a: {source: a.duckdb, destination: b.duckdb}\n"
      "  b: {source: a.duckdb, destination: b.duckdb, password: \"${SLUICE_TEST_B}\"}\n";
  EXPECT_EQ(parse(text, {"a"}).size(), 1U);
}

TEST(Config, UnknownKeysAreRefusedWithPlaceAndMeaning) {
  EXPECT_EQ(refusal_of("    exlude: [a]\n"),
            "conf/sluice.yaml:5:5: unknown key \"exlude\" | did you mean exclude?");
  EXPECT_EQ(refusal_of("    defaults: {delets: hard}\n"),
            "conf/sluice.yaml:5:16: unknown key \"delets\" | did you mean deletes?");
  EXPECT_EQ(refusal_of("    deletes: hard\n"),
            "conf/sluice.yaml:5:5: \"deletes\" is said of tables, not of a connection | "
            "put it under defaults: or table_options:");
  EXPECT_EQ(refusal_of("    defaults: {verify: after-run}\n"),
            "conf/sluice.yaml:5:16: \"verify\" is said of a connection, not of tables | put it "
            "beside source: and destination:");
  EXPECT_NE(refusal("conections: {}\n").find("unknown key"), std::string::npos);
  EXPECT_NE(refusal("source: x\n").find("put it under connections: NAME:"), std::string::npos);
}

TEST(Config, WrongValuesAreRefused) {
  EXPECT_NE(refusal_of("    defaults: {mode: mirrro}\n").find("did you mean mirror?"),
            std::string::npos);
  EXPECT_NE(refusal_of("    wait: 10 parsecs\n").find("is not a duration"), std::string::npos);
  EXPECT_NE(refusal_of("    memory: lots\n").find("is not a size"), std::string::npos);
  EXPECT_NE(refusal_of("    memory: 1MB\n").find("at least"), std::string::npos);
  EXPECT_NE(refusal_of("    parallel: -1\n").find("whole number"), std::string::npos);
  EXPECT_NE(refusal_of("    tables: {a: b}\n").find("not a list or a map"), std::string::npos);
  EXPECT_NE(refusal_of("    schema: a\n    schema: b\n")
                .find("said twice, first at conf/sluice.yaml:5:5"),
            std::string::npos);
  EXPECT_NE(refusal("connections: [\n").find("not YAML"), std::string::npos);
  EXPECT_NE(refusal("").find("no connections"), std::string::npos);
  EXPECT_NE(
      refusal("connections:\n  a: {source: x.duckdb}\n").find("connection a has no destination"),
      std::string::npos);
}

TEST(Config, ASecretIsInNoRefusal) {
  const std::string text = refusal_of("    password: [hunter2]\n");
  EXPECT_EQ(text.find("hunter2"), std::string::npos) << text;
}

TEST(Values, SizesAndDurations) {
  const auto bytes = [](const char* text) { return Value::of_flag("--memory", text).bytes(); };
  EXPECT_EQ(bytes("256MB"), 256'000'000U);
  EXPECT_EQ(bytes("1GiB"), std::uint64_t{1} << 30);
  EXPECT_EQ(bytes("1.5 gb"), 1'500'000'000U);
  EXPECT_EQ(bytes("4096"), 4096U);
  EXPECT_THROW(bytes("1XB"), Error);
  EXPECT_THROW(bytes("-1MB"), Error);
  EXPECT_THROW(bytes("1MB2"), Error);
  const auto duration = [](const char* text) { return Value::of_flag("--wait", text).duration(); };
  EXPECT_EQ(duration("10m"), seconds(600));
  EXPECT_EQ(duration("1h30m"), seconds(5400));
  EXPECT_EQ(duration("2d"), seconds(172800));
  EXPECT_EQ(duration("0"), seconds(0));
  EXPECT_THROW(duration(""), Error);
  EXPECT_THROW(duration("h"), Error);
  EXPECT_EQ(Value::of_flag("--full-every", "24h").cadence().every, seconds(86400));
  EXPECT_EQ(Value::of_flag("--full-every", "always").cadence().kind, Cadence::Kind::always);
  EXPECT_THROW(Value::of_flag("--full-every", "often").cadence(), Error);
}

TEST(Flags, BeatTheFileForTheTablesTheyName) {
  Connection c =
      one("    tables: [\"x.*\"]\n    table_options:\n      public.*: {deletes: hard, key: id}\n");
  Flags flags;
  flags.connection["tables"] = {"public.a,public.b", "public.c"};
  flags.connection["wait"] = {"1m", "2m"};
  flags.table["deletes"] = {"ignore"};
  flags.table["key"] = {"public.lines=order_id,line"};
  flags.table["where"] = {"public.lines=a = 1"};
  flags.types = {"public.lines.amount=DECIMAL(18,4)"};
  flags.apply(c);
  EXPECT_EQ(c.sync.tables, (std::vector<std::string>{"public.a", "public.b", "public.c"}));
  EXPECT_EQ(c.wait, seconds(120));
  EXPECT_EQ(of(c, "orders").deletes, Deletes::ignore);
  EXPECT_EQ(of(c, "orders").key, std::vector<std::string>{"id"});
  EXPECT_EQ(of(c, "lines").key, (std::vector<std::string>{"order_id", "line"}));
  EXPECT_EQ(of(c, "lines").where, "a = 1");
  EXPECT_EQ(of(c, "lines").types.at("amount"), "DECIMAL(18,4)");
}

TEST(Flags, AreNamedInRefusals) {
  const auto refused = [](const auto& flags) -> std::string {
    Connection c;
    try {
      flags.apply(c);
    } catch (const Error& error) {
      return error.what();
    }
    return "accepted";
  };
  Flags flags;
  flags.table["strategy"] = {"xmni"};
  EXPECT_EQ(refused(flags),
            "--strategy: \"xmni\" is not one of auto, incremental, xmin, digest or full");
  Flags where;
  where.table["where"] = {"true"};
  EXPECT_EQ(refused(where), "--where: a table is missing");
  Flags type;
  type.types = {"amount"};
  EXPECT_EQ(refused(type), "--type: \"amount\" is not TABLE.COLUMN=TYPE");
}

TEST(Choice, ExitCodesHaveAnOrder) {
  EXPECT_EQ(worse(0, 5), 5);
  EXPECT_EQ(worse(3, 1), 1);
  EXPECT_EQ(worse(6, 3), 6);
  EXPECT_EQ(worse(2, 1), 2);
  EXPECT_EQ(worse(143, 2), 143);
  EXPECT_EQ(worse(0, 0), 0);
}

/// docs/sluice.schema.json is what editors know; it must know what the program knows.
TEST(Config, TheSchemaHasTheSameKeys) {
  std::ifstream file(SLUICE_SOURCE_DIR "/docs/sluice.schema.json");
  const auto schema = nlohmann::json::parse(file);
  std::vector<std::string> expected{"defaults", "extends", "table_options"};
  for (const ConnectionWord& word : connection_words()) expected.emplace_back(word.key);
  std::ranges::sort(expected);
  std::vector<std::string> found;
  for (const auto& [key, value] : schema.at("$defs").at("connection").at("properties").items())
    found.push_back(key);
  EXPECT_EQ(found, expected);
  expected.clear();
  found.clear();
  for (const TableWord& word : table_words()) expected.emplace_back(word.key);
  std::ranges::sort(expected);
  for (const auto& [key, value] : schema.at("$defs").at("table").at("properties").items())
    found.push_back(key);
  EXPECT_EQ(found, expected);
}

}  // namespace
}  // namespace sluice::cli
