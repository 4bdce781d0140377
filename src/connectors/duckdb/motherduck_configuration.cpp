// SPDX-License-Identifier: Apache-2.0
#include "connectors/duckdb/motherduck_configuration.h"

#include <array>

namespace sluice::motherduck {
namespace {

constexpr std::array kFields{"motherduck_token", "database_name", "schema_name",
                             "incremental_column", "batch_size"};
constexpr const char* kForm =
    R"({"motherduck_token": "..", "database_name": "shop", "schema_name": "main", )"
    R"("incremental_column": "updated_at"})";
constexpr unsigned kMostBatch = 1'000'000'000;

}  // namespace

wire::Configured configuration(const std::string& text, const std::string& file) {
  const wire::ConfigurationFile fields(text, file, "MotherDuck", kFields, kForm);
  wire::Configured configured;
  configured.password = Secret(fields.field("motherduck_token"));
  configured.url = "md:" + fields.optional("database_name");
  if (const std::string schema = fields.optional("schema_name"); !schema.empty())
    configured.tables.push_back(schema + ".*");
  configured.replication_key = fields.optional("incremental_column");
  configured.defaults.detect_key = true;
  // Checked, and that is all: DuckDB reads without one.
  fields.number("batch_size", "10000", kMostBatch);
  return configured;
}

}  // namespace sluice::motherduck
