// SPDX-License-Identifier: Apache-2.0
#include "cli/watchers.h"

#include <unistd.h>

#include "cli/signals.h"
#include "connectors/registry.h"

namespace sluice::cli {

void Stop::signalled(int count, int signal) {
  const std::scoped_lock lock(mutex_);
  asked_ = true;
  count_ = count;
  last_ = signal;
  if (count > 1 || !run_) at_once_ = true;
  log(Level::warn, at_once_ ? "stopping" : "finishing the current unit; again to stop at once");
  if (run_) {
    run_(count, signal);
  } else if (count > 1) {
    ::_exit(exit_code_of_signal(signal));
  }
}

Stop::Run::Run(Stop& stop, std::function<void(int, int)> told) : stop_(stop) {
  const std::scoped_lock lock(stop_.mutex_);
  stop_.run_ = std::move(told);
  if (stop_.asked_) stop_.run_(stop_.count_, stop_.last_);
}

Stop::Run::~Run() {
  const std::scoped_lock lock(stop_.mutex_);
  stop_.run_ = nullptr;
}

void Watchers::Logged::table_finished(const Receipt& receipt) {
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

void Watchers::Logged::retrying(const std::string& why, std::chrono::milliseconds wait,
                                int attempt) {
  log(Level::warn,
      why + "; attempt " + std::to_string(attempt) + " in " + std::to_string(wait.count()) + " ms");
}

void Watchers::Logged::note(const std::string& line) { log(Level::info, line); }

Watchers::Watchers(const Connection& connection, const std::string& destination,
                   const Output& output)
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

void Watchers::say(const std::function<void(Events&)>& what) {
  if (to_file_) what(log_events_);
  if (!log_file_.failure().empty()) log(Level::warn, log_file_.failure());
  if (json_) what(events_);
}

void Watchers::check() const {
  if (const auto failure = display_.failure()) std::rethrow_exception(failure);
}

void Watchers::every_ten_seconds(const Display& display) {
  if (live_) return;
  log(Level::info, display.summary());
  if (!json_) return;
  for (const auto& progress : display.running()) events_.progress(*progress);
}

}  // namespace sluice::cli
