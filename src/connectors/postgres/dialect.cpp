// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/dialect.h"

#include <array>

namespace sluice::postgres {
namespace {

/// The word after `prefix`.
std::string word_after(std::string_view text, std::string_view prefix) {
  const std::size_t at = text.find(prefix);
  if (at == std::string_view::npos) return {};
  const std::size_t begin = at + prefix.size();
  return std::string(text.substr(begin, text.find_first_of(" ,", begin) - begin));
}

/// Rows travel from a tablet to the node that runs the query by size instead of 1,024 at a time;
/// and leaders are read, whatever the role's own settings say.
constexpr std::array<Setting, 3> kYugabyteSettings{{{"yb_fetch_row_limit", "0"},
                                                    {"yb_fetch_size_limit", "1MB"},
                                                    {"yb_read_from_followers", "false"}}};

}  // namespace

Dialect dialect_of(std::string_view version) {
  Dialect dialect;
  const std::string yugabyte = word_after(version, "-YB-");
  dialect.version = yugabyte.empty() ? word_after(version, "PostgreSQL ") : yugabyte;
  if (yugabyte.empty()) return dialect;
  dialect.product = "YugabyteDB";
  dialect.places = dialect.one_server = dialect.locks = false;
  dialect.settings = kYugabyteSettings;
  dialect.internal_schemas = "'yb_xcluster_ddl_replication'";
  return dialect;
}

}  // namespace sluice::postgres
