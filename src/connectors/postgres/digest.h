// SPDX-License-Identifier: Apache-2.0
// 64-bit digests of rows that the server and DuckDB compute alike. Per column a hash H(value, seed)
// with a seed of its own (NULL: a constant of its own), combined by XOR, then, of several columns,
// hash::finish(): sums of such digests tell sets of rows apart. What a digest is blind to: a change
// within one timestamp or time with probability 2^-32, the sign of a floating-point zero.
#pragma once

#include <string>
#include <vector>

#include "connectors/postgres/answers.h"
#include "connectors/postgres/connection.h"
#include "connectors/postgres/discovery.h"
#include "duck/duck.h"
#include "sluice/plan.h"

namespace sluice::postgres {

/// The name of DuckDB's side: NAME(column, ..), BIGINT, of values as they landed.
inline constexpr const char* kCopyDigest = "sluice_postgres_digest";
void register_copy_digest(duck::Connection& connection);

/// SQL of the server for the digest of `columns` (bigint), or why there is none.
RowDigest server_digest(const Shape& shape, const std::vector<Column>& columns);
/// SQL of the server for a row's bucket (bigint).
std::string server_bucket(const Shape& shape, const Table& table, const Buckets& buckets);
/// The ranges of Buckets::only that an index of the key is asked for; none: it is no help.
std::vector<KeyRange> index_ranges(const Buckets& buckets);
/// The condition that a row is in one of `buckets.only`; nothing if that is empty.
std::string in_buckets(const Shape& shape, const Table& table, const Buckets& buckets);

/// Why this server's hashes are not those that hash.h computes; empty: they are.
std::string hashes_differ(Connection& connection, Answers& answers);

}  // namespace sluice::postgres
