// SPDX-License-Identifier: Apache-2.0
// MySQL, MariaDB and SingleStore as sources: the whole face of this folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "sluice/secret.h"
#include "sluice/source.h"

namespace sluice::mysql {

struct SourceOptions {
  std::string application_name = "sluice";  ///< program_name among the connection's attributes
  Secret password;                          ///< overrides the URL's and every file's; empty: theirs
  std::size_t max_readers = 4;       ///< sessions that read at once; one more plans beside them
  std::uint64_t max_rate_bytes = 0;  ///< of all readers together, a second; 0: no limit
  unsigned lock_timeout_s = 10;      ///< how long a snapshot waits for each lock
  /// True ends every wait of identity(), discover(), snapshot() and plan() within a second or two,
  /// with Fault::cancelled. For any thread.
  std::function<bool()> stop;
};

/// `url` is mysql://, mariadb:// or singlestore://user:password@host:port/database?parameters.
/// Parameters are the client options that MySQL's own programs know (ssl-mode, ssl-ca, socket,
/// defaults-file ..); what the URL leaves open, option files such as ~/.my.cnf say. Connects on
/// first use.
std::unique_ptr<Source> source(const std::string& url, SourceOptions options = {});

}  // namespace sluice::mysql
