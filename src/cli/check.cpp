// SPDX-License-Identifier: Apache-2.0
// `sluice check`: everything that would stop a sync or make it slow, before it runs.
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>

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

enum class Verdict { ok, warn, fail };

/// Says what was found, line by line, and keeps the worst.
class Findings {
 public:
  Findings(std::string connection, bool json) : connection_(std::move(connection)), json_(json) {}

  void say(Verdict verdict, const std::string& what, const std::string& hint = {}) {
    if (!said_.insert(what).second) return;
    static constexpr const char* kWords[] = {"ok", "warn", "fail"};
    const char* word = kWords[static_cast<int>(verdict)];
    failed_ = failed_ || verdict == Verdict::fail;
    if (json_) {
      print(json_line({{"connection", connection_},
                       {"result", word},
                       {"what", what},
                       {"hint", text_or_null(hint)}}));
      return;
    }
    const Style style = verdict == Verdict::ok     ? Style::green
                        : verdict == Verdict::warn ? Style::yellow
                                                   : Style::red;
    print(labelled(0, left(word, 6), style, what, screen_) +
          (hint.empty() ? "" : labelled(6, "hint: ", Style::plain, hint, screen_)));
  }
  void say(const Error& error) { say(Verdict::fail, error.what(), error.hint()); }
  bool failed() const { return failed_; }

 private:
  std::string connection_;
  bool json_;
  Screen screen_ = Screen::of(STDOUT_FILENO);
  bool failed_ = false;
  std::set<std::string> said_;
};

/// The tables that the connection is about; rights and keys are judged on the way.
std::vector<Table> check_tables(duck::Database& database, const Connection& connection,
                                Source& source, Findings& findings) {
  const auto& options = connection.sync;
  const auto wanted = [&](const TableName& name) {
    return (options.tables.empty() || matches_any(options.tables, name)) &&
           !matches_any(options.exclude, name);
  };
  Catalog catalog = source.discover({});
  std::erase_if(catalog.tables, [&](const Table& table) { return !wanted(table.name); });
  if (catalog.tables.empty()) {
    findings.say(Verdict::fail, "no table can be read",
                 "see the grants below, or --tables and --exclude");
  } else {
    findings.say(Verdict::ok, std::to_string(catalog.tables.size()) +
                                  (catalog.tables.size() == 1 ? " table" : " tables") +
                                  " can be read");
  }
  for (const Skipped& skipped : catalog.skipped) {
    if (wanted(skipped.name))
      findings.say(Verdict::fail, skipped.name.text() + ": " + skipped.why, skipped.hint);
  }
  constexpr std::uint64_t kSmall =
      10'000'000;  // bytes that are scanned before an index would have been opened
  duck::Connection types = database.connect();
  for (Table& table : catalog.tables) {
    table = shaped(table, options_of(options, table.name), types);
    const bool large = table.bytes > kSmall;
    if (!table.replication_key.empty() && !table.replication_key_indexed() && large) {
      findings.say(Verdict::warn,
                   table.name.text() + ": replication key " + table.replication_key +
                       " has no index: each run makes the server scan the table",
                   "an index on " + table.replication_key + " at the source");
    }
    if (!table.has_key() && large) {
      findings.say(Verdict::warn,
                   table.name.text() + ": no primary key: later runs compare every row",
                   "key: COLUMN, where the table has one that is unique");
    }
  }
  return catalog.tables;
}

/// A snapshot of one table: locks, the right to take one, a standby.
void check_snapshot(Source& source, const std::vector<Table>& tables, Findings& findings) {
  if (tables.empty()) return;
  const auto keyed = std::ranges::find_if(
      tables, [](const Table& table) { return !table.replication_key.empty(); });
  const std::vector<Table> one{keyed == tables.end() ? tables.front() : *keyed};
  const auto snapshot = source.snapshot(one);
  if (const auto* error = std::get_if<Error>(&snapshot->tables().front())) {
    findings.say(*error);
    return;
  }
  if (snapshot->consistent(std::get<Table>(snapshot->tables().front()))) {
    findings.say(Verdict::ok, "a snapshot can be taken: " + snapshot->instant());
  } else {
    findings.say(Verdict::warn,
                 "no snapshot holds across statements: what is written during a run is in it or in "
                 "the next one (class D of docs/exactness.md)");
  }
  if (keyed == tables.end()) return;
  Table table = std::get<Table>(snapshot->tables().front());
  table.replication_key = keyed->replication_key;
  if (const Proof proof = snapshot->proof(table); !proof.possible) {
    findings.say(Verdict::warn, "marks of incremental runs cannot be proven: " + proof.why_not,
                 "the last hour is read again by each run; `overlap:` says how much");
  }
}

/// Whether a file can be made there.
bool check_file(const std::string& file, std::uint64_t bytes, Findings& findings) {
  const std::filesystem::path path = std::filesystem::absolute(file);
  const auto folder = path.parent_path();
  if (!std::filesystem::is_directory(folder)) {
    findings.say(Verdict::fail, "destination: there is no folder " + folder.string(),
                 "mkdir -p " + folder.string());
    return false;
  }
  if (::access(folder.c_str(), W_OK) != 0) {
    findings.say(Verdict::fail, "destination: this user may not write in " + folder.string(),
                 "choose another folder, or give this user the right to write there");
    return false;
  }
  const std::uint64_t free = std::filesystem::space(folder).available;
  const std::string room =
      human_bytes(free) + " free in " + folder.string() +
      (bytes == 0 ? "" : ", tables of about " + human_bytes(bytes) + " at the source");
  // Compressed copies are smaller than their tables; a reload keeps the old copy until the new one
  // is complete.
  findings.say(free < bytes ? Verdict::warn : Verdict::ok, "destination: " + room);
  return true;
}

void check_destination(duck::Database& database, const Connection& connection,
                       const Secret& password, std::uint64_t bytes, Findings& findings) {
  const auto file = local_file(connection.destination);
  if (file && !check_file(*file, bytes, findings)) return;
  if (file && !std::filesystem::exists(*file)) {
    findings.say(Verdict::ok, "destination: " + *file + " will be made by the first sync");
    return;
  }
  const auto destination = open_destination(database, connection, password);
  findings.say(Verdict::ok, "destination: " + destination->name() + " can be written");
}

int check_one(const Connection& connection, const Output& output) {
  Findings findings(connection.sync.connection, output.json);
  int code = 0;
  duck::Database database = open_database(connection);
  std::uint64_t bytes = 0;
  Secret password;
  try {
    password = fetch_password(connection.password);
    const auto source = open_source(database, connection, password);
    findings.say(Verdict::ok,
                 "source: " + redacted(connection.source) + " is " + source->identity());
    for (const Finding& each : source->findings()) {
      findings.say(each.good ? Verdict::ok : Verdict::warn, "source: " + each.what, each.hint);
    }
    const auto tables = check_tables(database, connection, *source, findings);
    for (const Table& table : tables) bytes += table.bytes;
    check_snapshot(*source, tables, findings);
  } catch (const Error& error) {
    findings.say(error);
    code = exit_code_of(error);
  }
  try {
    check_destination(database, connection, password, bytes, findings);
  } catch (const Error& error) {
    findings.say(error);
    code = worse(code, exit_code_of(error));
  }
  if (code == 0) {
    try {
      const Planned planned = plans_of(connection);
      for (const TablePlan& plan : planned.tables) {
        if (!plan.error.empty()) findings.say(Verdict::fail, plan.error, plan.hint);
      }
    } catch (const Error& error) {
      findings.say(error);
      code = exit_code_of(error);
    }
  }
  return code == 0 && findings.failed() ? 3 : code;
}

}  // namespace

int check(const CheckRequest& request) {
  const auto connections = request.choice.connections();
  int code = 0;
  for (const Connection& connection : connections) {
    if (!request.output.json) {
      print(connection.sync.connection + ": " + redacted(connection.source) + " -> " +
            redacted(connection.destination) + "\n");
    }
    code = worse(code, check_one(connection, request.output));
  }
  return code;
}

}  // namespace sluice::cli
