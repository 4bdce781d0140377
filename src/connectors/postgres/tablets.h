// SPDX-License-Identifier: Apache-2.0
// How a table of YugabyteDB is cut into chunks: rows have no place there, only keys.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "connectors/postgres/answers.h"
#include "connectors/postgres/discovery.h"
#include "sluice/plan.h"

namespace sluice::postgres {

/// Of about `target` bytes each. A table whose rows are dealt out by hash: ranges of
/// yb_hash_code(), none across the border of two tablets, which the server reads by the key's index
/// and from the tablets alone that have them. One that is kept in its key's order: ranges of the
/// key's first column, where its splits or its statistics name values in between. None: neither.
std::vector<Chunk> tablet_chunks(const Asking& asking, const Shape& shape, std::uint64_t target);

/// The first value of each point of "SPLIT AT VALUES ((100, 'a'), (200, 'b'))", as a literal's
/// text; NULL and MINVALUE are passed over. For tests.
std::vector<std::string> split_values(const std::string& clause);

}  // namespace sluice::postgres
