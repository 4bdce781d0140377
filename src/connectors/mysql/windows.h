// SPDX-License-Identifier: Apache-2.0
// What is new in a table, read in stretches of its replication key.
#pragma once

#include <vector>

#include "connectors/mysql/asking.h"

namespace sluice::mysql {

/// Chunks of a read from Read::from on, in ascending order, the rows without a stamp last: windows
/// of Table::window where that is set (each begins with a row: the index is asked what comes next),
/// else of about equal size. None: the read is better done in one statement, or by
/// ranges of the primary key; an index has to lead with the replication key.
///
/// Statements of a table without an instant may see one row twice, in the window that it left and
/// in the one it came to: it needs a primary key, by which the engine takes the newest.
std::vector<Chunk> window_chunks(const Asking& asking, const Shape& shape, const Plan& plan);

}  // namespace sluice::mysql
