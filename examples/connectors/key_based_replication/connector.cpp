// SPDX-License-Identifier: Apache-2.0
#include "connectors/key_based_replication/connector.h"

#include <nlohmann/json.hpp>

#include "duck/duck.h"
#include "sluice/module.h"

namespace sluice::examples {
namespace {

constexpr const char* kSample =
    "CREATE TABLE source.main.customers (customer_id INTEGER, first_name VARCHAR, last_name "
    "VARCHAR, email VARCHAR, updated_at TIMESTAMPTZ);"
    "INSERT INTO source.main.customers VALUES"
    " (1, 'Mathew', 'Brook', 'mathew.brook@example.com', '2023-12-31T23:59:59Z'),"
    " (2, 'Joe', 'Hill', 'joe.hill@example.com', '2024-01-31T23:04:39Z'),"
    " (3, 'Jake', 'Stone', 'jake.stone@example.com', '2023-11-01T23:59:59Z'),"
    " (4, 'John', 'Field', 'john.field@example.com', '2024-02-14T22:59:59Z'),"
    " (5, 'Ricky', 'Marsh', 'ricky.marsh@example.com', '2024-03-16T16:40:29Z')";

constexpr int kRowsPerCheckpoint = 1000;
constexpr std::int64_t kBeforeAll = -9'000'000'000'000'000'000;

class KeyBasedReplication final : public sdk::Connector {
 public:
  std::vector<sdk::TableSchema> schema(const sdk::Configuration& /*configuration*/) override {
    using sdk::Type;
    return {{"customers",
             {"customer_id"},
             {{"customer_id", {Type::int32}},
              {"first_name", {Type::string}},
              {"last_name", {Type::string}},
              {"email", {Type::string}},
              {"updated_at", {Type::utc_datetime}}},
             {}}};
  }

  // The bound is inclusive and rows without a stamp are read each time: a row that got the stamp of
  // the last one read after it was read would be missed otherwise.
  void update(const sdk::Configuration& configuration, const std::string& state,
              sdk::Operations& operations) override {
    const nlohmann::json before = nlohmann::json::parse(state);
    const std::int64_t since = before.value("updated_at_micros", kBeforeAll);
    duck::Connection connection = open(configuration);
    const duck::Result rows = connection.query(
        "SELECT customer_id, first_name, last_name, email, epoch_us(updated_at) FROM "
        "source.main.customers WHERE updated_at IS NULL OR epoch_us(updated_at) >= " +
        std::to_string(since) + "::BIGINT ORDER BY updated_at NULLS FIRST");
    operations.log().info(std::to_string(rows.rows()) + " customers changed");
    sdk::Table& customers = operations.table("customers");
    std::int64_t newest = since;
    for (std::size_t i = 0; i < rows.rows(); ++i) {
      sdk::Row& row = customers.upsert().set(0, rows.integer(i, 0));
      for (std::size_t column = 1; column < 4; ++column) {
        if (!rows.null(i, column)) row.set(column, rows.text(i, column));
      }
      if (!rows.null(i, 4)) {
        newest = rows.integer(i, 4);
        row.set(4, sdk::UtcDateTime{newest});
      }
      if ((i + 1) % kRowsPerCheckpoint == 0) checkpoint(operations, newest);
    }
    checkpoint(operations, newest);
  }

  sdk::Form configuration_form() override {
    sdk::Field database;
    database.name = "database";
    database.label = "DuckDB file";
    database.description = "A file with a table CUSTOMERS; without one, five customers in memory.";
    return {{database}, {{"open", "The file can be read"}}};
  }

  std::optional<std::string> test(const std::string& /*name*/,
                                  const sdk::Configuration& configuration) override {
    try {
      open(configuration).query("SELECT count(*) FROM source.main.customers");
    } catch (const Error& error) {
      return error.what();
    }
    return std::nullopt;
  }

 private:
  static void checkpoint(sdk::Operations& operations, std::int64_t newest) {
    operations.checkpoint(nlohmann::json{{"updated_at_micros", newest}}.dump());
  }

  duck::Connection open(const sdk::Configuration& configuration) {
    database_.emplace();
    duck::Connection connection = database_->connect();
    const auto file = configuration.find("database");
    if (file == configuration.end() || file->second.empty()) {
      connection.query(std::string("ATTACH ':memory:' AS source; ") + kSample);
    } else {
      connection.query("ATTACH " + duck::literal(file->second) + " AS source (READ_ONLY)");
    }
    return connection;
  }

  std::optional<duck::Database> database_;
};

}  // namespace

std::unique_ptr<sdk::Connector> key_based_replication() {
  return std::make_unique<KeyBasedReplication>();
}

}  // namespace sluice::examples

SLUICE_CONNECTOR(sluice::examples::KeyBasedReplication)
