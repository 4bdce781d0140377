// SPDX-License-Identifier: Apache-2.0
// `sluice sync` and `sluice plan`.
#include <unistd.h>

#include <atomic>
#include <mutex>

#include "cli/commands.h"
#include "cli/events.h"
#include "cli/log.h"
#include "cli/open.h"
#include "cli/plan_file.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/signals.h"
#include "connectors/registry.h"

namespace sluice::cli {
namespace {

/// Carries signals to the run, if there is one yet.
class Stop {
 public:
  /// The first asks to finish, the second stops at once; before a run there is nothing to finish.
  void signalled(int count, int signal) {
    const std::scoped_lock lock(mutex_);
    asked_ = true;
    if (count > 1 || sync_ == nullptr) at_once_ = true;
    log(Level::warn, at_once_ ? "stopping" : "finishing the current unit; again to stop at once");
    if (sync_ != nullptr) {
      sync_->stop();
    } else if (count > 1) {
      ::_exit(exit_code_of_signal(signal));
    }
  }
  bool asked() const { return asked_.load(); }
  /// Asked, and there is nothing to finish, or that is not wanted any more.
  bool at_once() const { return at_once_.load(); }

  /// While it lives, signals reach `sync`, which must outlive it.
  class Run {
   public:
    Run(Stop& stop, Sync& sync) : stop_(stop) {
      const std::scoped_lock lock(stop_.mutex_);
      stop_.sync_ = &sync;
      if (stop_.asked_) sync.stop();
    }
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;
    ~Run() {
      const std::scoped_lock lock(stop_.mutex_);
      stop_.sync_ = nullptr;
    }

   private:
    Stop& stop_;
  };

 private:
  std::mutex mutex_;
  std::atomic<bool> asked_{false}, at_once_{false};
  Sync* sync_ = nullptr;
};

/// Notes, retries and finished tables, to the log.
class Logged : public Observer {
 public:
  /// `tables`: also those that went well, where no live lines show them. A quiet run prints
  /// failures at its end.
  Logged(bool tables, bool failures) : tables_(tables), failures_(failures) {}
  void table_finished(const Receipt& receipt) override {
    const std::string table = receipt.table.text();
    const bool good = receipt.outcome == Outcome::done || receipt.outcome == Outcome::unchanged;
    if (!good) {
      // What was asked for is no error; what had not begun is in the report.
      const Level level = receipt.outcome != Outcome::interrupted ? Level::error
                          : receipt.strategy.empty()              ? Level::debug
                                                                  : Level::warn;
      if (failures_)
        log(level, receipt.error.starts_with(table) ? receipt.error : table + ": " + receipt.error);
      return;
    }
    log(tables_ ? Level::info : Level::debug,
        table + ": " + receipt.strategy + ", " + std::to_string(receipt.read) + " read, " +
            std::to_string(receipt.inserted) + " inserted, " + std::to_string(receipt.updated) +
            " updated, " + std::to_string(receipt.deleted) + " deleted");
    if (!receipt.verified) return;
    const bool equal = receipt.verified->equal();
    if (equal ? tables_ : failures_)
      log(equal ? Level::info : Level::error, table + ": " + verified_text(*receipt.verified));
  }
  void retrying(const std::string& why, std::chrono::milliseconds wait, int attempt) override {
    log(Level::warn, why + "; attempt " + std::to_string(attempt) + " in " +
                         std::to_string(wait.count()) + " ms");
  }
  void note(const std::string& line) override { log(Level::info, line); }

 private:
  bool tables_, failures_;
};

/// Everything that watches one connection's run.
class Watchers {
 public:
  Watchers(const Connection& connection, const std::string& destination, const Output& output)
      : screen_(Screen::of(STDERR_FILENO)),
        live_(screen_.tty && !output.json && !output.quiet),
        events_(connection.sync.connection, redacted(connection.source), destination,
                [](const std::string& line) { print(line + "\n"); }),
        log_events_(connection.sync.connection, redacted(connection.source), destination,
                    [this](const std::string& line) { log_file_.append(line); }),
        log_file_(local_file(connection.destination).value_or("") + ".sluice.log"),
        logged_(!live_, !live_ && !output.quiet),
        json_(output.json),
        to_file_(local_file(connection.destination).has_value()),
        display_(screen_, live_, [this](const Display& display) { every_ten_seconds(display); }),
        around_([this](const std::function<void()>& write) { display_.above(write); }) {
    all_.add(display_);
    if (json_) all_.add(events_);
    if (to_file_) all_.add(log_events_);
    all_.add(logged_);
  }

  Observer& observer() { return all_; }
  /// Says how the run ended, in both streams of events: first in the file, which a full pipe does
  /// not keep from it.
  void say(const std::function<void(Events&)>& what) {
    if (to_file_) what(log_events_);
    if (!log_file_.failure().empty()) log(Level::warn, log_file_.failure());
    if (json_) what(events_);
  }
  /// Throws what went wrong on the screen's own thread.
  void check() const {
    if (const auto failure = display_.failure()) std::rethrow_exception(failure);
  }

 private:
  void every_ten_seconds(const Display& display) {
    if (live_) return;
    log(Level::info, display.summary());
    if (!json_) return;
    for (const auto& progress : display.running()) events_.progress(*progress);
  }

  Screen screen_;
  bool live_;
  Events events_, log_events_;
  LogFile log_file_;
  Logged logged_;
  bool json_, to_file_;
  Observers all_;
  Display display_;
  LogAround around_;
};

int after_signal(int code, const SignalWatch& watch) {
  return code == 130 && watch.first() != 0 ? exit_code_of_signal(watch.first()) : code;
}

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
      return after_signal(attempt(summary, stop), watch);
    } catch (const Error& error) {
      return failed(error, watch);
    } catch (const std::exception& error) {
      return failed(Error(Fault::internal, error.what()), watch);
    }
  }

 private:
  int failed(const Error& error, const SignalWatch& watch) {
    const int code = after_signal(exit_code_of(error), watch);
    if (output_.json) print_or_fail(error_line(error) + "\n", code);
    report_error(code == 130 || code == 143
                     ? Error(error.fault(), "stopped before the end; what is committed stays",
                             "the same command again goes on from there")
                     : error);
    return code;
  }

  int attempt(Summary& summary, Stop& stop) {
    const Secret password = fetch_password(connection_.password);
    const auto at_once = [&stop] { return stop.at_once(); };
    duck::Database database = open_database(connection_);
    // The source first: where it cannot be reached, no empty destination is left behind.
    const auto source = open_source(database, connection_, password, at_once);
    source->identity();
    if (plan_ != nullptr) check_plan(*plan_, connection_.sync, *source);
    const auto destination = open_destination(database, connection_, password, at_once);
    const RunResult result = watched(database, *source, *destination, stop);
    summary.add(result);
    int code = result.exit_code();
    if (result.error) report_error(*result.error);
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
      const Stop::Run signals_reach(stop, sync);
      result = plan_ != nullptr ? sync.run(*plan_) : sync.run();
    } catch (const Error& error) {
      watchers.say([&](Events& e) { e.run_failed(error, exit_code_of(error)); });
      throw;
    }
    try {
      watchers.say([&](Events& e) { e.run_finished(result, result.exit_code()); });
      watchers.check();
    } catch (const Error& error) {
      // The copies are made: they are reported as they are, beside this.
      if (!result.error) result.error = error;
    }
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
