// SPDX-License-Identifier: Apache-2.0
// `sluice debug`: one sync of a folder's connector into its files/warehouse.db.
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>

#include "cli/commands.h"
#include "cli/debug_choice.h"
#include "cli/debug_feed.h"
#include "cli/debug_files.h"
#include "cli/debug_report.h"
#include "cli/debug_state.h"
#include "cli/log.h"
#include "cli/open.h"
#include "cli/render.h"
#include "cli/report.h"
#include "cli/signals.h"
#include "cli/watchers.h"
#include "engine/select.h"

namespace sluice::cli {
namespace {

namespace fs = std::filesystem;

void say(const Notes& notes) {
  for (const std::string& note : notes) log(Level::warn, note);
}

bool can_be_mark(const Column& column) {
  return duck::is_temporal(column.type) || duck::is_integer(column.type);
}

/// What a document says of tables that have, or lack, a certain column. Table by table: new ones
/// are looked at by each run.
class Tables {
 public:
  Tables(DebugPlan& plan, const std::vector<std::pair<TableName, TableState>>& known)
      : plan_(plan) {
    for (const auto& [name, state] : known) {
      if (state.live && state.options != kReset && state.primary_key.empty()) keyless_.insert(name);
    }
  }

  void set_up(const Catalog& catalog) {
    for (const Table& table : catalog.tables) {
      const auto& wanted = plan_.connection.sync.tables;
      if (!wanted.empty() && !matches_any(wanted, table.name)) continue;
      std::optional<std::string> mark = chosen_mark(table);
      const bool has_mark = mark || !detected_replication_key(table).empty();
      const bool once = plan_.once && !has_mark;
      const bool no_key = plan_.connection.sync.defaults.detect_key && !may_detect(table);
      if (once) {
        log(Level::warn, table.name.name +
                             ": no updated_at column: it is copied once, and what changes in it "
                             "later is not seen; --full compares it now");
      }
      if (!mark && !once && !no_key) continue;
      plan_.connection.sync.table_options.emplace_back(
          table.name.text(), [mark, once, no_key](TableOptions& options) {
            if (mark) options.replication_key = mark;
            if (once) options.full_every = Cadence{Cadence::Kind::never, {}};
            if (no_key) options.detect_key = false;
          });
    }
  }

  /// Whether a table's guessed key was none, so that it is to be tried without. Each table once.
  bool guessed_wrong(const Receipt& receipt) {
    const SyncOptions& sync = plan_.connection.sync;
    if (!options_of(sync, receipt.table).detect_key ||
        (receipt.outcome != Outcome::failed && receipt.outcome != Outcome::refused) ||
        receipt.fault != Fault::config || receipt.error.find("is not a key") == std::string::npos)
      return false;
    if (!keyless_.insert(receipt.table).second) return false;
    plan_.connection.sync.table_options.emplace_back(
        receipt.table.text(), [](TableOptions& options) { options.detect_key = false; });
    log(Level::warn, receipt.error + "; it is copied without a key, every row of it");
    return true;
  }

 private:
  std::optional<std::string> chosen_mark(const Table& table) const {
    if (plan_.replication_key.empty()) return std::nullopt;
    for (const Column& column : table.columns) {
      if (duck::folded(column.name) == duck::folded(plan_.replication_key) && can_be_mark(column))
        return column.name;
    }
    return std::nullopt;
  }

  bool may_detect(const Table& table) const {
    return !keyless_.contains(table.name) && (table.has_key() || has_detected_key(table));
  }

  DebugPlan& plan_;
  std::set<TableName> keyless_;
};

class DebugRun {
 public:
  DebugRun(DebugPlan& plan, const DebugRequest& request)
      : plan_(plan),
        request_(request),
        files_(files_of(request.folder)),
        file_(files_ + "/state.json", plan.connector) {}

  int run(Stop& stop) {
    const Connection& connection = plan_.connection;
    const auto at_once = [&stop] { return stop.at_once(); };
    const Secret password = fetch_password(connection.password);
    duck::Database database = open_database(connection);
    // The source first: where it cannot be reached, no empty warehouse is left behind.
    const auto source = open_source(database, connection, password, at_once);
    source->identity();
    log(Level::info, plan_.connector == "singlestore" ? "Connected to SingleStoreDB!"
                                                      : "Successfully connected to " + plan_.title);
    fs::create_directories(files_);
    say(keep_foreign_files(files_));
    const auto destination = open_destination(database, connection, {}, at_once);
    duck::Connection own = database.connect();
    StateStore states(destination->catalog(), connection.sync.connection);
    states.open(own, StateStore::Create::yes);
    say(file_.lower(own, states, request_.state.empty() ? files_ + "/state.json" : request_.state));
    file_.write(own, states);
    Tables tables(plan_, states.tables(own));
    tables.set_up(source->discover({}));
    DebugLog watcher([&](const TableName& table) { file_.write(own, states, table); });
    RunResult result = sync(database, *source, *destination, watcher, stop);
    // A second pass for tables whose guessed key was none.
    const auto wrong = std::ranges::count_if(
        result.receipts, [&](const Receipt& receipt) { return tables.guessed_wrong(receipt); });
    if (wrong > 0 && !stop.asked()) result = sync(database, *source, *destination, watcher, stop);
    file_.write(own, states);
    return debug_report(watcher.calls(), result, result.exit_code());
  }

 private:
  RunResult sync(duck::Database& database, Source& source, Destination& destination,
                 Observer& observer, Stop& stop) const {
    Sync sync(database, source, destination, plan_.connection.sync, observer);
    const Stop::Run signals_reach(stop, [&sync](int, int) { sync.stop(); });
    return sync.run();
  }

  DebugPlan& plan_;
  const DebugRequest& request_;
  const std::string files_;
  StateFile file_;
};

int run(const DebugRequest& request, Stop& stop) {
  const std::string pushed = pushed_connector(request);
  if (!pushed.empty()) return debug_pushed(request, pushed, stop);
  DebugPlan plan = debug_plan(request);
  say(plan.warnings);
  return DebugRun(plan, request).run(stop);
}

}  // namespace

int debug(const DebugRequest& request) {
  if (request.reset) return debug_reset(request);
  if (request.print_service) return debug_service(request);
  block_signals();
  Stop stop;
  const SignalWatch watch([&stop](int count, int signal) { stop.signalled(count, signal); });
  std::optional<Error> failure;
  try {
    return watch.exit_code(run(request, stop));
  } catch (const Error& error) {
    failure = error;
  } catch (const std::exception& error) {
    failure = Error(Fault::internal, error.what());
  }
  report_error(shown(*failure));
  print("Sync FAILED\n");
  return watch.exit_code(exit_code_of(*failure));
}

}  // namespace sluice::cli
