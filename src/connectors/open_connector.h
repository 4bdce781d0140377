// SPDX-License-Identifier: Apache-2.0
// From a URL `connector:..` to a connector that pushes its changes: the only file that knows the
// ways to one.
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "sluice/connector.h"

namespace sluice {

/// Whether a URL's scheme is `connector:`.
bool is_connector(const std::string& url);

/// connector:FILE.so is a shared object with SLUICE_CONNECTOR in it; it stays loaded for as long as
/// the process lives. connector:grpc://HOST:PORT is a server of Fivetran's protocol,
/// connector:FOLDER one in Python that is started: for one sync each (fivetran/host.h). `log` gets
/// what its process prints and outlives it; null: only the log of a sync does, while that lasts.
/// Throws Fault::config where that cannot be, with what to do about it.
std::unique_ptr<sdk::Connector> open_connector(const std::string& url, sdk::Log* log = nullptr,
                                               const std::stop_token& stop = {});

/// What state and history of the connection say that it reads: of a file its name, without folder,
/// "lib" and ".so", of a folder its name, so that it may move and be built anew.
std::string connector_identity(const std::string& url);

}  // namespace sluice
