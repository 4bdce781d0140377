// SPDX-License-Identifier: Apache-2.0
// How what stands in for a YugabyteDB (yugabyte_double.h) says to PostgreSQL what it was asked, and
// what it makes of PostgreSQL's answers. No state, no connection: texts in, texts out.
//
// What the double has in YugabyteDB's stead is in pg_catalog under names that begin with kOwn; its
// settings are PostgreSQL's custom ones, which have a dot. What YugabyteDB has not gets a name that
// PostgreSQL does not know, so that the statement really fails where and when it should.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::testing {

inline constexpr std::string_view kOwn = "yb_double_";         ///< tables, views, functions
inline constexpr std::string_view kOwnSetting = "yb_double.";  ///< settings
inline constexpr std::string_view kMissing = "yb_double_no_";  ///< what there is not

struct YugabyteSetting {
  enum class Kind { boolean, integer, size, time, choice };
  std::string_view name;
  Kind kind;
  std::string_view initial;
  std::string_view choices;  ///< of a choice, with a space around each
};
/// YugabyteDB's settings of a session that the double knows, with its defaults.
/// https://docs.yugabyte.com/stable/reference/configuration/yb-tserver/ (YSQL parameters)
const std::vector<YugabyteSetting>& yugabyte_settings();

/// What a double has.
struct YugabyteDialect {
  bool read_time = true;
  bool exported_snapshots = false;
  bool has(std::string_view setting) const;
  /// The value as its SHOW says it; none: it is refused.
  std::optional<std::string> value(std::string_view setting, const std::string& given) const;
  /// A startup packet's options: the settings' defaults, then what the client gives.
  std::string options(const std::string& given) const;
};

struct Refusal {
  std::string state, text;  ///< SQLSTATE and message
};

/// One statement of a text, as PostgreSQL gets it.
struct RewrittenStatement {
  std::string text;
  std::vector<std::string>
      words;             ///< its names and keywords as PostgreSQL knows them, outside literals
  bool steers = false;   ///< SET, BEGIN, SHOW ..: neither reads nor writes rows
  bool travels = false;  ///< sets yb_read_time to another value than 0
  std::optional<Refusal> refusal;  ///< of the value of a setting, which PostgreSQL cannot check
  bool says(std::string_view word) const;
};
/// `hybrid_time`: called for each yb_get_current_hybrid_time_lsn().
std::vector<RewrittenStatement> rewritten(const std::string& sql, const YugabyteDialect& dialect,
                                          const std::function<std::uint64_t()>& hybrid_time);

/// What YugabyteDB says where PostgreSQL said that it does not know one of rewritten()'s names.
std::optional<Refusal> refusal_of(const std::string& message);
/// Without the names that are the double's own.
std::string without_own_names(std::string text);

}  // namespace sluice::testing
