// SPDX-License-Identifier: Apache-2.0
#include "support/history.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

namespace sluice::testing {
namespace {

using std::chrono::milliseconds;
using Kind = HistoryTable::Kind;

constexpr const char* kReader = "history_reader";

/// What one thread that plays several writers runs into; everything else is a mistake of ours.
bool expected(const std::string& message) {
  static constexpr std::array<const char*, 4> kExpected{"lock timeout", "duplicate key",
                                                        "deadlock detected", "could not serialize"};
  return std::ranges::any_of(
      kExpected, [&](const char* each) { return message.find(each) != std::string::npos; });
}

std::string gate(std::size_t writer, int number) {
  return std::to_string(writer * 2 + static_cast<std::size_t>(number));
}

std::string errors(const RunResult& result) {
  std::string text = "exit code " + std::to_string(result.exit_code());
  if (result.error) text += std::string(": ") + result.error->what();
  for (const Receipt& each : result.receipts) {
    if (!each.error.empty()) text += "; " + each.error;
  }
  return text;
}

const Receipt& receipt_of(const RunResult& result, const std::string& table) {
  const auto found =
      std::ranges::find(result.receipts, TableName{"public", table}, &Receipt::table);
  if (found == result.receipts.end()) throw std::runtime_error(table + " has no receipt");
  return *found;
}

/// What a load that was cut off had read is published later as it was then: class A, at an instant
/// that has passed.
bool of_the_past(const Receipt& receipt) {
  return receipt.strategy == "resume" && receipt.guarantee == "A";
}

/// The table's name and its key, of a row as HistoryTable writes it.
std::string key_of(const std::string& row, int parts) {
  std::size_t at = row.find('|');
  for (; parts > 0; --parts) at = row.find('|', at + 1);
  return row.substr(0, at);
}

void list(std::string& text, const char* title, const std::vector<std::string>& rows) {
  if (rows.empty()) return;
  text += std::string("\n  ") + title + ", " + std::to_string(rows.size()) + " rows:";
  for (std::size_t i = 0; i < std::min<std::size_t>(rows.size(), 8); ++i)
    text += "\n    " + rows[i];
}

}  // namespace

History::History(std::uint64_t seed, PostgresDatabase& database, HistoryCounts& counts)
    : seed_(seed), counts_(counts), dice_(seed), database_(database) {
  Dice dice = dice_.fork();
  character_.stamps.honest = dice.chance(75);
  character_.deletes = !character_.stamps.honest || dice.chance(65);
  character_.reader = dice.chance(30);
  character_.big = dice.chance(8);
  parallel_ = static_cast<std::size_t>(dice.from(1, 3));
  note(std::string(character_.stamps.honest ? "honest" : "dishonest") +
       (character_.deletes ? "" : ", nothing is deleted, keys are not compared") +
       (character_.reader ? ", sluice has few rights" : "") + (character_.big ? ", big" : ""));
  make_tables();
  const int writers = dice.from(3, 4);
  for (int i = 0; i < writers; ++i) {
    writers_.push_back(std::make_unique<Writer>(database_.socket_url()));
    writers_.back()->session.exec("SET lock_timeout = '20ms'");
  }
  gatekeeper_ = std::make_unique<PostgresSession>(database_.socket_url());
}

History::~History() {
  writers_.clear();
  try {
    for (const std::string& each : prepared_) database_.exec("ROLLBACK PREPARED '" + each + "'");
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

void History::make_tables() {
  database_.exec("DROP TABLE IF EXISTS t1, t2, t3");
  Dice dice = dice_.fork();
  std::vector<Kind> kinds{Kind::number,   Kind::pair,  Kind::uuid,
                          Kind::nullable, Kind::keyed, Kind::bag};
  const int wanted = dice.from(2, 3);
  for (int i = 1; i <= wanted; ++i) {
    // One at least lives by its marks.
    const int at = dice.below(i == 1 ? 4 : static_cast<int>(kinds.size()));
    HistoryTable& table =
        tables_.emplace_back(kinds[static_cast<std::size_t>(at)], "t" + std::to_string(i));
    kinds.erase(kinds.begin() + at);
    const int count = character_.big ? 12'000 : dice.from(0, 300);
    note(table.create());
    database_.exec(table.create());
    if (count == 0) continue;
    const std::string fill = table.insert(dice, character_.stamps, next_number_, count);
    note(fill);
    database_.exec(fill);
    next_number_ += count;
  }
  if (!character_.reader) return;
  database_.exec(std::string("DO $$ BEGIN CREATE ROLE ") + kReader +
                 " LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$");
  for (const HistoryTable& table : tables_)
    database_.exec("GRANT SELECT ON " + table.name() + " TO " + kReader);
}

// ---- writers

void History::run() {
  Dice shape = dice_.fork();
  const int steps = shape.from(40, 70);
  const int pause = shape.from(steps / 3, 2 * steps / 3);
  const int first = shape.from(8, 16);  // what is open then is what a first load's mark must mind
  for (int i = 0; i < steps; ++i) {
    if (i == first) run_and_compare(false);
    if (i > 4 && shape.chance(11)) source_run(dice_.fork());
    if (i == pause) quiet(dice_.fork());
    writer_step(dice_.fork());
  }
  quiet(dice_.fork());
}

void History::writer_step(Dice dice) {
  ++counts_.steps;
  const auto at = static_cast<std::size_t>(dice.below(static_cast<int>(writers_.size())));
  if (writers_[at]->gate != 0) {
    if (dice.chance(25)) open_gate(at);
  } else if (writers_[at]->open) {
    step_inside(at, dice);
  } else {
    step_outside(at, dice);
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

std::string History::change(Dice& dice) {
  HistoryTable& table =
      tables_[static_cast<std::size_t>(dice.below(static_cast<int>(tables_.size())))];
  const Stamps& stamps = character_.stamps;
  const int kind = dice.below(100);
  if (kind < 40) {
    const int count = dice.chance(40) ? 1 : dice.from(2, 50);
    const bool fresh = dice.chance(60);
    const int first = fresh ? next_number_ : dice.from(1, next_number_);
    if (fresh) next_number_ += count;
    return table.insert(dice, stamps, first, count);
  }
  if (kind < 70 || !character_.deletes) return table.update(dice, stamps, dice.chance(12));
  if (kind < 90) return table.remove(dice);
  const int number = dice.chance(70) ? next_number_++ : dice.from(1, next_number_);
  return table.change_key(dice, stamps, number);
}

void History::step_outside(std::size_t at, Dice& dice) {
  const int kind = dice.below(100);
  if (kind < 60) {
    writers_[at]->open =
        attempt(at, dice.chance(85) ? "BEGIN" : "BEGIN ISOLATION LEVEL REPEATABLE READ");
    writers_[at]->savepoints = 0;
  } else if (kind < 88) {
    attempt(at, change(dice));
  } else if (kind < 92) {
    finish_prepared(dice);
  } else if (kind < 95) {
    send_message(at, dice);
  } else {
    change_shape(at, dice);
  }
}

void History::step_inside(std::size_t at, Dice& dice) {
  Writer& writer = *writers_[at];
  const int kind = dice.below(100);
  if (kind < 55) {
    attempt(at, change(dice));
  } else if (kind < 62) {
    std::this_thread::sleep_for(milliseconds(dice.from(1, 3)));
  } else if (kind < 70) {
    if (attempt(at, "SAVEPOINT s" + std::to_string(writer.savepoints + 1))) ++writer.savepoints;
  } else if (kind < 75 && writer.savepoints > 0) {
    writer.savepoints = dice.from(1, writer.savepoints);
    attempt(at, "ROLLBACK TO s" + std::to_string(writer.savepoints));
  } else if (kind < 80) {
    attempt(at, "ROLLBACK");
    writer.open = false;
  } else if (kind < 88 && prepared_.size() < 4) {
    const std::string name = "h" + std::to_string(seed_) + "_" + std::to_string(next_name_++);
    writer.savepoints = 0;
    if (attempt(at, "PREPARE TRANSACTION '" + name + "'")) prepared_.push_back(name);
    writer.open = false;
  } else {
    writer.savepoints = 0;
    attempt(at, "COMMIT");
    writer.open = false;
  }
}

/// Two transactions in one message, which share the message's time: the second writes with a stamp
/// from before the first one's end. A gate in each, so that runs come in between. A role that may
/// not see since when others are active cannot know of it.
void History::send_message(std::size_t at, Dice& dice) {
  if (character_.reader) return;
  std::string sql;
  for (int number = 1; number <= 2; ++number) {
    gatekeeper_->exec("SELECT pg_advisory_lock(" + gate(at, number) + ")");
    sql += "BEGIN; SET LOCAL lock_timeout = 0; SELECT pg_advisory_xact_lock(" + gate(at, number) +
           "); SET LOCAL lock_timeout = '20ms'; " + change(dice) + "; COMMIT; ";
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

void History::finish_prepared(Dice& dice) {
  if (prepared_.empty()) return;
  const auto at = dice.below(static_cast<int>(prepared_.size()));
  const std::string name = prepared_[static_cast<std::size_t>(at)];
  prepared_.erase(prepared_.begin() + at);
  const std::string sql =
      std::string(dice.chance(70) ? "COMMIT" : "ROLLBACK") + " PREPARED '" + name;
  note(sql + "'");
  database_.exec(sql + "'");
}

/// In a transaction of its own; where anybody has the table open, it is left.
void History::change_shape(std::size_t at, Dice& dice) {
  HistoryTable& table =
      tables_[static_cast<std::size_t>(dice.below(static_cast<int>(tables_.size())))];
  shape_changed_ = true;
  if (character_.deletes && dice.chance(40)) {
    attempt(at, "TRUNCATE " + table.name());
  } else if (table.added() < 3 && attempt(at, table.add_column(dice))) {
    table.column_added();
    column_added_ = true;
  }
}

void History::finish_all(Dice dice) {
  for (std::size_t at = 0; at < writers_.size(); ++at) {
    Writer& writer = *writers_[at];
    while (writer.gate != 0) open_gate(at);
    if (!writer.open) continue;
    writer.savepoints = 0;
    attempt(at, dice.chance(75) ? "COMMIT" : "ROLLBACK");
    writer.open = false;
  }
  while (!prepared_.empty()) finish_prepared(dice);
}

// ---- runs

std::string History::source_url() const {
  return character_.reader ? database_.socket_url(kReader) : database_.socket_url();
}

// The overlap would read again all that happens here, whatever the marks are worth.
SyncOptions History::options(bool full) const {
  SyncOptions options;
  options.defaults.overlap = std::chrono::seconds(0);
  if (!character_.deletes) options.defaults.delete_check.kind = Cadence::Kind::never;
  options.allow_deletes = {"*"};
  options.parallel = parallel_;
  options.full = full;
  return options;
}

void History::source_run(Dice dice) {
  const int kind = dice.below(100);
  if (kind < 50) {
    run_and_compare(dice.chance(15));
    if (dice.chance(30)) run_and_compare(false);  // whose marks are those that the first one left
  } else if (kind < 75) {
    run_alongside(dice);
  } else {
    run_killed(dice);
  }
}

RunResult History::run_here(bool full) {
  ++counts_.runs;
  note(full ? "sync --full" : "sync");
  RunResult result = copy_.sync(source_url(), options(full));
  for (const Receipt& each : result.receipts) {
    log_.back() += "  [" + each.table.name + " " + each.strategy + " " + each.guarantee + " +" +
                   std::to_string(each.inserted) + " ~" + std::to_string(each.updated) + " -" +
                   std::to_string(each.deleted) + " until " + each.until.value_or("-") + "]";
  }
  if (result.exit_code() != 0) throw std::runtime_error("the run failed: " + errors(result));
  return result;
}

void History::run_and_compare(bool full) { compare(run_here(full)); }

std::unique_ptr<Program> History::start(const std::string& failpoint) {
  std::vector<std::string> words{"sync",
                                 "--json",
                                 source_url(),
                                 "duckdb:" + copy_.file(),
                                 "--overlap",
                                 "0s",
                                 "--allow-deletes",
                                 "*",
                                 "--delete-check",
                                 character_.deletes ? "always" : "never",
                                 "--parallel",
                                 std::to_string(parallel_)};
  return std::make_unique<Program>(words, copy_.file() + ".out", failpoint);
}

/// Steps of writers while the program runs. Where sluice may not see since when others are active,
/// a transaction that begins while it looks is what the overlap is for, and there is none.
void History::steps_meanwhile(Dice& dice, int steps, milliseconds time) {
  for (int i = 0; i < steps; ++i) {
    if (!character_.reader) writer_step(dice.fork());
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

void History::run_alongside(Dice& dice) {
  ++counts_.alongside;
  note("sluice sync, meanwhile:");
  const std::unique_ptr<Program> program = start({});
  shape_changed_ = column_added_ = false;
  moments_.clear();
  remember_tables();
  steps_meanwhile(dice, dice.from(2, 20), milliseconds(dice.from(20, 200)));
  wait_for(*program);
  note("sluice ended: " + std::to_string(program->exit_code()));
  // A table that is rewritten again and again may fail; the next run brings it.
  if (program->exit_code() == 0) return compare_alongside(*program);
  if (shape_changed_ && program->exit_code() == 3) return;
  throw std::runtime_error("sluice ended with " + std::to_string(program->exit_code()) + ": " +
                           program->printed());
}

void History::run_killed(Dice& dice) {
  static constexpr std::array<const char*, 7> kPlaces{
      "after-ddl",  "before-commit",  "before-commit", "after-commit",
      "after-unit", "before-publish", "after-publish"};
  const bool at_place = dice.chance(50);
  const std::string place = at_place ? dice.pick(kPlaces) : "";
  const milliseconds time(dice.from(5, 150));
  note("sluice sync, killed " +
       (at_place ? place : "after " + std::to_string(time.count()) + " ms") + ", meanwhile:");
  moments_.clear();
  const std::unique_ptr<Program> program = start(place);
  steps_meanwhile(dice, dice.from(0, 6), time);
  if (at_place) wait_for(*program);
  program->kill();
  if (program->killed()) ++counts_.killed;
  note(program->killed() ? "killed" : "it had ended: " + std::to_string(program->exit_code()));
}

/// Nobody writes any more: one run finds all there is, the next one nothing.
void History::quiet(Dice dice) {
  note("-- all writers end");
  finish_all(dice);
  const RunResult first = run_here(false);
  compare(first);
  const RunResult second = run_here(false);
  compare(second);
  for (const Receipt& each : second.receipts) {
    if (of_the_past(receipt_of(first, each.table.name))) continue;
    // What stamps hid comes to light when the part of the table that holds it is compared.
    if (!character_.stamps.honest && each.guarantee != "A") continue;
    if (each.inserted + each.updated + each.deleted > 0) {
      throw std::runtime_error(each.table.name + ": the second run after the last change wrote " +
                               std::to_string(each.inserted + each.updated + each.deleted) +
                               " rows");
    }
  }
  if (!character_.stamps.honest) run_and_compare(true);
  verify();
}

// ---- the oracle

/// A run that ended well while nobody wrote: class A is the source as it is now, B is so for rows
/// that were stamped by the clock. Rows that nobody has committed are on neither side.
void History::compare(const RunResult& result) {
  std::string sql;
  std::vector<std::pair<const HistoryTable*, bool>> compared;
  for (const HistoryTable& table : tables_) {
    const Receipt& receipt = receipt_of(result, table.name());
    if (of_the_past(receipt)) continue;
    // Class C: whatever the stamps are worth, the keys are those of the source.
    const bool keys_only = !character_.stamps.honest && receipt.guarantee != "A";
    compared.emplace_back(&table, keys_only);
    sql += (sql.empty() ? "" : " UNION ALL ") + table.rows_of_copy();
  }
  if (compared.empty()) return;
  const std::vector<std::string> copy = copy_.query(sql);
  for (const auto& [table, keys_only] : compared) compare_table(*table, copy, keys_only);
}

void History::compare_table(const HistoryTable& table, const std::vector<std::string>& copy,
                            bool keys_only) {
  ++counts_.comparisons;
  const auto shown = [&](const std::string& row) {
    return keys_only ? key_of(row, table.key_parts()) : row;
  };
  std::multiset<std::string> wanted, found;
  for (const auto& row : database_.query(table.rows_at_source()))
    wanted.insert(shown(row.at(0).value()));
  for (const std::string& row : copy) {
    if (row.starts_with(table.name() + "|")) found.insert(shown(row));
  }
  std::vector<std::string> missing, extra;
  std::ranges::set_difference(wanted, found, std::back_inserter(missing));
  std::ranges::set_difference(found, wanted, std::back_inserter(extra));
  if (missing.empty() && extra.empty()) return;
  std::string text = table.name() + " differs";
  list(text, "only at the source", missing);
  list(text, "only in the copy", extra);
  throw std::runtime_error(text);
}

/// Every change is made by this thread, so that no other rows can have been seen.
void History::remember_tables() {
  if (character_.big) return;
  for (const HistoryTable& table : tables_) {
    std::multiset<std::string> rows;
    for (const auto& row : database_.query(table.rows_at_source())) rows.insert(row.at(0).value());
    moments_[table.name()].insert(std::move(rows));
  }
}

/// A run beside writers leaves of each table what it was at one moment meanwhile.
void History::compare_alongside(const Program& program) {
  if (character_.big || column_added_) return;
  remember_tables();
  std::istringstream lines(program.printed());
  for (std::string line; std::getline(lines, line);) {
    const nlohmann::json event = nlohmann::json::parse(line, nullptr, false);
    if (!event.is_object() || event.value("event", "") != "table_finished") continue;
    const auto table =
        std::ranges::find(tables_, event.at("table").get<std::string>(), &HistoryTable::name);
    const bool exact = event.at("guarantee") == "A";
    if (table == tables_.end() || (exact && event.at("strategy") == "resume")) continue;
    if (!exact && !character_.stamps.honest) continue;
    ++counts_.alike;
    const std::vector<std::string> copy = copy_.query(table->rows_of_copy());
    const std::multiset<std::string> found(copy.begin(), copy.end());
    const auto& moments = moments_.at(table->name());
    if (moments.contains(found)) continue;
    throw std::runtime_error(table->name() + ": the copy is at none of the " +
                             std::to_string(moments.size()) + " moments of a run beside writers");
  }
}

void History::verify() {
  note("verify");
  for (const Verified& each : copy_.verify(source_url(), Sync::Repair::no, options(false))) {
    ++counts_.verified;
    if (each.equal()) continue;
    std::string text = "verify found in " + each.table.text() + ": " + each.error + " " +
                       std::to_string(each.missing) + " missing, " + std::to_string(each.extra) +
                       " extra, " + std::to_string(each.changed) + " changed";
    list(text, "examples", each.examples);
    throw std::runtime_error(text);
  }
}

}  // namespace sluice::testing
