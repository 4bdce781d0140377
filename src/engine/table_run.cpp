// SPDX-License-Identifier: Apache-2.0
#include "engine/table_run.h"

#include <algorithm>
#include <utility>

#include "engine/marks.h"
#include "planted.h"

namespace sluice {
namespace {

constexpr std::uint64_t kBrakeRows = 1'000;
constexpr std::uint64_t kBrakeShare = 10;

}  // namespace

TableRun::TableRun(const RunContext& context, duck::Connection& connection, Snapshot& snapshot,
                   const Table& table, std::shared_ptr<Progress> progress)
    : context_(context),
      connection_(connection),
      snapshot_(snapshot),
      table_(table),
      progress_(std::move(progress)),
      options_(options_of(context.options, table.name)),
      shape_(connection, context.states, {}) {
  receipt_.table = table.name;
  receipt_.instant = snapshot.instant();
  if (context.destination.shared()) interruptible_.emplace(connection, context.scan);
}

const Decision& TableRun::decide() {
  const std::string excluded = excluded_replication_key(table_, options_);
  table_ = shaped(table_, options_, connection_);
  landing_ = landing(table_, context_.options);
  receipt_.target = landing_.schema + "." + landing_.name;
  fingerprint_ = fingerprint(options_, landing_.schema, landing_.name, context_.options.naming);
  const Inventory& inventory = context_.inventory;
  if (const auto found = inventory.states.find(table_.name); found != inventory.states.end()) {
    stored_ = state_ = found->second;
  }
  if (stored_) {
    keep_landed_types(state_.loading ? static_cast<const Copy&>(*state_.loading) : state_);
  }
  aim();
  if (landing_.table.mark_ranges && stored_ && !rows_have_digests())
    landing_.table.mark_ranges = false;  // what cannot be digested is not to be chosen for it
  decision_ = sluice::decide(landing_.table, stored_ ? std::optional(state_) : std::nullopt,
                             options_, circumstances());
  if (!excluded.empty())
    decision_.notes.push_back("no replication key: " + excluded +
                              ", which its name says is one, "
                              "is excluded");
  receipt_.strategy = decision_.strategy;
  receipt_.notes = decision_.notes;
  if (context_.promises != nullptr) context_.promises->hold(table_, decision_, finds_deletes());
  if (decision_.refusal) throw *decision_.refusal;
  return decision_;
}

void TableRun::aim() {
  target_ = {context_.destination.catalog(),
             landing_.schema,
             landing_.name,
             landing_.synced_at,
             landing_.deleted,
             landing_.versions};
  target_.row_id = landing_.row_id;
  target_.row_id_of_content = options_.row_id == RowId::content;
  target_.elsewhere = context_.destination.shared();
  shape_ = Shape(connection_, context_.states, target_);
  if (!target_.versions) return;
  // A clock that was set back, or another source's, must not end a version before it began.
  const auto instants = connection_.query(
      "SELECT begin::VARCHAR, (begin - $1::INTERVAL)::VARCHAR FROM (SELECT "
      "greatest($2::TIMESTAMPTZ, nullif($3, '')::TIMESTAMPTZ + INTERVAL '1 millisecond') AS "
      "begin)",
      {context_.options.naming != Naming::source ? "1 millisecond" : "0 milliseconds",
       snapshot_.clock(), state_.instant});
  target_.versions->begin = instants.text(0, 0);
  target_.versions->end = instants.text(0, 1);
}

/// What is not as the last run left it in the copy's columns; empty: nothing.
std::string TableRun::columns_lost() const {
  std::string names;
  for (const Column& each : state_.columns)
    names += (names.empty() ? "" : ", ") + duck::quoted(each.name);
  if (names.empty()) return {};  // a state that was reset
  if (context_.inventory.views.contains(Inventory::folded(target_.schema, target_.name))) {
    throw Error(Fault::ownership,
                table_.name.text() + ": its copy " + receipt_.target + " is a view now",
                "drop the view, or choose another place with schema:");
  }
  try {
    const auto present = connection_.describe("SELECT " + names + " FROM " + target_.sql());
    for (std::size_t i = 0; i < state_.columns.size(); ++i) {
      const auto& [name, type] = present.at(i);
      const Column* wanted = landing_.table.column(name);
      // A run may have been cut off between widening a column and saying so.
      if (type != state_.columns[i].type && (wanted == nullptr || type != wanted->type))
        return "column " + name + " is " + type + ", it was " + state_.columns[i].type;
    }
    return {};
  } catch (const Error& error) {
    if (error.fault() != Fault::schema) throw;
    return std::string(error.what()).substr(0, std::string(error.what()).find('\n'));
  }
}

Circumstances TableRun::circumstances() const {
  const Inventory& inventory = context_.inventory;
  Circumstances now;
  const TableName place = Inventory::folded(landing_.schema, landing_.name);
  now.target_exists = inventory.present.contains(place);
  if (now.target_exists && state_.live) now.target_lacks = columns_lost();
  if (const auto owner = inventory.owners.find(place); owner != inventory.owners.end()) {
    now.target_owner = owner->second;
  }
  now.this_owner = context_.options.connection + ": " + table_.name.text();
  now.options = fingerprint_;
  now.other_rows = state_.live && chooses_other_rows(state_.options, fingerprint_);
  now.has_history = state_.live && keeps_history(state_.options);
  now.full = context_.options.full;
  now.together = together();
  now.accept_drift = matches_any(context_.options.accept_drift, table_.name);
  now.now = context_.options.as_of.value_or(now_);
  return now;
}

/// The type that a column landed as is kept for as long as the source's own type stays.
void TableRun::keep_landed_types(const Copy& copy) {
  if (copy.options != fingerprint_) return;
  for (std::size_t i = 0; i < table_.columns.size(); ++i) {
    for (const Column& before : copy.columns) {
      if (before.name == columns()[i].name && before.source_type == table_.columns[i].source_type) {
        table_.columns[i].type = landing_.table.columns[i].type = before.type;
      }
    }
  }
}

bool TableRun::loads() const {
  return !decision_.steps.empty() &&
         (decision_.steps.front() == Step::load || decision_.steps.front() == Step::resume);
}

void TableRun::prepare() {
  if (state_.loading && !loads()) discard_loading();
  shape_.change(decision_.changes);
  receipt_.schema_changes += decision_.changes.empty() ? 0 : 1;
  failpoint("after-ddl");
  if (decision_.steps.empty()) {
    if (!decision_.changes.empty()) remember_shape();
    receipt_.outcome = Outcome::unchanged;
    return;
  }
  tell_what_waits();
  // What a torn commit left is taken back where nobody sees half of it.
  if (together() && state_.in_flight > 0 && !loads()) clone();
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
      // A table that is made anew may take a wider type for its misfits; a published column never
      // does.
      if (error.fault() != Fault::misfit) throw;
      const Column* column = table_.column(error.column());
      if (column == nullptr || column->misfit != Misfit::text || column->type == "VARCHAR" ||
          (stored_ && stored_->live && decision_.steps != std::vector{Step::load})) {
        throw error.at(table_.name.text());
      }
      use_text(error.column());
      decision_.steps = {Step::load};
    }
  }
}

/// The copy has its new shape, though nothing was read. What the source's rows are as of stays.
void TableRun::remember_shape() {
  TableState next = state_;
  static_cast<Copy&>(next) = copy();
  next.incarnation = state_.incarnation;
  next.replication_key = state_.replication_key;
  Load load(connection_, context_.states);
  commit(load, std::move(next));
}

void TableRun::use_text(const std::string& column) {
  for (std::size_t i = 0; i < table_.columns.size(); ++i) {
    if (table_.columns[i].name != column) continue;
    receipt_.notes.push_back("column " + column + " holds values that " + table_.columns[i].type +
                             " cannot: it lands as VARCHAR, every value's exact text");
    table_.columns[i].type = landing_.table.columns[i].type = "VARCHAR";
  }
  receipt_.read = receipt_.bytes = receipt_.misfits = receipt_.inserted = receipt_.loaded = 0;
  if (progress_ != nullptr) {
    progress_->rows = progress_->bytes = progress_->rows_expected = 0;
    progress_->chunks = progress_->chunks_done = 0;
  }
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
  if (planted("mark-at-once")) {
    TableState next = state_;
    promote_settled(next, snapshot_);
    if (mark != next.cursor && mark == state_.cursor) return lower_bound(next.cursor);
  }
  return below(*mark, table_, options_, snapshot_, connection_,
               [this](const std::string& line) { note(line); });
}

std::vector<Column> TableRun::key_columns() const {
  std::vector<Column> columns;
  for (const std::string& name : table_.primary_key) columns.push_back(*table_.column(name));
  return columns;
}

std::vector<Column> TableRun::landed_key() const {
  std::vector<Column> columns;
  for (const std::string& name : key()) columns.push_back(*landing_.table.column(name));
  return columns;
}

void TableRun::prove_user_key() {
  if (table_.key_origin != KeyOrigin::user) return;
  const Plan keys = plan(key_columns());
  Relation relation(connection_, context_.scan, snapshot_, keys);
  prove_key(relation, landed(relation, keys), table_.name, key());
}

void TableRun::announce(const Plan& plan) {
  if (progress_ == nullptr) return;
  progress_->rows_expected += plan.rows;
  progress_->chunks += plan.chunks.size();
  // What single keys or buckets need is no stretch of the table.
  if (context_.reading && plan.read.keys.empty() && !plan.read.buckets) context_.reading(plan);
}

std::uint64_t TableRun::rows_in(const std::string& temp_table) const {
  return static_cast<std::uint64_t>(
      connection_.query("SELECT count(*) FROM " + temp_table).integer(0, 0));
}

void TableRun::record(const Relation& relation, const Plan& plan) {
  receipt_.read += relation.rows();
  receipt_.bytes += relation.bytes();
  receipt_.misfits += relation.misfits() + plan.misfits;
}

void TableRun::note(const std::string& line) {
  if (std::ranges::find(receipt_.notes, line) == receipt_.notes.end())
    receipt_.notes.push_back(line);
}

void TableRun::guarantee(const char* by_class) {
  receipt_.guarantee = snapshot_.consistent(table_) ? by_class : "D";
}

// ---- what is written

/// What this run makes of the table.
Copy TableRun::copy() const {
  Copy made;
  made.target_schema = landing_.schema;
  made.target_name = landing_.name;
  made.columns = columns();
  made.dropped = decision_.dropped;
  for (const Column& column : state_.columns) {
    if (std::ranges::find(made.dropped, column.name) != made.dropped.end())
      made.columns.push_back(column);
  }
  made.primary_key = key();
  made.replication_key = landing_.table.replication_key;
  made.options = fingerprint_;
  made.incarnation = table_.incarnation;
  return made;
}

TableState TableRun::next_state(const std::optional<std::string>& until) const {
  TableState next = state_;
  static_cast<Copy&>(next) = copy();
  next.in_flight = 0;
  if (!table_.replication_key.empty()) add_mark(next, until, snapshot_);
  promote_settled(next, snapshot_);
  return next;
}

void TableRun::tell_what_waits() {
  if (state_.pending.empty() || table_.replication_key.empty()) return;
  const PendingMark& oldest = state_.pending.front();
  const std::string open = snapshot_.waits_for(oldest.witness);
  if (open.empty()) return;
  note("the mark " + oldest.mark + " waits for " + open + "; until then runs " +
       (state_.cursor ? "start from " + *state_.cursor : "compare everything"));
}

void TableRun::commit(Load& load, TableState next) {
  // With the snapshot went its locks: what was read since may be of a table that is no longer
  // there.
  snapshot_.check_alive(table_.name);
  replace_state(load, next);
  load.commit();
  stored_ = next;
  state_ = std::move(next);
}

void TableRun::replace_state(Load& load, TableState& next) const {
  // Until what a torn commit left is taken back, it must be known by what came before.
  if (target_.versions && next.in_flight == 0) next.instant = target_.versions->begin;
  // Whatever else is written, they are no longer those of the copy's keys.
  next.digests = rest_.digests;
  load.replace_state(table_.name, stored_, next);
}

bool TableRun::braked(std::uint64_t deleted, std::uint64_t of) const {
  return decision_.brake && deleted > kBrakeRows && deleted * kBrakeShare > of &&
         !matches_any(context_.options.allow_deletes, table_.name);
}

void TableRun::check_brake(std::uint64_t deleted, std::uint64_t of) const {
  // What a torn commit may have left behind was never at the source. Of a key it was taken back.
  const std::uint64_t torn = table_.has_key() ? 0 : state_.in_flight;
  const std::uint64_t gone = deleted - std::min(deleted, torn);
  if (!braked(gone, of)) return;
  throw Error(Fault::brake,
              table_.name.text() + ": " + std::to_string(gone) + " of " + std::to_string(of) +
                  " rows would be deleted; nothing of this table was written",
              "if that is right: the same command with --allow-deletes " + table_.name.argument());
}

}  // namespace sluice
