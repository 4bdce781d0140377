// SPDX-License-Identifier: Apache-2.0
// Digests of rows that the server computes in its own SQL, and DuckDB in its: the MD5 of a row's
// values as text. Nothing is taken on trust: both sides are asked for the digests of the same
// probe, of each type's extremes, before they are used.
#pragma once

#include <string>
#include <vector>

#include "connectors/dolphindb/discovery.h"
#include "connectors/dolphindb/statement.h"
#include "duck/duck.h"
#include "sluice/plan.h"
#include "sluice/source.h"

namespace sluice::dolphindb {

/// A digest is below 2^62; its sums travel in two parts, as the server's integers wrap.
constexpr int kPartBits = 31;

/// What DuckDB computes of a copy's rows, or why the server computes something else.
RowDigest row_digest(Session& session, const Shape& shape, const std::vector<Column>& columns,
                     duck::Connection& copy);

/// The server's SQL for the digest of these columns.
std::string server_digest(const Shape& shape, const std::vector<Column>& columns);

/// What stands between SELECT and FROM, and behind GROUP BY, for the number of a bucket, how many
/// rows it has, and the two parts of the sum of their digests. Of rows without a number there is
/// one bucket and nothing to group by.
struct DigestItems {
  std::string items, group_by;
};
DigestItems digest_items(const Shape& shape, const Table& table, const Read& read,
                         const Slice& slice);

/// How many of the numbers that DuckDB stores for a value make one of the server's: 1000 for a
/// TIMESTAMP of ms that lands as one of us. 0: ranges of them are not alike on both sides.
std::int64_t landed_factor(const ColumnType& type);

}  // namespace sluice::dolphindb
