// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/witness.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "planted.h"
#include "wire/age.h"

namespace sluice::mysql {
namespace {

constexpr std::int64_t kMargin = 2'000'000;  // clocks that count seconds, both ends

constexpr std::chrono::milliseconds kListAge{110};
constexpr int kLists = 20;  // so many times the list is asked for until it is a new one

constexpr const char* kMicros = "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))";

/// A trailing zone, and no zeros behind the point, as DuckDB prints it.
std::string trimmed(std::string text) {
  if (text.find('.') == std::string::npos) return text;
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

void read_clock(Connection& connection, Witness& witness) {
  const bool moved = connection.set("SET SESSION time_zone = @@global.time_zone");
  const Rows clock = connection.query(std::string("SELECT UTC_TIMESTAMP(6), NOW(6), ") + kMicros);
  if (moved) connection.run("SET SESSION time_zone = '+00:00'");
  witness.t0 = trimmed(clock.text(0, 0)) + "+00";
  witness.local = trimmed(clock.text(0, 1));
  witness.t0_micros = clock.integer(0, 2);
}

Holder* holder_of(Witness& witness, std::uint64_t session) {
  const auto found = std::ranges::find(witness.holders, session, &Holder::session);
  return found == witness.holders.end() ? nullptr : &*found;
}

/// InnoDB answers from a list that it makes anew only where nobody has asked for 100 ms. One that
/// shows a transaction of our own is younger than that transaction. None: there was no such list.
std::optional<Rows> list_transactions(Connection& connection) {
  connection.run("START TRANSACTION WITH CONSISTENT SNAPSHOT");
  struct Ended {
    Connection& connection;
    ~Ended() {
      try {
        connection.run("ROLLBACK");
      } catch (const Error&) {  // then it is broken, and says so when it is next asked
      }
    }
  } const ended{connection};
  std::optional<Rows> list;
  for (int i = 0; i < kLists && !list; ++i) {
    if (i > 0) std::this_thread::sleep_for(kListAge);
    Rows rows = connection.query(
        "SELECT trx_mysql_thread_id, trx_id, trx_started, TIMESTAMPDIFF(SECOND, trx_started, "
        "CONVERT_TZ(UTC_TIMESTAMP(), '+00:00', 'SYSTEM')) FROM information_schema.innodb_trx");
    for (std::size_t row = 0; row < rows.size(); ++row) {
      if (rows.natural(row, 0) != connection.id()) continue;
      list = std::move(rows);
      break;
    }
  }
  return list;
}

/// Whether `now` may be what `then` was. A prepared transaction leaves its session.
bool same(const Holder& then, const Holder& now, std::int64_t t0, bool is_new) {
  if (then.session == 0) return now.session == 0 && now.number == then.number;
  if (now.session == 0 && planted("mysql-prepared-left")) return false;
  if (now.session == 0)
    return then.transaction.empty() ? is_new : now.transaction == then.transaction;
  if (now.session != then.session) return false;
  return then.transaction.empty() ? !now.transaction.empty() || now.began <= t0
                                  : now.transaction == then.transaction;
}

/// Those among `now` that `earlier` names and that have not ended.
std::vector<Holder> still_open(const std::string& earlier, const Witness& now) {
  const nlohmann::json json = nlohmann::json::parse(earlier);
  const auto t0 = json.at("t0_micros").get<std::int64_t>();
  std::vector<Holder> holders;
  std::set<std::string> prepared;
  for (const auto& each : json.at("holders")) {
    Holder& holder = holders.emplace_back();
    holder.session = each.at("session").get<std::uint64_t>();
    holder.transaction = each.at("transaction").get<std::string>();
    holder.number = each.at("number").get<std::string>();
    prepared.insert(holder.number);
  }
  std::vector<Holder> open;
  for (const Holder& present : now.holders) {
    const bool is_new = !prepared.contains(present.number);
    if (std::ranges::any_of(holders,
                            [&](const Holder& each) { return same(each, present, t0, is_new); }))
      open.push_back(present);
  }
  return open;
}

}  // namespace

std::string clock_of(Connection& connection) {
  return trimmed(connection.query("SELECT UTC_TIMESTAMP(6)").text(0, 0)) + "+00";
}

std::string Witness::text() const {
  nlohmann::json json{{"t0", t0}, {"t0_micros", t0_micros}, {"holders", nlohmann::json::array()}};
  for (const Holder& each : holders) {
    json["holders"].push_back(
        {{"session", each.session}, {"transaction", each.transaction}, {"number", each.number}});
  }
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// Transactions of the other members of a cluster are nobody's here until they have ended.
void find_other_writers(Connection& connection, Witness& witness) {
  const Rows rows = connection.query(
      "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('wsrep_on', 'group_replication_group_name', "
      "'innodb_read_only')");
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const std::string name = rows.text(row, 0), value = rows.text(row, 1);
    if (value.empty() || value == "OFF" || value == "0") continue;
    witness.applies = true;
    witness.why_not = name == "innodb_read_only"
                          ? "a server that only reads does not show the transactions of its writer"
                          : "other members of the cluster write, too, and their transactions are "
                            "not shown here";
  }
}

// The clock first, then the sessions that do something, then the transactions: what NOW() stamps is
// when a statement began, which may wait for locks before its transaction is listed.
Witness observe(Connection& connection) {
  Witness witness;
  read_clock(connection, witness);
  if (connection.dialect() == Dialect::singlestore) {
    witness.why_not = "SingleStore does not tell which transactions are open";
    return witness;
  }
  const Rows sessions = connection.query(
      "SELECT id, user, command, coalesce(time, 0) FROM information_schema.processlist");
  std::map<std::uint64_t, std::string> users;
  for (std::size_t row = 0; row < sessions.size(); ++row) {
    const std::uint64_t id = sessions.natural(row, 0);
    const std::string user = sessions.text(row, 1), command = sessions.text(row, 2);
    users[id] = user;
    if (command.starts_with("Slave") || command.starts_with("Replica") ||
        (user == "system user" && command == "Connect")) {
      witness.applies = true;
      witness.why_not = "a replica applies rows that were stamped elsewhere";
    }
    if (planted("mysql-statements-unlisted") || command == "Sleep" || command == "Daemon" ||
        command.starts_with("Binlog Dump") || user == "system user" || user == "event_scheduler" ||
        connection.login().own->contain(id))
      continue;
    Holder& holder = witness.holders.emplace_back();
    holder.session = id;
    holder.began = witness.t0_micros - sessions.integer(row, 3) * 1'000'000 - kMargin;
    holder.user = user;
  }
  find_other_writers(connection, witness);
  try {
    const std::optional<Rows> open = list_transactions(connection);
    if (!open) {
      witness.passing = witness.why_not.empty();
      witness.why_not =
          "another program asks for the list of transactions so often that it is never a new one";
      return witness;
    }
    for (std::size_t row = 0; row < open->size(); ++row) {
      const std::uint64_t id = open->natural(row, 0);
      if (planted("mysql-transactions-unlisted")) continue;
      if (id == 0 && planted("mysql-prepared-unlisted")) continue;
      if (id != 0 && connection.login().own->contain(id)) continue;
      Holder* known = id == 0 ? nullptr : holder_of(witness, id);
      if (known == nullptr) known = &witness.holders.emplace_back();
      known->session = id;
      known->transaction = open->text(row, 2);
      // A number changes when the transaction first writes: what is prepared has done that.
      if (id == 0) known->number = open->text(row, 1);
      known->began = 0;
      if (const auto user = users.find(id); user != users.end()) known->user = user->second;
      known->open_since = witness.t0_micros - open->integer(row, 3) * 1'000'000;
    }
  } catch (const Error& error) {
    if (error.fault() != Fault::permission) throw;
    witness.why_not =
        "the user lacks the PROCESS right, and cannot see which transactions are open";
  }
  return witness;
}

// A row stamped at or before t0 that the snapshot did not show belongs to a statement that had
// begun by t0. Its session was listed, as it was not asleep, or its transaction was, or it is a
// prepared one. (1) Listed with a transaction: ended when neither that session nor a prepared one
// has one that began then. (2) Listed without one: ended when the session is asleep without a
// transaction, or does something that began after t0, and nothing was prepared since. Where the
// rights do not show others, the overlap is all there is.
bool settled(const std::string& earlier, const Witness& now) try {
  if (planted("mysql-all-settled")) return true;
  const std::vector<Holder> open = still_open(earlier, now);
  if (now.passing) return nlohmann::json::parse(earlier).at("holders").empty();
  return !now.why_not.empty() || open.empty();
} catch (const nlohmann::json::exception&) {
  return false;
}

std::string waits_for(const std::string& earlier, const Witness& now) try {
  if (settled(earlier, now)) return {};
  std::string text;
  for (const Holder& each : still_open(earlier, now)) {
    text += (text.empty() ? "" : "; ") +
            (each.session == 0
                 ? "a prepared XA transaction (XA RECOVER lists them)"
                 : "session " + std::to_string(each.session) + " (user " + each.user + ")") +
            wire::open_for(each.open_since, now.t0_micros);
  }
  return text;
} catch (const nlohmann::json::exception&) {
  return {};
}

}  // namespace sluice::mysql
