// SPDX-License-Identifier: Apache-2.0
// The run: which tables, in which order, how often again. What happens to one table is in
// table_run.cpp.
#include "sluice/sync.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <random>
#include <thread>

#include "engine/budget.h"
#include "engine/run_log.h"
#include "engine/select.h"
#include "engine/state.h"
#include "engine/table_run.h"

namespace sluice {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string folded(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

/// Faults after which going on with other tables is pointless.
bool ends_run(Fault fault) { return fault == Fault::authentication || fault == Fault::internal; }

Receipt failure(const TableName& table, const std::string& target, const Error& error) {
  Receipt receipt;
  receipt.table = table;
  receipt.target = target;
  receipt.error = error.what();
  receipt.hint = error.hint();
  receipt.fault = error.fault();
  receipt.outcome = error.fault() == Fault::cancelled ? Outcome::interrupted
                    : error.fault() == Fault::drift || error.fault() == Fault::ownership ||
                            error.fault() == Fault::brake || error.fault() == Fault::config
                        ? Outcome::refused
                        : Outcome::failed;
  return receipt;
}

/// Tables named without wildcards: the way to ask for a view.
std::vector<TableName> exact_names(const std::vector<std::string>& patterns) {
  std::vector<TableName> names;
  for (const std::string& pattern : patterns) {
    const std::size_t dot = pattern.find('.');
    if (pattern.find_first_of("*?") != std::string::npos || dot == std::string::npos) continue;
    names.push_back({pattern.substr(0, dot), pattern.substr(dot + 1)});
  }
  return names;
}

void prepare_connection(duck::Connection& connection) { connection.query("SET TimeZone = 'UTC'"); }

}  // namespace

struct Sync::Impl {
  Impl(duck::Database& the_database, Source& the_source, Destination& the_destination,
       SyncOptions the_options, Observer& the_observer)
      : database(the_database),
        source(the_source),
        destination(the_destination),
        options(std::move(the_options)),
        observer(the_observer),
        states(the_destination.catalog(), options.connection),
        budget(readers()) {
    duck::Connection connection = database.connect();
    const auto known = connection.query(
        "SELECT count(*) FROM duckdb_functions() WHERE function_name = 'sluice_scan'");
    if (known.integer(0, 0) == 0) register_scan(connection);
  }

  std::size_t readers() const {
    if (options.parallel > 0) return options.parallel;
    return std::clamp<std::size_t>(std::thread::hardware_concurrency() + 1, 2, 4);
  }

  /// The tables that the options choose, views only by name, and what keeps others out.
  std::vector<Table> choose(duck::Connection& connection, std::vector<Receipt>& receipts);
  void check_source(duck::Connection& connection, bool remember);
  std::vector<Table> attempt(std::vector<Table> tables, std::vector<Receipt>& receipts);
  Receipt run_table(duck::Connection& connection, const Inventory& inventory, Snapshot* shared,
                    std::size_t position, const Table& table);
  void create_schemas(duck::Connection& connection, const std::vector<Table>& tables);
  bool wait_before_retry(const std::string& why, int attempt_number);
  template <typename Tell>
  void tell(Tell&& what) {
    const std::scoped_lock lock(observer_mutex);
    what(observer);
  }

  duck::Database& database;
  Source& source;
  Destination& destination;
  SyncOptions options;
  Observer& observer;
  StateStore states;
  ReaderBudget budget;
  std::atomic<StopLevel> stop{StopLevel::none};
  std::mutex observer_mutex;
};

std::vector<Table> Sync::Impl::choose(duck::Connection& connection,
                                      std::vector<Receipt>& receipts) {
  const Catalog catalog = source.discover(exact_names(options.tables));
  const auto wanted = [&](const TableName& name) {
    return (options.tables.empty() || matches_any(options.tables, name)) &&
           !matches_any(options.exclude, name);
  };
  std::map<TableName, bool> known;
  for (const auto& [name, state] : states.tables(connection)) known[name] = false;
  const bool had_tables = !known.empty();

  std::vector<Table> chosen;
  struct Claim {
    TableName name;
    bool is_new;
    std::string target;
  };
  std::map<std::string, std::vector<Claim>> claims;  // by folded target
  for (const Table& table : catalog.tables) {
    if (!wanted(table.name)) continue;
    const bool is_new = !known.contains(table.name);
    known[table.name] = true;
    if (is_new && had_tables && options.new_tables == NewTables::ignore) {
      tell([&](Observer& o) {
        o.note("new table " + table.name.text() + " is left alone (new_tables: ignore)");
      });
      continue;
    }
    if (is_new && had_tables) tell([&](Observer& o) { o.note("new table " + table.name.text()); });
    try {
      const Landing landed =
          landing(shaped(table, options_of(options, table.name), connection), options);
      claims[folded(landed.schema + "\n" + landed.name)].push_back(
          {table.name, is_new, landed.schema + "." + landed.name});
      chosen.push_back(table);
    } catch (const Error& error) {
      receipts.push_back(failure(table.name, "", error));
    }
  }
  // Of several with one target only the one that is copied already goes on: which of new ones it
  // were would be chance.
  for (const auto& [target, rivals] : claims) {
    if (rivals.size() < 2) continue;
    const bool one_known = std::ranges::count(rivals, false, &Claim::is_new) == 1;
    for (const Claim& claim : rivals) {
      if (one_known && !claim.is_new) continue;
      const Claim& other = claim.name == rivals[0].name ? rivals[1] : rivals[0];
      std::erase_if(chosen, [&](const Table& table) { return table.name == claim.name; });
      receipts.push_back(failure(
          claim.name, "",
          Error(Fault::config,
                claim.name.text() + " and " + other.name.text() + " would both be " + claim.target +
                    " (DuckDB does not tell upper from lower case)",
                "exclude one of them, or give each a connection with a schema: of its own")));
    }
  }
  for (const Skipped& skipped : catalog.skipped) {
    if (!wanted(skipped.name)) continue;
    known[skipped.name] = true;
    receipts.push_back(
        failure(skipped.name, "",
                Error(Fault::permission, skipped.name.text() + ": " + skipped.why, skipped.hint)));
    receipts.back().outcome = Outcome::skipped;
  }
  for (const auto& [name, seen] : known) {
    if (seen || !wanted(name)) continue;
    const std::string line = name.text() + " is no longer at the source: its copy is kept as it is";
    tell([&](Observer& o) { o.note(line); });
  }
  if (chosen.empty() && receipts.empty()) {
    throw Error(Fault::config,
                catalog.tables.empty() ? "the source has no table that this user can see"
                                       : "no table of the source fits --tables and --exclude",
                "`sluice discover SOURCE` lists what is there");
  }
  // Biggest first; small ones fill the gaps.
  std::ranges::stable_sort(chosen, std::ranges::greater{}, &Table::bytes);
  return chosen;
}

void Sync::Impl::check_source(duck::Connection& connection, bool remember) {
  const std::string identity = source.identity();
  const std::string before = states.source(connection);
  if (before == identity) return;
  if (!before.empty() && !options.accept_source) {
    throw Error(
        Fault::config,
        "connection " + options.connection + " has always read " + before + ", this is " + identity,
        "if that is right: --accept-source; else give the new source a connection of its own "
        "(--name)");
  }
  if (remember) states.set_source(connection, identity);
}

void Sync::Impl::create_schemas(duck::Connection& connection, const std::vector<Table>& tables) {
  std::map<std::string, bool> schemas;
  for (const Table& table : tables) {
    schemas[landing(shaped(table, options_of(options, table.name), connection), options).schema] =
        true;
  }
  duck::Transaction transaction(connection);
  for (const auto& [schema, unused] : schemas) {
    connection.query("CREATE SCHEMA IF NOT EXISTS " + duck::quoted(destination.catalog()) + "." +
                     duck::quoted(schema));
  }
  transaction.commit();
}

/// One table, under the run's snapshot (where it is the table at `position`) or one of its own.
Receipt Sync::Impl::run_table(duck::Connection& connection, const Inventory& inventory,
                              Snapshot* shared, std::size_t position, const Table& table) {
  const auto started = Clock::now();
  auto progress = std::make_shared<Progress>();
  progress->table = table.name;
  progress->started = started;
  const RunContext context{destination,
                           options,
                           states,
                           inventory,
                           {source, budget, stop},
                           [this](const TableName& name, std::uint64_t rows) {
                             tell([&](Observer& o) { o.unit_committed(name, rows); });
                           }};
  Receipt receipt;
  receipt.table = table.name;
  std::unique_ptr<Snapshot> own;
  std::optional<TableRun> run;
  try {
    if (shared == nullptr) own = source.snapshot(std::span(&table, 1));
    Snapshot& snapshot = shared != nullptr ? *shared : *own;
    const auto& locked = snapshot.tables()[shared != nullptr ? position : 0];
    if (const auto* error = std::get_if<Error>(&locked)) throw *error;
    run.emplace(context, connection, snapshot, std::get<Table>(locked), progress);
    run->decide();
    tell([&](Observer& o) { o.table_started(progress); });
    run->run();
    receipt = run->receipt();
  } catch (const std::exception& caught) {
    if (run) receipt = run->receipt();
    const auto* ours = dynamic_cast<const Error*>(&caught);
    const Error error =
        ours != nullptr ? *ours : Error(Fault::internal, table.name.text() + ": " + caught.what());
    const Receipt failed = failure(table.name, receipt.target, error);
    receipt.outcome = failed.outcome;
    receipt.error = failed.error;
    receipt.hint = failed.hint;
    receipt.fault = failed.fault;
  }
  receipt.seconds = seconds_since(started);
  progress->finished = true;
  return receipt;
}

/// Runs every table once. Returns those worth another attempt.
std::vector<Table> Sync::Impl::attempt(std::vector<Table> tables, std::vector<Receipt>& receipts) {
  const auto shared = options.snapshot_per_table ? nullptr : source.snapshot(tables);
  std::mutex mutex;
  std::size_t next = 0;
  std::vector<Table> again;
  std::vector<duck::Connection> connections;
  for (std::size_t i = 0; i < std::min(readers(), tables.size()); ++i) {
    connections.push_back(database.connect());
    prepare_connection(connections.back());
  }
  const Inventory inventory = states.inventory(connections.front());
  const auto work = [&](duck::Connection& connection) {
    while (true) {
      std::size_t mine = 0;
      {
        const std::scoped_lock lock(mutex);
        if (next == tables.size()) return;
        mine = next++;
      }
      Receipt receipt;
      if (stop.load() != StopLevel::none) {
        receipt = failure(tables[mine].name, "",
                          Error(Fault::cancelled, "not begun: the run was stopped"));
      } else {
        receipt = run_table(connection, inventory, shared.get(), mine, tables[mine]);
      }
      const bool failed = receipt.outcome == Outcome::failed;
      const std::scoped_lock lock(mutex);
      if (failed && ends_run(receipt.fault)) stop = StopLevel::now;
      if (failed && Error(receipt.fault, "").retryable()) again.push_back(tables[mine]);
      tell([&](Observer& o) { o.table_finished(receipt); });
      receipts.push_back(std::move(receipt));
    }
  };
  {
    std::vector<std::jthread> workers;
    for (std::size_t i = 1; i < connections.size(); ++i) {
      workers.emplace_back([&work, &connection = connections[i]] { work(connection); });
    }
    work(connections.front());
  }
  return again;
}

bool Sync::Impl::wait_before_retry(const std::string& why, int attempt_number) {
  static thread_local std::minstd_rand random(std::random_device{}());
  const auto base = std::chrono::milliseconds(500) * (1 << std::min(attempt_number, 6));
  const auto wait = base / 2 + std::chrono::milliseconds(std::uniform_int_distribution<long>(
                                   0, base.count() / 2)(random));
  tell([&](Observer& o) { o.retrying(why, wait, attempt_number + 1); });
  const auto until = Clock::now() + wait;
  while (Clock::now() < until) {
    if (stop.load() != StopLevel::none) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return true;
}

Sync::Sync(duck::Database& database, Source& source, Destination& destination, SyncOptions options,
           Observer& observer)
    : impl_(std::make_unique<Impl>(database, source, destination, std::move(options), observer)) {}

Sync::~Sync() = default;

RunResult Sync::run() {
  Impl& self = *impl_;
  const auto started = Clock::now();
  duck::Connection connection = self.database.connect();
  prepare_connection(connection);
  self.states.open(connection, StateStore::Create::yes);
  self.check_source(connection, true);
  RunResult result;
  RunLog log(connection, self.states);
  result.id = log.begin(self.states.source(connection));
  const std::jthread watchdog([](const std::stop_token& done) {
    while (!done.stop_requested()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      Relation::watch_all();
    }
  });
  try {
    std::vector<Table> tables = self.choose(connection, result.receipts);
    if (!tables.empty()) self.create_schemas(connection, tables);
    for (int attempt_number = 0; !tables.empty(); ++attempt_number) {
      std::vector<Receipt> receipts;
      std::vector<Table> again;
      try {
        again = self.attempt(tables, receipts);
      } catch (const Error& error) {
        // No snapshot: nothing was read, so everything may be tried again.
        if (!error.retryable() || attempt_number >= self.options.retries) throw;
        if (!self.wait_before_retry(error.what(), attempt_number)) throw;
        continue;
      }
      const bool last = again.empty() || attempt_number >= self.options.retries ||
                        self.stop.load() != StopLevel::none;
      const std::string why =
          last ? "" : std::ranges::find_if(receipts, [](const Receipt& r) {
                        return r.outcome == Outcome::failed && Error(r.fault, "").retryable();
                      })->error;
      for (Receipt& receipt : receipts) {
        const bool comes_again =
            !last && std::ranges::find(again, receipt.table, &Table::name) != again.end();
        if (!comes_again) result.receipts.push_back(std::move(receipt));
      }
      if (last || !self.wait_before_retry(why, attempt_number)) break;
      tables = std::move(again);
    }
  } catch (const Error& error) {
    log.end(result, error.fault() == Fault::config ? 2 : 1, error.what());
    throw;
  }
  std::ranges::sort(result.receipts, {}, &Receipt::table);
  result.seconds = seconds_since(started);
  log.end(result, result.exit_code(), "");
  self.destination.finish();
  return result;
}

std::vector<TablePlan> Sync::plan() {
  Impl& self = *impl_;
  duck::Connection connection = self.database.connect();
  prepare_connection(connection);
  self.states.open(connection, StateStore::Create::no);
  self.check_source(connection, false);
  std::vector<Receipt> refused;
  const std::vector<Table> tables = self.choose(connection, refused);
  std::vector<TablePlan> plans;
  for (const Receipt& receipt : refused) {
    TablePlan plan;
    plan.table.name = receipt.table;
    plan.error = receipt.error;
    plan.hint = receipt.hint;
    plans.push_back(std::move(plan));
  }
  const auto snapshot = self.source.snapshot(tables);
  const Inventory inventory = self.states.inventory(connection);
  const RunContext context{
      self.destination, self.options, self.states, inventory, {self.source, self.budget, self.stop},
      nullptr};
  for (std::size_t i = 0; i < tables.size(); ++i) {
    TablePlan plan;
    plan.table = tables[i];
    try {
      if (const auto* error = std::get_if<Error>(&snapshot->tables()[i])) throw *error;
      TableRun run(context, connection, *snapshot, std::get<Table>(snapshot->tables()[i]), nullptr);
      const Decision& decision = run.decide();
      plan.table = run.table();
      plan.target = run.receipt().target;
      plan.strategy = decision.strategy;
      plan.why = decision.why;
      plan.notes = decision.notes;
      if (!decision.steps.empty()) {
        const Plan read = run.plan_read();
        plan.rows = read.rows;
        for (const Chunk& chunk : read.chunks) plan.bytes += chunk.bytes;
      }
    } catch (const Error& error) {
      plan.error = error.what();
      plan.hint = error.hint();
    }
    plans.push_back(std::move(plan));
  }
  std::ranges::sort(plans, {}, [](const TablePlan& plan) { return plan.table.name; });
  return plans;
}

void Sync::stop() noexcept {
  StopLevel expected = StopLevel::none;
  if (!impl_->stop.compare_exchange_strong(expected, StopLevel::unit)) impl_->stop = StopLevel::now;
}

int RunResult::exit_code() const {
  std::size_t done = 0, failed = 0, drift = 0, not_ours = 0, interrupted = 0;
  for (const Receipt& receipt : receipts) {
    switch (receipt.outcome) {
      case Outcome::done:
      case Outcome::unchanged:
        ++done;
        break;
      case Outcome::interrupted:
        ++interrupted;
        break;
      default:
        ++failed;
        if (receipt.fault == Fault::drift) ++drift;
        if (receipt.fault == Fault::config || receipt.fault == Fault::ownership) ++not_ours;
    }
  }
  if (interrupted > 0 && failed == 0) return 130;
  if (failed == 0) return 0;
  if (done == 0 && not_ours == failed) return 2;
  if (std::ranges::any_of(receipts, [](const Receipt& r) {
        return r.outcome == Outcome::failed && ends_run(r.fault);
      })) {
    return 1;
  }
  if (done == 0 && drift == failed) return 5;
  // A brake, or a table without rights, leaves the rest of the run sound even where it was the only
  // table.
  const bool all_failed = done == 0 && std::ranges::all_of(receipts, [](const Receipt& r) {
                            return r.outcome == Outcome::failed;
                          });
  return all_failed ? 1 : 3;
}

Preview preview(duck::Database& database, Source& source, const TableName& name,
                const TableOptions& options, std::size_t rows) {
  duck::Connection connection = database.connect();
  prepare_connection(connection);
  const auto known = connection.query(
      "SELECT count(*) FROM duckdb_functions() WHERE function_name = 'sluice_scan'");
  if (known.integer(0, 0) == 0) register_scan(connection);
  const std::vector<TableName> named{name};
  const Catalog catalog = source.discover(named);
  for (const Skipped& skipped : catalog.skipped) {
    if (skipped.name == name)
      throw Error(Fault::permission, name.text() + ": " + skipped.why, skipped.hint);
  }
  const auto found = std::ranges::find(catalog.tables, name, &Table::name);
  if (found == catalog.tables.end()) {
    throw Error(Fault::schema, "the source has no table " + name.text(),
                "`sluice discover SOURCE` lists what is there");
  }
  const std::vector<Table> one{*found};
  const auto snapshot = source.snapshot(one);
  if (const auto* error = std::get_if<Error>(&snapshot->tables().front())) throw *error;
  const Table table = shaped(std::get<Table>(snapshot->tables().front()), options, connection);
  Read read;
  read.columns = table.columns;
  const Plan plan = source.plan(*snapshot, table, read);
  ReaderBudget budget(1);
  std::atomic<StopLevel> stop{StopLevel::none};
  const ScanContext context{source, budget, stop};
  Relation relation(connection, context, *snapshot, plan);
  const auto result = relation.run("SELECT COLUMNS(*)::VARCHAR FROM " + relation.sql() + " LIMIT " +
                                   std::to_string(rows));
  Preview preview;
  preview.columns = table.columns;
  for (std::size_t row = 0; row < result.rows(); ++row) {
    auto& cells = preview.rows.emplace_back();
    for (std::size_t column = 0; column < result.columns(); ++column)
      cells.push_back(result.optional(row, column));
  }
  return preview;
}

}  // namespace sluice
