// SPDX-License-Identifier: Apache-2.0
#include "cli/pushed.h"

#include <unistd.h>

#include <stop_token>

#include "cli/log.h"
#include "cli/signals.h"
#include "connectors/open_connector.h"
#include "sluice/error.h"

namespace sluice::cli {
namespace {

/// The connector's log in the program's, without secrets.
class ConnectorLog final : public sdk::Log {
 public:
  explicit ConnectorLog(const wire::Secrets& secrets) : secrets_(secrets) {}
  void write(sdk::Level level, std::string_view message) override {
    static constexpr Level kLevels[] = {Level::debug, Level::info, Level::warn, Level::error};
    log(kLevels[static_cast<std::size_t>(level)], secrets_.hidden(std::string(message)));
  }

 private:
  const wire::Secrets& secrets_;
};

/// For what a connector's process prints outside of a sync; its host knows the secrets.
sdk::Log& log_of_processes() {
  static const wire::Secrets none;
  static ConnectorLog log(none);
  return log;
}

/// What `work` throws, without secrets.
template <class Work>
decltype(auto) discreet(const wire::Secrets& secrets, Work&& work) {
  try {
    return work();
  } catch (const Error& error) {
    throw Error(error.fault(), secrets.hidden(error.what()), secrets.hidden(error.hint()));
  } catch (const std::exception& error) {
    throw Error(Fault::internal, "the connector threw: " + secrets.hidden(error.what()),
                "it is the connector's own error: its author knows more");
  }
}

/// The connector, with errors that show no secret.
class Discreet final : public sdk::Connector {
 public:
  Discreet(sdk::Connector& connector, const wire::Secrets& secrets)
      : connector_(connector), secrets_(secrets) {}
  std::vector<sdk::TableSchema> schema(const sdk::Configuration& configuration) override {
    return discreet(secrets_, [&] { return connector_.schema(configuration); });
  }
  void update(const sdk::Configuration& configuration, const std::string& state,
              sdk::Operations& operations) override {
    discreet(secrets_, [&] { connector_.update(configuration, state, operations); });
  }

 private:
  sdk::Connector& connector_;
  const wire::Secrets& secrets_;
};

std::unique_ptr<Stop::Run> reaching(Stop* stop, std::stop_source& stopping) {
  if (stop == nullptr) return nullptr;
  return std::make_unique<Stop::Run>(*stop, [&stopping](int count, int signal) {
    stopping.request_stop();
    if (count > 1) ::_exit(exit_code_of_signal(signal));
  });
}

}  // namespace

bool is_pushed(const Connection& connection) {
  return connection.own != nullptr || is_connector(connection.source);
}

std::string pushed_identity(const Connection& connection) {
  return connector_identity(connection.source);
}

Pushed::Pushed(const Connection& connection, Stop* stop)
    : connection_(connection),
      signals_reach_(reaching(stop, stopping_)),
      opened_(connection.own != nullptr
                  ? nullptr
                  : open_connector(connection.source, &log_of_processes(), stopping_.get_token())),
      connector_(connection.own != nullptr ? connection.own : opened_.get()),
      form_(connector_->configuration_form()),
      configuration_(
          checked(fetch_configuration(connection.configuration), form_, connection.configuration)),
      secrets_(secrets_of(configuration_, form_)) {}

std::vector<sdk::TableSchema> Pushed::schema() {
  return Discreet(*connector_, secrets_).schema(configuration_);
}

std::optional<std::string> Pushed::test(const std::string& name) {
  try {
    auto why = discreet(secrets_, [&] { return connector_->test(name, configuration_); });
    return why ? std::optional(secrets_.hidden(*why)) : why;
  } catch (const Error& error) {
    return error.what();
  }
}

feed::FeedResult Pushed::run(duck::Database& database, Destination& destination,
                             Observer& observer) {
  feed::FeedOptions options;
  options.connection = connection_.sync.connection;
  options.source = pushed_identity(connection_);
  options.settings = settings_of(configuration_, form_);
  options.accept_source = connection_.sync.accept_source;
  options.schema = connection_.sync.schema.value_or(options.schema);
  options.naming = connection_.sync.naming;
  options.tables = connection_.sync.tables;
  options.exclude = connection_.sync.exclude;
  ConnectorLog log(secrets_);
  Discreet connector(*connector_, secrets_);
  return feed::run(database, destination, connector, configuration_, options, log, observer,
                   stopping_.get_token());
}

void refuse_settings_of_databases(const Connection& connection) {
  const SyncOptions& sync = connection.sync;
  const auto refuse = [&](bool set, const std::string& what) {
    if (!set) return;
    throw Error(Fault::config,
                what + " is for databases: a connector (connection " + sync.connection +
                    ") decides by itself what it reads and when",
                "leave it out; `configuration:` is what a connector is told");
  };
  refuse(!sync.table_options.empty(), "a setting of tables (table_options:, or its flag)");
  refuse(sync.defaults != TableOptions(), "defaults:");
  refuse(sync.full, "--full");
  refuse(!sync.accept_drift.empty(), "--accept-drift");
  refuse(!sync.allow_deletes.empty(), "--allow-deletes");
  refuse(sync.verify_after_run, "verify: after-run");
  refuse(sync.publish == Publish::together, "publish: together");
  refuse(connection.max_rate > 0, "max_rate");
}

void refuse_pushed(const Connection& connection, const std::string& command) {
  if (!is_pushed(connection)) return;
  throw Error(Fault::config,
              command + ": " + connection.source +
                  " is a connector: it pushes its changes, and has no tables to read beside them",
              "sync runs it; check runs its tests; discover lists what it declares");
}

}  // namespace sluice::cli
