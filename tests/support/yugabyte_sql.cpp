// SPDX-License-Identifier: Apache-2.0
#include "support/yugabyte_sql.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <regex>
#include <set>

namespace sluice::testing {
namespace {

using Kind = YugabyteSetting::Kind;

/// That hold other rows here than in PostgreSQL.
const std::set<std::string, std::less<>> kRelations{"pg_am",    "pg_class",    "pg_index",
                                                    "pg_locks", "pg_settings", "pg_stat_activity"};
const std::set<std::string, std::less<>> kFunctions{"current_setting", "pg_relation_size",
                                                    "set_config", "version"};
/// Documented: System column "ctid" is not supported yet.
const std::set<std::string, std::less<>> kSystemColumns{"cmax", "cmin", "ctid", "xmax", "xmin"};
/// A guess: nothing says that YugabyteDB gives them a meaning, so that nobody may lean on them.
const std::set<std::string, std::less<>> kDoubtful{"pg_control_checkpoint",
                                                   "pg_control_system",
                                                   "pg_current_snapshot",
                                                   "pg_current_wal_flush_lsn",
                                                   "pg_current_wal_insert_lsn",
                                                   "pg_current_wal_lsn",
                                                   "pg_current_xact_id",
                                                   "pg_current_xact_id_if_assigned",
                                                   "pg_last_committed_xact",
                                                   "pg_last_wal_receive_lsn",
                                                   "pg_last_wal_replay_lsn",
                                                   "pg_visible_in_snapshot",
                                                   "pg_walfile_name",
                                                   "pg_xact_commit_timestamp",
                                                   "pg_xact_status",
                                                   "txid_current",
                                                   "txid_current_if_assigned",
                                                   "txid_current_snapshot",
                                                   "txid_status",
                                                   "txid_visible_in_snapshot"};
const std::set<std::string, std::less<>> kSteering{
    "abort",    "begin",     "close", "commit", "deallocate", "discard",
    "end",      "listen",    "lock",  "notify", "reset",      "release",
    "rollback", "savepoint", "set",   "show",   "start",      "unlisten"};
constexpr std::string_view kExport = "pg_export_snapshot";

struct Token {
  enum class Kind { word, quoted, literal, symbol, space };
  Kind kind;
  std::string text;
  std::string name;  ///< of a word or a quoted name: as PostgreSQL knows it
};
using Tokens = std::vector<Token>;

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

/// One statement's tokens, and the marks of those that say something.
class Rewriter {
 public:
  Rewriter(Tokens tokens, const YugabyteDialect& dialect,
           const std::function<std::uint64_t()>& hybrid_time)
      : tokens_(std::move(tokens)), dialect_(dialect), hybrid_time_(hybrid_time) {
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      if (tokens_[i].kind != Token::Kind::space) marks_.push_back(i);
      if (!tokens_[i].name.empty()) made_.words.push_back(tokens_[i].name);
    }
  }

  RewrittenStatement made() {
    made_.steers = marks_.empty() || kSteering.contains(name(0));
    if (name(0) == "set" || name(0) == "reset" || name(0) == "show" || name(0) == "alter")
      rewrite_setting();
    if (name(0) == "lock") rewrite_lock();
    for (std::size_t i = 0; i < marks_.size(); ++i) rewrite(i);
    for (const Token& each : tokens_) made_.text += each.text;
    return std::move(made_);
  }

 private:
  Token& at(std::size_t mark) { return tokens_[marks_[mark]]; }
  std::string name(std::size_t mark) {
    return mark < marks_.size() ? at(mark).name : std::string();
  }
  bool is(std::size_t mark, std::string_view symbol) {
    return mark < marks_.size() && at(mark).text == symbol;
  }
  /// Whether the name is one of pg_catalog's: it has no qualifier, or that one.
  bool catalog(std::size_t mark) {
    return mark == 0 || !is(mark - 1, ".") || (mark > 1 && name(mark - 2) == "pg_catalog");
  }
  std::size_t closing(std::size_t mark) {
    int depth = 0;
    for (; mark < marks_.size(); ++mark) {
      if (is(mark, "(")) ++depth;
      if (is(mark, ")") && --depth == 0) return mark;
    }
    return 0;
  }

  void rewrite(std::size_t mark) {
    const std::string named = name(mark);
    if (named.empty()) return;
    if (!is(mark + 1, "(")) {
      if (kSystemColumns.contains(named)) {
        at(mark).text = std::string(kMissing) + named;
      } else if (kRelations.contains(named) && catalog(mark)) {
        at(mark).text = std::string(kOwn) + named;
      }
      return;
    }
    if (!catalog(mark)) return;
    if (kDoubtful.contains(named) || (named == kExport && !dialect_.exported_snapshots)) {
      at(mark).text = std::string(kMissing) + named;
    } else if (kFunctions.contains(named)) {
      at(mark).text = std::string(kOwn) + named;
    } else if (named == "yb_hash_code") {
      // Of any number and types of values, which no function in SQL can be.
      const std::size_t end = closing(mark + 1);
      at(mark).text = std::string(kOwn) + named;
      at(mark + 1).text = "(pg_catalog.hash_record_extended(ROW(";
      if (end > 0) at(end).text = "), 97))";
    } else if (named == "yb_get_current_hybrid_time_lsn" && dialect_.read_time) {
      at(mark).text = std::string(kOwn) + named;
      at(mark + 1).text = "(" + std::to_string(hybrid_time_());
    }
  }

  void replace_all(const std::string& text) {
    tokens_ = {{Token::Kind::space, text, {}}};
    marks_.clear();
  }

  /// In ACCESS SHARE mode, the one that it takes, LOCK TABLE locks nothing without a flag of the
  /// servers (ysql_enable_object_locking_for_table_locks): the names are looked up.
  void rewrite_lock() {
    std::string looked_up, table;
    for (std::size_t mark = name(1) == "table" ? 2 : 1; mark <= marks_.size(); ++mark) {
      const bool end = mark == marks_.size() || at(mark).text == ";" || name(mark) == "in";
      if (!end && !is(mark, ",")) {
        table += at(mark).text;
        continue;
      }
      looked_up += (looked_up.empty() ? "SELECT '" : ", '") +
                   std::regex_replace(table, std::regex("'"), "''") + "'::pg_catalog.regclass";
      table.clear();
      if (end) break;
    }
    replace_all(looked_up);
  }

  void rewrite_setting() {
    std::size_t mark = 1;
    const bool sets = name(0) == "set";
    if (sets && (name(1) == "local" || name(1) == "session")) ++mark;
    if (name(0) == "alter") {
      while (mark < marks_.size() && name(mark) != "set" && name(mark) != "reset") ++mark;
      ++mark;
    }
    const std::string named = name(mark);
    if (sets && named == "transaction" && name(mark + 1) == "snapshot" &&
        !dialect_.exported_snapshots)
      return replace_all("SET " + std::string(kMissing) + std::string(kExport) + " = 1");
    if (name(0) == "show" && (named == "server_version" || named == "server_version_num"))
      at(mark).text = std::string(kOwnSetting) + named;
    if (!dialect_.has(named)) return;
    at(mark).text = std::string(kOwnSetting) + named;
    if (sets) rewrite_value(named, mark + 2);
  }

  void rewrite_value(const std::string& named, std::size_t mark) {
    if (mark >= marks_.size() || name(mark) == "default") return;
    std::string given;
    for (std::size_t i = marks_[mark]; i < tokens_.size(); ++i) given += unquoted(tokens_[i].text);
    while (!given.empty() && given.back() == ' ') given.pop_back();
    const std::optional<std::string> value = dialect_.value(named, given);
    if (!value) {
      made_.refusal = {"22023", "invalid value for parameter \"" + named + "\": \"" + given + "\""};
      return replace_all("SET " + std::string(kMissing) + "value = 1");
    }
    made_.travels = named == "yb_read_time" && *value != "0";
    tokens_.resize(marks_[mark]);
    marks_.resize(mark);
    tokens_.push_back({Token::Kind::literal, "'" + *value + "'", {}});
  }

  Tokens tokens_;
  std::vector<std::size_t> marks_;
  const YugabyteDialect& dialect_;
  const std::function<std::uint64_t()>& hybrid_time_;
  RewrittenStatement made_;
};

std::string replaced_all(std::string text, std::string_view what) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos;)
    text.erase(at, what.size());
  return text;
}

}  // namespace

const std::vector<YugabyteSetting>& yugabyte_settings() {
  static const std::vector<YugabyteSetting> settings{
      {"yb_enable_expression_pushdown", Kind::boolean, "on", {}},
      {"yb_enable_optimizer_statistics", Kind::boolean, "off", {}},
      {"yb_fetch_row_limit", Kind::integer, "1024", {}},
      {"yb_fetch_size_limit", Kind::size, "0", {}},
      {"yb_follower_read_staleness_ms", Kind::integer, "30000", {}},
      {"yb_read_after_commit_visibility", Kind::choice, "strict", " strict relaxed deferred "},
      {"yb_read_from_followers", Kind::boolean, "off", {}},
      {"yb_read_time", Kind::time, "0", {}},
      {"yb_transaction_priority_lower_bound", Kind::size, "0", {}},
      {"yb_transaction_priority_upper_bound", Kind::size, "1", {}},
  };
  return settings;
}

bool YugabyteDialect::has(std::string_view setting) const {
  if (setting == "yb_read_time" && !read_time) return false;
  return std::ranges::any_of(yugabyte_settings(),
                             [&](const YugabyteSetting& each) { return each.name == setting; });
}

std::optional<std::string> YugabyteDialect::value(std::string_view setting,
                                                  const std::string& given) const {
  static const std::regex on("on|true|yes|1", std::regex::icase),
      off("off|false|no|0", std::regex::icase), integer(R"(\d{1,9})"),
      time(R"(\d{1,16}|\d{1,19} ht)");
  for (const YugabyteSetting& each : yugabyte_settings()) {
    if (each.name != setting) continue;
    const bool good = each.kind == Kind::integer ? std::regex_match(given, integer)
                      : each.kind == Kind::time  ? std::regex_match(given, time)
                      : each.kind == Kind::choice
                          ? each.choices.find(" " + given + " ") != std::string_view::npos
                          : !given.empty();
    if (each.kind == Kind::boolean && std::regex_match(given, on)) return "on";
    if (each.kind == Kind::boolean && std::regex_match(given, off)) return "off";
    if (good && each.kind != Kind::boolean) return given;
  }
  return std::nullopt;
}

std::string YugabyteDialect::options(const std::string& given) const {
  std::string all;
  for (const YugabyteSetting& each : yugabyte_settings()) {
    if (has(each.name))
      all += "-c " + std::string(kOwnSetting) + std::string(each.name) + "=" +
             std::string(each.initial) + " ";
  }
  static const std::regex name(R"((-c\s*|--)(yb[_-]\w+)(?==))");
  auto from = given.cbegin();
  for (std::smatch match; std::regex_search(from, given.cend(), match, name);
       from = match[0].second) {
    all += std::string(match.prefix()) + match[1].str();
    all += (has(match[2].str()) ? std::string(kOwnSetting) : std::string()) + match[2].str();
  }
  return all + std::string(from, given.cend());
}

bool RewrittenStatement::says(std::string_view word) const {
  return std::ranges::find(words, word) != words.end();
}

std::vector<RewrittenStatement> rewritten(const std::string& sql, const YugabyteDialect& dialect,
                                          const std::function<std::uint64_t()>& hybrid_time) {
  std::vector<RewrittenStatement> statements;
  Tokens now;
  const auto finish = [&] {
    const bool any =
        std::ranges::any_of(now, [](const Token& each) { return each.kind != Token::Kind::space; });
    if (any) statements.push_back(Rewriter(std::move(now), dialect, hybrid_time).made());
    now.clear();
  };
  for (Token& each : tokens_of(sql)) {
    if (each.text == ";" && each.kind == Token::Kind::symbol) {
      finish();
    } else {
      now.push_back(std::move(each));
    }
  }
  finish();
  return statements;
}

std::optional<Refusal> refusal_of(const std::string& message) {
  static const std::regex missing(std::string(kMissing) + "(\\w+)");
  std::smatch match;
  if (!std::regex_search(message, match, missing)) return std::nullopt;
  const std::string name = match[1];
  if (kSystemColumns.contains(name))
    return Refusal{"0A000", "System column \"" + name + "\" is not supported yet"};
  if (name == kExport)
    return Refusal{"42601",
                   "cannot export or import snapshot when ysql_enable_pg_export_snapshot is "
                   "disabled."};
  return Refusal{"0A000", name + " is not supported yet"};
}

std::string without_own_names(std::string text) {
  return replaced_all(replaced_all(std::move(text), kOwn), kOwnSetting);
}

}  // namespace sluice::testing
