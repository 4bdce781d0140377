// SPDX-License-Identifier: Apache-2.0
// Which keys the source has and the copy has not, or the other way round, found without moving the
// keys: both sides deal them into buckets and sum their digests; where one key too many is in a
// bucket, the difference of the sums is that key's digest.
#include <bit>

#include "engine/table_run.h"

namespace sluice {
namespace {

constexpr std::uint64_t kWorthDigests = 50'000;  // rows; fewer keys travel as fast as their digests
/// Small enough that most buckets lose one key at most, large enough that their sums are a
/// hundredth of the keys.
constexpr std::uint64_t kRowsOfBucket = 512;
/// Above this share of the keys in buckets that remain to be fetched, all are streamed.
constexpr std::uint64_t kStreamShare = 4;

}  // namespace

/// Ranges where the key is an integer whose values lie evenly enough: an index finds them.
Buckets TableRun::buckets_of(const apply::Target& target, std::uint64_t rows) {
  const std::uint64_t wanted = std::max<std::uint64_t>(1, rows / kRowsOfBucket);
  Buckets hashes;
  hashes.bits = static_cast<int>(std::bit_width(wanted) - 1);
  if (key().size() != 1 || !duck::is_integer(table_.column(table_.primary_key.front())->type))
    return hashes;
  const std::string name = duck::quoted(key().front()) + "::BIGINT";
  const auto ends =
      connection_.query("SELECT min(" + name + "), max(" + name + ") FROM " + target.sql());
  const std::uint64_t span = static_cast<std::uint64_t>(ends.integer(0, 1)) -
                             static_cast<std::uint64_t>(ends.integer(0, 0));
  Buckets ranges;
  ranges.by = Buckets::By::ranges;
  ranges.bits = std::min(62, static_cast<int>(std::bit_width(span / wanted)));
  const auto fullest =
      connection_.query("SELECT max(n) FROM (SELECT count(*) AS n FROM " + target.sql() +
                        " GROUP BY " + name + " >> " + std::to_string(ranges.bits) + ")");
  return static_cast<std::uint64_t>(fullest.integer(0, 0)) > 8 * kRowsOfBucket ? hashes : ranges;
}

/// Fills sluice_prune as apply::prune_match() does. False: all keys have to be streamed.
bool TableRun::prune_by_digests(const apply::Target& target) {
  const std::uint64_t rows = shape_.rows(target.name);
  if (rows < kWorthDigests) return false;
  std::vector<Column> key_columns;
  for (const std::string& name : table_.primary_key) key_columns.push_back(*table_.column(name));
  const RowDigest digest =
      context_.scan.source.row_digest(snapshot_, table_, key_columns, connection_);
  if (!digest.why_not.empty()) return false;
  Buckets buckets = buckets_of(target, rows);

  Read read;
  read.columns = digest_columns();
  read.digest = key_columns;
  read.buckets = buckets;
  const Plan sums = context_.scan.source.plan(snapshot_, table_, read);
  {
    Relation relation(connection_, context_.scan, snapshot_, sums);
    relation.run(
        "CREATE OR REPLACE TEMP TABLE sluice_theirs AS SELECT bucket, sum(rows)::BIGINT AS n, "
        "sum(digest)::HUGEINT AS s FROM " +
        relation.sql() + " GROUP BY bucket");
    receipt_.bytes += relation.bytes();
  }
  // The copy as this run leaves it: what is staged and new belongs to it. Digests are over the
  // source's names.
  std::string own, staged, back;
  for (std::size_t i = 0; i < key().size(); ++i) {
    const std::string here = duck::quoted(key()[i]);
    const std::string there = duck::quoted(table_.primary_key[i]);
    own += ", " + here + " AS " + there;
    staged += ", s." + here;
    back += there + " AS " + here + ", ";
  }
  const std::string bucket =
      buckets.by == Buckets::By::ranges
          ? duck::quoted(table_.primary_key.front()) + "::BIGINT >> " + std::to_string(buckets.bits)
          : "digest & " + std::to_string((std::int64_t{1} << buckets.bits) - 1);
  const std::string keys = "(SELECT sluice_rid, " + back + "digest, " + bucket +
                           " AS bucket FROM (SELECT *, " + digest.sql +
                           " AS digest FROM (SELECT rowid AS sluice_rid" + own + " FROM " +
                           target.sql() + " UNION ALL SELECT NULL" + staged +
                           " FROM sluice_stage s WHERE rowid NOT IN (SELECT sid FROM "
                           "sluice_match))))";
  connection_.query(
      "CREATE OR REPLACE TEMP TABLE sluice_differ AS SELECT bucket, coalesce(o.n, 0) - "
      "coalesce(t.n, 0) AS n, coalesce(o.s, 0) - coalesce(t.s, 0) AS s, greatest(o.n, t.n) AS most "
      "FROM (SELECT bucket, count(*) AS n, sum(digest)::HUGEINT AS s FROM " +
      keys +
      " GROUP BY bucket) o FULL JOIN sluice_theirs t USING (bucket) WHERE o.n IS DISTINCT FROM t.n "
      "OR o.s IS DISTINCT FROM t.s");
  if (static_cast<std::uint64_t>(
          connection_
              .query("SELECT coalesce(sum(most), 0) FROM sluice_differ WHERE n NOT IN (1, 2)")
              .integer(0, 0)) > rows / kStreamShare)
    return false;
  // One key too many, or two, whose digests make up the difference.
  connection_.query(
      "CREATE OR REPLACE TEMP TABLE sluice_suspects AS SELECT k.sluice_rid, k.digest, d.bucket, "
      "d.n, d.s FROM " +
      keys + " k JOIN sluice_differ d USING (bucket) WHERE d.n IN (1, 2)");
  connection_.query(
      "CREATE OR REPLACE TEMP TABLE sluice_found AS SELECT bucket, [sluice_rid] AS rids FROM "
      "sluice_suspects WHERE n = 1 AND digest = s UNION ALL SELECT a.bucket, [a.sluice_rid, "
      "b.sluice_rid] FROM sluice_suspects a JOIN sluice_suspects b ON a.bucket = b.bucket AND "
      "b.digest = a.s - a.digest AND a.sluice_rid < b.sluice_rid WHERE a.n = 2");
  connection_.query(
      "DELETE FROM sluice_found WHERE list_contains(rids, NULL) OR bucket IN (SELECT bucket FROM "
      "sluice_found GROUP BY bucket HAVING count(*) > 1)");
  connection_.query("CREATE OR REPLACE TEMP TABLE sluice_prune AS SELECT rowid AS sluice_rid, " +
                    apply::column_list(key()) + " FROM " + target.sql() + " LIMIT 0");
  connection_.query("INSERT INTO sluice_prune (sluice_rid) SELECT unnest(rids) FROM sluice_found");
  const auto rest = connection_.query(
      "SELECT bucket FROM sluice_differ WHERE bucket NOT IN (SELECT bucket FROM sluice_found) "
      "ORDER "
      "BY bucket");
  if (rest.rows() == 0) return true;
  for (std::size_t i = 0; i < rest.rows(); ++i) buckets.only.push_back(rest.integer(i, 0));
  Read part;
  part.columns = key_columns;
  part.buckets = buckets;
  const Plan remaining = context_.scan.source.plan(snapshot_, table_, part);
  Relation relation(connection_, context_.scan, snapshot_, remaining);
  relation.run(
      "INSERT INTO sluice_prune SELECT t.sluice_rid, " + apply::column_list(key(), "k.") +
      " FROM " + landed(relation, remaining) + " k FULL JOIN (SELECT * FROM " + keys +
      " WHERE bucket IN (SELECT bucket FROM sluice_differ) AND bucket NOT IN (SELECT bucket "
      "FROM sluice_found)) t ON " +
      apply::equal_keys(key(), "t.", "k.") + " WHERE t.digest IS NULL OR (k." +
      duck::quoted(key().front()) + " IS NULL AND t.sluice_rid IS NOT NULL)");
  record(relation, remaining);
  return true;
}

}  // namespace sluice
