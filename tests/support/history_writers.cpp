// SPDX-License-Identifier: Apache-2.0
// What the writers of a history do.
#include <algorithm>
#include <array>
#include <iterator>
#include <thread>

#include "support/history.h"

namespace sluice::testing {
namespace {

using std::chrono::milliseconds;

/// What one thread that plays several writers runs into; everything else is a mistake of ours.
bool expected(const std::string& message) {
  static constexpr std::array kExpected{"lock timeout", "duplicate key", "deadlock detected",
                                        "could not serialize", "moved to another partition"};
  return std::ranges::any_of(
      kExpected, [&](const char* each) { return message.find(each) != std::string::npos; });
}

std::string gate(std::size_t writer, int number) {
  return std::to_string(writer * 2 + static_cast<std::size_t>(number));
}

}  // namespace

/// Whether a run must begin before it goes on.
bool History::waits(const Writer& writer) const {
  return flavour_.over_runs && (writer.open || writer.gate != 0) && writer.since == runs_;
}

/// Of the writer whose turn it is, or the next one that may go on.
void History::writer_step(Dice dice) {
  ++counts_.steps;
  auto at = static_cast<std::size_t>(dice.below(static_cast<int>(writers_.size())));
  for (std::size_t i = 0; i < writers_.size() && waits(*writers_[at]); ++i)
    at = (at + 1) % writers_.size();
  const Writer& writer = *writers_[at];
  if (writer.gate != 0) {
    if (flavour_.over_runs || dice.chance(25)) open_gate(at);
  } else if (!writer.open) {
    step_outside(at, dice);
  } else if (flavour_.over_runs) {
    write_and_end(at, dice);
  } else {
    step_inside(at, dice);
  }
}

/// Whether it succeeded. A writer that failed goes back to its savepoint, or ends its transaction.
bool History::attempt(std::size_t at, const std::string& sql) {
  Writer& writer = *writers_[at];
  note("w" + std::to_string(at + 1) + ": " + sql);
  try {
    writer.session.exec(sql);
    return true;
  } catch (const std::runtime_error& error) {
    if (!expected(error.what())) throw std::runtime_error(sql + ": " + error.what());
    log_.back() += std::string("  -> ") + error.what();
    while (log_.back().back() == '\n') log_.back().pop_back();
  }
  ++counts_.given_up;
  if (!writer.open) return false;
  if (writer.savepoints > 0) {
    writer.session.exec("ROLLBACK TO s" + std::to_string(writer.savepoints));
  } else {
    writer.session.exec("ROLLBACK");
    writer.open = false;
  }
  return false;
}

/// Of those that are not large: what is done to any of these touches many of its rows.
HistoryTable& History::any_table(Dice& dice) {
  if (flavour_.large)
    return tables_[static_cast<std::size_t>(dice.from(1, static_cast<int>(tables_.size()) - 1))];
  return tables_[static_cast<std::size_t>(dice.below(static_cast<int>(tables_.size())))];
}

std::string History::change(Dice& dice) {
  if (flavour_.large && dice.chance(70))
    return tables_.front().change_few(dice, character_.stamps, kLargeKeys);
  HistoryTable& table = any_table(dice);
  const Stamps& stamps = character_.stamps;
  if (flavour_.watched() && character_.deletes && dice.chance(25)) return table.come_or_go(dice);
  const int kind = dice.below(100);
  if (kind < 36 || flavour_.append) {
    const int count = dice.chance(40) ? 1 : dice.from(2, 50);
    const bool fresh = flavour_.append || dice.chance(60);
    const int first = fresh ? next_number_ : dice.from(1, next_number_);
    if (fresh) next_number_ += count;
    return table.insert(dice, stamps, first, count);
  }
  if (kind < 66 || !character_.deletes) return table.update(dice, stamps, dice.chance(12));
  if (kind < 74) return table.exchange(dice, stamps);
  if (kind < 90) return table.remove(dice);
  const int number = dice.chance(70) ? next_number_++ : dice.from(1, next_number_);
  return table.change_key(dice, stamps, number);
}

void History::step_outside(std::size_t at, Dice& dice) {
  const Flavour& chances = flavour_;
  switch (dice.which({chances.begin, chances.change, chances.finish_prepared, chances.message})) {
    case 0:
      writers_[at]->open =
          attempt(at, dice.chance(85) ? "BEGIN" : "BEGIN ISOLATION LEVEL REPEATABLE READ");
      writers_[at]->savepoints = 0;
      writers_[at]->since = runs_;
      break;
    case 2:
      if (finish_prepared(dice, false)) break;
      [[fallthrough]];
    case 1:
      attempt(at, change(dice));
      break;
    case 3:
      send_message(at, dice);
      break;
    default:
      change_shape(at, dice);
  }
}

void History::step_inside(std::size_t at, Dice& dice) {
  Writer& writer = *writers_[at];
  const Flavour& chances = flavour_;
  switch (dice.which({chances.write, chances.pause, chances.savepoint, chances.back,
                      chances.rollback, chances.prepare})) {
    case 1:
      std::this_thread::sleep_for(milliseconds(dice.from(1, 3)));
      break;
    case 2:
      if (attempt(at, "SAVEPOINT s" + std::to_string(writer.savepoints + 1))) ++writer.savepoints;
      break;
    case 3:
      if (writer.savepoints > 0) {
        writer.savepoints = dice.from(1, writer.savepoints);
        attempt(at, "ROLLBACK TO s" + std::to_string(writer.savepoints));
        break;
      }
      [[fallthrough]];
    case 0:
      attempt(at, change(dice));
      break;
    case 4:
      end(at, "ROLLBACK");
      break;
    case 5:
      prepare(at);
      break;
    default:
      end(at, "COMMIT");
  }
}

void History::write_and_end(std::size_t at, Dice& dice) {
  for (int i = dice.from(1, 2); i > 0 && writers_[at]->open; --i) attempt(at, change(dice));
  if (!writers_[at]->open) return;
  if (dice.chance(flavour_.prepare)) {
    prepare(at);
  } else {
    end(at, dice.chance(90) ? "COMMIT" : "ROLLBACK");
  }
}

void History::end(std::size_t at, const std::string& how) {
  writers_[at]->savepoints = 0;
  attempt(at, how);
  writers_[at]->open = false;
}

/// An older one that is still open would hold back what the next one is to let through.
void History::prepare(std::size_t at) {
  if (prepared_.size() >= (flavour_.over_runs ? 1 : 4)) return end(at, "COMMIT");
  const std::string name = "h" + std::to_string(seed_) + "_" + std::to_string(next_name_++);
  writers_[at]->savepoints = 0;
  if (attempt(at, "PREPARE TRANSACTION '" + name + "'")) prepared_.push_back({name, runs_});
  writers_[at]->open = false;
}

/// Two transactions in one message, which share the message's time: the second writes with a stamp
/// from before the first one's end. A gate in each, so that runs come in between. A role that may
/// not see since when others are active cannot know of it.
void History::send_message(std::size_t at, Dice& dice) {
  const bool another =
      std::ranges::any_of(writers_, [](const auto& each) { return each->gate != 0; });
  if (character_.reader || (flavour_.over_runs && another)) {
    attempt(at, change(dice));
    return;
  }
  std::string sql;
  for (int number = 1; number <= 2; ++number) {
    const bool all = flavour_.over_runs && number == 2;
    const std::string what =
        all ? any_table(dice).update(dice, character_.stamps, true) : change(dice);
    gatekeeper_->exec("SELECT pg_advisory_lock(" + gate(at, number) + ")");
    sql += "BEGIN; SET LOCAL lock_timeout = 0; SELECT pg_advisory_xact_lock(" + gate(at, number) +
           "); SET LOCAL lock_timeout = '20ms'; " + what + "; COMMIT; ";
  }
  note("w" + std::to_string(at + 1) + ": in one message: " + sql);
  writers_[at]->session.send(sql);
  open_gate(at);
}

/// Opens the gate that the writer waits for, if it does, and comes back when it waits for the next
/// one or has ended.
void History::open_gate(std::size_t at) {
  Writer& writer = *writers_[at];
  const auto unlock = [&](int number) {
    gatekeeper_->exec("SELECT pg_advisory_unlock(" + gate(at, number) + ")");
  };
  if (writer.gate != 0) {
    note("w" + std::to_string(at + 1) + " goes on, gate " + std::to_string(writer.gate));
    unlock(writer.gate);
  }
  ++writer.gate;
  const std::string waits =
      "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE d.datname = "
      "current_database() AND locktype = 'advisory' AND NOT granted AND objid = " +
      gate(at, writer.gate);
  try {
    while (!writer.session.ended()) {
      if (writer.gate <= 2 && database_.value(waits) != "0") {
        if (writer.gate == 2) ++counts_.messages;
        writer.since = runs_;
        return;
      }
      std::this_thread::sleep_for(milliseconds(1));
    }
  } catch (const std::runtime_error& error) {
    if (!expected(error.what())) throw;
    log_.back() += std::string("  -> ") + error.what();
    ++counts_.given_up;
    writer.session.exec("ROLLBACK");
  }
  if (writer.gate == 1) unlock(1);
  if (writer.gate <= 2) unlock(2);
  writer.gate = 0;
}

/// `any`: also one that no run has seen, where the flavour wants that. False: there is none.
bool History::finish_prepared(Dice& dice, bool any) {
  const auto ready = [&](const Prepared& each) {
    return any || !flavour_.over_runs || each.since < runs_;
  };
  const auto count = static_cast<int>(std::ranges::count_if(prepared_, ready));
  if (count == 0) return false;
  auto found = std::ranges::find_if(prepared_, ready);
  for (int i = dice.below(count); i > 0; --i)
    found = std::find_if(std::next(found), prepared_.end(), ready);
  const std::string sql =
      std::string(dice.chance(70) ? "COMMIT" : "ROLLBACK") + " PREPARED '" + found->name + "'";
  prepared_.erase(found);
  note(sql);
  database_.exec(sql);
  return true;
}

/// In a transaction of its own; where anybody has the table open, it is left.
void History::change_shape(std::size_t at, Dice& dice) {
  HistoryTable& table = any_table(dice);
  if (dice.chance(60)) return change_file(at, dice);
  shape_changed_ = true;
  if (table.added() < 3 && attempt(at, table.add_column(dice))) {
    table.column_added();
    column_added_ = true;
  }
}

/// After which an older snapshot would find the table empty.
void History::change_file(std::size_t at, Dice& dice) {
  HistoryTable& table = any_table(dice);
  shape_changed_ = true;
  if (!character_.deletes || dice.chance(25)) {
    attempt(at, table.rewrite());
  } else if (dice.chance(40)) {
    attempt(at, "TRUNCATE " + table.name());
  } else {
    const int count = dice.from(1, 50);
    attempt(at, table.refill(dice, character_.stamps, next_number_, count));
    next_number_ += count;
  }
}

/// What comes between a run's snapshot and what it reads: all that is open ends, or something else
/// happens.
void History::ambush(Dice dice) {
  const bool all_end = dice.chance(50);
  for (std::size_t at = 0; at < writers_.size() && all_end; ++at) {
    if (!writers_[at]->open) continue;
    write_and_end(at, dice);
    remember_tables();
  }
  for (int i = dice.from(1, 3); i > 0; --i) {
    ++counts_.steps;
    const auto at = static_cast<std::size_t>(dice.below(static_cast<int>(writers_.size())));
    if (writers_[at]->gate != 0) {
      open_gate(at);
    } else if (writers_[at]->open) {
      write_and_end(at, dice);
    } else if (dice.chance(30) && !flavour_.append) {
      change_file(at, dice);
    } else if (dice.chance(40) && character_.deletes) {
      attempt(at, any_table(dice).exchange(dice, character_.stamps));
    } else {
      attempt(at, change(dice));
    }
    remember_tables();
  }
}

void History::finish_all(Dice dice) {
  for (std::size_t at = 0; at < writers_.size(); ++at) {
    const Writer& writer = *writers_[at];
    while (writer.gate != 0) open_gate(at);
    if (!writer.open) continue;
    end(at, dice.chance(75) ? "COMMIT" : "ROLLBACK");
  }
  while (finish_prepared(dice, true)) {
  }
}

}  // namespace sluice::testing
