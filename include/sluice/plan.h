// SPDX-License-Identifier: Apache-2.0
// What is read of a table, and how: plain values, the same for every source.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/table.h"

namespace sluice {

/// The column whose ranges Buckets::By::ranges are: a primary key that is one integer column;
/// without a primary key, where Table::mark_ranges, a replication key that is an integer or a
/// time. None: nullptr.
inline const Column* range_column(const Table& table) {
  static constexpr std::string_view kIntegers =
      "|TINYINT|SMALLINT|INTEGER|BIGINT|UTINYINT|USMALLINT|UINTEGER|";
  static constexpr std::string_view kTimes =
      "|DATE|TIMESTAMP|TIMESTAMP_S|TIMESTAMP_MS|TIMESTAMP_NS|TIMESTAMP WITH TIME ZONE|";
  const bool by_key = table.primary_key.size() == 1;
  if (!by_key && (table.has_key() || !table.mark_ranges)) return nullptr;
  const Column* column = table.column(by_key ? table.primary_key[0] : table.replication_key);
  if (column == nullptr) return nullptr;
  const auto is_one_of = [type = "|" + column->type + "|"](std::string_view types) {
    return types.find(type) != types.npos;
  };
  return is_one_of(kIntegers) || (!by_key && is_one_of(kTimes)) ? column : nullptr;
}

/// Rows dealt into numbered buckets, alike at the source and in the copy.
struct Buckets {
  /// ranges: of range_column(); the bucket is number >> bits (2^bits numbers in a row; an
  /// arithmetic shift of a BIGINT). The number is the value as DuckDB stores it: an integer; days,
  /// s, ms, us or ns since 1970 by the type it lands as, infinities +-INT64_MAX (DATE: INT32_MAX).
  /// Of a replication key bits is 1 at least, and NULL is in kNulls.
  /// hashes: the bucket is the lowest `bits` bits of the digest of the key columns, in key order;
  /// without a key, of all columns. Never asked for where range_column() is a replication key.
  enum class By { ranges, hashes } by = By::hashes;
  int bits = 0;
  std::uint64_t count = 0;         ///< about how many of them have rows
  std::vector<std::int64_t> only;  ///< ascending; empty: all of them

  static constexpr std::int64_t kNulls = INT64_MIN;
  /// Whether `only` asks for rows without a replication key.
  bool nulls() const {
    return by == By::ranges && bits > 0 && !only.empty() && only.front() == kNulls;
  }
};

/// Numbers from `first` to `last`, both included.
struct KeyRange {
  std::int64_t first, last;
};

/// Where the buckets of `only` are by ranges: their numbers, neighbours as one; kNulls has none.
inline std::vector<KeyRange> key_ranges(const Buckets& buckets) {
  std::vector<KeyRange> ranges;
  if (buckets.by != Buckets::By::ranges) return ranges;
  const std::int64_t width = std::int64_t{1} << buckets.bits;
  for (std::size_t i = buckets.nulls() ? 1 : 0; i < buckets.only.size(); ++i) {
    // Where a server gave a bucket that no number is in, its range is of no use, but defined.
    const auto first =
        static_cast<std::int64_t>(static_cast<std::uint64_t>(buckets.only[i]) << buckets.bits);
    const KeyRange range{first, first + (width - 1)};
    if (!ranges.empty() && ranges.back().last + 1 == range.first) {
      ranges.back().last = range.last;
    } else {
      ranges.push_back(range);
    }
  }
  return ranges;
}

/// How a copy's rows are digested.
struct RowDigest {
  std::string sql;      ///< a BIGINT for each row, never NULL, of the quoted names of the columns
  std::string why_not;  ///< not empty: there is no digest, rows have to be compared
  /// The server takes longer to compute it than to send a key: deletes are found by keys then.
  bool slow = false;
};

/// Which rows and columns of a table travel. Table::where and Table::start always apply as well,
/// and of `from`, `since`, `keys` and `buckets` one at most is asked for; a source whose RowDigest
/// says why_not is not asked for `buckets` and `digest`.
struct Read {
  std::vector<Column> columns;  ///< in the order of the batch's vectors; a subset of the table's
  std::optional<std::string>
      from;  ///< only rows whose replication key is >= this (inclusive), and NULL ones
  /// If set: only rows whose present version was not in a snapshot of this Snapshot::horizon().
  /// More rows than those are no error: where the source cannot tell any more, all.
  std::optional<std::string> since;
  /// If not empty: only the rows with these primary keys, each a tuple in key order (BLOB as
  /// upper-case hex; lists and structs are never asked for). Keys that do not exist are no error.
  std::vector<std::vector<std::string>> keys;
  /// Only the rows of Buckets::only, if that is not empty.
  std::optional<Buckets> buckets;
  /// If not empty: not rows, but for each bucket that has any, its number, how many there are, and
  /// the sum of their digests over these columns; `columns` is digest_columns(). Several such rows
  /// for one bucket add up.
  std::vector<Column> digest;  ///< in an order that counts: it seeds the hashes
};

/// What a Read of digests brings.
inline std::vector<Column> digest_columns() {
  std::vector<Column> columns(3);
  columns[0].name = "bucket", columns[0].type = "BIGINT";
  columns[1].name = "rows", columns[1].type = "BIGINT";
  columns[2].name = "digest", columns[2].type = "DECIMAL(38,0)";
  return columns;
}

/// A slice of a table that only its source understands (a ctid range, a key range, a partition).
struct Chunk {
  std::string bounds;      ///< text, meaningful only to its source and one incarnation of the table
  std::uint64_t rows = 0;  ///< an estimate
  std::uint64_t bytes =
      0;  ///< an estimate, on the source's disk; 0: unknown, and not to be compared alone
};

/// How to read what a Read asks for. A value: may be kept and used by another process under the
/// same snapshot.
struct Plan {
  Table table;  ///< as plan() was given it
  Read read;
  std::vector<Chunk> chunks;  ///< disjoint; together exactly the rows asked for
  /// The mark: the replication key up to which this snapshot is complete. The highest one of the
  /// rows that where and start admit, whatever Read::from is, without NULL; of a clock's time never
  /// above what the source's clock said before the snapshot.
  std::optional<std::string> until;
  std::optional<std::string> safe;  ///< a mark at or below it that no open transaction can still
                                    ///< write below, where the source can tell at once
  std::string
      relation;  ///< SQL that DuckDB reads by itself on any connection of the process, its columns
                 ///< named and typed as the Read's, its rows those asked for; then no chunks
  /// The readers deliver every column as VARCHAR, with the text that DuckDB casts to the column's
  /// type without a loss.
  bool as_text = false;
  std::uint64_t rows = 0;     ///< estimate
  std::uint64_t misfits = 0;  ///< values of `relation` that a `misfit: null` column drops
};

}  // namespace sluice
