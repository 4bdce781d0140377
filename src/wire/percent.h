// SPDX-License-Identifier: Apache-2.0
// Text in URLs.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::wire {

/// Every byte that means something in a URL, or is not ASCII, as %XX.
std::string percent_encoded(std::string_view text);
/// A % that begins no such byte stays.
std::string percent_decoded(std::string_view text);

/// What stands behind a URL's `?`: names, with '-' for '_', and values, both decoded, in their
/// order.
std::vector<std::pair<std::string, std::string>> query_parameters(std::string_view query);

}  // namespace sluice::wire
