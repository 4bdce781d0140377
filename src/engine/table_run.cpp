// SPDX-License-Identifier: Apache-2.0
#include "engine/table_run.h"

#include <algorithm>
#include <ctime>
#include <numeric>
#include <utility>

namespace sluice {
namespace {

/// A commit that inserts this many rows into a published table can be torn by a crash: DuckDB keeps
/// row groups of 122,880 rows outside its log.
constexpr std::uint64_t kTearable = 100'000;
/// From a share of 1/6 on, building a table anew costs less than changing it in place (measured).
constexpr std::uint64_t kRebuildShare = 6;
constexpr std::uint64_t kAlwaysInPlace = 10'000;
constexpr std::uint64_t kBrakeRows = 1'000;
constexpr std::uint64_t kBrakeShare = 10;
/// Above this many missing keys, comparing everything is cheaper than asking for each.
constexpr std::uint64_t kMostMissing = 20'000;
/// Marks that wait for a transaction which never ends; the ones in the middle are given up, which
/// is always safe.
constexpr std::size_t kMostPending = 50;
constexpr std::chrono::seconds kProvenOverlap{300};
constexpr std::chrono::seconds kUnprovenOverlap{3600};

std::int64_t unix_now() { return static_cast<std::int64_t>(std::time(nullptr)); }

bool temporal(const std::string& type) { return type.starts_with("TIMESTAMP") || type == "DATE"; }

std::vector<std::size_t> all_chunks(const Plan& plan) {
  std::vector<std::size_t> all(plan.chunks.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  return all;
}

void set_todo(Loading& loading, const Plan& plan, const std::vector<std::size_t>& todo) {
  loading.todo.clear();
  loading.todo_rows.clear();
  loading.todo_bytes.clear();
  for (const std::size_t i : todo) {
    loading.todo.push_back(plan.chunks[i].bounds);
    loading.todo_rows.push_back(plan.chunks[i].rows);
    loading.todo_bytes.push_back(plan.chunks[i].bytes);
  }
}

}  // namespace

TableRun::TableRun(const RunContext& context, duck::Connection& connection, Snapshot& snapshot,
                   const Table& table, std::shared_ptr<Progress> progress)
    : context_(context),
      connection_(connection),
      snapshot_(snapshot),
      table_(table),
      progress_(std::move(progress)),
      options_(options_of(context.options, table.name)),
      shape_(connection, {}) {
  receipt_.table = table.name;
  receipt_.instant = snapshot.instant();
}

const Decision& TableRun::decide() {
  table_ = shaped(table_, options_, connection_);
  landing_ = landing(table_, context_.options);
  receipt_.target = landing_.schema + "." + landing_.name;
  target_ = {context_.destination.catalog(), landing_.schema, landing_.name, options_.synced_at};
  shape_ = Shape(connection_, target_);
  fingerprint_ = fingerprint(options_, landing_.schema, landing_.name, context_.options.naming);
  const Inventory& inventory = context_.inventory;
  if (const auto found = inventory.states.find(table_.name); found != inventory.states.end()) {
    stored_ = state_ = found->second;
  }
  if (stored_ && stored_->options == fingerprint_) {
    // The type that a column landed as is kept for as long as the source's own type stays.
    for (std::size_t i = 0; i < table_.columns.size(); ++i) {
      for (const Column& before : state_.columns) {
        if (before.name == columns()[i].name &&
            before.source_type == table_.columns[i].source_type) {
          table_.columns[i].type = landing_.table.columns[i].type = before.type;
        }
      }
    }
  }
  Circumstances now;
  const TableName place = Inventory::folded(landing_.schema, landing_.name);
  now.target_exists = inventory.present.contains(place);
  if (const auto owner = inventory.owners.find(place); owner != inventory.owners.end()) {
    now.target_owner = owner->second;
  }
  now.this_owner = context_.options.connection + ": " + table_.name.text();
  now.options = fingerprint_;
  now.full = context_.options.full;
  now.accept_drift = matches_any(context_.options.accept_drift, table_.name);
  now.now = unix_now();
  decision_ =
      sluice::decide(landing_.table, stored_ ? std::optional(state_) : std::nullopt, options_, now);
  receipt_.strategy = decision_.strategy;
  receipt_.notes = decision_.notes;
  if (decision_.refusal) throw *decision_.refusal;
  return decision_;
}

Plan TableRun::plan_read() {
  const bool ranged = decision_.strategy == "incremental" || decision_.strategy == "append";
  return plan(table_.columns, ranged ? lower_bound(state_.cursor) : std::nullopt);
}

void TableRun::run() {
  shape_.change(decision_.changes);
  failpoint("after-ddl");
  if (decision_.steps.empty()) {
    receipt_.outcome = Outcome::unchanged;
    return;
  }
  const bool prune = std::ranges::find(decision_.steps, Step::prune) != decision_.steps.end();
  while (true) {
    try {
      switch (decision_.steps.front()) {
        case Step::load:
          load();
          break;
        case Step::resume:
          resume();
          break;
        case Step::refresh:
          refresh();
          break;
        case Step::append:
          append();
          break;
        case Step::merge:
        case Step::prune:
          merge(prune);
          break;
      }
      return;
    } catch (const Error& error) {
      // Before a table is first published its misfits may choose a wider type; a published column
      // never does.
      const Column* column =
          error.fault() == Fault::misfit ? table_.column(error.column()) : nullptr;
      if (column == nullptr || column->misfit != Misfit::text || column->type == "VARCHAR" ||
          (stored_ && stored_->live)) {
        throw;
      }
      use_text(error.column());
      decision_.steps = {Step::load};
    }
  }
}

void TableRun::use_text(const std::string& column) {
  for (std::size_t i = 0; i < table_.columns.size(); ++i) {
    if (table_.columns[i].name != column) continue;
    receipt_.notes.push_back("column " + column + " holds values that " + table_.columns[i].type +
                             " cannot: it lands as VARCHAR, every value's exact text");
    table_.columns[i].type = landing_.table.columns[i].type = "VARCHAR";
  }
  receipt_.read = receipt_.bytes = receipt_.misfits = 0;
}

// ---- what is read

Plan TableRun::plan(const std::vector<Column>& wanted, const std::optional<std::string>& from) {
  Read read;
  read.columns = wanted;
  read.from = from;
  return context_.scan.source.plan(snapshot_, table_, read);
}

std::string TableRun::landed(const Relation& relation, const Plan& plan) const {
  std::string list;
  bool renamed = false;
  for (const Column& column : plan.read.columns) {
    std::string name = column.name;
    for (std::size_t i = 0; i < table_.columns.size(); ++i) {
      if (table_.columns[i].name == column.name) name = columns()[i].name;
    }
    renamed = renamed || name != column.name;
    list += (list.empty() ? "" : ", ") + duck::quoted(column.name) + " AS " + duck::quoted(name);
  }
  return renamed ? "(SELECT " + list + " FROM " + relation.sql() + ")" : relation.sql();
}

std::optional<std::string> TableRun::lower_bound(const std::optional<std::string>& mark) {
  if (!mark) return std::nullopt;
  const std::string& type = table_.column(table_.replication_key)->type;
  const Proof proof = snapshot_.proof(table_);
  const auto overlap =
      options_.overlap.value_or(proof.possible ? kProvenOverlap : kUnprovenOverlap);
  const bool overlaps = temporal(type) && overlap.count() > 0;
  if (!proof.possible) {
    receipt_.notes.push_back(
        "rows that commit late may be missed until everything is compared (" + proof.why_not + ")" +
        (overlaps ? ": the last " + std::to_string(overlap.count()) + " s are read again" : ""));
  }
  if (!overlaps) return mark;
  return connection_
      .query("SELECT (" + duck::literal(*mark) + "::" + type + " - INTERVAL '" +
             std::to_string(overlap.count()) + " seconds')::" + type + "::VARCHAR")
      .text(0, 0);
}

void TableRun::prove_user_key() {
  if (table_.key_origin != KeyOrigin::user) return;
  std::vector<Column> key_columns;
  for (const std::string& name : table_.primary_key) key_columns.push_back(*table_.column(name));
  const Plan keys = plan(key_columns);
  Relation relation(connection_, context_.scan, snapshot_, keys);
  const auto bad = relation.run(apply::bad_keys(landed(relation, keys), key()));
  if (bad.integer(0, 0) == 0) return;
  throw Error(Fault::config,
              table_.name.text() + ": key (" + apply::column_list(key()) + ") is not a key: " +
                  bad.text(0, 0) + " of its values occur more than once or are NULL",
              "name other columns with key:, or leave it out: rows are then compared whole");
}

void TableRun::announce(const Plan& plan) {
  if (progress_ == nullptr) return;
  progress_->rows_expected += plan.rows;
  progress_->chunks += plan.chunks.size();
}

std::uint64_t TableRun::rows_in(const std::string& temp_table) {
  return static_cast<std::uint64_t>(
      connection_.query("SELECT count(*) FROM " + temp_table).integer(0, 0));
}

void TableRun::record(const Relation& relation) {
  receipt_.read += relation.rows();
  receipt_.bytes += relation.bytes();
  receipt_.misfits += relation.misfits();
}

// ---- what is written

TableState TableRun::next_state(const std::optional<std::string>& until) const {
  TableState next = state_;
  next.target_schema = landing_.schema;
  next.target_name = landing_.name;
  next.columns = columns();
  next.dropped = decision_.dropped;
  for (const Column& column : state_.columns) {
    if (std::ranges::find(next.dropped, column.name) != next.dropped.end())
      next.columns.push_back(column);
  }
  next.primary_key = key();
  next.replication_key = landing_.table.replication_key;
  next.options = fingerprint_;
  next.incarnation = table_.incarnation;
  next.in_flight = false;
  // A mark that waits already, or is reached, is as good with its older witness.
  const bool known = until && (next.cursor == until ||
                               (!next.pending.empty() && next.pending.back().mark == *until));
  if (until && !known && !table_.replication_key.empty()) {
    next.pending.push_back({*until, snapshot_.witness()});
  }
  while (next.pending.size() > kMostPending)
    next.pending.erase(next.pending.begin() + static_cast<std::ptrdiff_t>(kMostPending / 2));
  promote_settled(next);
  return next;
}

void TableRun::promote_settled(TableState& next) const {
  // Settled marks bound the NEXT run. This one still had to read below them: what their holders
  // committed since is visible only now.
  std::vector<bool> settled;
  for (const PendingMark& each : next.pending) settled.push_back(snapshot_.settled(each.witness));
  promote(next, settled);
}

void TableRun::commit(Load& load, TableState next) {
  load.commit(stored_, next);
  stored_ = next;
  state_ = std::move(next);
}

void TableRun::announce_in_flight(std::uint64_t rows) {
  if (rows < kTearable) return;
  TableState flying = *stored_;
  flying.in_flight = true;
  Load load(connection_, context_.states, table_.name);
  load.commit(stored_, flying);
  stored_ = std::move(flying);
}

void TableRun::check_brake(std::uint64_t gone, std::uint64_t of) const {
  if (!decision_.brake || gone <= kBrakeRows || gone * kBrakeShare <= of) return;
  if (matches_any(context_.options.allow_deletes, table_.name)) return;
  throw Error(Fault::brake,
              table_.name.text() + ": " + std::to_string(gone) + " of " + std::to_string(of) +
                  " rows would be deleted; nothing of this table was written",
              "if that is right: `sluice sync --allow-deletes " + table_.name.text() + "`");
}

// ---- first load

void TableRun::load() {
  receipt_.guarantee = "A";
  prove_user_key();
  const Plan whole = plan(table_.columns);
  Loading loading;
  loading.hidden = landing_.hidden;
  loading.first_instant = snapshot_.instant();
  loading.until = whole.until;
  loading.safe = whole.safe;
  loading.witness = snapshot_.witness();
  shape_.create(loading.hidden, columns());
  failpoint("after-create");
  announce(whole);
  load_units(loading, whole);
  publish();
}

void TableRun::load_units(Loading loading, const Plan& plan) {
  apply::Target hidden = target_;
  hidden.name = loading.hidden;
  const UnitLimit limit{context_.options.unit_rows, context_.options.unit_bytes,
                        context_.options.unit_time};
  std::vector<std::size_t> todo = all_chunks(plan);
  do {
    if (context_.scan.stop.load() != StopLevel::none) {
      throw Error(Fault::cancelled, "stopped between two units",
                  "the next run goes on where this one stopped");
    }
    Relation relation(connection_, context_.scan, snapshot_, plan, todo, limit, progress_.get());
    Load load(connection_, context_.states, table_.name);
    const auto written =
        relation.run(apply::insert_into(hidden, columns()) + " FROM " + landed(relation, plan))
            .changed();
    snapshot_.check_alive();
    for (const std::size_t chunk : relation.finished()) std::erase(todo, chunk);
    loading.rows += written;
    set_todo(loading, plan, todo);
    TableState next = next_state({});
    next.loading = loading;
    next.pending.clear();
    next.cursor.reset();
    commit(load, std::move(next));
    record(relation);
    if (!plan.relation.empty()) receipt_.read += written;
    receipt_.inserted += written;
    if (context_.unit_committed) context_.unit_committed(table_.name, loading.rows);
    failpoint("after-unit");
  } while (!todo.empty());
}

void TableRun::publish() {
  const Loading loading = *state_.loading;
  if (stored_->live && shape_.exists(landing_.name)) {
    const std::uint64_t before = shape_.rows(landing_.name);
    // A rebuild replaces rows of the same shape, so they can be compared; other loads only counted.
    if (decision_.steps.front() == Step::refresh && table_.has_key()) {
      const auto counts =
          connection_.query(apply::replacement_counts(target_, loading.hidden, columns(), key()));
      receipt_.inserted = static_cast<std::uint64_t>(counts.integer(0, 0));
      receipt_.updated = static_cast<std::uint64_t>(counts.integer(0, 1));
      receipt_.deleted = static_cast<std::uint64_t>(counts.integer(0, 2));
      check_brake(receipt_.deleted, before);
    } else {
      check_brake(before - std::min(before, loading.rows), before);
      receipt_.deleted = before;
    }
  }
  TableState next = next_state({});
  next.loading.reset();
  next.live = true;
  next.cursor = loading.safe;
  next.pending.clear();
  if (loading.until) next.pending.push_back({*loading.until, loading.witness});
  // Under a later snapshot than the load's, what its holders committed since has not been read.
  if (!loading.mixed && loading.witness == snapshot_.witness()) promote_settled(next);
  next.last_full = next.last_delete_check = unix_now();
  receipt_.until = loading.until;
  failpoint("before-publish");
  Load load(connection_, context_.states, table_.name);
  load.execute("DROP TABLE IF EXISTS " + target_.sql());
  load.execute("ALTER TABLE " + target_.sibling(loading.hidden) + " RENAME TO " +
               duck::quoted(landing_.name));
  commit(load, std::move(next));
  failpoint("after-publish");
}

void TableRun::resume() {
  Loading loading = *state_.loading;
  if (!shape_.exists(loading.hidden) || !shape_.cut(loading.hidden, loading.rows)) {
    receipt_.notes.emplace_back(
        "what the last run left behind could not be trusted: the load starts over");
    load();
    return;
  }
  receipt_.inserted = loading.rows;
  if (loading.todo.empty() && !loading.mixed) {
    receipt_.guarantee = "A";
    receipt_.instant = loading.first_instant;
    publish();
    return;
  }
  receipt_.guarantee = "B+C";
  prove_user_key();
  Plan rest = plan(table_.columns);
  rest.chunks.clear();
  for (std::size_t i = 0; i < loading.todo.size(); ++i) {
    rest.chunks.push_back({loading.todo[i], loading.todo_rows[i], loading.todo_bytes[i]});
  }
  loading.mixed = true;
  announce(rest);
  load_units(loading, rest);
  settle_mixed_load();
  publish();
}

void TableRun::settle_mixed_load() {
  // Chunks of two snapshots: a row that moved between them is there twice or not at all. Rows
  // changed since the first one's mark are merged, keys are compared both ways, and keys found
  // twice are fetched again.
  apply::Target hidden = target_;
  hidden.name = state_.loading->hidden;
  {
    Load load(connection_, context_.states, table_.name);
    load.execute(apply::remove_duplicates(hidden, key(), false));
    TableState next = state_;
    next.loading->rows = shape_.rows(hidden.name);
    commit(load, std::move(next));
  }
  const auto changes = stage_changes(
      hidden, lower_bound(state_.loading->safe ? state_.loading->safe : state_.loading->until),
      true);
  if (!changes) {
    throw Error(
        Fault::conflict,
        table_.name.text() + ": too much has changed since the load was cut off; it starts over",
        "the next attempt loads the table anew");
  }
  Load load(connection_, context_.states, table_.name);
  write_changes(load, hidden, *changes);
  TableState next = state_;
  next.loading->rows = shape_.rows(hidden.name);
  commit(load, std::move(next));
}

// ---- later loads

std::optional<TableRun::Changes> TableRun::stage_changes(const apply::Target& target,
                                                         const std::optional<std::string>& from,
                                                         bool prune) {
  Changes changes;
  const Plan range = plan(table_.columns, from);
  changes.until = range.until;
  announce(range);
  {
    Relation relation(connection_, context_.scan, snapshot_, range, progress_.get());
    relation.run("CREATE OR REPLACE TEMP TABLE sluice_stage AS SELECT " +
                 apply::column_list(apply::names(columns())) + " FROM " + landed(relation, range));
    record(relation);
    if (!range.relation.empty()) receipt_.read += rows_in("sluice_stage");
  }
  changes.merge = apply::merge(target, "sluice_stage", columns(), key());
  connection_.query(changes.merge.match);
  const auto counts = connection_.query(changes.merge.counts);
  changes.inserted = static_cast<std::uint64_t>(counts.integer(0, 0));
  changes.updated = static_cast<std::uint64_t>(counts.integer(0, 1));
  if (!prune) return changes;
  changes.pruned = true;
  std::vector<Column> key_columns;
  for (const std::string& name : table_.primary_key) key_columns.push_back(*table_.column(name));
  const Plan keys = plan(key_columns);
  {
    Relation relation(connection_, context_.scan, snapshot_, keys);
    relation.run(apply::prune_match(target, landed(relation, keys), key()));
    record(relation);
  }
  const auto found = connection_.query(
      "SELECT count(*) FILTER (sluice_rid IS NOT NULL), count(*) FILTER (sluice_rid IS NULL) FROM "
      "sluice_prune");
  changes.gone = static_cast<std::uint64_t>(found.integer(0, 0));
  if (found.integer(0, 1) == 0) return changes;
  changes.missing = stage_missing();
  if (changes.missing > kMostMissing) return std::nullopt;
  return changes;
}

std::uint64_t TableRun::stage_missing() {
  // Keys that the source has, the copy lacks and this run's range did not bring.
  const std::string list = apply::column_list(key());
  connection_.query("CREATE OR REPLACE TEMP TABLE sluice_lacking AS SELECT " + list +
                    " FROM sluice_prune p WHERE sluice_rid IS NULL AND NOT EXISTS (SELECT 1 FROM "
                    "sluice_stage s WHERE " +
                    apply::equal_keys(key(), "s.", "p.") + ")");
  const auto lacking = static_cast<std::uint64_t>(
      connection_.query("SELECT count(*) FROM sluice_lacking").integer(0, 0));
  if (lacking == 0 || lacking > kMostMissing) return lacking;
  std::string texts;
  for (const std::string& name : key()) {
    const Column& column = *landing_.table.column(name);
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
  record(relation);
  return static_cast<std::uint64_t>(
      connection_.query("SELECT count(*) FROM sluice_missing").integer(0, 0));
}

void TableRun::write_changes(Load& load, const apply::Target& target, const Changes& changes) {
  if (changes.updated > 0) load.execute(changes.merge.remove);
  if (changes.inserted + changes.updated > 0) load.execute(changes.merge.insert);
  if (changes.gone > 0) {
    load.execute(
        "DELETE FROM " + target.sql() +
        " WHERE rowid IN (SELECT sluice_rid FROM sluice_prune WHERE sluice_rid IS NOT NULL)");
  }
  if (changes.missing > 0)
    load.execute(apply::insert_into(target, columns()) + " FROM sluice_missing");
}

void TableRun::merge(bool prune) {
  receipt_.guarantee = prune ? "B+C" : "B";
  prove_user_key();
  const auto changes = stage_changes(target_, lower_bound(state_.cursor), prune);
  if (!changes) {
    receipt_.notes.emplace_back("the copy lacked many rows: everything was compared");
    refresh();
    return;
  }
  if (changes->gone > 0) check_brake(changes->gone, shape_.rows(landing_.name));
  if (changes->missing > 0) {
    receipt_.notes.push_back(
        std::to_string(changes->missing) +
        " rows that the replication key did not show were missing and have been fetched");
  }
  const std::uint64_t arriving = changes->inserted + changes->updated + changes->missing;
  TableState next = next_state(changes->until);
  if (prune && options_.delete_check.kind == Cadence::Kind::interval) {
    next.last_delete_check = unix_now();
  }
  if (arriving + changes->gone > 0 || next.json() != stored_->json()) {
    announce_in_flight(arriving);
    Load load(connection_, context_.states, table_.name);
    write_changes(load, target_, *changes);
    commit(load, std::move(next));
  }
  receipt_.inserted = changes->inserted + changes->missing;
  receipt_.updated = changes->updated;
  receipt_.deleted = changes->gone;
  receipt_.until = changes->until;
}

void TableRun::refresh() {
  receipt_.guarantee = "A";
  prove_user_key();
  if (table_.has_key()) {
    refresh_keyed();
  } else {
    refresh_multiset();
  }
}

void TableRun::refresh_keyed() {
  const std::uint64_t before = shape_.rows(landing_.name);
  if (state_.in_flight) {
    // The torn commit may have left old and new versions of a key side by side.
    Load load(connection_, context_.states, table_.name);
    load.execute(apply::remove_duplicates(target_, key(), true));
    commit(load, state_);
  }
  const bool mirror_deletes = options_.deletes == Deletes::hard;
  const std::uint64_t limit =
      mirror_deletes ? std::max(before / kRebuildShare, kAlwaysInPlace) : INT64_MAX;
  const Plan whole = plan(table_.columns);
  announce(whole);
  {
    Relation relation(connection_, context_.scan, snapshot_, whole, progress_.get());
    relation.run(apply::keyed_difference(
        target_, landed(relation, whole), columns(), key(),
        mirror_deletes ? apply::Gone::wanted : apply::Gone::ignored, limit));
    record(relation);
    if (!whole.relation.empty()) receipt_.read += whole.rows;
  }
  const std::string first = duck::quoted(key().front());
  const auto counts =
      connection_.query("SELECT count(*), count(*) FILTER (sluice_rid IS NULL), count(*) FILTER (" +
                        first + " IS NULL) FROM sluice_diff");
  const auto total = static_cast<std::uint64_t>(counts.integer(0, 0));
  if (total >= limit) {
    load();
    return;
  }
  receipt_.inserted = static_cast<std::uint64_t>(counts.integer(0, 1));
  receipt_.deleted = static_cast<std::uint64_t>(counts.integer(0, 2));
  receipt_.updated = total - receipt_.inserted - receipt_.deleted;
  check_brake(receipt_.deleted, before);
  announce_in_flight(receipt_.inserted + receipt_.updated);
  TableState next = next_state(whole.until);
  if (state_.incarnation != next.incarnation || state_.replication_key != next.replication_key) {
    next.cursor.reset();
    next.pending.clear();
    if (whole.until) next.pending.push_back({*whole.until, snapshot_.witness()});
    promote_settled(next);
  }
  if (!next.cursor) next.cursor = whole.safe;
  next.last_full = next.last_delete_check = unix_now();
  Load load(connection_, context_.states, table_.name);
  if (receipt_.updated + receipt_.deleted > 0) {
    load.execute(
        "DELETE FROM " + target_.sql() +
        " WHERE rowid IN (SELECT sluice_rid FROM sluice_diff WHERE sluice_rid IS NOT NULL)");
  }
  if (receipt_.updated + receipt_.inserted > 0) {
    load.execute(apply::insert_into(target_, columns()) + " FROM sluice_diff WHERE " + first +
                 " IS NOT NULL");
  }
  commit(load, std::move(next));
  receipt_.until = whole.until;
}

void TableRun::refresh_multiset() {
  const std::uint64_t before = shape_.rows(landing_.name);
  const Plan whole = plan(table_.columns);
  announce(whole);
  {
    Relation relation(connection_, context_.scan, snapshot_, whole, progress_.get());
    relation.run(apply::multiset_source(landed(relation, whole), columns()));
    record(relation);
    if (!whole.relation.empty()) receipt_.read += whole.rows;
  }
  connection_.query(apply::multiset_delta(target_, columns(), ""));
  const auto sums = connection_.query(
      "SELECT coalesce(sum(n) FILTER (n > 0), 0), coalesce(-sum(n) FILTER (n < 0), 0) FROM "
      "sluice_delta");
  const auto come = static_cast<std::uint64_t>(sums.integer(0, 0));
  const auto go =
      options_.deletes == Deletes::hard ? static_cast<std::uint64_t>(sums.integer(0, 1)) : 0;
  check_brake(go - std::min(go, come), before);
  if (options_.deletes == Deletes::hard &&
      come + go >= std::max(before / kRebuildShare, kAlwaysInPlace)) {
    load();
    return;
  }
  if (come > 0) {
    Relation relation(connection_, context_.scan, snapshot_, whole, progress_.get());
    relation.run(apply::multiset_new(landed(relation, whole), columns()));
    record(relation);
  }
  TableState next = next_state(whole.until);
  next.last_full = next.last_delete_check = unix_now();
  Load load(connection_, context_.states, table_.name);
  if (go > 0) load.execute(apply::multiset_remove(target_, columns(), ""));
  if (come > 0) load.execute(apply::insert_into(target_, columns()) + " FROM sluice_new");
  commit(load, std::move(next));
  receipt_.inserted = come;
  receipt_.deleted = go;
  receipt_.until = whole.until;
}

void TableRun::append() {
  receipt_.guarantee = "B";
  const auto from = lower_bound(state_.cursor);
  const Plan range = plan(table_.columns, from);
  announce(range);
  {
    Relation relation(connection_, context_.scan, snapshot_, range, progress_.get());
    relation.run("CREATE OR REPLACE TEMP TABLE sluice_stage AS SELECT " +
                 apply::column_list(apply::names(columns())) + " FROM " + landed(relation, range));
    record(relation);
    if (!range.relation.empty()) receipt_.read += rows_in("sluice_stage");
  }
  // What the copy holds of the same range stays; only rows, or versions of rows, that it lacks are
  // added. A commit torn by a crash is healed by the same comparison.
  std::string window;
  if (from) {
    const std::string name = duck::quoted(landing_.table.replication_key);
    window = " WHERE " + name + " >= " + duck::literal(*from) +
             "::" + landing_.table.column(landing_.table.replication_key)->type + " OR " + name +
             " IS NULL";
  }
  connection_.query(apply::multiset_source("sluice_stage", columns()));
  connection_.query(apply::multiset_delta(target_, columns(), window));
  connection_.query(apply::multiset_new("sluice_stage", columns()));
  TableState next = next_state(range.until);
  Load load(connection_, context_.states, table_.name);
  receipt_.inserted = load.execute(apply::insert_into(target_, columns()) + " FROM sluice_new");
  commit(load, std::move(next));
  receipt_.until = range.until;
}

}  // namespace sluice
