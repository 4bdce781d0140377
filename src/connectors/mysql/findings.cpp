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
  const std::uint64_t most = setting(connection, "max_connections");
  if (most < readers + 3)
    found.push_back(
        {false, "max_connections is " + std::to_string(most), "--parallel 1 needs three"});
  return found;
}

}  // namespace sluice::mysql
