// SPDX-License-Identifier: Apache-2.0
#include "feed/run.h"

#include <chrono>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "engine/load.h"
#include "feed/types.h"

namespace sluice::feed {
namespace {

std::int64_t micros_now() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string instant(std::int64_t micros) {
  return "make_timestamptz(" + std::to_string(micros) + "::BIGINT)";
}

const Column* find(const std::vector<Column>& columns, const std::string& name) {
  const auto found = std::ranges::find(columns, duck::folded(name),
                                       [](const Column& each) { return duck::folded(each.name); });
  return found == columns.end() ? nullptr : &*found;
}

Column own_column(const char* name, const char* type) {
  Column column;
  column.name = name;
  column.type = type;
  return column;
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

/// What the declaration and the earlier syncs know of a table's columns, the key first.
std::vector<BufferColumn> known_columns(const TableName& table, const sdk::TableSchema* declared,
                                        const TableState* state) {
  std::vector<BufferColumn> columns;
  const auto add = [&](const std::string& column) -> BufferColumn& {
    const auto there = std::ranges::find(columns, duck::folded(column),
                                         [](const auto& each) { return duck::folded(each.name); });
    if (there != columns.end()) return *there;
    return columns.emplace_back(BufferColumn{column, std::nullopt, false, false});
  };
  if (declared != nullptr) {
    for (const std::string& each : declared->primary_key) add(each).key = true;
    for (const auto& [column, type] : declared->columns) {
      const std::string place = table.text() + ": column " + column;
      if (parse_type(name(type)) != type || duck::folded(column).starts_with("_fivetran_") ||
          (type.type == sdk::Type::decimal &&
           (type.precision < 1 || type.precision > 38 || type.scale > type.precision))) {
        throw Error(Fault::config, place + " cannot be declared as " + name(type),
                    "a DECIMAL has a precision of 1 to 38 and a scale up to that; names that "
                    "begin with _fivetran_ are Sluice's own");
      }
      BufferColumn& added = add(column);
      if (added.declared) throw Error(Fault::config, place + " is declared twice");
      added.type = type;
      added.declared = true;
    }
  }
  if (state == nullptr) return columns;
  for (const Column& each : state->columns) {
    const sdk::DataType before = known_type(table, each);
    BufferColumn& column = add(each.name);
    const auto both = column.type ? widened(*column.type, before) : before;
    if (!both) {
      throw Error(Fault::drift,
                  table.text() + ": column " + each.name + " was " + name(before) +
                      " and is declared as " + name(*column.type),
                  "`sluice state reset " + table.argument() + " --yes`, or another name for it");
    }
    column.type = both;
  }
  return columns;
}

class FeedRun final : public sdk::Operations {
 public:
  FeedRun(duck::Database& database, Destination& destination, const FeedOptions& options,
          sdk::Log& log)
      : options_(options),
        log_(log),
        catalog_(destination.catalog()),
        connection_(database.connect()),
        states_(catalog_, options.connection),
        session_{connection_, {}, nullptr, nullptr} {
    connection_.query("SET TimeZone = 'UTC'");
    states_.open(connection_, StateStore::Create::yes);
    if (destination.shared()) states_.claim(connection_);
    inventory_ = states_.inventory(connection_);
    feed_ = states_.feed(connection_);
    take_back();
  }

  void declare(const std::vector<sdk::TableSchema>& tables) {
    for (const sdk::TableSchema& each : tables) {
      const TableName name{each.schema, each.name};
      if (!buffers_.empty() && find_buffer(name) != nullptr)
        throw Error(Fault::config, name.text() + ": the table is declared twice");
      add_buffer(name, &each);
    }
  }

  sdk::Table& table(std::string_view name, std::string_view schema) override {
    return session_.guarded([&]() -> sdk::Table& {
      const TableName wanted{std::string(schema), std::string(name)};
      ChangeBuffer* const known = find_buffer(wanted);
      return known != nullptr ? *known : add_buffer(wanted, nullptr);
    });
  }

  void checkpoint(std::string_view state) override {
    session_.guarded([&] {
      if (!nlohmann::json::accept(state) || !nlohmann::json::parse(state).is_object()) {
        throw Error(Fault::config, "checkpoint() was given a state that is not a JSON object",
                    "give the text of an object, such as {\"last\": 4}");
      }
      ++session_.calls.checkpoints;
      commit(std::string(state));
    });
  }

  sdk::Log& log() override { return log_; }

  std::string state() const { return feed_ ? feed_->state : FeedState().state; }

  /// After update() has returned: what came behind the last checkpoint.
  Calls finish() {
    session_.guarded([&] {
      session_.next();
      bool left = false;
      for (const auto& each : buffers_) {
        each->close();
        left = left || !each->staged().empty();
      }
      if (!left) return;
      log_.warning(
          "update() ended without a checkpoint behind its last operations: they are committed, and "
          "the next sync starts from the last checkpoint's state");
      commit(state());
    });
    return session_.calls;
  }

 private:
  static TableName folded(const TableName& name) {
    return {duck::folded(name.schema), duck::folded(name.name)};
  }

  ChangeBuffer* find_buffer(const TableName& name) const {
    const auto found = by_name_.find(folded(name));
    return found == by_name_.end() ? nullptr : buffers_[found->second].get();
  }

  const TableState* known(const TableName& name) const {
    const auto found = inventory_.states.find(name);
    return found == inventory_.states.end() ? nullptr : &found->second;
  }

  ChangeBuffer& add_buffer(const TableName& name, const sdk::TableSchema* declared) {
    if (name.name.empty()) throw Error(Fault::config, "a table without a name");
    const TableState* const state = known(name);
    auto buffer = std::make_unique<ChangeBuffer>(session_, name, buffers_.size(),
                                                 known_columns(name, declared, state));
    if (state != nullptr && state->live && state->primary_key != buffer->key()) {
      throw Error(Fault::drift, name.text() + ": its primary key is not what it was",
                  "`sluice state reset " + name.argument() + " --yes` and start over");
    }
    by_name_.emplace(folded(name), buffers_.size());
    return *buffers_.emplace_back(std::move(buffer));
  }

  apply::Target target_of(const TableState& state) const {
    apply::Target target;
    target.catalog = catalog_;
    target.schema = state.target_schema;
    target.name = state.target_name;
    target.deleted = kDeleted;
    return target;
  }

  /// A crash can tear a commit of many rows: they are there, its state and all else is not.
  void take_back() {
    const std::string last = instant(feed_.value_or(FeedState()).synced);
    for (const auto& [name, state] : inventory_.states) {
      if (!state.live) continue;
      duck::Transaction transaction(connection_);
      connection_.query("DELETE FROM " + target_of(state).sql() + " WHERE " +
                        duck::quoted(kSynced) + " > " + last);
      states_.hold(connection_);
      transaction.commit();
    }
  }

  TableState first_state(const ChangeBuffer& buffer) const {
    TableState state;
    const std::string& schema = buffer.table().schema;
    state.target_schema = schema.empty() ? options_.schema : options_.schema + "_" + schema;
    state.target_name = buffer.table().name;
    const TableName at = Inventory::folded(state.target_schema, state.target_name);
    const auto owner = inventory_.owners.find(at);
    if (inventory_.present.contains(at) || owner != inventory_.owners.end()) {
      throw Error(Fault::ownership,
                  buffer.table().text() + ": its target " +
                      (owner == inventory_.owners.end() ? "was not made by sluice"
                                                        : "belongs to " + owner->second),
                  "choose another schema at the destination, or rename or drop that table");
    }
    return state;
  }

  /// Makes the target as the stage needs it, in transactions of its own, and says what its state is
  /// to become. The state names the table before it is made.
  TableState shape(const ChangeBuffer& buffer, const Staged& staged) {
    const TableName& name = buffer.table();
    if (known(name) == nullptr) {
      const TableState state = first_state(buffer);
      Load load(connection_, states_);
      load.execute("CREATE SCHEMA IF NOT EXISTS " + duck::quoted(catalog_) + "." +
                   duck::quoted(state.target_schema));
      load.replace_state(name, std::nullopt, state);
      load.commit();
      inventory_.states.emplace(name, state);
    }
    TableState next = *known(name);
    const Shape shape(connection_, states_, target_of(next));
    std::vector<ColumnChange> changes;
    std::vector<Column> columns;
    for (const StagedColumn& each : staged.columns) {
      const Column* const before = find(next.columns, each.name);
      Column column;
      column.name = each.name;
      column.type = each.type;
      column.source_type = feed::name(*buffer.columns()[each.position].type);
      if (before == nullptr || before->type != each.type)
        changes.push_back({column, before == nullptr});
      columns.push_back(std::move(column));
    }
    if (!next.live) {
      std::vector<Column> all = columns;
      if (staged.key.empty()) all.insert(all.begin(), own_column(kId, "VARCHAR"));
      all.push_back(own_column(kSynced, "TIMESTAMP WITH TIME ZONE"));
      shape.create(next.target_name, all);
      ++session_.calls.schema_changes;
    } else if (!changes.empty()) {
      shape.change(changes);
      ++session_.calls.schema_changes;
    }
    failpoint("feed-shaped");
    next.columns = std::move(columns);
    next.primary_key = buffer.key();
    next.live = true;
    return next;
  }

  void check_documents(const ChangeBuffer& buffer, const Staged& staged) {
    for (const StagedColumn& each : staged.columns) {
      if (each.type != "JSON" || staged.rows == 0) continue;
      const std::string column = "c" + std::to_string(each.position);
      const auto bad = connection_.query("SELECT left(" + column + "::VARCHAR, 64) FROM " +
                                         duck::quoted(staged.table) + " WHERE NOT json_valid(" +
                                         column + "::VARCHAR) LIMIT 1");
      if (bad.rows() == 0) continue;
      throw Error::misfit(each.name,
                          buffer.table().text() + ": column " + each.name +
                              ", which is JSON, cannot hold " + bad.text(0, 0) +
                              ": it is not a JSON document",
                          "give a document, with its quotes where it is a string");
    }
  }

  void commit(const std::string& state) {
    session_.next();
    struct Work {
      ChangeBuffer* buffer;
      Staged staged;
      TableState next;
    };
    std::vector<Work> work;
    for (const auto& each : buffers_) {
      each->close();
      Staged staged = each->staged();
      const TableState* const before = known(each->table());
      // A declared table is made even where it has no row, one that was never written to not.
      const bool nothing = staged.rows == 0 && (before == nullptr || !before->live);
      if (nothing && (staged.columns.empty() || staged.key.size() != each->key().size())) continue;
      if (!nothing && staged.empty()) continue;
      check_documents(*each, staged);
      TableState next = shape(*each, staged);
      if (staged.rows > 0 && staged.key.empty()) connection_.query(add_id(staged));
      work.push_back({each.get(), std::move(staged), std::move(next)});
    }
    const std::int64_t last = feed_ ? feed_->synced : 0;
    const FeedState next{state, std::max(micros_now(), last + 1)};
    Load load(connection_, states_);
    for (Work& each : work) {
      const std::string fold = fold_keys(each.staged);
      if (!fold.empty()) {
        load.execute(fold);
        const auto keys = connection_.query("SELECT count(*) FROM sluice_last");
        each.staged.each_key_once =
            static_cast<std::uint64_t>(keys.integer(0, 0)) == each.staged.rows;
      }
      for (const std::string& statement :
           feed::apply(target_of(each.next), each.staged, instant(next.synced)))
        load.execute(statement);
      const TableState& before = *known(each.buffer->table());
      if (before.json() != each.next.json())
        load.replace_state(each.buffer->table(), before, each.next);
      failpoint("feed-applied");
    }
    load.replace_feed(feed_, next);
    load.commit();
    feed_ = next;
    for (Work& each : work) {
      inventory_.states[each.buffer->table()] = std::move(each.next);
      each.buffer->clear();
    }
  }

  const FeedOptions& options_;
  sdk::Log& log_;
  const std::string catalog_;
  duck::Connection connection_;
  StateStore states_;
  Inventory inventory_;
  std::optional<FeedState> feed_;
  Session session_;
  std::vector<std::unique_ptr<ChangeBuffer>> buffers_;
  std::map<TableName, std::size_t> by_name_;  ///< folded
};

}  // namespace

Calls run(duck::Database& database, Destination& destination, sdk::Connector& connector,
          const sdk::Configuration& configuration, const FeedOptions& options, sdk::Log& log) {
  FeedRun operations(database, destination, options, log);
  operations.declare(connector.schema(configuration));
  connector.update(configuration, operations.state(), operations);
  const Calls calls = operations.finish();
  destination.finish();
  return calls;
}

}  // namespace sluice::feed
