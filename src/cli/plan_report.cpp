// SPDX-License-Identifier: Apache-2.0
#include "cli/plan_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/report.h"
#include "cli/text.h"
#include "connectors/registry.h"

namespace sluice::cli {
namespace {

/// Columns that say what is the same for all tables, or nothing, are left out.
Grid plans_grid(const std::vector<TablePlan>& plans) {
  const bool renamed = std::ranges::any_of(plans, [](const TablePlan& plan) {
    return !plan.target.empty() && plan.target != plan.table.name.text();
  });
  const bool deletes =
      std::ranges::any_of(plans, [](const TablePlan& plan) { return plan.deletes.has_value(); });
  std::vector<Grid::Column> columns{{"table", Align::left, true}};
  if (renamed) columns.push_back({"target", Align::left, true});
  columns.push_back({"strategy", Align::left, false});
  columns.push_back({"rows", Align::right, false});
  columns.push_back({"bytes", Align::right, false});
  if (deletes) columns.push_back({"deletes", Align::right, false});
  columns.push_back({"why", Align::left, true});
  Grid grid(std::move(columns));
  for (const TablePlan& plan : plans) {
    std::vector<std::string> cells{plan.table.name.text()};
    if (renamed) cells.push_back(plan.target);
    cells.push_back(plan.error.empty() ? plan.strategy : "refused");
    cells.push_back(with_commas(plan.rows));
    cells.push_back(plan.bytes == 0 ? "" : human_bytes(plan.bytes));
    if (deletes) cells.push_back(plan.deletes ? "about " + compact(*plan.deletes) : "");
    cells.push_back(plan.why);
    grid.row(std::move(cells));
  }
  return grid;
}

/// Texts with the tables that each is said of.
class Said {
 public:
  void add(const std::string& text, const std::string& table) {
    auto found = std::ranges::find(said_, text, &decltype(said_)::value_type::first);
    if (found == said_.end()) found = said_.insert(found, {text, {}});
    found->second.push_back(table);
  }
  std::string lines(const std::string& label, const Screen& screen) const {
    std::string all;
    for (const auto& [text, tables] : said_)
      all += labelled(0, label, Style::dim, names_of(tables) + ": " + text, screen);
    return all;
  }

 private:
  std::vector<std::pair<std::string, std::vector<std::string>>> said_;
};

/// How the source is read, tables that are read alike together.
std::string reads_text(const std::vector<TablePlan>& plans, const Screen& screen) {
  Said ways;
  for (const TablePlan& plan : plans) {
    if (!plan.reads.empty()) ways.add(plan.reads, plan.table.name.text());
  }
  return ways.lines("reads  ", screen);
}

std::string snapshot_text(const Forecast& total, const Connection& connection) {
  constexpr double kLong = 30;
  const double seconds = total.snapshot_seconds;
  if (local_file(connection.source) || (!total.by_earlier_runs && seconds <= kLong)) return {};
  const bool per_table = connection.sync.snapshot_per_table;
  std::string text =
      fmt::format("{} held for about {} ({})", per_table ? "a snapshot is" : "one snapshot is",
                  human_seconds(seconds),
                  total.by_earlier_runs ? "as earlier runs took" : "at 50 MB/s, a guess");
  if (seconds > kLong) {
    text += ": vacuum at the source waits that long";
    if (!per_table) text += "; --snapshot=table holds one per table";
  }
  return text;
}

}  // namespace

Forecast forecast(const std::vector<TablePlan>& plans, const Connection& connection) {
  // What one busy core of a server delivers.
  constexpr double kGuessedSpeed = 50'000'000;
  constexpr std::uint64_t kNoTime = 1'000'000;  // bytes that make no difference
  Forecast total;
  double sum = 0, longest = 0;
  std::size_t tables = 0, known = 0, guessed = 0;
  for (const TablePlan& plan : plans) {
    total.rows += plan.rows;
    total.bytes += plan.bytes;
    total.deletes += plan.deletes.value_or(0);
    if (plan.reads.empty()) continue;
    ++tables;
    known += plan.seconds ? 1 : 0;
    guessed += !plan.seconds && plan.bytes > kNoTime ? 1 : 0;
    total.connections += plan.connections;
    const double seconds = plan.seconds.value_or(static_cast<double>(plan.bytes) / kGuessedSpeed);
    sum += seconds;
    longest = std::max(longest, seconds);
  }
  const std::size_t readers = readers_of(connection.sync);
  total.connections = std::min(total.connections, readers);
  total.by_earlier_runs = known > 0 && guessed == 0;
  // Several tables are read at once: a guess is of the server's speed, whoever reads.
  const double at_once = static_cast<double>(std::clamp<std::size_t>(tables, 1, readers));
  total.snapshot_seconds = connection.sync.snapshot_per_table ? longest
                           : total.by_earlier_runs            ? std::max(longest, sum / at_once)
                                                              : sum;
  return total;
}

std::string plan_report(const std::vector<TablePlan>& plans, const Connection& connection,
                        const Screen& screen) {
  Said said;
  std::string failures;
  for (const TablePlan& plan : plans) {
    const std::string name = plan.table.name.text();
    for (const std::string& note : plan.notes) said.add(note, name);
    if (!plan.error.empty())
      failures += failure_text("refused", name, plan.error, plan.hint, screen);
  }
  const Forecast total = forecast(plans, connection);
  std::string text = plans_grid(plans).text(screen);
  const std::string reads = reads_text(plans, screen);
  if (!reads.empty()) text += "\n" + reads;
  const std::string notes = said.lines("note  ", screen);
  if (!notes.empty()) text += "\n" + notes;
  if (!failures.empty()) text += "\n" + failures;
  const std::string sum =
      fmt::format("{} {}, about {} rows{} to read by {} {}; nothing was written", plans.size(),
                  plans.size() == 1 ? "table" : "tables", with_commas(total.rows),
                  total.bytes == 0 ? "" : " and " + human_bytes(total.bytes), total.connections,
                  total.connections == 1 ? "connection" : "connections");
  text += "\n" + wrapped(sum, 0, screen.width) + "\n";
  const std::string snapshot = snapshot_text(total, connection);
  return snapshot.empty() ? text : text + wrapped(snapshot, 0, screen.width) + "\n";
}

}  // namespace sluice::cli
