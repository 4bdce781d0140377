// SPDX-License-Identifier: Apache-2.0
#include "support/history_postgres.h"

#include <algorithm>
#include <array>
#include <stdexcept>

#include "support/history_parts.h"
#include "support/history_sql_postgres.h"

namespace sluice::testing {
namespace {

class PostgresHistorySession : public HistorySession {
 public:
  explicit PostgresHistorySession(const std::string& url) : session_(url) {}
  void exec(const std::string& sql) override { session_.exec(sql); }
  std::vector<Row> query(const std::string& sql) override { return session_.query(sql); }
  std::string value(const std::string& sql) override { return session_.value(sql); }
  void send(const std::string& sql) override { session_.send(sql); }
  bool ended() override { return session_.ended(); }

 private:
  PostgresSession session_;
};

}  // namespace

PostgresHistories::PostgresHistories(std::size_t worker)
    : database_(PostgresServer::numbered(worker)),
      look_(std::make_unique<PostgresHistorySession>(database_.socket_url())) {}

const HistorySql& PostgresHistories::sql() const { return postgres_sql(); }

std::unique_ptr<HistorySession> PostgresHistories::session(bool patient) {
  auto session = std::make_unique<PostgresHistorySession>(database_.socket_url());
  if (!patient) session->exec("SET lock_timeout = '20ms'");
  return session;
}

std::string PostgresHistories::url(const Flavour& flavour, bool few_rights) const {
  if (flavour.standby) return database_.server().standby().socket_url(database_.name());
  return few_rights ? database_.socket_url(kReader) : database_.socket_url();
}

void PostgresHistories::make_user(const std::vector<HistoryTable>& tables, const Flavour&,
                                  bool few_rights, Dice&) {
  if (!few_rights) return;
  exec(std::string("DO $$ BEGIN CREATE ROLE ") + kReader +
       " LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$");
  for (const HistoryTable& table : tables)
    exec("GRANT SELECT ON " + table.name() + " TO " + kReader);
}

bool PostgresHistories::expected(const std::string& message) const {
  static constexpr std::array kExpected{"lock timeout", "duplicate key", "deadlock detected",
                                        "could not serialize", "moved to another partition"};
  return std::ranges::any_of(
      kExpected, [&](const char* each) { return message.find(each) != std::string::npos; });
}

std::string PostgresHistories::begin(HistoryWriter&, const Flavour&, const std::string&,
                                     Dice& dice) const {
  return dice.chance(85) ? "BEGIN" : "BEGIN ISOLATION LEVEL REPEATABLE READ";
}

std::string PostgresHistories::end(const HistoryWriter&, bool commit) const {
  return commit ? "COMMIT" : "ROLLBACK";
}

std::string PostgresHistories::prepare(const HistoryWriter&, std::string& name) const {
  return "PREPARE TRANSACTION '" + name + "'";
}

std::string PostgresHistories::end_prepared(const std::string& name, bool commit) const {
  return std::string(commit ? "COMMIT" : "ROLLBACK") + " PREPARED '" + name + "'";
}

void PostgresHistories::recover(HistoryWriter& writer, const std::string&) {
  if (!writer.open) return;
  if (writer.savepoints > 0) {
    writer.session->exec("ROLLBACK TO s" + std::to_string(writer.savepoints));
  } else {
    writer.session->exec("ROLLBACK");
    writer.open = false;
  }
}

std::string PostgresHistories::truncate(const HistoryTable& table) const {
  return "TRUNCATE " + table.name();
}

std::string PostgresHistories::lock_gate(const std::string& gate) const {
  return "SELECT pg_advisory_lock(" + gate + ")";
}

std::string PostgresHistories::unlock_gate(const std::string& gate) const {
  return "SELECT pg_advisory_unlock(" + gate + ")";
}

std::string PostgresHistories::gated(const std::string& gate, const std::string& change) const {
  return "BEGIN; SET LOCAL lock_timeout = 0; SELECT pg_advisory_xact_lock(" + gate +
         "); SET LOCAL lock_timeout = '20ms'; " + change + "; COMMIT; ";
}

bool PostgresHistories::waits_at(const HistoryWriter&, const std::string& gate) {
  return value(
             "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE "
             "d.datname = current_database() AND locktype = 'advisory' AND NOT granted AND "
             "objid = " +
             gate) != "0";
}

bool PostgresHistories::snapshot_taken() {
  return value(
             "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
             "application_name LIKE 'sluice%' AND state = 'idle in transaction' AND "
             "backend_xmin IS NOT NULL") != "0";
}

void PostgresHistories::hold(bool held) {
  PostgresSession(database_.server().standby().socket_url())
      .exec(held ? "SELECT pg_wal_replay_pause()" : "SELECT pg_wal_replay_resume()");
}

std::string PostgresHistories::lock_table(const HistoryTable& table) const {
  return "BEGIN; SET LOCAL lock_timeout = '20ms'; LOCK TABLE " + table.name() +
         " IN ACCESS EXCLUSIVE MODE";
}

bool PostgresHistories::run_waits() {
  return value(
             "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
             "wait_event_type = 'Lock' AND query LIKE '%LOCK TABLE%ACCESS SHARE%' AND "
             "application_name LIKE 'sluice%'") != "0";
}

std::string PostgresHistories::clock() const {
  return "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
}

std::string PostgresHistories::micros_of(const std::string& instant) const {
  return "(extract(epoch FROM '" + instant + "'::timestamptz) * 1000000)::bigint";
}

std::string PostgresHistories::start(const std::string& ahead) const {
  return "SELECT to_char((clock_timestamp() + interval '" + ahead +
         "') AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || '+00'";
}

std::string PostgresHistories::labelled(const std::string& micros) const {
  return "'@' || " + micros;
}

HistoryEngine postgres_histories() {
  return {"history_tests", [](std::size_t worker) { PostgresServer::numbered(worker); },
          [](std::size_t worker) -> std::unique_ptr<HistoryServer> {
            return std::make_unique<PostgresHistories>(worker);
          },
          [](std::size_t worker) { PostgresServer::numbered(worker).end_standby(); }, true};
}

}  // namespace sluice::testing
