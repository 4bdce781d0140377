// SPDX-License-Identifier: Apache-2.0
// One instant of a server, and the sessions that read under it.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "connectors/mysql/connection.h"
#include "connectors/mysql/discovery.h"
#include "connectors/mysql/result_tables.h"
#include "connectors/mysql/sessions.h"
#include "connectors/mysql/witness.h"
#include "sluice/source.h"

namespace sluice::mysql {

/// How the sessions of a snapshot came to see the same rows.
enum class Together {
  binlog,  ///< begun until all of them stood at one position of the binary log
  locked,  ///< begun while the tables were locked against writers
  global,  ///< begun while the whole server was (FLUSH TABLES WITH READ LOCK)
  alone,   ///< one session reads; the leader, which plans, sees what was there just before
  none,    ///< they do not: the server has no snapshot for more than one statement
};

class MysqlSnapshot : public Snapshot {
 public:
  /// `leader` plans, and holds the tables' shapes; `readers` sessions are opened beside it.
  MysqlSnapshot(std::unique_ptr<Connection> leader, std::size_t readers, const Stop& stop,
                std::span<const Table> tables, unsigned lock_timeout_s);
  ~MysqlSnapshot() override;

  std::string instant() const override;
  std::string clock() const override { return clock_; }
  const std::vector<std::variant<Table, Error>>& tables() const override { return tables_; }
  std::string witness() const override { return witness_.text(); }
  bool settled(const std::string& witness) const override {
    return mysql::settled(witness, witness_);
  }
  std::string waits_for(const std::string& witness) const override {
    return mysql::waits_for(witness, witness_);
  }
  Proof proof(const Table& table) const override;
  bool consistent(const Table& table) const override;
  void check_alive(const TableName& table) override;

  const Witness& observed() const { return witness_; }
  /// Throws Fault::schema if the snapshot does not hold this table.
  const Shape& shape(const TableName& name) const;
  const std::shared_ptr<Sessions>& sessions() const { return sessions_; }
  Dialect dialect() const { return leader_->dialect(); }
  ResultTables& results() { return results_; }
  /// The rows of a query under the snapshot: asked once, as it has the same answer every time. For
  /// any thread.
  std::vector<std::vector<std::optional<std::string>>> ask(const std::string& sql,
                                                           const Stop& stop);

 private:
  using Members = std::vector<std::unique_ptr<Connection>>;
  using Failures = std::map<TableName, Error>;
  std::unique_ptr<Connection> beside_leader(const std::shared_ptr<const Login>& login,
                                            const Stop& stop) const;
  Members open(std::size_t readers, const Stop& stop) const;
  void begin(Members& members);
  bool at_one_position(Members& members);
  std::string position(Connection& session) const;
  bool under_lock(Members& members, const std::string& lock, unsigned timeout_s);
  bool binlog_tells(Connection& member) const;
  std::string table_locks(std::span<const Table> tables) const;
  void hold_shapes(std::span<const Table> tables, Failures& failures);
  void read_shapes(std::span<const Table> tables, Failures& failures);

  std::unique_ptr<Connection> leader_;
  std::mutex leader_mutex_;
  ResultTables results_;  ///< of SingleStore alone
  std::shared_ptr<Sessions> sessions_ = std::make_shared<Sessions>();
  Together together_ = Together::none;
  std::string position_;  ///< of the binary log, where it is known
  Witness witness_;
  std::string clock_;
  bool all_transactional_ = true;  ///< every table of the server that the user may see
  std::map<TableName, Shape> shapes_;
  std::vector<std::variant<Table, Error>> tables_;
  std::mutex answers_mutex_;
  std::map<std::string, std::vector<std::vector<std::optional<std::string>>>> answers_;
};

}  // namespace sluice::mysql
