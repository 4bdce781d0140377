// SPDX-License-Identifier: Apache-2.0
#include "connectors/dolphindb/configuration.h"

#include <gtest/gtest.h>

#include "connectors/dolphindb/url.h"
#include "sluice/error.h"

namespace sluice::dolphindb {
namespace {

constexpr const char* kFile = "ticks/configuration.json";

Login login_by(const std::string& text) {
  const wire::Configured made = configuration(text, kFile);
  EXPECT_EQ(made.url.find("s3cret"), std::string::npos);
  return login_of(made.url, made.password);
}

TEST(DolphindbConfiguration, SixFieldsAreASource) {
  const std::string text =
      R"({"HOST": "db.example", "PORT": "8902", "DATABASE": "a/trades", "TABLE_NAME": "trade", )"
      R"("USERNAME": "re@der", "PASSWORD": "s3cret/"})";
  const Login login = login_by(text);
  ASSERT_EQ(login.nodes.size(), 1U);
  EXPECT_EQ(login.nodes[0].text(), "db.example:8902");
  EXPECT_EQ(login.user, "re@der");
  EXPECT_EQ(login.password.reveal(), "s3cret/");
  EXPECT_EQ(login.database, "a/trades");
  EXPECT_EQ(login.table, "trade");
  EXPECT_EQ(login.fetch_size, 0U);
  ASSERT_EQ(configuration(text, kFile).warnings.size(), 1U);
}

TEST(DolphindbConfiguration, NumbersAreTextsOrNumbersAndTheBatchIsConfigurable) {
  const std::string rest =
      R"("DATABASE": "dfs://t", "TABLE_NAME": "x y", "USERNAME": "u", "PASSWORD": ""})";
  EXPECT_EQ(login_by(R"({"HOST": "h", )" + rest).nodes[0].port, 8848);
  EXPECT_EQ(login_by(R"({"HOST": "h", "PORT": 9000, )" + rest).nodes[0].port, 9000);
  EXPECT_EQ(login_by(R"({"HOST": "::1", "BATCH_SIZE": 20000, )" + rest).fetch_size, 20'000U);
  EXPECT_EQ(login_by(R"({"HOST": "h", "BATCH_SIZE": "1000", )" + rest).fetch_size, 0U);
  EXPECT_EQ(login_by(R"({"HOST": "h", )" + rest).database, "t");
  EXPECT_EQ(login_by(R"({"HOST": "h", )" + rest).table, "x y");
}

TEST(DolphindbConfiguration, EachMistakeNamesItsField) {
  const auto refused = [](const std::string& text) -> std::string {
    try {
      configuration(text, kFile);
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::config);
      EXPECT_EQ(std::string(error.what()).find("s3cret"), std::string::npos);
      return error.what();
    }
    return "taken";
  };
  const std::string rest =
      R"("DATABASE": "d", "TABLE_NAME": "t", "USERNAME": "u", "PASSWORD": "s3cret"})";
  EXPECT_EQ(refused("{" + rest), "ticks/configuration.json: no \"HOST\"");
  EXPECT_EQ(refused(R"({"HOST": "<YOUR_DOLPHINDB_HOST>", )" + rest),
            "ticks/configuration.json: \"HOST\" is still as the documentation has it");
  EXPECT_EQ(refused(R"({"HOST": "<h3>", )" + rest), "taken") << "small letters: nobody's example";
  EXPECT_EQ(refused(R"({"HOST": "h", "PORT": "<YOUR_DOLPHINDB_PORT>", )" + rest),
            "ticks/configuration.json: \"PORT\" is still as the documentation has it");
  EXPECT_EQ(refused(R"({"HOST": "h", "PORT": "70000", )" + rest),
            "ticks/configuration.json: \"PORT\" is no number from 1 to 65535");
  EXPECT_EQ(refused(R"({"HOST": "h", "host": "x", )" + rest),
            "ticks/configuration.json: \"host\" is no field of the DolphinDB connector");
  EXPECT_EQ(refused(R"({"HOST": ["h"], )" + rest),
            "ticks/configuration.json: \"HOST\" is neither text nor a number");
  EXPECT_EQ(refused("[]"), "ticks/configuration.json: is no JSON object");
  EXPECT_EQ(refused(R"({"HOST": "h", "DATABASE": "d", "TABLE_NAME": "t", "USERNAME": "u", )"
                    R"("PASSWORD": "fivetran_encrypted:abc"})"),
            "ticks/configuration.json: \"PASSWORD\" is encrypted by Fivetran, which alone can read "
            "it");
}

}  // namespace
}  // namespace sluice::dolphindb
