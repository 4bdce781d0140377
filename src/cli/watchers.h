// SPDX-License-Identifier: Apache-2.0
// What watches a run: signals that stop it, live lines, events, the log.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>

#include "cli/commands.h"
#include "cli/events.h"
#include "cli/log.h"
#include "cli/progress.h"

namespace sluice::cli {

/// Carries signals to the run, if there is one yet.
class Stop {
 public:
  /// The first asks to finish, the second stops at once; before a run there is nothing to finish.
  void signalled(int count, int signal);
  bool asked() const { return asked_.load(); }
  /// Asked, and there is nothing to finish, or that is not wanted any more.
  bool at_once() const { return at_once_.load(); }

  /// While it lives, `told` hears of each signal: how many there were, and which the last one is.
  class Run {
   public:
    Run(Stop& stop, std::function<void(int count, int signal)> told);
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;
    ~Run();

   private:
    Stop& stop_;
  };

 private:
  std::mutex mutex_;
  std::atomic<bool> asked_{false}, at_once_{false};
  std::function<void(int, int)> run_;
  int count_ = 0, last_ = 0;
};

/// Everything that watches one connection's run.
class Watchers {
 public:
  Watchers(const Connection& connection, const std::string& destination, const Output& output);

  Observer& observer() { return all_; }
  /// Says how the run ended, in both streams of events: first in the file, which a full pipe does
  /// not keep from it.
  void say(const std::function<void(Events&)>& what);
  /// Throws what went wrong on the screen's own thread.
  void check() const;

 private:
  /// Notes, retries and finished tables, to the log.
  class Logged : public Observer {
   public:
    /// `tables`: also those that went well, where no live lines show them. A quiet run prints
    /// failures at its end.
    Logged(bool tables, bool failures) : tables_(tables), failures_(failures) {}
    void table_finished(const Receipt& receipt) override;
    void retrying(const std::string& why, std::chrono::milliseconds wait, int attempt) override;
    void note(const std::string& line) override;

   private:
    bool tables_, failures_;
  };

  void every_ten_seconds(const Display& display);

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

}  // namespace sluice::cli
