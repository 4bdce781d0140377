// SPDX-License-Identifier: Apache-2.0
// From a URL `connector:..` to a connector that pushes its changes: the only file that knows the
// ways to one.
#pragma once

#include <memory>
#include <string>

#include "sluice/connector.h"

namespace sluice {

/// Whether a URL's scheme is `connector:`.
bool is_connector(const std::string& url);

/// connector:FILE.so is a shared object with SLUICE_CONNECTOR in it; it stays loaded for as long as
/// the process lives. Throws Fault::config where that cannot be, with what to do about it.
std::unique_ptr<sdk::Connector> open_connector(const std::string& url);

/// What state and history of the connection say that it reads: of a file its name, without folder,
/// "lib" and ".so", so that it may move and be built anew.
std::string connector_identity(const std::string& url);

}  // namespace sluice
