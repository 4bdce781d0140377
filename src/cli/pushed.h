// SPDX-License-Identifier: Apache-2.0
// Connectors that push their changes, as the commands run them.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "cli/settings.h"
#include "cli/watchers.h"
#include "feed/run.h"

namespace sluice::cli {

/// Whether the connection's source is a connector: `connector:..`, or the program's own.
bool is_pushed(const Connection& connection);
/// What such a source is, for _sluice.runs.
std::string pushed_identity(const Connection& connection);

/// The connector of a connection, with its configuration. What it says and throws is shown without
/// the secrets of that configuration. Constructing throws what is wrong with either.
class Pushed {
 public:
  /// While this lives, a first signal that `stop` (which outlives it, or none) hears of asks the
  /// connector to stop, also one that is only starting; a second ends the process, as nobody can
  /// interrupt what a connector waits for. What is committed stays.
  explicit Pushed(const Connection& connection, Stop* stop = nullptr);

  std::vector<sdk::TableSchema> schema();
  sdk::Form form() { return form_; }
  /// One of the form's tests: why it failed, none: it has not.
  std::optional<std::string> test(const std::string& name);
  feed::FeedResult run(duck::Database& database, Destination& destination, Observer& observer);

 private:
  const Connection& connection_;
  std::stop_source stopping_;
  std::unique_ptr<Stop::Run> signals_reach_;
  std::unique_ptr<sdk::Connector> opened_;
  sdk::Connector* connector_;
  sdk::Form form_;
  sdk::Configuration configuration_;
  wire::Secrets secrets_;
};

/// Throws Fault::config where a setting of the connection is for databases alone.
void refuse_settings_of_databases(const Connection& connection);
/// For a command that needs a database: throws Fault::config, saying why, where the source is a
/// connector.
void refuse_pushed(const Connection& connection, const std::string& command);

}  // namespace sluice::cli
