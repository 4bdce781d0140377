// SPDX-License-Identifier: Apache-2.0
// A history: writers change a few tables in many ways, runs come in between, are killed or go on
// meanwhile, and after each run that ended well the copy is what docs/exactness.md promises. All of
// it follows from a seed, but for how far a process got until it was killed and what it locked.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/copy.h"
#include "support/dice.h"
#include "support/history_flavour.h"
#include "support/history_table.h"
#include "support/postgres_server.h"
#include "support/program.h"

namespace sluice::testing {

/// What histories did, so that a test can say that something happened.
struct HistoryCounts {
  int steps = 0, given_up = 0;  ///< of writers; that met a lock or a key of another
  int runs = 0, alongside = 0, killed = 0, verified = 0;
  int comparisons = 0;  ///< of one table with its copy
  int alike = 0;        ///< of one table with what it was at some moment of a run beside writers
  int messages = 0;     ///< of two transactions, both of which began
  int ambushes = 0;     ///< runs that were changed under right after their snapshot was taken
};

class History {
 public:
  /// In `database`, whose tables it drops first: making a database takes longer than a history's
  /// runs.
  History(std::uint64_t seed, PostgresDatabase& database, HistoryCounts& counts);
  ~History();
  History(const History&) = delete;
  History& operator=(const History&) = delete;

  /// Throws std::runtime_error for a copy that is not what was promised.
  void run();
  /// What was done, a step a line.
  const std::vector<std::string>& log() const { return log_; }

 private:
  struct Writer {
    explicit Writer(const std::string& url) : session(url) {}
    PostgresSession session;
    bool open = false;  ///< in a transaction
    int gate = 0;       ///< in a message, waiting for this gate of its two; 0: in none
    int savepoints = 0;
    int since = 0;  ///< runs_ when it began, or came to its gate
  };
  struct Prepared {
    std::string name;
    int since = 0;  ///< runs_ when it was prepared
  };
  /// What the seed chose for the whole history, by the chances of its flavour.
  struct Character {
    Stamps stamps;
    bool deletes = true;  ///< else nothing is deleted and no keys are compared: the marks alone
                          ///< must bring every row
    bool reader = false;  ///< sluice comes as a role that does not see when others began
    bool big = false;     ///< enough rows for a table to be built anew behind its copy
  };
  static constexpr const char* kReader = "history_reader";  ///< the role with few rights
  void make_tables();
  std::string source_url() const;
  SyncOptions options(bool full) const;
  void note(const std::string& line);

  void writer_step(Dice dice);
  bool waits(const Writer& writer) const;
  void step_outside(std::size_t at, Dice& dice);
  void step_inside(std::size_t at, Dice& dice);
  void write_and_end(std::size_t at, Dice& dice);
  void prepare(std::size_t at);
  void end(std::size_t at, const std::string& how);
  HistoryTable& any_table(Dice& dice);
  std::string change(Dice& dice);
  void send_message(std::size_t at, Dice& dice);
  void open_gate(std::size_t at);
  bool attempt(std::size_t at, const std::string& sql);
  void change_shape(std::size_t at, Dice& dice);
  void change_file(std::size_t at, Dice& dice);
  bool finish_prepared(Dice& dice, bool any);
  void finish_all(Dice dice);
  void ambush(Dice dice);

  void first_run(Dice dice);
  void source_run(Dice dice);
  RunResult run_here(bool full);
  void run_and_compare(bool full);
  void steps_meanwhile(Dice& dice, int steps, std::chrono::milliseconds time);
  void follow();
  void hold_standby(bool hold);
  void remember_tables();
  void compare_alongside(const Program& program);
  bool snapshot_taken(Program& program);
  static void wait_for(Program& program);
  void run_alongside(Dice& dice);
  void run_killed(Dice& dice, bool before_published);
  std::unique_ptr<Program> start(const std::string& failpoint);
  void quiet(Dice dice);

  void compare(const RunResult& result);
  std::vector<std::string> rows_of_copies(const std::vector<const HistoryTable*>& tables) const;
  void compare_table(const HistoryTable& table, const std::vector<std::string>& copy,
                     bool keys_only);
  void verify();

  std::uint64_t seed_;
  HistoryCounts& counts_;
  Dice dice_;
  const Flavour& flavour_;
  Character character_;
  PostgresDatabase& database_;
  Copy copy_;
  std::vector<HistoryTable> tables_;
  std::vector<std::unique_ptr<Writer>> writers_;
  std::unique_ptr<PostgresSession> gatekeeper_;  ///< holds the locks that are the gates
  std::vector<Prepared> prepared_;
  /// By table, its rows at each moment since a run beside writers began.
  std::map<std::string, std::set<std::multiset<std::string>>> moments_;
  int next_number_ = 1, next_name_ = 1;
  int runs_ = 0;  ///< that have begun
  std::size_t parallel_ = 2;
  bool shape_changed_ = false, column_added_ = false;  ///< since it was last looked at
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::vector<std::string> log_;
};

}  // namespace sluice::testing
