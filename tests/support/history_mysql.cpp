// SPDX-License-Identifier: Apache-2.0
// Histories in a MariaDB or MySQL server.
#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <stdexcept>
#include <thread>

#include "support/history_parts.h"
#include "support/history_server.h"
#include "support/history_sql_mysql.h"
#include "support/mysql_server.h"

namespace sluice::testing {
namespace {

constexpr const char* kUser = "history_user";  // with some rights only

class MysqlHistorySession : public HistorySession {
 public:
  explicit MysqlHistorySession(const std::string& url) : session_(url) {}
  void exec(const std::string& sql) override { session_.exec(sql); }
  std::vector<Row> query(const std::string& sql) override { return session_.query(sql); }
  std::string value(const std::string& sql) override { return session_.value(sql); }
  void send(const std::string& sql) override { session_.send(sql); }
  bool ended() override { return session_.ended(); }
  std::string id() const { return std::to_string(session_.id()); }

 private:
  MysqlSession session_;
};

std::string id_of(const HistoryWriter& writer) {
  return dynamic_cast<const MysqlHistorySession&>(*writer.session).id();
}

bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

class MysqlHistories : public HistoryServer {
 public:
  explicit MysqlHistories(std::size_t worker)
      : database_(MysqlServer::numbered(worker)),
        numbers_(database_.server()),
        look_(database_.socket_url()),
        sql_(mysql_sql(
            {database_.name(), numbers_.name() + ".numbers", mariadb_ ? "uuid" : "char(36)"})) {
    look_.exec("SET SESSION time_zone = '+00:00'");
    // Of an engine without transactions: what is read of it begins none.
    numbers_.exec("CREATE TABLE numbers (i int PRIMARY KEY) ENGINE=MyISAM");
    numbers_.exec("INSERT INTO numbers VALUES (1)");
    for (int count = 1; count < kNumbers; count *= 2)
      numbers_.exec("INSERT INTO numbers SELECT i + " + std::to_string(count) + " FROM numbers");
  }

  const HistorySql& sql() const override { return *sql_; }
  HistorySession& look() override { return look_; }
  std::unique_ptr<HistorySession> session(bool patient) override {
    auto session = std::make_unique<MysqlHistorySession>(database_.socket_url());
    // Else a writer would lock what it only looked at, and stand in everybody's way.
    session->exec("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED");
    if (!patient)
      session->exec("SET SESSION lock_wait_timeout = " + least_ +
                    ", innodb_lock_wait_timeout = " + least_);
    return session;
  }

  Flavour fitting(const Flavour& flavour) const override {
    Flavour its = flavour;
    its.standby = its.versions = false;
    its.writes_early = its.over_runs;
    // A statement that waits at a gate keeps a run from the lock by which its instant is known.
    if (!mariadb_ && its.history) its.message = 0;
    return its;
  }
  std::string url(const Flavour&, bool) const override { return database_.socket_url(user_); }
  void make_user(const std::vector<HistoryTable>&, const Flavour& flavour, bool few_rights,
                 Dice& dice) override;
  bool needs_overlap(const Flavour&, bool few_rights) const override { return few_rights; }
  bool reader_beside_writers() const override { return true; }
  void choose(HistoryTable& table, Dice& dice) const override {
    static constexpr std::array kTypes{"timestamp(6)", "timestamp(6)", "timestamp(6)", "timestamp",
                                       "timestamp",    "timestamp(3)", "datetime(6)",  "datetime"};
    const std::string type = dice.pick(kTypes);
    table.stamp_with(type, dice.chance(40));
  }

  // Marks are whole seconds: within one of them nothing can be lost. Many steps go by in each, so
  // that one is left behind now and then, while transactions are open.
  std::string before_step(Dice& dice) override {
    if (dice.chance(6)) next_second();
    return {};
  }
  bool expected(const std::string& message) const override {
    // A lock, a key that is there, a deadlock, a table that changed under a snapshot; a prepared
    // transaction that changed nothing, and is gone.
    static constexpr std::array kExpected{"1205: ", "1062: ", "1213: ", "1412: ", "1402: "};
    return std::ranges::any_of(kExpected,
                               [&](const char* each) { return message.starts_with(each); });
  }
  std::string begin(HistoryWriter& writer, const Flavour& flavour, const std::string& name,
                    Dice& dice) const override {
    constexpr int kEachPrepare = 3;  // steps of a transaction in which it may be prepared
    if (dice.chance(std::min(90, flavour.prepare * kEachPrepare))) {
      writer.xa = name;
      return "XA START '" + name + "'";
    }
    return dice.chance(85) ? "BEGIN" : "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; BEGIN";
  }
  std::string end(const HistoryWriter& writer, bool commit) const override {
    if (writer.xa.empty()) return patient(commit ? "COMMIT" : "ROLLBACK");
    return patient(
        "XA END '" + writer.xa + "'; XA " +
        (commit ? "COMMIT '" + writer.xa + "' ONE PHASE" : "ROLLBACK '" + writer.xa + "'"));
  }
  std::string prepare(const HistoryWriter& writer, std::string& name) const override {
    if (writer.xa.empty()) return {};
    name = writer.xa;
    return patient("XA END '" + name + "'; XA PREPARE '" + name + "'");
  }
  void prepared(HistoryWriter& writer, const std::string& name) override;
  void exec_prepared(const std::string& name, const std::string& sql) override;
  std::string end_prepared(const std::string& name, bool commit) const override {
    return std::string(commit ? "XA COMMIT '" : "XA ROLLBACK '") + name + "'";
  }
  std::string alone(const std::string& change) const override {
    return has(change, "; ") ? "BEGIN; " + change + "; COMMIT" : change;
  }
  void recover(HistoryWriter& writer, const std::string& message) override;
  std::string truncate(const HistoryTable& table) const override {
    return "TRUNCATE TABLE " + table.name();
  }
  Reshape reshape(HistoryTable& table, Dice& dice) const override;

  std::string lock_gate(const std::string& gate) const override {
    return "DO GET_LOCK('gate " + gate + "', 600)";
  }
  std::string unlock_gate(const std::string& gate) const override {
    return "DO RELEASE_LOCK('gate " + gate + "')";
  }
  /// An INSERT waits where its stamps are fixed, and no transaction has begun. It may ask for its
  /// gate more than once. What waits begins with the gate's name: MySQL shows a statement up to its
  /// first rare character.
  std::string gated(const std::string& gate, const std::string& change) const override {
    std::string sql = change, before;
    const std::string lock = "GET_LOCK('gate " + gate + "', 600)";
    if (const auto at = sql.find(kSeriesEnd); at != std::string::npos) {
      sql.insert(at + std::string(kSeriesEnd).size(),
                 ", (SELECT " + lock + " AS got) gate WHERE got = 1");
    } else {
      before = "DO " + lock + "; ";
    }
    return "BEGIN; /* gate " + gate + " */ " + before + sql + "; " + release_ + "; COMMIT; ";
  }
  bool waits_at(const HistoryWriter& writer, const std::string& gate) override {
    return value("SELECT count(*) FROM information_schema.processlist WHERE id = " + id_of(writer) +
                 " AND state = 'User lock' AND info LIKE '/* gate " + gate + " */%'") != "0";
  }
  std::string after_message() const override { return "ROLLBACK; " + release_; }
  bool message_inserts() const override { return true; }

  std::string before_run(std::size_t readers) override {
    if (++runs_ % 3 == 0) next_second();
    // One transaction looks at the list of transactions; of those that read the planner's is one,
    // and where their snapshots cannot be compared there is one reader.
    const bool all = user_ == "root" && mariadb_;
    counted_ = locks_ ? "Com_unlock_tables" : "Com_begin";
    wanted_ = count() + (locks_ ? 1 : all ? 2 + readers : 3);
    return {};
  }
  // A program that asks for the list of transactions again and again would keep it from being new.
  bool snapshot_taken() override { return count() >= wanted_; }
  std::string clock() const override {
    return "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))";
  }
  std::string micros_of(const std::string& instant) const override {
    return "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', '" + instant.substr(0, instant.find('+')) +
           "')";
  }
  std::string start(const std::string& ahead) const override {
    return "SELECT CAST(UTC_TIMESTAMP(6) + INTERVAL " + std::to_string(std::stoi(ahead)) +
           " MINUTE AS CHAR)";
  }
  std::string labelled(const std::string& micros) const override {
    return "CONCAT('@', " + micros + ")";
  }

 private:
  static void next_second() {
    const auto now = std::chrono::system_clock::now();
    std::this_thread::sleep_until(std::chrono::ceil<std::chrono::seconds>(now));
  }
  std::size_t count() {
    return std::stoul(
        look_.query("SHOW GLOBAL STATUS LIKE '" + counted_ + "'").at(0).at(1).value());
  }

  static constexpr int kNumbers = 65'536;
  /// A run that locks the server for a moment keeps others from ending their transactions.
  std::string patient(const std::string& sql) const {
    return "SET SESSION lock_wait_timeout = 60; " + sql +
           "; SET SESSION lock_wait_timeout = " + least_;
  }

  MysqlDatabase database_;
  MysqlDatabase numbers_;
  const bool mariadb_ = database_.server().mariadb();
  const std::string least_ = mariadb_ ? "0" : "1";  ///< seconds that one may wait for a lock
  /// MySQL 5.6: who asks for a lock lets go of another one.
  const std::string release_ =
      mariadb_ ? "DO RELEASE_ALL_LOCKS()" : "DO GET_LOCK(CONCAT('none ', CONNECTION_ID()), 0)";
  MysqlHistorySession look_;
  std::unique_ptr<HistorySql> sql_;
  /// MySQL 5.6: those that have prepared a transaction, by its name.
  std::map<std::string, std::unique_ptr<HistorySession>> holders_;
  std::string user_ = "root";
  bool locks_ = false;  ///< that user, for its snapshots
  std::string counted_;
  std::size_t wanted_ = 0, runs_ = 0;
};

/// Rights say how a run's sessions come to see the same rows, and whether it sees the transactions
/// of others. Only with all of them is a snapshot's instant known to the microsecond.
void MysqlHistories::make_user(const std::vector<HistoryTable>&, const Flavour& flavour,
                               bool few_rights, Dice& dice) {
  user_ = "root";
  locks_ = !mariadb_;
  const std::string here = " ON " + database_.name() + ".*";
  const int lot = dice.below(100);
  std::string rights;
  if (few_rights) {
    rights = lot < 80 ? "SELECT" + here : "SELECT, LOCK TABLES" + here;
  } else if (lot < 65 || flavour.history) {
    return;
  } else {
    rights = lot < 85   ? "SELECT, PROCESS"
             : lot < 93 ? "SELECT, PROCESS, RELOAD"
                        : "SELECT, PROCESS, LOCK TABLES";
    rights += " ON *.*";
  }
  user_ = kUser;
  locks_ = has(rights, "RELOAD") || (mariadb_ && has(rights, "LOCK"));
  database_.server().create_user(user_, "", rights);
}

/// Once the session has gone the transaction is nobody's, and anybody may end it; that of MySQL 5.6
/// would take it along.
void MysqlHistories::prepared(HistoryWriter& writer, const std::string& name) {
  if (!mariadb_) {
    writer.session->exec("SET SESSION lock_wait_timeout = 60");
    holders_[name] = std::move(writer.session);
    writer.session = session(false);
    return;
  }
  const std::string id = id_of(writer);
  writer.session = session(false);
  while (value("SELECT count(*) FROM information_schema.processlist WHERE id = " + id) != "0")
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

void MysqlHistories::exec_prepared(const std::string& name, const std::string& sql) {
  if (mariadb_) return exec(sql);
  holders_.extract(name).mapped()->exec(sql);
}

/// A statement that fails is as if it had not been, and its transaction goes on; after a deadlock
/// nothing of it is left, and one that might be prepared may only be rolled back.
void MysqlHistories::recover(HistoryWriter& writer, const std::string& message) {
  if (writer.open && writer.xa.empty() && !message.starts_with("1213")) return;
  if (writer.xa.empty()) {
    writer.session->exec("ROLLBACK");
  } else {
    try {
      writer.session->exec("XA END '" + writer.xa + "'");
    } catch (const std::runtime_error&) {
      // It says what there was.
    }
    writer.session->exec(patient("XA ROLLBACK '" + writer.xa + "'"));
  }
  writer.open = false;
  writer.xa.clear();
}

/// Columns widen where they can, and those that were added may go.
HistoryServer::Reshape MysqlHistories::reshape(HistoryTable& table, Dice& dice) const {
  if (dice.chance(40)) return {};
  const std::string alter = "ALTER TABLE " + table.name();
  if (dice.chance(40)) return {alter + " MODIFY n bigint"};
  const std::string column = table.drop_column(dice);
  if (column.empty()) return {};
  return {alter + " DROP COLUMN " + column, true};
}

}  // namespace

HistoryEngine mysql_histories() {
  return {"mysql_history_tests", [](std::size_t worker) { MysqlServer::numbered(worker); },
          [](std::size_t worker) -> std::unique_ptr<HistoryServer> {
            return std::make_unique<MysqlHistories>(worker);
          },
          [](std::size_t) {}, false};
}

}  // namespace sluice::testing
