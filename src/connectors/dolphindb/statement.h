// SPDX-License-Identifier: Apache-2.0
// The text of queries. Values never stand in it: they are bound to variables.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/dolphindb/session.h"
#include "sluice/plan.h"

namespace sluice::dolphindb {

struct Shape;

/// A column's name as SQL has it: plain where it is a plain word, else _"quoted".
std::string column_name(std::string_view name);

/// What a bound value is called: of these letters, and like no column of the table.
std::string variable(const Shape& shape, std::string_view purpose);

/// A script and the values that it names.
struct Query {
  std::string script;
  Variables variables;
};

/// Which part of a table a chunk is.
struct Slice {
  std::string column;  ///< empty: all of it
  bool nulls = false;  ///< the rows in which that column is NULL; else those in which it is not
  std::optional<std::int64_t> from, to;  ///< of the column's own numbers; `to` is not in it
  std::size_t first_key = 0, keys = 0;   ///< of Read::keys; keys > 0: only rows with these
  std::vector<KeyRange> ranges;          ///< if any: only rows whose number is in one of them
  std::vector<std::int64_t> hashes;      ///< if any: only rows in these buckets of keys' digests

  std::string text() const;  ///< as Chunk::bounds
  static Slice of(const std::string& bounds);
};

/// The rows and columns of a read, or of a part of it. `items`: what stands between SELECT and
/// FROM.
Query select_query(const Shape& shape, const Table& table, const Read& read, const Slice& slice,
                   const std::string& items);

/// The number of a bucket by digests of keys, as SQL.
std::string hash_bucket(const Shape& shape, const Table& table, int bits);

/// "a, b", the columns at these positions.
std::string column_list(std::span<const Column> columns, std::span<const std::size_t> positions);

}  // namespace sluice::dolphindb
