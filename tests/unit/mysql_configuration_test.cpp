// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/configuration.h"

#include <gtest/gtest.h>

#include <functional>

#include "connectors/mysql/url.h"
#include "sluice/error.h"

namespace sluice::mysql {
namespace {

constexpr const char* kFile = "shop/configuration.json";

wire::Configured read(const std::string& text) { return singlestore_configuration(text, kFile); }

std::string refused(const std::string& text) {
  try {
    read(text);
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::config);
    EXPECT_EQ(std::string(error.what()).find("s3cret"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find(kFile), std::string::npos);
    return error.what();
  }
  ADD_FAILURE() << text << " was taken";
  return "";
}

TEST(MysqlConfiguration, FiveFieldsAreASource) {
  const wire::Configured made =
      read(R"({"host": "db.example", "port": "3307", "user": "re@der", "password": "s3cret/", )"
           R"("database": "my shop"})");
  EXPECT_EQ(made.url.find("s3cret"), std::string::npos);
  EXPECT_EQ(made.defaults.window, std::chrono::hours(6));
  ASSERT_EQ(made.warnings.size(), 1U);
  const Login login = login_of(made.url, "test", made.password);
  EXPECT_TRUE(login.singlestore);
  EXPECT_EQ(login.host, "db.example");
  EXPECT_EQ(login.port, 3307U);
  EXPECT_EQ(login.user, "re@der");
  EXPECT_EQ(login.password.reveal(), "s3cret/");
  EXPECT_EQ(login.database, "my shop");
  EXPECT_EQ(login.ssl_mode, SslMode::preferred);
}

/// The document has the port as a number and calls 3306 its default; its code demands a text.
TEST(MysqlConfiguration, ThePortIsANumberATextOrLeftOut) {
  const std::string rest = R"("user": "u", "password": "", "database": "d"})";
  const auto port = [&](const std::string& begin) {
    return login_of(read(begin + rest).url, "test", Secret()).port;
  };
  EXPECT_EQ(port(R"({"host": "h", "port": 3308, )"), 3308U);
  EXPECT_EQ(port(R"({"host": "h", "port": "3309", )"), 3309U);
  EXPECT_EQ(port(R"({"host": "h", )"), 3306U);
  EXPECT_EQ(login_of(read(R"({"host": "::1", )" + rest).url, "test", Secret()).host, "::1");
}

TEST(MysqlConfiguration, EachMistakeNamesItsField) {
  const std::string rest = R"(, "user": "u", "password": "s3cret", "database": "d"})";
  EXPECT_NE(refused(R"({"port": 1)" + rest).find("no \"host\""), std::string::npos);
  EXPECT_NE(refused(R"({"host": "h", "port": "s3306")" + rest).find("\"port\""), std::string::npos);
  EXPECT_NE(refused(R"({"host": "h", "port": 70000)" + rest).find("\"port\""), std::string::npos);
  EXPECT_NE(refused(R"({"host": ["h"])" + rest).find("\"host\""), std::string::npos);
  EXPECT_NE(refused(R"({"host": "")" + rest).find("\"host\" is empty"), std::string::npos);
  EXPECT_NE(refused(R"({"host": "h", "hots": "h")" + rest).find("\"hots\""), std::string::npos);
  for (const char* left : {"<YOUR_HOST>", "your-singlestore-host", "your_password"})
    EXPECT_NE(refused(R"({"host": ")" + std::string(left) + "\"" + rest).find("documentation"),
              std::string::npos);
  EXPECT_NE(refused(R"({"host": "fivetran_encrypted:abc")" + rest).find("Fivetran"),
            std::string::npos);
  refused("host: h");
  refused("[]");
}

}  // namespace
}  // namespace sluice::mysql
