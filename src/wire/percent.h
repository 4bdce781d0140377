// SPDX-License-Identifier: Apache-2.0
// Text in URLs.
#pragma once

#include <string>
#include <string_view>

namespace sluice::wire {

/// Every byte that means something in a URL, or is not ASCII, as %XX.
std::string percent_encoded(std::string_view text);
/// A % that begins no such byte stays.
std::string percent_decoded(std::string_view text);

}  // namespace sluice::wire
