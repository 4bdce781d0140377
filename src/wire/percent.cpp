// SPDX-License-Identifier: Apache-2.0
#include "wire/percent.h"

#include <algorithm>
#include <charconv>

namespace sluice::wire {

std::string percent_encoded(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  std::string out;
  for (const char each : text) {
    const auto byte = static_cast<unsigned char>(each);
    if (kPlain.find(each) != std::string_view::npos) {
      out += each;
    } else {
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned byte = 0;
    const bool encoded = text[i] == '%' && i + 2 < text.size() &&
                         std::from_chars(&text[i + 1], &text[i + 3], byte, 16).ptr == &text[i + 3];
    out += encoded ? static_cast<char>(byte) : text[i];
    if (encoded) i += 2;
  }
  return out;
}

std::vector<std::pair<std::string, std::string>> query_parameters(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> parameters;
  for (std::size_t start = 0; start < query.size();) {
    const std::size_t end = std::min(query.find('&', start), query.size());
    const std::string_view pair = query.substr(start, end - start);
    start = end + 1;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    std::string name = percent_decoded(pair.substr(0, equals));
    std::ranges::replace(name, '_', '-');
    parameters.emplace_back(std::move(name), equals == pair.size()
                                                 ? std::string()
                                                 : percent_decoded(pair.substr(equals + 1)));
  }
  return parameters;
}

}  // namespace sluice::wire
