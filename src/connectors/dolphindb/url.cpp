// SPDX-License-Identifier: Apache-2.0
#include "connectors/dolphindb/url.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>

#include "sluice/error.h"
#include "wire/percent.h"

namespace sluice::dolphindb {
namespace {

constexpr const char* kUrlForm =
    "write dolphindb://user:password@host:8848/database/table?tls=verify, the table and the "
    "parameters left out at will, and percent-encode @ : / ? % # & and spaces in each part";
constexpr std::uint64_t kLeastBlock = 8'192;  // the server's own limit
constexpr std::uint64_t kMostBlock = 1'000'000;

std::uint64_t number_of(const std::string& name, const std::string& text, std::uint64_t least,
                        std::uint64_t most) {
  std::uint64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem == std::errc() && end == text.data() + text.size() && value >= least && value <= most)
    return value;
  throw Error(Fault::config,
              name + " is no number from " + std::to_string(least) + " to " + std::to_string(most));
}

/// "host", "host:8848", "[::1]:8848".
Endpoint endpoint_of(const std::string& text) {
  Endpoint endpoint;
  std::string port;
  if (text.starts_with('[')) {
    const std::size_t end = std::min(text.find(']'), text.size());
    endpoint.host = text.substr(1, end - 1);
    const std::string rest = text.substr(std::min(end + 1, text.size()));
    if (rest.starts_with(':')) port = rest.substr(1);
    if (end == text.size() || (!rest.empty() && rest[0] != ':'))
      throw Error(Fault::config, "the host cannot be made out", kUrlForm);
  } else {
    const std::size_t colon = std::min(text.find(':'), text.size());
    endpoint.host = wire::percent_decoded(text.substr(0, colon));
    if (colon < text.size()) port = text.substr(colon + 1);
  }
  if (endpoint.host.empty() || endpoint.host.find_first_of("@/?# ") != std::string::npos)
    throw Error(Fault::config, "the host cannot be made out", kUrlForm);
  if (!port.empty())
    endpoint.port = static_cast<std::uint16_t>(number_of("the port", port, 1, 65'535));
  return endpoint;
}

bool truth_of(const std::string& name, const std::string& value) {
  if (value.empty() || value == "true" || value == "1") return true;
  if (value == "false" || value == "0") return false;
  throw Error(Fault::config, name + "=" + value + " is neither true nor false");
}

template <class T>
T word_of(const std::string& name, const std::string& value,
          const std::map<std::string, T>& words) {
  if (const auto found = words.find(value); found != words.end()) return found->second;
  std::string all;
  for (const auto& [word, meaning] : words) all += (all.empty() ? "" : ", ") + word;
  throw Error(Fault::config, name + "=" + value + " is not known", "it is one of " + all);
}

void take(Login& login, const std::string& name, const std::string& value) {
  if (name == "tls") {
    login.tls = word_of<Tls>(
        name, value,
        {{"off", Tls::off}, {"unverified", Tls::unverified}, {"verify", Tls::verified}});
  } else if (name == "tls-ca") {
    login.tls_ca = value;
    std::error_code ignored;
    if (!std::filesystem::exists(value, ignored))
      throw Error(Fault::config, "tls-ca: there is no file " + value);
  } else if (name == "login") {
    login.way = word_of<LoginWay>(name, value,
                                  {{"auto", LoginWay::automatic},
                                   {"plain", LoginWay::plain},
                                   {"rsa", LoginWay::rsa},
                                   {"scram", LoginWay::scram}});
  } else if (name == "compress") {
    login.compress = truth_of(name, value);
  } else if (name == "fetch-size") {
    login.fetch_size = number_of(name, value, kLeastBlock, kMostBlock);
  } else if (name == "connect-timeout") {
    login.connect_timeout = std::chrono::seconds(number_of(name, value, 1, 86'400));
  } else {
    throw Error(Fault::config, "the URL's parameter " + name + " is not known",
                "a password belongs before the @; parameters are tls, tls-ca, login, compress, "
                "fetch-size, connect-timeout");
  }
}

void take_query(Login& login, const std::string& query) {
  for (const auto& [name, value] : wire::query_parameters(query)) take(login, name, value);
  // Who names an authority wants it to be asked.
  if (!login.tls_ca.empty() && login.tls == Tls::off) login.tls = Tls::verified;
}

void take_path(Login& login, std::string path) {
  if (path.starts_with('/')) path.erase(0, 1);
  const std::size_t slash = std::min(path.find('/'), path.size());
  login.database = wire::percent_decoded(path.substr(0, slash));
  // As DolphinDB itself writes it.
  if (login.database.starts_with("dfs://")) login.database.erase(0, 6);
  if (slash < path.size()) login.table = wire::percent_decoded(path.substr(slash + 1));
  for (const std::string* part : {&login.database, &login.table}) {
    if (part->find_first_of(std::string("\n\r\0", 3)) != std::string::npos)
      throw Error(Fault::config, "a name in the URL holds a line feed or a NUL", kUrlForm);
  }
}

/// The last @, which a password may hold some of; but for those in the values of parameters.
std::size_t end_of_user(const std::string& rest) {
  const std::size_t last = rest.rfind('@');
  if (last == std::string::npos) return last;
  const std::size_t question = rest.find('?');
  if (question > last || rest.find('=', question) > last) return last;
  return rest.rfind('@', question);
}

}  // namespace

std::string Endpoint::text() const {
  return (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" +
         std::to_string(port);
}

Login login_of(const std::string& url, const Secret& password) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string::npos) throw Error(Fault::config, "not a DolphinDB URL", kUrlForm);
  std::string rest = url.substr(scheme + 3);
  Login login;
  std::string user;  // as it is written
  const std::size_t at = end_of_user(rest);
  if (at != std::string::npos) {
    const std::string who = rest.substr(0, at);
    const std::size_t colon = std::min(who.find(':'), who.size());
    login.user = wire::percent_decoded(who.substr(0, colon));
    if (colon > 0) user = who.substr(0, colon) + "@";
    if (colon < who.size()) login.password = Secret(wire::percent_decoded(who.substr(colon + 1)));
    rest.erase(0, at + 1);
  }
  if (!password.empty()) login.password = password;
  login.secrets.add(login.password.reveal());
  const std::size_t question = std::min(rest.find('?'), rest.size());
  const std::size_t path = std::min(rest.find('/'), question);
  login.shown = url.substr(0, scheme + 3) + user + rest.substr(0, question);
  try {
    for (std::size_t start = 0; start <= path;) {
      const std::size_t end = std::min(rest.find(',', start), path);
      const Endpoint node = endpoint_of(rest.substr(start, end - start));
      const bool known =
          std::ranges::find(login.nodes, node.text(), &Endpoint::text) != login.nodes.end();
      if (!known) login.nodes.push_back(node);
      start = end + 1;
    }
    take_path(login, rest.substr(path, question - path));
    if (question < rest.size()) take_query(login, rest.substr(question + 1));
    if (login.user.empty() && !login.password.empty())
      throw Error(Fault::config, "there is a password and no user", kUrlForm);
    if (login.user.find('\n') != std::string::npos || login.user.find('\0') != std::string::npos)
      throw Error(Fault::config, "the user's name holds a line feed or a NUL", kUrlForm);
  } catch (const Error& error) {
    // What looks like a host may be the beginning of a password.
    if (at == std::string::npos && rest.find('@') != std::string::npos)
      throw Error(Fault::config, "the URL's host cannot be made out: there is an @ behind a ?",
                  kUrlForm);
    throw Error(error.fault(), login.secrets.hidden(login.shown + ": " + error.what()),
                error.hint());
  }
  return login;
}

}  // namespace sluice::dolphindb
