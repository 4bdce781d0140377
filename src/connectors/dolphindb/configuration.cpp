// SPDX-License-Identifier: Apache-2.0
#include "connectors/dolphindb/configuration.h"

#include <array>

#include "wire/percent.h"

namespace sluice::dolphindb {
namespace {

constexpr std::array kFields{"HOST",     "PORT",     "DATABASE",  "TABLE_NAME",
                             "USERNAME", "PASSWORD", "BATCH_SIZE"};
constexpr const char* kForm =
    R"({"HOST": "db.example", "PORT": "8848", "DATABASE": "trades", "TABLE_NAME": "trade", )"
    R"("USERNAME": "reader", "PASSWORD": ".."})";
constexpr unsigned kMostBatch = 1'000'000;
constexpr unsigned long kLeastFetch = 8'192;  // rows; the server sends no smaller blocks

/// The published connector writes dfs:// before it itself.
std::string database_of(const wire::ConfigurationFile& fields) {
  const std::string name = fields.field("DATABASE");
  return name.starts_with("dfs://") ? name.substr(6) : name;
}

}  // namespace

wire::Configured configuration(const std::string& text, const std::string& file) {
  const wire::ConfigurationFile fields(text, file, "DolphinDB", kFields, kForm);
  wire::Configured configured;
  configured.url = "dolphindb://" + wire::percent_encoded(fields.field("USERNAME")) + "@" +
                   fields.host("HOST") + ":" + fields.number("PORT", "8848", 65'535) + "/" +
                   wire::percent_encoded(database_of(fields)) + "/" +
                   wire::percent_encoded(fields.field("TABLE_NAME", "trade"));
  const unsigned long batch = std::stoul(fields.number("BATCH_SIZE", "1000", kMostBatch));
  if (batch > kLeastFetch) configured.url += "?fetch-size=" + std::to_string(batch);
  configured.password = fields.secret("PASSWORD");
  configured.warnings.emplace_back("the connection is not encrypted, as in the connector that " +
                                   file +
                                   " was written for: whoever can stand between can read along");
  return configured;
}

}  // namespace sluice::dolphindb
