// SPDX-License-Identifier: Apache-2.0
// Text for people: how wide it is on a terminal, numbers in words, and what a misspelt word was
// meant to be.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sluice::cli {

/// Columns that UTF-8 text takes on a terminal: 2 for CJK and emoji, 0 for combining marks.
std::size_t display_width(std::string_view text);
/// Cut to at most `width` columns, ending in "…" if something was cut; control characters become
/// spaces.
std::string fitted(std::string_view text, std::size_t width);
/// Broken between words into lines of at most `width` columns, the first behind `indent` columns
/// that are printed already, the others behind as many spaces. `width` 0: one line.
std::string wrapped(std::string_view text, std::size_t indent, std::size_t width);
/// Padded with spaces to `width` columns.
std::string left(std::string_view text, std::size_t width);
std::string right(std::string_view text, std::size_t width);

std::string with_commas(std::uint64_t number);  ///< 1,234,567
std::string compact(std::uint64_t number);      ///< 1.23M, from 100,000 on; below with_commas()
std::string human_bytes(std::uint64_t bytes);   ///< 12 kB, 1.2 GB: powers of 1000
std::string human_seconds(double seconds);      ///< 0.4 s, 12 s, 3m 05s, 2h 07m

/// "did you mean X?" or nothing.
std::string did_you_mean(std::string_view word, std::span<const std::string> candidates);
/// The words with `glue` between them.
std::string joined(std::span<const std::string> words, std::string_view glue);
/// "a, b or c".
std::string alternatives(std::span<const std::string> words);

/// "replication_key" -> "replication-key" and "SLUICE_REPLICATION_KEY".
std::string flag_name(std::string_view key);
std::string variable_name(std::string_view key);

}  // namespace sluice::cli
