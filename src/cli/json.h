// SPDX-License-Identifier: Apache-2.0
// JSON lines of the commands that list something.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace sluice::cli {

using Json = nlohmann::ordered_json;

/// One line with its end. Bytes that are not UTF-8 are replaced.
inline std::string json_line(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

/// Whether values of this DuckDB type are JSON numbers.
bool number_type(const std::string& type);
/// A value as DuckDB prints it, in JSON: numbers with every digit they have, booleans and JSON as
/// they are, all else as a string.
std::string json_value(const std::string& type, const std::string& text);

inline Json text_or_null(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

}  // namespace sluice::cli
