// SPDX-License-Identifier: Apache-2.0
// Histories in a PostgreSQL server.
#include <algorithm>
#include <array>
#include <stdexcept>

#include "support/history_parts.h"
#include "support/history_server.h"
#include "support/history_sql_postgres.h"
#include "support/postgres_server.h"

namespace sluice::testing {
namespace {

constexpr const char* kReader = "history_reader";  // the role with few rights

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

class PostgresHistories : public HistoryServer {
 public:
  explicit PostgresHistories(std::size_t worker)
      : database_(PostgresServer::numbered(worker)), look_(database_.socket_url()) {}

  const HistorySql& sql() const override { return postgres_sql(); }
  HistorySession& look() override { return look_; }
  std::unique_ptr<HistorySession> session(bool patient) override {
    auto session = std::make_unique<PostgresHistorySession>(database_.socket_url());
    if (!patient) session->exec("SET lock_timeout = '20ms'");
    return session;
  }

  Flavour fitting(const Flavour& flavour) const override { return flavour; }
  std::string url(const Flavour& flavour, bool few_rights) const override {
    if (flavour.standby) return database_.server().standby().socket_url(database_.name());
    return few_rights ? database_.socket_url(kReader) : database_.socket_url();
  }
  void make_user(const std::vector<HistoryTable>& tables, const Flavour&, bool few_rights,
                 Dice&) override {
    if (!few_rights) return;
    exec(std::string("DO $$ BEGIN CREATE ROLE ") + kReader +
         " LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$");
    for (const HistoryTable& table : tables)
      exec("GRANT SELECT ON " + table.name() + " TO " + kReader);
  }
  // A standby's marks are worth nothing.
  bool needs_overlap(const Flavour& flavour, bool) const override { return flavour.standby; }
  bool reader_beside_writers() const override { return false; }
  void choose(HistoryTable&, Dice&) const override {}

  bool expected(const std::string& message) const override {
    static constexpr std::array kExpected{"lock timeout", "duplicate key", "deadlock detected",
                                          "could not serialize", "moved to another partition"};
    return std::ranges::any_of(
        kExpected, [&](const char* each) { return message.find(each) != std::string::npos; });
  }
  std::string begin(HistoryWriter&, const Flavour&, const std::string&, Dice& dice) const override {
    return dice.chance(85) ? "BEGIN" : "BEGIN ISOLATION LEVEL REPEATABLE READ";
  }
  std::string end(const HistoryWriter&, bool commit) const override {
    return commit ? "COMMIT" : "ROLLBACK";
  }
  std::string prepare(const HistoryWriter&, std::string& name) const override {
    return "PREPARE TRANSACTION '" + name + "'";
  }
  void prepared(HistoryWriter&, const std::string&) override {}
  std::string end_prepared(const std::string& name, bool commit) const override {
    return std::string(commit ? "COMMIT" : "ROLLBACK") + " PREPARED '" + name + "'";
  }
  std::string alone(const std::string& change) const override { return change; }
  void recover(HistoryWriter& writer, const std::string&) override {
    if (!writer.open) return;
    if (writer.savepoints > 0) {
      writer.session->exec("ROLLBACK TO s" + std::to_string(writer.savepoints));
    } else {
      writer.session->exec("ROLLBACK");
      writer.open = false;
    }
  }
  std::string truncate(const HistoryTable& table) const override {
    return "TRUNCATE " + table.name();
  }
  Reshape reshape(HistoryTable&, Dice&) const override { return {}; }

  std::string lock_gate(const std::string& gate) const override {
    return "SELECT pg_advisory_lock(" + gate + ")";
  }
  std::string unlock_gate(const std::string& gate) const override {
    return "SELECT pg_advisory_unlock(" + gate + ")";
  }
  std::string gated(const std::string& gate, const std::string& change) const override {
    return "BEGIN; SET LOCAL lock_timeout = 0; SELECT pg_advisory_xact_lock(" + gate +
           "); SET LOCAL lock_timeout = '20ms'; " + change + "; COMMIT; ";
  }
  bool waits_at(const HistoryWriter&, const std::string& gate) override {
    return value(
               "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE "
               "d.datname = current_database() AND locktype = 'advisory' AND NOT granted AND "
               "objid = " +
               gate) != "0";
  }
  std::string after_message() const override { return "ROLLBACK"; }
  bool message_inserts() const override { return false; }

  void before_run(std::size_t) override {}
  bool snapshot_taken() override {
    return value(
               "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
               "application_name LIKE 'sluice%' AND state = 'idle in transaction' AND "
               "backend_xmin IS NOT NULL") != "0";
  }
  void follow() override { database_.server().wait_for_standby(); }
  void hold(bool held) override {
    PostgresSession(database_.server().standby().socket_url())
        .exec(held ? "SELECT pg_wal_replay_pause()" : "SELECT pg_wal_replay_resume()");
  }
  std::string lock_table(const HistoryTable& table) const override {
    return "BEGIN; SET LOCAL lock_timeout = '20ms'; LOCK TABLE " + table.name() +
           " IN ACCESS EXCLUSIVE MODE";
  }
  bool run_waits() override {
    return value(
               "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
               "wait_event_type = 'Lock' AND query LIKE '%LOCK TABLE%ACCESS SHARE%' AND "
               "application_name LIKE 'sluice%'") != "0";
  }
  std::string clock() const override {
    return "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
  }
  std::string micros_of(const std::string& instant) const override {
    return "(extract(epoch FROM '" + instant + "'::timestamptz) * 1000000)::bigint";
  }
  std::string start(const std::string& ahead) const override {
    return "SELECT to_char((clock_timestamp() + interval '" + ahead +
           "') AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || '+00'";
  }
  std::string labelled(const std::string& micros) const override { return "'@' || " + micros; }

 private:
  PostgresDatabase database_;
  PostgresHistorySession look_;
};

}  // namespace

HistoryEngine postgres_histories() {
  return {"history_tests", [](std::size_t worker) { PostgresServer::numbered(worker); },
          [](std::size_t worker) -> std::unique_ptr<HistoryServer> {
            return std::make_unique<PostgresHistories>(worker);
          },
          [](std::size_t worker) { PostgresServer::numbered(worker).end_standby(); }, true};
}

}  // namespace sluice::testing
