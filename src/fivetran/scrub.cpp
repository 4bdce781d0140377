// SPDX-License-Identifier: Apache-2.0
#include "fivetran/scrub.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace sluice::fivetran {
namespace {

bool says_secret(std::string name) {
  std::ranges::transform(name, name.begin(), [](unsigned char each) {
    return static_cast<char>(each >= 'A' && each <= 'Z' ? each - 'A' + 'a' : each);
  });
  for (const char* word : {"pass", "pwd", "secret", "token", "credential", "private", "signature",
                           "authorization", "bearer", "dsn", "connection_string", "api_key",
                           "apikey", "access_key", "account_key", "encryption_key"}) {
    if (name.find(word) != std::string::npos) return true;
  }
  return name == "key" || name == "auth" || name == "sas";
}

bool looks_random(const std::string& value) {
  bool letter = false, digit = false;
  for (const char each : value) {
    const bool is_letter = (each >= 'a' && each <= 'z') || (each >= 'A' && each <= 'Z');
    const bool is_digit = each >= '0' && each <= '9';
    if (!is_letter && !is_digit && std::string_view("+/=_-").find(each) == std::string_view::npos)
      return false;
    letter = letter || is_letter;
    digit = digit || is_digit;
  }
  return value.size() >= 16 && letter && digit;
}

void add(wire::Secrets& secrets, const std::string& value) {
  secrets.add(value);
  // As it stands in a document and in what Python prints of a text.
  std::string escaped =
      nlohmann::json(value).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  escaped = escaped.substr(1, escaped.size() - 2);
  if (escaped != value) secrets.add(escaped);
}

void add_value(wire::Secrets& secrets, const std::string& name, const std::string& value) {
  if (says_secret(name) || looks_random(value)) add(secrets, value);
  const std::size_t scheme = value.find("://"), at = value.rfind('@');
  if (scheme != std::string::npos && at != std::string::npos && at > scheme) {
    const std::string account = value.substr(scheme + 3, at - scheme - 3);
    if (const std::size_t colon = account.find(':'); colon != std::string::npos)
      add(secrets, account.substr(colon + 1));
  }
  // A service account's key is a document in a text.
  const auto document = nlohmann::json::parse(value, nullptr, false);
  if (document.is_object()) {
    for (const auto& [key, each] : document.items()) {
      if (each.is_string()) add_value(secrets, key, each.get<std::string>());
    }
  }
}

}  // namespace

void add_secrets(wire::Secrets& secrets, const sdk::Configuration& configuration,
                 const sdk::Form& form) {
  for (const auto& [name, value] : configuration) add_value(secrets, name, value);
  for (const sdk::Field& field : form.fields) {
    using Kind = sdk::Field::Kind;
    const auto given = configuration.find(field.name);
    if (given != configuration.end() &&
        (field.kind == Kind::password || field.kind == Kind::hidden || field.kind == Kind::upload))
      add(secrets, given->second);
  }
}

}  // namespace sluice::fivetran
