// SPDX-License-Identifier: Apache-2.0
// Hosts connectors that speak Fivetran's protocol, in any language, as connectors of the SDK.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>

#include "sluice/connector.h"

namespace sluice::fivetran {

struct HostOptions {
  /// Gets what a process prints before and after update(), in which the sync's log gets it, and
  /// outlives the connector. Null: nobody does.
  sdk::Log* log = nullptr;
  std::stop_token stop;  ///< ends all waiting with Fault::cancelled; update() heeds the sync's, too
  /// How long a connector may take until it answers, and for its form, a test or its schema.
  std::chrono::seconds start{60}, call{600};
  /// How long nothing may come before the other side is asked whether it is there; 20 s later (or
  /// this long, if that is less) the call ends with Fault::connection. Servers refuse who asks more
  /// often than every 5 minutes.
  std::chrono::milliseconds keepalive{std::chrono::minutes(6)};
  /// The Python program that runs a folder, with what the connector imports: a path. Empty: that of
  /// a virtual environment which is made once for its requirements.txt (python.h).
  std::string python;
};

/// A SourceConnector at "HOST:PORT", which somebody else has started. One update() each: Python's
/// SDK serves no second one. Throws Fault::connection where none answers in time.
std::unique_ptr<sdk::Connector> host_address(const std::string& address,
                                             const HostOptions& options);

/// A folder with a connector.py, made with Fivetran's SDK for Python: started, and killed with all
/// that it has started when the connector is destroyed. Its processes end with this one, too.
std::unique_ptr<sdk::Connector> host_folder(const std::filesystem::path& folder,
                                            const HostOptions& options);

/// What is behind "connector:": "grpc://HOST:PORT", or a folder that holds a connector.py. Null: it
/// is neither.
std::unique_ptr<sdk::Connector> host(const std::string& target, const HostOptions& options);

}  // namespace sluice::fivetran
