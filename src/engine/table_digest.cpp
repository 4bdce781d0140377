// SPDX-License-Identifier: Apache-2.0
// Which keys the source has and the copy has not, or the other way round, without moving the keys.
#include "engine/digest.h"
#include "engine/table_run.h"

namespace sluice {
namespace {

constexpr std::uint64_t kWorthDigests = 50'000;  // fewer keys travel as fast as their digests
/// Small enough that most buckets lose one key at most, large enough that their sums are a
/// hundredth of the keys.
constexpr std::uint64_t kRowsOfBucket = 512;
/// Above this share of the keys in buckets that remain to be fetched, all are streamed.
constexpr std::uint64_t kStreamShare = 4;

}  // namespace

/// Whether keys will be compared by digests; those of many buckets that differ may travel all the
/// same.
bool TableRun::keys_by_digests() {
  return shape_.living_rows(target_.name) >= kWorthDigests && have_digests(key_columns());
}

/// Whether source and copy can both compute them.
bool TableRun::have_digests(const std::vector<Column>& columns) {
  return DigestCompare(connection_, context_.scan, snapshot_, table_, landing_, target_, columns)
      .why_not()
      .empty();
}

/// Fills sluice_prune as apply::prune_match() does. False: all keys have to be streamed.
bool TableRun::prune_by_digests(const apply::Target& target, const std::vector<Column>& keys) {
  const std::uint64_t rows = shape_.living_rows(target.name);
  if (rows < kWorthDigests) return false;
  DigestCompare digests(connection_, context_.scan, snapshot_, table_, landing_, target, keys);
  if (!digests.why_not().empty()) return false;
  Buckets buckets = digests.buckets(kRowsOfBucket);
  // The copy as this run leaves it: what is staged and new belongs to it.
  const std::string staged =
      "(FROM sluice_stage WHERE rowid NOT IN (SELECT sid FROM sluice_match)) s";
  digests.compare(buckets, staged);
  receipt_.bytes += digests.bytes();
  if (digests.rows_differing("n NOT IN (1, 2)") > rows / kStreamShare) return false;
  // Where the copy has one key too many, or two, their digests make up the difference.
  const std::string own = digests.own_rows(buckets, staged, {}, "SELECT bucket FROM sluice_differ");
  connection_.query(
      "CREATE OR REPLACE TEMP TABLE sluice_suspects AS SELECT o._sluice_rid, o._sluice_digest AS "
      "digest, "
      "d.* FROM " +
      own + " o JOIN sluice_differ d ON o._sluice_bucket = d.bucket WHERE d.n IN (1, 2)");
  connection_.query(
      "CREATE OR REPLACE TEMP TABLE sluice_found AS SELECT bucket, [_sluice_rid] AS rids FROM "
      "sluice_suspects WHERE n = 1 AND digest = s UNION ALL SELECT a.bucket, [a._sluice_rid, "
      "b._sluice_rid] FROM sluice_suspects a JOIN sluice_suspects b ON a.bucket = b.bucket AND "
      "b.digest = a.s - a.digest AND a._sluice_rid < b._sluice_rid WHERE a.n = 2");
  connection_.query(
      "DELETE FROM sluice_found WHERE len(list_filter(rids, lambda rid: rid IS NULL)) > 0 OR "
      "bucket IN (SELECT bucket FROM "
      "sluice_found GROUP BY bucket HAVING count(*) > 1)");
  connection_.query("CREATE OR REPLACE TEMP TABLE sluice_prune AS SELECT rowid AS _sluice_rid, " +
                    apply::column_list(key()) + " FROM " + target.sql() + " LIMIT 0");
  connection_.query("INSERT INTO sluice_prune (_sluice_rid) SELECT unnest(rids) FROM sluice_found");
  connection_.query("DELETE FROM sluice_differ WHERE bucket IN (SELECT bucket FROM sluice_found)");
  const auto rest = connection_.query("SELECT bucket FROM sluice_differ ORDER BY bucket");
  if (rest.rows() == 0) return true;
  // The keys of the others are fetched.
  for (std::size_t i = 0; i < rest.rows(); ++i) buckets.only.push_back(rest.integer(i, 0));
  Read part;
  part.columns = keys;
  part.buckets = buckets;
  const Plan remaining = context_.scan.source.plan(snapshot_, table_, part);
  Relation relation(connection_, context_.scan, snapshot_, remaining);
  relation.run("INSERT INTO sluice_prune SELECT t._sluice_rid, " + apply::column_list(key(), "k.") +
               " FROM " + landed(relation, remaining) + " k FULL JOIN (FROM " + own +
               " WHERE _sluice_bucket IN (SELECT bucket FROM sluice_differ)) t ON " +
               apply::equal_keys(key(), "t.", "k.") +
               " WHERE t._sluice_digest IS NULL OR (t._sluice_rid IS NOT NULL AND k." +
               duck::quoted(key().front()) + " IS NULL)");
  record(relation, remaining);
  return true;
}

}  // namespace sluice
