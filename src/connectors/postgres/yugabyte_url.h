// SPDX-License-Identifier: Apache-2.0
// What a yugabytedb:// URL says that libpq does not know.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "connectors/postgres/cluster.h"

namespace sluice::postgres {

struct YugabyteUrl {
  std::string url;  ///< for libpq: postgresql://, without the parameters below
  Balance balance;  ///< load_balance, topology_keys
  /// Settings of every session: the parameters whose names begin with yb_.
  std::vector<std::pair<std::string, std::string>> settings;
  /// Of yb_read_from_followers: how far back in time followers are read
  /// (yb_follower_read_staleness_ms, 30 s unless said). None: leaders are read.
  std::optional<std::chrono::milliseconds> behind;
};

/// Whether `url` begins with yugabytedb://.
bool is_yugabyte_url(const std::string& url);

/// Parameters that only tune YugabyteDB's own drivers (yb_servers_refresh_interval ..) are passed
/// over. Throws Fault::config for a value that none of them has; `shown` is the URL to print.
YugabyteUrl read_yugabyte_url(const std::string& url, const std::string& shown);

/// The ports of a list of hosts, of which each that says none has YugabyteDB's.
std::string yugabyte_ports(const std::string& hosts, const std::string& ports);

}  // namespace sluice::postgres
