// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>
#include <thread>

#include "cli/commands.h"
#include "cli/open.h"
#include "cli/signals.h"
#include "cli/text.h"
#include "cli/value.h"
#include "connectors/published.h"
#include "connectors/registry.h"
#include "serve/log.h"
#include "serve/server.h"
#include "serve/source.h"

namespace sluice::cli {
namespace {

constexpr std::chrono::seconds kWaitForSource{60};
constexpr const char* kWhere = "the connection's configuration";
/// What can be said of tables where a client keeps the copy.
constexpr std::array<std::string_view, 12> kServedWords{
    "strategy", "replication_key", "key",   "full_every", "misfit",  "columns",
    "types",    "exclude_columns", "where", "start",      "overlap", "window"};

using FieldKind = sdk::Field::Kind;

sdk::Form form_of_any_source() {
  const auto field = [](const char* name, const char* label, FieldKind kind, bool required,
                        const char* description, const char* placeholder) {
    sdk::Field made;
    made.name = name, made.label = label, made.kind = kind, made.required = required;
    made.description = description, made.placeholder = placeholder;
    return made;
  };
  return {
      .fields =
          {field("source", "Source", FieldKind::password, true, "The URL of the database",
                 "postgresql://reader@db.example/shop"),
           field("password", "Password or token", FieldKind::password, false,
                 "If the URL does not hold it", ""),
           field("tables", "Tables", FieldKind::text, false,
                 "Only these: globs over schema.table, separated by commas. Views have to be named",
                 "public.*, reports.daily"),
           field("exclude", "Tables to leave out", FieldKind::text, false, "The same",
                 "public.tmp_*"),
           field("full_every", "Send everything again", FieldKind::text, false,
                 "Finds what was deleted: always, never, or how often. Tables without a primary "
                 "key or a replication key: at each sync, and never of the others",
                 "7d"),
           field("table_options", "Table options", FieldKind::text, false,
                 "Settings by table, a JSON object",
                 R"({"public.orders": {"replication_key": "changed_at"}})")},
      .tests = {}};
}

bool is_secret_field(const std::string& field) {
  const std::string name = duck::folded(field);
  return name.find("password") != name.npos || name.find("token") != name.npos;
}

sdk::Form form_of(const PublishedConnector& connector) {
  sdk::Form form;
  const auto add = [&](const std::vector<std::string>& names, bool required) {
    for (const std::string& name : names) {
      sdk::Field& field = form.fields.emplace_back();
      field.name = field.label = name;
      field.kind = is_secret_field(name) ? FieldKind::password : FieldKind::text;
      field.required = required;
    }
  };
  add(connector.required, true);
  add(connector.optional, false);
  return form;
}

std::string filled_in(const sdk::Configuration& configuration, const char* name) {
  const auto found = configuration.find(name);
  return found == configuration.end() ? "" : found->second;
}

/// With no variable of this process in it, which whoever fills the form in must not see.
std::string without_variables(std::string text) {
  for (std::size_t at = 0; (at = text.find("${", at)) != text.npos; at += 3) text.insert(at, "$");
  return text;
}

void read_table_options(SyncOptions& options, const std::string& text) {
  if (text.empty()) return;
  const std::string where = "table_options";
  if (!nlohmann::json::parse(text, nullptr, false).is_object()) {
    throw Error(Fault::config, where + " is no JSON object",
                R"(it looks like {"public.orders": {"replication_key": "changed_at"}})");
  }
  const Value all(YAML::Load(without_variables(text)), where, "");
  for (const auto& [glob, settings] : all.map()) {
    for (const auto& [word, value] : settings.map()) {
      const std::string name = word.text();
      const TableSetting setting = read_table_word(word, value);
      if (std::ranges::find(kServedWords, name) == kServedWords.end()) {
        word.fail(
            name + " means something only where sluice itself writes the copy",
            "what can be said here: " +
                joined(std::vector<std::string>(kServedWords.begin(), kServedWords.end()), ", "));
      }
      options.table_options.emplace_back(glob.text(), setting);
    }
  }
}

void read_any_source(Connection& connection, const sdk::Configuration& configuration) {
  connection.source = filled_in(configuration, "source");
  if (connection.source.empty()) {
    throw Error(Fault::config, std::string(kWhere) + " has no `source`",
                "a URL like postgresql://reader@db.example/shop; the kinds are " +
                    joined(schemes().sources, ", "));
  }
  SyncOptions& options = connection.sync;
  const auto take_globs = [&](const char* name, std::vector<std::string>& to) {
    const std::string text = filled_in(configuration, name);
    if (!text.empty()) to = Value::of_flag(name, text).list();
  };
  take_globs("tables", options.tables);
  take_globs("exclude", options.exclude);
  const std::string full_every = filled_in(configuration, "full_every");
  if (!full_every.empty())
    options.defaults.full_every = Value::of_flag("full_every", full_every).cadence();
  read_table_options(options, filled_in(configuration, "table_options"));
}

wire::Configured read_published(const PublishedConnector& connector,
                                const sdk::Configuration& configuration) {
  // What is not filled in comes as nothing at all, or as an empty text.
  nlohmann::json filled = nlohmann::json::object();
  for (const auto& [name, value] : configuration) {
    if (!value.empty()) filled[name] = value;
  }
  return connector.read(filled.dump(), kWhere);
}

const PublishedConnector* published_named(const std::string& name) {
  if (name.empty()) return nullptr;
  std::vector<std::string> names;
  for (const PublishedConnector& each : published_connectors()) {
    if (name == each.name) return &each;
    names.emplace_back(each.name);
  }
  const std::string meant = did_you_mean(name, names);
  throw Error(Fault::config, "--connector " + name + " is none that can be served",
              meant.empty() ? "it is one of " + alternatives(names) : meant);
}

/// The process's own settings.
Connection served(const ServeSourceRequest& request) {
  Connection connection;
  connection.wait = kWaitForSource;
  connection.sync.connection = "fivetran";
  if (!request.server.memory.empty())
    connection.memory = Value::of_flag("--memory", request.server.memory).bytes();
  connection.temp = request.server.temp;
  const auto number = [](const char* flag, const std::string& text) -> std::uint64_t {
    const Value value = Value::of_flag(flag, text);
    const std::uint64_t read = value.number();
    if (read == 0) value.fail("at least 1 is needed");
    return read;
  };
  if (!request.parallel.empty()) connection.sync.parallel = number("--parallel", request.parallel);
  if (!request.unit_rows.empty())
    connection.sync.unit_rows = number("--unit-rows", request.unit_rows);
  return connection;
}

serve::Wanted open_wanted(Connection connection, const PublishedConnector* connector,
                          const sdk::Configuration& configuration,
                          const std::function<bool()>& stop) {
  serve::Wanted wanted;
  Secret password;
  if (connector == nullptr) {
    read_any_source(connection, configuration);
    password = Secret(filled_in(configuration, "password"));
  } else {
    const wire::Configured read = read_published(*connector, configuration);
    connection.source = read.url;
    password = read.password;
    connection.sync.tables = read.tables;
    connection.sync.defaults.window = read.defaults.window;
    connection.sync.defaults.types = read.defaults.types;
    wanted.replication_key = read.replication_key;
    wanted.warnings = read.warnings;
  }
  connection.sync.defaults.fivetran_types = true;
  wanted.database = std::make_unique<duck::Database>(open_database(connection));
  wanted.source = open_source(*wanted.database, connection, password, stop);
  wanted.options = std::move(connection.sync);
  return wanted;
}

}  // namespace

int serve_connector(const ServeSourceRequest& request) {
  block_signals();
  const PublishedConnector* const connector = published_named(request.connector);
  const Connection settings = served(request);
  serve::SourceService service(
      connector == nullptr ? form_of_any_source() : form_of(*connector),
      [&](const sdk::Configuration& configuration, const std::function<bool()>& stop) {
        return open_wanted(settings, connector, configuration, stop);
      });
  const serve::Listening listening =
      serve::listen(service, request.server.listen, request.server.port);
  std::jthread stopper;
  const SignalWatch watch([&](int count, int) {
    if (count > 1) service.interrupt();
    // In a thread of its own: it waits for the calls that run, and a second signal ends those.
    if (count == 1) stopper = std::jthread([&] { listening.server->Shutdown(); });
  });
  serve::log_line(
      "sdk_connector", serve::LogLevel::info,
      "sluice serves fivetran_sdk.v2.SourceConnector on port " + std::to_string(listening.port));
  listening.server->Wait();
  serve::log_line("sdk_connector", serve::LogLevel::info, "sluice ends");
  return 0;
}

}  // namespace sluice::cli
