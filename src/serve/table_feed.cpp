// SPDX-License-Identifier: Apache-2.0
#include "serve/table_feed.h"

#include <algorithm>
#include <ctime>
#include <numeric>

#include "engine/decide.h"
#include "engine/marks.h"
#include "engine/select.h"

namespace sluice::serve {
namespace {

/// In place of a shape: the client has all of a table, and is being sent it anew.
constexpr const char* kReplaced = "replaced";

std::vector<std::size_t> every_chunk(const Plan& plan) {
  std::vector<std::size_t> all(plan.chunks.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  return all;
}

/// What makes rows that were sent no longer those of the table.
std::string shape_of(const Sent& sent, duck::Connection& connection) {
  std::string text = sent.table.incarnation + "\n" +
                     fingerprint(sent.options, "", "", Naming::source) + "\n" +
                     sent.table.replication_key + "\n";
  for (const SentColumn& each : sent.sent)
    text += each.name + "\t" + each.type + (each.key ? "\tkey\n" : "\n");
  return connection.query("SELECT md5($1)", {text}).text(0, 0);
}

}  // namespace

TableFeed::TableFeed(const FeedContext& context, Snapshot& snapshot, Sent sent)
    : context_(context),
      snapshot_(snapshot),
      sent_(std::move(sent)),
      now_(std::time(nullptr)),
      encoder_(sent_.table.name, sent_.sent),
      shape_(shape_of(sent_, context.connection)),
      way_(choose()) {}

TableFeed::Way TableFeed::choose() {
  const Decision judged = decide(sent_.table, std::nullopt, sent_.options, {});
  if (judged.refusal) throw *judged.refusal;
  versions_ = sent_.options.strategy == Strategy::xmin;
  marked_ = !versions_ && later_strategy(sent_.table, sent_.options) == Strategy::incremental;
  const auto found = context_.state.tables.find(name());
  if (found == context_.state.tables.end()) return Way::full;
  const SentTable& before = found->second;
  had_all_ = !before.shape.empty() && !before.loading;
  if (before.shape != shape_) return Way::full;
  if (before.loading) return goes_on() ? Way::resume : Way::full;
  if (marked_ || versions_) {
    const bool due =
        sent_.options.full_every && full_due(sent_.table, sent_.options, before.full, now_);
    const bool known = versions_ ? !before.horizon.empty() : before.cursor.has_value();
    return due || !known ? Way::full : Way::changes;
  }
  return full_due(sent_.table, sent_.options, before.full, now_) ? Way::full : Way::none;
}

/// Whether what changed since another snapshot can be told: then its chunks need not be sent again.
bool TableFeed::goes_on() const {
  return sent_.table.has_key() && (sent_.table.versions || marked_);
}

void TableFeed::run() {
  switch (way_) {
    case Way::none:
      return;
    case Way::full:
      return full();
    case Way::resume:
      return resume();
    case Way::changes:
      return changes();
  }
}

Read TableFeed::all() const {
  Read read;
  read.columns = sent_.read;
  return read;
}

Plan TableFeed::plan(const Read& read) {
  return context_.scan.source.plan(snapshot_, sent_.table, read);
}

/// Returns the chunks that were sent to their ends.
TableFeed::Chunks TableFeed::send(const Plan& plan, const Chunks& chunks, UnitLimit limit) {
  Relation relation(context_.connection, context_.scan, snapshot_, plan, chunks, limit);
  relation.stream(sent_.select(relation.sql()), [this](duckdb_data_chunk chunk) {
    encoder_.bind(chunk);
    const idx_t size = duckdb_data_chunk_get_size(chunk);
    for (idx_t row = 0; row < size; ++row) {
      encoder_.append(row, context_.sender.records());
      context_.sender.added();
    }
    rows_ += size;
  });
  const std::uint64_t misfits = relation.misfits() + plan.misfits;
  if (misfits > 0) {
    context_.note(name().text() + ": " + std::to_string(misfits) +
                  " values that their type cannot hold were sent as NULL (misfit: null)");
  }
  return relation.finished();
}

/// With its locks went what a snapshot said of the table.
void TableFeed::checkpoint() {
  snapshot_.check_alive(name());
  context_.sender.checkpoint(context_.state.json());
}

void TableFeed::prove() {
  if (sent_.table.key_origin != KeyOrigin::user) return;
  Read read;
  for (const std::string& each : sent_.table.primary_key)
    read.columns.push_back(*sent_.table.column(each));
  const Plan keys = plan(read);
  Relation relation(context_.connection, context_.scan, snapshot_, keys);
  prove_key(relation, relation.sql(), name(), sent_.table.primary_key);
}

void TableFeed::full() {
  prove();
  const Plan whole = plan(all());
  const std::string before = known().shape;
  // Until all of it was sent, nothing of it is known: what comes next begins here.
  known() = {};
  if (had_all_) known().shape = kReplaced;
  if (before != shape_) context_.sender.schema_change(described(sent_), name().schema);
  context_.sender.truncate(name());
  if (had_all_ || !goes_on() || whole.chunks.empty()) {
    // Nobody is to see half of a table that was whole: no checkpoint comes between.
    send(whole, every_chunk(whole), {});
  } else {
    Loading loading;
    loading.until = whole.until;
    loading.safe = whole.safe;
    loading.witness = snapshot_.witness();
    if (sent_.table.versions) loading.horizon = snapshot_.horizon();
    known().shape = shape_;
    known().loading = std::move(loading);
    units(whole, every_chunk(whole));
  }
  done(marks_of(whole));
}

/// Those of a read of everything under this snapshot.
Marks TableFeed::marks_of(const Plan& whole) const {
  Marks marks;
  marks.cursor = whole.safe;
  add_mark(marks, whole.until, snapshot_);
  promote_settled(marks, snapshot_);
  return marks;
}

void TableFeed::units(const Plan& plan, Chunks todo) {
  const UnitLimit limit{context_.options.unit_rows, context_.options.unit_bytes,
                        context_.options.unit_time};
  const auto remember = [&] {
    Loading& loading = *known().loading;
    loading.todo.clear(), loading.todo_rows.clear(), loading.todo_bytes.clear();
    for (const std::size_t i : todo) {
      loading.todo.push_back(plan.chunks[i].bounds);
      loading.todo_rows.push_back(plan.chunks[i].rows);
      loading.todo_bytes.push_back(plan.chunks[i].bytes);
    }
  };
  for (remember(); !todo.empty();) {
    if (context_.scan.stop.load() != StopLevel::none)
      throw Error(Fault::cancelled, "stopped between two units");
    for (const std::size_t chunk : send(plan, todo, limit)) std::erase(todo, chunk);
    remember();
    if (!todo.empty()) checkpoint();
  }
}

/// Chunks of two snapshots: a row that moved between them was sent twice or not at all. What was
/// written since the first one is sent after them: by its version where there are any, which finds
/// each of those rows, else by the replication key.
void TableFeed::resume() {
  Loading loading = *known().loading;
  Plan rest = plan(all());
  if (!loading.todo.empty()) {
    rest.chunks.clear();
    for (std::size_t i = 0; i < loading.todo.size(); ++i)
      rest.chunks.push_back({loading.todo[i], loading.todo_rows[i], loading.todo_bytes[i]});
    known().loading->mixed = true;
    units(rest, every_chunk(rest));
  }
  Read since = all();
  const bool by_version = sent_.table.versions && !loading.horizon.empty();
  const auto mark = loading.safe ? loading.safe : loading.until;
  if (by_version) {
    since.since = loading.horizon;
  } else if (mark) {
    since.from = from(*mark);
  }
  const Plan late = plan(since);
  send(late, every_chunk(late), {});
  Marks marks;
  if (by_version) {
    marks = marks_of(rest);  // a read of newer versions has none
  } else {
    // What was open under the first snapshot may have written below what was just read from.
    marks.cursor = loading.safe;
    if (loading.until) marks.pending.push_back({*loading.until, loading.witness});
    if (loading.witness == snapshot_.witness() || snapshot_.proof(sent_.table).blind)
      promote_settled(marks, snapshot_);
  }
  done(std::move(marks));
}

/// All of it was sent.
void TableFeed::done(Marks marks) {
  SentTable all;
  if (marked_) static_cast<Marks&>(all) = std::move(marks);
  if (versions_) all.horizon = snapshot_.horizon();
  all.shape = shape_;
  all.full = now_;
  known() = std::move(all);
  checkpoint();
}

std::string TableFeed::from(const std::string& mark) const {
  return below(mark, sent_.table, sent_.options, snapshot_, context_.connection,
               [this](const std::string& line) { context_.note(name().text() + ": " + line); });
}

void TableFeed::changes() {
  prove();
  Read read = all();
  if (versions_) {
    read.since = known().horizon;
  } else {
    read.from = from(*known().cursor);
  }
  const Plan range = plan(read);
  send(range, every_chunk(range), {});
  if (versions_) {
    known().horizon = snapshot_.horizon();
  } else {
    add_mark(known(), range.until, snapshot_);
    promote_settled(known(), snapshot_);
  }
  checkpoint();
}

}  // namespace sluice::serve
