// SPDX-License-Identifier: Apache-2.0
#include "cli/json.h"

#include <algorithm>

namespace sluice::cli {

bool number_type(const std::string& type) {
  return type.ends_with("INT") || type.ends_with("INTEGER") || type == "DOUBLE" ||
         type == "FLOAT" || type.starts_with("DECIMAL");
}

std::string json_value(const std::string& type, const std::string& text) {
  // Infinity and NaN are no JSON.
  if (type == "BOOLEAN" || (number_type(type) && Json::accept(text))) return text;
  if (type == "JSON" && Json::accept(text)) {
    std::string line = text;
    std::ranges::replace_if(
        line, [](char c) { return c == '\n' || c == '\r'; }, ' ');
    return line;
  }
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace sluice::cli
