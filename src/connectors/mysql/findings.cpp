// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/findings.h"

#include "connectors/mysql/witness.h"

namespace sluice::mysql {
namespace {

Finding of_tls(const Connection& connection) {
  const Login& login = connection.login();
  if (login.host.empty()) return {true, "a socket of this machine", ""};
  if (!connection.encrypted())
    return {false, "TLS is off", "ssl-mode=VERIFY_IDENTITY&ssl-ca=FILE in the URL turns it on"};
  switch (login.ssl_mode) {
    case SslMode::verify_identity:
      return {true, "TLS is on, the server's certificate and name are verified", ""};
    case SslMode::verify_ca:
      return {true, "TLS is on, the server's certificate is verified, its name is not", ""};
    default:
      return {false, "TLS is on, but nobody asks whose certificate it is",
              "ssl-mode=VERIFY_IDENTITY&ssl-ca=FILE in the URL does"};
  }
}

/// Of a setting whose value is a number.
std::uint64_t setting(Connection& connection, const std::string& name) {
  return connection.query("SELECT @@" + name).natural(0, 0);
}

bool granted(Connection& connection, const std::string& right) {
  const std::string what = " WHERE privilege_type = " + literal(right);
  const Rows rows =
      connection.query("SELECT 1 FROM information_schema.user_privileges" + what +
                       " UNION ALL SELECT 1 FROM information_schema.schema_privileges" + what);
  return rows.size() > 0;
}

/// The right without which one session reads alone, or none.
std::string missing_right(Connection& connection) {
  const bool mariadb = connection.dialect() == Dialect::mariadb;
  if (mariadb && setting(connection, "log_bin") == 1) {
    try {
      connection.run("SHOW MASTER STATUS");
      return {};
    } catch (const Error& error) {
      if (error.fault() != Fault::permission && error.fault() != Fault::schema) throw;
    }
  }
  // A lock is tried where the binary log does not tell; before 5.7.5 only that of the server.
  const bool of_tables = mariadb || connection.version() >= 50705;
  if (granted(connection, "RELOAD") || (of_tables && granted(connection, "LOCK TABLES"))) return {};
  if (!of_tables) return "RELOAD";
  if (!mariadb || setting(connection, "log_bin") == 0) return "LOCK TABLES";
  return connection.version() < 100500 ? "REPLICATION CLIENT" : "BINLOG MONITOR";
}

}  // namespace

std::vector<Finding> find(Connection& connection, std::size_t readers) {
  std::vector<Finding> found{of_tls(connection)};
  const Witness witness = observe(connection);
  if (witness.why_not.empty()) {
    found.push_back(
        {true, "open transactions can be seen: rows that commit late are waited for", ""});
  } else {
    found.push_back(
        {false, "rows that commit late may be missed: " + witness.why_not,
         witness.why_not.find("PROCESS") != std::string::npos
             ? "GRANT PROCESS ON *.* TO the user; until then the overlap is an hour"
             : "the overlap is an hour; `full_every` compares everything now and then"});
  }
  if (connection.dialect() == Dialect::singlestore) {
    found.push_back({false, "SingleStore has no snapshot for more than one statement",
                     "receipts say class D; a table is read by one statement, a big one from one "
                     "result table"});
    return found;
  }
  if (const std::string right = missing_right(connection); readers > 1 && !right.empty())
    found.push_back({false, "one session reads, as several cannot begin at one instant",
                     "GRANT " + right + " ON *.* TO the user"});
  const std::uint64_t most = setting(connection, "max_connections");
  if (most < readers + 3)
    found.push_back(
        {false, "max_connections is " + std::to_string(most), "--parallel 1 needs three"});
  return found;
}

}  // namespace sluice::mysql
