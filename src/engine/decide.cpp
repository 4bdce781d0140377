// SPDX-License-Identifier: Apache-2.0
#include "engine/decide.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace sluice {
namespace {

constexpr std::uint64_t kSmall = std::uint64_t{1}
                                 << 30;  // compared whole at every run unless told otherwise
/// Below, comparing everything is as fast as asking for what is new and for the keys.
constexpr std::uint64_t kWorthVersions = std::uint64_t{16} << 20;
constexpr std::int64_t kDay = std::int64_t{24} * 60 * 60;

bool due(const Cadence& cadence, std::int64_t last, std::int64_t now) {
  if (cadence.kind == Cadence::Kind::never) return false;
  return cadence.kind == Cadence::Kind::always || now - last >= cadence.every.count();
}

const Column* find(const std::vector<Column>& columns, const std::string& name) {
  const auto found = std::ranges::find(columns, name, &Column::name);
  return found == columns.end() ? nullptr : &*found;
}

/// By the name as DuckDB compares names.
const Column* find_folded(const std::vector<Column>& columns, const std::string& name) {
  const auto found = std::ranges::find_if(columns, [&](const Column& column) {
    return duck::folded(column.name) == duck::folded(name);
  });
  return found == columns.end() ? nullptr : &*found;
}

bool contains(const std::vector<std::string>& list, const std::string& name) {
  return std::ranges::find(list, name) != list.end();
}

Error drift(const Table& table, const std::string& what) {
  return {Fault::drift, table.name.text() + ": " + what,
          "the same command with --accept-drift " + table.name.argument() +
              " loads the table anew behind the old copy"};
}

Error history_at_stake(const Table& table) {
  return {Fault::config,
          table.name.text() +
              ": its settings have changed, and a load anew would lose the versions of its copy",
          "put the settings back; or, having kept the old copy elsewhere, `sluice state reset " +
              table.name.argument() + " --yes`"};
}

Error costs_history(const Error& drift) {
  return {drift.fault(), drift.what(),
          drift.hint() + ", whose versions are lost: its history begins anew"};
}

/// Compares the shape that the copy has with the shape that the source has now.
void compare_shapes(const Table& table, const TableState& state, Decision& decision) {
  for (const Column& column : table.columns) {
    const Column* before = find(state.columns, column.name);
    if (const Column* twin =
            before == nullptr ? find_folded(state.columns, column.name) : nullptr) {
      decision.refusal = drift(table, "column " + twin->name + " is now called " + column.name +
                                          ", which DuckDB takes for the same name");
      return;
    }
    if (before == nullptr || contains(state.dropped, column.name)) {
      if (before != nullptr && before->type != column.type && !widens(before->type, column.type)) {
        decision.refusal = drift(table, "column " + column.name + " came back as " + column.type +
                                            ", it was " + before->type);
        return;
      }
      if (before == nullptr || before->type != column.type) {
        decision.changes.push_back({column, before == nullptr});
      }
      decision.fill = true;
      decision.notes.push_back("column added: " + column.name + " " + column.type);
    } else if (before->type != column.type) {
      if (!widens(before->type, column.type)) {
        decision.refusal = drift(table, "column " + column.name + " is now " + column.source_type +
                                            " (" + column.type + "), the copy has " + before->type);
        return;
      }
      decision.changes.push_back({column, false});
      decision.notes.push_back("column widened: " + column.name + " " + before->type + " -> " +
                               column.type);
    }
  }
  for (const Column& column : state.columns) {
    if (find(table.columns, column.name) != nullptr) continue;
    if (table.partial && !contains(state.dropped, column.name)) {
      decision.refusal = drift(table, "column " + column.name +
                                          " can no longer be seen: it was dropped, or the right to "
                                          "read it was taken away");
      return;
    }
    decision.dropped.push_back(column.name);
    if (!contains(state.dropped, column.name)) {
      decision.notes.push_back("column dropped at the source: " + column.name +
                               " is kept, NULL in rows written from now on");
    }
  }
  if (state.primary_key != table.primary_key && table.view && !table.has_key()) {
    decision.refusal = drift(table, "it is a view now, which has no primary key; the key was (" +
                                        listed(state.primary_key) + ")");
  } else if (state.primary_key != table.primary_key) {
    decision.refusal = drift(table, "the primary key is now (" + listed(table.primary_key) +
                                        "), it was (" + listed(state.primary_key) + ")");
  }
}

/// What would be applied, where nothing is to be.
Error unwanted(const Table& table, const Decision& decision) {
  std::string what;
  for (const std::string& note : decision.notes) what += (what.empty() ? "" : "; ") + note;
  return {Fault::drift, table.name.text() + ": " + what + " (on_drift: refuse)",
          "the same command with --accept-drift " + table.name.argument() + " applies it"};
}

Decision full_load(Decision decision, const std::string& why) {
  decision.steps = {Step::load};
  decision.strategy = "load";
  decision.why = why;
  return decision;
}

/// A cadence would leave rows as of an earlier run beside what other tables have now.
Error no_cadence(const Table& table, const std::string& word) {
  return {Fault::config,
          table.name.text() + ": " + word +
              " leaves rows for a later run, and publish: together shows all tables as of one "
              "instant",
          "set " + word + ": always for it, or exclude it"};
}

bool skips_runs(const Cadence& cadence) { return cadence.kind != Cadence::Kind::always; }

Cadence full_cadence(const Table& table, const TableOptions& options) {
  if (options.full_every) return *options.full_every;
  if (table.bytes <= kSmall) return {};
  return {Cadence::Kind::interval, std::chrono::seconds(kDay)};
}

Decision refresh(Decision decision, const std::string& why) {
  decision.steps = {Step::refresh};
  decision.strategy = "full";
  decision.why = why;
  return decision;
}

Decision merge(Decision decision, const char* strategy, const std::string& why,
               const TableState& state, const TableOptions& options, const Circumstances& now) {
  decision.steps = {Step::merge};
  decision.strategy = strategy;
  decision.why = why;
  if (options.deletes != Deletes::ignore &&
      due(options.delete_check, state.last_delete_check, now.now)) {
    decision.steps.push_back(Step::prune);
  }
  return decision;
}

/// A published copy of an unchanged or compatibly changed table, in mode mirror or history.
Decision mirror(Decision decision, const Table& table, const TableState& state,
                const TableOptions& options, const Circumstances& now) {
  if (now.full) return refresh(std::move(decision), "asked for");
  if (state.in_flight > 0)
    return refresh(std::move(decision), "the last run was cut off in the middle of a commit");
  if (decision.fill) return refresh(std::move(decision), "a new column is filled in");
  const Strategy strategy = later_strategy(table, options);
  if (strategy == Strategy::digest) {
    decision =
        refresh(std::move(decision), options.strategy == strategy
                                         ? "strategy: digest"
                                         : "no primary key; by ranges of " + table.replication_key);
    decision.strategy = "digest";
    decision.by_digests = true;
    return decision;
  }
  if (state.incarnation != table.incarnation)
    return refresh(std::move(decision), "the source rewrote or re-created the table");
  if (strategy == Strategy::xmin) {
    if (state.horizon.empty())
      return refresh(std::move(decision), "row versions are not known to the copy yet");
    decision.by_versions = true;
    const char* why = options.strategy == strategy ? "strategy: xmin" : "no replication key";
    return merge(std::move(decision), "xmin", why, state, options, now);
  }
  if (strategy == Strategy::incremental) {
    if (state.replication_key != table.replication_key) {
      return refresh(std::move(decision), "the replication key is now " + table.replication_key);
    }
    if (!state.cursor) return refresh(std::move(decision), "no mark is proven safe yet");
    return merge(std::move(decision), "incremental", "replication key " + table.replication_key,
                 state, options, now);
  }
  const char* reason = !table.has_key()                     ? "no primary key"
                       : options.strategy == Strategy::full ? "strategy: full"
                                                            : "no replication key";
  // What was never compared with this source, or not since it was set back, is due once.
  if (now.together || state.last_full == 0 || full_due(table, options, state.last_full, now.now))
    return refresh(std::move(decision), reason);
  decision.strategy = "not due";
  decision.why = std::string(reason) + ", compared whole as full_every says; --full does it now";
  return decision;
}

Decision append(Decision decision, const Table& table, const TableState& state) {
  decision.strategy = "append";
  decision.why = "replication key " + table.replication_key;
  if (state.replication_key != table.replication_key) {
    decision.refusal = drift(table, "the replication key is now " + table.replication_key +
                                        ", it was " + state.replication_key);
    return decision;
  }
  if (decision.fill) decision.notes.push_back("rows appended before keep NULL in it");
  decision.steps = {Step::append};
  return decision;
}

/// Whether a load that was cut off builds what a load begun now would build.
bool same_load(const Table& table, const Loading& loading, const Circumstances& now) {
  const auto shape = [](const Column& column) { return std::pair(column.name, column.type); };
  return loading.options == now.options && loading.primary_key == table.primary_key &&
         std::ranges::equal(loading.columns, table.columns, {}, shape, shape);
}

/// A load was cut off: its chunks that are left, or only its publication, if that can be done.
/// Where a copy is live, what the load was for (many differences) must still hold: deletes that are
/// to be kept, or a comparison that was asked for, need another look at the source.
bool can_resume(const Table& table, const TableState& state, const TableOptions& options,
                const Circumstances& now) {
  const Loading& loading = *state.loading;
  if (loading.rows == 0 || !same_load(table, loading, now)) return false;
  const bool rebuild = state.live && state.options == loading.options;
  if (rebuild && (now.full || options.deletes != Deletes::hard)) return false;
  // Published as it is, it would be of an earlier instant than the tables beside it.
  if (loading.todo.empty() && !loading.mixed && !now.together) return true;
  return loading.incarnation == table.incarnation && table.has_key() &&
         loading.replication_key == table.replication_key && options.mode != Mode::append;
}

/// Why a first load that was cut off starts over.
std::string why_over(const Table& table, const Loading& loading, const Circumstances& now) {
  if (loading.rows == 0) return "no copy yet";
  return same_load(table, loading, now) && loading.incarnation == table.incarnation
             ? "a load was cut off; without a primary key it starts over"
             : "a load was cut off and the table has changed since";
}

struct Decimal {
  int precision = 0, scale = 0;
};

std::optional<Decimal> decimal_of(const std::string& type) {
  static const std::array<std::pair<const char*, int>, 8> integers{{{"TINYINT", 3},
                                                                    {"SMALLINT", 5},
                                                                    {"INTEGER", 10},
                                                                    {"BIGINT", 19},
                                                                    {"UTINYINT", 3},
                                                                    {"USMALLINT", 5},
                                                                    {"UINTEGER", 10},
                                                                    {"UBIGINT", 20}}};
  for (const auto& [name, digits] : integers) {
    if (type == name) return Decimal{digits, 0};
  }
  Decimal decimal;
  if (!type.starts_with("DECIMAL(")) return std::nullopt;
  const char* end = type.data() + type.size();
  const auto precision = std::from_chars(type.data() + 8, end, decimal.precision);
  if (precision.ec != std::errc() || precision.ptr == end) return std::nullopt;
  std::from_chars(precision.ptr + 1, end, decimal.scale);
  return decimal;
}

/// What the user asks for and this table cannot have.
std::optional<Error> unworkable(const Table& table, const TableOptions& options,
                                const Circumstances& now) {
  const bool full_skips = options.full_every && skips_runs(*options.full_every);
  if (now.together && (full_skips || skips_runs(options.delete_check)))
    return no_cadence(table, full_skips ? "full_every" : "delete_check");
  const auto refusal = [&](const std::string& what, const char* hint) {
    return Error(Fault::config, table.name.text() + ": " + what, hint);
  };
  const Column* mark = table.column(table.replication_key);
  const bool marks =
      options.mode == Mode::append || later_strategy(table, options) == Strategy::incremental;
  if (marks && mark != nullptr && mark->type == "VARCHAR") {
    return refusal("the replication key " + mark->name + " lands as text, which sorts otherwise",
                   "leave it its own type, or name another with replication_key: (\"\" is none)");
  }
  if (options.mode == Mode::append) {
    if (!table.replication_key.empty()) return std::nullopt;
    return refusal("mode append needs a replication key",
                   "name one with replication_key:, or use mode mirror");
  }
  const char* lacks_key = table.has_key() ? nullptr : "it has no primary key";
  if (options.strategy == Strategy::incremental &&
      (lacks_key != nullptr || table.replication_key.empty())) {
    return refusal(std::string("strategy incremental needs a primary key and a replication key; ") +
                       (lacks_key != nullptr ? lacks_key : "it has no replication key"),
                   "name them with replication_key: and key:, or leave strategy at auto");
  }
  if (options.strategy == Strategy::xmin && (lacks_key != nullptr || !table.versions)) {
    return refusal(std::string("strategy xmin needs a primary key and row versions; ") +
                       (lacks_key != nullptr ? lacks_key
                                             : "its source does not tell versions apart (a view, "
                                               "a foreign table, or not PostgreSQL)"),
                   "use strategy digest, or leave it at auto");
  }
  return std::nullopt;
}

Error not_ours(const Table& table, const Circumstances& now) {
  if (now.target_owner.empty()) {
    return {
        Fault::ownership,
        table.name.text() + ": the destination has a table of that name that sluice did not make",
        "choose another place with schema:, or rename or drop that table"};
  }
  return {Fault::ownership, table.name.text() + ": its target belongs to " + now.target_owner,
          "choose another place with schema:, or exclude one of the two"};
}

}  // namespace

Strategy later_strategy(const Table& table, const TableOptions& options) {
  if (options.strategy != Strategy::automatic) return options.strategy;
  if (!table.has_key())
    return range_column(table) != nullptr && !options.full_every ? Strategy::digest
                                                                 : Strategy::full;
  if (!table.replication_key.empty()) return Strategy::incremental;
  const bool worth_it = table.bytes > kWorthVersions && !options.full_every;
  return table.versions && worth_it ? Strategy::xmin : Strategy::full;
}

bool widens(const std::string& from, const std::string& to) {
  if (from == to) return true;
  const std::array<std::vector<std::string>, 4> ladders{
      {{"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"},
       {"UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"},
       {"FLOAT", "DOUBLE"},
       {"DATE", "TIMESTAMP"}}};
  for (const auto& ladder : ladders) {
    const auto low = std::ranges::find(ladder, from);
    const auto high = std::ranges::find(ladder, to);
    if (low != ladder.end() && high != ladder.end()) return low < high;
  }
  if (!to.starts_with("DECIMAL(")) return false;
  const auto before = decimal_of(from);
  const auto after = decimal_of(to);
  return before && after && after->scale >= before->scale &&
         after->precision - after->scale >= before->precision - before->scale;
}

bool finds_deletes(const Decision& decision, const TableOptions& options) {
  if (decision.steps.empty() || options.deletes == Deletes::ignore) return false;
  return decision.steps.front() != Step::append && decision.steps != std::vector{Step::merge};
}

bool full_due(const Table& table, const TableOptions& options, std::int64_t last,
              std::int64_t now) {
  return due(full_cadence(table, options), last, now);
}

void promote(Marks& marks, const std::vector<bool>& settled) {
  for (std::size_t i = marks.pending.size(); i-- > 0;) {
    if (i >= settled.size() || !settled[i]) continue;
    marks.cursor = marks.pending[i].mark;
    marks.pending.erase(marks.pending.begin(),
                        marks.pending.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    return;
  }
}

Decision decide(const Table& table, const std::optional<TableState>& state,
                const TableOptions& options, const Circumstances& now) {
  Decision decision;
  decision.refusal = unworkable(table, options, now);
  if (!decision.refusal && now.target_exists && now.target_owner != now.this_owner)
    decision.refusal = not_ours(table, now);
  if (decision.refusal) return decision;
  if (!state) return full_load(std::move(decision), "no copy yet");

  if (state->loading && can_resume(table, *state, options, now)) {
    decision.brake = state->loading->brake;
    decision.steps = {Step::resume};
    decision.strategy = "resume";
    decision.why = std::to_string(state->loading->rows) + " rows are loaded already";
    return decision;
  }
  if (!state->live) {
    if (state->loading) decision.brake = state->loading->brake;
    return full_load(std::move(decision),
                     state->loading ? why_over(table, *state->loading, now) : "no copy yet");
  }
  if (!now.target_exists)
    return full_load(std::move(decision), "the copy is gone from the destination");
  if (state->options != now.options) {
    if (now.has_history) {
      decision.refusal = history_at_stake(table);
      return decision;
    }
    decision.brake = state->options != kReset && !now.other_rows;
    return full_load(std::move(decision), state->options == kReset ? "its state was reset"
                                                                   : "its settings have changed");
  }
  if (!now.target_lacks.empty()) {
    if (options.mode == Mode::mirror && options.deletes == Deletes::hard) {
      decision.notes.push_back("loaded anew: somebody changed the copy: " + now.target_lacks);
      return full_load(std::move(decision), "somebody changed the copy: " + now.target_lacks);
    }
    decision.refusal =
        Error(Fault::config, table.name.text() + ": somebody changed the copy: " + now.target_lacks,
              "put that back; or, having kept the copy elsewhere, `sluice state reset " +
                  table.name.argument() + " --yes`: it holds more than the source has");
    return decision;
  }
  compare_shapes(table, *state, decision);
  if (decision.refusal) {
    if (!now.accept_drift) {
      if (now.has_history) decision.refusal = costs_history(*decision.refusal);
      return decision;
    }
    decision = Decision{};
    decision.brake = false;
    if (now.has_history)
      decision.notes.emplace_back("the versions of the old copy are gone: its history begins anew");
    return full_load(std::move(decision), "drift accepted");
  }
  const bool drifted = !decision.notes.empty();
  if (drifted && options.on_drift == OnDrift::refuse && !now.accept_drift) {
    Decision refused;
    refused.refusal = unwanted(table, decision);
    return refused;
  }
  return options.mode == Mode::append ? append(std::move(decision), table, *state)
                                      : mirror(std::move(decision), table, *state, options, now);
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text.empty() ? "none" : text;
}

}  // namespace sluice
