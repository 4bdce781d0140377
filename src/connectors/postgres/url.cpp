// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/url.h"

#include <libpq-fe.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <regex>

#include "connectors/postgres/connector.h"
#include "connectors/postgres/yugabyte_url.h"
#include "sluice/error.h"
#include "wire/percent.h"

namespace sluice::postgres {
namespace {

struct Span {
  std::size_t begin;
  std::size_t size;
};

// A '/', '?' or '@' that somebody forgot to encode must not uncover half of a password: when in
// doubt more is hidden.
void find_in_authority(const std::string& url, std::vector<Span>& found) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string::npos) return;
  const std::size_t begin = scheme + 3;
  const std::size_t slash = std::min(url.find('/', begin), url.size());
  const std::size_t question = std::min(url.find('?', begin), url.size());
  std::size_t at = url.rfind('@', slash);
  if (at == std::string::npos || at < begin) at = url.rfind('@', question);
  const std::size_t colon = url.find(':', begin);
  if (at == std::string::npos || at < begin) {
    // The last '@' behind a '?', where what follows the colon is no port.
    const std::size_t after =
        url.find_first_not_of("0123456789", std::min(colon, url.size() - 1) + 1);
    if (colon > question || after == std::string::npos ||
        std::string("/?,").find(url[after]) != std::string::npos)
      return;
    at = url.rfind('@');
  }
  if (at == std::string::npos || at < begin) return;
  if (colon < at && colon + 1 < at) found.push_back({colon + 1, at - colon - 1});
}

bool secret_keyword(const std::string& word) {
  static const std::regex secret("pass(?!file)|pwd|secret|token", std::regex::icase);
  return std::regex_search(word, secret);
}

std::vector<Span> secret_spans(const std::string& url) {
  std::vector<Span> found;
  find_in_authority(url, found);
  const bool is_url = url.find("://") != std::string::npos;
  // A part without '=' belongs to the value before: its writer forgot to encode the '&'.
  static const std::regex in_query("[?&]([^=&]*)=([^&]*(?:&[^=&]*(?=&|$))*)");
  // An unquoted value ends at a space. What follows and is no keyword belongs to it as well: its
  // writer forgot the quotes.
  static const std::regex in_text(
      "(?:^|\\s)(\\w+)\\s*=\\s*('(?:[^'\\\\]|\\\\[^])*'?|(?:[^\\s\\\\']|\\\\[^])[^]*?(?=\\s+\\w+"
      "\\s*=|\\s*$))");
  for (std::sregex_iterator each(url.begin(), url.end(), is_url ? in_query : in_text), end;
       each != end; ++each) {
    if (each->length(2) == 0 || !secret_keyword(wire::percent_decoded(each->str(1)))) continue;
    found.push_back(
        {static_cast<std::size_t>(each->position(2)), static_cast<std::size_t>(each->length(2))});
  }
  std::sort(found.begin(), found.end(),
            [](const Span& a, const Span& b) { return a.begin < b.begin; });
  return found;
}

struct OptionsFree {
  void operator()(PQconninfoOption* options) const noexcept { PQconninfoFree(options); }
};

}  // namespace

std::string redacted(const std::string& url) {
  std::string out;
  std::size_t done = 0;
  for (const Span& each : secret_spans(url)) {
    if (each.begin < done) continue;
    out += url.substr(done, each.begin - done) + "***";
    done = each.begin + each.size;
  }
  return out + url.substr(done);
}

namespace {

// What libpq would find out only when it connects, quoting it: most often the rest of a password
// that should have been percent-encoded.
bool misread(const std::string& keyword, const std::string& value) {
  if (keyword == "port") return value.find_first_not_of("0123456789, ") != std::string::npos;
  return keyword == "host" && value.find('@', 1) != std::string::npos && value.front() != '/';
}

}  // namespace

namespace {

/// What YugabyteDB's own programs take where nothing is said: port 5433, user and database
/// yugabyte.
Parameters yugabyte_defaults(const PQconninfoOption* options) {
  const auto said = [&](const std::string& keyword) {
    for (const PQconninfoOption* each = options; each->keyword != nullptr; ++each) {
      if (keyword == each->keyword && each->val != nullptr) return std::string(each->val);
    }
    return std::string();
  };
  const auto open = [&](const char* keyword, const char* variable) {
    return said(keyword).empty() && std::getenv(variable) == nullptr;
  };
  Parameters defaults;
  if (!said("service").empty() || std::getenv("PGSERVICE") != nullptr) return defaults;
  if (open("user", "PGUSER")) defaults.emplace_back("user", "yugabyte");
  if (open("dbname", "PGDATABASE")) defaults.emplace_back("dbname", "yugabyte");
  if (std::getenv("PGPORT") == nullptr || !said("port").empty()) {
    const std::string hosts = said("host").empty() ? said("hostaddr") : said("host");
    defaults.emplace_back("port", yugabyte_ports(hosts, said("port")));
  }
  return defaults;
}

}  // namespace

Login login_of(const std::string& given, const std::string& application_name,
               const Secret& password) {
  static const std::regex one_slash("(postgres(ql)?|yugabytedb):(?!//)[^]*", std::regex::icase);
  if (std::regex_match(given, one_slash)) {  // libpq would quote it, password and all
    const std::string scheme = given.substr(0, given.find(':'));
    throw Error(Fault::config, "a URL that begins with " + scheme + ": and lacks its two slashes",
                "write " + scheme + "://user@host:port/database");
  }
  Login login;
  login.shown = redacted(given);
  login.password = password;
  std::string url = given;
  if (is_yugabyte_url(given)) {
    YugabyteUrl read = read_yugabyte_url(given, login.shown);
    url = std::move(read.url);
    login.settings = std::move(read.settings);
    login.behind = read.behind;
    login.cluster = std::make_shared<Cluster>(std::move(read.balance));
  }
  login.url = Secret(url);
  const std::vector<Span> spans = secret_spans(url);
  char* problem = nullptr;
  const std::unique_ptr<PQconninfoOption, OptionsFree> parsed(
      PQconninfoParse(url.c_str(), &problem));
  const auto refuse = [&login](const std::string& why) {
    return Error(
        Fault::config, "not a PostgreSQL URL: " + login.shown + why,
        "write " +
            std::string(is_yugabyte_url(login.shown) ? "yugabytedb://user@host:5433/database"
                                                     : "postgresql://user@host:5432/database") +
            " and percent-encode @ : / ? % # and spaces in each part");
  };
  if (!parsed) {
    // libpq quotes the part that it could not read, which may be the password's.
    const std::string why =
        spans.empty() && problem != nullptr ? std::string(": ") + problem : std::string();
    PQfreemem(problem);
    throw refuse(why);
  }
  for (const PQconninfoOption* each = parsed.get(); each->keyword != nullptr; ++each) {
    if (each->val == nullptr) continue;
    const std::string keyword = each->keyword;
    if (misread(keyword, each->val)) throw refuse({});
    if (keyword == "password" || keyword == "sslpassword") login.secrets.add(each->val);
  }
  if (is_yugabyte_url(given)) login.defaults = yugabyte_defaults(parsed.get());
  for (const Span& each : spans) login.secrets.add(url.substr(each.begin, each.size));
  login.secrets.add(password.reveal());
  if (const char* environment = std::getenv("PGPASSWORD")) login.secrets.add(environment);
  login.application_name = application_name;
  return login;
}

}  // namespace sluice::postgres
