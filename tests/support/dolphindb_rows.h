// SPDX-License-Identifier: Apache-2.0
// DolphinDB's types as DuckDB's, for what stands in for a DolphinDB: values are stored as they are
// on the wire, so that comparisons are exact.
//
//   BOOL BOOLEAN, CHAR TINYINT, SHORT SMALLINT, LONG BIGINT, FLOAT, DOUBLE; INT and times of 4
//   bytes (DATE, MONTH, .. DATEHOUR) INTEGER, those of 8 (TIMESTAMP, NANOTIME, NANOTIMESTAMP)
//   BIGINT, each in its own unit (NANOTIMESTAMP: ns since 1970); STRING and SYMBOL VARCHAR; BLOB;
//   UUID; INT128 and IPADDR UHUGEINT (see the macros int128('hex') and ipaddr4(192, 168, 1, 1));
//   COMPLEX and POINT STRUCT(a DOUBLE, b DOUBLE); DURATION STRUCT(a INTEGER, b INTEGER);
//   DECIMAL32(s) DECIMAL(10, s), DECIMAL64(s) DECIMAL(19, s), DECIMAL128(s) DECIMAL(38, s); T[] a
//   list of these.
//
// NULL is NULL; what is DolphinDB's NULL on the wire ('' of a STRING, the lowest INT) is read as
// NULL as well. A NULL list goes out as a row of one NULL, as the official client sends it; an
// empty one as a row of none.
#pragma once

#include <duckdb.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "duck/duck.h"
#include "support/dolphindb_objects.h"

namespace sluice::testing::dolphin {

struct ColumnType {
  Type type = kVoid;
  int scale = 0;  ///< of decimals
  bool array = false;
  bool operator==(const ColumnType&) const = default;
};

/// "NANOTIMESTAMP", "DECIMAL64(4)", "DOUBLE[]"; throws std::runtime_error.
ColumnType type_named(const std::string& text);
std::string text_of(const ColumnType& type);
std::string stored_as(const ColumnType& type);
/// SQL that is NULL where the stored value is DolphinDB's NULL.
std::string with_nulls(const std::string& sql, const ColumnType& type);

/// A value for duckdb_bind_value: of a scalar, or the list of a vector.
using Bound = std::shared_ptr<_duckdb_value>;
Bound bound(const Value& value);
/// One of a vector's.
Bound bound_cell(const Value& value, std::size_t cell);

/// A query with its values for `$1`, `$2` .., and what its columns are.
struct Query {
  std::string sql;
  std::vector<Bound> parameters;
  std::vector<std::string> names;
  std::vector<ColumnType> types;
};

/// Its rows as tables of at most `most` rows; none, or one, where there are none (`empty`).
std::vector<Value> tables_of(duck::Connection& connection, const Query& query, std::size_t most,
                             bool empty);

/// md5() and macros that the compiled SQL uses; once for a database.
void register_functions(duck::Connection& connection);

}  // namespace sluice::testing::dolphin
