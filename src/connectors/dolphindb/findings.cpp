// SPDX-License-Identifier: Apache-2.0
#include "connectors/dolphindb/findings.h"

#include "sluice/error.h"

namespace sluice::dolphindb {
namespace {

/// What a server need not know, or this user may not ask.
std::string asked(Session& session, const char* function) {
  try {
    const Object answer = session.call(function);
    const std::vector<std::string> texts = answer.texts();
    if (!texts.empty()) return texts.front();
    const std::vector<std::int64_t> numbers = answer.numbers();
    return numbers.empty() ? "nothing" : std::to_string(numbers.front());
  } catch (const Error& error) {
    if (error.retryable() || error.fault() == Fault::cancelled) throw;
    return std::string("not known: ") + error.what();
  }
}

Finding tls_finding(const Login& login) {
  switch (login.tls) {
    case Tls::verified:
      return {true, "TLS is on, the server's certificate is verified", ""};
    case Tls::unverified:
      return {false, "TLS is on, and the server's certificate is not verified",
              "tls=verify in the URL, with tls-ca=FILE where the authority is your own"};
    default:
      return {false, "the connection is not encrypted",
              "tls=verify in the URL, where the server has enableHTTPS=true"};
  }
}

}  // namespace

std::vector<Finding> find(Sessions& sessions, const Stop& stop) {
  const Login& login = sessions.login();
  const Borrowed session(sessions, stop);
  std::vector<Finding> all;
  all.push_back(
      {true,
       "DolphinDB " + asked(*session, "version") + ", node type " + asked(*session, "getNodeType"),
       ""});
  all.push_back(tls_finding(login));
  if (session->login_way().empty()) {
    all.push_back({false, "no user is named: a guest sees shared tables only",
                   "write user:password@ before the host"});
  } else {
    const bool plain = session->login_way() == "plain" && login.tls == Tls::off;
    all.push_back({!plain, "logged in as " + login.user + " by " + session->login_way(),
                   plain ? "the password travels as it is; tls=verify or login=rsa hides it" : ""});
  }
  return all;
}

}  // namespace sluice::dolphindb
