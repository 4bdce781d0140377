// SPDX-License-Identifier: Apache-2.0
#include "cli/report.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/events.h"
#include "cli/open.h"
#include "cli/text.h"
#include "connectors/registry.h"

namespace sluice::cli {
namespace {

bool went_well(const Receipt& receipt) {
  return receipt.outcome == Outcome::done || receipt.outcome == Outcome::unchanged;
}

using Count = std::string (*)(std::uint64_t);

Grid receipts_grid(const RunResult& result, Count count) {
  Grid grid({{"table", Align::left, true},
             {"strategy", Align::left, false},
             {"class", Align::left, false},
             {"read", Align::right, false},
             {"inserted", Align::right, false},
             {"updated", Align::right, false},
             {"deleted", Align::right, false},
             {"seconds", Align::right, false}});
  for (const Receipt& receipt : result.receipts) {
    const bool said = went_well(receipt) && !receipt.strategy.empty();
    grid.row({receipt.table.text(), said ? receipt.strategy : outcome_name(receipt.outcome),
              went_well(receipt) ? receipt.guarantee : "", count(receipt.read),
              count(receipt.inserted), count(receipt.updated), count(receipt.deleted),
              fmt::format("{:.1f}", receipt.seconds)});
  }
  return grid;
}

std::string failure_text(const std::string& word, const std::string& table,
                         const std::string& error, const std::string& hint, bool color) {
  // Most messages begin with their table already.
  const std::string place = error.starts_with(table) ? "" : table + ": ";
  std::string text = styled(word, Style::red, color) + "  " + place + error + "\n";
  if (!hint.empty())
    text +=
        std::string(word.size() + 2, ' ') + styled("hint: ", Style::yellow, color) + hint + "\n";
  return text;
}

std::string notes_text(const RunResult& result, const Screen& screen) {
  std::string text;
  for (const Receipt& receipt : result.receipts) {
    for (const std::string& note : receipt.notes) {
      text += styled("note", Style::dim, screen.color) + "  " + receipt.table.text() + ": " + note +
              "\n";
    }
    if (receipt.misfits > 0) {
      text += styled("note", Style::yellow, screen.color) + "  " + receipt.table.text() + ": " +
              with_commas(receipt.misfits) +
              " values did not fit their type and are NULL (misfit: null)\n";
    }
  }
  return text;
}

bool plain_name(const std::string& name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
  });
}

/// What to type next.
std::string next_text(const RunResult& result, const Connection& connection) {
  const auto is = [&](Outcome outcome) {
    return std::ranges::count(result.receipts, outcome, &Receipt::outcome) > 0;
  };
  if (is(Outcome::interrupted))
    return "next: the same command again goes on where this run stopped\n";
  if (is(Outcome::failed))
    return "next: see the hints above, then the same command again; what is done stays done\n";
  const auto file = local_file(connection.destination);
  for (const Receipt& receipt : result.receipts) {
    if (file && receipt.inserted > 0 && went_well(receipt) && plain_name(receipt.target)) {
      return fmt::format("next: sluice sql {} \"from {} limit 10\"\n", *file, receipt.target);
    }
  }
  return {};
}

}  // namespace

std::string failures_text(const RunResult& result, bool color) {
  std::string text;
  for (const Receipt& receipt : result.receipts) {
    if (went_well(receipt)) continue;
    text += failure_text(outcome_name(receipt.outcome), receipt.table.text(), receipt.error,
                         receipt.hint, color);
  }
  return text;
}

std::string run_report(const RunResult& result, const Connection& connection,
                       const Screen& screen) {
  Grid grid = receipts_grid(result, with_commas);
  if (screen.width > 0 && grid.natural_width() > screen.width)
    grid = receipts_grid(result, compact);
  std::string text = grid.text(screen);
  const std::string notes = notes_text(result, screen);
  const std::string failures = failures_text(result, screen.color);
  const std::string next = next_text(result, connection);
  if (!notes.empty()) text += "\n" + notes;
  if (!failures.empty()) text += "\n" + failures;
  Summary total;
  total.add(result);
  text += fmt::format(
      "\n{} {} in {}: {} read, {} inserted, {} updated, {} deleted{}\n",
      total.done + total.unchanged, total.done + total.unchanged == 1 ? "table" : "tables",
      human_seconds(result.seconds), with_commas(total.read), with_commas(total.inserted),
      with_commas(total.updated), with_commas(total.deleted),
      total.failed == 0 ? "" : fmt::format("; {} not done", total.failed));
  return text + next;
}

std::string plan_report(const std::vector<TablePlan>& plans, const Connection& connection,
                        const Screen& screen) {
  Grid grid({{"table", Align::left, true},
             {"target", Align::left, true},
             {"strategy", Align::left, false},
             {"rows", Align::right, false},
             {"bytes", Align::right, false},
             {"why", Align::left, true}});
  std::uint64_t rows = 0, bytes = 0;
  std::string notes, failures;
  for (const TablePlan& plan : plans) {
    const std::string name = plan.table.name.text();
    const bool refused = !plan.error.empty();
    grid.row({name, plan.target, refused ? "refused" : plan.strategy, with_commas(plan.rows),
              plan.bytes == 0 ? "" : human_bytes(plan.bytes), plan.why});
    rows += plan.rows;
    bytes += plan.bytes;
    for (const std::string& note : plan.notes) {
      notes += styled("note", Style::dim, screen.color) + "  " + name + ": " + note + "\n";
    }
    if (refused) failures += failure_text("refused", name, plan.error, plan.hint, screen.color);
  }
  std::string text = grid.text(screen);
  if (!notes.empty()) text += "\n" + notes;
  if (!failures.empty()) text += "\n" + failures;
  text += fmt::format("\n{} {}, about {} rows{} to read; nothing was written\n", plans.size(),
                      plans.size() == 1 ? "table" : "tables", with_commas(rows),
                      bytes == 0 ? "" : " and " + human_bytes(bytes));
  // 50 MB/s is what one busy core of a server delivers; said as a guess.
  constexpr std::uint64_t kGuess = 50'000'000, kWorthSaying = 30;
  if (!local_file(connection.source) && !connection.sync.snapshot_per_table &&
      bytes / kGuess > kWorthSaying) {
    text += fmt::format(
        "one snapshot is held for the run, about {} at 50 MB/s: vacuum at the source waits that "
        "long; "
        "--snapshot=table holds one per table\n",
        human_seconds(static_cast<double>(bytes) / static_cast<double>(kGuess)));
  }
  return text;
}

}  // namespace sluice::cli
