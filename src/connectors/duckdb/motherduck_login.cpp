// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "connectors/duckdb/motherduck.h"
#include "wire/percent.h"

namespace sluice::motherduck {
namespace {

constexpr std::string_view kShare = "_share/";

Error wrong(const std::string& shown, const std::string& what, const std::string& hint) {
  return {Fault::config, shown + ": " + what, hint};
}

/// "30s", "2m", "500ms": MotherDuck's own way to write the parameter.
std::chrono::milliseconds interval(const std::string& shown, const std::string& text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string unit(end, text.data() + text.size());
  const int length = unit == "ms" ? 1 : unit == "s" ? 1'000 : unit == "m" ? 60'000 : 0;
  constexpr std::int64_t kMost = 60;
  if (error != std::errc() || number <= 0 || length == 0 || number > kMost * 60'000 / length) {
    throw wrong(shown, "connection_timeout=" + text + " is no time to wait",
                "a number and ms, s or m, up to an hour: connection_timeout=30s");
  }
  return std::chrono::milliseconds(number * length);
}

/// Of a share's URL only the name may be seen: whoever has the whole of a hidden share's can read
/// it (motherduck.com/docs/key-tasks/sharing-data/sharing-with-users).
std::string share_name(const std::string& path) {
  const std::size_t begin = kShare.size();
  const std::size_t slash = path.find('/', begin);
  if (slash == std::string::npos || slash == begin || slash + 1 == path.size()) {
    throw wrong("md:" + std::string(kShare) + "..", "a share needs its name and its id",
                "write it as CREATE SHARE printed it: md:_share/NAME/ID");
  }
  return path.substr(begin, slash - begin);
}

/// What a URL says of the way to the service.
struct Via {
  bool postgres = false;
  Endpoint endpoint{};
  std::string said{};  ///< a parameter that only the endpoint has
};

/// Everything in a URL's authority that libpq would take for something else is refused.
void take_endpoint(Login& login, const Via& via) {
  if (!via.postgres) {
    if (via.said.empty()) return;
    throw wrong(login.shown, via.said + "= is a parameter of MotherDuck's PostgreSQL endpoint",
                "write via=postgres beside it, or leave it out");
  }
  if (login.write) {
    throw wrong(login.shown, "MotherDuck's PostgreSQL endpoint is no destination, only a source",
                "leave via=postgres out: a destination needs DuckDB's extension motherduck");
  }
  if (login.share()) {
    throw wrong(login.shown, "a share cannot be named at MotherDuck's PostgreSQL endpoint",
                "leave via=postgres out, or attach the share to the account and name it as a "
                "database");
  }
  const Endpoint& endpoint = via.endpoint;
  const bool host =
      !endpoint.host.empty() && endpoint.host.find_first_of(",/@:") == std::string::npos;
  const bool port =
      !endpoint.port.empty() && endpoint.port.find_first_not_of("0123456789") == std::string::npos;
  if (!host || !port) {
    throw wrong(login.shown,
                host ? "port=" + endpoint.port + " is no port"
                     : "host=" + endpoint.host + " is no name of one host",
                "region=eu-central-1 is enough for MotherDuck's own");
  }
  login.endpoint = endpoint;
}

void read_parameter(Login& login, Via& via, std::string_view parameter) {
  const std::size_t equals = parameter.find('=');
  if (equals == std::string_view::npos) {  // a token, as like as not: it is not said
    throw wrong(login.shown, "a parameter of the URL has no value",
                "write PARAMETER=VALUE; a token is motherduck_token=TOKEN, or MOTHERDUCK_TOKEN");
  }
  const std::string key(parameter.substr(0, equals));
  const std::string value = wire::percent_decoded(parameter.substr(equals + 1));
  if (key == "motherduck_token") {
    if (login.token.empty()) login.token = Secret(value);
  } else if (key == "connection_timeout") {
    login.limit = interval(login.shown, value);
  } else if (key == "via" && value == "postgres") {
    via.postgres = true;
  } else if (Endpoint& endpoint = via.endpoint;
             std::string* const part = key == "host" || key == "region" ? &endpoint.host
                                       : key == "port"                  ? &endpoint.port
                                       : key == "sslrootcert"           ? &endpoint.certificates
                                                                        : nullptr) {
    *part = key == "region" ? "pg." + value + "-aws.motherduck.com" : value;
    via.said = key;
  } else if (key != "attach_mode" || value != "single") {
    throw wrong(login.shown,
                key == "attach_mode" ? "sluice attaches one database, in attach_mode=single"
                                     : "sluice does not take the parameter " + key,
                "it takes motherduck_token, connection_timeout=10s, attach_mode=single, and "
                "via=postgres with region, host, port and sslrootcert");
  }
}

Secret token_of_environment() {
  for (const char* name : {"motherduck_token", "MOTHERDUCK_TOKEN"}) {
    const char* value = std::getenv(name);
    if (value != nullptr && *value != '\0') return Secret(value);
  }
  return {};
}

}  // namespace

Login login_of(const Options& options, bool write) {
  const std::string& url = options.url;
  const std::size_t question = std::min(url.find('?'), url.size());
  Login login;
  login.database = question == 0 ? "my_db" : url.substr(0, question);
  const bool share = login.database.starts_with(kShare);
  login.name = share ? share_name(login.database) : login.database;
  login.shown = "md:" + (share ? std::string(kShare) + login.name : login.name);
  if (const std::size_t slip = login.database.find_first_of("&#;"); slip != std::string::npos) {
    throw wrong("md:" + login.database.substr(0, slip),  // a token may follow
                "no database's name has a '" + login.database.substr(slip, 1) + "' in it",
                "parameters follow a '?': md:DATABASE?connection_timeout=30s");
  }
  login.token = options.token;
  login.write = write;
  Via via;
  for (std::size_t start = question + 1; start < url.size();) {
    const std::size_t end = std::min(url.find('&', start), url.size());
    if (end > start) read_parameter(login, via, std::string_view(url).substr(start, end - start));
    start = end + 1;
  }
  take_endpoint(login, via);
  if (login.token.empty()) login.token = token_of_environment();
  if (login.token.empty()) {
    throw wrong(login.shown, "there is no MotherDuck token",
                "set MOTHERDUCK_TOKEN; MotherDuck's settings make tokens, under Access Tokens");
  }
  return login;
}

}  // namespace sluice::motherduck
