// SPDX-License-Identifier: Apache-2.0
#include "wire/configuration.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "sluice/error.h"
#include "wire/percent.h"

namespace sluice::wire {

bool in_brackets(const std::string& text) {
  return text.size() > 2 && text.starts_with('<') && text.ends_with('>') &&
         text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_- ", 1) == text.size() - 1;
}

namespace {

/// "<YOUR_HOST>", "your-singlestore-host", "your_password".
bool is_placeholder(const std::string& text) {
  return in_brackets(text) || text.starts_with("your-") || text.starts_with("your_") ||
         text.starts_with("YOUR_");
}

}  // namespace

ConfigurationFile::ConfigurationFile(const std::string& text, std::string file,
                                     std::string connector, std::span<const char* const> known,
                                     std::string form)
    : file_(std::move(file)), connector_(std::move(connector)), form_(std::move(form)) {
  // With the comments that a document's example has.
  const auto parsed = nlohmann::json::parse(text, nullptr, false, true);
  if (!parsed.is_object()) throw wrong("is no JSON object", "it looks like " + form_);
  std::string list;
  for (const char* each : known) list += (list.empty() ? "" : ", ") + std::string(each);
  for (const auto& [name, value] : parsed.items()) {
    if (std::ranges::find(known, name) == known.end())
      throw wrong("\"" + name + "\" is no field of the " + connector_ + " connector",
                  "its fields are " + list);
    fields_[name] = value.is_string()           ? std::optional(value.get<std::string>())
                    : value.is_number_integer() ? std::optional(value.dump())
                                                : std::nullopt;
  }
}

Error ConfigurationFile::wrong(const std::string& what, const std::string& hint) const {
  return {Fault::config, file_ + ": " + what, hint};
}

std::string ConfigurationFile::value(const std::string& name,
                                     const std::optional<std::string>& otherwise,
                                     bool may_be_empty) const {
  const auto found = fields_.find(name);
  if (found == fields_.end()) {
    if (otherwise) return *otherwise;
    throw wrong("no \"" + name + "\"", "the fields are " + form_);
  }
  if (!found->second)
    throw wrong("\"" + name + "\" is neither text nor a number",
                "write it in quotes, as in " + form_);
  const std::string& text = *found->second;
  if (text.starts_with("fivetran_encrypted:") || text.starts_with("ENCRYPTED:v1:"))
    throw wrong("\"" + name + "\" is encrypted by Fivetran, which alone can read it",
                "write the value itself, in a file that only its owner can read");
  if (is_placeholder(text))
    throw wrong("\"" + name + "\" is still as the documentation has it",
                "write your own value there");
  if (text.empty() && !may_be_empty)
    throw wrong("\"" + name + "\" is empty",
                otherwise ? "write a value, or leave the field out" : "write your own value there");
  return text;
}

std::string ConfigurationFile::field(const std::string& name,
                                     const std::optional<std::string>& otherwise) const {
  return value(name, otherwise, false);
}

std::string ConfigurationFile::optional(const std::string& name) const {
  return value(name, std::string(), true);
}

Secret ConfigurationFile::secret(const std::string& name) const {
  return Secret(value(name, std::nullopt, true));
}

std::string ConfigurationFile::number(const std::string& name, const std::string& otherwise,
                                      unsigned most) const {
  const std::string text = field(name, otherwise);
  unsigned number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem == std::errc() && end == text.data() + text.size() && number > 0 && number <= most)
    return text;
  throw wrong("\"" + name + "\" is no number from 1 to " + std::to_string(most),
              otherwise.empty() ? "" : connector_ + "'s own is " + otherwise);
}

std::string ConfigurationFile::host(const std::string& name) const {
  const std::string host = field(name);
  return host.find(':') == std::string::npos ? percent_encoded(host) : "[" + host + "]";
}

}  // namespace sluice::wire
