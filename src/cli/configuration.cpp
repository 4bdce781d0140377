// SPDX-License-Identifier: Apache-2.0
#include "cli/configuration.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/text.h"
#include "duck/duck.h"
#include "sluice/error.h"
#include "wire/configuration.h"

namespace sluice::cli {
namespace {

std::string place_of(const ConfigurationFrom& from) {
  if (!from.file.empty()) return from.file;
  return from.where.empty() ? "configuration" : from.where;
}

std::string text_of(const std::string& name, const nlohmann::json& value,
                    const ConfigurationFrom& from) {
  const std::string place = from.file + ": \"" + name + "\"";
  if (value.is_number() || value.is_boolean()) return value.dump();
  if (!value.is_string())
    throw Error(Fault::config, place + " is neither text nor a number", "write it as a text");
  const auto text = value.get<std::string>();
  if (text.starts_with("fivetran_encrypted:"))
    throw Error(Fault::config, place + " is encrypted by Fivetran, which alone can read it",
                "write the value itself, in a file that only its owner can read");
  if (wire::in_brackets(text))
    throw Error(Fault::config, place + " is still as the documentation has it",
                "write your own value");
  return text;
}

const sdk::Field* find(const sdk::Form& form, const std::string& name) {
  const auto found = std::ranges::find(form.fields, name, &sdk::Field::name);
  return found == form.fields.end() ? nullptr : &*found;
}

bool shown(const sdk::Field& field, const sdk::Configuration& values) {
  if (!field.shown_when) return true;
  const auto other = values.find(field.shown_when->first);
  return other != values.end() && other->second == field.shown_when->second;
}

void check_choice(const sdk::Field& field, const std::string& value, const std::string& place) {
  std::vector<std::string> known;
  for (const auto& each : field.choices) known.push_back(each.value);
  if (field.kind == sdk::Field::Kind::toggle) known = {"true", "false"};
  if (known.empty() || std::ranges::find(known, value) != known.end()) return;
  throw Error(Fault::config,
              place + ": \"" + field.name + "\" is not one of " + alternatives(known),
              did_you_mean(value, known));
}

bool is_secret(const std::string& name, const sdk::Form& form) {
  using Kind = sdk::Field::Kind;
  if (const sdk::Field* const field = find(form, name);
      field != nullptr &&
      (field->kind == Kind::password || field->kind == Kind::hidden || field->kind == Kind::upload))
    return true;
  const std::string word = duck::folded(name);
  return std::ranges::any_of(
      std::array{"password", "passwd", "secret", "token", "credential", "api_key", "apikey",
                 "private_key"},
      [&](const char* part) { return word.find(part) != std::string::npos; });
}

}  // namespace

sdk::Configuration fetch_configuration(const ConfigurationFrom& from) {
  if (from.file.empty()) return from.values;
  std::ifstream stream(from.file);
  std::stringstream text;
  text << stream.rdbuf();
  if (!stream)
    throw Error(Fault::config, from.where + ": cannot read " + from.file,
                "it is a JSON object: {\"FIELD\": \"VALUE\"}");
  const auto parsed = nlohmann::json::parse(text.str(), nullptr, false, true);
  if (!parsed.is_object())
    throw Error(Fault::config, from.file + ": is no JSON object",
                "it looks like {\"FIELD\": \"VALUE\"}");
  sdk::Configuration values;
  for (const auto& [name, value] : parsed.items()) values[name] = text_of(name, value, from);
  return values;
}

sdk::Configuration checked(sdk::Configuration values, const sdk::Form& form,
                           const ConfigurationFrom& from) {
  if (form.fields.empty()) return values;
  const std::string place = place_of(from);
  std::vector<std::string> known;
  for (const sdk::Field& field : form.fields) known.push_back(field.name);
  for (const auto& [name, value] : values) {
    const sdk::Field* const field = find(form, name);
    if (field == nullptr) {
      const std::string meant = did_you_mean(name, known);
      throw Error(Fault::config, place + ": the connector has no field \"" + name + "\"",
                  meant.empty() ? "its fields are " + joined(known, ", ") : meant);
    }
    if (!value.empty()) check_choice(*field, value, place);
  }
  for (const sdk::Field& field : form.fields) {
    if (field.default_value) values.try_emplace(field.name, *field.default_value);
  }
  for (const sdk::Field& field : form.fields) {
    const auto value = values.find(field.name);
    if (!field.required || !shown(field, values)) continue;
    if (value != values.end() && !value->second.empty()) continue;
    throw Error(Fault::config, place + ": \"" + field.name + "\" is missing",
                field.description.empty() ? field.label : field.description);
  }
  return values;
}

sdk::Configuration settings_of(const sdk::Configuration& values, const sdk::Form& form) {
  sdk::Configuration settings;
  for (const auto& [name, value] : values) {
    const sdk::Field* const field = find(form, name);
    const std::string usual = field != nullptr ? field->default_value.value_or("") : "";
    if (value != usual && !is_secret(name, form)) settings.emplace(name, value);
  }
  return settings;
}

wire::Secrets secrets_of(const sdk::Configuration& values, const sdk::Form& form) {
  wire::Secrets secrets;
  for (const auto& [name, value] : values) {
    if (is_secret(name, form)) secrets.add(value);
  }
  return secrets;
}

}  // namespace sluice::cli
