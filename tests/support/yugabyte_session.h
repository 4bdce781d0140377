// SPDX-License-Identifier: Apache-2.0
// One client of what stands in for a YugabyteDB, and its session of the PostgreSQL behind.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "support/postgres_wire.h"
#include "support/yugabyte_double.h"

namespace sluice::testing {

/// For one thread. What the client sends is passed on a batch at a time (a Query, or all up to a
/// Sync or Flush), and answered before the next is read: so it is known, whenever something is
/// asked besides, that the server waits.
class YugabyteSession {
 public:
  YugabyteSession(YugabyteDouble& cluster, std::size_t node, pgwire::Channel& client,
                  pgwire::Channel& behind);
  /// Ends by an exception when either side has gone.
  void run(pgwire::Startup startup);

 private:
  using Fault = YugabyteDouble::Fault;
  struct Prepared {
    std::string asked;
    RewrittenStatement statement;
  };
  /// What the server owes an answer to.
  struct Owed {
    char kind;  ///< of the client's message
    std::string asked;
  };
  struct Answer {
    std::vector<std::vector<std::string>> rows;
    std::string error;  ///< its message; empty: none
  };

  bool log_in(const pgwire::Startup& startup);
  void sign();
  Answer aside(const std::string& sql);
  pgwire::Message next_message();

  void query(const pgwire::Message& message);
  void one_query(const std::string& asked, const std::string& sql,
                 const std::vector<const RewrittenStatement*>& parts, bool last);
  void take_in(pgwire::Message message);
  void parse(pgwire::Message& message);
  void send_batch(char end);
  void pump_copy_in(bool then_sync);

  std::vector<RewrittenStatement> rewrite(const std::string& asked);
  std::optional<Fault> travel(const RewrittenStatement& statement);
  std::optional<Fault> begin_travel(const std::string& time, const std::string& snapshot);
  std::optional<Fault> changed_since(const RewrittenStatement& statement);
  void come_back();

  /// Passes answers on until nothing is owed, or, where `to_ready`, until the server is ready.
  void relay(std::deque<Owed> owed, bool to_ready);
  bool relay_one(const pgwire::Message& message, std::deque<Owed>& owed);
  void pass_on(const pgwire::Message& message);
  void row(const pgwire::Message& message, const std::string& asked);
  void fail_with(const Fault& fault);
  void ready();
  pgwire::Message told(const pgwire::Message& message) const;

  YugabyteDouble& cluster_;
  const std::size_t node_;
  pgwire::Channel& client_;
  pgwire::Channel& behind_;
  bool own_database_ = false;  ///< else nothing is changed
  char status_ = 'I';          ///< the server's transaction: I, T, E
  std::map<std::string, Prepared> prepared_;
  std::map<std::string, std::string> portals_;  ///< their statements' names
  std::vector<pgwire::Message> batch_;
  std::deque<Owed> batch_owed_;
  std::vector<RewrittenStatement> batch_parts_;
  bool skipping_ = false;  ///< up to the client's Sync, as after an error

  bool travels_ = false;               ///< yb_read_time may be other than 0
  std::optional<std::string> pinned_;  ///< the read time of the transaction
  bool wrapped_ = false;               ///< the transaction is ours, around one statement
  bool signs_again_ = false;           ///< after DISCARD ALL
  std::optional<Refusal> refusal_;     ///< of a setting's value
  bool notices_ = false;               ///< of yb_read_time

  std::optional<YugabyteDouble::Hook> hook_;
  std::string hooked_;  ///< the statement that hook_ was looked up for
  std::size_t row_ = 0;
  bool failed_ = false;      ///< the statement that was passed on last
  bool swallowing_ = false;  ///< the rest of an answer whose place a fault took
};

}  // namespace sluice::testing
