// SPDX-License-Identifier: Apache-2.0
// What is read of a table, cut along its partitions.
#pragma once

#include "connectors/dolphindb/snapshot.h"
#include "sluice/plan.h"

namespace sluice::dolphindb {

/// Asks the server how much there is, where. Throws Fault::config for a `where` or a `start` that
/// it does not understand.
Plan make_plan(DolphindbSnapshot& snapshot, const Table& table, const Read& read, const Stop& stop);

}  // namespace sluice::dolphindb
