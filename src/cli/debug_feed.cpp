// SPDX-License-Identifier: Apache-2.0
#include "cli/debug_feed.h"

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "cli/debug_choice.h"
#include "cli/debug_report.h"
#include "cli/debug_state.h"
#include "cli/log.h"
#include "cli/open.h"
#include "cli/pushed.h"
#include "connectors/key_based_replication/connector.h"
#include "connectors/open_connector.h"
#include "engine/load.h"

namespace sluice::cli {
namespace {

namespace fs = std::filesystem;

std::optional<std::string> text_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// Where its fields are: a file that need not be there unless it is named.
ConfigurationFrom configuration_of(const DebugRequest& request) {
  if (!request.configuration.empty()) return {{}, request.configuration, "--configuration"};
  const std::string file = (fs::path(request.folder) / "configuration.json").string();
  return fs::exists(file) ? ConfigurationFrom{{}, file, file} : ConfigurationFrom{};
}

/// The file is the connector's state, as it is.
class Checkpoints final : public Observer {
 public:
  explicit Checkpoints(std::string path) : path_(std::move(path)) {}
  void checkpoint_committed(const std::string& state) override {
    ++count_;
    write(state);
    // Not what it says: connectors keep refresh tokens there.
    log(Level::debug, "Checkpointed: " + std::to_string(state.size()) + " bytes in " + path_);
  }
  /// As it is: numbers keep all their digits.
  void write(const std::string& state) const { replace_file(path_, state + "\n"); }
  std::uint64_t count() const { return count_; }

 private:
  const std::string path_;
  std::uint64_t count_ = 0;
};

/// What the connector begins with: the file's state, where there is one. Without it all is synced
/// again. Beside a new warehouse only one that was named is believed.
void set_state(duck::Connection& connection, const StateStore& states, const std::string& path,
               bool is_named) {
  auto text = text_of(path);
  Json given = text ? Json::parse(*text, nullptr, false) : Json::object();
  if (is_state_file(given)) {
    log(Level::warn, path + " is of sluice's own connector, which says nothing to this one");
    text.reset();
    given = Json::object();
  }
  if (!given.is_object()) {
    throw Error(Fault::config, path + " is no JSON object",
                "put it back, or delete it: then all is synced again");
  }
  const auto before = states.feed(connection);
  if (!before && (!is_named || given.empty())) return;
  if (before && given == Json::parse(before->state)) return;
  FeedState next = before.value_or(FeedState());
  next.state = text ? text->substr(0, text->find_last_not_of("\n") + 1) : "{}";
  Load load(connection, states);
  load.replace_feed(before, next);
  load.commit();
  log(Level::warn, text ? "the connector goes on from the state in " + path
                        : "there is no state in " + path + ": all is synced again");
}

}  // namespace

std::string pushed_connector(const DebugRequest& request) {
  check_request(request);
  if (request.python && (request.native || !request.connector.empty())) {
    throw Error(Fault::config, "--python runs the folder's connector.py, and another is named",
                "leave one of the two out");
  }
  if (is_connector(request.connector) || request.connector == kKeyBased) return request.connector;
  if (!request.connector.empty()) return {};
  const std::string code = python_in(request.folder);
  if (request.python || (code == "?" && !request.native)) return "connector:" + request.folder;
  return request.native && code == kKeyBased ? code : std::string();
}

int debug_pushed(const DebugRequest& request, const std::string& connector, Stop& stop) {
  const bool own = connector == kKeyBased;
  const auto key_based = own ? examples::key_based_replication() : nullptr;
  const std::string files = files_of(request.folder);
  Connection connection;
  connection.destination = "duckdb:" + files + "/warehouse.db";
  connection.storage = "v1.0.0";
  connection.source = own ? "connector:" + connector : connector;
  connection.own = key_based.get();
  connection.configuration = configuration_of(request);
  connection.sync.connection = own ? connector : "connector";
  connection.sync.schema = "tester";
  connection.sync.accept_source = true;  // its settings are what is being tried; a warning says so
  connection.sync.naming = request.naming == "source" ? Naming::source : Naming::fivetran;
  connection.sync.full = request.full;
  connection.sync.accept_drift = request.accept_drift;
  refuse_settings_of_databases(connection);
  // The connector first: where it cannot be run, no empty warehouse is left behind.
  Pushed pushed(connection, &stop);
  fs::create_directories(files);
  for (const std::string& note : keep_foreign_files(files)) log(Level::warn, note);
  duck::Database database = open_database(connection);
  const auto destination =
      open_destination(database, connection, {}, [&stop] { return stop.asked(); });
  const std::string path = files + "/state.json";
  {
    duck::Connection looking = database.connect();
    StateStore states(destination->catalog(), connection.sync.connection);
    states.open(looking, StateStore::Create::yes);
    set_state(looking, states, request.state.empty() ? path : request.state,
              !request.state.empty());
    Checkpoints(path).write(states.feed(looking).value_or(FeedState()).state);
  }
  Checkpoints checkpoints(path);
  const feed::FeedResult result = pushed.run(database, *destination, checkpoints);
  const feed::Calls& calls = result.calls;
  return debug_report({calls.upserts, calls.updates, calls.removes, calls.truncates,
                       calls.schema_changes, checkpoints.count()},
                      result.run, result.exit_code());
}

}  // namespace sluice::cli
