// SPDX-License-Identifier: Apache-2.0
// A history: writers change a few tables in many ways, runs come in between, are killed or go on
// meanwhile, and after each run that ended well the copy is what docs/exactness.md promises. All of
// it follows from a seed, but for how far a process got until it was killed and what it locked.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/copy.h"
#include "support/dice.h"
#include "support/history_counts.h"
#include "support/history_flavour.h"
#include "support/history_look.h"
#include "support/history_parts.h"
#include "support/history_server.h"
#include "support/history_table.h"
#include "support/program.h"

namespace sluice::testing {

class History {
 public:
  /// In the database of `server`, whose tables it drops first: making a database takes longer than
  /// a history's runs.
  History(std::uint64_t seed, HistoryServer& server, HistoryCounts& counts);
  ~History();
  History(const History&) = delete;
  History& operator=(const History&) = delete;

  /// Throws std::runtime_error for a copy that is not what was promised.
  void run();
  /// What was done, a step a line.
  const std::vector<std::string>& log() const { return log_; }

 private:
  using Writer = HistoryWriter;
  using Moment = HistoryMoment;
  static constexpr int kLargeKeys = 60'000;
  void make_tables();
  std::vector<HistoryTable::Kind> kinds() const;
  void make_large(HistoryTable& table);
  void filter(HistoryTable& table, Dice& dice);
  std::string source_url() const;
  SyncOptions options(bool full) const;
  std::vector<std::string> words() const;
  void note(const std::string& line);

  void writer_step(Dice dice);
  bool waits(const Writer& writer) const;
  void step_outside(std::size_t at, Dice& dice);
  void step_inside(std::size_t at, Dice& dice);
  void write_and_end(std::size_t at, Dice& dice);
  void prepare(std::size_t at);
  void end(std::size_t at, bool commit);
  HistoryTable& any_table(Dice& dice);
  std::string change(Dice& dice);
  std::string insert_new(Dice& dice);
  void send_message(std::size_t at, Dice& dice);
  void open_gate(std::size_t at);
  bool attempt(std::size_t at, const std::string& sql);
  void change_shape(std::size_t at, Dice& dice);
  void change_file(std::size_t at, Dice& dice);
  bool reshape(std::size_t at, HistoryTable& table, Dice& dice);
  bool finish_prepared(Dice& dice, bool any);
  void finish_all(Dice dice);
  void ambush(Dice dice);

  void first_run(Dice dice);
  void source_run(Dice dice);
  void prepare_run();
  RunResult run_here(bool full);
  void run_and_compare(bool full);
  void steps_meanwhile(Dice& dice, int steps, std::chrono::milliseconds time);
  void follow();
  void remember_tables();
  void compare_alongside(const Program& program);
  bool within(std::size_t moment, const std::string& instant) const;
  void compare_with_moments(const std::vector<Finished>& finished);
  bool snapshot_taken(Program& program);
  bool lock_table(Dice& dice);
  void write_while_it_waits(Program& program, Dice& dice);
  static void wait_for(Program& program);
  void run_alongside(Dice& dice);
  void run_killed(Dice& dice, bool before_published);
  std::unique_ptr<Program> start(const std::string& failpoint);
  void quiet(Dice dice);

  bool of_the_past(const std::string& strategy, const std::string& guarantee,
                   const std::string& instant);
  void compare(const RunResult& result);
  void compare_marks(const HistoryTable& table, const std::multiset<std::string>& rows);
  std::string living() const;
  std::vector<std::string> rows_of_copies(const std::vector<const HistoryTable*>& tables,
                                          HistoryTable::Part part) const;
  std::multiset<std::string> compare_table(const HistoryTable& table,
                                           const std::vector<std::string>& copy,
                                           HistoryTable::Part part);
  std::string micros_of(const std::string& instant);
  void watch(const std::map<std::string, std::string>& instants);
  void check_kept(const Look& before);
  void check_torn(const Look& before);
  void remember(const HistoryTable& table, const std::string& instant,
                std::multiset<std::string> rows);
  void check_past_runs();
  void count_large(const RunResult& result);
  void verify();

  std::uint64_t seed_;
  HistoryCounts& counts_;
  Dice dice_;
  HistoryServer& server_;
  const Flavour flavour_;
  Character character_;
  Copy copy_;
  std::vector<HistoryTable> tables_;
  std::vector<std::unique_ptr<Writer>> writers_;
  std::map<std::string, std::unique_ptr<HistorySession>>
      gates_;                               ///< each holds the lock that it is
  std::unique_ptr<HistorySession> locker_;  ///< holds locked_
  std::vector<Prepared> prepared_;
  HistoryTable* locked_ = nullptr;  ///< while a run is started
  std::vector<Moment> moments_;     ///< since a run beside writers began
  Look look_;                       ///< of a flavour that is watched, after the last run
  std::vector<Past> past_;
  int next_number_ = 1, next_name_ = 1, begun_ = 0;
  int runs_ = 0;           ///< that have begun
  std::string run_began_;  ///< the last one, by the server's clock
  std::size_t parallel_ = 2;
  bool shape_changed_ = false, column_added_ = false;  ///< since it was last looked at
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::vector<std::string> log_;
};

}  // namespace sluice::testing
