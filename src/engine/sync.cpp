// SPDX-License-Identifier: Apache-2.0
// The run: how it begins and ends, and what of it `plan` shows. Which tables is in choose.cpp,
// their attempts in attempts.cpp, what happens to one table in table_run.cpp.
#include "sluice/sync.h"

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "engine/attempts.h"
#include "engine/budget.h"
#include "engine/choose.h"
#include "engine/close_run.h"
#include "engine/outcome.h"
#include "engine/paces.h"
#include "engine/promises.h"
#include "engine/select.h"
#include "engine/table_run.h"

namespace sluice {

std::size_t readers_of(const SyncOptions& options) {
  if (options.parallel > 0) return options.parallel;
  // Readers wait for the server half of the time.
  return std::clamp<std::size_t>(std::thread::hardware_concurrency() + 1, 2, 4);
}

namespace {

void watch_relations(const std::stop_token& done) {
  std::mutex mutex;
  std::condition_variable_any ended;  // by `done`, at once
  std::unique_lock lock(mutex);
  while (!done.stop_requested()) {
    ended.wait_for(lock, done, std::chrono::milliseconds(50), [] { return false; });
    Relation::watch_all();
  }
}

/// What a look at both sides finds, nothing written.
struct Look {
  duck::Connection connection;
  Chosen chosen;
  std::unique_ptr<Snapshot> snapshot;
  Inventory inventory;
  bool doubtful = false;  ///< a run would distrust what is remembered
};

}  // namespace

struct Sync::Impl {
  Impl(duck::Database& the_database, Source& the_source, Destination& the_destination,
       SyncOptions the_options, Observer& observer)
      : database(the_database),
        source(the_source),
        destination(the_destination),
        options(std::move(the_options)),
        told(observer),
        states(the_destination.catalog(), options.connection),
        budget(readers_of(options)),
        scan{source, budget, stop.level, options.idle_timeout} {
    if (options.publish == Publish::together && options.snapshot_per_table) {
      throw Error(Fault::config,
                  "publish: together shows all tables as of one instant, and snapshot: table reads "
                  "each at its own",
                  "leave out one of the two");
    }
    duck::Connection connection = database.connect();
    register_scan(connection);
  }

  struct Seen {
    std::string identity;
    std::optional<std::int64_t> position;
    bool doubtful = false;  ///< remembering it clears what is known of another or later one
  };
  Seen check_source(duck::Connection& connection);
  void create_schemas(duck::Connection& connection, const std::vector<Table>& tables);
  void copy(duck::Connection& connection, RunResult& result, const RunPlan* plan);
  RunResult run(const RunPlan* plan);
  Look look();
  using Work = std::function<void(TableRun&, const Decision&)>;
  std::optional<Error> look_at(Look& look, std::size_t position, const Work& work);

  duck::Database& database;
  Source& source;
  Destination& destination;
  SyncOptions options;
  Told told;
  StateStore states;
  ReaderBudget budget;
  StopSign stop;
  ScanContext scan;
};

/// Throws for another source than the connection's. Writes nothing.
Sync::Impl::Seen Sync::Impl::check_source(duck::Connection& connection) {
  const std::string identity = source.identity();
  const std::string before = states.source(connection);
  if (!before.empty() && before != identity && !options.accept_source) {
    throw Error(
        Fault::config,
        "connection " + options.connection + " has always read " + before + ", this is " + identity,
        "if that is right: `sluice sync` with --accept-source; else give the new source a "
        "connection of its own "
        "(--name)");
  }
  const auto position = source.position();
  const bool set_back = before == identity && states.set_back(connection, position);
  if (set_back) {
    told([](Observer& o) {
      o.note("the source was set back, to a backup as it seems: every table is compared whole");
    });
  }
  return {identity, position, set_back || (!before.empty() && before != identity)};
}

Look Sync::Impl::look() {
  Look look{database.connect(), {}, nullptr, {}};
  prepare_connection(look.connection);
  states.open(look.connection, StateStore::Create::no);
  look.doubtful = check_source(look.connection).doubtful;
  look.chosen = choose(look.connection, source, states, options, told);
  look.snapshot = source.snapshot(look.chosen.tables);
  look.inventory = states.inventory(look.connection);
  return look;
}

/// Does `work` for the chosen table at `position`; returns what failed.
std::optional<Error> Sync::Impl::look_at(Look& look, std::size_t position, const Work& work) {
  const RunContext context{database, destination, options, states, look.inventory,
                           scan,     nullptr,     nullptr, nullptr};
  try {
    const auto& locked = look.snapshot->tables()[position];
    if (const auto* error = std::get_if<Error>(&locked)) throw *error;
    TableRun run(context, look.connection, *look.snapshot, std::get<Table>(locked), nullptr);
    const Decision& decision = run.decide();
    work(run, decision);
    return std::nullopt;
  } catch (const std::exception& caught) {
    return as_error(caught);
  }
}

void Sync::Impl::create_schemas(duck::Connection& connection, const std::vector<Table>& tables) {
  std::set<std::string> schemas;
  for (const Table& table : tables)
    schemas.insert(
        landing(shaped(table, options_of(options, table.name), connection), options).schema);
  duck::Transaction transaction(connection);
  for (const std::string& schema : schemas) {
    connection.query("CREATE SCHEMA IF NOT EXISTS " + duck::quoted(destination.catalog()) + "." +
                     duck::quoted(schema));
  }
  transaction.commit();
}

void Sync::Impl::copy(duck::Connection& connection, RunResult& result, const RunPlan* plan) {
  Chosen chosen = plan == nullptr ? choose(connection, source, states, options, told)
                                  : choose(connection, source, states, options, *plan);
  // Before anything is copied: what a run that ends early has not begun is not new to the next.
  states.remember_known(connection, chosen.known);
  for (const Receipt& each : chosen.refused) told([&](Observer& o) { o.table_finished(each); });
  result.receipts = std::move(chosen.refused);
  for (const TableName& name : chosen.gone) result.notes.push_back(gone_text(name));
  if (chosen.tables.empty()) return;
  create_schemas(connection, chosen.tables);
  std::optional<Promises> promises;
  if (plan != nullptr) promises.emplace(*plan);
  Attempts(
      {database, destination, options, states, scan, stop, told, promises ? &*promises : nullptr})
      .run(std::move(chosen.tables), result.receipts);
}

Sync::Sync(duck::Database& database, Source& source, Destination& destination, SyncOptions options,
           Observer& observer)
    : impl_(std::make_unique<Impl>(database, source, destination, std::move(options), observer)) {}

Sync::~Sync() = default;

RunResult Sync::run() { return impl_->run(nullptr); }

RunResult Sync::run(const RunPlan& plan) {
  SyncOptions& options = impl_->options;
  check_plan(plan, options, impl_->source);
  options.full = plan.full;
  options.accept_source = plan.accept_source;
  options.accept_drift = plan.accept_drift;
  for (const std::string& each : plan.allow_deletes) options.allow_deletes.push_back(each);
  options.as_of = plan.made_at;
  return impl_->run(&plan);
}

RunResult Sync::Impl::run(const RunPlan* plan) {
  const auto started = std::chrono::steady_clock::now();
  duck::Connection connection = database.connect();
  prepare_connection(connection);
  states.open(connection, StateStore::Create::yes);
  // A run that is refused, or has no source, must not end the one that is under way.
  const Seen seen = check_source(connection);
  if (destination.shared()) states.claim(connection);
  states.set_source(connection, seen.identity, seen.position);
  RunResult result;
  RunLog log(connection, states);
  result.id = log.begin(states.source(connection));
  told([&](Observer& o) { o.run_started(result.id); });
  const std::jthread watchdog(watch_relations);
  try {
    copy(connection, result, plan);
  } catch (const std::exception& caught) {
    const Error error = as_error(caught);
    try {
      log.end(result, error.fault() == Fault::config ? 2 : 1, error.what());
    } catch (const std::exception&) {
      // The history stays open, as after a crash: what ended the run matters more.
    }
    throw error;
  }
  std::ranges::sort(result.receipts, {}, &Receipt::table);
  result.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  close_run(log, destination, told, result, [&] { return result.exit_code(); });
  return result;
}

namespace {

Verified unverified(const TableName& table, const Error& error) {
  Verified verified;
  verified.table = table;
  verified.error = error.what();
  verified.hint = error.hint();
  verified.fault = error.fault();
  return verified;
}

void refuse(TablePlan& plan, const Receipt& receipt) {
  plan.outcome = receipt.outcome;
  plan.error = receipt.error;
  plan.hint = receipt.hint;
  plan.fault = receipt.fault;
}

}  // namespace

std::vector<TablePlan> Sync::plan() {
  Look look = impl_->look();
  if (look.doubtful) {
    for (auto& [name, state] : look.inventory.states) state = distrusted(state);
  }
  std::vector<TablePlan> plans;
  for (const Receipt& receipt : look.chosen.refused) {
    plans.push_back({});
    plans.back().table.name = receipt.table;
    refuse(plans.back(), receipt);
  }
  const Paces paces(look.connection, impl_->states);
  for (std::size_t i = 0; i < look.chosen.tables.size(); ++i) {
    TablePlan& plan = plans.emplace_back();
    plan.table = look.chosen.tables[i];
    const auto error =
        impl_->look_at(look, i, [&plan](TableRun& run, const Decision&) { plan = run.foresee(); });
    if (error) refuse(plan, failure(plan.table.name, *error));
    plan.seconds = paces.of(plan);
  }
  std::ranges::sort(plans, {}, [](const TablePlan& plan) { return plan.table.name; });
  return plans;
}

std::vector<Verified> Sync::verify(Repair repair, double percent) {
  if (repair == Repair::yes && impl_->options.publish == Publish::together) {
    throw Error(
        Fault::config,
        "a repair rewrites one table after the other, and publish: together shows all "
        "tables as of one instant",
        "`sluice sync --full` compares every row of all tables and publishes them together");
  }
  Look look = impl_->look();
  if (repair == Repair::yes && impl_->destination.shared() && impl_->states.present())
    impl_->states.claim(look.connection);
  std::vector<Verified> all;
  for (const Receipt& receipt : look.chosen.refused)
    all.push_back(unverified(receipt.table, {receipt.fault, receipt.error, receipt.hint}));
  for (const TableName& name : look.chosen.gone) {
    all.emplace_back().table = name;
    all.back().not_compared = "it is no longer at the source";
  }
  const std::jthread watchdog(watch_relations);
  for (std::size_t i = 0; i < look.chosen.tables.size(); ++i) {
    const auto error = impl_->look_at(look, i, [&](TableRun& run, const Decision&) {
      if (impl_->scan.stop.load() != StopLevel::none)
        throw Error(Fault::cancelled, "stopped before it was compared");
      all.push_back(run.verify(repair, percent));
    });
    if (error) all.push_back(unverified(look.chosen.tables[i].name, *error));
  }
  std::ranges::sort(all, {}, &Verified::table);
  if (repair == Repair::yes) impl_->destination.finish();
  return all;
}

void Sync::stop() noexcept {
  impl_->stop.asked = true;
  StopLevel expected = StopLevel::none;
  if (!impl_->stop.level.compare_exchange_strong(expected, StopLevel::unit))
    impl_->stop.level = StopLevel::now;
}

}  // namespace sluice
