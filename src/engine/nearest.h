// SPDX-License-Identifier: Apache-2.0
// What a misspelt word was meant to be.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sluice {

/// The candidate nearest to `word` by edits (a swap of neighbours is one), if it is near enough to
/// be meant.
std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates);

}  // namespace sluice
