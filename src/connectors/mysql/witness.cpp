// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/witness.h"

#include <algorithm>
#include <chrono>
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
  connection.run("SET SESSION time_zone = @@global.time_zone");
  const Rows clock = connection.query(
      std::string("SELECT UTC_TIMESTAMP(6), NOW(6), ") + kMicros);
  connection.run("SET SESSION time_zone = '+00:00'");
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
  std::optional<Rows> list;
  for (int i = 0; i < kLists && !list; ++i) {
    if (i > 0) std::this_thread::sleep_for(kListAge);
    Rows rows = connection.query(
        "SELECT trx_mysql_thread_id, trx_id, trx_started, TIMESTAMPDIFF(SECOND, trx_started, "
        "CONVERT_TZ(UTC_TIMESTAMP(), '+00:00', 'SYSTEM')) FROM information_schema.innodb_trx");
    for (std::size_t row = 0; row < rows.size() && !list; ++row) {
      if (rows.natural(row, 0) == connection.id()) list = std::move(rows);
    }
  }
  connection.run("ROLLBACK");
  return list;
}

/// Those among `now` that `earlier` names and that have not ended.
std::vector<Holder> still_open(const std::string& earlier, const Witness& now) {
  const nlohmann::json json = nlohmann::json::parse(earlier);
  const auto t0 = json.at("t0_micros").get<std::int64_t>();
  std::vector<Holder> open;
  bool sessions = false;
  std::set<std::string> prepared;
  for (const auto& each : json.at("holders")) {
    const auto session = each.at("session").get<std::uint64_t>();
    const auto transaction = each.at("transaction").get<std::string>();
    if (session == 0) prepared.insert(transaction);
    sessions = sessions || session != 0;
    for (const Holder& present : now.holders) {
      if (present.session != session) continue;
      const bool same = session == 0 || !transaction.empty()
                            ? present.transaction == transaction
                            : !present.transaction.empty() || present.began <= t0;
      if (same) open.push_back(present);
    }
  }
  // A session that prepared its transaction may have left it behind, and nothing says whose it was.
  if (!sessions || planted("mysql-prepared-left")) return open;
  for (const Holder& present : now.holders) {
    if (present.session == 0 && !prepared.contains(present.transaction)) open.push_back(present);
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
        {{"session", each.session}, {"transaction", each.transaction}, {"user", each.user}});
  }
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
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
      "SELECT id, user, command, coalesce(time, 0) FROM information_schema.processlist WHERE "
      "command <> 'Sleep'");
  for (std::size_t row = 0; row < sessions.size(); ++row) {
    const std::uint64_t id = sessions.natural(row, 0);
    const std::string user = sessions.text(row, 1), command = sessions.text(row, 2);
    if (command.starts_with("Slave") || command.starts_with("Replica") ||
        (user == "system user" && command == "Connect"))
      witness.why_not = "a replica applies rows that were stamped elsewhere";
    if (planted("mysql-statements-unlisted") || command == "Daemon" || command.starts_with("Binlog Dump") || user == "system user" ||
        user == "event_scheduler" || connection.login().own->contain(id))
      continue;
    witness.holders.push_back(
        {id, "", witness.t0_micros - sessions.integer(row, 3) * 1'000'000 - kMargin, user});
  }
  try {
    const std::optional<Rows> open = list_transactions(connection);
    if (!open) {
      witness.why_not =
          "another program asks for the list of transactions so often that it is never a new one";
      return witness;
    }
    for (std::size_t row = 0; row < open->size(); ++row) {
      const std::uint64_t id = open->natural(row, 0);
      if (planted("mysql-transactions-unlisted") || (id == 0 && planted("mysql-prepared-unchecked"))) continue;
      if (id != 0 && connection.login().own->contain(id)) continue;
      // Its number changes when it first writes; of one without a session nothing else is known.
      const std::string transaction = id == 0 ? open->text(row, 1) : open->text(row, 2);
      Holder* known = id == 0 ? nullptr : holder_of(witness, id);
      if (known == nullptr) known = &witness.holders.emplace_back(Holder{id, "", 0, ""});
      known->transaction = transaction;
      known->began = 0;
      known->open_since = witness.t0_micros - open->integer(row, 3) * 1'000'000;
    }
  } catch (const Error& error) {
    if (error.fault() != Fault::permission) throw;
    witness.why_not = "the user lacks the PROCESS right, and cannot see which transactions are open";
  }
  return witness;
}

// A row stamped at or before t0 that the snapshot did not show belongs to a statement that had
// begun by t0. Its session was listed, as it was not asleep, or its transaction was, or it is a
// prepared one. (1) Listed with a transaction: ended when that session has none that began then.
// (2) Listed without one: ended when the session is asleep without a transaction, or does something
// that began after t0. In both cases, only if no transaction is prepared that was not by then: it
// may be what that session did before it went. Where the rights do not show others, the overlap is all there is.
bool settled(const std::string& earlier, const Witness& now) try {
  if (planted("mysql-all-settled")) return true;
  const std::vector<Holder> open = still_open(earlier, now);
  return !now.why_not.empty() || open.empty();
} catch (const nlohmann::json::exception&) {
  return false;
}

std::string waits_for(const std::string& earlier, const Witness& now) try {
  if (settled(earlier, now)) return {};
  std::string text;
  for (const Holder& each : still_open(earlier, now)) {
    text += (text.empty() ? "" : "; ") +
            (each.session == 0 ? "a prepared XA transaction (XA RECOVER lists them)"
                               : "session " + std::to_string(each.session) + " (user " + each.user +
                                     ")") +
            wire::open_for(each.open_since, now.t0_micros);
  }
  return text;
} catch (const nlohmann::json::exception&) {
  return {};
}

}  // namespace sluice::mysql
