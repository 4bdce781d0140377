// SPDX-License-Identifier: Apache-2.0
// `sluice debug` of connectors that push their changes: those of the SDK, and Python's.
#pragma once

#include <string>

#include "cli/commands.h"
#include "cli/watchers.h"

namespace sluice::cli {

/// The one of the five documents' connectors that is made with the SDK.
inline constexpr const char* kKeyBased = "key_based_replication";

/// What --connector or --python mean, if that is such a connector: kKeyBased, or its URL,
/// "connector:FILE.so". Empty: it is none. Throws as check_request().
std::string pushed_connector(const DebugRequest& request);
int debug_pushed(const DebugRequest& request, const std::string& connector, Stop& stop);

}  // namespace sluice::cli
