// SPDX-License-Identifier: Apache-2.0
#include "feed/targets.h"

#include <algorithm>

#include "engine/select.h"
#include "feed/types.h"

namespace sluice::feed {
namespace {

Column own_column(const char* name, const char* type) {
  Column column;
  column.name = name;
  column.type = type;
  return column;
}

const Column* column_of(const std::vector<Column>& columns, const std::string& name) {
  const auto found = std::ranges::find(columns, duck::folded(name),
                                       [](const Column& each) { return duck::folded(each.name); });
  return found == columns.end() ? nullptr : &*found;
}

/// The type of a column in a state, which its source_type says.
sdk::DataType known_type(const TableName& table, const Column& column) {
  const auto type = parse_type(column.source_type);
  if (!type) {
    throw Error(Fault::internal, table.text() + ": the state has a column " + column.name +
                                     " of an unknown type, " + column.source_type);
  }
  return *type;
}

std::string load_anew(const TableName& table) {
  return "`sluice state reset " + table.argument() +
         " --yes` loads it anew: the connector then starts over";
}

/// The columns of one table as they become known.
class Gathering {
 public:
  Gathering(const TableName& table, Naming naming) : table_(table), naming_(naming) {}

  void declare(const sdk::TableSchema& declared) {
    for (const std::string& each : declared.primary_key) add_said(each).key = true;
    for (const auto& [name, type] : declared.columns) {
      check_declared(table_, name, type);
      BufferColumn& added = add_said(name);
      if (added.declared) {
        throw Error(Fault::config, table_.text() + ": column " + name + " is declared twice");
      }
      added.type = type;
      added.declared = true;
    }
    const bool has_key = !declared.primary_key.empty();
    for (const BufferColumn& each : columns) {
      if (!is_own(duck::folded(each.name), has_key)) continue;
      throw Error(Fault::config, table_.text() + ": a column cannot be called " + each.name,
                  "columns of this name are Sluice's own; choose another");
    }
  }

  void remember(const Column& known) {
    const sdk::DataType before = known_type(table_, known);
    BufferColumn& column = add(known.name);
    const auto both = column.type ? widened(*column.type, before) : before;
    if (!both) {
      throw Error(Fault::drift,
                  table_.text() + ": column " + known.name + " was " + name(before) +
                      " and is declared as " + name(*column.type),
                  load_anew(table_) + "; or give it another name");
    }
    column.type = both;
  }

  std::vector<BufferColumn> columns;

 private:
  BufferColumn& add(const std::string& target) {
    const auto there = std::ranges::find(columns, duck::folded(target),
                                         [](const auto& each) { return duck::folded(each.name); });
    if (there != columns.end()) return *there;
    check_columns(table_, columns.size());
    return columns.emplace_back(BufferColumn{target, std::nullopt, false, false});
  }
  BufferColumn& add_said(const std::string& said) {
    BufferColumn& column = add(column_name(said, naming_));
    const std::string folded = duck::folded(said);
    if (!column.source.empty() && column.source != folded) {
      throw Error(Fault::config,
                  table_.text() + ": columns " + column.source + " and " + folded +
                      " would both be " + column.name,
                  "give one of them another name");
    }
    column.source = folded;
    return column;
  }

  const TableName& table_;
  const Naming naming_;
};

/// DuckDB's own words, where a value does not fit the wider type, quote it.
void change(const Shape& shape, const TableName& table, const std::vector<ColumnChange>& changes) {
  try {
    shape.change(changes);
  } catch (const Error& error) {
    if (error.fault() != Fault::data) throw;
    std::string names;
    for (const ColumnChange& each : changes) {
      if (!each.added)
        names += (names.empty() ? "" : ", ") + each.column.name + " as " + each.column.type;
    }
    throw Error(Fault::misfit,
                table.text() + ": a value that the copy has cannot be what its column widens to (" +
                    names + ")",
                "declare the column as STRING, or " + load_anew(table));
  }
}

TableName folded(const TableName& name) { return Inventory::folded(name.schema, name.name); }

TableName aimed(const TableState& state) { return {state.target_schema, state.target_name}; }

}  // namespace

Targets::Targets(duck::Connection& connection, const StateStore& states, const FeedOptions& options)
    : connection_(connection),
      states_(states),
      options_(options),
      inventory_(states.inventory(connection)) {}

bool Targets::chosen(const TableName& name) const {
  return (options_.tables.empty() || matches_any(options_.tables, name)) &&
         !matches_any(options_.exclude, name);
}

apply::Target Targets::target_of(const TableState& state) const {
  apply::Target target;
  target.catalog = states_.catalog();
  target.schema = state.target_schema;
  target.name = state.target_name;
  target.deleted = kDeleted;
  return target;
}

std::vector<std::string> Targets::open(std::int64_t synced) {
  std::vector<std::string> said;
  for (const auto& [name, state] : inventory_.states) {
    Known& known = tables_.emplace(folded(name), Known{name, state, state}).first->second;
    known.chosen = chosen(name);
    const bool present = inventory_.present.contains(folded(aimed(state)));
    if (state.options != kReset && state.live && !present) {
      said.push_back(name.text() + ": its copy " + aimed(state).text() +
                     " is gone, so it is loaded anew");
      reset(known);
    }
    if (known.stored->options == kReset) {
      known.state = {};
      if (known.chosen && starts_over_.empty()) starts_over_ = name.text();
    } else if (!state.live) {
      // A run that ended before its first rows were committed.
      if (present) Shape(connection_, states_, target_of(state)).drop(state.target_name);
    } else {
      take_back(state, synced);
    }
  }
  return said;
}

void Targets::reset(Known& known) {
  duck::Transaction transaction(connection_);
  states_.reset(connection_, known.name);
  states_.hold(connection_);
  transaction.commit();
  known.stored = states_.table(connection_, known.name);
}

/// A crash can tear a commit of many rows: they are there, its state and all else is not.
void Targets::take_back(const TableState& state, std::int64_t synced) {
  duck::Transaction transaction(connection_);
  connection_.query("DELETE FROM " + target_of(state).sql() + " WHERE " + duck::quoted(kSynced) +
                    " > make_timestamptz(" + std::to_string(synced) + "::BIGINT)");
  states_.hold(connection_);
  transaction.commit();
}

Known& Targets::of(const TableName& name) {
  const TableName target = target_name(name, options_.schema, options_.naming);
  Known& known = tables_.emplace(folded(name), Known{name, std::nullopt, {}}).first->second;
  known.chosen = chosen(name);
  if (!known.chosen) return known;
  const auto [rival, fresh] = by_target_.emplace(folded(target), name);
  if (!fresh && folded(rival->second) != folded(name)) {
    throw Error(Fault::config,
                rival->second.text() + " and " + name.text() + " would both be " + target.text(),
                "give one of them another name, or leave one out");
  }
  const std::string options =
      fingerprint({}, duck::folded(target.schema), duck::folded(target.name), options_.naming);
  if (known.state.live) {
    if (known.state.options == options) return known;
    throw Error(
        Fault::drift,
        name.text() + ": its copy is " + aimed(known.state).text() +
            ", and with the settings of now (schema:, naming:) it would be " + target.text() +
            (folded(aimed(known.state)) == folded(target) ? ", with other names of columns" : ""),
        load_anew(name));
  }
  known.state.target_schema = target.schema;
  known.state.target_name = target.name;
  known.state.options = options;
  const auto owner = inventory_.owners.find(folded(target));
  const bool ours = known.stored && folded(aimed(*known.stored)) == folded(target);
  if (!ours && (inventory_.present.contains(folded(target)) || owner != inventory_.owners.end())) {
    throw Error(Fault::ownership,
                name.text() + ": its target " +
                    (owner == inventory_.owners.end() ? "was not made by sluice"
                                                      : "belongs to " + owner->second),
                "choose another schema at the destination, or rename or drop that table");
  }
  return known;
}

std::vector<BufferColumn> Targets::columns(const Known& known,
                                           const sdk::TableSchema* declared) const {
  Gathering gathering(known.name, options_.naming);
  if (declared != nullptr) gathering.declare(*declared);
  for (const Column& each : known.state.columns) gathering.remember(each);
  if (!known.state.live) return std::move(gathering.columns);
  // The key that is known stays where nothing is declared.
  std::vector<std::string> key;
  for (BufferColumn& each : gathering.columns) {
    if (declared == nullptr) {
      each.key =
          std::ranges::find(known.state.primary_key, each.name) != known.state.primary_key.end();
    }
    if (each.key) key.push_back(duck::folded(each.name));
  }
  std::vector<std::string> before;
  for (const std::string& each : known.state.primary_key) before.push_back(duck::folded(each));
  if (std::ranges::is_permutation(key, before)) return std::move(gathering.columns);
  throw Error(Fault::drift, known.name.text() + ": its primary key is not what it was",
              load_anew(known.name));
}

/// The state names the target that is about to be made.
void Targets::aim(Known& known) {
  if (known.stored && aimed(*known.stored) == aimed(known.state)) return;
  const TableState& state = known.state;
  if (known.stored)
    Shape(connection_, states_, target_of(*known.stored)).drop(known.stored->target_name);
  TableState named;
  named.target_schema = state.target_schema;
  named.target_name = state.target_name;
  if (known.stored) named.options = known.stored->options;
  Load load(connection_, states_);
  load.execute("CREATE SCHEMA IF NOT EXISTS " + duck::quoted(states_.catalog()) + "." +
               duck::quoted(state.target_schema));
  load.replace_state(known.name, known.stored, named);
  load.commit();
  known.stored = named;
}

TableState Targets::shape(Known& known, const ChangeBuffer& buffer, const Staged& staged,
                          std::vector<std::string>& notes) {
  if (!known.state.live) aim(known);
  TableState next = known.state;
  const Shape shape(connection_, states_, target_of(next));
  std::vector<ColumnChange> changes;
  std::vector<Column> columns;
  for (const StagedColumn& each : staged.columns) {
    const Column* const before = column_of(next.columns, each.name);
    Column column;
    column.name = each.name;
    column.type = each.type;
    column.source_type = feed::name(*buffer.columns()[each.position].type);
    if (before == nullptr || before->type != each.type) {
      changes.push_back({column, before == nullptr});
      notes.push_back(before == nullptr
                          ? "new column " + each.name + " (" + each.type + ")"
                          : "column " + each.name + " is " + each.type + ", was " + before->type);
    }
    columns.push_back(std::move(column));
  }
  if (!next.live) {
    notes.clear();
    std::vector<Column> all = columns;
    if (staged.key.empty()) all.insert(all.begin(), own_column(kId, "VARCHAR"));
    all.push_back(own_column(kSynced, "TIMESTAMP WITH TIME ZONE"));
    shape.create(next.target_name, all);
  } else {
    change(shape, known.name, changes);
  }
  failpoint("feed-shaped");
  next.columns = std::move(columns);
  next.primary_key = buffer.key();
  next.live = true;
  return next;
}

std::vector<Known*> Targets::drop_reset(const std::set<const Known*>& written) {
  std::vector<Known*> dropped;
  for (auto& [name, known] : tables_) {
    if (!known.chosen || !known.stored || known.stored->options != kReset) continue;
    if (written.contains(&known)) continue;
    Shape(connection_, states_, target_of(*known.stored)).drop(known.stored->target_name);
    dropped.push_back(&known);
  }
  return dropped;
}

TableState Targets::left_out(const Known& known) const {
  const TableName target = known.stored ? aimed(*known.stored)
                                        : target_name(known.name, options_.schema, options_.naming);
  TableState state;
  state.target_schema = target.schema;
  state.target_name = target.name;
  state.live = known.stored && known.stored->live;
  state.options = kReset;
  return state;
}

}  // namespace sluice::feed
