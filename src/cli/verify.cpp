// SPDX-License-Identifier: Apache-2.0
// `sluice verify` and `sluice repair`: is each copy what its source is?
#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <string_view>

#include "cli/commands.h"
#include "cli/json.h"
#include "cli/open.h"
#include "cli/render.h"
#include "cli/text.h"
#include "cli/verified.h"
#include "connectors/registry.h"
#include "sluice/error.h"

namespace sluice::cli {
namespace {

Json line_of(const Verified& verified, const std::string& connection) {
  Json line{{"connection", connection},
            {"schema", verified.table.schema},
            {"table", verified.table.name},
            {"target", verified.target}};
  line.update(verified_json(verified));
  line["repaired"] = verified.repaired;
  line["error"] = text_or_null(verified.error);
  line["hint"] = text_or_null(verified.hint);
  return line;
}

std::string outcome(const Verified& verified) {
  if (!verified.error.empty()) return "not compared";
  if (verified.equal()) return "equal";
  return verified.repaired ? "repaired" : "differs";
}

/// "12,345 (5.1 %)": how many rows were compared, and which part of all that is.
std::string compared(const Verified& verified) {
  if (verified.compared == verified.rows) return with_commas(verified.rows);
  return fmt::format(
      "{} ({:.1f} %)", with_commas(verified.compared),
      100 * static_cast<double>(verified.compared) / static_cast<double>(verified.rows));
}

/// Of `--sample`.
double percent_of(const std::string& text) {
  if (text.empty()) return 100;
  const std::string_view number(text.data(), text.size() - (text.back() == '%' ? 1 : 0));
  double percent = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), percent);
  if (error != std::errc() || end != number.data() + number.size() || !(percent > 0) ||
      percent > 100) {
    throw Error(Fault::config, "--sample: \"" + text + "\" is not a percentage of the rows",
                "a number above 0 and up to 100, for example --sample 5");
  }
  return percent;
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
  std::string failed;
  for (const Verified& each : all) {
    grid.row({each.table.text(), outcome(each), compared(each), with_commas(each.missing),
              with_commas(each.extra), with_commas(each.changed), human_bytes(each.bytes),
              fmt::format("{:.1f}", each.seconds)});
    if (!each.error.empty())
      failed += labelled(0, "failed  ", Style::red, each.error, screen) +
                (each.hint.empty() ? "" : labelled(8, "hint: ", Style::yellow, each.hint, screen));
  }
  const std::string details = differences_text(all, screen) + failed + ways_text(all, screen);
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
  const double percent = percent_of(request.sample);
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
    const auto all = sync.verify(request.repair ? Sync::Repair::yes : Sync::Repair::no, percent);
    code = worse(code, code_of(all));
    if (request.output.json) {
      for (const Verified& each : all) print(json_line(line_of(each, connection.sync.connection)));
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
