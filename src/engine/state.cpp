// SPDX-License-Identifier: Apache-2.0
#include "engine/state.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

namespace sluice {
namespace {

using Json = nlohmann::json;

Json column_json(const Column& column) {
  return {{"name", column.name},
          {"type", column.type},
          {"source_type", column.source_type},
          {"nullable", column.nullable},
          {"misfit", misfit_name(column.misfit)}};
}

Column parse_column(const Json& json) {
  Column column;
  column.name = json.at("name");
  column.type = json.at("type");
  column.source_type = json.at("source_type");
  column.nullable = json.at("nullable");
  const std::string misfit = json.at("misfit");
  column.misfit = misfit == "text" ? Misfit::text : misfit == "null" ? Misfit::null : Misfit::fail;
  return column;
}

Json optional_json(const std::optional<std::string>& text) {
  return text ? Json(*text) : Json(nullptr);
}

std::optional<std::string> parse_optional(const Json& json) {
  return json.is_null() ? std::nullopt : std::optional<std::string>(json.get<std::string>());
}

/// Without the target, which is in columns of its own.
Json copy_json(const Copy& copy) {
  Json json = {{"dropped", copy.dropped},
               {"primary_key", copy.primary_key},
               {"replication_key", copy.replication_key},
               {"options", copy.options},
               {"incarnation", copy.incarnation},
               {"columns", Json::array()}};
  for (const Column& column : copy.columns) json["columns"].push_back(column_json(column));
  return json;
}

void parse_copy(const Json& json, Copy& copy) {
  copy.dropped = json.at("dropped").get<std::vector<std::string>>();
  copy.primary_key = json.at("primary_key").get<std::vector<std::string>>();
  copy.replication_key = json.at("replication_key");
  copy.options = json.at("options");
  copy.incarnation = json.at("incarnation");
  for (const Json& each : json.at("columns")) copy.columns.push_back(parse_column(each));
}

Json loading_json(const Loading& loading) {
  Json json = copy_json(loading);
  json.update({{"target_schema", loading.target_schema},
               {"target_name", loading.target_name},
               {"hidden", loading.hidden},
               {"rows", loading.rows},
               {"todo", loading.todo},
               {"todo_rows", loading.todo_rows},
               {"todo_bytes", loading.todo_bytes},
               {"first_instant", loading.first_instant},
               {"mixed", loading.mixed},
               {"brake", loading.brake},
               {"until", optional_json(loading.until)},
               {"safe", optional_json(loading.safe)},
               {"witness", loading.witness}});
  if (!loading.horizon.empty()) json["horizon"] = loading.horizon;
  return json;
}

Loading parse_loading(const Json& json) {
  Loading loading;
  parse_copy(json, loading);
  loading.target_schema = json.at("target_schema");
  loading.target_name = json.at("target_name");
  loading.hidden = json.at("hidden");
  loading.rows = json.at("rows");
  loading.todo = json.at("todo").get<std::vector<std::string>>();
  loading.todo_rows = json.at("todo_rows").get<std::vector<std::uint64_t>>();
  loading.todo_bytes = json.at("todo_bytes").get<std::vector<std::uint64_t>>();
  loading.first_instant = json.at("first_instant");
  loading.mixed = json.at("mixed");
  loading.brake = json.at("brake");
  loading.until = parse_optional(json.at("until"));
  loading.safe = parse_optional(json.at("safe"));
  loading.witness = json.at("witness");
  loading.horizon = json.value("horizon", "");
  return loading;
}

}  // namespace

const char* misfit_name(Misfit misfit) {
  static constexpr std::array kNames{"text", "fail", "null"};
  return kNames.at(static_cast<std::size_t>(misfit));
}

// A state is replaced only where its text is still the one that was read, so what a parsed text
// gives is that text: a member that older versions do not have is left out where it is empty.
std::string TableState::json() const {
  Json json = copy_json(*this);
  json.update({{"live", live},
               {"cursor", optional_json(cursor)},
               {"last_full", last_full},
               {"last_delete_check", last_delete_check},
               {"in_flight", in_flight},
               {"pending", Json::array()}});
  for (const PendingMark& each : pending) {
    json["pending"].push_back({{"mark", each.mark}, {"witness", each.witness}});
  }
  if (!horizon.empty()) json["horizon"] = horizon;
  if (!instant.empty()) json["instant"] = instant;
  if (!digests.empty()) json["digests"] = digests;
  if (loading) json["loading"] = loading_json(*loading);
  return json.dump();
}

TableState TableState::parse(const std::string& text) {
  try {
    const Json json = Json::parse(text);
    TableState state;
    parse_copy(json, state);
    state.live = json.at("live");
    state.cursor = parse_optional(json.at("cursor"));
    state.last_full = json.at("last_full");
    state.last_delete_check = json.at("last_delete_check");
    state.in_flight = json.at("in_flight");
    for (const Json& each : json.at("pending")) {
      state.pending.push_back({each.at("mark"), each.at("witness")});
    }
    state.horizon = json.value("horizon", "");
    state.instant = json.value("instant", "");
    state.digests = json.value("digests", "");
    if (json.contains("loading")) state.loading = parse_loading(json.at("loading"));
    return state;
  } catch (const Json::exception& error) {
    throw Error(Fault::internal, std::string("the state is not readable: ") + error.what());
  }
}

TableState distrusted(TableState state) {
  state.incarnation.clear();
  state.horizon.clear();
  state.digests.clear();
  state.cursor.reset();
  state.pending.clear();
  state.loading.reset();
  state.last_full = state.last_delete_check = 0;
  return state;
}

namespace {

TableState readable(const TableName& table, const std::string& text) {
  try {
    return TableState::parse(text);
  } catch (const Error& error) {
    throw Error(error.fault(), table.text() + ": " + error.what(),
                "`sluice state reset " + table.argument() + " --yes`: the next run loads it anew");
  }
}

}  // namespace

std::string StateStore::sql_name(const std::string& name) const {
  return duck::quoted(catalog_) + ".\"_sluice\"." + duck::quoted(name);
}

void StateStore::open(duck::Connection& connection, Create create) {
  const auto there = connection.query(
      "SELECT count(*) FILTER (table_name = 'meta'), count(*) FILTER (table_name = 'digests') FROM "
      "duckdb_tables() WHERE database_name = ? AND schema_name = '_sluice'",
      {catalog_});
  present_ = there.integer(0, 0) > 0;
  const auto create_digests = [&] {
    connection.query(
        "CREATE TABLE " + sql_name("digests") +
        " (connection VARCHAR NOT NULL, source_schema VARCHAR NOT NULL, source_table VARCHAR NOT "
        "NULL, bucket BIGINT NOT NULL, n BIGINT NOT NULL, s HUGEINT NOT NULL)");
  };
  if (present_) {
    const auto version =
        connection.query("SELECT value FROM " + sql_name("meta") + " WHERE key = 'version'");
    if (version.rows() == 0 || version.text(0, 0) == std::to_string(kVersion)) {
      // They came after the other tables.
      if (there.integer(0, 1) == 0 && create == Create::yes) create_digests();
      return;
    }
    throw Error(Fault::config,
                "the destination's _sluice tables are of version " + version.text(0, 0) +
                    ", this sluice knows " + std::to_string(kVersion),
                "use the newer sluice that wrote them");
  }
  if (create == Create::no) return;
  duck::Transaction transaction(connection);
  connection.query("CREATE SCHEMA IF NOT EXISTS " + duck::quoted(catalog_) + ".\"_sluice\"");
  connection.query("CREATE TABLE " + sql_name("meta") +
                   " (key VARCHAR NOT NULL, value VARCHAR NOT NULL)");
  connection.query(
      "CREATE TABLE " + sql_name("state") +
      " (connection VARCHAR NOT NULL, source_schema VARCHAR NOT NULL, source_table VARCHAR NOT "
      "NULL,"
      " target_schema VARCHAR NOT NULL, target_table VARCHAR NOT NULL, state VARCHAR NOT NULL,"
      " changed_at TIMESTAMPTZ NOT NULL)");
  connection.query(
      "CREATE TABLE " + sql_name("runs") +
      " (run_id VARCHAR NOT NULL, connection VARCHAR NOT NULL, source VARCHAR NOT NULL,"
      " started_at TIMESTAMPTZ NOT NULL, finished_at TIMESTAMPTZ, exit_code INTEGER, error VARCHAR,"
      " version VARCHAR NOT NULL)");
  connection.query(
      "CREATE TABLE " + sql_name("run_tables") +
      " (run_id VARCHAR NOT NULL, source_schema VARCHAR NOT NULL, source_table VARCHAR NOT NULL,"
      " target VARCHAR NOT NULL, outcome VARCHAR NOT NULL, strategy VARCHAR NOT NULL,"
      " guarantee VARCHAR NOT NULL, rows_read UBIGINT, rows_inserted UBIGINT, rows_updated UBIGINT,"
      " rows_deleted UBIGINT, misfits UBIGINT, bytes_read UBIGINT, seconds DOUBLE, instant VARCHAR,"
      " until VARCHAR, notes VARCHAR[], error VARCHAR, hint VARCHAR)");
  create_digests();
  connection.query("INSERT INTO " + sql_name("meta") + " VALUES ('version', '" +
                   std::to_string(kVersion) + "')");
  transaction.commit();
  present_ = true;
}

std::string StateStore::digests_of(const TableName& name) const {
  return "connection = " + duck::literal(connection_) +
         " AND source_schema = " + duck::literal(name.schema) +
         " AND source_table = " + duck::literal(name.name);
}

std::vector<std::pair<TableName, TableState>> StateStore::tables(
    duck::Connection& connection) const {
  if (!present_) return {};
  const auto rows = connection.query(
      "SELECT source_schema, source_table, target_schema, target_table, state FROM " +
          sql_name("state") + " WHERE connection = ? ORDER BY ALL",
      {connection_});
  std::vector<std::pair<TableName, TableState>> states;
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    const TableName name{rows.text(i, 0), rows.text(i, 1)};
    TableState state = readable(name, rows.text(i, 4));
    state.target_schema = rows.text(i, 2);
    state.target_name = rows.text(i, 3);
    states.emplace_back(name, std::move(state));
  }
  return states;
}

std::optional<TableState> StateStore::table(duck::Connection& connection,
                                            const TableName& name) const {
  if (!present_) return std::nullopt;
  const auto rows =
      connection.query("SELECT target_schema, target_table, state FROM " + sql_name("state") +
                           " WHERE connection = ? AND source_schema = ? AND source_table = ?",
                       {connection_, name.schema, name.name});
  if (rows.rows() == 0) return std::nullopt;
  TableState state = readable(name, rows.text(0, 2));
  state.target_schema = rows.text(0, 0);
  state.target_name = rows.text(0, 1);
  return state;
}

TableName Inventory::folded(const std::string& schema, const std::string& name) {
  return {duck::folded(schema), duck::folded(name)};
}

Inventory StateStore::inventory(duck::Connection& connection) const {
  Inventory inventory;
  const auto there = connection.query(
      "SELECT schema_name, table_name, false FROM duckdb_tables() WHERE database_name = $1 UNION "
      "ALL SELECT schema_name, view_name, true FROM duckdb_views() WHERE database_name = $1",
      {catalog_});
  for (std::size_t i = 0; i < there.rows(); ++i) {
    const TableName name = Inventory::folded(there.text(i, 0), there.text(i, 1));
    inventory.present.insert(name);
    if (there.boolean(i, 2)) inventory.views.insert(name);
  }
  for (auto& [name, state] : tables(connection)) inventory.states.emplace(name, std::move(state));
  if (!present_) return inventory;
  const auto owned = connection.query(
      "SELECT target_schema, target_table, connection || ': ' || CASE WHEN source_schema = '' THEN "
      "'' ELSE source_schema || '.' END || source_table FROM " +
      sql_name("state"));
  for (std::size_t i = 0; i < owned.rows(); ++i) {
    inventory.owners.emplace(Inventory::folded(owned.text(i, 0), owned.text(i, 1)),
                             owned.text(i, 2));
  }
  const auto runs = connection.query(
      "SELECT count(*) FROM " + sql_name("runs") + " WHERE connection = $1", {connection_});
  inventory.runs = static_cast<std::uint64_t>(runs.integer(0, 0));
  return inventory;
}

void StateStore::replace(duck::Connection& connection, const TableName& name,
                         const std::optional<TableState>& expected, const TableState& next) const {
  const auto conflict = [&] {
    return Error(Fault::conflict, name.text() + ": the state changed while this run was working");
  };
  if (!expected) {
    const auto inserted = connection.query(
        "INSERT INTO " + sql_name("state") +
            " SELECT ?, ?, ?, ?, ?, ?, now() WHERE NOT EXISTS (FROM " + sql_name("state") +
            " WHERE connection = ? AND source_schema = ? AND source_table = ?)",
        {connection_, name.schema, name.name, next.target_schema, next.target_name, next.json(),
         connection_, name.schema, name.name});
    if (inserted.changed() != 1) throw conflict();
    return;
  }
  const auto updated = connection.query(
      "UPDATE " + sql_name("state") +
          " SET state = ?, target_schema = ?, target_table = ?, changed_at = now()"
          " WHERE connection = ? AND source_schema = ? AND source_table = ? AND state = ?",
      {next.json(), next.target_schema, next.target_name, connection_, name.schema, name.name,
       expected->json()});
  if (updated.changed() != 1) throw conflict();
}

std::optional<FeedState> StateStore::feed(duck::Connection& connection) const {
  const std::string text = meta(connection, "feed of " + connection_);
  if (text.empty()) return std::nullopt;
  try {
    const Json json = Json::parse(text);
    FeedState feed{json.at("state"), json.at("synced")};
    if (json.contains("settings"))
      feed.settings = json.at("settings").get<std::map<std::string, std::string>>();
    return feed;
  } catch (const Json::exception& error) {
    throw Error(Fault::internal,
                connection_ + ": the connector's state is not readable: " + error.what());
  }
}

void StateStore::replace_feed(duck::Connection& connection,
                              const std::optional<FeedState>& expected,
                              const FeedState& next) const {
  if (feed(connection) != expected) {
    throw Error(Fault::conflict,
                connection_ + ": the connector's state changed while this run was working");
  }
  Json json{{"state", next.state}, {"synced", next.synced}};
  if (next.settings) json["settings"] = *next.settings;
  set_meta(connection, "feed of " + connection_, json.dump());
}

std::vector<TableName> StateStore::names(duck::Connection& connection) const {
  if (!present_) return {};
  const auto rows = connection.query("SELECT source_schema, source_table FROM " +
                                         sql_name("state") + " WHERE connection = ? ORDER BY ALL",
                                     {connection_});
  std::vector<TableName> names;
  for (std::size_t i = 0; i < rows.rows(); ++i) names.push_back({rows.text(i, 0), rows.text(i, 1)});
  return names;
}

void StateStore::reset(duck::Connection& connection, const TableName& name) const {
  TableState blank;
  blank.live = true;
  blank.options = kReset;
  connection.query("UPDATE " + sql_name("state") +
                       " SET state = ?, changed_at = now() WHERE connection = ? AND source_schema ="
                       " ? AND source_table = ?",
                   {blank.json(), connection_, name.schema, name.name});
}

std::string StateStore::meta(duck::Connection& connection, const std::string& key) const {
  if (!present_) return {};
  const auto rows =
      connection.query("SELECT value FROM " + sql_name("meta") + " WHERE key = ?", {key});
  return rows.rows() == 0 ? std::string() : rows.text(0, 0);
}

void StateStore::set_meta(duck::Connection& connection, const std::string& key,
                          const std::string& value) const {
  connection.query("DELETE FROM " + sql_name("meta") + " WHERE key = ?", {key});
  connection.query("INSERT INTO " + sql_name("meta") + " VALUES (?, ?)", {key, value});
}

void StateStore::claim(duck::Connection& connection) {
  const std::string mine = connection.query("SELECT uuid()::VARCHAR").text(0, 0);
  duck::Transaction transaction(connection);
  set_meta(connection, "run of " + connection_, mine);
  transaction.commit();
  claim_ = mine;
}

// Two that claim it for the first time leave two rows, and neither has it.
void StateStore::hold(duck::Connection& connection) const {
  if (claim_.empty()) return;
  const auto claims =
      connection.query("SELECT count(*), min(value) FROM " + sql_name("meta") + " WHERE key = ?",
                       {"run of " + connection_});
  if (claims.integer(0, 0) == 1 && claims.optional(0, 1) == claim_) return;
  throw Error(Fault::busy,
              "another run of connection " + connection_ + " has begun to write to " + catalog_,
              "let one run end before the next begins; what is committed stays");
}

std::set<TableName> StateStore::known(duck::Connection& connection) const {
  std::set<TableName> tables;
  const std::string text = meta(connection, "tables of " + connection_);
  if (text.empty()) return tables;
  try {
    const Json list = Json::parse(text);
    for (const Json& each : list) tables.insert({each.at(0), each.at(1)});
  } catch (const Json::exception&) {
    // Then those with a state are known.
  }
  return tables;
}

void StateStore::remember_known(duck::Connection& connection,
                                const std::set<TableName>& tables) const {
  if (tables == known(connection)) return;
  Json list = Json::array();
  for (const TableName& each : tables) list.push_back({each.schema, each.name});
  duck::Transaction transaction(connection);
  set_meta(connection, "tables of " + connection_, list.dump());
  transaction.commit();
}

std::string StateStore::source(duck::Connection& connection) const {
  return meta(connection, "source of " + connection_);
}

bool StateStore::set_back(duck::Connection& connection,
                          std::optional<std::int64_t> position) const {
  const std::string before = meta(connection, "position of " + connection_);
  std::int64_t number = 0;
  std::from_chars(before.data(), before.data() + before.size(), number);
  return position && *position < number;
}

void StateStore::set_source(duck::Connection& connection, const std::string& identity,
                            std::optional<std::int64_t> position) const {
  const std::string before = source(connection);
  const std::string now = position ? std::to_string(*position) : std::string();
  if (before == identity && meta(connection, "position of " + connection_) == now) return;
  const bool another = !before.empty() && before != identity;
  duck::Transaction transaction(connection);
  if (another || set_back(connection, position)) distrust(connection);
  set_meta(connection, "source of " + connection_, identity);
  set_meta(connection, "position of " + connection_, now);
  transaction.commit();
}

void StateStore::distrust(duck::Connection& connection) const {
  for (const auto& [name, state] : tables(connection)) {
    replace(connection, name, state, distrusted(state));
  }
}

}  // namespace sluice
