// SPDX-License-Identifier: Apache-2.0
// `sluice state`: what each table's next run starts from.
#include "engine/state.h"

#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "cli/commands.h"
#include "cli/json.h"
#include "cli/open.h"
#include "cli/render.h"
#include "cli/text.h"
#include "connectors/registry.h"
#include "engine/select.h"
#include "sluice/error.h"

namespace sluice::cli {
namespace {

std::vector<std::string> connections_in(duck::Connection& connection, const std::string& table,
                                        const std::string& name) {
  if (!name.empty()) return {name};
  const auto rows = connection.query("SELECT DISTINCT connection FROM " + table + " ORDER BY 1");
  std::vector<std::string> names;
  for (std::size_t i = 0; i < rows.rows(); ++i) names.push_back(rows.text(i, 0));
  return names;
}

std::string date(std::int64_t seconds) {
  if (seconds == 0) return "never";
  const auto time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M", &parts);
  return text;
}

std::string progress(const TableState& state) {
  if (state.loading) return "loading, " + with_commas(state.loading->rows) + " rows in";
  return state.live ? "live" : "to be loaded";
}

}  // namespace

int state_show(const HistoryRequest& request) {
  struct Line {
    std::string connection, table, target;
    TableState state;
  };
  std::vector<Line> lines;
  std::string feeds;
  for (const auto& [wanted, place] : request.places()) {
    Looked looked(place);
    if (!looked.known()) continue;
    for (const std::string& name :
         connections_in(looked.connection(), looked.table("state"), wanted)) {
      StateStore store(looked.catalog(), name);
      store.open(looked.connection(), StateStore::Create::no);
      for (const auto& [table, state] : store.tables(looked.connection())) {
        const std::string target = state.target_schema + "." + state.target_name;
        lines.push_back({name, table.text(), target, state});
        if (!request.output.json) continue;
        print(json_line({{"connection", name},
                         {"schema", table.schema},
                         {"table", table.name},
                         {"target", target},
                         {"state", Json::parse(state.json())}}));
      }
      if (const auto feed = store.feed(looked.connection())) {
        feeds += name + " goes on from " + feed->state + "\n";
        if (request.output.json)
          print(json_line({{"connection", name}, {"connector", Json::parse(feed->state)}}));
      }
    }
  }
  if (request.output.json) return 0;
  // What is the same on every line, or says what another column says, is left out.
  const bool several = std::ranges::any_of(
      lines, [&](const Line& line) { return line.connection != lines.front().connection; });
  const bool renamed =
      std::ranges::any_of(lines, [](const Line& line) { return line.target != line.table; });
  std::vector<Grid::Column> columns{{"table", Align::left, true}};
  if (several) columns.insert(columns.begin(), {"connection", Align::left, true});
  if (renamed) columns.push_back({"target", Align::left, true});
  for (const char* heading : {"state", "replication key", "safe mark", "compared whole"})
    columns.push_back({heading, Align::left, heading != std::string_view("state")});
  Grid grid(std::move(columns));
  for (const Line& line : lines) {
    std::vector<std::string> cells{line.table};
    if (several) cells.insert(cells.begin(), line.connection);
    if (renamed) cells.push_back(line.target);
    for (const std::string& cell : {progress(line.state), line.state.replication_key,
                                    line.state.cursor.value_or(""), date(line.state.last_full)})
      cells.push_back(cell);
    grid.row(std::move(cells));
  }
  if (!grid.empty()) print(grid.text(Screen::of(STDOUT_FILENO)));
  print(grid.empty() && feeds.empty() ? "no state yet\n" : feeds);
  return 0;
}

int state_reset(const HistoryRequest& request) {
  std::size_t found = 0;
  for (const auto& [wanted, place] : request.places()) {
    const auto file = local_file(place);
    if (file && ::access(file->c_str(), F_OK) != 0) {
      throw Error(Fault::config, "there is no file " + *file, "--destination FILE names it");
    }
    Connection settings;
    settings.destination = place;
    duck::Database database = open_database(settings);
    const auto destination = open_destination(database, settings);
    duck::Connection connection = database.connect();
    const StateStore any(destination->catalog(), "");
    for (const std::string& name : connections_in(connection, any.sql_name("state"), wanted)) {
      StateStore store(destination->catalog(), name);
      store.open(connection, StateStore::Create::no);
      const auto feed = store.feed(connection);
      for (const TableName& table : store.names(connection)) {
        if (!request.tables.empty() && !matches_any(request.tables, table)) continue;
        ++found;
        if (!request.yes) {
          print("would reset " + name + ": " + table.text() + "\n");
          continue;
        }
        duck::Transaction transaction(connection);
        store.reset(connection, table);
        transaction.commit();
        print("reset " + name + ": " + table.text() + "\n");
      }
      if (feed && request.tables.empty()) {
        ++found;
        print((request.yes ? "reset " : "would reset ") + name + ": the connector's state\n");
        if (!request.yes) continue;
        duck::Transaction transaction(connection);
        store.replace_feed(connection, feed, {FeedState().state, feed->synced});
        transaction.commit();
      }
    }
    if (request.yes) destination->finish();
  }
  if (found == 0)
    throw Error(Fault::config, "no table of the state fits", "`sluice state show` lists them");
  if (!request.yes) {
    throw Error(Fault::config, "nothing was reset",
                "--yes resets: the next sync loads these tables anew, behind the old copies; a "
                "connector that pushes starts over, and they are made anew at its first "
                "checkpoint");
  }
  return 0;
}

}  // namespace sluice::cli
