// SPDX-License-Identifier: Apache-2.0
// What a history needs of the server that it happens in, beside its SQL.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/dice.h"
#include "support/history_flavour.h"
#include "support/history_sql.h"

namespace sluice::testing {

class HistorySession {
 public:
  HistorySession() = default;
  virtual ~HistorySession() = default;
  HistorySession(const HistorySession&) = delete;
  HistorySession& operator=(const HistorySession&) = delete;

  using Row = std::vector<std::optional<std::string>>;
  virtual void exec(const std::string& sql) = 0;
  virtual std::vector<Row> query(const std::string& sql) = 0;
  virtual std::string value(const std::string& sql) = 0;
  /// Statements that the server works off by itself, and whether they have ended.
  virtual void send(const std::string& sql) = 0;
  virtual bool ended() = 0;
};

struct HistoryWriter;

/// A database of its own, with a session that looks at it.
class HistoryServer {
 public:
  HistoryServer() = default;
  virtual ~HistoryServer() = default;
  HistoryServer(const HistoryServer&) = delete;
  HistoryServer& operator=(const HistoryServer&) = delete;

  virtual const HistorySql& sql() const = 0;
  virtual HistorySession& look() = 0;
  void exec(const std::string& sql) { look().exec(sql); }
  std::string value(const std::string& sql) { return look().value(sql); }
  /// One that waits hardly, or not at all, for a lock. `patient`: as long as it takes.
  virtual std::unique_ptr<HistorySession> session(bool patient) = 0;

  /// What of a flavour this server has.
  virtual Flavour fitting(const Flavour& flavour) const = 0;
  /// Where sluice reads; with few rights, as the user of make_user().
  virtual std::string url(const Flavour& flavour, bool few_rights) const = 0;
  virtual void make_user(const std::vector<HistoryTable>& tables, const Flavour& flavour,
                         bool few_rights, Dice& dice) = 0;
  /// Whether what is read again, the overlap, is all that keeps such a copy true.
  virtual bool needs_overlap(const Flavour& flavour, bool few_rights) const = 0;
  /// Whether writers go on beside a run with few rights.
  virtual bool reader_beside_writers() const = 0;
  /// What is particular about a table here.
  virtual void choose(HistoryTable& table, Dice& dice) const = 0;

  /// Before each step of a writer. Says what it did of itself; empty: nothing.
  virtual std::string before_step(Dice&) { return {}; }

  // ---- transactions
  /// What one thread that plays several writers runs into; all else is a mistake of ours.
  virtual bool expected(const std::string& message) const = 0;
  /// `name`: for a transaction that may be prepared, where that has to be said at once.
  virtual std::string begin(HistoryWriter& writer, const Flavour& flavour, const std::string& name,
                            Dice& dice) const = 0;
  virtual std::string end(const HistoryWriter& writer, bool commit) const = 0;
  /// Under this name, or another. Empty: this transaction cannot be prepared.
  virtual std::string prepare(const HistoryWriter& writer, std::string& name) const = 0;
  /// Its session may go on.
  virtual void prepared(HistoryWriter& writer, const std::string& name) = 0;
  virtual std::string end_prepared(const std::string& name, bool commit) const = 0;
  /// Executes what end_prepared() said, where that transaction can be ended.
  virtual void exec_prepared(const std::string& /*name*/, const std::string& sql) { exec(sql); }
  /// A change outside a transaction, as one.
  virtual std::string alone(const std::string& change) const = 0;
  /// After an expected failure. Ends the transaction, or takes it back to where it can go on.
  virtual void recover(HistoryWriter& writer, const std::string& message) = 0;
  virtual std::string truncate(const HistoryTable& table) const = 0;
  struct Reshape {
    std::string sql;  ///< empty: there is none
    bool drops = false;
  };
  /// Another change of a table's shape than a new column.
  virtual Reshape reshape(HistoryTable& table, Dice& dice) const = 0;

  // ---- messages of two transactions, each with a gate: a lock of a session that has no other
  virtual std::string lock_gate(const std::string& gate) const = 0;
  virtual std::string unlock_gate(const std::string& gate) const = 0;
  virtual std::string gated(const std::string& gate, const std::string& change) const = 0;
  virtual bool waits_at(const HistoryWriter& writer, const std::string& gate) = 0;
  /// After a message of which a part failed.
  virtual std::string after_message() const = 0;
  /// Whether the first change of a message is best an INSERT.
  virtual bool message_inserts() const = 0;

  // ---- runs
  /// Says what it will do to the run; empty: nothing.
  virtual std::string before_run(std::size_t /*readers*/) { return {}; }
  /// How many reads it has failed since it was last asked; and from then on fails no more until the
  /// next run.
  virtual int failed_reads() { return 0; }
  /// Whether a run that has begun since before_run() reads under its snapshot.
  virtual bool snapshot_taken() = 0;
  virtual void follow() {}    ///< where a standby is read, until that has all
  virtual void hold(bool) {}  ///< whether the standby stays where it is
  /// Takes a table from all others, for a run that then waits for it before its snapshot; empty:
  /// it would not.
  virtual std::string lock_table(const HistoryTable&) const { return {}; }
  virtual bool run_waits() { return false; }
  virtual std::string clock() const = 0;  ///< an expression: microseconds since 1970
  virtual std::string micros_of(const std::string& instant) const = 0;  ///< the same of a receipt's
  /// A query of what `start` may be, so far ahead of the clock.
  virtual std::string start(const std::string& ahead) const = 0;
  virtual std::string labelled(const std::string& micros) const = 0;  ///< '@' before it
};

/// How a test gets at the servers, one for each of its workers.
struct HistoryEngine {
  const char* program;                ///< that has these histories, for whoever wants one again
  void (*start)(std::size_t worker);  ///< in the process that outlives the workers'
  std::unique_ptr<HistoryServer> (*make)(std::size_t worker);
  void (*end)(std::size_t worker);
  bool deletes_by_digests;   ///< whether runs find those of a large table without all of its keys
  bool fails_reads = false;  ///< now and then
};

HistoryEngine postgres_histories();
/// In what stands in for a YugabyteDB.
HistoryEngine yugabyte_histories();
/// In MariaDB or MySQL, whichever MysqlServer starts.
HistoryEngine mysql_histories();

}  // namespace sluice::testing
