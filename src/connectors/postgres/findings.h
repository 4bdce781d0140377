// SPDX-License-Identifier: Apache-2.0
// What a user should know of a server, a role and the way to them before relying on them.
#pragma once

#include <cstddef>
#include <vector>

#include "connectors/postgres/connection.h"
#include "sluice/source.h"

namespace sluice::postgres {

/// `readers`: connections that a run reads with; one more holds its snapshot. What this server
/// does not let us see is left out.
std::vector<Finding> find(Connection& session, std::size_t readers);

}  // namespace sluice::postgres
