// SPDX-License-Identifier: Apache-2.0
// What a connector asks of whoever sets it up, and the tests it offers. Plain values.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace sluice::sdk {

/// What the fields hold, by name; toggles "true" or "false", uploads base64. Holds secrets: it is
/// never printed.
using Configuration = std::map<std::string, std::string>;

struct Field {
  enum class Kind { text, password, hidden, dropdown, toggle, upload };
  struct Choice {
    std::string value;
    std::string label;        ///< empty: the value
    std::string description;  ///< may be empty
  };
  std::string name;
  std::string label;
  Kind kind = Kind::text;
  bool required = false;
  std::string description, placeholder;
  std::optional<std::string> default_value;
  std::vector<Choice> choices;          ///< of a dropdown
  std::vector<std::string> file_types;  ///< of an upload: ".pem"
  /// Shown only while that field holds that value.
  std::optional<std::pair<std::string, std::string>> shown_when;
};

struct ConnectionTest {
  std::string name;
  std::string label;
};

struct Form {
  std::vector<Field> fields;
  std::vector<ConnectionTest> tests;  ///< run in this order
};

}  // namespace sluice::sdk
