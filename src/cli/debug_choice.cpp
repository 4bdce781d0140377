// SPDX-License-Identifier: Apache-2.0
#include "cli/debug_choice.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "cli/debug_feed.h"
#include "cli/text.h"
#include "connectors/published.h"
#include "sluice/error.h"

namespace sluice::cli {
namespace {

namespace fs = std::filesystem;

std::optional<std::string> contents(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::string> names() {
  std::vector<std::string> all;
  for (const PublishedConnector& each : published_connectors()) all.emplace_back(each.name);
  all.emplace_back(kKeyBased);
  return all;
}

const PublishedConnector& named(const std::string& name) {
  for (const PublishedConnector& each : published_connectors()) {
    if (name == each.name) return each;
  }
  const auto all = names();
  const std::string close = did_you_mean(name, all);
  throw Error(Fault::config, "--connector " + name + " is none that sluice has",
              close.empty() ? "it is one of " + alternatives(all) : close);
}

std::vector<std::string> fields_of(const PublishedConnector& connector) {
  std::vector<std::string> all = connector.required;
  all.insert(all.end(), connector.optional.begin(), connector.optional.end());
  return all;
}

/// How many of a file's fields are the connector's.
std::size_t shared(const PublishedConnector& connector, const std::vector<std::string>& fields) {
  const auto known = fields_of(connector);
  return static_cast<std::size_t>(std::ranges::count_if(fields, [&](const std::string& field) {
    return std::ranges::find(known, field) != known.end();
  }));
}

bool fits(const PublishedConnector& connector, const std::vector<std::string>& fields) {
  return shared(connector, fields) == fields.size() &&
         std::ranges::all_of(connector.required, [&](const std::string& field) {
           return std::ranges::find(fields, field) != fields.end();
         });
}

Error ambiguous(const std::string& file, const std::vector<const PublishedConnector*>& fitting) {
  std::vector<std::string> titles, flags;
  for (const PublishedConnector* each : fitting) {
    titles.emplace_back(each->title);
    flags.push_back(std::string("--connector ") + each->name);
  }
  return {Fault::config,
          file + ": these are fields of the connectors " + joined(titles, " and of "),
          "say which: " + alternatives(flags)};
}

/// By the fields. Of files that fit none, a connector that has most of them: it says what is wrong.
const PublishedConnector& by_fields(const std::string& file,
                                    const std::vector<std::string>& fields) {
  std::vector<const PublishedConnector*> fitting;
  std::size_t most = 0;
  for (const PublishedConnector& each : published_connectors()) {
    if (fits(each, fields)) fitting.push_back(&each);
    most = std::max(most, shared(each, fields));
  }
  for (const PublishedConnector& each : published_connectors()) {
    if (fitting.empty() && most > 0 && shared(each, fields) == most) fitting.push_back(&each);
  }
  if (fitting.empty()) {
    throw Error(Fault::config, file + ": its fields are those of no connector that sluice has",
                "say which it is for: --connector " + joined(names(), ", --connector "));
  }
  if (fitting.size() > 1) throw ambiguous(file, fitting);
  return *fitting.front();
}

std::vector<std::string> fields_in(const std::string& text, const std::string& file) {
  const auto parsed = nlohmann::json::parse(text, nullptr, false, true);
  if (!parsed.is_object()) {
    throw Error(Fault::config, file + ": is no JSON object",
                "it looks like {\"host\": \"db.example\", \"port\": \"3306\"}");
  }
  std::vector<std::string> fields;
  for (const auto& [name, value] : parsed.items()) fields.push_back(name);
  return fields;
}

void refuse_slips(const PublishedConnector& connector, const std::vector<std::string>& fields,
                  const std::string& file) {
  const auto known = fields_of(connector);
  for (const std::string& field : fields) {
    if (std::ranges::find(known, field) != known.end()) continue;
    const std::string close = did_you_mean(field, known);
    throw Error(Fault::config,
                file + ": \"" + field + "\" is no field of the " + connector.title + " connector",
                close.empty() ? "its fields are " + joined(known, ", ") : close);
  }
}

void refuse_doubt(const DebugRequest& request) {
  if (request.native || !request.connector.empty()) return;
  const std::string python = python_in(request.folder);
  if (python.empty()) return;
  throw Error(Fault::config,
              (fs::path(request.folder) / "connector.py").string() +
                  " looks like the published connector " + python +
                  ", and sluice has one of its own",
              "--native, or --connector " + python + ", runs sluice's; --python runs that one");
}

void set_up(DebugPlan& plan, const wire::Configured& configured, const DebugRequest& request) {
  Connection& connection = plan.connection;
  connection.source = configured.url;
  connection.password = {PasswordFrom::Kind::text, configured.password, "the configuration"};
  connection.destination = "duckdb:" + files_of(request.folder) + "/warehouse.db";
  connection.storage = "v1.0.0";
  SyncOptions& sync = connection.sync;
  sync.connection = plan.connector;
  sync.schema = "tester";
  sync.tables = configured.tables;
  sync.defaults = configured.defaults;
  sync.defaults.deletes = Deletes::soft;
  sync.defaults.synced_at = true;
  sync.defaults.fivetran_types = true;
  sync.defaults.row_id = plan.connector == "singlestore" ? RowId::unique : RowId::content;
  const bool source_names =
      request.naming == "source" || (request.naming.empty() && plan.connector == "yugabytedb");
  sync.naming = source_names ? Naming::fivetran_source : Naming::fivetran;
  sync.full = request.full;
  sync.accept_source = request.accept_source;
  sync.accept_drift = request.accept_drift;
  // Rows that are only marked are not lost, and the published connectors know no brake.
  sync.allow_deletes = {"*"};
  plan.replication_key = configured.replication_key;
  plan.once = plan.connector == "singlestore";
  plan.warnings = configured.warnings;
}

}  // namespace

std::string python_in(const std::string& folder) {
  const auto code = contents(fs::path(folder) / "connector.py");
  if (!code) return {};
  for (const PublishedConnector& each : published_connectors()) {
    if (code->find(each.mark) != std::string::npos) return each.name;
  }
  return code->find("Key Based Replication") != std::string::npos ? kKeyBased : "?";
}

std::string files_of(const std::string& folder) { return (fs::path(folder) / "files").string(); }

void check_request(const DebugRequest& request) {
  if (!fs::is_directory(request.folder)) {
    throw Error(Fault::config, "there is no folder " + request.folder,
                "sluice debug FOLDER: the one with the configuration.json");
  }
  if (!request.naming.empty() && request.naming != "fivetran" && request.naming != "source") {
    throw Error(Fault::config, "--naming " + request.naming + " is none that there is",
                "it is fivetran or source");
  }
  if (!request.state.empty() && !fs::exists(request.state)) {
    throw Error(Fault::config, "there is no " + request.state,
                "--state names a state.json to begin with; without it the run goes on from " +
                    files_of(request.folder) + "/state.json");
  }
}

DebugPlan debug_plan(const DebugRequest& request) {
  refuse_doubt(request);
  const PublishedConnector* const wanted =
      request.connector.empty() ? nullptr : &named(request.connector);
  const std::string file = request.configuration.empty()
                               ? (fs::path(request.folder) / "configuration.json").string()
                               : request.configuration;
  const auto text = contents(file);
  if (!text) {
    throw Error(Fault::config, "cannot read " + file,
                "it is the connector's configuration.json; --configuration names another file");
  }
  const auto fields = fields_in(*text, file);
  const PublishedConnector& connector = wanted == nullptr ? by_fields(file, fields) : *wanted;
  refuse_slips(connector, fields, file);
  DebugPlan plan;
  plan.connector = connector.name;
  plan.title = connector.title;
  set_up(plan, connector.read(*text, file), request);
  return plan;
}

}  // namespace sluice::cli
