// SPDX-License-Identifier: Apache-2.0
#include "feed/run.h"

#include <chrono>

#include "engine/close_run.h"
#include "engine/outcome.h"
#include "engine/select.h"
#include "feed/operations.h"

namespace sluice::feed {
namespace {

/// Runs `work`; what left it, the first error of an operation before all others.
template <class Work>
std::optional<Error> ended_by(const FeedOperations& operations, Work&& work) {
  std::exception_ptr error;
  try {
    work();
  } catch (...) {
    error = std::current_exception();
  }
  if (operations.failed()) error = operations.failed();
  if (!error) return std::nullopt;
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& caught) {
    return as_error(caught);
  } catch (...) {
    return Error(Fault::internal, "the connector threw what is no std::exception");
  }
}

void check_source(duck::Connection& connection, const StateStore& states,
                  const FeedOptions& options) {
  const std::string before = states.source(connection);
  if (before.empty() || before == options.source || options.accept_source) return;
  throw Error(
      Fault::config,
      "connection " + options.connection + " has always read " + before + ", this is " +
          options.source,
      "give the connector a connection of its own (--name); if it reads the same source "
      "under another name, --accept-source says so; in `sluice debug`, --reset begins anew");
}

/// Names of `tables:` that the connector knows nothing of; a glob may be meant for tables to come.
void refuse_unknown(const FeedOptions& options, FeedResult& result, Told& told) {
  std::vector<Receipt>& receipts = result.run.receipts;
  for (const std::string& pattern : options.tables) {
    if (std::ranges::any_of(receipts,
                            [&](const Receipt& each) { return matches(pattern, each.table); }))
      continue;
    if (pattern.find_first_of("*?") != std::string::npos) {
      result.run.notes.push_back("no table fits " + pattern);
      continue;
    }
    receipts.push_back(failure(
        {"", pattern}, Error(Fault::config, pattern + ": the connector has sent no such table",
                             "declared tables and those that it writes to are chosen among")));
    told([&](Observer& o) { o.table_finished(receipts.back()); });
  }
}

}  // namespace

int FeedResult::exit_code() const { return run.error ? exit_code_of(*run.error) : run.exit_code(); }

FeedResult run(duck::Database& database, Destination& destination, sdk::Connector& connector,
               const sdk::Configuration& configuration, const FeedOptions& options, sdk::Log& log,
               Observer& observer, const std::stop_token& stop) {
  const auto started = std::chrono::steady_clock::now();
  Told told(observer);
  duck::Connection connection = database.connect();
  connection.query("SET TimeZone = 'UTC'");
  StateStore states(destination.catalog(), options.connection);
  states.open(connection, StateStore::Create::yes);
  check_source(connection, states, options);
  if (destination.shared()) states.claim(connection);
  states.set_source(connection, options.source, std::nullopt);
  FeedResult result;
  RunLog history(connection, states);
  result.run.id = history.begin(options.source);
  told([&](Observer& o) { o.run_started(result.run.id); });
  try {
    FeedOperations operations(connection, states, options, log, told, stop);
    result.run.error = ended_by(operations, [&] {
      operations.declare(connector.schema(configuration));
      connector.update(configuration, operations.state(), operations);
      operations.finish();
    });
    operations.report(result);
  } catch (const std::exception& caught) {
    result.run.error = as_error(caught);
  }
  if (!result.run.error) refuse_unknown(options, result, told);
  result.run.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  close_run(history, destination, told, result.run, [&] { return result.exit_code(); });
  return result;
}

}  // namespace sluice::feed
