// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/findings.h"

#include <array>
#include <optional>

namespace sluice::postgres {
namespace {

struct Asked {
  Connection& session;
  std::size_t readers;
};
using Found = std::optional<Finding>;

std::string role_of(Connection& session) {
  return session.query("SELECT quote_ident(current_user)").string(0, 0);
}

Found encryption(const Asked& asked) {
  PGconn* connection = asked.session.handle();
  const std::string host = PQhost(connection);
  const char* address_text = PQhostaddr(connection);
  const std::string address = address_text == nullptr ? "" : address_text;
  if (host.starts_with('/') || host.starts_with('@')) return Finding{true, "a unix socket", {}};
  if (PQgssEncInUse(connection) == 1)
    return Finding{true, "GSSAPI encrypts the connection, the server is verified", {}};
  if (PQsslInUse(connection) == 0) {
    if (address == "::1" || address.starts_with("127."))
      return Finding{true, "TLS is off, on a connection that stays on this machine", {}};
    return Finding{false, "TLS is off: everybody on the way can read the rows",
                   "sslmode=verify-full&sslrootcert=FILE in the URL (or sslrootcert=system)"};
  }
  const std::string mode = asked.session.parameter("sslmode");
  const char* protocol = PQsslAttribute(connection, "protocol");
  const std::string on =
      std::string("TLS is on (") + (protocol == nullptr ? "unknown version" : protocol) + "), ";
  if (mode == "verify-full")
    return Finding{true, on + "the server's certificate and name are verified", {}};
  if (mode == "verify-ca")
    return Finding{true, on + "the server's certificate is verified, its name is not", {}};
  return Finding{false, on + "the server's certificate is not verified (sslmode=" + mode + ")",
                 "sslmode=verify-full&sslrootcert=FILE in the URL (or sslrootcert=system)"};
}

/// What YugabyteDB is known to keep of a moment, and to let readers share.
Found cluster(const Asked& asked) {
  const Dialect& dialect = asked.session.dialect();
  if (dialect.one_server) return {};
  const std::string name = std::string(dialect.product) + " " + dialect.version;
  if (const auto behind = asked.session.login().behind)
    return Finding{false,
                   name + ": followers are read, as of " + std::to_string(behind->count()) +
                       " ms before each session began: tables have no common instant (class D)",
                   "without yb_read_from_followers all of a run is read as of one time"};
  const bool times =
      asked.session.query("SELECT EXISTS (SELECT FROM pg_settings WHERE name = 'yb_read_time')")
          .boolean(0, 0);
  if (times)
    return Finding{true,
                   name +
                       ": a run reads as of one time (yb_read_time), which the servers keep for "
                       "timestamp_history_retention_interval_sec, 15 minutes unless set",
                   {}};
  return Finding{false,
                 name +
                     " has no yb_read_time: unless it may export snapshots, tables have no "
                     "common instant (class D)",
                 "a release that has it, or the servers' flag ysql_enable_pg_export_snapshot"};
}

Found server(const Asked& asked) {
  if (!asked.session.dialect().one_server) return {};
  const Rows rows = asked.session.query(
      "SELECT current_setting('server_version'), current_setting('hot_standby_feedback'), "
      "current_setting('max_standby_streaming_delay')");
  const std::string name = "PostgreSQL " + rows.string(0, 0);
  if (asked.session.version() < 100000)
    return Finding{false, name + " is older than 10, which nobody tested", {}};
  if (!asked.session.standby()) return Finding{true, name + ", a primary", {}};
  const std::string standby = name + ", a standby: hot_standby_feedback is " + rows.string(0, 1) +
                              ", max_standby_streaming_delay " + rows.string(0, 2);
  if (rows.text(0, 1) == "on" || rows.text(0, 2) == "-1") return Finding{true, standby, {}};
  return Finding{false, standby + ": what the primary cleans up ends reads that are longer",
                 "hot_standby_feedback = on, or a longer max_standby_streaming_delay, there"};
}

Found others_transactions(const Asked& asked) {
  if (asked.session.standby()) return {};
  if (!asked.session.dialect().one_server)
    return Finding{
        true,
        "a node does not see the transactions of the others: the last hour is read again "
        "at each run (overlap:), later commits are found by comparing",
        {}};
  if (asked.session.query("SELECT pg_has_role('pg_read_all_stats', 'USAGE')").boolean(0, 0))
    return Finding{true, "when others' transactions began can be seen: marks are safe at once", {}};
  return Finding{false,
                 "when others' transactions began cannot be seen: marks are proven one run later",
                 "GRANT pg_read_all_stats TO " + role_of(asked.session)};
}

// Sessions of ours set each of them to 0. A pooler may not pass that on.
Found time_limits(const Asked& asked) {
  const Rows rows = asked.session.query(
      "SELECT name, current_setting(name), reset_val || coalesce(unit, ''), setting <> '0' FROM "
      "pg_settings WHERE name IN ('statement_timeout', 'lock_timeout', 'transaction_timeout', "
      "'idle_in_transaction_session_timeout', 'idle_session_timeout') AND (setting <> '0' OR "
      "reset_val <> '0') ORDER BY setting = '0', name");
  if (rows.size() == 0) return Finding{true, "no time limit of the server ends a long read", {}};
  if (rows.boolean(0, 3)) {
    return Finding{false, rows.string(0, 0) + " is " + rows.string(0, 1) + ": it ends longer reads",
                   "a pooler that keeps sluice from setting it to 0? Connect to the server itself"};
  }
  std::string limits;
  for (int row = 0; row < rows.size(); ++row)
    limits += (row == 0 ? "" : ", ") + rows.string(row, 0) + " " + rows.string(row, 2);
  return Finding{
      true, "this role's time limits (" + limits + ") do not hold for sluice's sessions", {}};
}

Found row_security(const Asked& asked) {
  const Rows rows = asked.session.query(
      "SELECT count(*), min(c.oid::regclass::text) FROM pg_class c WHERE c.relkind IN ('r', 'p') "
      "AND c.relrowsecurity AND row_security_active(c.oid) AND has_schema_privilege(c.relnamespace,"
      " 'USAGE') AND has_table_privilege(c.oid, 'SELECT')");
  const std::int64_t tables = rows.integer(0, 0);
  const std::string role = role_of(asked.session);
  if (tables == 0) return Finding{true, "row security hides no rows from " + role, {}};
  return Finding{false,
                 "row security hides rows of " + std::to_string(tables) +
                     (tables == 1 ? " table from " : " tables from ") + role + ", of " +
                     rows.string(0, 1) + (tables == 1 ? "" : " for one") + ": not copied",
                 "ALTER ROLE " + role + " BYPASSRLS"};
}

Found connections(const Asked& asked) {
  const Rows rows = asked.session.query(
      "SELECT least(current_setting('max_connections')::int - CASE WHEN r.rolsuper THEN 0 ELSE "
      "current_setting('superuser_reserved_connections')::int + "
      "coalesce(current_setting('reserved_connections', true), '0')::int END - "
      "(SELECT count(*) FROM pg_stat_activity WHERE datid IS NOT NULL), "
      "CASE WHEN r.rolconnlimit >= 0 AND NOT r.rolsuper THEN r.rolconnlimit - (SELECT count(*) FROM"
      " pg_stat_activity WHERE usesysid = r.oid) END, "
      "CASE WHEN d.datconnlimit >= 0 AND NOT r.rolsuper THEN d.datconnlimit - (SELECT count(*) FROM"
      " pg_stat_activity WHERE datid = d.oid) END) + 1 FROM pg_roles r, pg_database d "
      "WHERE r.rolname = current_user AND d.datname = current_database()");
  const std::int64_t left = rows.integer(0, 0);  // this session is one of them
  // Each of as many tables as there are readers may be planned while others are read.
  const auto wanted = 2 * static_cast<std::int64_t>(asked.readers) + 1;
  const std::string what = std::to_string(left) +
                           " connections are left for this role, a run uses up to " +
                           std::to_string(wanted);
  if (left >= wanted) return Finding{true, what, {}};
  return Finding{false, what,
                 left < 3 ? "a higher limit at the server, or fewer other connections"
                          : "--parallel " + std::to_string((left - 1) / 2) +
                                ", or a higher limit at the server"};
}

}  // namespace

std::vector<Finding> find(Connection& session, std::size_t readers) {
  std::vector<Finding> findings;
  for (const auto look : std::array{encryption, server, cluster, others_transactions, time_limits,
                                    row_security, connections}) {
    try {
      if (Found found = look({session, readers})) findings.push_back(std::move(*found));
    } catch (const Error& error) {
      if (session.broken() || error.fault() == Fault::cancelled) throw;
    }
  }
  return findings;
}

}  // namespace sluice::postgres
