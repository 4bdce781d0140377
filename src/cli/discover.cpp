// SPDX-License-Identifier: Apache-2.0
// `sluice discover` and `sluice preview`: looking at a source.
#include <unistd.h>

#include <algorithm>

#include "cli/commands.h"
#include "cli/json.h"
#include "cli/open.h"
#include "cli/pushed.h"
#include "cli/render.h"
#include "cli/text.h"
#include "connectors/registry.h"
#include "engine/decide.h"
#include "engine/select.h"
#include "feed/types.h"
#include "sluice/error.h"

namespace sluice::cli {
namespace {

const char* origin_word(KeyOrigin origin) {
  switch (origin) {
    case KeyOrigin::primary:
      return "primary key";
    case KeyOrigin::unique:
      return "unique index";
    case KeyOrigin::user:
      return "key: of the configuration";
    case KeyOrigin::none:
      break;
  }
  return "";
}

std::string key_text(const Table& table) {
  if (!table.has_key()) return "none";
  return joined(table.primary_key, ", ") + (table.key_origin == KeyOrigin::primary  ? ""
                                            : table.key_origin == KeyOrigin::unique ? " (unique)"
                                                                                    : " (chosen)");
}

std::string replication_text(const Table& table) {
  if (table.replication_key.empty()) return "none";
  return table.replication_key + (table.replication_key_indexed() ? "" : " (no index)");
}

const char* strategy_name(const Table& table, const TableOptions& options) {
  if (options.mode == Mode::append) return "append";
  switch (later_strategy(table, options)) {
    case Strategy::incremental:
      return "incremental";
    case Strategy::xmin:
      return "xmin";
    case Strategy::digest:
      return "digest";
    default:
      return "full";
  }
}

Json table_json(const Table& table, const char* strategy) {
  Json columns = Json::array();
  for (const Column& column : table.columns) {
    columns.push_back({{"name", column.name},
                       {"type", column.type},
                       {"source_type", column.source_type},
                       {"nullable", column.nullable}});
  }
  return {{"schema", table.name.schema},
          {"table", table.name.name},
          {"key", table.primary_key},
          {"key_origin", text_or_null(origin_word(table.key_origin))},
          {"replication_key", text_or_null(table.replication_key)},
          {"replication_key_indexed", table.replication_key_indexed()},
          {"rows", table.rows},
          {"bytes", table.bytes},
          {"strategy", strategy},
          {"columns", columns}};
}

/// Every way to read "a.b.c" as schema and name; one without a schema last.
std::vector<TableName> readings(const std::string& text) {
  std::vector<TableName> names;
  for (std::size_t dot = text.find('.'); dot != std::string::npos; dot = text.find('.', dot + 1)) {
    names.push_back({text.substr(0, dot), text.substr(dot + 1)});
  }
  names.push_back({"", text});
  return names;
}

Table resolved_table(Source& source, const std::string& text) {
  const auto named = readings(text);
  const Catalog catalog = source.discover(named);
  std::vector<std::string> close;
  std::vector<Table> bare;
  for (const Table& table : catalog.tables) {
    if (table.name.text() == text) return table;
    if (table.name.name == text) bare.push_back(table);
    close.push_back(table.name.text());
  }
  for (const Skipped& skipped : catalog.skipped) {
    if (skipped.name.text() == text)
      throw Error(Fault::permission, text + ": " + skipped.why, skipped.hint);
  }
  if (bare.size() == 1) return bare.front();
  if (bare.size() > 1)
    throw Error(Fault::config, text + " is in several schemas", "say schema.table");
  const std::string meant = did_you_mean(text, close);
  throw Error(Fault::config, "the source has no table " + text,
              meant.empty() ? "`sluice discover SOURCE` lists what is there" : meant);
}

Json declared_json(const sdk::TableSchema& table) {
  Json columns = Json::array();
  for (const auto& [column, type] : table.columns) {
    columns.push_back(
        {{"name", column}, {"type", feed::duck_type(type)}, {"source_type", feed::name(type)}});
  }
  return {{"schema", table.schema},
          {"table", table.name},
          {"key", table.primary_key},
          {"columns", columns}};
}

/// What a connector declares; other tables and columns come to be as it writes them.
int discover_pushed(const Connection& connection, const Output& output) {
  Pushed connector(connection);
  Grid grid(
      {{"table", Align::left, true}, {"key", Align::left, true}, {"columns", Align::left, true}});
  std::size_t shown = 0;
  for (const sdk::TableSchema& table : connector.schema()) {
    const TableName name{table.schema, table.name};
    if (!(connection.sync.tables.empty() || matches_any(connection.sync.tables, name)) ||
        matches_any(connection.sync.exclude, name))
      continue;
    ++shown;
    if (output.json) {
      print(json_line(declared_json(table)));
      continue;
    }
    std::vector<std::string> columns;
    for (const auto& [column, type] : table.columns)
      columns.push_back(column + " " + feed::duck_type(type));
    grid.row({name.text(), table.primary_key.empty() ? "none" : joined(table.primary_key, ", "),
              joined(columns, ", ")});
  }
  if (output.json) return 0;
  print((shown == 0 ? "" : grid.text(Screen::of(STDOUT_FILENO)) + "\n") + std::to_string(shown) +
        (shown == 1 ? " table is" : " tables are") +
        " declared; others come to be as the connector writes them\n");
  return 0;
}

}  // namespace

int discover(const SourceRequest& request) {
  const Connection connection = request.connection();
  if (is_pushed(connection)) return discover_pushed(connection, request.output);
  const Secret password = fetch_password(connection.password);
  duck::Database database = open_database(connection);
  const auto source = open_source(database, connection, password);
  const Catalog catalog = source->discover({});
  const auto& chosen = connection.sync;
  const auto wanted = [&](const TableName& name) {
    return (chosen.tables.empty() || matches_any(chosen.tables, name)) &&
           !matches_any(chosen.exclude, name);
  };
  Grid grid({{"table", Align::left, true},
             {"key", Align::left, true},
             {"replication key", Align::left, true},
             {"rows", Align::right, false},
             {"bytes", Align::right, false},
             {"later runs", Align::left, false}});
  std::size_t shown = 0;
  duck::Connection types = database.connect();
  for (const Table& found : catalog.tables) {
    if (!wanted(found.name)) continue;
    ++shown;
    const TableOptions options = options_of(chosen, found.name);
    const Table table = shaped(found, options, types);
    const char* strategy = strategy_name(table, options);
    if (request.output.json) {
      print(json_line(table_json(table, strategy)));
    } else {
      grid.row({table.name.text(), key_text(table), replication_text(table), compact(table.rows),
                human_bytes(table.bytes), strategy});
    }
  }
  const Screen screen = Screen::of(STDOUT_FILENO);
  std::string skipped;
  for (const Skipped& each : catalog.skipped) {
    if (!wanted(each.name)) continue;
    if (request.output.json) {
      print(json_line({{"schema", each.name.schema},
                       {"table", each.name.name},
                       {"skipped", each.why},
                       {"hint", text_or_null(each.hint)}}));
    }
    skipped += labelled(0, "skipped  ", Style::plain, each.name.text() + ": " + each.why, screen) +
               (each.hint.empty() ? "" : labelled(9, "hint: ", Style::plain, each.hint, screen));
  }
  if (request.output.json) return 0;
  print(grid.text(screen) + (skipped.empty() ? "" : "\n" + skipped) + "\n" + std::to_string(shown) +
        (shown == 1 ? " table" : " tables") + "; rows and bytes are the source's estimates\n");
  return 0;
}

int preview(const SourceRequest& request) {
  const Connection connection = request.connection();
  refuse_pushed(connection, "preview");
  const Secret password = fetch_password(connection.password);
  duck::Database database = open_database(connection);
  const auto source = open_source(database, connection, password);
  const Table table = resolved_table(*source, request.table);
  const Preview seen = sluice::preview(database, *source, table,
                                       options_of(connection.sync, table.name), request.rows);
  if (request.output.json) {
    for (const auto& row : seen.rows) {
      std::string line = "{";
      for (std::size_t i = 0; i < seen.columns.size(); ++i) {
        const Column& column = seen.columns[i];
        line += (i == 0 ? "" : ",") + json_value("VARCHAR", column.name) + ":" +
                (row[i] ? json_value(column.type, *row[i]) : "null");
      }
      print(line + "}\n");
    }
    return 0;
  }
  std::vector<Grid::Column> columns;
  std::vector<std::string> types;
  for (const Column& column : seen.columns) {
    columns.push_back({column.name, Align::left, true});
    types.push_back(column.type);
  }
  Grid grid(columns);
  grid.subheading(types);
  for (const auto& row : seen.rows) {
    std::vector<std::string> cells;
    for (const auto& cell : row) cells.push_back(cell.value_or("NULL"));
    grid.row(std::move(cells));
  }
  print(grid.text(Screen::of(STDOUT_FILENO)));
  return 0;
}

}  // namespace sluice::cli
