// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/witness.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "planted.h"
#include "wire/age.h"

namespace sluice::postgres {
namespace {

std::string micros(const std::string& expression) {
  return "(extract(epoch FROM " + expression + ") * 1000000)::bigint";
}

}  // namespace

std::string Witness::text() const {
  nlohmann::json json{
      {"t0", t0}, {"t0_micros", t0_micros}, {"xmax", xmax}, {"holders", nlohmann::json::array()}};
  for (const Holder& each : holders) {
    json["holders"].push_back(
        {{"pid", each.pid}, {"transaction", each.transaction}, {"user", each.user}});
  }
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::optional<std::int64_t> Witness::open_since() const {
  if (!blind.empty() || hidden || !prepared.empty()) return std::nullopt;
  return oldest_stamp;
}

// Separate statements, because their order is what the proof rests on: the clock, then the
// transactions, then the prepared ones. A transaction that turns into a prepared one in between is
// seen at least once.
Witness observe(Connection& connection) {
  Witness witness;
  if (connection.standby()) {
    witness.blind = "a standby does not see the primary's transactions";
  } else if (!connection.dialect().one_server) {
    witness.blind = "a node of " + std::string(connection.dialect().product) +
                    " does not see the others' transactions";
  }
  const auto behind = connection.login().behind.value_or(std::chrono::milliseconds(0)).count();
  const Rows clock =
      connection.query("SELECT t, " + micros("t") + " FROM (SELECT clock_timestamp() - interval '" +
                       std::to_string(behind) + " milliseconds') c(t)");
  witness.t0 = clock.string(0, 0);
  witness.t0_micros = clock.integer(0, 1);
  if (!witness.blind.empty()) return witness;

  // pg_locks is visible without rights; of other users' sessions the times are not.
  const Rows sessions = connection.query(
      "SELECT a.pid, l.virtualtransaction, a.usename, least(" + micros("a.query_start") + ", " +
      micros("a.xact_start") + "), a.application_name, a.state, " + micros("a.xact_start") +
      " FROM pg_stat_activity a LEFT JOIN pg_locks l ON l.pid = a.pid AND l.locktype ="
      " 'virtualxid' AND l.granted AND l.mode = 'ExclusiveLock' WHERE a.datname = "
      "current_database() AND a.usesysid"
      " IS NOT NULL AND (l.pid IS NOT NULL OR a.state NOT IN ('idle', 'disabled'))");
  for (int row = 0; row < sessions.size(); ++row) {
    Holder holder{static_cast<int>(sessions.integer(row, 0)), sessions.string(row, 1),
                  sessions.string(row, 2), sessions.string(row, 4), sessions.integer(row, 6)};
    if (const std::string state = sessions.string(row, 5); !state.empty())
      holder.application += (holder.application.empty() ? "" : ", ") + state;
    if (connection.login().own->contain(holder.pid)) continue;
    if (sessions.null(row, 3)) {
      witness.hidden = true;
    } else {
      witness.oldest_stamp = std::min(witness.oldest_stamp, sessions.integer(row, 3));
    }
    witness.holders.push_back(std::move(holder));
  }
  if (planted("prepared-unchecked")) return witness;
  const Rows prepared = connection.query("SELECT gid, owner, " + micros("prepared") +
                                         " FROM pg_prepared_xacts WHERE database = "
                                         "current_database() ORDER BY prepared");
  for (int row = 0; row < prepared.size(); ++row) {
    witness.prepared.push_back(
        {0, prepared.string(row, 0), prepared.string(row, 1), "", prepared.integer(row, 2)});
  }
  return witness;
}

// A row stamped at or before t0 that the snapshot did not show belongs to a transaction that was
// open when the holders were listed, which was after t0. (1) Listed with a virtual transaction:
// ended when that is gone, or prepared since t0. (2) Prepared, whenever that was: the prepared list
// is read after the transactions, and while it names any, nothing is settled. xmin is no measure of
// those prepared before t0: xmax follows the newest number that has ended, so that a newer one
// which is still open is not below it. (3) Listed without one, or begun after t0 by a message that
// arrived before (its transactions share the message's time): a session that is not idle and has a
// query_start or xact_start up to t0; where rights hide the times, the overlap stands in. Where
// others' transactions cannot be seen, proof() says so and the overlap is all there is.
bool settled(const std::string& earlier, const Witness& now) try {
  const nlohmann::json json = nlohmann::json::parse(earlier);
  const auto t0 = json.at("t0_micros").get<std::int64_t>();
  if (planted("all-settled")) return true;
  if (now.xmin < json.at("xmax").get<std::int64_t>()) return false;
  if (!now.blind.empty() || planted("xmin-alone")) return true;
  if (!now.prepared.empty()) return false;
  if (now.oldest_stamp <= t0 && !planted("message-unchecked")) return false;
  for (const nlohmann::json& held : json.at("holders")) {
    const auto transaction = held.at("transaction").get<std::string>();
    const auto open = [&](const Holder& each) {
      return !transaction.empty() && each.transaction == transaction;
    };
    if (std::any_of(now.holders.begin(), now.holders.end(), open)) return false;
  }
  return true;
} catch (const nlohmann::json::exception&) {
  return false;  // not a text that we wrote
}

std::string waits_for(const std::string& earlier, const Witness& now) try {
  if (settled(earlier, now)) return {};
  const nlohmann::json json = nlohmann::json::parse(earlier);
  const auto t0 = json.at("t0_micros").get<std::int64_t>();
  std::vector<Holder> open;
  for (const Holder& each : now.holders) {
    const bool listed = std::ranges::any_of(json.at("holders"), [&](const nlohmann::json& held) {
      return !each.transaction.empty() && held.at("transaction") == each.transaction;
    });
    if (listed || (each.since > 0 && each.since <= t0)) open.push_back(each);
  }
  std::ranges::sort(open, {}, &Holder::since);
  std::string text;
  const auto add = [&](const std::string& what) { text += (text.empty() ? "" : "; ") + what; };
  for (const Holder& each : open) {
    add("pid " + std::to_string(each.pid) + " (" +
        (each.application.empty() ? "" : each.application + ", ") + "user " + each.user + ")" +
        wire::open_for(each.since, now.t0_micros));
  }
  for (const Holder& each : now.prepared)
    add("the prepared transaction '" + each.transaction + "' of user " + each.user +
        wire::open_for(each.since, now.t0_micros));
  return text.empty() ? "a transaction that began before it, of another database or not to be seen"
                      : text;
} catch (const nlohmann::json::exception&) {
  return {};
}

}  // namespace sluice::postgres
