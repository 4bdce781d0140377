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
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
  return text;
}

std::string progress(const TableState& state) {
  if (state.loading) return "loading, " + with_commas(state.loading->rows) + " rows in";
  return state.live ? "live" : "to be loaded";
}

}  // namespace

int state_show(const HistoryRequest& request) {
  Grid grid({{"connection", Align::left, true},
             {"table", Align::left, true},
             {"target", Align::left, true},
             {"state", Align::left, false},
             {"replication key", Align::left, true},
             {"safe mark", Align::left, false},
             {"compared whole", Align::left, false}});
  for (const auto& [wanted, place] : request.places()) {
    Looked looked(place);
    if (!looked.known()) continue;
    for (const std::string& name :
         connections_in(looked.connection(), looked.table("state"), wanted)) {
      StateStore store(looked.catalog(), name);
      store.open(looked.connection(), StateStore::Create::no);
      for (const auto& [table, state] : store.tables(looked.connection())) {
        const std::string target = state.target_schema + "." + state.target_name;
        if (request.output.json) {
          Json json = {{"connection", name},
                       {"schema", table.schema},
                       {"table", table.name},
                       {"target", target}};
          json["state"] = Json::parse(state.json());
          print(json_line(json));
        } else {
          grid.row({name, table.text(), target, progress(state), state.replication_key,
                    state.cursor.value_or(""), date(state.last_full)});
        }
      }
    }
  }
  if (!request.output.json)
    print(grid.empty() ? "no state yet\n" : grid.text(Screen::of(STDOUT_FILENO)));
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
    }
    if (request.yes) destination->finish();
  }
  if (found == 0)
    throw Error(Fault::config, "no table of the state fits", "`sluice state show` lists them");
  if (!request.yes) {
    throw Error(Fault::config, "nothing was reset",
                "--yes resets: the next sync loads these tables anew, behind the old copies");
  }
  return 0;
}

}  // namespace sluice::cli
