// SPDX-License-Identifier: Apache-2.0
// What `sluice check` says of the way to a server.
#pragma once

#include <vector>

#include "connectors/dolphindb/sessions.h"
#include "sluice/source.h"

namespace sluice::dolphindb {

std::vector<Finding> find(Sessions& sessions, const Stop& stop);

}  // namespace sluice::dolphindb
