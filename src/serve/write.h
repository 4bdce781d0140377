// SPDX-License-Identifier: Apache-2.0
// Batches into tables. All files of a call are one transaction, of which a crash can leave inserted
// rows alone; a call that is made again changes nothing more, and heals that.
#pragma once

#include <cstdint>
#include <string>

#include "duck/duck.h"
#include "serve/stage.h"

namespace sluice::serve {

/// Rows that the files of a call held.
struct Written {
  std::uint64_t replaced = 0, updated = 0, deleted = 0, ended = 0;
};

/// Replaces whole rows, then changes parts of rows, then deletes rows. A key that comes more than
/// once: the last one counts. Keys that the table has not are ignored by updates and deletes.
Written write_batch(duck::Connection& connection, const std::string& catalog,
                    const proto::WriteBatchRequest& request, bool long_records);

/// The same of a table with the versions of each row (columns _fivetran_start, _fivetran_end and
/// _fivetran_active): versions from `earliest` on are forgotten and the one before is ended; new
/// versions are put in, with what is unmodified in one taken from that before it; keys that are
/// deleted end.
Written write_history(duck::Connection& connection, const std::string& catalog,
                      const proto::WriteHistoryBatchRequest& request, bool long_records);

/// Columns of which some staged text is not the unmodified_string, without keys.
std::vector<ServedColumn> modified_columns(duck::Connection& connection, const ServedTable& table,
                                           const std::string& stage, const std::string& unmodified);

constexpr const char* kStart = "_fivetran_start";
constexpr const char* kEnd = "_fivetran_end";
constexpr const char* kActive = "_fivetran_active";

}  // namespace sluice::serve
