// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/url.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "connectors/mysql/option_file.h"
#include "sluice/error.h"
#include "wire/percent.h"

namespace sluice::mysql {
namespace {

constexpr const char* kForm =
    "write mysql://user:password@host:3306/database?ssl-mode=VERIFY_IDENTITY and percent-encode "
    "@ : / ? % # & and spaces in each part";

/// The options that mean something here, as MySQL's programs name them.
constexpr std::array kKnown{"ssl-mode",
                            "ssl-ca",
                            "ssl-capath",
                            "ssl-cert",
                            "ssl-key",
                            "ssl-crl",
                            "ssl-cipher",
                            "tls-version",
                            "socket",
                            "compress",
                            "connect-timeout",
                            "defaults-file",
                            "defaults-group-suffix",
                            "no-defaults"};

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) {
    return static_cast<char>(c == '-' ? '_' : std::toupper(c));
  });
  return text;
}

SslMode ssl_mode_of(const std::string& text) {
  const std::string word = upper(text);
  if (word == "DISABLED") return SslMode::disabled;
  if (word == "PREFERRED") return SslMode::preferred;
  if (word == "REQUIRED") return SslMode::required;
  if (word == "VERIFY_CA") return SslMode::verify_ca;
  if (word == "VERIFY_IDENTITY") return SslMode::verify_identity;
  throw Error(Fault::config, "ssl-mode=" + text + " is not known",
              "DISABLED, PREFERRED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY");
}

bool said(const Options& options, const std::string& name) {
  const auto found = options.find(name);
  if (found == options.end()) return false;
  const std::string word = upper(found->second);
  return word.empty() || word == "1" || word == "ON" || word == "TRUE" || word == "YES";
}

unsigned number_of(const std::string& name, const std::string& text, unsigned most) {
  unsigned value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem == std::errc() && end == text.data() + text.size() && value <= most) return value;
  throw Error(Fault::config, name + " is no number up to " + std::to_string(most));
}

struct Authority {
  std::string user, password, host, port;
};

/// A '/', '?' or '@' that somebody forgot to encode in a password must not become a part of the
/// host, which messages show: the last '@' before the path counts.
Authority authority_of(const std::string& text) {
  Authority parts;
  const std::size_t at = text.rfind('@');
  if (at != std::string::npos) {
    const std::string who = text.substr(0, at);
    const std::size_t colon = std::min(who.find(':'), who.size());
    parts.user = wire::percent_decoded(who.substr(0, colon));
    if (colon < who.size()) parts.password = wire::percent_decoded(who.substr(colon + 1));
  }
  std::string where = at == std::string::npos ? text : text.substr(at + 1);
  if (where.starts_with('[')) {  // an IPv6 address
    const std::size_t end = std::min(where.find(']'), where.size());
    parts.host = where.substr(1, end - 1);
    where.erase(0, std::min(end + 1, where.size()));
    if (where.starts_with(':')) parts.port = where.substr(1);
    return parts;
  }
  const std::size_t colon = std::min(where.find(':'), where.size());
  parts.host = wire::percent_decoded(where.substr(0, colon));
  if (colon < where.size()) parts.port = where.substr(colon + 1);
  return parts;
}

Options parameters_of(const std::string& query) {
  Options options;
  for (auto& [name, value] : wire::query_parameters(query)) {
    if (name == "sslmode") name = "ssl-mode";
    if (std::ranges::find(kKnown, name) == kKnown.end()) {
      std::string list;
      for (const char* each : kKnown) list += (list.empty() ? "" : ", ") + std::string(each);
      throw Error(Fault::config, "the URL's parameter " + name + " is not known",
                  "a password belongs before the @; parameters are " + list);
    }
    options[name] = std::move(value);
  }
  return options;
}

/// What option files say, and what the URL says over it.
Options all_options(const Options& given) {
  std::vector<std::string> groups{"client", "client-server", "client-mariadb", "sluice"};
  if (const auto suffix = given.find("defaults-group-suffix"); suffix != given.end()) {
    for (std::size_t i = 0, count = groups.size(); i < count; ++i)
      groups.push_back(groups[i] + suffix->second);
  }
  Options options;
  if (const auto file = given.find("defaults-file"); file != given.end()) {
    if (!std::filesystem::exists(file->second))
      throw Error(Fault::config, "defaults-file: there is no file " + file->second);
    read_option_file(file->second, groups, options);
  } else if (!said(given, "no-defaults")) {
    for (const std::string& each : usual_option_files()) read_option_file(each, groups, options);
  }
  for (const auto& [name, value] : given) options[name] = value;
  return options;
}

void apply(Options& options, Login& login) {
  const auto take = [&options](const char* name, std::string& to) {
    if (const auto found = options.find(name); found != options.end()) to = found->second;
  };
  take("socket", login.socket);
  take("ssl-ca", login.ssl_ca);
  take("ssl-capath", login.ssl_capath);
  take("ssl-cert", login.ssl_cert);
  take("ssl-key", login.ssl_key);
  take("ssl-crl", login.ssl_crl);
  take("ssl-cipher", login.ssl_cipher);
  take("tls-version", login.tls_version);
  login.compress = options.contains("compress") && said(options, "compress");
  if (const auto found = options.find("connect-timeout"); found != options.end())
    login.connect_timeout =
        std::chrono::seconds(number_of("connect-timeout", found->second, 86'400));
  // MariaDB's programs know these instead of ssl-mode.
  if (said(options, "ssl")) login.ssl_mode = SslMode::required;
  if (options.contains("ssl") && !said(options, "ssl")) login.ssl_mode = SslMode::disabled;
  if (said(options, "ssl-verify-server-cert")) login.ssl_mode = SslMode::verify_identity;
  if (const auto found = options.find("ssl-mode"); found != options.end())
    login.ssl_mode = ssl_mode_of(found->second);
  const bool verifies =
      login.ssl_mode == SslMode::verify_ca || login.ssl_mode == SslMode::verify_identity;
  if (login.ssl_mode == SslMode::verify_ca && login.ssl_ca.empty() && login.ssl_capath.empty())
    throw Error(Fault::config, "ssl-mode=VERIFY_CA needs ssl-ca=FILE or ssl-capath=FOLDER");
  // Who names an authority wants it to be asked, and would not see that it is not.
  if (!verifies && !options.contains("ssl-mode") &&
      !(login.ssl_ca.empty() && login.ssl_capath.empty()))
    login.ssl_mode = SslMode::verify_ca;
}

/// By TCP where the URL names a port or another machine; else by socket, as MySQL's programs do.
void choose_way(Login& login, bool socket_in_url) {
  const bool local = login.host.empty() || login.host == "localhost";
  if (!local && !socket_in_url) {
    login.socket.clear();
  } else if (login.port == 0 || socket_in_url) {
    login.host.clear();
  } else {
    login.socket.clear();
    login.host = login.host.empty() ? "localhost" : login.host;
  }
}

/// The last @, which a password may hold some of; but for those in the values of parameters.
std::size_t end_of_secret(const std::string& url, std::size_t begin) {
  const std::size_t last = url.rfind('@');
  if (last == std::string::npos || last < begin) return std::string::npos;
  const std::size_t question = url.find('?', begin);
  if (question > last || url.find('=', question) > last) return last;
  const std::size_t before = url.rfind('@', question);
  return before == std::string::npos || before < begin ? last : before;
}

/// The driver reads those that are there and goes without the others.
void require_files(const Login& login) {
  const std::pair<const char*, const std::string&> all[] = {{"ssl-ca", login.ssl_ca},
                                                            {"ssl-capath", login.ssl_capath},
                                                            {"ssl-cert", login.ssl_cert},
                                                            {"ssl-key", login.ssl_key},
                                                            {"ssl-crl", login.ssl_crl}};
  for (const auto& [name, file] : all) {
    std::error_code ignored;
    if (!file.empty() && !std::filesystem::exists(file, ignored))
      throw Error(Fault::config, std::string(name) + ": there is no " + file);
  }
}

}  // namespace

Login login_of(const std::string& url, const std::string& application_name,
               const Secret& password) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string::npos) throw Error(Fault::config, "not a MySQL URL", kForm);
  const std::size_t begin = scheme + 3;
  const std::size_t at = end_of_secret(url, begin);
  const std::size_t slash =
      std::min(url.find('/', at == std::string::npos ? begin : at), url.size());
  const std::size_t question =
      std::min(url.find('?', at == std::string::npos ? begin : at), url.size());
  const std::size_t path = std::min(slash, question);
  const Authority parts = authority_of(url.substr(begin, path - begin));
  const std::string database =
      path < question ? wire::percent_decoded(url.substr(path + 1, question - path - 1)) : "";
  const std::string query = question < url.size() ? url.substr(question + 1) : "";

  Login login;
  login.application_name = application_name;
  login.singlestore = url.starts_with("singlestore");
  login.secrets.add(parts.password);
  login.secrets.add(password.reveal());
  login.shown =
      url.substr(0, begin) +
      (parts.user.empty() ? "" : parts.user + (parts.password.empty() ? "" : ":***") + "@") +
      parts.host + (parts.port.empty() ? "" : ":" + parts.port) +
      (database.empty() ? "" : "/" + database);
  try {
    if (database.find('/') != std::string::npos ||
        parts.host.find_first_of("@/?# ") != std::string::npos)
      throw Error(Fault::config, "the host or the database cannot be made out", kForm);
    const Options given = parameters_of(query);
    Options options = all_options(given);
    apply(options, login);
    require_files(login);
    const auto from_file = [&options](const char* name) {
      const auto found = options.find(name);
      return found == options.end() ? std::string() : found->second;
    };
    login.host = parts.host.empty() ? from_file("host") : parts.host;
    login.user = parts.user.empty() ? from_file("user") : parts.user;
    login.database = database.empty() ? from_file("database") : database;
    if (!parts.port.empty()) login.port = number_of("the port", parts.port, 65'535);
    const std::string file_port = from_file("port");
    if (parts.port.empty() && !login.host.empty() && !file_port.empty())
      login.port = number_of("the option file's port", file_port, 65'535);
    const char* environment = std::getenv("MYSQL_PWD");
    login.password = !password.empty()         ? password
                     : !parts.password.empty() ? Secret(parts.password)
                     : environment != nullptr  ? Secret(environment)
                                               : Secret(from_file("password"));
    login.secrets.add(login.password.reveal());
    choose_way(login, given.contains("socket"));
  } catch (const Error& error) {
    throw Error(error.fault(), login.shown + ": " + login.secrets.hidden(error.what()),
                error.hint());
  }
  return login;
}

}  // namespace sluice::mysql
