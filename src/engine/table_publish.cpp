// SPDX-License-Identifier: Apache-2.0
// What readers see of a table's run: hidden tables that take a copy's place, rows of the copy, and
// the state, of one table or of several in one commit.
#include <utility>

#include "engine/table_run.h"
#include "planted.h"

namespace sluice {
namespace {

/// The temp tables that rows of a copy are written from, and those that these are made from.
constexpr const char* kStaged[] = {"stage", "match", "prune", "missing", "diff",
                                   "delta", "new",   "kept",  "differ"};
constexpr const char* kBefore[] = {"lacking", "source"};

std::string staged_name(const std::string& name, const std::string& aside) {
  return duck::quoted("sluice_" + name + aside);
}

void drop(duck::Connection& connection, std::span<const char* const> names) {
  for (const char* each : names)
    connection.query("DROP TABLE IF EXISTS temp." + staged_name(each, ""));
}

}  // namespace

void TableRun::announce_in_flight(std::uint64_t rows) {
  if (rows < kTearable || cloned()) return;
  TableState flying = *stored_;
  flying.in_flight = rows;
  flying.digests.clear();
  Load load(connection_, context_.states);
  load.replace_state(table_.name, stored_, flying);
  load.commit();
  stored_ = std::move(flying);
}

/// Whether so many rows now go into a clone, and are to be staged once more: a commit of several
/// tables must be one that no crash can tear.
bool TableRun::moves_to_clone(std::uint64_t arriving) {
  if (!together() || cloned() || arriving < kTearable) return false;
  clone();
  return true;
}

/// From here on a hidden copy of the copy is written, which then takes its place. A run that is cut
/// off leaves one that is never gone on with: its `rows` stay 0.
void TableRun::clone() {
  Loading loading;
  static_cast<Copy&>(loading) = copy();
  loading.brake = decision_.brake;
  loading.hidden = landing_.hidden;
  begin_loading(loading);
  Load load(connection_, context_.states);
  load.execute(apply::clone(target_, loading.hidden, loading.columns));
  commit(load, state_);
  target_.name = loading.hidden;
  failpoint("after-clone");
}

/// Leaves the copy's rows and its state to publish(). A clone is written at once.
void TableRun::leave(TableState next, std::function<void(Load&)> write) {
  next.loading.reset();
  next.digests = rest_.digests;
  rest_.next = std::move(next);
  if (!cloned()) {
    rest_.write = std::move(write);
    return;
  }
  Load load(connection_, context_.states);
  if (write) write(load);
  commit(load, state_);
  rest_.hidden = target_.name;
}

void TableRun::set_aside(std::size_t number) {
  if (!rest_.write) return;
  drop(connection_, kBefore);
  rest_.aside = "_" + std::to_string(number);
  for (const char* each : kStaged) {
    connection_.query("ALTER TABLE IF EXISTS temp." + staged_name(each, "") + " RENAME TO " +
                      staged_name(each, rest_.aside));
  }
}

void TableRun::bring_back() {
  if (rest_.aside.empty()) return;
  for (const char* each : kStaged) {
    connection_.query("DROP TABLE IF EXISTS temp." + staged_name(each, ""));
    connection_.query("ALTER TABLE IF EXISTS temp." + staged_name(each, rest_.aside) +
                      " RENAME TO " + staged_name(each, ""));
  }
}

void TableRun::publish(std::span<TableRun* const> runs) {
  const TableRun& first = *runs.front();
  if (planted("published-each") && runs.size() > 1) {
    for (TableRun* const& run : runs) publish(std::span(&run, 1));
    return;
  }
  failpoint("before-publish");
  Load load(first.connection_, first.context_.states);
  for (const TableRun* run : runs) run->rename(load);
  for (TableRun* run : runs) run->write(load);
  // With the snapshot went its locks: what was read since may be of a table that is no longer
  // there. So may be that nothing has changed.
  for (const TableRun* run : runs) {
    if (run->rest_.next) run->snapshot_.check_alive(run->table_.name);
  }
  const bool anything = !load.empty();
  if (anything) load.commit();
  failpoint("after-publish");
  for (TableRun* run : runs) {
    if (anything && run->context_.published) run->context_.published(run->table_.name);
    run->published();
  }
}

void TableRun::rename(Load& load) const {
  if (rest_.hidden.empty()) return;
  load.execute("DROP TABLE IF EXISTS " + target_.sibling(landing_.name));
  load.execute("ALTER TABLE " + target_.sibling(rest_.hidden) + " RENAME TO " +
               duck::quoted(landing_.name));
}

void TableRun::write(Load& load) {
  if (!rest_.next) return;
  const std::size_t before = load.executed();
  if (rest_.write) {
    bring_back();
    rest_.write(load);
  }
  // What finds nothing writes nothing.
  const bool nothing = rest_.hidden.empty() && load.executed() == before;
  if (nothing && rest_.next->json() == stored_->json()) return;
  replace_state(load, *rest_.next);
}

/// Temp tables of a big table would hold memory until the worker's next one replaces them.
void TableRun::published() {
  if (rest_.next) stored_ = state_ = *rest_.next;
  target_.name = landing_.name;
  rest_ = {};
  pin_.reset();
  constexpr std::uint64_t kBig = 100'000;
  if (receipt_.read < kBig) return;
  drop_staged();
}

void TableRun::drop_staged() {
  drop(connection_, kStaged);
  drop(connection_, kBefore);
}

}  // namespace sluice
