// SPDX-License-Identifier: Apache-2.0
// A statement of PostgreSQL's as its words, for what rewrites some of them.
// https://www.postgresql.org/docs/current/sql-syntax-lexical.html
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sluice::testing {

/// The texts of all tokens, one after the other, are the statement.
struct Token {
  enum class Kind {
    word,     ///< a keyword or a name
    quoted,   ///< a name in double quotes
    literal,  ///< a text, in whatever quotes, or a number
    symbol,   ///< one character
    space     ///< also a comment
  };
  Kind kind;
  std::string text;
  std::string name;  ///< of a word or a quoted name: as PostgreSQL knows it
};
using Tokens = std::vector<Token>;

/// As with standard_conforming_strings on.
Tokens tokens_of(std::string_view sql);
/// What a plain literal in quotes says; another text as it is.
std::string unquoted(const std::string& text);

}  // namespace sluice::testing
