// SPDX-License-Identifier: Apache-2.0
// The language of what stands in for a DolphinDB, by the examples and rules of docs.dolphindb.cn.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "contract/dolphindb_fixture.h"
#include "support/dolphindb_client.h"
#include "support/dolphindb_double.h"

namespace sluice {
namespace {

using testing::DolphindbClient;
using testing::DolphindbDouble;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;
using namespace testing::dolphin;

/// "INT 5", "STRING a", "DOUBLE NULL".
std::string shown(const Value& value, std::size_t cell) {
  std::string text =
      value.null(cell)                                ? "NULL"
      : is_text(value.type)                           ? value.text(cell)
      : value.type == kDouble || value.type == kFloat ? std::to_string(value.real(cell))
      : width_of(value.type) == 16 ? std::to_string(unpacked(value.bytes.substr(cell * 16, 8)))
                                   : std::to_string(value.integer(cell));
  return std::string(name_of(value.type)) + " " + text;
}

class DolphindbScriptTest : public ::testing::Test {
 protected:
  void begin(Dialect dialect = {}) {
    client.reset();
    cluster = std::make_unique<DolphindbDouble>(DolphindbDouble::Options{.dialect = dialect});
    client = std::make_unique<DolphindbClient>(cluster->port());
  }
  /// What a script's last expression is; of a table, or a vector, all values of its last column.
  std::vector<std::string> all(const std::string& script) const {
    const auto reply = client->run(script);
    if (reply.status != "OK") return {reply.status};
    if (!reply.value) return {};
    const Value& value = reply.value->form == table ? reply.value->items.back() : *reply.value;
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < value.cells(); ++i) texts.push_back(shown(value, i));
    return texts;
  }
  std::string one(const std::string& script) const {
    const auto texts = all(script);
    return texts.size() == 1 ? texts[0] : std::to_string(texts.size()) + " values";
  }

  std::unique_ptr<DolphindbDouble> cluster;
  std::unique_ptr<DolphindbClient> client;
};

TEST_F(DolphindbScriptTest, LiteralsHaveTheirTypes) {
  begin();
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"1", "INT 1"},
      {"3000000000", "LONG 3000000000"},
      {"1l", "LONG 1"},
      {"-9223372036854775807l", "LONG -9223372036854775807"},
      {"1.5", "DOUBLE 1.500000"},
      {"1.5f", "FLOAT 1.500000"},
      {"true", "BOOL 1"},
      {"`sym", "STRING sym"},
      {R"("a\"b\\c")", R"(STRING a"b\c)"},
      {"00i", "INT NULL"},
      {"00N", "NANOTIMESTAMP NULL"},
      {"2024.01.02", "DATE 19724"},
      {"1969.12.31", "DATE -1"},
      {"2024.01M", "MONTH 24288"},
      {"2024.01.02T03:04:05", "DATETIME 1704164645"},
      {"2024.01.02 03:04:05.123", "TIMESTAMP 1704164645123"},
      {"2024.01.02T03:04:05.123456789", "NANOTIMESTAMP 1704164645123456789"},
      {"13:30:10.008", "TIME 48610008"},
      {"13:30m", "MINUTE 810"},
      {"13:30:10", "SECOND 48610"},
      {"x = 5\ny = x * 2; y + 1 // and a comment", "INT 11"}};
  for (const auto& [script, expected] : cases) EXPECT_EQ(one(script), expected) << script;
  EXPECT_THAT(one("select from"), HasSubstr("Cannot recognize the token"));
  EXPECT_THAT(one("\"open"), HasSubstr("Syntax Error"));
}

TEST_F(DolphindbScriptTest, NullIsTheLowestValueUnlessToldOtherwise) {
  begin();
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"1 < 00i", "BOOL 0"},         {"1 > 00i", "BOOL 1"},         {"00i < 1", "BOOL 1"},
      {"00i <= 00i", "BOOL 1"},      {"00i == 00i", "BOOL 1"},      {"00i != 00i", "BOOL 0"},
      {"00i < 00i", "BOOL 0"},       {"true and 00b", "BOOL NULL"}, {"false || 00b", "BOOL 0"},
      {"00b or true", "BOOL 1"},     {"not 00b", "BOOL NULL"},      {"5 + 00i", "INT NULL"},
      {"isNull(00i)", "BOOL 1"},     {"isValid(00i)", "BOOL 0"},    {"iif(1 > 2, 3, 4l)", "LONG 4"},
      {"1 in [1, 2]", "BOOL 1"},     {"00i in [1, 00i]", "BOOL 1"}, {"00i in [1, 2]", "BOOL 0"},
      {"\"\" == string()", "BOOL 1"}};
  for (const auto& [script, expected] : cases) {
    if (script.find("string()") == std::string::npos) {
      EXPECT_EQ(one(script), expected) << script;
    }
  }
  begin({.null_as_min = false});
  EXPECT_EQ(one("1 > 00i"), "BOOL NULL");
  EXPECT_EQ(one("1 < 00i"), "BOOL NULL");
  EXPECT_EQ(one("00i == 00i"), "BOOL 1");
}

TEST_F(DolphindbScriptTest, NumbersAreAsDocumented) {
  begin();
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"-7 / 5", "INT -2"},
      {"9 / 2", "INT 4"},
      {"2 / -5", "INT -1"},
      {"-7 % 5", "INT 3"},
      {"7.0 / 2", "DOUBLE 3.500000"},
      {"1 / 0", "INT NULL"},
      {"bar(100, 3)", "INT 99"},
      {"bar(-5, 5)", "INT -5"},
      {"long(2.5)", "LONG 3"},
      {"long(-2.5)", "LONG -3"},
      {"int(2147483648)", "INT NULL"},
      {"int(2147483647)", "INT 2147483647"},
      {"rshift(2048, 2)", "INT 512"},
      {"bitAnd(12, 10)", "INT 8"},
      {"pow(2, 10)", "DOUBLE 1024.000000"},
      {"floor(-1.2)", "LONG -2"},
      {"abs(-5)", "INT 5"},
      {"2 * 3 + 4 == 10", "BOOL 1"},
      {"9223372036854775807l + 2l", "LONG -9223372036854775807"},
      {"9223372036854775807l + 1l", "LONG NULL"},
      {"3037000500l * 3037000500l", "LONG -9223372036709301616"},
      {"mod(7, 4)", "INT 3"},
      {"isNanInf(1.5)", "BOOL 0"},
      {"log2(8.0)", "DOUBLE 3.000000"}};
  for (const auto& [script, expected] : cases) EXPECT_EQ(one(script), expected) << script;
  EXPECT_THAT(one("string(1.5)"), HasSubstr("the stand-in does not know string(DOUBLE)"));
}

TEST_F(DolphindbScriptTest, TimesAreConvertedAndPrinted) {
  begin();
  const std::string ns = "2024.01.02T03:04:05.123456789";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"date(" + ns + ")", "DATE 19724"},
      {"month(" + ns + ")", "MONTH 24288"},
      {"datehour(" + ns + ")", "DATEHOUR 473379"},
      {"datetime(" + ns + ")", "DATETIME 1704164645"},
      {"timestamp(" + ns + ")", "TIMESTAMP 1704164645123"},
      {"time(" + ns + ")", "TIME 11045123"},
      {"second(" + ns + ")", "SECOND 11045"},
      {"minute(" + ns + ")", "MINUTE 184"},
      {"nanotime(" + ns + ")", "NANOTIME 11045123456789"},
      {"date(nanotimestamp(-1l))", "DATE -1"},
      {"nanotimestamp(1704067200000000001l)", "NANOTIMESTAMP 1704067200000000001"},
      {"nanotimestamp(\"2024.01.01T00:00:00.000000001\")", "NANOTIMESTAMP 1704067200000000001"},
      {"nanotimestamp(\"not a time\")", "NANOTIMESTAMP NULL"},
      {"date(2024.02M)", "DATE 19754"},
      {"long(" + ns + ")", "LONG 1704164645123456789"},
      {"2024.01.01 < 2024.01.01T00:00:01", "BOOL 1"},
      {"2024.01.01 + 1", "DATE 19724"},
      {"2024.01.02 - 2024.01.01", "INT 1"},
      {"bar(" + ns + ", 1H)", "NANOTIMESTAMP 1704164400000000000"},
      {"string(" + ns + ")", "STRING " + ns},
      {"string(timestamp(" + ns + "))", "STRING 2024.01.02T03:04:05.123"},
      {"string(datetime(" + ns + "))", "STRING 2024.01.02T03:04:05"},
      {"string(nanotimestamp(-1l))", "STRING 1969.12.31T23:59:59.999999999"},
      {"string(2024.01.02)", "STRING 2024.01.02"},
      {"string(2024.01M)", "STRING 2024.01M"},
      {"string(13:30:10.008)", "STRING 13:30:10.008"},
      {"string(13:30m)", "STRING 13:30m"},
      {"string(-5)", "STRING -5"},
      {"string(00i)", "STRING NULL"},
      {"\"a\" + string(00i) + \"b\"", "STRING ab"}};
  for (const auto& [script, expected] : cases) EXPECT_EQ(one(script), expected) << script;
  EXPECT_THAT(one("2024.01M < 2024.01.01"), HasSubstr("does not know"));
  begin({.null_text_is_empty = false});
  EXPECT_EQ(one("\"a\" + string(00i)"), "STRING NULL");
}

TEST_F(DolphindbScriptTest, NumbersOfSixteenBytesHaveHalves) {
  begin();
  // md5("abc") is 900150983cd24fb0 d6963f7d28e17f72.
  EXPECT_EQ(one("lowLong(md5(\"abc\"))"), "LONG -2984127896297046158");
  EXPECT_EQ(one("highLong(md5(\"abc\"))"), "LONG -8070080442485551184");
  EXPECT_EQ(one("string(md5(\"abc\"))"), "STRING 900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(one("lowLong(uuid(\"00000000-0000-0001-0000-000000000002\"))"), "LONG 2");
  EXPECT_EQ(one("highLong(uuid(\"00000000-0000-0001-0000-000000000002\"))"), "LONG 1");
  EXPECT_EQ(one("int128(\"900150983cd24fb0d6963f7d28e17f72\") == md5(\"abc\")"), "BOOL 1");
  Value address;
  address.type = kIpaddr;
  address.bytes = packed(3232235789, 8) + packed(0, 8);  // 192.168.1.13
  client->upload("x", address);
  EXPECT_EQ(one("lowLong(x)"), "LONG 3232235789");
  EXPECT_EQ(one("highLong(x)"), "LONG 0");
  EXPECT_EQ(one("string(x)"), "STRING 192.168.1.13");
  EXPECT_EQ(one("strlen(\"h\u00e9\")"), "INT 3");
  address.bytes = packed(1, 8) + packed(0x2001, 8);
  client->upload("x", address);
  EXPECT_THAT(one("string(x)"), HasSubstr("does not know string() of an IPv6 address"));
  begin({.md5_reversed = true});
  // 900150983cd24fb0, its bytes the other way round.
  EXPECT_EQ(one("lowLong(md5(\"abc\"))"), "LONG -5742139842178842224");
}

TEST_F(DolphindbScriptTest, SelectsAreThoseOfTheConnector) {
  begin();
  cluster->create(
      {.name = "live",
       .columns = {{"id", "INT"}, {"sym", "SYMBOL"}, {"ts", "TIMESTAMP"}, {"odd \"x\\y", "LONG"}}});
  cluster->exec(
      "INSERT INTO shared.live VALUES (1, 'A', 86400000, 10), (2, 'B', NULL, 20), (3, '', 5, 30), "
      "(4, 'A', 86400001, NULL), (NULL, 'B', 6, 50)");
  const std::string from = " from objByName(\"live\", true) ";
  EXPECT_THAT(all("exec id" + from + "where ts < timestamp(86400000l)"),
              ElementsAre("INT 2", "INT 3", "INT NULL"));
  EXPECT_THAT(all("exec id" + from + "where ts >= timestamp(6l), ts < timestamp(86400001l)"),
              ElementsAre("INT 1", "INT NULL"));
  EXPECT_THAT(all("exec id" + from + "where isNull(ts)"), ElementsAre("INT 2"));
  EXPECT_THAT(all("exec id" + from + "where isNull(sym)"), ElementsAre("INT 3"));
  EXPECT_THAT(all("select id, _\"odd \\\"x\\\\y\"" + from + "where id = 1"),
              ElementsAre("LONG 10"));
  EXPECT_THAT(all("exec id" + from + "order by sym desc, id asc"),
              ElementsAre("INT NULL", "INT 2", "INT 1", "INT 4", "INT 3"));
  EXPECT_THAT(all("select top 2 id" + from + "order by id"), ElementsAre("INT NULL", "INT 1"));
  EXPECT_THAT(all("exec id from live where id > 0 order by id limit 1, 2"),
              ElementsAre("INT 2", "INT 3"));
  EXPECT_EQ(one("exec count(id)" + from), "LONG 4");
  EXPECT_EQ(one("exec max(ts)" + from + "where (sym = `A)"), "TIMESTAMP 86400001");
  EXPECT_EQ(one("exec sum(id)" + from), "LONG 10");
  EXPECT_EQ(one("exec avg(id)" + from), "DOUBLE 2.500000");
  EXPECT_EQ(one("exec min(sym)" + from), "SYMBOL A");
  EXPECT_THAT(all("select count(*) as sluice_n, min(ts) as sluice_lo, max(ts) as sluice_hi" + from +
                  "group by date(ts) as sluice_day"),
              UnorderedElementsAre("TIMESTAMP 86400001", "TIMESTAMP NULL", "TIMESTAMP 6"));
  const auto groups = client->run("select count(*), max(ts)" + from + "group by date(ts)");
  EXPECT_THAT(groups.value->names, ElementsAre("date_ts", "count", "max_ts"));
  client->upload("k0", integers_of({1, 4, INT32_MIN}));
  client->upload("k1", texts_of({"A", "B", "B"}));
  EXPECT_THAT(all("exec id" + from +
                  "where (id = k0[0] and sym = k1[0]) or (id = k0[1] and sym = "
                  "k1[1]) or (id = k0[2] and sym = k1[2])"),
              ElementsAre("INT 1", "INT NULL"));
  EXPECT_THAT(all("exec id" + from + "where id in k0"), ElementsAre("INT 1", "INT 4", "INT NULL"));
  EXPECT_THAT(one("exec id" + from + "where max(id) > 1"), HasSubstr("S02025"));
  EXPECT_THAT(one("exec nothing" + from), HasSubstr("Cannot recognize the token nothing"));
  // A variable that is a table.
  client->upload("t", table_of({"a", "b"}, {integers_of({1, 2}), texts_of({"x", "y"})}));
  EXPECT_THAT(all("select b from t where a > 1"), ElementsAre("STRING y"));
  // Thousands of keys at once.
  std::string many = "exec count(*)" + from + "where (id = k0[0] and sym = k1[0])";
  for (int i = 0; i < 1500; ++i) many += " or (id = k0[1] and sym = k1[1])";
  EXPECT_EQ(one(many), "LONG 1");
  EXPECT_THAT(all("exec name from objs(true) where shared = true"), ElementsAre("STRING live"));
}

TEST_F(DolphindbScriptTest, AnUploadedValueOfEveryTypeFindsItsRow) {
  begin();
  create_every_type(*cluster);
  const std::string from = " from loadTable(\"dfs://all\", \"every\") where ";
  const Value rows = *client->run("select * from loadTable(\"dfs://all\", \"every\")").value;
  ASSERT_EQ(rows.items.size(), 28U);
  for (std::size_t i = 1; i < rows.items.size(); ++i) {
    const std::string& name = rows.names[i];
    if (rows.items[i].array) continue;
    client->upload("v", rows.items[i]);
    EXPECT_EQ(one("exec row" + from + name + " = v[0]"), "INT 0") << name;
    EXPECT_EQ(one("exec row" + from + name + " = v[1]"), "INT 1") << name;
    EXPECT_EQ(one("exec row" + from + name + " > v[1]"), "INT 0") << name;
    EXPECT_EQ(one("exec row" + from + name + " < v[0]"), "INT 1") << name;
    EXPECT_EQ(one("exec row" + from + "isNull(" + name + ")"), "INT 1") << name;
    EXPECT_THAT(all("exec row" + from + name + " in v"), ElementsAre("INT 0", "INT 1")) << name;
    Value first = rows.items[i];
    first.rows = 1;
    first.bytes.resize(first.based ? 4 : width_of(first.type));
    if (!first.texts.empty()) first.texts.resize(1);
    client->upload("v", first);
    EXPECT_THAT(all("exec row" + from + name + " in v"), ElementsAre("INT 0")) << name;
    EXPECT_EQ(one("exec count(" + name + ")" + from + "row >= 0"), "LONG 1") << name;
  }
}

TEST_F(DolphindbScriptTest, DuplicatesAreDroppedWhenRowsAreRead) {
  begin();
  for (const char* keep : {"ALL", "FIRST", "LAST"}) {
    cluster->create({.database = "dfs://db",
                     .name = keep,
                     .columns = {{"sym", "SYMBOL"}, {"ts", "TIMESTAMP"}, {"v", "INT"}},
                     .partitions = {{"ts", "VALUE", integers_of({0}, kDate)}},
                     .sort_columns = {"sym"},
                     .keep_duplicates = keep});
    cluster->exec("INSERT INTO \"dfs://db\".\"" + std::string(keep) +
                  "\" VALUES ('A', 1, 1), ('A', 2, 2), ('A', 86400000, 3), ('B', 1, 4)");
  }
  const auto values = [&](const std::string& keep) {
    return all("exec v from loadTable(\"dfs://db\", \"" + keep + "\") order by v");
  };
  EXPECT_THAT(values("ALL"), ElementsAre("INT 1", "INT 2", "INT 3", "INT 4"));
  // Of one partition, which is a day.
  EXPECT_THAT(values("FIRST"), ElementsAre("INT 1", "INT 3", "INT 4"));
  EXPECT_THAT(values("LAST"), ElementsAre("INT 2", "INT 3", "INT 4"));
  const auto schema = client->run("schema(loadTable(\"dfs://db\", \"LAST\"))").value->items;
  const auto& keys = schema[0].texts;
  const auto value = [&](const std::string& key) {
    return schema[1].items.at(
        static_cast<std::size_t>(std::find(keys.begin(), keys.end(), key) - keys.begin()));
  };
  EXPECT_EQ(value("keepDuplicates").text(), "LAST");
  EXPECT_EQ(value("partitionColumnName").text(), "ts");
  EXPECT_EQ(value("partitionType").integer(), 1);
  EXPECT_EQ(value("partitionSchema").type, kDate);
  EXPECT_EQ(value("colDefs").items[2].integer(1), kTimestamp);
  EXPECT_EQ(value("colDefs").items[1].text(0), "SYMBOL");
}

}  // namespace
}  // namespace sluice
