// SPDX-License-Identifier: Apache-2.0
// The runs of a history: in this process while nobody writes, or as a program of its own, beside
// writers or killed.
#include <algorithm>
#include <array>
#include <thread>

#include "support/history.h"

namespace sluice::testing {
namespace {

using std::chrono::milliseconds;

std::string errors(const RunResult& result) {
  std::string text = "exit code " + std::to_string(result.exit_code());
  if (result.error) text += std::string(": ") + result.error->what();
  for (const Receipt& each : result.receipts) {
    if (!each.error.empty()) text += "; " + each.error;
  }
  return text;
}

}  // namespace

/// Where sluice reads from a standby, until that has all that was committed.
void History::follow() {
  if (flavour_.standby) server_.follow();
}

void History::prepare_run() {
  ++runs_;
  follow();
  counts_.failed_reads += server_.failed_reads();
  if (const std::string what = server_.before_run(parallel_); !what.empty()) note(what);
  run_began_ = microseconds(server_.value("SELECT " + server_.clock()));
}

/// What a load that was cut off had read is published later as it was then: class A, at an instant
/// that has passed. One that went on is of this run's instant.
bool History::of_the_past(const std::string& strategy, const std::string& guarantee,
                          const std::string& instant) {
  return strategy == "resume" && guarantee == "A" && micros_of(instant) < run_began_;
}

void History::first_run(Dice dice) {
  if (flavour_.first_killed) return run_killed(dice, true);
  if (dice.chance(flavour_.alongside)) return run_alongside(dice);
  run_and_compare(false);
}

void History::source_run(Dice dice) {
  switch (dice.which({flavour_.alongside, flavour_.killed})) {
    case 0:
      run_alongside(dice);
      break;
    case 1:
      run_killed(dice, false);
      break;
    default:
      run_and_compare(dice.chance(15));
      if (dice.chance(30)) run_and_compare(false);  // whose marks are those that the first one left
  }
}

RunResult History::run_here(bool full) {
  ++counts_.runs;
  prepare_run();
  note(full ? "sync --full" : "sync");
  RunResult result = copy_.sync(source_url(), options(full));
  for (const Receipt& each : result.receipts) {
    log_.back() += "  [" + each.table.name + " " + each.strategy + " " + each.guarantee + " +" +
                   std::to_string(each.inserted) + " ~" + std::to_string(each.updated) + " -" +
                   std::to_string(each.deleted) + " until " + each.until.value_or("-") + "]";
  }
  if (result.exit_code() != 0) throw std::runtime_error("the run failed: " + errors(result));
  if (flavour_.large) count_large(result);
  std::map<std::string, std::string> instants;
  for (const Receipt& each : result.receipts) instants[each.table.name] = each.instant;
  if (flavour_.watched()) watch(instants);
  return result;
}

void History::run_and_compare(bool full) { compare(run_here(full)); }

std::unique_ptr<Program> History::start(const std::string& failpoint) {
  prepare_run();
  return std::make_unique<Program>(words(), copy_.file() + ".out", failpoint);
}

/// Steps of writers while the program runs. Where sluice may not see since when others are active,
/// a transaction that begins while it looks is what the overlap is for, and there is none.
void History::steps_meanwhile(Dice& dice, int steps, milliseconds time) {
  for (int i = 0; i < steps; ++i) {
    if (!character_.reader || server_.reader_beside_writers()) writer_step(dice.fork());
    if (!moments_.empty()) remember_tables();
    std::this_thread::sleep_for(time / (steps + 1));
  }
  std::this_thread::sleep_for(time / (steps + 1));
}

void History::wait_for(Program& program) {
  for (int i = 0; program.running(); ++i) {
    if (i > 60'000) throw std::runtime_error("the program does not end");
    std::this_thread::sleep_for(milliseconds(1));
  }
}

/// Waits until the program reads under its snapshot. False: it has ended.
bool History::snapshot_taken(Program& program) {
  while (program.running()) {
    if (server_.snapshot_taken()) return true;
    std::this_thread::sleep_for(std::chrono::microseconds(300));
  }
  return false;
}

/// So that a run which is started now has to wait before its snapshot. False: somebody else has
/// the table, or this server's runs would not.
bool History::lock_table(Dice& dice) {
  moments_.clear();
  remember_tables();
  locked_ = &any_table(dice);
  const std::string lock = server_.lock_table(*locked_);
  if (lock.empty()) return false;
  try {
    locker_->exec(lock);
    note(locked_->name() + " is locked");
    return true;
  } catch (const std::runtime_error&) {
    locker_->exec("ROLLBACK");
    return false;
  }
}

/// What is committed then is in the snapshot, and its instant is no earlier.
void History::write_while_it_waits(Program& program, Dice& dice) {
  while (program.running() && !server_.run_waits()) std::this_thread::sleep_for(milliseconds(1));
  moments_.back().at = microseconds(server_.value("SELECT " + server_.clock()));
  const std::string change = locked_->update(dice, character_.stamps, true);
  note("while it waits: " + change);
  locker_->exec(change + "; COMMIT");
  remember_tables();
}

void History::run_alongside(Dice& dice) {
  ++counts_.alongside;
  note("sluice sync, meanwhile:");
  const bool waits = flavour_.history && dice.chance(15) && lock_table(dice);
  const std::unique_ptr<Program> program = start({});
  const bool hold = flavour_.standby && dice.chance(50);
  if (hold) server_.hold(true);
  shape_changed_ = column_added_ = false;
  if (waits) {
    write_while_it_waits(*program, dice);
  } else {
    moments_.clear();
    remember_tables();
  }
  const bool ambushed = !character_.reader && !flavour_.standby && dice.chance(flavour_.ambush);
  if (ambushed && snapshot_taken(*program)) {
    program->stand();
    ++counts_.ambushes;
    note("its snapshot is taken");
    ambush(dice.fork());
    program->go_on();
  } else {
    steps_meanwhile(dice, dice.from(2, 20), milliseconds(dice.from(20, 200)));
  }
  wait_for(*program);
  if (hold) server_.hold(false);
  note("sluice ended: " + std::to_string(program->exit_code()));
  const Look before = look_;
  if (flavour_.watched()) watch({});
  // A table that is rewritten again and again may fail; the next run brings it.
  if (program->exit_code() == 0) return compare_alongside(*program);
  const bool all_held = flavour_.together && program->exit_code() == 1;
  if (shape_changed_ && (all_held || program->exit_code() == 3)) return check_kept(before);
  throw std::runtime_error("sluice ended with " + std::to_string(program->exit_code()) + ": " +
                           program->printed());
}

/// `before_published`: in a load, when rows are committed and none of its table is visible.
void History::run_killed(Dice& dice, bool before_published) {
  static constexpr std::array kPlaces{"after-ddl",    "before-commit",  "after-commit",
                                      "after-commit", "after-commit",   "before-commit",
                                      "after-unit",   "before-publish", "after-publish"};
  static constexpr std::array kAllPlaces{"after-ddl",     "after-create",   "after-unit",
                                         "before-commit", "before-publish", "before-commit",
                                         "after-commit",  "after-publish"};
  static constexpr std::array kBeforePublished{"after-unit", "before-publish"};
  static constexpr std::array kCommits{"before-commit", "after-commit", "after-commit"};
  const bool at_place = before_published || flavour_.killed_at_commits || dice.chance(60);
  const std::string place = before_published                ? dice.pick(kBeforePublished)
                            : flavour_.killed_at_commits    ? dice.pick(kCommits)
                            : at_place && flavour_.together ? dice.pick(kAllPlaces)
                            : at_place                      ? dice.pick(kPlaces)
                                                            : "";
  const milliseconds time(dice.from(5, 150));
  note("sluice sync, killed " +
       (at_place ? place : "after " + std::to_string(time.count()) + " ms") + ", meanwhile:");
  moments_.clear();
  if (flavour_.watched()) remember_tables();
  const std::unique_ptr<Program> program = start(place);
  steps_meanwhile(dice, dice.from(0, before_published ? 2 : 6), time);
  if (at_place) wait_for(*program);
  program->kill();
  if (program->killed()) ++counts_.killed;
  note(program->killed() ? "killed" : "it had ended: " + std::to_string(program->exit_code()));
  if (!flavour_.watched()) return;
  remember_tables();
  const Look before = look_;
  watch({});
  check_torn(before);
}

}  // namespace sluice::testing
