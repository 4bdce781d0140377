// SPDX-License-Identifier: Apache-2.0
// Orders of an API that answers GET /orders?updated_since=TIME with pages of JSON, oldest change
// first. README.md says what it relies on.
#include <sluice/module.h>

#include "http.h"

namespace {

using sluice::Error;
using sluice::Fault;
using Json = nlohmann::json;
namespace sdk = sluice::sdk;

/// Positions in schema().
namespace column {
enum : std::size_t { id, customer, total, gift, placed_at, note, tags, updated_at };
}

class RestApi final : public sdk::Connector {
 public:
  sdk::Form configuration_form() override {
    sdk::Field url, token;
    url.name = "base_url";
    url.label = "Base URL";
    url.description = "Where the API is, as in https://api.example.com/v1";
    url.required = true;
    token.name = "token";
    token.label = "Token";
    token.kind = sdk::Field::Kind::password;
    return {{url, token}, {{"ask", "The API answers"}}};
  }

  std::optional<std::string> test(const std::string& /*name*/,
                                  const sdk::Configuration& configuration) override {
    Http(configuration, nullptr).get("/orders?limit=1");  // an error is the answer
    return std::nullopt;
  }

  std::vector<sdk::TableSchema> schema(const sdk::Configuration& /*configuration*/) override {
    using sdk::Type;
    return {{"orders",
             {"id"},
             {{"id", {Type::int64}},
              {"customer", {Type::string}},
              {"total", {Type::decimal, 12, 2}},
              {"gift", {Type::boolean}},
              {"placed_at", {Type::utc_datetime}},
              {"note", {Type::string}},
              {"tags", {Type::json}},
              {"updated_at", {Type::utc_datetime}}},
             {}}};
  }

  // Each page is written before the state says so, and the next sync begins with the last time
  // that was seen, inclusive: orders that changed in the same instant may be on pages to come.
  void update(const sdk::Configuration& configuration, const std::string& state,
              sdk::Operations& operations) override {
    Http http(configuration, &operations);
    sdk::Table& orders = operations.table("orders");
    std::string since = Json::parse(state).value("updated_since", "");
    std::string path = "/orders" + (since.empty() ? "" : "?updated_since=" + http.encoded(since));
    while (!path.empty()) {
      const Json page = http.get(path);
      try {
        for (const Json& order : page.at("orders")) {
          write(order, orders);
          since = order.at("updated_at");
        }
        path = page.at("next").is_null() ? "" : page.at("next").get<std::string>();
      } catch (const Json::exception& error) {
        throw Error(Fault::data, path + ": the page is not as it should be: " + error.what());
      }
      operations.checkpoint(since.empty() ? "{}" : Json{{"updated_since", since}}.dump());
    }
  }

 private:
  class Http : public examples::Http {
   public:
    /// `operations`: of a sync; nullptr: there is none.
    Http(const sdk::Configuration& configuration, sdk::Operations* operations)
        : examples::Http(
              configuration.at("base_url"),
              configuration.contains("token") ? configuration.at("token") : "",
              [operations](const std::string& line) {
                if (operations != nullptr) operations->log().warning(line);
              },
              [operations] { return operations != nullptr && operations->stopped(); }) {}
  };

  static void write(const Json& order, sdk::Table& orders) {
    const auto text = [&](const char* name) -> std::string_view {
      return order.at(name).get_ref<const std::string&>();
    };
    if (order.value("deleted", false)) {
      orders.remove().set(column::id, order.at("id").get<std::int64_t>());
      return;
    }
    sdk::Row& row = orders.upsert();
    row.set(column::id, order.at("id").get<std::int64_t>());
    row.set(column::customer, text("customer"));
    row.set(column::total, sdk::Decimal{text("total")});
    row.set(column::gift, order.at("gift").get<bool>());
    row.set(column::placed_at, text("placed_at"));
    if (!order.at("note").is_null()) row.set(column::note, text("note"));
    const std::string tags = order.at("tags").dump();
    row.set(column::tags, sdk::Json{tags});
    row.set(column::updated_at, text("updated_at"));
  }
};

}  // namespace

SLUICE_CONNECTOR(RestApi)
