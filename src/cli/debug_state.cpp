// SPDX-License-Identifier: Apache-2.0
#include "cli/debug_state.h"

#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "cli/json.h"
#include "cli/open.h"
#include "engine/load.h"

namespace sluice::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFormat = "sluice";  // the member that says whose file it is, and which form
constexpr int kVersion = 1;

/// None: there is no such file.
std::optional<Json> read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::stringstream text;
  text << file.rdbuf();
  Json json = Json::parse(text.str(), nullptr, false);
  if (json.is_object()) return json;
  throw Error(Fault::config, path + " is no JSON object",
              "put it back, or delete it: then all is synced again");
}

/// Under a name that is free: "warehouse.fivetran.db", "warehouse.fivetran.2.db".
std::string keep_beside(const fs::path& path) {
  fs::path to;
  for (int i = 1; i == 1 || fs::exists(to); ++i) {
    to = path.parent_path() / (path.stem().string() + ".fivetran" +
                               (i == 1 ? "" : "." + std::to_string(i)) + path.extension().string());
  }
  fs::rename(path, to);
  return to.string();
}

/// The lower of two marks, as values of the type; none where either is none, or is no such value.
std::optional<std::string> lower_of(duck::Connection& connection,
                                    const std::optional<std::string>& one,
                                    const std::optional<std::string>& other,
                                    const std::string& type) {
  if (!one || !other) return std::nullopt;
  if (*one == *other) return one;
  const auto less = connection.query(
      "SELECT TRY_CAST($1 AS " + type + ") < TRY_CAST($2 AS " + type + ")", {*one, *other});
  if (less.null(0, 0)) return std::nullopt;
  return less.boolean(0, 0) ? one : other;
}

const Json* table_in(const Json& file, const TableName& name) {
  const auto schema = file.at("tables").find(name.schema);
  if (schema == file.at("tables").end() || !schema->is_object()) return nullptr;
  const auto table = schema->find(name.name);
  return table == schema->end() || !table->is_object() ? nullptr : &*table;
}

std::optional<std::string> mark_in(const Json& table) {
  const auto mark = table.find("cursor");
  if (mark == table.end() || !mark->is_string()) return std::nullopt;
  return mark->get<std::string>();
}

}  // namespace

bool is_state_file(const Json& json) {
  return json.is_object() && json.contains(kFormat) && json.contains("tables");
}

void replace_file(const std::string& path, const std::string& text) {
  const std::string fresh = path + ".new";
  std::ofstream file(fresh, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  failpoint("state-file");
  std::error_code problem;
  if (file) fs::rename(fresh, path, problem);
  if (file && !problem) return;
  throw Error(Fault::config, "cannot write " + path,
              "make room, or give yourself the right to write there");
}

Notes keep_foreign_files(const std::string& files) {
  Notes notes;
  const fs::path warehouse = fs::path(files) / "warehouse.db",
                 state = fs::path(files) / "state.json";
  if (fs::exists(warehouse) && !Looked("duckdb:" + warehouse.string()).known()) {
    const fs::path log = warehouse.string() + ".wal";
    const std::string kept = keep_beside(warehouse);
    if (fs::exists(log)) fs::rename(log, kept + ".wal");
    notes.push_back(warehouse.string() + " was not made by sluice: it is kept as " + kept +
                    ", and all is synced into a new one");
  }
  const auto json = read(state.string());
  if (json && !json->empty() && !is_state_file(*json) && !fs::exists(warehouse)) {
    const std::string kept = keep_beside(state);
    notes.push_back(state.string() +
                    " is of another warehouse, which proves nothing of this one: " +
                    "it is kept as " + kept + ", and all is synced");
  }
  return notes;
}

Notes StateFile::lower(duck::Connection& connection, const StateStore& states,
                       const std::string& from) {
  Notes notes;
  const auto known = states.tables(connection);
  const auto file = read(from);
  for (const auto& [name, state] : known) {
    if (state.options == kReset) continue;
    const Json* const table = file && is_state_file(*file) ? table_in(*file, name) : nullptr;
    if (table == nullptr) {
      states.reset(connection, name);
      notes.push_back(name.text() + " is not in " + from + ": it is synced again from the start");
      continue;
    }
    if (!state.cursor) continue;
    std::string type = "VARCHAR";
    for (const Column& column : state.columns) {
      if (column.name == state.replication_key) type = column.type;
    }
    const auto mark = lower_of(connection, state.cursor, mark_in(*table), type);
    if (mark == state.cursor) continue;
    TableState next = state;
    next.cursor = mark;
    Load load(connection, states);
    load.replace_state(name, state, next);
    load.commit();
    notes.push_back(name.text() + " goes on from " + mark.value_or("the start") + ", as " + from +
                    " says");
  }
  return notes;
}

void StateFile::write(duck::Connection& connection, const StateStore& states) {
  tables_.clear();
  for (auto& [name, state] : states.tables(connection)) tables_.emplace(name, std::move(state));
  replace();
}

void StateFile::write(duck::Connection& connection, const StateStore& states,
                      const TableName& table) {
  if (auto state = states.table(connection, table)) tables_[table] = std::move(*state);
  replace();
}

void StateFile::replace() const {
  Json json = {{kFormat, kVersion}, {"connector", connector_}, {"tables", Json::object()}};
  for (const auto& [name, state] : tables_) {
    Json& table = json["tables"][name.schema][name.name];
    table["table"] = state.target_name;
    if (!state.replication_key.empty()) table["replication_key"] = state.replication_key;
    table["cursor"] = state.cursor ? Json(*state.cursor) : Json();
  }
  replace_file(path_, json.dump(2) + "\n");
}

}  // namespace sluice::cli
