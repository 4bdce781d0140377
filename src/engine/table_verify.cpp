// SPDX-License-Identifier: Apache-2.0
// Is the copy what the source is? Digests say where not; only rows of those buckets travel.
#include <algorithm>
#include <chrono>

#include "engine/digest.h"
#include "engine/table_run.h"

namespace sluice {
namespace {

constexpr std::uint64_t kBucketsWanted = 1'000;  // their sums are a few dozen kilobytes
constexpr std::uint64_t kLeastRowsOfBucket = 512;
constexpr int kSplit = 6;                    // a range splits into 64
constexpr std::uint64_t kMostToSplit = 64;   // buckets; where more differ, splitting saves little
constexpr std::size_t kMostNumbers = 4'096;  // that are asked for by number, in one statement
constexpr std::size_t kExamples = 10;
constexpr const char* kAppendKeeps = "mode append keeps what the source no longer has";

/// To ranges twice as wide: no row is in none of them that was in one before.
void widen(Buckets& buckets) {
  for (std::size_t i = buckets.nulls() ? 1 : 0; i < buckets.only.size(); ++i) buckets.only[i] >>= 1;
  const auto end = std::unique(buckets.only.begin(), buckets.only.end());
  buckets.only.erase(end, buckets.only.end());
  ++buckets.bits;
}

}  // namespace

TableRun::Differing TableRun::differing_buckets(double percent) {
  DigestCompare digests(connection_, context_.scan, snapshot_, table_, landing_, target_,
                        table_.columns);
  Differing differing;
  differing.why_rows = digests.why_not();
  if (!differing.why_rows.empty()) return differing;
  const std::uint64_t rows = shape_.living_rows(target_.name);
  Buckets buckets = digests.buckets(std::max(rows / kBucketsWanted, kLeastRowsOfBucket));
  buckets.only = digests.sample(buckets, percent);
  const bool sampled = !buckets.only.empty();
  if (sampled) {
    differing.compared = rows_in(target_.sql() + " WHERE " + target_.living() + " AND (" +
                                 digests.own_condition(buckets) + ")");
  }
  const auto differ = [&] {
    digests.compare(buckets);
    buckets.only.clear();
    const auto found = connection_.query("SELECT bucket FROM sluice_differ ORDER BY bucket");
    for (std::size_t i = 0; i < found.rows(); ++i) buckets.only.push_back(found.integer(i, 0));
  };
  differ();
  const std::uint64_t theirs = digests.rows_there();
  const int split = digests.splits(buckets, kSplit);
  if (split > 0 && !buckets.only.empty() && buckets.only.size() <= kMostToSplit &&
      digests.rows_differing() > kLeastRowsOfBucket) {
    std::vector<std::int64_t> parts;
    for (const std::int64_t each : buckets.only) {
      if (each == Buckets::kNulls && buckets.nulls()) {
        parts.push_back(each);
        continue;
      }
      for (std::int64_t part = 0; part < std::int64_t{1} << split; ++part)
        parts.push_back(each * (std::int64_t{1} << split) + part);
    }
    buckets.bits -= split;
    buckets.only = std::move(parts);
    differ();
  }
  receipt_.bytes += digests.bytes();
  differing.anywhere = !buckets.only.empty();
  if (!differing.anywhere) return differing;
  // Where half of the rows are to be read, reading all of them is simpler for everybody.
  if (!sampled && digests.rows_differing() > std::max(rows, theirs) / 2) return differing;
  while (buckets.by == Buckets::By::ranges && buckets.only.size() > kMostNumbers) widen(buckets);
  differing.own = digests.own_condition(buckets);
  differing.buckets = std::move(buckets);
  return differing;
}

Verified TableRun::verify(Sync::Repair repair, double percent) {
  if (!stored_ || !stored_->live || loads() || !decision_.changes.empty() || decision_.fill) {
    throw Error(Fault::config,
                table_.name.text() + ": there is no copy of the table as it is now" +
                    (decision_.why.empty() ? "" : " (" + decision_.why + ")"),
                "sync first");
  }
  if (options_.mode == Mode::append) {
    Verified verified;
    verified.table = table_.name;
    verified.target = receipt_.target;
    verified.rows = shape_.living_rows(landing_.name);
    verified.not_compared = kAppendKeeps;
    return verified;
  }
  prove_user_key();
  if (repair == Sync::Repair::yes) heal_torn_commit();
  return compare(repair, gone(), percent);
}

/// Not empty: the copy is not meant to equal the source as this run read it.
std::string TableRun::why_not_verified() const {
  if (receipt_.outcome != Outcome::done) return "nothing was read of it in this run";
  if (options_.mode == Mode::append) return kAppendKeeps;
  if (receipt_.instant != snapshot_.instant())
    return "its load, which was cut off, is of an earlier instant; the next run brings it up to "
           "date";
  if (!snapshot_.consistent(table_)) return "the source has no instant of it to compare with";
  return {};
}

void TableRun::verify_run() {
  if (const std::string why = why_not_verified(); !why.empty()) {
    receipt_.notes.push_back("not verified: " + why);
    return;
  }
  // Where deletes had no turn, rows that only the copy has are as they should be.
  const bool deletes_unseen = options_.deletes != Deletes::ignore && !finds_deletes();
  const Receipt done = receipt_;
  receipt_.bytes = 0;
  std::optional<Verified> verified;
  try {
    if (context_.scan.stop.load() != StopLevel::none)
      throw Error(Fault::cancelled, "stopped on request", "`sluice verify` compares it");
    verified = compare(Sync::Repair::no, deletes_unseen ? apply::Gone::ignored : gone());
  } catch (const Error& error) {
    receipt_ = done;
    throw error.at(table_.name.text() + ": its copy is up to date, but was not verified");
  }
  receipt_ = done;
  receipt_.verified = std::move(verified);
  if (deletes_unseen)
    receipt_.notes.emplace_back(
        "verified but for rows that only the copy has: deletes are looked for as delete_check "
        "says");
  drop_staged();
}

Verified TableRun::compare(Sync::Repair repair, apply::Gone gone, double percent) {
  const auto started = std::chrono::steady_clock::now();
  Verified verified;
  verified.table = table_.name;
  verified.target = receipt_.target;
  verified.rows = shape_.living_rows(landing_.name);
  if (target_.versions) verify_versions(verified, repair);
  Differing differing = differing_buckets(percent);
  verified.compared = differing.compared.value_or(verified.rows);
  verified.how = differing.why_rows.empty() ? "digests" : "rows: " + differing.why_rows;
  std::optional<Plan> rows;
  if (differing.anywhere) rows = plan_there(differing);
  // Sums are of living rows: a marked copy of a key beside a living one is in none of them.
  if (table_.has_key() && (differing.anywhere || !target_.deleted.empty()))
    verify_unique(verified, target_.deleted.empty() ? differing.own : "", repair);
  const bool countable = !differing.compared && gone == apply::Gone::wanted && verified.extra == 0;
  if (rows && table_.has_key()) verify_keyed(verified, *rows, differing, repair, gone);
  if (rows && !table_.has_key()) verify_multiset(verified, *rows, differing, repair, gone);
  // With the snapshot went its locks: what was read since may be of another table.
  snapshot_.check_alive(table_.name);
  if (differing.anywhere && differing.why_rows.empty() && verified.equal())
    verified.how = "rows: digests differ where no row does";
  if (!snapshot_.consistent(table_))
    verified.how += "; the source has no instant of it: what changed meanwhile may differ";
  if (countable) verified.source_rows = verified.rows + verified.missing - verified.extra;
  verified.bytes += receipt_.bytes;
  verified.repaired = repair == Sync::Repair::yes && !verified.equal();
  verified.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  return verified;
}

/// Of a copy in mode history, what would be taken for current though it has ended, or the other way
/// round: no row of the source shows that.
void TableRun::verify_versions(Verified& verified, Sync::Repair repair) {
  const auto found = connection_.query("SELECT count(*) FROM " + target_.sql() + " WHERE " +
                                       apply::contradictory(target_));
  const auto count = static_cast<std::uint64_t>(found.integer(0, 0));
  if (count == 0) return;
  verified.changed += count;
  verified.examples.push_back(std::to_string(count) + " versions: " + target_.versions->to +
                              " and " + target_.versions->current + " contradict each other");
  if (repair == Sync::Repair::no) return;
  Load load(connection_, context_.states);
  load.execute(apply::agree(target_));
  commit(load, state_);
}

/// Copies of a key beyond the first: nothing that sluice wrote, but what else writes to the file
/// may.
void TableRun::verify_unique(Verified& verified, const std::string& where, Sync::Repair repair) {
  const auto duplicates = connection_.query(apply::duplicates(target_, key(), where));
  for (std::size_t i = 0; i < duplicates.rows(); ++i) {
    verified.extra += static_cast<std::uint64_t>(duplicates.integer(i, 1));
    if (verified.examples.size() < kExamples)
      verified.examples.push_back(duplicates.text(i, 0) + ": more than once in the copy");
  }
  if (repair == Sync::Repair::no || duplicates.rows() == 0) return;
  Load load(connection_, context_.states);
  load.execute(apply::remove_duplicates(target_, key(), true));
  commit(load, state_);
}

void TableRun::verify_keyed(Verified& verified, const Plan& rows, const Differing& differing,
                            Sync::Repair repair, apply::Gone gone) {
  stage_difference(rows, differing, INT64_MAX, gone);
  if (count_difference() == 0) return;
  verified.missing = receipt_.inserted;
  verified.extra += receipt_.deleted;
  verified.changed += receipt_.updated;
  const auto some =
      connection_.query(apply::examples_of_difference(target_, columns(), key(), kExamples));
  for (std::size_t i = 0; i < some.rows(); ++i) {
    const bool in_copy = some.boolean(i, 1), at_source = some.boolean(i, 2);
    verified.examples.push_back(some.text(i, 0) + (!in_copy ? ": only at the source"
                                                   : !at_source
                                                       ? ": only in the copy"
                                                       : ": differs in " + some.text(i, 3)));
  }
  if (repair == Sync::Repair::no) return;
  check_brake(receipt_.deleted, verified.rows);
  announce_in_flight(receipt_.inserted + receipt_.updated);
  TableState next = state_;
  next.in_flight = 0;
  Load load(connection_, context_.states);
  write_difference(load, {receipt_.inserted, receipt_.updated, receipt_.deleted});
  commit(load, next);
}

void TableRun::verify_multiset(Verified& verified, const Plan& rows, const Differing& differing,
                               Sync::Repair repair, apply::Gone gone) {
  stage_multiset(rows, differing);
  const auto sums = connection_.query(
      "SELECT coalesce(sum(n) FILTER (n > 0), 0)::BIGINT, coalesce(-sum(n) FILTER (n < 0), "
      "0)::BIGINT FROM sluice_delta");
  verified.missing = static_cast<std::uint64_t>(sums.integer(0, 0));
  verified.extra =
      gone == apply::Gone::ignored ? 0 : static_cast<std::uint64_t>(sums.integer(0, 1));
  if (repair == Sync::Repair::no || verified.missing + verified.extra == 0) return;
  check_brake(verified.extra - std::min(verified.extra, verified.missing), verified.rows);
  stage_new(rows, differing);
  announce_in_flight(verified.missing);
  TableState next = state_;
  next.in_flight = 0;
  Load load(connection_, context_.states);
  if (verified.extra > 0) load.execute(apply::multiset_remove(target_, columns(), differing.own));
  if (verified.missing > 0)
    load.execute(apply::insert_into(target_, columns()) + " FROM sluice_new");
  commit(load, std::move(next));
}

}  // namespace sluice
