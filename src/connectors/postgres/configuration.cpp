// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/configuration.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "wire/percent.h"

namespace sluice::postgres {
namespace {

constexpr std::array kFields{"host", "port", "database", "user", "password", "schema", "sslmode"};
constexpr const char* kForm =
    R"({"host": "db.example", "port": "5433", "database": "iot", "user": "reader", )"
    R"("password": "..", "schema": "public", "sslmode": "verify-full"})";
constexpr std::array<std::string_view, 6> kModes{"disable", "allow",     "prefer",
                                                 "require", "verify-ca", "verify-full"};

}  // namespace

wire::Configured yugabytedb_configuration(const std::string& text, const std::string& file) {
  const wire::ConfigurationFile fields(text, file, "YugabyteDB", kFields, kForm);
  const std::string mode = fields.field("sslmode", "prefer");
  if (std::ranges::find(kModes, mode) == kModes.end()) {
    throw fields.wrong("\"sslmode\" is none that there is",
                       "it is one of disable, allow, prefer, require, verify-ca and verify-full");
  }
  wire::Configured configured;
  configured.url = "yugabytedb://" + wire::percent_encoded(fields.field("user")) + "@" +
                   fields.host("host") + ":" + fields.number("port", "5433", 65'535) + "/" +
                   wire::percent_encoded(fields.field("database")) + "?sslmode=" + mode;
  configured.password = fields.secret("password");
  configured.tables.push_back(fields.field("schema", "public") + ".*");
  if (!mode.starts_with("verify")) {
    configured.warnings.push_back("sslmode " + mode +
                                  " does not verify the server's certificate: whoever can stand "
                                  "between can read along; \"sslmode\": \"verify-full\" does");
  }
  return configured;
}

}  // namespace sluice::postgres
