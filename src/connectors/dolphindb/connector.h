// SPDX-License-Identifier: Apache-2.0
// DolphinDB as a source: the whole face of this folder.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "sluice/secret.h"
#include "sluice/source.h"

namespace sluice::dolphindb {

struct SourceOptions {
  Secret password;                   ///< overrides the URL's; empty: the URL's
  std::uint64_t max_rate_bytes = 0;  ///< of all readers together, a second; 0: no limit
  /// True ends every wait of identity(), discover(), snapshot() and plan() within 200 ms, with
  /// Fault::cancelled. For any thread.
  std::function<bool()> stop;
};

/// `url` is dolphindb://user:password@host:port[,host:port]/database/table?parameters; several
/// hosts are data nodes of one cluster. A database is what follows dfs://; "shared" are the tables
/// that are shared in the memory of the first node. Connects on first use.
std::unique_ptr<Source> source(const std::string& url, SourceOptions options = {});

}  // namespace sluice::dolphindb
