// SPDX-License-Identifier: Apache-2.0
// One sync of a connector: its operations, applied at the destination, committed with its state.
#pragma once

#include <string>

#include "feed/buffer.h"
#include "sluice/connector.h"
#include "sluice/destination.h"

namespace sluice::feed {

struct FeedOptions {
  std::string connection = "default";  ///< the state is kept under this name
  /// Of the destination, for tables without one; others go to "SCHEMA_" and theirs.
  std::string schema = "main";
};

/// Runs the connector's schema() and update(), on this thread. Throws its first Error, or what else
/// left it; then the destination holds what the last checkpoint committed. A crash at any moment
/// leaves that, too, once the next sync has begun.
Calls run(duck::Database& database, Destination& destination, sdk::Connector& connector,
          const sdk::Configuration& configuration, const FeedOptions& options, sdk::Log& log);

}  // namespace sluice::feed
