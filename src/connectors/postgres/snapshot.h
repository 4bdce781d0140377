// SPDX-License-Identifier: Apache-2.0
// One instant of a PostgreSQL server, and the sessions that read under it.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "connectors/postgres/answers.h"
#include "connectors/postgres/connection.h"
#include "connectors/postgres/discovery.h"
#include "connectors/postgres/witness.h"
#include "sluice/source.h"

namespace sluice::postgres {

/// How sessions come to see the same rows.
struct Instant {
  enum class By {
    exported,   ///< of a snapshot that the leader's transaction has exported
    read_time,  ///< YugabyteDB reads as of a time, whatever the session and the node
    none,       ///< they do not: each reads as of the moment at which it began
  } by = By::exported;
  std::string id;  ///< the exported snapshot, or microseconds since 1970
};

/// Idle sessions in transactions that see an Instant. For any thread; outlives the Snapshot with
/// its borrowers.
class Sessions {
 public:
  /// `lock_timeout_ms`: how long a statement waits for a table's lock.
  Sessions(std::shared_ptr<const Login> login, std::size_t most_idle, unsigned lock_timeout_ms);

  /// A session in a transaction that sees the instant: an idle one, or a new one, of a cluster at
  /// the node whose turn it is. Throws Fault::connection if the snapshot is gone. `stop` ends its
  /// waits until it is given back.
  std::unique_ptr<Connection> borrow(Stop stop);
  /// A session whose transaction is still good is kept for the next borrower; any other is closed.
  void give_back(std::unique_ptr<Connection> session) noexcept;
  void set_instant(Instant instant) { instant_ = std::move(instant); }
  const std::shared_ptr<const Login>& login() const { return login_; }
  /// Closes the idle ones. The others are closed as they come back.
  void close() noexcept;

 private:
  std::unique_ptr<Connection> connect(const Stop& stop) const;

  const std::shared_ptr<const Login> login_;
  const std::size_t most_idle_;
  const std::string limit_;
  Instant instant_;
  std::mutex mutex_;
  bool closed_ = false;
  std::vector<std::unique_ptr<Connection>> idle_;
};

/// A session borrowed for the time of a few statements.
class Borrowed {
 public:
  explicit Borrowed(Sessions& sessions, Stop stop = {})
      : sessions_(sessions), session_(sessions.borrow(std::move(stop))) {}
  ~Borrowed() { sessions_.give_back(std::move(session_)); }
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;
  Connection& operator*() const { return *session_; }
  Connection* operator->() const { return session_.get(); }

 private:
  Sessions& sessions_;
  std::unique_ptr<Connection> session_;
};

class PostgresSnapshot : public Snapshot {
 public:
  PostgresSnapshot(std::unique_ptr<Connection> leader, std::shared_ptr<Sessions> sessions,
                   std::span<const Table> tables, unsigned lock_timeout_ms);
  ~PostgresSnapshot() override;

  std::string instant() const override;
  std::string clock() const override { return clock_; }
  const std::vector<std::variant<Table, Error>>& tables() const override { return tables_; }
  std::string witness() const override { return witness_.text(); }
  bool settled(const std::string& witness) const override {
    return postgres::settled(witness, witness_);
  }
  std::string waits_for(const std::string& witness) const override {
    return postgres::waits_for(witness, witness_);
  }
  Proof proof(const Table& table) const override;
  /// Below xmin every transaction had ended: a version that this snapshot does not show, also one
  /// of a subtransaction, has an xid from there on.
  std::string horizon() const override { return std::to_string(witness_.xmin); }
  /// A foreign table is read by each session at an instant of its own.
  bool consistent(const Table& table) const override {
    const auto found = shapes_.find(table.name);
    return instant_.by != Instant::By::none && (found == shapes_.end() || !found->second.foreign);
  }
  void check_alive(const TableName& table) override;

  const Witness& observed() const { return witness_; }
  Answers& answers() { return answers_; }
  /// Throws Fault::schema if the snapshot does not hold this table.
  const Shape& shape(const TableName& name) const;
  const std::shared_ptr<Sessions>& sessions() const { return sessions_; }

 private:
  using Failures = std::map<TableName, Error>;
  void lock(std::span<const Table> tables, unsigned timeout_ms, Failures& failures,
            std::vector<TableName>& unlocked);
  void take();
  void wait_for_followers();
  void take_of_cluster();
  void read_shapes(std::span<const Table> tables, Failures& failures,
                   const std::vector<TableName>& unlocked);
  void hold_unlocked(const TableName& name, Failures& failures);
  void compare_files(Failures& failures);
  void check_files(const TableName& name);
  bool attempt(const std::string& sql, const TableName& name, Failures& failures);

  std::unique_ptr<Connection> leader_;
  std::unique_ptr<Connection>
      beside_;               ///< outside of any snapshot: looks at the tables as they are
  std::mutex leader_mutex_;  ///< of both
  std::shared_ptr<Sessions> sessions_;
  Witness witness_;
  Answers answers_;
  Instant instant_;
  std::string clock_;
  std::map<TableName, Shape> shapes_;
  std::vector<std::variant<Table, Error>> tables_;
};

}  // namespace sluice::postgres
