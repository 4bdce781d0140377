// SPDX-License-Identifier: Apache-2.0
// Later loads: what changed since the last one, found by mark and key or by comparing everything.
#include <algorithm>
#include <utility>

#include "engine/marks.h"
#include "engine/table_run.h"
#include "planted.h"

namespace sluice {
namespace {

/// From a share of 1/6 on, building a table anew costs less than changing it in place (measured).
constexpr std::uint64_t kRebuildShare = 6;
constexpr std::uint64_t kAlwaysInPlace = 10'000;
/// Above this many missing keys, comparing everything is cheaper than asking for each.
constexpr std::uint64_t kMostMissing = 20'000;

/// A list or a struct as DuckDB writes it is no text that a source reads.
bool nested(const std::string& type) {
  return type.ends_with("]") || type.starts_with("STRUCT") || type.starts_with("MAP");
}

}  // namespace

void TableRun::pin_rows() {
  if (!pin_) pin_.emplace(context_.database, context_.states);
}

/// Before staged rowids are used. Nothing but a service loses a transaction.
void TableRun::check_pin() {
  if (pin_ && target_.elsewhere) pin_->check();
}

/// The plan's rows, in the temp table sluice_stage.
void TableRun::stage(const Plan& range) {
  announce(range);
  Relation relation(connection_, context_.scan, snapshot_, range, progress_.get());
  // Statements without a common instant can see one row before and after it changed.
  const bool may_double = range.chunks.size() > 1 && table_.has_key() &&
                          !table_.replication_key.empty() && !snapshot_.consistent(table_);
  relation.run("CREATE OR REPLACE TEMP TABLE sluice_stage AS SELECT " +
               apply::column_list(apply::names(columns())) + " FROM " + landed(relation, range) +
               (may_double ? " QUALIFY row_number() OVER (PARTITION BY " +
                                 apply::column_list(key()) + " ORDER BY " +
                                 duck::quoted(table_.replication_key) + " DESC NULLS LAST) = 1"
                           : ""));
  record(relation, range);
  if (!range.relation.empty()) receipt_.read += rows_in("sluice_stage");
}

std::optional<TableRun::Changes> TableRun::stage_changes(const apply::Target& target,
                                                         const Read& read, bool prune) {
  Changes changes;
  const Plan range = context_.scan.source.plan(snapshot_, table_, read);
  changes.until = range.until;
  stage(range);
  pin_rows();
  changes.merge = apply::merge(target, "sluice_stage", columns(), key());
  connection_.query(changes.merge.match);
  const auto counts = connection_.query(changes.merge.counts);
  changes.inserted = static_cast<std::uint64_t>(counts.integer(0, 0));
  changes.updated = static_cast<std::uint64_t>(counts.integer(0, 1));
  if (!prune) return changes;
  if (!prune_by_digests(target, key_columns(), changes)) {
    const Plan keys = plan(key_columns());
    Relation relation(connection_, context_.scan, snapshot_, keys);
    Differing differing;
    if (!keys.relation.empty()) narrow(differing, relation, keys, target, landed_key());
    relation.run(apply::prune_match(target, rows_there(landed(relation, keys), differing), key(),
                                    differing.own));
    record(relation, keys);
  }
  const auto found = connection_.query(
      "SELECT count(*) FILTER (_sluice_rid IS NOT NULL), count(*) FILTER (_sluice_rid IS NULL) "
      "FROM "
      "sluice_prune");
  changes.gone = static_cast<std::uint64_t>(found.integer(0, 0));
  if (found.integer(0, 1) == 0 || planted("prune-one-sided")) return changes;
  const auto missing = stage_missing();
  if (!missing) return std::nullopt;
  changes.missing = *missing;
  return changes;
}

/// Fetches by key the rows that the source has, the copy lacks and this run's range did not bring.
/// None when they are too many, or could not all be fetched.
std::optional<std::uint64_t> TableRun::stage_missing() {
  const std::string list = apply::column_list(key());
  connection_.query("CREATE OR REPLACE TEMP TABLE sluice_lacking AS SELECT " + list +
                    " FROM sluice_prune p WHERE _sluice_rid IS NULL AND NOT EXISTS (SELECT 1 FROM "
                    "sluice_stage s WHERE " +
                    apply::equal_keys(key(), "s.", "p.") + ")");
  const std::uint64_t lacking = rows_in("sluice_lacking");
  if (lacking == 0) return lacking;
  if (lacking > kMostMissing) return std::nullopt;
  std::string texts;
  for (const std::string& name : key()) {
    const Column& column = *landing_.table.column(name);
    if (nested(column.type)) return std::nullopt;
    texts +=
        (texts.empty() ? "" : ", ") + (column.type == "BLOB" ? "hex(" + duck::quoted(name) + ")"
                                                             : duck::quoted(name) + "::VARCHAR");
  }
  const auto rows = connection_.query("SELECT " + texts + " FROM sluice_lacking");
  Read read;
  read.columns = table_.columns;
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    std::vector<std::string>& tuple = read.keys.emplace_back();
    for (std::size_t k = 0; k < rows.columns(); ++k) tuple.push_back(rows.text(i, k));
  }
  const Plan fetch = context_.scan.source.plan(snapshot_, table_, read);
  Relation relation(connection_, context_.scan, snapshot_, fetch, progress_.get());
  relation.run("CREATE OR REPLACE TEMP TABLE sluice_missing AS SELECT " +
               apply::column_list(apply::names(columns())) + " FROM " + landed(relation, fetch));
  record(relation, fetch);
  // Under one snapshot a key that was listed has its row. Where it has not, the source did not know
  // the key as we wrote it.
  return rows_in("sluice_missing") == lacking ? std::optional(lacking) : std::nullopt;
}

void TableRun::write_changes(Load& load, const apply::Target& target, const Changes& changes) {
  if (changes.updated + changes.gone > 0) check_pin();
  if (changes.updated > 0) load.execute(changes.merge.remove);
  if (changes.inserted + changes.updated > 0) load.execute(changes.merge.insert);
  if (changes.gone > 0) {
    load.execute(apply::remove_rows(
        target, "SELECT _sluice_rid FROM sluice_prune WHERE _sluice_rid IS NOT NULL"));
  }
  // A row that came back replaces the one that is marked deleted.
  if (changes.missing > 0 && !target.deleted.empty()) {
    load.execute("DELETE FROM " + target.sql() + " WHERE rowid IN (SELECT t.rowid FROM " +
                 target.sql() + " t JOIN sluice_missing s ON " +
                 apply::equal_keys(key(), "t.", "s.") + ")");
  }
  if (changes.missing > 0)
    load.execute(apply::insert_into(target, columns()) + " FROM sluice_missing");
}

/// Every column of the rows that may have changed since the copy was last as the source.
Read TableRun::changed_rows() {
  Read read;
  read.columns = table_.columns;
  if (decision_.by_versions) {
    read.since = state_.horizon;
  } else {
    read.from = lower_bound(state_.cursor);
  }
  return read;
}

void TableRun::merge(bool prune) {
  guarantee(!prune ? "B" : decision_.by_versions ? "A" : "B+C");
  prove_user_key();
  const Read changed = changed_rows();
  auto changes = stage_changes(target_, changed, prune);
  if (changes && changes->gone > 0) check_brake(changes->gone, shape_.living_rows(target_.name));
  if (changes && moves_to_clone(changes->arriving()))
    changes = stage_changes(target_, changed, prune);
  if (!changes) {
    receipt_.notes.emplace_back(
        "the copy lacked rows that could not be fetched by key: everything was compared");
    refresh();
    return;
  }
  if (changes->missing > 0) {
    receipt_.notes.push_back(
        "rows that were missing though the " +
        std::string(decision_.by_versions ? "row versions" : "replication key") +
        " did not show them, now fetched: " + std::to_string(changes->missing));
  }
  TableState next = next_state(changes->until);
  if (decision_.by_versions) next.horizon = horizon();
  if (prune && options_.delete_check.kind == Cadence::Kind::interval) {
    next.last_delete_check = now_;
  }
  receipt_.inserted = changes->inserted + changes->missing;
  receipt_.updated = changes->updated;
  receipt_.deleted = changes->gone;
  receipt_.until = changes->until;
  const Difference beside = decision_.by_versions ? Difference{} : check_part(*changes);
  announce_in_flight(changes->arriving() + beside.inserted + beside.updated);
  if (planted("state-before-rows")) {
    Load early(connection_, context_.states);
    commit(early, next);
  }
  // A part that brought keys has put what is staged of them out of date.
  if (!cloned() && beside.inserted == 0 && changes->arriving() < kTearable)
    rest_.digests = changes->digests;
  leave(std::move(next), [this, changes = *changes, beside](Load& load) {
    write_changes(load, target_, changes);
    write_difference(load, beside);
    keep_digests(load);
  });
}

void TableRun::refresh() {
  guarantee("A");
  prove_user_key();
  heal_torn_commit();
  if (table_.has_key()) {
    refresh_keyed();
  } else {
    refresh_multiset();
  }
}

/// A table built anew holds just what the source holds now: neither rows that stay though they were
/// deleted or changed there, nor columns that stay though they were dropped.
bool TableRun::may_rebuild() const {
  return options_.deletes == Deletes::hard && options_.mode != Mode::history &&
         decision_.dropped.empty();
}

/// What a torn commit may have left: versions that began by it, or of a key both its rows.
void TableRun::heal_torn_commit() {
  if (state_.in_flight == 0 || !(target_.versions || table_.has_key())) return;
  Load load(connection_, context_.states);
  load.execute(target_.versions ? apply::take_back(target_, state_.instant)
                                : apply::remove_duplicates(target_, key(), true));
  commit(load, state_);
}

TableRun::Differing TableRun::where_to_look() {
  if (!decision_.by_digests) return {};
  Differing differing = differing_buckets();
  if (!differing.why_rows.empty()) note("every row was read: " + differing.why_rows);
  return differing;
}

/// Nothing differs; when that was found out is worth knowing.
void TableRun::remember_comparison() {
  TableState next = next_state({});
  next.cursor.reset();  // no mark was read
  next.pending.clear();
  next.horizon = horizon();
  next.last_full = next.last_delete_check = now_;
  leave(std::move(next));
}

/// All columns of the source's rows there. Where DuckDB reads them itself, it is found out here in
/// which buckets they differ at all, and `differing` is no more than these.
Plan TableRun::plan_there(Differing& differing) {
  Read read;
  read.columns = table_.columns;
  read.buckets = differing.buckets;
  Plan rows = context_.scan.source.plan(snapshot_, table_, read);
  announce(rows);
  if (rows.relation.empty() || !differing.own.empty()) return rows;
  Relation relation(connection_, context_.scan, snapshot_, rows, progress_.get());
  narrow(differing, relation, rows, target_, columns());
  return rows;
}

/// To the buckets in which a relation that can be read again differs from the target in `compared`,
/// columns as they land.
void TableRun::narrow(Differing& differing, Relation& relation, const Plan& rows,
                      const apply::Target& target, const std::vector<Column>& compared) {
  const std::vector<Column> by = table_.has_key() ? landed_key() : columns();
  relation.run(apply::differing_buckets(target, landed(relation, rows), compared, by));
  differing.own = apply::in_differing_buckets(by);
  differing.both = true;
}

/// For `use` to read.
void TableRun::stage_rows(const Plan& rows, const Differing& differing,
                          const std::function<void(Relation&, const std::string&)>& use) {
  Relation relation(connection_, context_.scan, snapshot_, rows,
                    differing.both ? nullptr : progress_.get());
  use(relation, rows_there(landed(relation, rows), differing));
  record(relation, rows);
  if (!rows.relation.empty()) receipt_.read += rows_in(relation.sql());
}

apply::Gone TableRun::gone() const {
  return options_.deletes == Deletes::ignore ? apply::Gone::ignored : apply::Gone::wanted;
}

/// Into sluice_diff, what the source's rows there make of the copy.
void TableRun::stage_difference(const Plan& plan, const Differing& differing, std::uint64_t limit,
                                apply::Gone gone) {
  pin_rows();
  stage_rows(plan, differing, [&](Relation& relation, const std::string& rows) {
    relation.run(
        apply::keyed_difference(target_, rows, columns(), key(), gone, limit, differing.own));
  });
}

/// Of rows as they land, those that `differing` leaves.
std::string TableRun::rows_there(const std::string& landed_rows, const Differing& differing) {
  return differing.both ? "(FROM " + landed_rows + " WHERE " + differing.own + ")" : landed_rows;
}

/// Into sluice_delta, how many of each row are to come or go there. The rows of some buckets stay
/// in sluice_stage, all would be too many.
void TableRun::stage_multiset(const Plan& plan, const Differing& differing) {
  stage_rows(plan, differing, [&](Relation& relation, const std::string& rows) {
    if (!differing.buckets) {
      relation.run(apply::multiset_source(rows, columns()));
      return;
    }
    relation.run("CREATE OR REPLACE TEMP TABLE sluice_stage AS SELECT " +
                 apply::column_list(apply::names(columns())) + " FROM " + rows);
    connection_.query(apply::multiset_source("sluice_stage", columns()));
  });
  connection_.query(apply::multiset_delta(target_, columns(), differing.own));
}

/// Into sluice_new, the rows to come, by reading once more where they are not staged.
void TableRun::stage_new(const Plan& rows, const Differing& differing) {
  if (differing.buckets) {
    connection_.query(apply::multiset_new("sluice_stage", columns()));
    return;
  }
  Relation relation(connection_, context_.scan, snapshot_, rows, progress_.get());
  relation.run(apply::multiset_new(rows_there(landed(relation, rows), differing), columns()));
  receipt_.read += relation.rows();
  receipt_.bytes += relation.bytes();
}

void TableRun::refresh_keyed() {
  const std::uint64_t before = shape_.living_rows(target_.name);
  const std::uint64_t limit =
      may_rebuild() ? std::max(before / kRebuildShare, kAlwaysInPlace) : INT64_MAX;
  Differing differing = where_to_look();
  if (!differing.anywhere) {
    remember_comparison();
    return;
  }
  Plan whole = plan_there(differing);
  stage_difference(whole, differing, limit, gone());
  if (count_difference() >= limit) {
    receipt_.inserted = receipt_.updated = receipt_.deleted = 0;
    load();
    return;
  }
  check_brake(receipt_.deleted, before);
  if (moves_to_clone(receipt_.inserted + receipt_.updated)) {
    differing = where_to_look();
    whole = plan_there(differing);
    stage_difference(whole, differing, limit, gone());
    count_difference();
  }
  announce_in_flight(receipt_.inserted + receipt_.updated);
  TableState next = next_state(whole.until);
  if (state_.incarnation != next.incarnation || state_.replication_key != next.replication_key ||
      differing.buckets) {
    next.cursor.reset();
    next.pending.clear();
    if (whole.until) next.pending.push_back({*whole.until, snapshot_.witness()});
    promote_settled(next, snapshot_);
  }
  if (!next.cursor) next.cursor = whole.safe;
  next.horizon = horizon();
  next.last_full = next.last_delete_check = now_;
  const Difference found{receipt_.inserted, receipt_.updated, receipt_.deleted};
  leave(std::move(next), [this, found](Load& load) { write_difference(load, found); });
  receipt_.until = whole.until;
}

/// Into the receipt, what sluice_diff holds; returns how many rows that is.
std::uint64_t TableRun::count_difference() {
  const auto counts = connection_.query(
      "SELECT count(*), count(*) FILTER (_sluice_rid IS NULL), count(*) FILTER (" +
      duck::quoted(key().front()) + " IS NULL) FROM sluice_diff");
  const auto total = static_cast<std::uint64_t>(counts.integer(0, 0));
  receipt_.inserted = static_cast<std::uint64_t>(counts.integer(0, 1));
  receipt_.deleted = static_cast<std::uint64_t>(counts.integer(0, 2));
  receipt_.updated = total - receipt_.inserted - receipt_.deleted;
  return total;
}

/// What sluice_diff holds.
void TableRun::write_difference(Load& load, const Difference& what) {
  if (what.deleted + what.updated > 0) check_pin();
  const std::string first = duck::quoted(key().front());
  if (what.deleted > 0) {
    load.execute(apply::remove_rows(
        target_, "SELECT _sluice_rid FROM sluice_diff WHERE " + first + " IS NULL"));
  }
  if (what.updated > 0) {
    load.execute(apply::replace_rows(
        target_, "SELECT _sluice_rid FROM sluice_diff WHERE _sluice_rid IS NOT NULL AND " + first +
                     " IS NOT NULL"));
  }
  if (what.updated + what.inserted > 0) {
    load.execute(apply::insert_into(target_, columns()) + " FROM sluice_diff WHERE " + first +
                 " IS NOT NULL");
  }
}

void TableRun::refresh_multiset() {
  const std::uint64_t before = shape_.living_rows(target_.name);
  Differing differing = where_to_look();
  if (!differing.anywhere) {
    remember_comparison();
    return;
  }
  Plan whole = plan_there(differing);
  stage_multiset(whole, differing);
  const auto sums = connection_.query(
      "SELECT coalesce(sum(n) FILTER (n > 0), 0), coalesce(-sum(n) FILTER (n < 0), 0) FROM "
      "sluice_delta");
  const auto come = static_cast<std::uint64_t>(sums.integer(0, 0));
  const auto go =
      options_.deletes == Deletes::ignore ? 0 : static_cast<std::uint64_t>(sums.integer(0, 1));
  check_brake(go - std::min(go, come), before);
  // What is staged is not to be read again for a table that has grown.
  const std::uint64_t dear = differing.buckets ? go : come + go;
  if (may_rebuild() && dear >= std::max(before / kRebuildShare, kAlwaysInPlace)) {
    load();
    return;
  }
  if (moves_to_clone(come)) {
    differing = where_to_look();
    whole = plan_there(differing);
    stage_multiset(whole, differing);
  }
  if (come > 0) stage_new(whole, differing);
  announce_in_flight(come);
  TableState next = next_state(whole.until);
  next.last_full = next.last_delete_check = now_;
  leave(std::move(next), [this, come, go, own = differing.own](Load& load) {
    if (go > 0) load.execute(apply::multiset_remove(target_, columns(), own));
    if (come > 0) load.execute(apply::insert_into(target_, columns()) + " FROM sluice_new");
  });
  receipt_.inserted = come;
  receipt_.deleted = go;
  receipt_.until = whole.until;
}

void TableRun::append() {
  guarantee("B");
  const auto from = lower_bound(state_.cursor);
  const Plan range = plan(table_.columns, from);
  stage(range);
  // What the copy holds of the same range stays; only rows, or versions of rows, that it lacks are
  // added. A commit torn by a crash is healed by the same comparison.
  std::string window;
  if (from) {
    const std::string name = duck::quoted(landing_.table.replication_key);
    window = name + " >= " + duck::literal(*from) +
             "::" + landing_.table.column(landing_.table.replication_key)->type + " OR " + name +
             " IS NULL";
  }
  connection_.query(apply::multiset_source("sluice_stage", columns()));
  connection_.query(apply::multiset_delta(target_, columns(), window));
  connection_.query(apply::multiset_new("sluice_stage", columns()));
  receipt_.inserted = rows_in("sluice_new");
  moves_to_clone(receipt_.inserted);
  leave(next_state(range.until), [this](Load& load) {
    if (receipt_.inserted > 0)
      load.execute(apply::insert_into(target_, columns()) + " FROM sluice_new");
  });
  receipt_.until = range.until;
}

}  // namespace sluice
