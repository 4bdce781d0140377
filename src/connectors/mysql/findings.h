// SPDX-License-Identifier: Apache-2.0
// What `sluice check` says of a server.
#pragma once

#include <cstddef>
#include <vector>

#include "connectors/mysql/connection.h"
#include "sluice/source.h"

namespace sluice::mysql {

std::vector<Finding> find(Connection& connection, std::size_t readers);

}  // namespace sluice::mysql
