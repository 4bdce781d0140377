// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/url.h"

#include <libpq-fe.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <regex>

#include "connectors/postgres/connector.h"
#include "sluice/error.h"

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
  std::size_t at = url.rfind('@', slash);
  if (at == std::string::npos || at < begin)
    at = url.rfind('@', std::min(url.find('?', begin), url.size()));
  if (at == std::string::npos || at < begin) return;
  const std::size_t colon = url.find(':', begin);
  if (colon < at && colon + 1 < at) found.push_back({colon + 1, at - colon - 1});
}

std::vector<Span> secret_spans(const std::string& url) {
  std::vector<Span> found;
  find_in_authority(url, found);
  const bool is_url = url.find("://") != std::string::npos;
  static const std::regex in_query("[?&](?:ssl)?password=([^&]*)", std::regex::icase);
  static const std::regex in_text(
      "(?:^|\\s)(?:ssl)?password\\s*=\\s*('(?:[^'\\\\]|\\\\[^])*'?|(?:[^\\s\\\\]|\\\\[^])+)",
      std::regex::icase);
  for (std::sregex_iterator each(url.begin(), url.end(), is_url ? in_query : in_text), end;
       each != end; ++each) {
    if (each->length(1) == 0) continue;
    found.push_back(
        {static_cast<std::size_t>(each->position(1)), static_cast<std::size_t>(each->length(1))});
  }
  std::sort(found.begin(), found.end(),
            [](const Span& a, const Span& b) { return a.begin < b.begin; });
  return found;
}

std::string percent_encoded(const std::string& text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char each : text) {
    const auto byte = static_cast<unsigned char>(each);
    if (std::isalnum(byte) != 0 || each == '-' || each == '.' || each == '_' || each == '~') {
      out += each;
    } else {
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out;
}

// Shorter ones would turn every message into stars; libpq's own texts never hold a password.
constexpr std::size_t kShortestScrubbed = 3;

void add_secret(std::vector<std::string>& secrets, const std::string& secret) {
  for (const std::string& each : {secret, percent_encoded(secret)}) {
    if (each.size() >= kShortestScrubbed) secrets.push_back(each);
  }
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

std::string Login::scrub(std::string text) const {
  for (const std::string& secret : secrets) {
    for (std::size_t at = text.find(secret); at != std::string::npos;
         at = text.find(secret, at + 3)) {
      text.replace(at, secret.size(), "***");
    }
  }
  return text;
}

Login login_of(const std::string& url, const std::string& application_name,
               const std::string& password) {
  Login login;
  login.url = url;
  login.shown = redacted(url);
  login.password = password;
  const std::vector<Span> spans = secret_spans(url);
  char* problem = nullptr;
  const std::unique_ptr<PQconninfoOption, OptionsFree> parsed(
      PQconninfoParse(url.c_str(), &problem));
  if (!parsed) {
    // libpq quotes the part that it could not read, which may be the password's.
    const std::string why =
        spans.empty() && problem != nullptr ? std::string(": ") + problem : std::string();
    PQfreemem(problem);
    throw Error(Fault::config, "not a PostgreSQL URL: " + login.shown + why,
                "write postgresql://user@host:5432/database and percent-encode @ : / ? % # and "
                "spaces in each part");
  }
  bool service = std::getenv("PGSERVICE") != nullptr;
  for (const PQconninfoOption* each = parsed.get(); each->keyword != nullptr; ++each) {
    if (each->val == nullptr) continue;
    const std::string keyword = each->keyword;
    if (keyword == "password" || keyword == "sslpassword") add_secret(login.secrets, each->val);
    if (keyword == "service") service = true;
  }
  for (const Span& each : spans) add_secret(login.secrets, url.substr(each.begin, each.size));
  add_secret(login.secrets, password);
  if (const char* environment = std::getenv("PGPASSWORD")) add_secret(login.secrets, environment);
  std::sort(login.secrets.begin(), login.secrets.end(),
            [](const std::string& a, const std::string& b) { return a.size() > b.size(); });

  login.defaults.emplace_back("fallback_application_name", application_name);
  if (!service) {  // what we pass would hide the service file's values
    if (std::getenv("PGCONNECT_TIMEOUT") == nullptr)
      login.defaults.emplace_back("connect_timeout", "10");
    // A peer that vanished without a word is noticed after about two minutes.
    login.defaults.emplace_back("keepalives_idle", "60");
    login.defaults.emplace_back("keepalives_interval", "10");
    login.defaults.emplace_back("keepalives_count", "6");
    login.defaults.emplace_back("tcp_user_timeout", "120000");
  }
  return login;
}

}  // namespace sluice::postgres
