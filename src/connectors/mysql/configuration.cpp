// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/configuration.h"

#include <array>

#include "wire/percent.h"

namespace sluice::mysql {
namespace {

constexpr std::array kFields{"host", "port", "user", "password", "database"};
constexpr const char* kForm =
    R"({"host": "db.example", "port": "3306", "user": "reader", "password": "..", "database": "shop"})";

}  // namespace

wire::Configured singlestore_configuration(const std::string& text, const std::string& file) {
  const wire::ConfigurationFile fields(text, file, "SingleStore", kFields, kForm);
  wire::Configured configured;
  // What an option file says is no part of this configuration.
  configured.url = "singlestore://" + wire::percent_encoded(fields.field("user")) + "@" +
                   fields.host("host") + ":" + fields.number("port", "3306", 65'535) + "/" +
                   wire::percent_encoded(fields.field("database")) +
                   "?ssl-mode=PREFERRED&no-defaults";
  configured.password = fields.secret("password");
  configured.defaults.window = std::chrono::hours(6);
  configured.warnings.emplace_back(
      "the server's certificate is not verified, as in the connector that " + file +
      " was written for: whoever can stand between can read along");
  return configured;
}

}  // namespace sluice::mysql
