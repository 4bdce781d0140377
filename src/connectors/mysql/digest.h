// SPDX-License-Identifier: Apache-2.0
// 64-bit digests of rows that the server and DuckDB compute alike: the first half of SHA1 over the
// values' texts. Texts of bounded length stand in it with their length before them, longer ones and
// bytes as their own SHA1; NULL as N, which no value is.
#pragma once

#include <string>
#include <vector>

#include "connectors/mysql/discovery.h"
#include "connectors/mysql/snapshot.h"
#include "duck/duck.h"
#include "sluice/plan.h"

namespace sluice::mysql {

/// DuckDB's side: NAME(ways, column, ..), BIGINT, of values as they landed; `ways` has a letter for
/// each column.
inline constexpr const char* kCopyDigest = "sluice_mysql_digest";
void register_copy_digest(duck::Connection& connection);

/// SQL of the server for the digest of `columns` (a signed 64-bit number), or why there is none.
RowDigest server_digest(const Shape& shape, const std::vector<Column>& columns);
/// The same of DuckDB, of the quoted names of the columns.
std::string copy_digest(const Shape& shape, const std::vector<Column>& columns);
/// SQL of the server for a row's bucket.
std::string server_bucket(const Shape& shape, const Table& table, const Buckets& buckets);
/// The condition that a row is in one of `buckets.only`; nothing if that is empty.
std::string in_buckets(const Shape& shape, const Table& table, const Buckets& buckets);

/// Why this server's digests are not those that DuckDB's side computes; empty: they are.
std::string digests_differ(MysqlSnapshot& snapshot, const Stop& stop, duck::Connection& copy);

}  // namespace sluice::mysql
