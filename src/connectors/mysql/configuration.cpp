// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/configuration.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "sluice/error.h"
#include "wire/percent.h"

namespace sluice::mysql {
namespace {

using nlohmann::json;

constexpr std::array kFields{"host", "port", "user", "password", "database"};
constexpr const char* kForm =
    R"({"host": "db.example", "port": "3306", "user": "reader", "password": "..", "database": "shop"})";

Error wrong(const std::string& file, const std::string& what, const std::string& hint) {
  return {Fault::config, file + ": " + what, hint};
}

/// "<YOUR_HOST>", "your-singlestore-host", "your_password".
bool is_placeholder(const std::string& text) {
  return (text.starts_with('<') && text.ends_with('>')) || text.starts_with("your-") ||
         text.starts_with("your_") || text.starts_with("YOUR_");
}

std::string field(const json& fields, const std::string& name, const std::string& file) {
  if (!fields.contains(name)) {
    if (name == "port") return "3306";
    throw wrong(file, "no \"" + name + "\"", std::string("the fields are ") + kForm);
  }
  const json& value = fields.at(name);
  const std::string text = value.is_string()           ? value.get<std::string>()
                           : value.is_number_integer() ? value.dump()
                                                       : "";
  if (!value.is_string() && !value.is_number_integer())
    throw wrong(file, "\"" + name + "\" is neither text nor a number", "");
  if (text.starts_with("fivetran_encrypted:"))
    throw wrong(file, "\"" + name + "\" is encrypted by Fivetran, which alone can read it",
                "write the value itself, in a file that only its owner can read");
  if (is_placeholder(text))
    throw wrong(file, "\"" + name + "\" is still as the documentation has it",
                "write your own value there");
  if (text.empty() && name != "password") throw wrong(file, "\"" + name + "\" is empty", "");
  return text;
}

std::string port_of(const std::string& text, const std::string& file) {
  unsigned port = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (problem == std::errc() && end == text.data() + text.size() && port > 0 && port <= 65'535)
    return text;
  throw wrong(file, "\"port\" is no number from 1 to 65535", "SingleStore's own is 3306");
}

}  // namespace

Configured singlestore_configuration(const std::string& text, const std::string& file) {
  const json fields = json::parse(text, nullptr, false);
  if (!fields.is_object())
    throw wrong(file, "is no JSON object", std::string("it looks like ") + kForm);
  for (const auto& [name, value] : fields.items()) {
    if (std::ranges::find(kFields, name) == kFields.end())
      throw wrong(file, "\"" + name + "\" is no field of the SingleStore connector",
                  "its fields are host, port, user, password and database");
  }
  std::string host = field(fields, "host", file);
  host =
      host.find(':') == std::string::npos ? wire::percent_encoded(host) : "[" + host + "]";  // IPv6
  Configured configured;
  // What an option file says is no part of this configuration.
  configured.url = "singlestore://" + wire::percent_encoded(field(fields, "user", file)) + "@" +
                   host + ":" + port_of(field(fields, "port", file), file) + "/" +
                   wire::percent_encoded(field(fields, "database", file)) +
                   "?ssl-mode=PREFERRED&no-defaults";
  configured.password = Secret(field(fields, "password", file));
  configured.defaults.window = std::chrono::hours(6);
  configured.warnings.emplace_back(
      "the server's certificate is not verified, as in the connector that " + file +
      " was written for: whoever can stand between can read along");
  return configured;
}

}  // namespace sluice::mysql
