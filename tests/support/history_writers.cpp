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
  if (const std::string what = server_.before_step(dice); !what.empty()) note(what);
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

/// Whether it succeeded. A writer that failed goes back to where it can go on.
bool History::attempt(std::size_t at, const std::string& sql) {
  Writer& writer = *writers_[at];
  const std::string sent = writer.open ? sql : server_.alone(sql);
  note("w" + std::to_string(at + 1) + ": " + sent);
  std::string failure;
  try {
    writer.session->exec(sent);
    return true;
  } catch (const std::runtime_error& error) {
    failure = error.what();
  }
  if (!server_.expected(failure)) throw std::runtime_error(sent + ": " + failure);
  log_.back() += "  -> " + failure;
  while (log_.back().back() == '\n') log_.back().pop_back();
  ++counts_.given_up;
  server_.recover(writer, failure);
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

std::string History::insert_new(Dice& dice) {
  const int count = dice.from(1, 50), first = next_number_;
  next_number_ += count;
  return any_table(dice).insert(dice, character_.stamps, first, count);
}

void History::step_outside(std::size_t at, Dice& dice) {
  const Flavour& chances = flavour_;
  switch (dice.which({chances.begin, chances.change, chances.finish_prepared, chances.message})) {
    case 0: {
      Writer& writer = *writers_[at];
      const std::string name = "h" + std::to_string(seed_) + "_w" + std::to_string(++begun_);
      const std::string begin = server_.begin(writer, flavour_, name, dice);
      note("w" + std::to_string(at + 1) + ": " + begin);
      writer.session->exec(begin);
      writer.open = true;
      writer.savepoints = 0;
      writer.since = runs_;
      if (flavour_.writes_early) attempt(at, change(dice));
      break;
    }
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
      end(at, false);
      break;
    case 5:
      prepare(at);
      break;
    default:
      end(at, true);
  }
}

void History::write_and_end(std::size_t at, Dice& dice) {
  for (int i = dice.from(1, 2); i > 0 && writers_[at]->open; --i) attempt(at, change(dice));
  if (!writers_[at]->open) return;
  if (dice.chance(flavour_.prepare)) {
    prepare(at);
  } else {
    end(at, dice.chance(90));
  }
}

void History::end(std::size_t at, bool commit) {
  writers_[at]->savepoints = 0;
  attempt(at, server_.end(*writers_[at], commit));
  writers_[at]->open = false;
  writers_[at]->xa.clear();
}

/// An older one that is still open would hold back what the next one is to let through.
void History::prepare(std::size_t at) {
  if (prepared_.size() >= (flavour_.over_runs ? 1 : 4)) return end(at, true);
  std::string name = "h" + std::to_string(seed_) + "_" + std::to_string(next_name_++);
  Writer& writer = *writers_[at];
  const std::string prepare = server_.prepare(writer, name);
  if (prepare.empty()) return end(at, true);
  writer.savepoints = 0;
  const bool done = attempt(at, prepare);
  writer.open = false;
  writer.xa.clear();
  if (!done) return;
  prepared_.push_back({name, runs_});
  server_.prepared(writer, name);
}

/// Two transactions in one message, which share the message's time: the second writes with a stamp
/// from before the first one's end. A gate in each, so that runs come in between. A role that may
/// not see since when others are active cannot know of it.
void History::send_message(std::size_t at, Dice& dice) {
  const bool another =
      std::ranges::any_of(writers_, [](const auto& each) { return each->gate != 0; });
  const bool blind = character_.reader && !server_.reader_beside_writers();
  if (blind || (flavour_.over_runs && another)) {
    attempt(at, change(dice));
    return;
  }
  std::string sql;
  for (int number = 1; number <= 2; ++number) {
    const bool all = flavour_.over_runs && number == 2;
    const bool inserts = number == 1 && server_.message_inserts() && dice.chance(70);
    const std::string what = all       ? any_table(dice).update(dice, character_.stamps, true)
                             : inserts ? insert_new(dice)
                                       : change(dice);
    std::unique_ptr<HistorySession>& keeper = gates_[gate(at, number)];
    if (!keeper) keeper = server_.session(true);
    keeper->exec(server_.lock_gate(gate(at, number)));
    sql += server_.gated(gate(at, number), what);
  }
  note("w" + std::to_string(at + 1) + ": in one message: " + sql);
  writers_[at]->session->send(sql);
  open_gate(at);
}

/// Opens the gate that the writer waits for, if it does, and comes back when it waits for the next
/// one or has ended.
void History::open_gate(std::size_t at) {
  Writer& writer = *writers_[at];
  const auto unlock = [&](int number) {
    const std::string name = gate(at, number);
    gates_.at(name)->exec(server_.unlock_gate(name));
  };
  if (writer.gate != 0) {
    note("w" + std::to_string(at + 1) + " goes on, gate " + std::to_string(writer.gate));
    unlock(writer.gate);
  }
  ++writer.gate;
  try {
    while (!writer.session->ended()) {
      if (writer.gate <= 2 && server_.waits_at(writer, gate(at, writer.gate))) {
        if (writer.gate == 2) ++counts_.messages;
        writer.since = runs_;
        return;
      }
      std::this_thread::sleep_for(milliseconds(1));
    }
  } catch (const std::runtime_error& error) {
    if (!server_.expected(error.what())) throw;
    log_.back() += std::string("  -> ") + error.what();
    ++counts_.given_up;
    writer.session->exec(server_.after_message());
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
  const std::string sql = server_.end_prepared(found->name, dice.chance(70));
  const std::string name = found->name;
  prepared_.erase(found);
  note(sql);
  try {
    server_.exec_prepared(name, sql);
  } catch (const std::runtime_error& error) {
    if (!server_.expected(error.what())) throw;
    log_.back() += std::string("  -> ") + error.what();
  }
  return true;
}

/// In a transaction of its own; where anybody has the table open, it is left.
void History::change_shape(std::size_t at, Dice& dice) {
  HistoryTable& table = any_table(dice);
  if (dice.chance(60)) return change_file(at, dice);
  shape_changed_ = true;
  if (reshape(at, table, dice)) return;
  if (table.added() < 3 && attempt(at, table.add_column(dice))) {
    table.column_added();
    column_added_ = true;
  }
}

/// What a column held stays in versions that have ended, and in rows that are marked.
bool History::reshape(std::size_t at, HistoryTable& table, Dice& dice) {
  if (flavour_.watched()) return false;
  const HistoryServer::Reshape change = server_.reshape(table, dice);
  if (change.sql.empty()) return false;
  if (attempt(at, change.sql) && change.drops) {
    table.column_dropped();
    column_added_ = true;
  }
  return true;
}

/// After which an older snapshot would find the table empty.
void History::change_file(std::size_t at, Dice& dice) {
  HistoryTable& table = any_table(dice);
  shape_changed_ = true;
  if (!character_.deletes || dice.chance(25)) {
    attempt(at, server_.sql().rewrite(table));
  } else if (dice.chance(40)) {
    attempt(at, server_.truncate(table));
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
    end(at, dice.chance(75));
  }
  while (finish_prepared(dice, true)) {
  }
}

}  // namespace sluice::testing
