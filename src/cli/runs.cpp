// SPDX-License-Identifier: Apache-2.0
// `sluice runs`: the history in the destination, or in its log while a sync holds the file.
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "cli/commands.h"
#include "cli/history.h"
#include "cli/json.h"
#include "cli/open.h"
#include "cli/render.h"
#include "cli/text.h"
#include "connectors/registry.h"
#include "sluice/error.h"

namespace sluice::cli {
namespace {

std::string whole(const std::string& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

std::string at_utc(const std::string& column) {
  return "strftime(" + column + " AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M:%S')";
}

/// What counts something is a number; where it says why there is none, null.
Json result_json(const duck::Result& rows, std::size_t row) {
  static const std::set<std::string> numbers{"exit",     "seconds", "tables",  "read",    "written",
                                             "inserted", "updated", "deleted", "misfits", "bytes"};
  Json json = Json::object();
  for (std::size_t i = 0; i < rows.columns(); ++i) {
    Json value = rows.null(row, i) ? Json(nullptr) : Json(rows.text(row, i));
    if (numbers.contains(rows.name(i)) && value.is_string()) {
      const Json number = Json::parse(rows.text(row, i), nullptr, false);
      value = number.is_number() ? number : Json(nullptr);
    }
    json[rows.name(i)] = std::move(value);
  }
  return json;
}

Grid grid_of(const duck::Result& rows, std::vector<Grid::Column> columns) {
  Grid grid(std::move(columns));
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    std::vector<std::string> cells;
    for (std::size_t j = 0; j < rows.columns(); ++j)
      cells.push_back(rows.optional(i, j).value_or(""));
    grid.row(std::move(cells));
  }
  return grid;
}

std::string only(const std::string& name) {
  return name.empty() ? "true" : "connection = " + duck::literal(name);
}

/// How old each connection's copy is: the age of its last run that ended well.
std::string ages(Looked& looked, const std::string& name) {
  const auto rows = looked.connection().query(
      "SELECT connection, max(epoch(finished_at)) FILTER (exit_code = 0), epoch(now()) FROM " +
      looked.table("runs") + " WHERE " + only(name) + " GROUP BY connection ORDER BY connection");
  std::string text;
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    text +=
        "last run of " + rows.text(i, 0) + " without a failure: " +
        (rows.null(i, 1)
             ? std::string("never")
             : human_seconds(std::stod(rows.text(i, 2)) - std::stod(rows.text(i, 1))) + " ago") +
        "\n";
  }
  return text;
}

void from_destination(Looked& looked, const std::string& name, const HistoryRequest& request) {
  const auto rows = looked.connection().query(
      "SELECT r.run_id AS run, r.connection, " + at_utc("r.started_at") +
      " AS started, CASE WHEN r.finished_at IS NULL THEN 'cut off' ELSE r.exit_code::VARCHAR END "
      "AS exit,"
      " round(epoch(r.finished_at) - epoch(r.started_at), 1)::VARCHAR AS seconds,"
      " count(t.run_id) AS tables, coalesce(sum(t.rows_read), 0)::VARCHAR AS read,"
      " coalesce(sum(t.rows_inserted + t.rows_updated + t.rows_deleted), 0)::VARCHAR AS written, "
      "r.error FROM " +
      looked.table("runs") + " r LEFT JOIN " + looked.table("run_tables") +
      " t USING (run_id) WHERE " + only(name) + " GROUP BY ALL ORDER BY r.run_id DESC LIMIT " +
      std::to_string(request.limit));
  if (request.output.json) {
    for (std::size_t i = 0; i < rows.rows(); ++i) print(json_line(result_json(rows, i)));
    return;
  }
  const Grid grid = grid_of(rows, {{"run", Align::left, false},
                                   {"connection", Align::left, true},
                                   {"started (UTC)", Align::left, false},
                                   {"exit", Align::right, false},
                                   {"seconds", Align::right, false},
                                   {"tables", Align::right, false},
                                   {"read", Align::right, false},
                                   {"written", Align::right, false},
                                   {"error", Align::left, true}});
  print(grid.text(Screen::of(STDOUT_FILENO)) + "\n" + ages(looked, name));
}

/// Whether the process is there; on another machine it never is.
bool lives(long pid) { return kill(static_cast<pid_t>(pid), 0) == 0 || errno == EPERM; }

void from_log(const std::string& file, const HistoryRequest& request) {
  auto runs = logged_runs(whole(file + ".sluice.log.1") + whole(file + ".sluice.log"));
  if (runs.size() > request.limit) {
    runs.erase(runs.begin(), runs.end() - static_cast<std::ptrdiff_t>(request.limit));
  }
  Grid grid({{"started (UTC)", Align::left, false},
             {"connection", Align::left, true},
             {"exit", Align::right, false},
             {"done", Align::right, false},
             {"failed", Align::right, false},
             {"now at, or error", Align::left, true}});
  for (auto run = runs.rbegin(); run != runs.rend(); ++run) {
    if (request.output.json) {
      print(json_line({{"run", text_or_null(run->run)},
                       {"connection", run->connection},
                       {"started", run->started},
                       {"exit", run->ended ? Json(run->exit_code) : Json(nullptr)},
                       {"done", run->tables_done},
                       {"failed", run->tables_failed},
                       {"current", text_or_null(run->current)},
                       {"error", text_or_null(run->error)}}));
    } else {
      grid.row({run->started.substr(0, 19), run->connection,
                run->ended        ? std::to_string(run->exit_code)
                : lives(run->pid) ? "running"
                                  : "cut off",
                std::to_string(run->tables_done), std::to_string(run->tables_failed),
                run->ended ? run->error : run->current});
    }
  }
  if (!request.output.json) {
    print(file + " is open in another program; this is from its log.\n\n" +
          grid.text(Screen::of(STDOUT_FILENO)));
  }
}

void no_runs(const std::string& place, const HistoryRequest& request) {
  if (!request.output.json) print("sluice has not run on " + place + "\n");
}

}  // namespace

std::vector<LoggedRun> logged_runs(const std::string& text) {
  std::vector<LoggedRun> runs;
  std::map<long, std::size_t> open;                          // process -> its run
  std::map<std::size_t, std::map<std::string, bool>> ended;  // by run: tables, and whether well
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const Json json = Json::parse(line, nullptr, false);
    if (!json.is_object() || !json.contains("event") || !json["event"].is_string()) continue;
    const std::string event = json["event"];
    const long pid = json.value("pid", 0L);
    if (event == "run_started") {
      open[pid] = runs.size();
      runs.push_back({});
      runs.back().started = json.value("time", "");
      runs.back().connection = json.value("connection", "");
      runs.back().pid = pid;
      runs.back().source = json.value("source", "");
      runs.back().run = json.value("run", "");
      continue;
    }
    if (event == "run_failed" && !open.contains(pid)) {  // refused before it began
      open[pid] = runs.size();
      runs.push_back({});
      runs.back().started = json.value("time", "");
      runs.back().connection = json.value("connection", "");
    }
    const auto found = open.find(pid);
    if (found == open.end()) continue;
    LoggedRun& run = runs[found->second];
    const std::string table = json.value("schema", "") + "." + json.value("table", "");
    if (event == "table_started") run.current = table;
    if (event == "table_finished") {
      if (run.current == table) run.current.clear();
      const std::string outcome = json.value("outcome", "");
      auto& tables = ended[found->second];
      tables[table] = outcome == "done" || outcome == "unchanged";  // the last attempt counts
      run.tables_done = static_cast<std::size_t>(
          std::ranges::count_if(tables, [](const auto& each) { return each.second; }));
      run.tables_failed = tables.size() - run.tables_done;
    }
    if (event == "run_finished" || event == "run_failed") {
      run.ended = true;
      run.run = json.value("run", run.run);
      run.exit_code = json.value("exit_code", 1);
      run.error = json.value("error", "");
      open.erase(found);
    }
  }
  return runs;
}

int runs(const HistoryRequest& request) {
  for (const auto& [name, place] : request.places()) {
    try {
      Looked looked(place);
      if (looked.known()) {
        from_destination(looked, name, request);
      } else {
        no_runs(place, request);
      }
    } catch (const Error& error) {
      const auto file = local_file(place);
      if (error.fault() != Fault::busy || !file) throw;
      from_log(*file, request);
    }
  }
  return 0;
}

int runs_show(const HistoryRequest& request) {
  for (const auto& [name, place] : request.places()) {
    Looked looked(place);
    if (!looked.known()) continue;
    const auto run = looked.connection().query(
        "SELECT run_id, connection, source, " + at_utc("started_at") + " AS started, " +
            at_utc("finished_at") +
            " AS finished, exit_code::VARCHAR AS exit, error, version FROM " +
            looked.table("runs") + " WHERE run_id = ? AND " + only(name),
        {request.run});
    if (run.rows() == 0) continue;
    const auto tables = looked.connection().query(
        "SELECT source_schema || '.' || source_table AS \"table\", target, outcome, strategy, "
        "guarantee AS class,"
        " rows_read AS read, rows_inserted AS inserted, rows_updated AS updated, rows_deleted AS "
        "deleted,"
        " misfits, bytes_read AS bytes, round(seconds, 1) AS seconds, instant, until,"
        " array_to_string(notes, '; ') AS notes, error, hint FROM " +
            looked.table("run_tables") + " WHERE run_id = ? ORDER BY 1",
        {request.run});
    if (request.output.json) {
      print(json_line(result_json(run, 0)));
      for (std::size_t i = 0; i < tables.rows(); ++i) print(json_line(result_json(tables, i)));
      return 0;
    }
    const Screen screen = Screen::of(STDOUT_FILENO);
    std::string text;
    for (std::size_t i = 0; i < run.columns(); ++i) {
      if (!run.null(0, i))
        text += labelled(0, left(run.name(i), 12), Style::plain, run.text(0, i), screen);
    }
    // One block a table: a receipt has more to say than a line holds.
    for (std::size_t row = 0; row < tables.rows(); ++row) {
      text += "\n" + styled(tables.text(row, 0), Style::bold, screen.color) + "\n";
      for (std::size_t i = 1; i < tables.columns(); ++i) {
        const std::string value = tables.optional(row, i).value_or("");
        if (!value.empty() && !(value == "0" && i >= 5))
          text += labelled(2, left(tables.name(i), 12), Style::plain, value, screen);
      }
    }
    print(text);
    return 0;
  }
  throw Error(Fault::config, "there is no run " + request.run, "`sluice runs` lists them");
}

}  // namespace sluice::cli
