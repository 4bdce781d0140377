// SPDX-License-Identifier: Apache-2.0
// What a history is like, and its course: the writers are in history_writers.cpp, the runs in
// history_runs.cpp, what they must leave in history_oracle.cpp.
#include "support/history.h"

#include <unistd.h>

#include <array>
#include <filesystem>

namespace sluice::testing {
namespace {

using std::chrono::milliseconds;
using Kind = HistoryTable::Kind;

constexpr int kStamped = 4;

/// Processes are killed here, not machines: nothing has to reach a disk.
std::filesystem::path folder_in_memory() {
  const std::filesystem::path memory = "/dev/shm";
  return access(memory.c_str(), W_OK) == 0 ? memory : std::filesystem::temp_directory_path();
}

}  // namespace

History::History(std::uint64_t seed, HistoryServer& server, HistoryCounts& counts)
    : seed_(seed),
      counts_(counts),
      dice_(seed),
      server_(server),
      flavour_(server.fitting(flavour_of(seed))),
      copy_(folder_in_memory()) {
  Dice dice = dice_.fork();
  character_.stamps.honest = dice.chance(flavour_.honest);
  character_.deletes = !character_.stamps.honest || dice.chance(flavour_.deletes);
  character_.reader = dice.chance(flavour_.reader);
  character_.big = dice.chance(flavour_.big);
  parallel_ = static_cast<std::size_t>(dice.from(1, 3));
  note(std::string(flavour_.name) + ": " + (character_.stamps.honest ? "honest" : "dishonest") +
       (character_.deletes ? "" : ", nothing is deleted, keys are not compared") +
       (character_.reader ? ", sluice has few rights" : "") + (character_.big ? ", big" : ""));
  make_tables();
  const int writers = dice.from(3, 4);
  for (int i = 0; i < writers; ++i) {
    writers_.push_back(std::make_unique<Writer>(server_.session(false)));
  }
  locker_ = server_.session(true);
}

History::~History() {
  writers_.clear();
  try {
    for (const Prepared& each : prepared_)
      server_.exec_prepared(each.name, server_.end_prepared(each.name, false));
    if (flavour_.standby) server_.hold(false);
  } catch (const std::exception&) {
    // The database stays; the server goes with the program.
  }
}

void History::note(const std::string& line) {
  const auto time = std::chrono::steady_clock::now() - began_;
  std::string stamp = std::to_string(std::chrono::duration_cast<milliseconds>(time).count());
  stamp.insert(0, 5 - std::min<std::size_t>(5, stamp.size()), ' ');
  log_.push_back(stamp + " ms  " + line);
}

/// The first kStamped of them are stamped.
std::vector<Kind> History::kinds() const {
  std::vector<Kind> kinds{Kind::number,   Kind::pair,  Kind::uuid,
                          Kind::nullable, Kind::keyed, Kind::bag};
  if (flavour_.append) kinds.resize(kStamped);
  if (flavour_.versions) std::erase(kinds, Kind::bag);
  return kinds;
}

void History::make_large(HistoryTable& table) {
  ++counts_.large;
  const HistoryTable stamps = table;
  table = HistoryTable(server_.sql(), Kind::large, table.name(), false);
  table.stamp_with(stamps.stamp_type(), stamps.automatic());
  for (const std::string& sql : {table.create(), table.fill(kLargeKeys)}) {
    note(sql);
    server_.exec(sql);
  }
}

/// The first table by its stamps, the others by values that updates change.
void History::filter(HistoryTable& table, Dice& dice) {
  static constexpr std::array kWhere{"n % 3 <> 0", "n > 20", "note IS NOT NULL",
                                     "coalesce(note, '') NOT LIKE 'note%'"};
  std::string start;
  if (&table == &tables_.front()) {
    const std::string ahead = dice.chance(60) ? "0" : "30 minutes";
    start = server_.value(server_.start(ahead));
  }
  table.filter(start.empty() || dice.chance(30) ? dice.pick(kWhere) : "", start);
  note(table.name() + " where " + table.where() + " start " + table.start());
}

void History::make_tables() {
  server_.exec("DROP TABLE IF EXISTS t1, t2, t3");
  Dice dice = dice_.fork();
  std::vector<Kind> kinds = this->kinds();
  const int wanted = flavour_.first_killed ? 1 : dice.from(2, 3);
  for (int i = 1; i <= wanted; ++i) {
    // One at least lives by its marks.
    const bool unmarked = flavour_.unmarked && dice.chance(50);
    const int at = unmarked ? kStamped  // the next kind
                            : dice.below(i == 1 ? kStamped : static_cast<int>(kinds.size()));
    const Kind kind = kinds[static_cast<std::size_t>(at)];
    kinds.erase(kinds.begin() + at);
    const bool partitioned = kind != Kind::bag && dice.chance(25);
    HistoryTable& table =
        tables_.emplace_back(server_.sql(), kind, "t" + std::to_string(i), partitioned);
    server_.choose(table, dice);
    if (flavour_.large && i == 1) {
      make_large(table);
      continue;
    }
    const int count = character_.big ? 12'000 : dice.from(0, 300);
    note(table.create());
    server_.exec(table.create());
    // Of the flavours of settings, so that the other seeds keep their histories.
    if ((flavour_.soft || flavour_.history || flavour_.together) && character_.stamps.honest &&
        (kind == Kind::pair || kind == Kind::uuid)) {
      const std::string trigger = server_.sql().stamped_by_trigger(table);
      note(trigger);
      server_.exec(trigger);
    }
    if (count > 0) {
      const std::string fill = table.insert(dice, character_.stamps, next_number_, count);
      note(fill);
      server_.exec(fill);
      next_number_ += count;
    }
    if (flavour_.filtered) filter(table, dice);
  }
  server_.make_user(tables_, flavour_, character_.reader, dice);
}

void History::run() {
  Dice shape = dice_.fork();
  const int steps = shape.from(flavour_.fewest_steps, flavour_.most_steps);
  const int first = shape.from(8, 16);  // what is open then is what a first load's mark must mind
  const int pause = first + shape.from(4, steps - first - 2);
  for (int i = 0; i < steps; ++i) {
    if (i == first) first_run(dice_.fork());
    if (i > (flavour_.first_killed ? first : 4) && shape.chance(flavour_.run))
      source_run(dice_.fork());
    if (i == pause) quiet(dice_.fork());
    writer_step(dice_.fork());
  }
  quiet(dice_.fork());
}

}  // namespace sluice::testing
