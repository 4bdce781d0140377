// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "sluice/connector.h"

namespace sluice::examples {

/// Customers of a DuckDB file that changed since the last sync, by `updated_at`. The field
/// "database" names the file, with a table CUSTOMERS; without it, five customers in memory.
std::unique_ptr<sdk::Connector> key_based_replication();

}  // namespace sluice::examples
