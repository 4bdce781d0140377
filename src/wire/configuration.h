// SPDX-License-Identifier: Apache-2.0
// The configuration.json of connectors that Fivetran publishes, in a connector's own terms.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/error.h"
#include "sluice/options.h"
#include "sluice/secret.h"

namespace sluice::wire {

/// What such a file says.
struct Configured {
  std::string url;  ///< of the source, without the password
  Secret password;
  std::vector<std::string> tables;  ///< globs over "schema.table"; empty: all
  TableOptions defaults;            ///< what of the published connector's ways is kept
  /// Tables that have a column of this name, in whatever case, have it as their replication key;
  /// empty: as the engine finds it.
  std::string replication_key;
  std::vector<std::string> warnings;  ///< what of them is kept, and would better not be
};

/// Whether the text is one that documents leave for the user to replace: "<YOUR_HOST>".
bool in_brackets(const std::string& text);

/// The fields of one file. Every member throws Fault::config, naming file and field, and no value
/// of a password: a field that is missing, unknown, of another type, encrypted by Fivetran, or
/// still as the documentation has it.
class ConfigurationFile {
 public:
  /// `known`: the connector's fields. `form`: what such a file looks like, for hints.
  ConfigurationFile(const std::string& text, std::string file, std::string connector,
                    std::span<const char* const> known, std::string form);

  /// A text or a whole number, as text. `otherwise`: where it is not there; none: it has to be.
  std::string field(const std::string& name,
                    const std::optional<std::string>& otherwise = std::nullopt) const;
  /// Empty where it is not there, or is empty.
  std::string optional(const std::string& name) const;
  Secret secret(const std::string& name) const;  ///< may be empty
  /// From 1 to `most`.
  std::string number(const std::string& name, const std::string& otherwise, unsigned most) const;
  /// As it stands in a URL: an IPv6 address in brackets.
  std::string host(const std::string& name) const;
  Error wrong(const std::string& what, const std::string& hint = {}) const;

 private:
  std::string value(const std::string& name, const std::optional<std::string>& otherwise,
                    bool may_be_empty) const;
  const std::string file_, connector_, form_;
  std::map<std::string, std::optional<std::string>> fields_;  ///< none: neither text nor number
};

}  // namespace sluice::wire
