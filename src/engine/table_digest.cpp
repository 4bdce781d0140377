// SPDX-License-Identifier: Apache-2.0
// Which keys the source has and the copy has not, or the other way round, without moving the keys.
#include "engine/digest.h"
#include "engine/table_run.h"
#include "planted.h"

namespace sluice {
namespace {

constexpr std::uint64_t kWorthDigests = 50'000;  // fewer keys travel as fast as their digests
/// Small enough that most buckets lose one key at most, large enough that their sums are a
/// hundredth of the keys.
constexpr std::uint64_t kRowsOfBucket = 512;
/// Above this share of the keys in buckets that remain to be fetched, all are streamed.
constexpr std::uint64_t kStreamShare = 4;
/// In every so many runs the copy itself is looked at: what somebody else did to it comes to
/// light.
constexpr std::uint64_t kTrustedRuns = 16;

}  // namespace

/// Whether keys will be compared by digests; those of many buckets that differ may travel all the
/// same.
bool TableRun::keys_by_digests() {
  if (shape_.living_rows(target_.name) < kWorthDigests) return false;
  const DigestCompare digests(connection_, context_.scan, snapshot_, table_, landing_, target_,
                              key_columns());
  return digests.why_not().empty() && !digests.slow();
}

/// Whether source and copy can both compute them.
bool TableRun::have_digests(const std::vector<Column>& columns) {
  return DigestCompare(connection_, context_.scan, snapshot_, table_, landing_, target_, columns)
      .why_not()
      .empty();
}

/// What `_sluice.digests` holds of the copy's keys, as a FROM item: bucket, n, s.
std::string TableRun::kept_digests() const {
  return "(SELECT bucket, n, s FROM " + context_.states.sql_name("digests") + " WHERE " +
         context_.states.digests_of(table_.name) + ")";
}

/// Whether they are those of the copy's `rows` keys, cut and made so.
bool TableRun::trusts_digests(const std::string& cut, std::uint64_t rows) const {
  if (state_.digests != cut || context_.inventory.runs % kTrustedRuns == 0) return false;
  const auto kept = connection_.query("SELECT coalesce(sum(n), 0)::BIGINT FROM " + kept_digests());
  return static_cast<std::uint64_t>(kept.integer(0, 0)) == rows;
}

/// In the commit that makes the source's keys the copy's.
void TableRun::keep_digests(Load& load) const {
  if (rest_.digests.empty() || rows_in("sluice_kept") == 0) return;
  const std::string table = context_.states.sql_name("digests");
  load.execute("DELETE FROM " + table + " WHERE " + context_.states.digests_of(table_.name) +
               " AND bucket IN (SELECT bucket FROM sluice_kept)");
  load.execute("INSERT INTO " + table + " SELECT " +
               duck::literal(context_.states.connection_name()) + ", " +
               duck::literal(table_.name.schema) + ", " + duck::literal(table_.name.name) +
               ", bucket, n, s FROM sluice_kept WHERE n IS NOT NULL");
}

/// Fills sluice_prune as apply::prune_match() does. False: all keys have to be streamed.
bool TableRun::prune_by_digests(const apply::Target& target, const std::vector<Column>& keys,
                                Changes& changes) {
  const std::uint64_t rows = shape_.living_rows(target.name);
  if (rows < kWorthDigests) return false;
  DigestCompare digests(connection_, context_.scan, snapshot_, table_, landing_, target, keys);
  if (!digests.why_not().empty() || digests.slow()) return false;
  Buckets buckets = digests.buckets(kRowsOfBucket);
  // The copy as this run leaves it: what is staged and new belongs to it.
  const std::string staged =
      "(FROM sluice_stage WHERE rowid NOT IN (SELECT sid FROM sluice_match)) s";
  const std::string cut = digests.cut(buckets);
  digests.compare(buckets, staged, {}, trusts_digests(cut, rows) ? kept_digests() : "");
  receipt_.bytes += digests.bytes();
  if (digests.rows_differing("n NOT IN (1, 2)") > rows / kStreamShare) return false;
  if (target.name == landing_.name) {
    // What is to be written of them, now that the copy will have the source's keys.
    connection_.query(
        "CREATE OR REPLACE TEMP TABLE sluice_kept AS SELECT bucket, t.n, t.s FROM sluice_theirs t "
        "FULL JOIN " +
        kept_digests() +
        " k USING (bucket) WHERE t.n IS DISTINCT FROM k.n OR t.s IS DISTINCT FROM k.s");
    changes.digests = cut;
  }
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
  const std::string found = planted("one-of-a-pair") ? "rids[1]" : "unnest(rids)";
  connection_.query("INSERT INTO sluice_prune (_sluice_rid) SELECT " + found +
                    " FROM sluice_found");
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
