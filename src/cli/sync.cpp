// SPDX-License-Identifier: Apache-2.0
// `sluice sync` and `sluice plan`.
#include <unistd.h>

#include "cli/commands.h"
#include "cli/events.h"
#include "cli/log.h"
#include "cli/open.h"
#include "cli/plan_file.h"
#include "cli/pushed.h"
#include "cli/report.h"
#include "cli/signals.h"
#include "cli/watchers.h"
#include "connectors/registry.h"

namespace sluice::cli {
namespace {

/// For what is said last: a full or closed standard output is told on standard error, once.
int print_or_fail(const std::string& text, int code) {
  try {
    print(text);
  } catch (const Error& error) {
    if (code == 0) report_error(error);
    return worse(code, 1);
  }
  return code;
}

class Runner {
 public:
  /// `plan`: what is to be done, or nullptr.
  Runner(const Connection& connection, const Output& output, const RunPlan* plan)
      : connection_(connection), output_(output), plan_(plan) {}

  /// A failed connection is reported here, so that the others still run.
  int run(Summary& summary, Stop& stop, const SignalWatch& watch) {
    try {
      return watch.exit_code(attempt(summary, stop));
    } catch (const Error& error) {
      return failed(error, watch);
    } catch (const std::exception& error) {
      return failed(Error(Fault::internal, error.what()), watch);
    }
  }

 private:
  int failed(const Error& error, const SignalWatch& watch) {
    const int code = watch.exit_code(exit_code_of(error));
    if (output_.json) print_or_fail(error_line(error) + "\n", code);
    report_error(shown(error));
    return code;
  }

  int attempt(Summary& summary, Stop& stop) {
    if (is_pushed(connection_)) return attempt_pushed(summary, stop);
    const Secret password = fetch_password(connection_.password);
    const auto at_once = [&stop] { return stop.at_once(); };
    duck::Database database = open_database(connection_);
    // The source first: where it cannot be reached, no empty destination is left behind.
    const auto source = open_source(database, connection_, password, at_once);
    source->identity();
    if (plan_ != nullptr) check_plan(*plan_, connection_.sync, *source);
    const auto destination = open_destination(database, connection_, password, at_once);
    const RunResult result = watched(database, *source, *destination, stop);
    return report(result, result.exit_code(), summary);
  }

  int attempt_pushed(Summary& summary, Stop& stop) {
    refuse_settings_of_databases(connection_);
    const Secret password = fetch_password(connection_.password);
    Pushed connector(connection_, &stop);
    duck::Database database = open_database(connection_);
    const auto destination =
        open_destination(database, connection_, password, [&stop] { return stop.asked(); });
    Watchers watchers(connection_, destination->name(), output_);
    feed::FeedResult fed;
    try {
      fed = connector.run(database, *destination, watchers.observer());
    } catch (const Error& error) {
      watchers.say([&](Events& e) { e.run_failed(error, exit_code_of(error)); });
      throw;
    }
    finish(watchers, fed.run, fed.exit_code());
    return report(fed.run, fed.exit_code(), summary);
  }

  /// The last that is said of a run, but for its report.
  static void finish(Watchers& watchers, RunResult& result, int code) {
    try {
      watchers.say([&](Events& e) { e.run_finished(result, code); });
      watchers.check();
    } catch (const Error& error) {
      // The copies are made: they are reported as they are, beside this.
      if (!result.error) result.error = error;
    }
  }

  int report(const RunResult& result, int code, Summary& summary) {
    summary.add(result);
    if (result.error) report_error(shown(*result.error));
    if (output_.quiet) {
      code = print_or_fail(failures_text(result, Screen::of(STDOUT_FILENO)), code);
    } else if (!output_.json) {
      code = print_or_fail(run_report(result, connection_, Screen::of(STDOUT_FILENO)), code);
    }
    return code;
  }

  RunResult watched(duck::Database& database, Source& source, Destination& destination,
                    Stop& stop) {
    Watchers watchers(connection_, destination.name(), output_);
    RunResult result;
    try {
      Sync sync(database, source, destination, connection_.sync, watchers.observer());
      const Stop::Run signals_reach(stop, [&sync](int, int) { sync.stop(); });
      result = plan_ != nullptr ? sync.run(*plan_) : sync.run();
    } catch (const Error& error) {
      watchers.say([&](Events& e) { e.run_failed(error, exit_code_of(error)); });
      throw;
    }
    finish(watchers, result, result.exit_code());
    return result;
  }

  const Connection& connection_;
  const Output& output_;
  const RunPlan* plan_;
};

/// The connection that the plan is of, unless the words say which.
std::vector<Connection> chosen_for(const SyncRequest& request, const std::optional<RunPlan>& plan) {
  if (!plan) return request.choice.connections();
  Choice choice = request.choice;
  if (choice.words.empty()) choice.words = {plan->connection};
  auto connections = choice.connections();
  if (connections.size() == 1) return connections;
  throw Error(Fault::config, "--plan: a plan is of one connection, several are named",
              "name " + plan->connection + " alone");
}

std::string heading(const Connection& connection) {
  return connection.sync.connection + ": " + redacted(connection.source) + " -> " +
         redacted(connection.destination) + "\n";
}

}  // namespace

int sync(const SyncRequest& request) {
  std::optional<RunPlan> planned;
  if (!request.plan.empty()) planned = read_plan(request);
  if (request.dry_run) return plan(request);
  auto connections = chosen_for(request, planned);
  block_signals();
  Stop stop;
  const SignalWatch watch([&stop](int count, int signal) { stop.signalled(count, signal); });
  Summary summary;
  int code = 0;
  for (Connection& connection : connections) {
    if (stop.asked()) {
      code = worse(code, exit_code_of_signal(watch.first()));
      break;
    }
    request.apply(connection);
    if (connections.size() > 1 && !request.output.json && !request.output.quiet)
      code = print_or_fail(heading(connection), code);
    code = worse(code, Runner(connection, request.output, planned ? &*planned : nullptr)
                           .run(summary, stop, watch));
  }
  if (request.output.json) code = print_or_fail(summary_line(summary, code) + "\n", code);
  return code;
}

}  // namespace sluice::cli
