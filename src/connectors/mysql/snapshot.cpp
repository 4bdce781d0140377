// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/snapshot.h"

#include <algorithm>

#include "planted.h"

namespace sluice::mysql {
namespace {

constexpr int kSameServer = 10;  // connections until one leads to the leader's server
constexpr int kTries = 50;       // to begin all sessions at one position of the binary log
/// Who holds writers up waits no longer than this for those who hold it up.
constexpr unsigned kLockSeconds = 3;

Error gone(const TableName& name) {
  return {Fault::schema, name.text() + ": no such table any more",
          "it was dropped or renamed after it was listed"};
}

void start(Connection& session) {
  session.run("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ");
  session.run("START TRANSACTION WITH CONSISTENT SNAPSHOT");
}

}  // namespace

MysqlSnapshot::MysqlSnapshot(std::unique_ptr<Connection> leader, std::size_t readers,
                             const Stop& stop, std::span<const Table> tables,
                             unsigned lock_timeout_s)
    : leader_(std::move(leader)), results_(std::make_shared<const Login>(leader_->login())) {
  leader_->stop_when(stop);
  witness_ = observe(*leader_);
  if (dialect() != Dialect::singlestore)
    leader_->run("SET SESSION lock_wait_timeout = " + std::to_string(lock_timeout_s));
  Failures failures;
  Members members = open(std::max<std::size_t>(1, readers), stop);
  if (dialect() == Dialect::singlestore) {
    together_ = Together::none;
  } else if (at_one_position(members)) {
    together_ = Together::binlog;
  } else if (under_lock(members, table_locks(tables), kLockSeconds)) {
    together_ = Together::locked;
  } else if (under_lock(members, "FLUSH TABLES WITH READ LOCK", kLockSeconds)) {
    together_ = Together::global;
  } else {
    together_ = Together::alone;
    members.resize(std::min<std::size_t>(members.size(), 1));
    start(*leader_);
  }
  if (planted("mysql-holders-after-snapshot"))
    witness_.holders = observe(*open(1, stop).front()).holders;
  if (dialect() != Dialect::singlestore) hold_shapes(tables, failures);
  // After the shapes are held: no table changes between the two. Marks and bounds of chunks may be
  // those of a moment before the rows.
  if (together_ == Together::alone) start(*members.at(0));
  if (clock_.empty()) clock_ = clock_of(*leader_);
  read_shapes(tables, failures);
  leader_->stop_when({});  // a unit that is being finished asks it whether the snapshot lives
  for (std::unique_ptr<Connection>& each : members) {
    each->stop_when({});
    sessions_->add(std::move(each));
  }
  for (const Table& table : tables) {
    if (const auto failed = failures.find(table.name); failed != failures.end()) {
      tables_.emplace_back(failed->second);
    } else {
      tables_.emplace_back(shapes_.at(table.name).table);
    }
  }
}

MysqlSnapshot::~MysqlSnapshot() { sessions_->close(); }

/// Of the leader's server: behind one address there may be several.
std::unique_ptr<Connection> MysqlSnapshot::beside_leader(const std::shared_ptr<const Login>& login,
                                                         const Stop& stop) const {
  std::string others;
  for (int i = 0; i < kSameServer; ++i) {
    auto session = std::make_unique<Connection>(login, stop);
    if (session->server() == leader_->server()) return session;
    others = session->server();
  }
  throw Error(Fault::connection,
              login->shown + " leads to several servers: " + leader_->server() + " and " + others,
              "sessions that read together have to be of one: name one of them");
}

MysqlSnapshot::Members MysqlSnapshot::open(std::size_t readers, const Stop& stop) const {
  Members members;
  const auto login = std::make_shared<const Login>(leader_->login());
  for (std::size_t i = 0; i < readers; ++i) members.push_back(beside_leader(login, stop));
  return members;
}

/// A transaction in each session and in the leader; no session can join one that exists.
void MysqlSnapshot::begin(Members& members) {
  start(*leader_);
  for (const auto& each : members) start(*each);
}

/// Whether every change of the server is in its binary log, and the position of it known inside a
/// snapshot: MariaDB's, on a primary or a replica that logs, with no database left out.
bool MysqlSnapshot::binlog_tells(Connection& member) const {
  if (dialect() != Dialect::mariadb) return false;
  try {
    const Rows logs = member.query("SELECT @@log_bin, @@log_slave_updates");
    const Rows status = member.query("SHOW MASTER STATUS");
    return logs.text(0, 0) == "1" && status.size() == 1 && status.text(0, 2).empty() &&
           status.text(0, 3).empty() && (logs.text(0, 1) == "1" || !witness_.applies);
  } catch (const Error& error) {
    if (error.fault() != Fault::permission && error.fault() != Fault::schema) throw;
    return false;
  }
}

/// In the binary log, of what this session sees.
std::string MysqlSnapshot::position(Connection& session) const {
  const Rows rows = session.query("SHOW STATUS LIKE 'binlog\\_snapshot\\_%'");
  std::string text;
  for (std::size_t row = 0; row < rows.size(); ++row) text += rows.text(row, 1) + " ";
  return text;
}

bool MysqlSnapshot::at_one_position(Members& members) {
  if (!binlog_tells(*leader_)) return false;
  for (int i = 0; i < kTries; ++i) {
    begin(members);
    position_ = position(*leader_);
    if (position_.empty() || position_ == " ") return false;
    if (!planted("mysql-positions-unchecked") &&
        !std::ranges::all_of(members,
                             [&](const auto& each) { return position(*each) == position_; }))
      continue;
    // Where nothing was committed since, the rows are those of that moment by the clock, too; on a
    // server that is never quiet, those of shortly before.
    clock_ = clock_of(*leader_);
    const Rows now = leader_->query("SHOW MASTER STATUS");
    if (now.text(0, 0) + " " + now.text(0, 1) + " " == position_ || i > kTries / 2) return true;
  }
  position_.clear();
  clock_.clear();
  return false;
}

std::string MysqlSnapshot::table_locks(std::span<const Table> tables) const {
  // Before 5.7 an open transaction that has written is not waited for, and may commit meanwhile.
  if (dialect() == Dialect::mysql && leader_->version() < 50705) return {};
  // What a view reads nobody says.
  if (std::ranges::any_of(tables, &Table::view)) return {};
  std::string list;
  for (const Table& each : tables)
    list += (list.empty() ? "" : ", ") + identifier(each.name.schema, each.name.name) + " READ";
  return list.empty() ? list : "LOCK TABLES " + list;
}

/// False: the lock is not ours to take, or somebody was in its way for too long.
bool MysqlSnapshot::under_lock(Members& members, const std::string& lock, unsigned timeout_s) {
  if (lock.empty()) return false;
  const auto holder =
      beside_leader(std::make_shared<const Login>(leader_->login()), leader_->stop());
  bool locked = false;
  try {
    holder->run("SET SESSION lock_wait_timeout = " + std::to_string(timeout_s));
    // Each of many tables is waited for by itself, and those locked meanwhile keep writers out.
    holder->query(lock, std::chrono::seconds(timeout_s + 1));
    locked = true;
    begin(members);
    clock_ = clock_of(*leader_);
    holder->run("UNLOCK TABLES");
    return true;
  } catch (const Error& error) {
    // RDS says 1045, access denied, to those who may not lock the server.
    if (error.fault() == Fault::permission || error.fault() == Fault::conflict ||
        error.fault() == Fault::schema || error.fault() == Fault::authentication ||
        (error.fault() == Fault::connection && !locked))
      return false;
    throw;
  }
}

// Whoever has read a table in a transaction keeps others from changing its shape until it ends. Of
// what changed between the snapshot and this, the server says so (1412).
void MysqlSnapshot::hold_shapes(std::span<const Table> tables, Failures& failures) {
  for (const Table& each : tables) {
    try {
      leader_->run("SELECT 1 FROM " + identifier(each.name.schema, each.name.name) +
                   (each.view ? " LIMIT 0" : " LIMIT 1"));
    } catch (const Error& error) {
      if (leader_->broken()) throw;
      const bool dropped = std::string_view(error.what()).ends_with("(1146)");
      failures.insert_or_assign(each.name, dropped ? gone(each.name) : error.at(each.name.text()));
    }
  }
}

void MysqlSnapshot::read_shapes(std::span<const Table> tables, Failures& failures) {
  std::vector<TableName> names;
  for (const Table& each : tables) names.push_back(each.name);
  Discovered found = discover(*leader_, {names, true});
  for (Shape& shape : found.shapes) {
    const TableName name = shape.table.name;
    shapes_.emplace(name, std::move(shape));
  }
  for (const Skipped& each : found.skipped) {
    failures.insert_or_assign(
        each.name, Error(Fault::permission, each.name.text() + ": " + each.why, each.hint));
  }
  if (std::ranges::any_of(tables, &Table::view)) {
    all_transactional_ =
        leader_
            ->query(
                "SELECT count(*) FROM information_schema.tables WHERE table_type = 'BASE "
                "TABLE' AND engine <> 'InnoDB' AND " +
                of_users())
            .text(0, 0) == "0";
  }
  for (const TableName& name : names) {
    if (!shapes_.contains(name) && !failures.contains(name))
      failures.insert_or_assign(name, gone(name));
  }
}

std::string MysqlSnapshot::instant() const {
  switch (together_) {
    case Together::binlog:
      return clock_ + ", binary log " + position_;
    case Together::locked:
      return clock_ + ", sessions begun while the tables were locked";
    case Together::global:
      return clock_ + ", sessions begun while the server was locked";
    case Together::alone:
      return clock_ + ", one session";
    case Together::none:
      break;
  }
  return clock_ + ", no snapshot";
}

Proof MysqlSnapshot::proof(const Table& table) const {
  if (!witness_.why_not.empty()) return {false, witness_.why_not};
  if (table.replication_key.empty()) return {false, "no replication key"};
  const Shape& known = shape(table.name);
  if (!known.transactional() && !known.table.view)
    return {false, known.engine + " has no transactions, and no snapshot"};
  const WireType& wire = known.wire(table.replication_key);
  if (wire.name == "timestamp") return {};
  if (is_date(wire))
    return {false, "sessions in other time zones stamp a " + wire.name + " differently"};
  return {false,
          "an integer is no clock: lower values may be handed out earlier and committed later"};
}

// What a view reads nobody says, so it is as consistent as the least of all tables.
bool MysqlSnapshot::consistent(const Table& table) const {
  if (together_ == Together::none) return false;
  return table.view ? all_transactional_ : shape(table.name).transactional();
}

const Shape& MysqlSnapshot::shape(const TableName& name) const {
  const auto found = shapes_.find(name);
  if (found == shapes_.end()) throw Error(Fault::schema, name.text() + ": not in this snapshot");
  return found->second;
}

std::vector<std::vector<std::optional<std::string>>> MysqlSnapshot::ask(const std::string& sql,
                                                                        const Stop& stop) {
  {
    const std::lock_guard lock(answers_mutex_);
    if (const auto found = answers_.find(sql); found != answers_.end()) return found->second;
  }
  const std::lock_guard leading(leader_mutex_);
  leader_->stop_when(stop);
  std::vector<std::vector<std::optional<std::string>>> answer;
  try {
    const Rows rows = leader_->query_patiently(sql);
    for (std::size_t row = 0; row < rows.size(); ++row) answer.push_back(rows[row]);
  } catch (...) {
    leader_->stop_when({});
    throw;
  }
  leader_->stop_when({});
  const std::lock_guard lock(answers_mutex_);
  return answers_.emplace(sql, std::move(answer)).first->second;
}

void MysqlSnapshot::check_alive(const TableName&) {
  const std::lock_guard lock(leader_mutex_);
  try {
    leader_->run("SELECT 1");
  } catch (const Error& error) {
    throw Error(Fault::connection, std::string("the snapshot is gone: ") + error.what());
  }
}

}  // namespace sluice::mysql
