// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/snapshot.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "connectors/postgres/oids.h"
#include "connectors/postgres/types.h"
#include "planted.h"

namespace sluice::postgres {
namespace {

constexpr std::chrono::milliseconds kStopSlice{200};  // how late a stop may be noticed
constexpr const char* kBegin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
// Waits until no clock of the cluster can be behind the moment that it reads as of.
constexpr const char* kBeginAlone = "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE";

std::string lock_statement(const std::string& list) {
  return "LOCK TABLE " + list + " IN ACCESS SHARE MODE";
}

/// Outside of a transaction. A time needs no session to be held, and no read restarts under it; a
/// snapshot can be exported from 2025.1 on, where a flag of the servers allows it.
Instant::By shared_by(Connection& session) {
  if (session.dialect().one_server) return Instant::By::exported;
  if (session.login().behind) return Instant::By::none;
  try {
    const std::string now =
        session.query("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
            .string(0, 0);
    session.run("SET yb_read_time TO " + now);
    session.run("SET yb_read_time TO 0");
    return Instant::By::read_time;
  } catch (const Error&) {  // a release without it, or it is not for everybody
    if (session.broken()) throw;
  }
  try {
    session.run(kBegin);
    session.run("SELECT pg_export_snapshot()");
    session.run("ROLLBACK");
    return Instant::By::exported;
  } catch (const Error&) {
    if (session.broken()) throw;
    session.run("ROLLBACK");
    return Instant::By::none;
  }
}

Error gone(const TableName& name) {
  return {Fault::schema, name.text() + ": no such table any more",
          "it was dropped or renamed after it was listed"};
}

}  // namespace

// A session that wants a table for itself (ALTER TABLE, VACUUM FULL) waits for the snapshot's lock,
// and those who come later queue behind it: without a limit, new readers and it would wait for each
// other for ever, unseen by the server, as the snapshot's own session is idle.
Sessions::Sessions(std::shared_ptr<const Login> login, std::size_t most_idle,
                   unsigned lock_timeout_ms)
    : login_(std::move(login)),
      most_idle_(most_idle),
      limit_("; SET LOCAL lock_timeout = " + std::to_string(lock_timeout_ms)) {}

/// A node that cannot be reached is passed over, unless it refuses us.
std::unique_ptr<Connection> Sessions::connect(const Stop& stop) const {
  while (const std::optional<Node> node = login_->cluster->next()) {
    try {
      return std::make_unique<Connection>(login_, stop, node);
    } catch (const Error& error) {
      if (error.fault() == Fault::authentication || error.fault() == Fault::cancelled) throw;
      login_->cluster->failed(*node);
    }
  }
  return std::make_unique<Connection>(login_, stop);
}

std::unique_ptr<Connection> Sessions::borrow(Stop stop) {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      std::unique_ptr<Connection> session = std::move(idle_.back());
      idle_.pop_back();
      session->stop_when(std::move(stop));
      return session;
    }
  }
  std::unique_ptr<Connection> session = connect(stop);
  if (instant_.by == Instant::By::none) {
    session->run((login_->behind ? kBegin : kBeginAlone) + limit_);
    return session;
  }
  try {
    if (instant_.by == Instant::By::read_time) session->run("SET yb_read_time TO " + instant_.id);
    session->run(kBegin + limit_);
    if (instant_.by == Instant::By::exported)
      session->run("SET TRANSACTION SNAPSHOT " + literal(instant_.id));
  } catch (const Error& error) {
    if (error.fault() == Fault::connection || error.fault() == Fault::cancelled ||
        instant_.by == Instant::By::read_time)
      throw;
    throw Error(Fault::connection, std::string("the snapshot is gone: ") + error.what(),
                "a pooler or load balancer between here and the server? Each reader must reach the "
                "same server");
  }
  return session;
}

void Sessions::give_back(std::unique_ptr<Connection> session) noexcept {
  if (!session || session->broken() || PQtransactionStatus(session->handle()) != PQTRANS_INTRANS)
    return;
  // Of another moment than the next borrower's: what a plan has seen, its readers must see.
  if (instant_.by == Instant::By::none) return;
  session->stop_when({});
  const std::lock_guard lock(mutex_);
  if (!closed_ && idle_.size() < most_idle_) idle_.push_back(std::move(session));
}

void Sessions::close() noexcept {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  idle_.clear();
}

PostgresSnapshot::PostgresSnapshot(std::unique_ptr<Connection> leader,
                                   std::shared_ptr<Sessions> sessions,
                                   std::span<const Table> tables, unsigned lock_timeout_ms)
    : leader_(std::move(leader)), sessions_(std::move(sessions)) {
  Failures failures;
  std::vector<TableName> unlocked;
  witness_ = observe(*leader_);
  leader_->timeline();
  leader_->login().cluster->learn(*leader_);
  instant_.by = shared_by(*leader_);
  leader_->run(kBegin);
  lock(tables, lock_timeout_ms, failures, unlocked);
  if (leader_->dialect().one_server) take();
  if (planted("holders-after-snapshot")) {
    const Witness late = observe(*leader_);
    witness_.holders = late.holders;
    witness_.oldest_stamp = late.oldest_stamp;
    witness_.prepared = late.prepared;
  }
  read_shapes(tables, failures, unlocked);
  // After the shapes: what is rewritten from here on, check_files() finds.
  if (!leader_->dialect().one_server) {
    wait_for_followers();
    take_of_cluster();
  }
  sessions_->set_instant(instant_);
  leader_->stop_when({});  // a unit that is being finished asks it whether the snapshot lives
  for (const Table& table : tables) {
    if (const auto failed = failures.find(table.name); failed != failures.end()) {
      tables_.emplace_back(failed->second);
    } else {
      tables_.emplace_back(shapes_.at(table.name).table);
    }
  }
}

PostgresSnapshot::~PostgresSnapshot() { sessions_->close(); }

// A failed statement ends the transaction but for what its savepoint keeps: one table's trouble is
// its own.
bool PostgresSnapshot::attempt(const std::string& sql, const TableName& name, Failures& failures) {
  try {
    leader_->run("SAVEPOINT one; " + sql + "; RELEASE one");
    return true;
  } catch (const Error& error) {
    if (leader_->broken()) throw;
    failures.insert_or_assign(name, error);
    leader_->run("ROLLBACK TO one; RELEASE one");
    return false;
  }
}

// LOCK TABLE takes no snapshot, so what the locks waited for is in the snapshot that follows. One
// statement for all tables; where that fails, one each. What LOCK TABLE refuses (a materialized
// view, a foreign table; a view whose tables are closed to us) is held after the snapshot instead,
// and its file node compared.
void PostgresSnapshot::lock(std::span<const Table> tables, unsigned timeout_ms, Failures& failures,
                            std::vector<TableName>& unlocked) {
  if (planted("tables-unlocked")) return;
  leader_->run("SET LOCAL lock_timeout = " + std::to_string(timeout_ms));
  std::string list;
  for (const Table& each : tables) {
    if (!each.view)
      list += (list.empty() ? "" : ", ") + identifier(each.name.schema, each.name.name);
  }
  Failures ignored;
  const bool all = list.empty() || attempt(lock_statement(list), {}, ignored);
  for (const Table& each : tables) {
    if (all && !each.view) continue;
    if (attempt(lock_statement(identifier(each.name.schema, each.name.name)), each.name, failures))
      continue;
    const Fault fault = failures.at(each.name).fault();
    if (fault != Fault::schema && fault != Fault::permission) continue;
    failures.erase(each.name);
    unlocked.push_back(each.name);
  }
}

// The statement takes the snapshot before it reads the clock: what the snapshot shows came to be
// before, however long the locks were waited for.
void PostgresSnapshot::take() {
  const Rows rows = leader_->query(
      "SELECT pg_export_snapshot(), txid_snapshot_xmin(s), txid_snapshot_xmax(s), "
      "clock_timestamp() FROM txid_current_snapshot() s");
  instant_.id = rows.string(0, 0);
  clock_ = rows.string(0, 3);
  witness_.xmin = rows.integer(0, planted("horizon-too-late") ? 2 : 1);
  witness_.xmax = rows.integer(0, 2);
}

// What followers show is older than a table that was rewritten a moment ago, which has no rows
// then.
void PostgresSnapshot::wait_for_followers() {
  using Clock = std::chrono::steady_clock;
  if (!leader_->login().behind) return;
  Clock::time_point until = Clock::now();
  for (const auto& [name, shape] : shapes_) {
    for (const Heap& heap : shape.heaps) {
      const auto known = leader_->login().cluster->file_known_since(heap.oid, heap.file);
      until = std::max(until, known + *leader_->login().behind);
    }
  }
  while (Clock::now() < until) {
    leader_->run("SELECT 1");  // a stop ends it
    std::this_thread::sleep_for(std::min<Clock::duration>(until - Clock::now(), kStopSlice));
  }
}

void PostgresSnapshot::take_of_cluster() {
  clock_ = leader_->query("SELECT clock_timestamp()").string(0, 0);
  if (instant_.by == Instant::By::exported)
    instant_.id = leader_->query("SELECT pg_export_snapshot()").string(0, 0);
  if (instant_.by != Instant::By::read_time) return;
  const bool hybrid =
      leader_->query("SELECT to_regproc('yb_get_current_hybrid_time_lsn') IS NOT NULL")
          .boolean(0, 0);
  // A hybrid time is microseconds, and 12 bits that tell events of the same one apart.
  instant_.id = leader_
                    ->query(hybrid ? "SELECT yb_get_current_hybrid_time_lsn() >> 12"
                                   : "SELECT (extract(epoch FROM clock_timestamp()) * "
                                     "1000000)::bigint")
                    .string(0, 0);
  clock_ =
      leader_->query("SELECT 'epoch'::timestamptz + " + instant_.id + " * interval '1 microsecond'")
          .string(0, 0);
}

void PostgresSnapshot::read_shapes(std::span<const Table> tables, Failures& failures,
                                   const std::vector<TableName>& unlocked) {
  for (const TableName& name : unlocked) hold_unlocked(name, failures);
  std::vector<TableName> names;
  for (const Table& each : tables) {
    if (!failures.contains(each.name)) names.push_back(each.name);
  }
  Discovered found = discover(*leader_, {names, true});
  for (Shape& shape : found.shapes) {
    const TableName name = shape.table.name;
    shapes_.emplace(name, std::move(shape));
  }
  for (const Skipped& each : found.skipped) {
    failures.insert_or_assign(
        each.name, Error(Fault::permission, each.name.text() + ": " + each.why, each.hint));
  }
  for (const TableName& name : names) {
    if (shapes_.contains(name) || failures.contains(name)) continue;
    failures.insert_or_assign(name, gone(name));
  }
  compare_files(failures);
}

void PostgresSnapshot::hold_unlocked(const TableName& name, Failures& failures) {
  const std::string sql_name = identifier(name.schema, name.name);
  if (attempt("SELECT FROM " + sql_name + " LIMIT 0", name, failures)) return;
  if (leader_->query("SELECT to_regclass($1) IS NULL", {sql_name}).boolean(0, 0))
    failures.insert_or_assign(name, gone(name));
}

// pg_class is read as of the snapshot, pg_relation_filenode() as of now. Where they differ the
// table was truncated or rewritten in between, and its present file may show rows as missing.
void PostgresSnapshot::compare_files(Failures& failures) {
  if (planted("tables-unlocked")) return;
  std::vector<std::uint32_t> oids;
  std::vector<TableName> owners;
  for (const auto& [name, shape] : shapes_) {
    for (const Heap& heap : shape.heaps) {
      oids.push_back(heap.oid);
      owners.push_back(name);
    }
  }
  const Rows rows = leader_->query(
      "SELECT o.position FROM unnest($1::oid[]) WITH ORDINALITY o(oid, position) JOIN pg_class c "
      "ON c.oid = o.oid"
      " WHERE c.relkind IN ('r', 'm') AND c.relfilenode <> 0 AND c.relfilenode IS DISTINCT FROM "
      "pg_relation_filenode(c.oid)",
      {array_text(oids)});
  for (int row = 0; row < rows.size(); ++row) {
    const TableName& name = owners.at(static_cast<std::size_t>(rows.integer(row, 0) - 1));
    failures.insert_or_assign(
        name, Error(Fault::conflict, name.text() + ": rewritten while the snapshot was taken"));
  }
}

std::string PostgresSnapshot::instant() const {
  switch (instant_.by) {
    case Instant::By::exported:
      return clock_ + ", snapshot " + instant_.id;
    case Instant::By::read_time:
      return clock_ + ", yb_read_time " + instant_.id;
    case Instant::By::none:
      break;
  }
  return clock_;
}

const Shape& PostgresSnapshot::shape(const TableName& name) const {
  const auto found = shapes_.find(name);
  if (found == shapes_.end()) throw Error(Fault::schema, name.text() + ": not in this snapshot");
  return found->second;
}

Proof PostgresSnapshot::proof(const Table& table) const {
  if (!witness_.blind.empty()) return {false, witness_.blind, true};
  if (table.replication_key.empty()) return {false, "no replication key"};
  const Shape& known = shape(table.name);
  switch (known.literals[known.position(table.replication_key)].base) {
    case oid::kTimestamptz:
      return {};
    case oid::kTimestamp:
      return {false,
              "sessions in other time zones stamp a timestamp without time zone differently"};
    case oid::kDate:
      return {false, "sessions in other time zones stamp a date differently"};
    default:
      return {false,
              "an integer is no clock: lower values may be handed out earlier and committed later"};
  }
}

void PostgresSnapshot::check_alive(const TableName& table) {
  const std::lock_guard lock(leader_mutex_);
  try {
    leader_->run("SELECT 1");
  } catch (const Error& error) {
    throw Error(Fault::connection, std::string("the snapshot is gone: ") + error.what());
  }
  if (!leader_->dialect().locks) check_files(table);
}

/// Where no lock keeps a table's files as they are: whether they still are.
void PostgresSnapshot::check_files(const TableName& name) {
  std::vector<std::uint32_t> oids, files;
  for (const Heap& heap : shape(name).heaps) {
    oids.push_back(heap.oid);
    files.push_back(heap.file);
  }
  if (!beside_ || beside_->broken()) beside_ = std::make_unique<Connection>(sessions_->login());
  const Rows rows = beside_->query(
      "SELECT EXISTS (SELECT FROM unnest($1::oid[], $2::oid[]) o(oid, file) LEFT JOIN pg_class c "
      "ON "
      "c.oid = o.oid WHERE c.relfilenode IS DISTINCT FROM o.file)",
      {array_text(oids), array_text(files)});
  if (!rows.boolean(0, 0)) return;
  throw Error(Fault::conflict, name.text() + ": dropped, truncated or rewritten while it was read");
}

}  // namespace sluice::postgres
