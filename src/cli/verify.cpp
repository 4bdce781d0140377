// SPDX-License-Identifier: Apache-2.0
// `sluice verify` and `sluice repair`: is each copy what its source is?
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "cli/commands.h"
#include "cli/json.h"
#include "cli/log.h"
#include "cli/open.h"
#include "cli/pushed.h"
#include "cli/render.h"
#include "cli/text.h"
#include "cli/verified.h"
#include "connectors/registry.h"
#include "sluice/error.h"

namespace sluice::cli {
namespace {

/// What a verification says beside its report.
class Notes : public Observer {
 public:
  void note(const std::string& line) override { log(Level::info, line); }
};

/// What a sync would take is no flag of this command.
std::string hint_of(const Verified& verified) {
  constexpr std::string_view kThisCommand = "the same command with ";
  std::string hint = verified.hint;
  if (const std::size_t at = hint.find(kThisCommand); at != std::string::npos)
    hint.replace(at, kThisCommand.size(), "`sluice sync` with ");
  return hint;
}

Json line_of(const Verified& verified, const std::string& connection) {
  Json line{{"connection", connection},
            {"schema", verified.table.schema},
            {"table", verified.table.name},
            {"target", verified.target}};
  line.update(verified_json(verified));
  line["repaired"] = verified.repaired;
  line["not_compared"] = text_or_null(verified.not_compared);
  line["error"] = text_or_null(verified.error);
  line["hint"] = text_or_null(hint_of(verified));
  return line;
}

std::string outcome(const Verified& verified) {
  if (!verified.error.empty()) return "failed";
  if (!verified.not_compared.empty()) return "not compared";
  if (verified.equal()) return "equal";
  return verified.repaired ? "repaired" : "differs";
}

/// "12,345 (5.1 %)": how many rows were compared, and which part of all that is. "99 (source 98)":
/// the sides differ in number.
std::string compared(const Verified& verified) {
  if (!verified.compared_at_all()) return "";
  if (verified.source_rows.value_or(verified.rows) != verified.rows)
    return with_commas(verified.rows) + " (source " + with_commas(*verified.source_rows) + ")";
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
  std::string failed, notes;
  for (const Verified& each : all) {
    const auto count = [&](std::uint64_t rows) {
      return each.compared_at_all() ? with_commas(rows) : "";
    };
    grid.row({each.table.text(), outcome(each), compared(each), count(each.missing),
              count(each.extra), count(each.changed),
              each.compared_at_all() ? human_bytes(each.bytes) : "",
              each.compared_at_all() ? fmt::format("{:.1f}", each.seconds) : ""});
    const std::string hint = hint_of(each);
    if (!each.error.empty())
      failed += labelled(0, "failed  ", Style::red, each.error, screen) +
                (hint.empty() ? "" : labelled(8, "hint: ", Style::yellow, hint, screen));
    if (!each.not_compared.empty())
      notes += labelled(0, "note  ", Style::dim,
                        each.table.text() + ": not compared: " + each.not_compared, screen);
  }
  const std::string details =
      differences_text(all, screen) + failed + notes + ways_text(all, screen);
  return grid.text(screen) + (details.empty() ? "" : "\n" + details);
}

int code_of(const std::vector<Verified>& all) {
  int code = 0;
  for (const Verified& each : all) {
    if (!each.error.empty()) code = worse(code, 3);
    if (each.differs() && !each.repaired) code = worse(code, 4);
  }
  return code;
}

}  // namespace

int verify(const VerifyRequest& request) {
  const double percent = percent_of(request.sample);
  int code = 0;
  for (const Connection& connection : request.choice.connections()) {
    refuse_pushed(connection, request.repair ? "repair" : "verify");
    const auto file = local_file(connection.destination);
    if (file && ::access(file->c_str(), F_OK) != 0)
      throw Error(Fault::config, "there is no file " + *file, "`sluice sync` makes it");
    const Secret password = fetch_password(connection.password);
    duck::Database database = open_database(connection);
    const auto source = open_source(database, connection, password);
    source->identity();
    const auto destination = open_destination(database, connection, password);
    Notes notes;
    Sync sync(database, *source, *destination, connection.sync, notes);
    const auto all = sync.verify(request.repair ? Sync::Repair::yes : Sync::Repair::no, percent);
    code = worse(code, code_of(all));
    if (request.output.json) {
      for (const Verified& each : all) print(json_line(line_of(each, connection.sync.connection)));
      continue;
    }
    const bool differ = std::ranges::any_of(
        all, [](const Verified& each) { return each.differs() && !each.repaired; });
    print(report(all, Screen::of(STDOUT_FILENO)) +
          (differ ? "\nnext: sluice sync, if the source changed since the last one; else sluice "
                    "repair\n"
                  : ""));
  }
  return code;
}

}  // namespace sluice::cli
