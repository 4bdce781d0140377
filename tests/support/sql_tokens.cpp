// SPDX-License-Identifier: Apache-2.0
#include "support/sql_tokens.h"

#include <algorithm>
#include <cctype>
#include <regex>

namespace sluice::testing {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& each : out) each = static_cast<char>(std::tolower(static_cast<unsigned char>(each)));
  return out;
}

bool in_word(char each) {
  return std::isalnum(static_cast<unsigned char>(each)) != 0 || each == '_' || each == '$' ||
         static_cast<unsigned char>(each) >= 0x80;
}

/// Past the closing quote; two of them are one, and after a backslash none counts.
std::size_t quoted_end(std::string_view sql, std::size_t at, bool escapes) {
  const char quote = sql[at++];
  for (; at < sql.size(); ++at) {
    if (escapes && sql[at] == '\\') {
      ++at;
    } else if (sql[at] == quote) {
      if (at + 1 >= sql.size() || sql[at + 1] != quote) return at + 1;
      ++at;
    }
  }
  return sql.size();
}

std::size_t comment_end(std::string_view sql, std::size_t at) {
  if (sql[at] == '-') return std::min(sql.find('\n', at), sql.size());
  int depth = 0;
  for (; at + 1 < sql.size(); ++at) {
    if (sql.substr(at, 2) == "/*") {
      ++depth, ++at;
    } else if (sql.substr(at, 2) == "*/") {
      ++at;
      if (--depth == 0) return at + 1;
    }
  }
  return sql.size();
}

/// Past $tag$ .. $tag$; 0: there is none.
std::size_t dollar_end(std::string_view sql, std::size_t at) {
  std::size_t end = at + 1;
  while (end < sql.size() && in_word(sql[end]) && sql[end] != '$') ++end;
  if (end >= sql.size() || sql[end] != '$' ||
      (end > at + 1 && std::isdigit(static_cast<unsigned char>(sql[at + 1])) != 0))
    return 0;
  const std::string_view tag = sql.substr(at, end - at + 1);
  const std::size_t closing = sql.find(tag, end + 1);
  return closing == std::string_view::npos ? sql.size() : closing + tag.size();
}

std::size_t word_end(std::string_view sql, std::size_t at) {
  while (at < sql.size() && in_word(sql[at])) ++at;
  return at;
}

}  // namespace

Tokens tokens_of(std::string_view sql) {
  Tokens tokens;
  for (std::size_t at = 0, end = 0; at < sql.size(); at = end) {
    const char first = sql[at];
    const char second = at + 1 < sql.size() ? sql[at + 1] : '\0';
    Token token{Token::Kind::symbol, {}, {}};
    end = at + 1;
    if (std::isspace(static_cast<unsigned char>(first)) != 0) {
      token.kind = Token::Kind::space;
    } else if ((first == '-' && second == '-') || (first == '/' && second == '*')) {
      token.kind = Token::Kind::space;
      end = comment_end(sql, at);
    } else if (first == '\'') {
      token.kind = Token::Kind::literal;
      end = quoted_end(sql, at, false);
    } else if ((first == 'e' || first == 'E') && second == '\'') {
      token.kind = Token::Kind::literal;
      end = quoted_end(sql, at + 1, true);
    } else if (first == '"') {
      token.kind = Token::Kind::quoted;
      end = quoted_end(sql, at, false);
      token.name = std::regex_replace(std::string(sql.substr(at + 1, end - at - 2)),
                                      std::regex("\"\""), "\"");
    } else if (first == '$') {
      if (const std::size_t dollar = dollar_end(sql, at); dollar > 0) {
        token.kind = Token::Kind::literal;
        end = dollar;
      } else {
        end = word_end(sql, at + 1);  // $1
      }
    } else if (std::isdigit(static_cast<unsigned char>(first)) != 0) {
      token.kind = Token::Kind::literal;
      end = word_end(sql, at);
    } else if (in_word(first)) {
      token.kind = Token::Kind::word;
      end = word_end(sql, at);
      token.name = lower(sql.substr(at, end - at));
    }
    token.text = sql.substr(at, end - at);
    tokens.push_back(std::move(token));
  }
  return tokens;
}

std::string unquoted(const std::string& text) {
  if (text.size() < 2 || text[0] != '\'') return text;
  return std::regex_replace(text.substr(1, text.size() - 2), std::regex("''"), "'");
}

}  // namespace sluice::testing
