// SPDX-License-Identifier: Apache-2.0
#include "connectors/registry.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <optional>
#include <string_view>

#include "connectors/dolphindb/connector.h"
#include "connectors/duckdb/connector.h"
#include "connectors/mysql/connector.h"
#include "connectors/postgres/connector.h"
#include "duck/duck.h"

namespace sluice {
namespace {

std::unique_ptr<Source> postgres_source(duck::Database&, const std::string& url, const std::string&,
                                        const SourceSettings& settings) {
  postgres::SourceOptions options;
  options.application_name = settings.application_name;
  options.password = settings.password;
  options.max_readers = settings.parallel;
  options.max_rate_bytes = settings.max_rate_bytes;
  options.stop = settings.stop;
  return postgres::source(url, std::move(options));
}

std::unique_ptr<Source> mysql_source(duck::Database&, const std::string& url, const std::string&,
                                     const SourceSettings& settings) {
  mysql::SourceOptions options;
  options.application_name = settings.application_name;
  options.password = settings.password;
  options.max_readers = settings.parallel;
  options.max_rate_bytes = settings.max_rate_bytes;
  options.stop = settings.stop;
  return mysql::source(url, std::move(options));
}

std::unique_ptr<Source> dolphindb_source(duck::Database&, const std::string& url,
                                         const std::string&, const SourceSettings& settings) {
  return dolphindb::source(url, {settings.password, settings.max_rate_bytes, settings.stop});
}

std::unique_ptr<Source> file_source(duck::Database& database, const std::string&,
                                    const std::string& path, const SourceSettings& settings) {
  return duckdb_file::source(database, {path, {settings.wait, settings.stop}});
}

std::unique_ptr<Destination> file_destination(duck::Database& database, const std::string& path,
                                              const DestinationSettings& settings) {
  return duckdb_file::destination(
      database, {path, {settings.wait, settings.stop}, settings.storage, settings.read_copy});
}

std::unique_ptr<Destination> file_look(duck::Database& database, const std::string& path) {
  return duckdb_file::look(database, {path});
}

std::unique_ptr<Source> motherduck_source(duck::Database& database, const std::string&,
                                          const std::string& rest, const SourceSettings& settings) {
  motherduck::Options options{rest, settings.password, settings.stop};
  options.dial = [settings](const std::string& endpoint, const Secret& token) {
    postgres::SourceOptions session;
    session.application_name = settings.application_name;
    session.password = token;
    session.stop = settings.stop;
    return postgres::text_session(endpoint, session);
  };
  return motherduck::source(database, options);
}

std::unique_ptr<Destination> motherduck_destination(duck::Database& database,
                                                    const std::string& rest,
                                                    const DestinationSettings& settings) {
  return motherduck::destination(database, {rest, settings.password, settings.stop});
}

std::unique_ptr<Destination> motherduck_look(duck::Database& database, const std::string& rest) {
  return motherduck::look(database, {.url = rest, .token = {}});
}

/// libpq's parameters that are paths. "system" is no path: the system's certificates.
bool is_postgres_path(const std::string& key, const std::string& value) {
  return value != "system" && (key == "sslrootcert" || key == "sslcert" || key == "sslkey" ||
                               key == "sslcrl" || key == "sslcrldir" || key == "passfile");
}

bool is_mysql_path(const std::string& key, const std::string&) {
  return key == "ssl-ca" || key == "ssl-capath" || key == "ssl-cert" || key == "ssl-key" ||
         key == "ssl-crl" || key == "socket" || key == "defaults-file";
}

bool is_dolphindb_path(const std::string& key, const std::string&) { return key == "tls-ca"; }

bool is_motherduck_path(const std::string& key, const std::string&) { return key == "sslrootcert"; }

bool no_path(const std::string&, const std::string&) { return false; }

/// A connector pushes its changes: there is nothing to read from.
std::unique_ptr<Source> pushing_source(duck::Database&, const std::string& url, const std::string&,
                                       const SourceSettings&) {
  throw Error(Fault::config, url + " is a connector, and no database that this could read",
              "sluice sync, check and discover run connectors");
}

/// One kind of URL. `source` gets the whole URL and what follows its scheme.
struct Connector {
  std::string_view scheme;
  std::string_view shown;
  std::unique_ptr<Source> (*source)(duck::Database&, const std::string& url,
                                    const std::string& rest, const SourceSettings&);
  std::unique_ptr<Destination> (*destination)(duck::Database&, const std::string& rest,
                                              const DestinationSettings&);
  std::unique_ptr<Destination> (*look)(duck::Database&, const std::string& rest);
  bool (*is_path)(const std::string& key, const std::string& value);  ///< of the query's parameters
};

constexpr std::array<Connector, 11> kConnectors{{
    {"postgresql", "postgresql://", postgres_source, nullptr, nullptr, is_postgres_path},
    {"postgres", "postgres://", postgres_source, nullptr, nullptr, is_postgres_path},
    {"yugabytedb", "yugabytedb://", postgres_source, nullptr, nullptr, is_postgres_path},
    {"mysql", "mysql://", mysql_source, nullptr, nullptr, is_mysql_path},
    {"mariadb", "mariadb://", mysql_source, nullptr, nullptr, is_mysql_path},
    {"singlestore", "singlestore://", mysql_source, nullptr, nullptr, is_mysql_path},
    {"dolphindb", "dolphindb://", dolphindb_source, nullptr, nullptr, is_dolphindb_path},
    {"duckdb", "duckdb:FILE", file_source, file_destination, file_look, no_path},
    {"md", "md:DATABASE", motherduck_source, motherduck_destination, motherduck_look,
     is_motherduck_path},
    {"motherduck", "motherduck:DATABASE", motherduck_source, motherduck_destination,
     motherduck_look, is_motherduck_path},
    {"connector", "connector:FILE.so", pushing_source, nullptr, nullptr, no_path},
}};

struct Parsed {
  std::string scheme;  ///< empty: none
  std::string rest;
};

Parsed parse(const std::string& url) {
  const std::size_t colon = url.find(':');
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto allowed = [&](char c) {
    return letter(c) || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
  };
  if (colon != std::string::npos && colon > 1 && letter(url[0]) &&
      std::all_of(url.begin(), url.begin() + static_cast<std::ptrdiff_t>(colon), allowed)) {
    std::size_t rest = colon + 1;
    if (url.compare(rest, 2, "//") == 0) rest += 2;
    return {duck::folded(url.substr(0, colon)), url.substr(rest)};
  }
  const std::string name = duck::folded(url);
  const bool file = name.ends_with(".duckdb") || name.ends_with(".db") || name.ends_with(".ddb");
  return {file ? "duckdb" : "", url};
}

/// A shell expands `~` at the start of a word only, so not in duckdb:~/x.duckdb.
std::string expanded(const std::string& path) {
  const char* home = std::getenv("HOME");
  return path.starts_with("~/") && home != nullptr ? home + path.substr(1) : path;
}

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
    }
  }
  return row[b.size()];
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

const Connector* find(std::string_view scheme) {
  const auto found = std::ranges::find(kConnectors, scheme, &Connector::scheme);
  return found == kConnectors.end() ? nullptr : &*found;
}

[[noreturn]] void unknown(const std::string& url, const Parsed& parsed, const char* role,
                          const std::vector<std::string>& known) {
  const std::string list =
      "this build takes " + joined(known) + " and files named *.duckdb, *.db or *.ddb as a " + role;
  if (parsed.scheme.empty()) {
    throw Error(Fault::config, redacted(url) + " is not a " + role + " that sluice knows: " + list,
                "for a DuckDB file of any name write duckdb:" + redacted(url));
  }
  if (find(parsed.scheme) != nullptr) {
    throw Error(Fault::config, parsed.scheme + ":// cannot be a " + role + ": " + list);
  }
  std::string hint;
  for (const Connector& each : kConnectors) {
    if (distance(parsed.scheme, each.scheme) <= 2 ||
        parsed.scheme.starts_with(std::string(each.scheme) + "+")) {
      hint = "did you mean " + std::string(each.shown) + "?";
    }
  }
  throw Error(Fault::config,
              std::string("no ") + role + " is called " + parsed.scheme + ": " + list, hint);
}

bool secret_word(std::string_view key) {
  const std::string word = duck::folded(key);
  return std::ranges::any_of(
      std::array{"password", "passwd", "pwd", "token", "secret"},
      [&](const char* part) { return word.find(part) != std::string::npos; });
}

std::string decoded(std::string_view text) {
  const auto digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
  };
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 &&
        digit(text[i + 2]) >= 0) {
      result += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
      i += 2;
    } else {
      result += text[i];
    }
  }
  return result;
}

/// Where a user's name and password end: at the last '@' that can be meant so. A '/', '?' or '@'
/// that somebody forgot to encode must not uncover half of a password.
std::optional<std::size_t> userinfo_end(const std::string& url, std::size_t begin) {
  const auto last_at = [&](std::size_t end) -> std::optional<std::size_t> {
    const std::size_t at = url.rfind('@', end);
    if (at == std::string::npos || at < begin) return std::nullopt;
    return at;
  };
  const std::size_t question = std::min(url.find('?', begin), url.size());
  std::optional<std::size_t> at =
      std::max(last_at(question), last_at(std::min(url.find('/', begin), url.size())));
  const std::optional<std::size_t> last = last_at(url.size());
  if (!last || last == at) return at;
  const bool query = url.find('=', question) < *last;
  const std::size_t colon = url.find(':', begin);
  const std::size_t after =
      colon == std::string::npos ? colon : url.find_first_not_of("0123456789", colon + 1);
  const bool port = colon == std::string::npos || after == std::string::npos ||
                    std::string_view("/?,").find(url[after]) != std::string_view::npos;
  if (!query || (!at && !port)) return last;
  return at;
}

/// As a value in a URL's query.
std::string encoded(const std::string& path) {
  std::string result;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || std::string_view("/._-~").find(c) != std::string_view::npos) {
      result += c;
      continue;
    }
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    result += '%';
    result += kDigits[byte / 16];
    result += kDigits[byte % 16];
  }
  return result;
}

std::string with_paths_from(const std::string& folder, const std::string& url,
                            bool (*is_path)(const std::string&, const std::string&)) {
  const std::size_t begin = url.find("://") == std::string::npos ? 0 : url.find("://") + 3;
  const std::size_t question = url.find('?', userinfo_end(url, begin).value_or(begin));
  if (question == std::string::npos) return url;
  std::string result = url.substr(0, question + 1);
  for (std::size_t start = question + 1; start < url.size();) {
    const std::size_t end = std::min(url.find('&', start), url.size());
    const std::string parameter = url.substr(start, end - start);
    const std::size_t equals = std::min(parameter.find('='), parameter.size());
    const std::string key = parameter.substr(0, equals);
    const std::string value =
        equals == parameter.size() ? "" : decoded(parameter.substr(equals + 1));
    const bool path = !value.empty() && is_path(decoded(key), value);
    result += path ? key + "=" + encoded(path_from(folder, value)) : parameter;
    if (end < url.size()) result += '&';
    start = end + 1;
  }
  return result;
}

void hide_userinfo(std::string& url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string::npos) {
    // A slash was forgotten: what is left of the last '@' may be a password.
    const std::size_t end = url.find(':'), at = url.rfind('@');
    const bool server = end != std::string::npos && at != std::string::npos && at > end &&
                        find(duck::folded(url.substr(0, end))) != nullptr &&
                        parse(url).scheme != "duckdb";
    if (server) url.replace(end + 1, at - end - 1, "***");
    return;
  }
  const std::size_t begin = scheme + 3;
  const std::optional<std::size_t> at = userinfo_end(url, begin);
  const std::size_t colon = url.find(':', begin);
  if (at && colon < *at) url.replace(colon + 1, *at - colon - 1, "***");
}

/// Where the value that starts at `begin` ends: at '&' in a URL's query; in libpq's "key=value"
/// text at a space, or at the closing quote.
std::size_t value_end(const std::string& text, std::size_t begin, char before) {
  if (before == '?' || before == '&') return std::min(text.find('&', begin), text.size());
  const bool in_quotes = begin < text.size() && text[begin] == '\'';
  std::size_t i = begin + (in_quotes ? 1 : 0);
  for (; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (in_quotes ? text[i] == '\'' : text[i] == ' ') {
      return i + (in_quotes ? 1 : 0);
    }
  }
  return text.size();
}

void hide_parameters(std::string& url) {
  char before = ' ';
  for (std::size_t start = 0; start < url.size();) {
    const std::size_t end = url.find_first_of("=?& ", start);
    if (end == std::string::npos) return;
    std::size_t equals = url.find_first_not_of(' ', end);
    if (equals == std::string::npos) return;
    if (url[equals] == '=' &&
        secret_word(decoded(std::string_view(url).substr(start, end - start)))) {
      const std::size_t value = std::min(url.find_first_not_of(' ', equals + 1), url.size());
      url.replace(value, value_end(url, value, before) - value, "***");
      start = value + 3;
      continue;
    }
    before = url[end] == '=' ? before : url[end];
    start = end + 1;
    if (url[end] == '=') {
      start = std::min(url.find_first_of("?& ", start), url.size());
      if (start < url.size()) before = url[start++];
    }
  }
}

/// What stands where PARAMETER=VALUE should may be a token.
void hide_words(std::string& url) {
  for (std::size_t start = url.find('?'); start < url.size();) {
    const std::size_t end = std::min(url.find('&', ++start), url.size());
    if (end > start && url.find('=', start) >= end) url.replace(start, end - start, "***");
    start = url.find('&', start);
  }
}

/// Whoever has the whole URL of a hidden share can read it.
void hide_share(std::string& url) {
  constexpr std::string_view kShare = "_share/";
  const std::size_t begin = url.find(kShare);
  if (begin == std::string::npos) return;
  const std::size_t id = url.find('/', begin + kShare.size());
  if (id == std::string::npos) return;
  url.replace(id + 1, std::min(url.find('?', id), url.size()) - id - 1, "***");
}

}  // namespace

Schemes schemes() {
  Schemes all;
  for (const Connector& each : kConnectors) {
    if (each.source != nullptr) all.sources.emplace_back(each.shown);
    if (each.destination != nullptr) all.destinations.emplace_back(each.shown);
  }
  return all;
}

std::unique_ptr<Source> make_source(duck::Database& database, const std::string& url,
                                    const SourceSettings& settings) {
  const Parsed parsed = parse(url);
  const Connector* connector = find(parsed.scheme);
  if (connector == nullptr || connector->source == nullptr)
    unknown(url, parsed, "source", schemes().sources);
  return connector->source(database, url, expanded(parsed.rest), settings);
}

std::unique_ptr<Destination> make_destination(duck::Database& database, const std::string& url,
                                              const DestinationSettings& settings) {
  const Parsed parsed = parse(url);
  const Connector* connector = find(parsed.scheme);
  if (connector == nullptr || connector->destination == nullptr) {
    unknown(url, parsed, "destination", schemes().destinations);
  }
  DestinationSettings expanded_settings = settings;
  expanded_settings.read_copy = expanded(settings.read_copy);
  return connector->destination(database, expanded(parsed.rest), expanded_settings);
}

std::unique_ptr<Destination> look_into(duck::Database& database, const std::string& url) {
  const Parsed parsed = parse(url);
  const Connector* connector = find(parsed.scheme);
  if (connector == nullptr || connector->look == nullptr)
    unknown(url, parsed, "destination", schemes().destinations);
  return connector->look(database, expanded(parsed.rest));
}

bool is_destinations_password(const std::string& source) {
  const std::string scheme = parse(source).scheme;
  return scheme == "duckdb" || scheme == "md" || scheme == "motherduck" || scheme == "connector";
}

std::string path_from(const std::string& folder, const std::string& path) {
  const std::string whole = expanded(path);
  if (folder.empty() || whole.empty() || whole.front() == '/') return whole;
  return (std::filesystem::path(folder) / whole).lexically_normal().string();
}

std::string url_from(const std::string& folder, const std::string& url) {
  if (folder.empty()) return url;
  if (const auto file = local_file(url))
    return file->empty() ? url : "duckdb:" + path_from(folder, *file);
  const Parsed parsed = parse(url);
  if (parsed.scheme == "connector" && url.find("://") == std::string::npos)
    return "connector:" + path_from(folder, parsed.rest);
  const Connector* connector = find(parsed.scheme);
  return connector == nullptr ? url : with_paths_from(folder, url, connector->is_path);
}

std::optional<std::string> local_file(const std::string& url) {
  const Parsed parsed = parse(url);
  if (parsed.scheme != "duckdb") return std::nullopt;
  return expanded(parsed.rest);
}

std::string redacted(const std::string& url) {
  std::string shown = url;
  hide_userinfo(shown);
  hide_parameters(shown);
  const std::string scheme = parse(url).scheme;
  if (scheme != "md" && scheme != "motherduck") return shown;
  hide_words(shown);
  hide_share(shown);
  return shown;
}

}  // namespace sluice
