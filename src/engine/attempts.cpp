// SPDX-License-Identifier: Apache-2.0
#include "engine/attempts.h"

#include <algorithm>
#include <random>
#include <thread>

#include "engine/outcome.h"
#include "engine/table_run.h"

namespace sluice {
namespace {

using Clock = std::chrono::steady_clock;

bool transient(const Receipt& receipt) {
  return receipt.outcome == Outcome::failed && Error(receipt.fault, "").retryable();
}

/// DuckDB divides work on a table by row groups: where no table has more than one, its own threads
/// only wake and wait (measured on 100 such tables: an eighth of the wall time). Each of our
/// workers runs its statements itself.
class OneThread {
 public:
  explicit OneThread(duck::Connection& connection)
      : connection_(connection),
        before_(connection.query("SELECT current_setting('threads')").text(0, 0)) {
    connection_.query("SET threads = 1");
  }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;
  ~OneThread() {
    try {
      connection_.query("SET threads = " + before_);
    } catch (const Error&) {
      // Slower, nothing else.
    }
  }

  /// By the source's estimates. A view has none.
  static bool suffices(const Table& table) {
    constexpr std::uint64_t kRowGroup = 122'880, kBytes = 32'000'000;
    return !table.view && table.rows < kRowGroup && table.bytes < kBytes;
  }

 private:
  duck::Connection& connection_;
  const std::string before_;
};

}  // namespace

void prepare_connection(duck::Connection& connection) { connection.query("SET TimeZone = 'UTC'"); }

/// One attempt at all tables that are left.
struct Attempts::Round {
  const std::vector<Table>& tables;
  std::unique_ptr<Snapshot> shared;  ///< none: each table has one of its own
  Inventory inventory;
  std::mutex mutex;
  std::size_t next = 0;
  std::vector<Receipt> receipts;
};

void Attempts::run(std::vector<Table> tables, std::vector<Receipt>& receipts) {
  bool begun = false;
  for (int attempt = 0; !tables.empty(); ++attempt) {
    const bool last = attempt >= parts_.options.retries;
    std::vector<Receipt> round;
    try {
      round = once(tables);
      begun = true;
    } catch (const Error& error) {
      // No snapshot: nothing was read.
      if (!begun && (last || !error.retryable())) throw;
      for (const Table& table : tables) {
        round.push_back(failure(table.name, error));
        if (last || !error.retryable()) finished(round.back());
      }
    }
    std::vector<Receipt> held;
    for (Receipt& receipt : round)
      (!last && transient(receipt) ? held : receipts).push_back(std::move(receipt));
    if (held.empty()) return;
    if (!wait_before_retry(held.front().error, attempt)) {
      for (Receipt& receipt : held) {
        explain_cancelled(receipt, "not tried again after: " + receipt.error);
        finished(receipt);
        receipts.push_back(std::move(receipt));
      }
      return;
    }
    std::erase_if(tables, [&](const Table& table) {
      return std::ranges::find(held, table.name, &Receipt::table) == held.end();
    });
  }
}

/// Runs every table once.
std::vector<Receipt> Attempts::once(const std::vector<Table>& tables) {
  Round round{
      .tables = tables,
      .shared = parts_.options.snapshot_per_table ? nullptr : parts_.scan.source.snapshot(tables),
      .inventory = {},
      .mutex = {},
      .next = 0,
      .receipts = {}};
  std::vector<duck::Connection> connections;
  for (std::size_t i = 0; i < std::min(readers_of(parts_.options), tables.size()); ++i) {
    connections.push_back(parts_.database.connect());
    prepare_connection(connections.back());
  }
  round.inventory = parts_.states.inventory(connections.front());
  std::optional<OneThread> one_thread;
  if (std::ranges::all_of(tables, &OneThread::suffices)) one_thread.emplace(connections.front());
  {
    std::vector<std::jthread> workers;
    for (std::size_t i = 1; i < connections.size(); ++i) {
      workers.emplace_back(
          [this, &round, &connection = connections[i]] { work(round, connection); });
    }
    work(round, connections.front());
  }
  return std::move(round.receipts);
}

/// What one thread does: one table after another, until none is left.
void Attempts::work(Round& round, duck::Connection& connection) {
  while (true) {
    std::size_t mine = 0;
    {
      const std::scoped_lock lock(round.mutex);
      if (round.next == round.tables.size()) return;
      mine = round.next++;
    }
    Receipt receipt;
    if (parts_.stop.level.load() != StopLevel::none) {
      receipt.table = round.tables[mine].name;
      explain_cancelled(receipt, "not begun");
    } else {
      receipt = run_table(round, connection, mine);
    }
    if (receipt.outcome == Outcome::failed && ends_run(receipt.fault)) {
      const std::scoped_lock lock(mutex_);
      if (ended_by_.empty()) ended_by_ = receipt.error;
      parts_.stop.level = StopLevel::now;
    }
    finished(receipt);
    const std::scoped_lock lock(round.mutex);
    round.receipts.push_back(std::move(receipt));
  }
}

Receipt Attempts::run_table(const Round& round, duck::Connection& connection,
                            std::size_t position) {
  auto progress = std::make_shared<Progress>();
  progress->table = round.tables[position].name;
  progress->started = Clock::now();
  Receipt receipt = copy(round, connection, position, progress);
  if (receipt.outcome == Outcome::interrupted) explain_cancelled(receipt, receipt.error);
  receipt.seconds = std::chrono::duration<double>(Clock::now() - progress->started).count();
  progress->finished = true;
  return receipt;
}

/// Under the run's snapshot, or one of the table's own.
Receipt Attempts::copy(const Round& round, duck::Connection& connection, std::size_t position,
                       const std::shared_ptr<Progress>& progress) {
  const Table& table = round.tables[position];
  const RunContext context{parts_.destination,
                           parts_.options,
                           parts_.states,
                           round.inventory,
                           parts_.scan,
                           [this](const TableName& name, std::uint64_t rows) {
                             parts_.told([&](Observer& o) { o.unit_committed(name, rows); });
                           },
                           parts_.promises};
  Receipt receipt;
  receipt.table = table.name;
  std::unique_ptr<Snapshot> own;
  std::optional<TableRun> run;
  try {
    if (round.shared == nullptr) own = parts_.scan.source.snapshot(std::span(&table, 1));
    Snapshot& snapshot = round.shared != nullptr ? *round.shared : *own;
    const auto& locked = snapshot.tables()[round.shared != nullptr ? position : 0];
    if (const auto* error = std::get_if<Error>(&locked)) throw *error;
    run.emplace(context, connection, snapshot, std::get<Table>(locked), progress);
    run->decide();
    parts_.told([&](Observer& o) { o.table_started(progress); });
    run->run();
    if (parts_.options.verify_after_run) run->verify_run();
    receipt = run->receipt();
  } catch (const Error& error) {
    if (run) receipt = run->receipt();
    fail(receipt, error);
  } catch (const std::exception& error) {
    if (run) receipt = run->receipt();
    fail(receipt, as_error(error).at(table.name.text()));
  }
  return receipt;
}

/// A table that was stopped: by the user, who may go on later, or by another table's failure, which
/// is to be looked at first.
void Attempts::explain_cancelled(Receipt& receipt, const std::string& what) const {
  const std::scoped_lock lock(mutex_);
  if (!parts_.stop.asked.load() && !ended_by_.empty()) {
    fail(receipt, Error(Fault::cancelled, what + ": the run ended because of: " + ended_by_));
    receipt.outcome = Outcome::failed;
    return;
  }
  fail(receipt,
       Error(Fault::cancelled, receipt.error.empty() ? what + ": stopped on request" : what,
             "the same command again goes on from there"));
}

/// False when the run is told to stop meanwhile.
bool Attempts::wait_before_retry(const std::string& why, int attempt) {
  static thread_local std::minstd_rand random(std::random_device{}());
  if (parts_.stop.level.load() != StopLevel::none) return false;
  const auto base = std::chrono::milliseconds(500) * (1 << std::min(attempt, 6));
  const auto wait = base / 2 + std::chrono::milliseconds(std::uniform_int_distribution<long>(
                                   0, base.count() / 2)(random));
  parts_.told([&](Observer& o) { o.retrying(why, wait, attempt + 1); });
  const auto until = Clock::now() + wait;
  while (Clock::now() < until) {
    if (parts_.stop.level.load() != StopLevel::none) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return true;
}

void Attempts::finished(const Receipt& receipt) {
  parts_.told([&](Observer& o) { o.table_finished(receipt); });
}

}  // namespace sluice
