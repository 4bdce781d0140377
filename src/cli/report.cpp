// SPDX-License-Identifier: Apache-2.0
#include "cli/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "cli/events.h"
#include "cli/open.h"
#include "cli/text.h"
#include "cli/verified.h"
#include "connectors/registry.h"
#include "duck/duck.h"

namespace sluice::cli {
namespace {

bool went_well(const Receipt& receipt) {
  return receipt.outcome == Outcome::done || receipt.outcome == Outcome::unchanged;
}

using Count = std::string (*)(std::uint64_t);

/// How the verified copies compare, in the order of the receipts.
std::vector<Verified> verified_of(const RunResult& result) {
  std::vector<Verified> all;
  for (const Receipt& receipt : result.receipts) {
    if (receipt.verified) all.push_back(*receipt.verified);
  }
  return all;
}

/// "verified: 3,000 rows of 2 tables, 1 differs", or nothing.
std::string verified_line(const RunResult& result) {
  std::uint64_t rows = 0;
  std::size_t tables = 0, differing = 0;
  for (const Verified& each : verified_of(result)) {
    rows += each.compared;
    ++tables;
    differing += each.equal() ? 0 : 1;
  }
  if (tables == 0) return {};
  return fmt::format("verified: {} rows of {} {}{}\n", with_commas(rows), tables,
                     tables == 1 ? "table" : "tables",
                     differing == 0   ? ""
                     : differing == 1 ? ", 1 differs"
                                      : fmt::format(", {} differ", differing));
}

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
    // What had not begun has nothing to show; it is named below.
    if (receipt.outcome == Outcome::interrupted && receipt.strategy.empty()) continue;
    const bool said = went_well(receipt) && !receipt.strategy.empty();
    grid.row({receipt.table.text(), said ? receipt.strategy : outcome_name(receipt.outcome),
              went_well(receipt) ? receipt.guarantee : "", count(receipt.read),
              count(receipt.inserted), count(receipt.updated), count(receipt.deleted),
              fmt::format("{:.1f}", receipt.seconds)});
  }
  return grid;
}

/// "table: text", where the text does not begin with its table already.
std::string of_table(const std::string& table, const std::string& text) {
  return text.starts_with(table) ? text : table + ": " + text;
}

/// Tables that were stopped, those with the same words together: a run of many tables has many.
std::string interrupted_text(const RunResult& result, const Screen& screen) {
  std::vector<std::pair<std::string, std::vector<std::string>>> groups;
  for (const Receipt& receipt : result.receipts) {
    if (receipt.outcome != Outcome::interrupted) continue;
    auto found = std::ranges::find(groups, receipt.error, &decltype(groups)::value_type::first);
    if (found == groups.end()) found = groups.insert(found, {receipt.error, {}});
    found->second.push_back(receipt.table.text());
  }
  std::string text;
  for (const auto& [error, tables] : groups) {
    text += labelled(0, "interrupted  ", Style::yellow, of_table(names_of(tables), error), screen);
  }
  return text;
}

std::string notes_text(const RunResult& result, const Screen& screen) {
  std::string text;
  for (const Receipt& receipt : result.receipts) {
    const std::string table = receipt.table.text() + ": ";
    for (const std::string& note : receipt.notes)
      text += labelled(0, "note  ", Style::dim, table + note, screen);
    if (receipt.misfits > 0) {
      text += labelled(0, "note  ", Style::yellow,
                       table + with_commas(receipt.misfits) +
                           " values did not fit their type and are NULL (misfit: null)",
                       screen);
    }
  }
  for (const std::string& note : result.notes)
    text += labelled(0, "note  ", Style::yellow, note, screen);
  return text;
}

/// As SQL has to write it.
std::string identifier(const std::string& name) {
  static constexpr std::array kReserved{
      "all",        "analyse",      "analyze",     "and",        "any",       "array",
      "as",         "asc",          "asymmetric",  "both",       "case",      "cast",
      "check",      "collate",      "column",      "constraint", "create",    "default",
      "deferrable", "desc",         "describe",    "distinct",   "do",        "else",
      "end",        "except",       "false",       "fetch",      "for",       "foreign",
      "from",       "group",        "having",      "in",         "initially", "intersect",
      "into",       "lambda",       "lateral",     "leading",    "limit",     "not",
      "null",       "offset",       "on",          "only",       "or",        "order",
      "pivot",      "pivot_longer", "pivot_wider", "placing",    "primary",   "qualify",
      "references", "returning",    "select",      "show",       "some",      "summarize",
      "symmetric",  "table",        "then",        "to",         "trailing",  "true",
      "union",      "unique",       "unpivot",     "using",      "variadic",  "when",
      "where",      "window",       "with"};
  const bool plain =
      !name.empty() && (name[0] < '0' || name[0] > '9') && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
      });
  return plain && std::ranges::find(kReserved, name) == kReserved.end() ? name : duck::quoted(name);
}

/// Schema and table of the copy, which its one text does not tell apart where names have dots.
TableName target_of(const Receipt& receipt, const Connection& connection) {
  std::string schema = connection.sync.schema.value_or(receipt.table.schema);
  if (!receipt.target.starts_with(schema + "."))
    schema = receipt.target.substr(0, receipt.target.find('.'));
  return {schema, receipt.target.substr(std::min(schema.size() + 1, receipt.target.size()))};
}

/// As one word of a shell's line; `quote` where it needs quotes but nothing in it does.
std::string shell_word(const std::string& text, const std::string& quote) {
  constexpr std::string_view kSafe = "/._-+:@%,=";
  const bool plain = std::ranges::all_of(text, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kSafe.find(c) != std::string_view::npos || (!quote.empty() && c == ' ');
  });
  if (plain) return quote + text + quote;
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

/// What to type next.
std::string next_text(const RunResult& result, const Connection& connection) {
  const auto is = [&](Outcome outcome) {
    return std::ranges::count(result.receipts, outcome, &Receipt::outcome) > 0;
  };
  if (is(Outcome::interrupted))
    return "next: the same command again goes on where this run stopped\n";
  if (is(Outcome::failed)) {
    const bool hints = std::ranges::any_of(result.receipts, [](const Receipt& receipt) {
      return receipt.outcome == Outcome::failed && !receipt.hint.empty();
    });
    return std::string("next: ") + (hints ? "see the hints above, then " : "") +
           "the same command again; what is done stays done\n";
  }
  if (result.exit_code() == 4)
    return "next: sluice repair rewrites the rows that differ, or --full compares all of them\n";
  const auto file = local_file(connection.destination);
  for (const Receipt& receipt : result.receipts) {
    const bool printable =
        std::ranges::none_of(receipt.target, [](unsigned char c) { return c < ' '; });
    if (file && receipt.inserted > 0 && went_well(receipt) && printable) {
      const TableName target = target_of(receipt, connection);
      return fmt::format("next: sluice sql {} {}\n", shell_word(*file, ""),
                         shell_word("from " + identifier(target.schema) + "." +
                                        identifier(target.name) + " limit 10",
                                    "\""));
    }
  }
  return {};
}

}  // namespace

std::string failure_text(const std::string& word, const std::string& table, const std::string& what,
                         const std::string& hint, const Screen& screen) {
  std::string text = labelled(0, word + "  ", Style::red, of_table(table, what), screen);
  if (!hint.empty()) text += labelled(word.size() + 2, "hint: ", Style::yellow, hint, screen);
  return text;
}

std::string names_of(const std::vector<std::string>& tables) {
  constexpr std::size_t kNamed = 5;
  std::string names;
  for (std::size_t i = 0; i < std::min(tables.size(), kNamed); ++i)
    names += (i == 0 ? "" : ", ") + tables[i];
  if (tables.size() > kNamed) names += fmt::format(" and {} more", tables.size() - kNamed);
  return names;
}

Error shown(const Error& error) {
  if (error.fault() != Fault::cancelled) return error;
  return {Fault::cancelled, "stopped before the end; what is committed stays",
          "the same command again goes on from there"};
}

std::string failures_text(const RunResult& result, const Screen& screen) {
  std::string text;
  for (const Receipt& receipt : result.receipts) {
    if (went_well(receipt) || receipt.outcome == Outcome::interrupted) continue;
    text += failure_text(outcome_name(receipt.outcome), receipt.table.text(), receipt.error,
                         receipt.hint, screen);
  }
  return text + interrupted_text(result, screen) + differences_text(verified_of(result), screen);
}

std::string run_report(const RunResult& result, const Connection& connection,
                       const Screen& screen) {
  Grid grid = receipts_grid(result, with_commas);
  if (screen.width > 0 && grid.natural_width() > screen.width)
    grid = receipts_grid(result, compact);
  std::string text = grid.text(screen);
  const std::string notes = notes_text(result, screen) + ways_text(verified_of(result), screen);
  const std::string failures = failures_text(result, screen);
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
  return text + verified_line(result) + next;
}

}  // namespace sluice::cli
