// SPDX-License-Identifier: Apache-2.0
#include "engine/attempts.h"

#include <algorithm>
#include <map>
#include <random>
#include <thread>

#include "engine/outcome.h"

namespace sluice {
namespace {

using Clock = std::chrono::steady_clock;

bool is_good(const Receipt& receipt) {
  return receipt.outcome == Outcome::done || receipt.outcome == Outcome::unchanged;
}

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

  /// By the source's estimates; of some tables there are none.
  static bool suffices(const Table& table) {
    constexpr std::uint64_t kBytes = 32'000'000;
    const bool known = table.rows > 0 || table.bytes > 0;
    return known && !table.view && table.rows < Batch::kRowGroup && table.bytes < kBytes;
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
  const RunContext& context;
  std::mutex mutex;
  std::size_t next = 0;
  std::vector<Receipt> receipts;
};

/// One table in it.
struct Attempts::Job {
  Job(const std::vector<Table>& tables, std::size_t the_position)
      : position(the_position), progress(std::make_shared<Progress>()) {
    receipt.table = progress->table = tables[position].name;
  }
  std::size_t position;
  std::shared_ptr<Progress> progress;
  std::unique_ptr<Snapshot> own;
  std::unique_ptr<TableRun> run;  ///< none: it was not begun
  Receipt receipt;
};

void Attempts::run(std::vector<Table> tables, std::vector<Receipt>& receipts) {
  if (together() && !receipts.empty()) {
    const Receipt cause = receipts.front();
    for (const Table& table : tables) {
      receipts.emplace_back().table = table.name;
      hold_back(receipts.back(), cause);
      finished(receipts.back());
    }
    return;
  }
  bool begun = false;
  std::map<TableName, std::uint64_t> reached;
  for (int attempt = 0; !tables.empty(); ++attempt) {
    std::vector<Receipt> round;
    try {
      round = once(tables);
      begun = true;
    } catch (const Error& error) {
      // No snapshot: nothing was read.
      const bool last = attempt >= parts_.options.retries;
      if (!begun && (last || !error.retryable())) throw;
      for (const Table& table : tables) {
        round.push_back(failure(table.name, error));
        if (last || !error.retryable()) finished(round.back());
      }
    }
    // A load that goes on where it was cut off, and came further, may be cut off as often again: a
    // snapshot that the source keeps for 15 minutes does not end a load of hours.
    for (const Receipt& receipt : round) {
      std::uint64_t& rows = reached[receipt.table];
      const bool further = receipt.strategy == "resume" && receipt.inserted > rows;
      if (further && transient(receipt)) attempt = 0;
      rows = std::max(rows, receipt.inserted);
    }
    const bool last = attempt >= parts_.options.retries;
    // Together, what another try cannot help one table it cannot help any.
    const bool again = !last && (!together() || std::ranges::all_of(round, transient));
    std::vector<Receipt> held;
    for (Receipt& receipt : round)
      (again && transient(receipt) ? held : receipts).push_back(std::move(receipt));
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
  Inventory inventory;
  const RunContext context{
      parts_.database,
      parts_.destination,
      parts_.options,
      parts_.states,
      inventory,
      parts_.scan,
      [this](const TableName& name, std::uint64_t rows) {
        parts_.told([&](Observer& o) { o.unit_committed(name, rows); });
      },
      [this](const TableName& name) { parts_.told([&](Observer& o) { o.published(name); }); },
      [this](const Plan& plan) {
        parts_.told([&](Observer& o) { o.reading(plan.table.name, plan.read.from, plan.until); });
      },
      parts_.promises};
  Round round{
      .tables = tables,
      .shared = parts_.options.snapshot_per_table ? nullptr : parts_.scan.source.snapshot(tables),
      .context = context,
      .mutex = {},
      .next = 0,
      .receipts = {}};
  for (const Table& each : tables) {
    if (!together() || round.shared->consistent(each)) continue;
    throw Error(Fault::config,
                "publish: together needs one instant of all tables, and the source has none of " +
                    each.name.text(),
                "leave publish: at each, or the table out with --exclude");
  }
  const std::size_t workers = together() ? 1 : std::min(readers_of(parts_.options), tables.size());
  std::vector<duck::Connection> connections;
  for (std::size_t i = 0; i < workers; ++i) {
    connections.push_back(parts_.database.connect());
    prepare_connection(connections.back());
  }
  inventory = parts_.states.inventory(connections.front());
  std::optional<OneThread> one_thread;
  if (std::ranges::all_of(tables, &OneThread::suffices)) one_thread.emplace(connections.front());
  if (together()) {
    all_or_none(round, connections.front());
  } else {
    std::vector<std::jthread> threads;
    for (std::size_t i = 1; i < connections.size(); ++i) {
      threads.emplace_back(
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
    Job job(round.tables, mine);
    if (parts_.stop.level.load() != StopLevel::none) {
      explain_cancelled(job.receipt, "not begun");
    } else {
      attempt(job, [&] {
        begin(round, connection, job);
        prepare(job);
        TableRun* const alone = job.run.get();
        TableRun::publish(std::span(&alone, 1));
        if (parts_.options.verify_after_run) alone->verify_run();
      });
    }
    if (job.receipt.outcome == Outcome::failed && ends_run(job.receipt.fault)) {
      const std::scoped_lock lock(mutex_);
      if (ended_by_.empty()) ended_by_ = job.receipt.error;
      parts_.stop.level = StopLevel::now;
    }
    finished(job.receipt);
    const std::scoped_lock lock(round.mutex);
    round.receipts.push_back(std::move(job.receipt));
  }
}

/// `publish: together`: one table after another, each as far as nobody sees it; then all, or none.
void Attempts::all_or_none(Round& round, duck::Connection& connection) {
  std::vector<Job> jobs;
  for (std::size_t i = 0; i < round.tables.size(); ++i) jobs.emplace_back(round.tables, i);
  const auto kept_out = [&] {
    const auto bad = [](const Job& job) { return !is_good(job.receipt); };
    const auto lasting = [&](const Job& job) { return bad(job) && !transient(job.receipt); };
    const auto first = std::ranges::find_if(jobs, lasting);
    return first != jobs.end() ? first : std::ranges::find_if(jobs, bad);
  };
  // What is refused is known before anything is read.
  for (Job& job : jobs) attempt(job, [&] { begin(round, connection, job); });
  for (auto job = jobs.begin(); job != jobs.end() && kept_out() == jobs.end(); ++job) {
    if (parts_.stop.level.load() != StopLevel::none) {
      explain_cancelled(job->receipt, "not begun");
      break;
    }
    attempt(*job, [&] {
      prepare(*job);
      job->run->set_aside(job->position);
    });
  }
  std::optional<Receipt> cause;
  if (const auto first = kept_out(); first != jobs.end()) {
    cause = first->receipt;
  } else {
    cause = publish(jobs);
    if (!cause && parts_.options.verify_after_run) {
      for (Job& job : jobs) attempt(job, [&] { job.run->verify_run(); });
    }
  }
  for (Job& job : jobs) {
    if (cause && is_good(job.receipt)) hold_back(job.receipt, *cause);
    finished(job.receipt);
    round.receipts.push_back(std::move(job.receipt));
  }
}

/// What kept all of them from being seen, if anything did.
std::optional<Receipt> Attempts::publish(const std::vector<Job>& jobs) {
  std::vector<TableRun*> runs;
  for (const Job& job : jobs) runs.push_back(job.run.get());
  try {
    TableRun::publish(runs);
    return std::nullopt;
  } catch (const std::exception& error) {
    return failure({}, as_error(error));
  }
}

/// Does `work` for a table; what it throws ends up in the receipt.
void Attempts::attempt(Job& job, const Work& work) const {
  job.progress->started = Clock::now();
  const double before = job.receipt.seconds;
  std::optional<Error> error;
  try {
    work();
  } catch (const Error& caught) {
    error = caught;
  } catch (const std::exception& caught) {
    error = as_error(caught).at(job.receipt.table.text());
  }
  if (job.run != nullptr) job.receipt = job.run->receipt();
  if (error) fail(job.receipt, *error);
  if (job.receipt.outcome == Outcome::interrupted)
    explain_cancelled(job.receipt, job.receipt.error);
  job.receipt.seconds =
      before + std::chrono::duration<double>(Clock::now() - job.progress->started).count();
  job.progress->finished = true;
}

/// Decides, under the run's snapshot or one of the table's own.
void Attempts::begin(const Round& round, duck::Connection& connection, Job& job) const {
  const Table& table = round.tables[job.position];
  if (round.shared == nullptr) job.own = parts_.scan.source.snapshot(std::span(&table, 1));
  Snapshot& snapshot = job.own == nullptr ? *round.shared : *job.own;
  const auto& locked = snapshot.tables()[job.own == nullptr ? job.position : 0];
  if (const auto* error = std::get_if<Error>(&locked)) throw *error;
  job.run = std::make_unique<TableRun>(round.context, connection, snapshot, std::get<Table>(locked),
                                       job.progress);
  job.run->decide();
}

void Attempts::prepare(Job& job) const {
  job.progress->finished = false;
  parts_.told([&](Observer& o) { o.table_started(job.progress); });
  job.run->prepare();
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
