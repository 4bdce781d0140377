// SPDX-License-Identifier: Apache-2.0
// Where a copy and its source differ, found without moving rows: both deal their rows into buckets
// and sum 64-bit digests of them; only buckets whose sums differ are worth a look.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/apply.h"
#include "engine/scan.h"
#include "engine/select.h"

namespace sluice {

/// Used on the thread of `connection`; what it is made of outlives it.
class DigestCompare {
 public:
  /// `digested`: columns of `table`, which is as the source spells it.
  DigestCompare(duck::Connection& connection, const ScanContext& context, Snapshot& snapshot,
                const Table& table, const Landing& landing, const apply::Target& target,
                std::vector<Column> digested);

  /// Not empty: the source has no digests that the copy has, too.
  const std::string& why_not() const noexcept { return why_not_; }
  bool slow() const noexcept { return slow_; }  ///< RowDigest::slow
  /// Buckets of about `rows` rows each. Ranges where the key is an integer whose values lie evenly
  /// enough: an index finds them, and ranges of ranges. Always ranges of a replication key that is
  /// the range_column(): where many rows share a stamp, or nearly, one holds more than `rows`.
  Buckets buckets(std::uint64_t rows) const;
  /// By how many bits, at most `most`, each of them can be cut into ranges of ranges.
  int splits(const Buckets& buckets, int most) const;

  /// So many of them, at least one, chosen at random among those that the copy's keys span (of a
  /// replication key: that the copy has rows in), for Buckets::only. Empty: that would be all.
  std::vector<std::int64_t> sample(const Buckets& buckets, double percent) const;

  /// Fills the temp table sluice_differ with the buckets that differ: bucket; n and s, what the
  /// copy has more than the source in rows and in the sum of digests; most, rows on the fuller
  /// side. `staged`: a FROM item of rows that the copy is about to get; `gone`: the condition of
  /// those that it is about to lose. `kept`: a FROM item of bucket, n and s that spares looking at
  /// the copy. Leaves the source's in the temp table sluice_theirs: bucket, n, s.
  void compare(const Buckets& buckets, const std::string& staged = {}, const std::string& gone = {},
               const std::string& kept = {});
  /// How many rows are in buckets of sluice_differ that fit `condition`.
  std::uint64_t rows_differing(const std::string& condition = "true") const;
  /// How many rows the source has, in sluice_theirs.
  std::uint64_t rows_there() const;
  /// A FROM item of the copy's rows: _sluice_rid (NULL: staged), the key, _sluice_digest,
  /// _sluice_bucket. `among`: a query of the buckets that are wanted; others may be there, too.
  std::string own_rows(const Buckets& buckets, const std::string& staged = {},
                       const std::string& gone = {}, const std::string& among = {}) const;
  /// The condition that a row of the copy is in one of `buckets.only`, marked deleted or not: one
  /// that comes back takes the place of the one that is marked.
  std::string own_condition(const Buckets& buckets) const;

  /// What digests of these buckets, kept for a later run, have to have in common with that run's.
  std::string cut(const Buckets& buckets) const;

  std::uint64_t bytes() const noexcept { return bytes_; }

 private:
  /// "there" AS "here", .. of these columns, or the other way round.
  std::string list(const std::vector<Column>& columns, bool to_source,
                   const std::string& prefix = {}) const;
  bool by_mark() const { return ranged_ != nullptr && !table_.has_key(); }
  std::string range_name() const;  ///< range_column() as the copy calls it
  /// The bucket of a row that has range_column() under this name.
  std::string range_sql(const std::string& name, int bits) const;
  int mark_bits(std::uint64_t most) const;
  std::string living() const;  ///< FROM the copy WHERE
  std::string bucket_sql(const Buckets& buckets) const;
  std::string rows_where(const std::string& condition, const Buckets& buckets,
                         const std::string& staged, const std::string& among) const;

  duck::Connection& connection_;
  const ScanContext& context_;
  Snapshot& snapshot_;
  const Table& table_;
  const Landing& landing_;
  const apply::Target& target_;
  std::vector<Column> digested_, key_;  ///< as the source spells them
  const Column* ranged_;                ///< range_column()
  bool slow_ = false;
  std::string digest_, key_digest_, why_not_;
  std::uint64_t bytes_ = 0;
};

}  // namespace sluice
