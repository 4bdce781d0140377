// SPDX-License-Identifier: Apache-2.0
// From words and flags to connections; exit codes.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>

#include "cli/commands.h"
#include "cli/config.h"
#include "cli/log.h"
#include "cli/text.h"
#include "connectors/registry.h"
#include "sluice/error.h"

namespace sluice::cli {
namespace {

/// What was typed, not a variable that is set for all commands.
bool typed(const std::string& value, const char* variable) {
  const char* set = std::getenv(variable);
  return !value.empty() && (set == nullptr || value != set);
}

bool is_list(const std::string& key) { return key == "tables" || key == "exclude"; }

/// Beside a URL it would not be read.
void refuse_config(const Choice& choice) {
  if (!typed(choice.config, "SLUICE_CONFIG")) return;
  throw Error(Fault::config, "--config " + choice.config + ": a URL is named, so no file is read",
              "leave --config out, or name a connection of the file instead of the URL");
}

/// It is wiped from the process's title, but shells keep it in their history.
void warn_of_tokens(const std::vector<std::string>& urls) {
  const auto holds_one = [](const std::string& url) {
    const bool motherduck = is_destinations_password(url) && !local_file(url);
    const std::string shown = redacted(url);
    return motherduck && shown.find("***", shown.find('?')) != std::string::npos;
  };
  if (!std::ranges::any_of(urls, holds_one)) return;
  log(Level::warn, "a token is in a URL of the command line: MOTHERDUCK_TOKEN keeps it out of it");
}

}  // namespace

void Flags::apply(Connection& target) const {
  for (const ConnectionWord& word : connection_words()) {
    const auto found = connection.find(word.key);
    if (found == connection.end() || found->second.empty()) continue;
    word.set(target,
             Value::of_flag("--" + flag_name(word.key),
                            is_list(word.key) ? joined(found->second, ",") : found->second.back()));
  }
  for (const TableWord& word : table_words()) {
    const auto found = table.find(word.key);
    if (found == table.end()) continue;
    for (const std::string& text : found->second) add_table_flag(target.sync, word, text);
  }
  for (const std::string& text : types) add_type_flag(target.sync, text);
  const char* password = std::getenv("SLUICE_PASSWORD");
  if (password != nullptr && target.password.kind == PasswordFrom::Kind::nowhere) {
    target.password = {PasswordFrom::Kind::text, Secret(password), "SLUICE_PASSWORD"};
  }
}

bool looks_like_url(const std::string& word) {
  return word.find(':') != std::string::npos || word.ends_with(".duckdb") ||
         word.ends_with(".db") || word.ends_with(".ddb");
}

std::vector<Connection> Choice::connections() const {
  const bool any_url = std::ranges::any_of(words, looks_like_url);
  std::vector<Connection> chosen;
  if (any_url) {
    if (words.size() != 2) {
      throw Error(Fault::config,
                  words.size() < 2 ? "the destination is missing"
                                   : "more than SOURCE and DESTINATION was given",
                  "write both: postgresql://user@host/shop duckdb:warehouse.duckdb");
    }
    refuse_config(*this);
    warn_of_tokens(words);
    Connection connection;
    connection.source = words[0];
    connection.destination = words[1];
    connection.sync.connection = name;
    chosen.push_back(std::move(connection));
  } else {
    const bool there = !config.empty() || std::filesystem::exists(kConfigFile);
    if (!there) {
      throw Error(Fault::config,
                  "there is no sluice.yaml here, and the command line does not say which databases",
                  "`sluice init` writes a sluice.yaml; or name them: SOURCE DESTINATION, like "
                  "postgresql://user@host/shop duckdb:warehouse.duckdb, where the command reads "
                  "both, else --destination duckdb:warehouse.duckdb");
    }
    if (name != Choice().name && typed(name, "SLUICE_NAME")) {
      throw Error(Fault::config,
                  "--name is said of SOURCE DESTINATION; a connection of " +
                      (config.empty() ? std::string(kConfigFile) : config) +
                      " is called as it is there",
                  "to choose it, write its name alone: " + name);
    }
    chosen = read_config(config.empty() ? kConfigFile : config, words);
  }
  for (Connection& connection : chosen) flags.apply(connection);
  return chosen;
}

void SyncRequest::apply(Connection& connection) const {
  connection.sync.full = full;
  connection.sync.accept_source = accept_source;
  connection.sync.accept_drift = accept_drift;
  connection.sync.allow_deletes = allow_deletes;
}

Connection SourceRequest::connection() const {
  if (!looks_like_url(source)) {
    Choice named = choice;
    named.words = {source};
    return named.connections().front();
  }
  refuse_config(choice);
  warn_of_tokens({source});
  Connection connection;
  connection.source = source;
  choice.flags.apply(connection);
  return connection;
}

std::vector<std::pair<std::string, std::string>> HistoryRequest::places() const {
  if (!destination.empty()) return {{std::string(), destination}};
  std::vector<std::pair<std::string, std::string>> places;
  Choice named = choice;
  std::erase_if(named.words, [&](const std::string& word) {
    if (looks_like_url(word)) places.emplace_back(std::string(), word);
    return looks_like_url(word);
  });
  if (!places.empty() && named.words.empty()) return places;
  for (const Connection& connection : named.connections()) {
    places.emplace_back(connection.sync.connection, connection.destination);
  }
  return places;
}

int worse(int one, int other) {
  static constexpr std::array kOrder{130, 143, 2, 1, 6, 3, 4, 5, 0};
  return std::ranges::find(kOrder, one) <= std::ranges::find(kOrder, other) ? one : other;
}

}  // namespace sluice::cli
