// SPDX-License-Identifier: Apache-2.0
// `sluice verify` and `sluice repair`: is each copy what its source is?
#include <fmt/format.h>
#include <unistd.h>

#include <map>
#include <string_view>

#include "cli/commands.h"
#include "cli/events.h"
#include "cli/json.h"
#include "cli/open.h"
#include "cli/render.h"
#include "cli/text.h"
#include "connectors/registry.h"
#include "sluice/error.h"

namespace sluice::cli {
namespace {

Json verified_json(const Verified& verified, const std::string& connection) {
  return {{"connection", connection},
          {"schema", verified.table.schema},
          {"table", verified.table.name},
          {"target", verified.target},
          {"equal", verified.equal()},
          {"how", verified.how},
          {"rows", verified.rows},
          {"missing", verified.missing},
          {"extra", verified.extra},
          {"changed", verified.changed},
          {"examples", verified.examples},
          {"repaired", verified.repaired},
          {"bytes", verified.bytes},
          {"seconds", verified.seconds},
          {"error", text_or_null(verified.error)},
          {"hint", text_or_null(verified.hint)}};
}

std::string outcome(const Verified& verified) {
  if (!verified.error.empty()) return "not compared";
  if (verified.equal()) return "equal";
  return verified.repaired ? "repaired" : "differs";
}

/// The tables that were not compared by digests alone, by the reason.
std::map<std::string, std::vector<std::string>> by_rows(const std::vector<Verified>& all) {
  constexpr std::string_view kRows = "rows: ";
  std::map<std::string, std::vector<std::string>> tables;
  for (const Verified& each : all) {
    if (each.how.starts_with(kRows))
      tables[each.how.substr(kRows.size())].push_back(each.table.text());
  }
  return tables;
}

std::string report(const std::vector<Verified>& all, const Screen& screen) {
  Grid grid({{"table", Align::left, true},
             {"content", Align::left, false},
             {"rows", Align::right, false},
             {"missing", Align::right, false},
             {"extra", Align::right, false},
             {"changed", Align::right, false},
             {"moved", Align::right, false},
             {"seconds", Align::right, false}});
  std::string details;
  for (const Verified& each : all) {
    grid.row({each.table.text(), outcome(each), with_commas(each.rows), with_commas(each.missing),
              with_commas(each.extra), with_commas(each.changed), human_bytes(each.bytes),
              fmt::format("{:.1f}", each.seconds)});
    const std::string table = each.table.text() + ": ";
    for (const std::string& example : each.examples)
      details += labelled(0, "differs  ", Style::yellow, table + example, screen);
    const std::uint64_t differing = each.missing + each.extra + each.changed;
    if (!each.examples.empty() && differing > each.examples.size()) {
      details += labelled(
          0, "differs  ", Style::yellow,
          table + "and " + with_commas(differing - each.examples.size()) + " more rows", screen);
    }
    if (!each.error.empty())
      details += labelled(0, "failed  ", Style::red, each.error, screen) +
                 (each.hint.empty() ? "" : labelled(8, "hint: ", Style::yellow, each.hint, screen));
  }
  for (const auto& [why, tables] : by_rows(all)) {
    const std::string which =
        tables.size() == 1 ? tables.front() : std::to_string(tables.size()) + " tables";
    details += labelled(0, "note  ", Style::dim, which + ": compared row by row: " + why, screen);
  }
  return grid.text(screen) + (details.empty() ? "" : "\n" + details);
}

int code_of(const std::vector<Verified>& all) {
  int code = 0;
  for (const Verified& each : all) {
    if (!each.error.empty()) code = worse(code, 3);
    if (each.error.empty() && !each.equal() && !each.repaired) code = worse(code, 4);
  }
  return code;
}

}  // namespace

int verify(const VerifyRequest& request) {
  int code = 0;
  for (const Connection& connection : request.choice.connections()) {
    const auto file = local_file(connection.destination);
    if (file && ::access(file->c_str(), F_OK) != 0)
      throw Error(Fault::config, "there is no file " + *file, "`sluice sync` makes it");
    const Secret password = fetch_password(connection.password);
    duck::Database database = open_database(connection);
    const auto source = open_source(database, connection, password);
    source->identity();
    const auto destination = open_destination(database, connection);
    Observer silent;
    Sync sync(database, *source, *destination, connection.sync, silent);
    const auto all = sync.verify(request.repair ? Sync::Repair::yes : Sync::Repair::no);
    code = worse(code, code_of(all));
    if (request.output.json) {
      for (const Verified& each : all)
        print(json_line(verified_json(each, connection.sync.connection)));
      continue;
    }
    print(report(all, Screen::of(STDOUT_FILENO)) +
          (code_of(all) == 4
               ? "\nnext: sluice sync, if the source has changed since the last one; else sluice "
                 "repair\n"
               : ""));
  }
  return code;
}

}  // namespace sluice::cli
