// SPDX-License-Identifier: Apache-2.0
// How a table is cut into chunks.
#pragma once

#include "connectors/mysql/snapshot.h"
#include "sluice/source.h"

namespace sluice::mysql {

/// `stop` ends its waits. Throws Fault::schema if the columns asked for are not the table's.
Plan make_plan(MysqlSnapshot& snapshot, const Table& table, const Read& read, const Stop& stop);

}  // namespace sluice::mysql
