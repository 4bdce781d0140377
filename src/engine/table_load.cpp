// SPDX-License-Identifier: Apache-2.0
// A first load, or a load anew behind the copy: committed units into a hidden table, which then
// takes the copy's place.
#include <algorithm>
#include <numeric>
#include <utility>

#include "engine/digest.h"
#include "engine/marks.h"
#include "engine/table_run.h"
#include "planted.h"

namespace sluice {
namespace {

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

void TableRun::load() {
  target_.name = landing_.name;  // a clone, if there is one, is replaced
  guarantee("A");
  prove_user_key();
  const Plan whole = plan(table_.columns);
  Loading loading;
  static_cast<Copy&>(loading) = copy();
  loading.brake = decision_.brake;
  loading.hidden = landing_.hidden;
  loading.first_instant = snapshot_.instant();
  loading.until = whole.until;
  loading.safe = whole.safe;
  loading.witness = snapshot_.witness();
  loading.horizon = horizon();
  set_todo(loading, whole, all_chunks(whole));
  begin_loading(loading);
  announce(whole);
  load_units(loading, whole);
  finish_load();
}

/// The state first: no hidden table is ever there that it does not know of, and none with rows of
/// another load than it speaks of.
void TableRun::begin_loading(const Loading& loading) {
  if (state_.loading) drop_hidden(*state_.loading);
  TableState next = state_;
  if (!next.live) static_cast<Copy&>(next) = loading;
  next.loading = loading;
  Load load(connection_, context_.states);
  commit(load, std::move(next));
  shape_.create(loading.hidden, loading.columns);
  failpoint("after-create");
}

void TableRun::drop_hidden(const Loading& loading) {
  apply::Target left = target_;
  left.schema = loading.target_schema;
  Shape(connection_, context_.states, left).drop(loading.hidden);
}

apply::Target TableRun::hidden_target(const Loading& loading) const {
  apply::Target target = target_;
  target.name = loading.hidden;
  target.hidden = true;
  return target;
}

void TableRun::load_units(Loading loading, const Plan& plan) {
  const apply::Target hidden = hidden_target(loading);
  const UnitLimit limit{context_.options.unit_rows, context_.options.unit_bytes,
                        context_.options.unit_time};
  std::vector<std::size_t> todo = all_chunks(plan);
  do {
    if (context_.scan.stop.load() != StopLevel::none) {
      throw Error(Fault::cancelled, "stopped between two units",
                  "the next run goes on where this one stopped");
    }
    Relation relation(connection_, context_.scan, snapshot_, plan, todo, limit, progress_.get());
    Load load(connection_, context_.states);
    const auto written =
        relation.run(apply::insert_into(hidden, columns()) + " FROM " + landed(relation, plan))
            .changed();
    for (const std::size_t chunk : relation.finished()) std::erase(todo, chunk);
    loading.rows += written;
    set_todo(loading, plan, todo);
    TableState next = state_;
    if (!next.live) static_cast<Copy&>(next) = loading;
    next.loading = loading;
    commit(load, std::move(next));
    record(relation, plan);
    if (!plan.relation.empty()) receipt_.read += written;
    receipt_.inserted += written;
    receipt_.loaded += written;
    if (context_.unit_committed) context_.unit_committed(table_.name, loading.rows);
    failpoint("after-unit");
  } while (!todo.empty());
}

/// What publishing would do to the live copy. Rows of one shape are compared by key; those of
/// another only counted.
void TableRun::count_replacement(const Loading& loading) {
  apply::Target live = target_;  // under other settings it has other marks, if any
  if (state_.options != fingerprint_) live.deleted.clear(), live.versions.reset();
  const std::uint64_t before = Shape(connection_, context_.states, live).living_rows(landing_.name);
  const auto shape = [](const Column& column) { return std::pair(column.name, column.type); };
  const bool comparable = table_.has_key() && state_.primary_key == loading.primary_key &&
                          std::ranges::equal(state_.columns, loading.columns, {}, shape, shape) &&
                          columns_lost().empty();
  if (comparable) {
    const auto counts =
        connection_.query(apply::replacement_counts(live, loading.hidden, columns(), key()));
    receipt_.inserted = static_cast<std::uint64_t>(counts.integer(0, 0));
    receipt_.updated = static_cast<std::uint64_t>(counts.integer(0, 1));
    receipt_.deleted = static_cast<std::uint64_t>(counts.integer(0, 2));
    check_brake(receipt_.deleted, before);
  } else {
    check_brake(before - std::min(before, loading.rows), before);
    receipt_.deleted = before;
  }
}

/// The next run looks at the source again. The hidden table goes after the state: what a crash
/// leaves of it, the next load replaces.
void TableRun::discard_loading() {
  const Loading loading = *state_.loading;
  TableState next = state_;
  next.loading.reset();
  {
    Load load(connection_, context_.states);
    commit(load, std::move(next));
  }
  drop_hidden(loading);
}

/// Leaves to publish() that the hidden table takes the copy's place.
void TableRun::finish_load() {
  const Loading loading = *state_.loading;
  if (!stored_->live || !shape_.exists(landing_.name)) {
    ++receipt_.schema_changes;
  } else {
    try {
      count_replacement(loading);
    } catch (const Error& error) {
      // Kept, it would be published by the next run, or stand in the way of a source put right.
      if (error.fault() == Fault::brake) discard_loading();
      throw;
    }
  }
  TableState next = state_;
  static_cast<Copy&>(next) = loading;
  next.loading.reset();
  next.live = true;
  next.in_flight = 0;
  next.cursor = loading.safe;
  next.horizon = loading.horizon;
  next.pending.clear();
  if (loading.until) next.pending.push_back({*loading.until, loading.witness});
  // Under a later snapshot than the load's, what its holders committed since has not been read.
  const bool own = !loading.mixed && loading.witness == snapshot_.witness();
  if (own || snapshot_.proof(table_).blind || planted("load-settled-later"))
    promote_settled(next, snapshot_);
  next.last_full = next.last_delete_check = now_;
  receipt_.until = loading.until;
  rest_.next = std::move(next);
  rest_.hidden = loading.hidden;
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
  // Beside other tables it has to be of their instant.
  if (loading.todo.empty() && !loading.mixed && !together()) {
    guarantee("A");
    receipt_.instant = loading.first_instant;
    finish_load();
    return;
  }
  // Without marks only digests tell what has changed since: reading all to compare it would cost
  // what the load costs.
  if (table_.replication_key.empty() && !digests_tell()) {
    note(
        "neither a replication key nor digests tell what changed since the load was cut off: it "
        "starts over");
    receipt_.inserted = 0;
    load();
    return;
  }
  guarantee(table_.replication_key.empty() ? "A" : "B+C");
  prove_user_key();
  Plan rest = plan(table_.columns);
  rest.chunks.clear();
  for (std::size_t i = 0; i < loading.todo.size(); ++i) {
    rest.chunks.push_back({loading.todo[i], loading.todo_rows[i], loading.todo_bytes[i]});
  }
  state_.loading->mixed = loading.mixed = true;
  if (!loading.todo.empty()) {
    announce(rest);
    load_units(loading, rest);
  }
  if (!settle_mixed_load()) {
    receipt_.notes.emplace_back("too much has changed since the load was cut off: it starts over");
    receipt_.inserted = 0;
    load();
    return;
  }
  receipt_.inserted = state_.loading->rows;
  finish_load();
}

/// Whether source and copy have digests of whole rows that cost less than reading them.
bool TableRun::digests_tell() {
  const DigestCompare digests(connection_, context_.scan, snapshot_, table_, landing_, target_,
                              table_.columns);
  return digests.why_not().empty() && !digests.slow();
}

/// Chunks of two snapshots: a row that moved between them is there twice or not at all. Rows
/// changed since the first one's mark are merged, keys are compared both ways, and keys found twice
/// are fetched again. Without marks all is compared, by digests.
bool TableRun::settle_mixed_load() {
  const apply::Target hidden = hidden_target(*state_.loading);
  {
    Load load(connection_, context_.states);
    load.execute(apply::remove_duplicates(hidden, key(), false));
    TableState next = state_;
    next.loading->rows = shape_.rows(hidden.name);
    commit(load, std::move(next));
  }
  if (table_.replication_key.empty()) return settle_by_digests(hidden);
  Read read;
  read.columns = table_.columns;
  read.from = lower_bound(state_.loading->safe ? state_.loading->safe : state_.loading->until);
  const auto changes = stage_changes(hidden, read, true);
  if (!changes) return false;
  Load load(connection_, context_.states);
  write_changes(load, hidden, *changes);
  TableState next = state_;
  next.loading->rows = shape_.rows(hidden.name);
  commit(load, std::move(next));
  receipt_.loaded += changes->arriving();
  return true;
}

bool TableRun::settle_by_digests(const apply::Target& hidden) {
  struct Aimed {  // what compares looks at target_
    Aimed(apply::Target& target, const apply::Target& at)
        : aim(target), before(std::exchange(target, at)) {}
    Aimed(const Aimed&) = delete;
    Aimed& operator=(const Aimed&) = delete;
    ~Aimed() { aim = std::move(before); }
    apply::Target& aim;
    apply::Target before;
  };
  const Aimed aimed(target_, hidden);
  Differing differing = differing_buckets();
  if (!differing.anywhere) return true;
  if (!differing.buckets) return false;  // more than half of it
  const Receipt before = receipt_;
  stage_difference(plan_there(differing), differing, INT64_MAX, apply::Gone::wanted);
  count_difference();
  const Difference found{receipt_.inserted, receipt_.updated, receipt_.deleted};
  receipt_.inserted = before.inserted, receipt_.updated = before.updated;
  receipt_.deleted = before.deleted;
  Load load(connection_, context_.states);
  write_difference(load, found);
  TableState next = state_;
  next.loading->rows = shape_.rows(hidden.name);
  commit(load, std::move(next));
  receipt_.loaded += found.inserted + found.updated;
  return true;
}

}  // namespace sluice
