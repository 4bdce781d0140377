// SPDX-License-Identifier: Apache-2.0
// Real connectors, made with Fivetran's SDK for Python, hosted: what they say is what arrives.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/hosted.h"

namespace sluice::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const sdk::Configuration kAccount{{"host", "db.example.com"}, {"password", "h4rd-to-guess"}};

std::string types_of(const HostedFile& at, const std::string& table) {
  return at.text(
      "SELECT column_name || ' ' || data_type FROM duckdb_columns() WHERE database_name = 'dst' "
      "AND "
      "table_name = '" +
      table + "' AND column_name NOT LIKE '\\_fivetran%' ESCAPE '\\' ORDER BY ALL");
}

TEST(FivetranHost, WithoutSchemaEverythingIsInferred) {
  HostedFile at("undeclared");
  const feed::FeedResult result = at.sync("undeclared");
  ASSERT_EQ(error_of(result), "") << at.logged();
  EXPECT_EQ(result.calls.upserts, 5U);
  EXPECT_EQ(types_of(at, "odd NAMES"),
            "b BOOLEAN\nf FLOAT\nj JSON\nlate VARCHAR\nn BIGINT\nq\"uote BIGINT\nraw BLOB\n"
            "t VARCHAR\n");
  EXPECT_EQ(at.text("SELECT n, t, b, f, j::VARCHAR, raw::VARCHAR, late, \"q\"\"uote\" FROM "
                    "dst.main.\"odd NAMES\" "
                    "ORDER BY n"),
            "1|one|true|0.5|{\"a\": [1, null]}|\\x00\\xFF|NULL|NULL\n"
            "2|42|false|-0.25|[]||here|NULL\n"
            "9223372036854775807|ü€😀|NULL|NULL|NULL|NULL|NULL|7\n");
  EXPECT_EQ(at.text("SELECT v, typeof(v) FROM dst.main.widens ORDER BY v"),
            "1|VARCHAR\nx|VARCHAR\n");
  EXPECT_THAT(at.logged(), HasSubstr("column f is not declared"));
}

TEST(FivetranHost, DeclaredTypesAndAStateThatIsRewritten) {
  HostedFile at("rewrites");
  const feed::FeedResult first = at.sync("rewrites", kAccount);
  ASSERT_EQ(error_of(first), "") << at.logged();
  EXPECT_EQ(first.calls.checkpoints, 3U);
  // The same through the other encoding of values.
  setenv("ConnectorSdkRemoveValueType", "true", 1);
  const feed::FeedResult second = at.sync("rewrites", kAccount);
  unsetenv("ConnectorSdkRemoveValueType");
  ASSERT_EQ(error_of(second), "") << at.logged();
  EXPECT_EQ(second.calls.upserts, 6U);
  EXPECT_EQ(types_of(at, "pages"),
            "amount DECIMAL(20,4)\nat TIMESTAMP WITH TIME ZONE\nday DATE\ndoc JSON\nhalf FLOAT\n"
            "id BIGINT\nlocal TIMESTAMP\nn INTEGER\nrate DOUBLE\nraw BLOB\nsmall SMALLINT\n"
            "text VARCHAR\nx VARCHAR\nyes BOOLEAN\n");
  const std::string want =
      "SELECT n::BIGINT AS id, -n::SMALLINT AS small, (n || '.1234')::DECIMAL(20,4) AS amount, "
      "(n / 2)::FLOAT AS half, 0.1::DOUBLE + n AS rate, DATE '2024-02-01' + n::INT AS day, "
      "make_timestamp(2024, 1, 1, 0, 0, n + 0.000001) AS \"local\", "
      "make_timestamptz(2024, 1, 1, 0, 0, n::DOUBLE, 'UTC') AS \"at\", chr(n::INT)::BLOB AS raw, "
      "'{\"page\": ' || n // 2 || '}' AS doc, '<n>' || n || '</n>' AS x, n % 2 = 0 AS yes, "
      "(-2147483648 + n)::INT AS n, 'page ' || n // 2 AS text FROM range(12) r(n)";
  const std::string got =
      "SELECT id, small, amount, half, rate, day, \"local\", \"at\", raw, doc::VARCHAR AS doc, x, "
      "yes, n, text FROM dst.main.pages";
  EXPECT_EQ(at.text("SELECT count(*) FROM dst.main.pages"), "12\n");
  EXPECT_EQ(at.text("(" + got + ") EXCEPT ALL (" + want + ")"), "");
  EXPECT_EQ(at.text("(" + want + ") EXCEPT ALL (" + got + ")"), "");
  // What it logs is shown, each line once, without the password.
  EXPECT_THAT(at.logged(), HasSubstr("going on at 3 as *** of db.example.com\n"));
  EXPECT_THAT(at.logged(), HasSubstr("plain text, too\n"));
  EXPECT_THAT(at.logged(), Not(HasSubstr("h4rd-to-guess")));
}

TEST(FivetranHost, UpdatesDeletesAndTruncates) {
  HostedFile at("deletes");
  ASSERT_EQ(error_of(at.sync("deletes")), "") << at.logged();
  const feed::FeedResult second = at.sync("deletes");
  ASSERT_EQ(error_of(second), "") << at.logged();
  EXPECT_EQ(second.calls.updates, 3U);
  EXPECT_EQ(second.calls.removes, 3U);
  EXPECT_EQ(second.calls.truncates, 1U);
  EXPECT_EQ(at.text("SELECT a, b, v, w, _fivetran_deleted FROM dst.main.t WHERE a < 7 ORDER BY a"),
            "0|x|first 0|0|false\n1|x|updated|1|false\n2|x|first 2|NULL|false\n"
            "3|x|first 3|3|true\n4|x|NULL|44|false\n5|x|back|5|false\n6|x|first 6|6|false\n");
  EXPECT_EQ(at.text("SELECT count(*), count(*) FILTER (v = 'first ' || a AND w = a AND NOT "
                    "_fivetran_deleted) FROM dst.main.t"),
            "250|245\n");
  EXPECT_EQ(at.text("SELECT id, \"when\", _fivetran_deleted FROM dst.main.\"all\" ORDER BY id"),
            "0|before|true\n1|after|true\n10|before|true\n11|after|false\n");
  EXPECT_EQ(at.text("SELECT count(*) FROM dst.main.never"), "0\n");
  EXPECT_EQ(at.text("SELECT run FROM dst.main.\"of 1\""), "1\n");
}

TEST(FivetranHost, AHundredThousandRows) {
  HostedFile at("big");
  const feed::FeedResult result = at.sync("big");
  ASSERT_EQ(error_of(result), "") << at.logged();
  EXPECT_EQ(result.calls.checkpoints, 3U);
  const std::string want =
      "SELECT i::BIGINT AS id, (i % 1000)::INT AS customer, (i % 10000 || '.25')::DECIMAL(15,2) AS "
      "amount, i * 0.25::DOUBLE AS rate, DATE '2024-01-01' + (i % 28)::INT AS ordered, "
      "make_timestamptz(2024, 1, 1, 0, i // 60 % 60, (i % 60)::DOUBLE, 'UTC') AS updated_at, "
      "i % 3 = 0 AS paid, if(i % 2 = 0, 'open', 'shipped') AS status, 'customer' || i % 1000 || "
      "'@example.com' AS email, 'order ' || i || ' was packed with care' AS comment FROM "
      "range(100000) r(i)";
  const std::string got =
      "SELECT id, customer, amount, rate, ordered, updated_at, paid, status, email, comment FROM "
      "dst.main.orders";
  EXPECT_EQ(at.text("SELECT count(*) FROM dst.main.orders"), "100000\n");
  EXPECT_EQ(at.text("SELECT count(*) FROM ((" + want + ") EXCEPT ALL (" + got + "))"), "0\n");
}

TEST(FivetranHost, SchemasFormsAndTests) {
  HostedFile at("schemas");
  const auto hosted = fivetran::host_folder(HostedFile::connector("schemas"), at.options);
  const sdk::Form form = hosted->configuration_form();
  ASSERT_EQ(form.fields.size(), 2U);
  EXPECT_EQ(form.fields[1].name, "pin");
  EXPECT_EQ(form.fields[1].kind, sdk::Field::Kind::password);
  ASSERT_EQ(form.tests.size(), 2U);
  const sdk::Configuration configuration{{"host", "x"}, {"pin", "4711"}};
  EXPECT_EQ(hosted->test(form.tests[0].name, configuration), std::nullopt);
  EXPECT_EQ(hosted->test(form.tests[1].name, configuration), "no way in for ***");
  ASSERT_EQ(error_of(at.sync(*hosted, configuration)), "") << at.logged();
  EXPECT_EQ(at.text("SELECT id, \"where\" FROM dst.main_north.t"), "1|north\n");
  EXPECT_EQ(at.text("SELECT id, \"where\" FROM dst.main_south.t"), "1|south\n");
  EXPECT_EQ(at.text("SELECT id FROM dst.main.plain"), "3\n");
  // Python's SDK would hang.
  EXPECT_THAT(error_of(at.sync(*hosted, configuration)), HasSubstr("second update"));
}

}  // namespace
}  // namespace sluice::test
