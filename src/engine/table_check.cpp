// SPDX-License-Identifier: Apache-2.0
// A replication key that somebody does not maintain hides changes. Each merge compares another part
// of the table by content, so that they come to light, and are mended, in the end.
#include <algorithm>

#include "engine/digest.h"
#include "engine/table_run.h"

namespace sluice {
namespace {

/// A smaller table is compared as a whole, once in so many runs.
constexpr std::uint64_t kWorthParts = 50'000;
constexpr std::uint64_t kTurns = 16;
/// A few dozen milliseconds of either side, whatever the size of the table.
constexpr std::uint64_t kRowsOfPart = 16'384;
/// Of a chunk whose rows are read, in as many runs as a smaller table is compared in.
constexpr std::uint64_t kMostBytesOfPart = std::uint64_t{64} << 20;

std::uint64_t number_of(const TableName& name) {
  std::uint64_t sum = 0;
  for (const char each : name.text()) sum = sum * 31 + static_cast<unsigned char>(each);
  return sum;
}

}  // namespace

/// Of the ranges of 2^bits keys between the copy's lowest and highest key, the next one in turn
/// that has rows: each has its turn, however unevenly the keys lie.
std::int64_t TableRun::bucket_of_run(int bits) {
  const std::string column = duck::quoted(key().front()), number = column + "::BIGINT";
  const std::string shift = " >> " + std::to_string(bits), from = " FROM " + target_.sql();
  const auto ends = connection_.query("SELECT min(" + number + ")" + shift + ", max(" + number +
                                      ")" + shift + from);
  const std::int64_t first = ends.integer(0, 0), last = ends.integer(0, 1);
  const auto turn = static_cast<std::int64_t>(context_.inventory.runs %
                                              (static_cast<std::uint64_t>(last - first) + 1));
  const std::int64_t width = std::int64_t{1} << bits, low = (first + turn) * width;
  const std::string above = " WHERE " + column + " >= " + std::to_string(low);
  // Most often there are: a look at few row groups says so.
  const auto some = connection_.query("SELECT 1" + from + above + " AND " + column +
                                      " <= " + std::to_string(low + (width - 1)) + " LIMIT 1");
  if (some.rows() > 0) return first + turn;
  return connection_.query("SELECT min(" + number + ")" + shift + from + above).integer(0, 0);
}

/// The range of keys that is this run's, by digests. None: there are no digests, or no index of the
/// source finds such a range.
std::optional<TableRun::Differing> TableRun::differing_part(const Changes& changes) {
  DigestCompare digests(connection_, context_.scan, snapshot_, table_, landing_, target_,
                        table_.columns);
  if (!digests.why_not().empty()) return std::nullopt;
  Buckets buckets = digests.buckets(kRowsOfPart);
  if (buckets.by != Buckets::By::ranges) return std::nullopt;
  Differing part;
  part.anywhere = false;
  buckets.only = {bucket_of_run(buckets.bits)};
  // The copy as this run leaves it.
  std::string staged = "FROM sluice_stage", gone = "SELECT rid FROM sluice_match";
  if (changes.missing > 0) staged += " UNION ALL FROM sluice_missing";
  if (changes.gone > 0)
    gone += " UNION ALL SELECT _sluice_rid FROM sluice_prune WHERE _sluice_rid IS NOT NULL";
  digests.compare(buckets, "(" + staged + ") s", "rowid IN (" + gone + ")");
  receipt_.bytes += digests.bytes();
  if (rows_in("sluice_differ") == 0) return part;
  part.anywhere = true;
  part.own = digests.own_condition(buckets);
  part.buckets = std::move(buckets);
  return part;
}

/// Into sluice_diff, as stage_difference(), the rows of one chunk: whatever the key is, a source
/// that reads in chunks has it at hand. False: it has none that is small enough.
bool TableRun::stage_chunk(std::uint64_t turn, std::uint64_t limit) {
  Plan part = plan(table_.columns);
  if (part.chunks.empty()) return false;
  part.chunks = {part.chunks[turn % part.chunks.size()]};
  const std::uint64_t bytes = part.chunks.front().bytes;
  if (bytes == 0 || bytes > kMostBytesOfPart) return false;
  Relation relation(connection_, context_.scan, snapshot_, part, progress_.get());
  relation.run("CREATE OR REPLACE TEMP TABLE sluice_part AS FROM " + landed(relation, part));
  record(relation, part);
  pin_rows();
  // The keys first: of what they do not name, nothing else is read.
  const std::string those = "SELECT t.rowid FROM " + target_.sql() +
                            " t WHERE EXISTS (SELECT 1 FROM sluice_part s WHERE " +
                            apply::equal_keys(key(), "t.", "s.") + ")";
  connection_.query(apply::keyed_difference(target_, "sluice_part", columns(), key(),
                                            apply::Gone::ignored, limit,
                                            "rowid IN (" + those + ")"));
  connection_.query("DROP TABLE sluice_part");
  return true;
}

/// Into sluice_diff, what differs in this run's part of the table beside what `changes` bring.
TableRun::Difference TableRun::check_part(const Changes& changes) {
  const std::uint64_t rows = shape_.living_rows(target_.name);
  const std::uint64_t turn = context_.inventory.runs + number_of(table_.name);
  const bool big = rows >= kWorthParts;
  std::optional<Differing> part;
  if (big) part = differing_part(changes);
  if (part ? !part->anywhere : turn % kTurns != 0) return {};
  // No more than a commit that no crash can tear holds, unless this one is guarded anyway: the rest
  // has its turn later.
  const std::uint64_t arriving = changes.arriving();
  const std::uint64_t most =
      arriving < kTearable ? std::min(kWorthParts, kTearable - 1 - arriving) : kWorthParts;
  const Receipt merged = receipt_;
  // Deletes are found as often as delete_check says, and under its brake.
  if (big && !part) {
    if (!stage_chunk(turn / kTurns, most)) return {};
  } else {
    Differing there = part.value_or(Differing{});
    stage_difference(plan_there(there), there, most, apply::Gone::ignored);
  }
  connection_.query(apply::known_difference("sluice_stage", key()));
  if (changes.missing > 0) connection_.query(apply::known_difference("sluice_missing", key()));
  const std::uint64_t differing = count_difference();
  const Difference found{receipt_.inserted, receipt_.updated, 0};
  if (differing > 0) {
    receipt_.notes.push_back(
        "rows that differed though the replication key did not show it, now repaired: " +
        std::to_string(differing) +
        " (each run compares a part of the table; strategy: digest compares all of it)");
  }
  receipt_.inserted += merged.inserted;
  receipt_.updated += merged.updated;
  receipt_.deleted = merged.deleted;
  return found;
}

}  // namespace sluice
