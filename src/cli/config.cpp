// SPDX-License-Identifier: Apache-2.0
#include "cli/config.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "cli/text.h"
#include "connectors/registry.h"
#include "sluice/error.h"

namespace sluice::cli {
namespace {

using Entries = std::vector<std::pair<Value, Value>>;

std::vector<std::string> known_keys() {
  std::vector<std::string> keys{"extends", "defaults", "table_options"};
  for (const ConnectionWord& word : connection_words()) keys.emplace_back(word.key);
  return keys;
}

[[noreturn]] void unknown_key(const Value& key, const std::vector<std::string>& known) {
  const std::string meant = did_you_mean(key.text(), known);
  for (const TableWord& word : table_words()) {
    if (key.text() == word.key) {
      key.fail("\"" + key.text() + "\" is said of tables, not of a connection",
               "put it under defaults: or table_options:");
    }
  }
  key.fail("unknown key \"" + key.text() + "\"",
           meant.empty() ? "known here: " + alternatives(known) : meant);
}

class File {
 public:
  File(const Value& root, std::string folder) : folder_(std::move(folder)) {
    for (const auto& [key, value] : root.map()) {
      if (key.text() != "connections") {
        const std::vector<std::string> known{"connections"};
        key.fail("unknown key \"" + key.text() + "\"",
                 known_keys_contain(key.text())
                     ? "it belongs to a connection: put it under connections: NAME:"
                     : "the file begins with connections:");
      }
      connections_ = value.map();
    }
    if (connections_.empty())
      root.fail("no connections", "`sluice init` writes a file to start from");
    for (const auto& [key, value] : connections_) names_.push_back(key.text());
  }

  const std::vector<std::string>& names() const { return names_; }

  Connection connection(const std::string& name) const {
    Connection connection;
    apply(connection, name, {});
    connection.sync.connection = name;
    const Value& place = entry(name)->first;
    for (const auto& [word, url] :
         {std::pair{"source", &connection.source}, {"destination", &connection.destination}}) {
      if (url->empty())
        place.fail("connection " + name + " has no " + word, std::string("add ") + word + ": ..");
      *url = url_from(folder_, *url);
    }
    return connection;
  }

 private:
  static bool known_keys_contain(const std::string& key) {
    return std::ranges::count(known_keys(), key) > 0;
  }

  const std::pair<Value, Value>* entry(const std::string& name) const {
    const auto found =
        std::ranges::find(connections_, name, [](const auto& each) { return each.first.text(); });
    return found == connections_.end() ? nullptr : &*found;
  }

  /// What `extends` names first, then what the connection itself says.
  void apply(Connection& connection, const std::string& name, std::vector<std::string> path) const {
    const Value& body = entry(name)->second;
    path.push_back(name);
    const auto words = body.map();
    for (const auto& [key, value] : words) {
      if (key.text() != "extends") continue;
      const std::string parent = value.text();
      if (entry(parent) == nullptr) {
        value.fail("there is no connection \"" + parent + "\"", did_you_mean(parent, names_));
      }
      if (std::ranges::find(path, parent) != path.end())
        value.fail("connections extend each other in a circle");
      apply(connection, parent, path);
    }
    for (const auto& [key, value] : words) set(connection, key, value);
  }

  static void set(Connection& connection, const Value& key, const Value& value) {
    const std::string name = key.text();
    if (name == "extends") return;
    if (name == "defaults") {
      for (const auto& [word, setting] : value.map())
        read_table_word(word, setting)(connection.sync.defaults);
      return;
    }
    if (name == "table_options") {
      for (const auto& [glob, words] : value.map()) {
        for (const auto& [word, setting] : words.map()) {
          connection.sync.table_options.emplace_back(glob.text(), read_table_word(word, setting));
        }
      }
      return;
    }
    const auto words = connection_words();
    const auto word = std::ranges::find(
        words, name, [](const ConnectionWord& each) { return std::string(each.key); });
    if (word == words.end()) unknown_key(key, known_keys());
    word->set(connection, value);
  }

  std::string folder_;
  Entries connections_;
  std::vector<std::string> names_;
};

/// yaml-cpp's exceptions end here.
YAML::Node load(const std::string& text, const std::string& file) {
  try {
    return YAML::Load(text);
  } catch (const YAML::Exception& error) {
    throw Error(Fault::config,
                file + ":" + std::to_string(error.mark.line + 1) + ":" +
                    std::to_string(error.mark.column + 1) + ": not YAML: " + error.msg,
                text.find('\t') == std::string::npos
                    ? "values with : # { [ or * at the start need quotes"
                    : "YAML is indented with spaces: there is a tab");
  }
}

}  // namespace

std::vector<Connection> parse_config(const std::string& text, const std::string& file,
                                     const std::vector<std::string>& names) {
  const std::string folder = std::filesystem::path(file).parent_path().string();
  const File parsed(Value(load(text, file), file, folder), folder);
  std::vector<Connection> connections;
  for (const std::string& name : names.empty() ? parsed.names() : names) {
    if (std::ranges::find(parsed.names(), name) == parsed.names().end()) {
      const std::string meant = did_you_mean(name, parsed.names());
      throw Error(Fault::config, file + " has no connection \"" + name + "\"",
                  meant.empty() ? "it has " + alternatives(parsed.names()) : meant);
    }
    connections.push_back(parsed.connection(name));
  }
  return connections;
}

std::vector<Connection> read_config(const std::string& file,
                                    const std::vector<std::string>& names) {
  std::ifstream stream(file);
  std::stringstream text;
  text << stream.rdbuf();
  if (!stream) {
    throw Error(Fault::config, "cannot read " + file,
                "`sluice init` writes one, --config FILE names another; or say `sluice sync SOURCE "
                "DESTINATION`");
  }
  return parse_config(text.str(), file, names);
}

}  // namespace sluice::cli
