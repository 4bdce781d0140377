// SPDX-License-Identifier: Apache-2.0
#include "engine/scan.h"

#include <algorithm>
#include <numeric>

namespace sluice {
namespace {

using Clock = std::chrono::steady_clock;

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now().time_since_epoch())
      .count();
}

/// What the caller of stream() threw, which is not the scan's error.
struct Unwanted {
  std::exception_ptr why;
};

std::string casts(const std::vector<Column>& columns) {
  std::string list;
  for (const Column& column : columns) {
    const std::string name = duck::quoted(column.name);
    list += (list.empty() ? "" : ", ") + ("CAST(" + name + " AS ") + column.type + ") AS " + name;
  }
  return list;
}

}  // namespace

class Relation::PlanScan : public duck::Scan {
 public:
  PlanScan(duck::Connection& connection, const ScanContext& context, Snapshot& snapshot,
           const Plan& plan, std::vector<std::size_t> chunks, UnitLimit limit, Progress* progress)
      : context_(context),
        snapshot_(snapshot),
        plan_(plan),
        chunks_(std::move(chunks)),
        limit_(limit),
        progress_(progress),
        started_(Clock::now()),
        last_sign_ms_(now_ms()) {
    std::vector<std::string> names;
    for (const sluice::Column& column : plan.read.columns)
      names.push_back(plan.as_text ? "VARCHAR" : column.type);
    std::vector<duck::LogicalType> types = connection.types(names);
    for (std::size_t i = 0; i < types.size(); ++i) {
      columns_.push_back({plan.read.columns[i].name, std::move(types[i])});
    }
    for (const std::size_t chunk : chunks_) {
      estimated_rows_ += plan.chunks[chunk].rows;
      bytes_left_ += plan.chunks[chunk].bytes;
    }
    if (chunks_.empty()) return;
    threads_ = context_.budget.take(chunks_.size());
    // What waited here until the run was told to stop has nothing to finish: it would begin.
    if (progress_ != nullptr && progress_->rows.load() == 0 &&
        context_.stop.load() != StopLevel::none) {
      context_.budget.give_back(threads_);
      throw Error(Fault::cancelled, "not begun: stopped on request");
    }
    places_ = threads_;
  }

  ~PlanScan() override { context_.budget.give_back(places_.load()); }

  const std::vector<Column>& columns() const override { return columns_; }
  std::uint64_t estimated_rows() const override { return estimated_rows_; }
  std::size_t max_threads() const override { return std::max<std::size_t>(threads_, 1); }
  std::unique_ptr<duck::ScanThread> open(std::span<const std::size_t> projection) override;

  void failed(std::exception_ptr error) noexcept override {
    const std::scoped_lock lock(mutex_);
    if (first_error_ == nullptr) first_error_ = std::move(error);
    for (Reader* reader : readers_) reader->cancel();
  }

  void rethrow_first_error() const {
    const std::scoped_lock lock(mutex_);
    if (first_error_ != nullptr) std::rethrow_exception(first_error_);
  }

  /// The next chunk to read, or none: exhausted, or the unit is full.
  std::optional<std::size_t> take_chunk() {
    const std::scoped_lock lock(mutex_);
    if (first_error_ != nullptr) throw Error(Fault::cancelled, "stopped: another reader failed");
    if (next_ == chunks_.size()) return std::nullopt;
    if (next_ > 0 && unit_is_full()) return std::nullopt;
    const std::size_t chunk = chunks_[next_++];
    bytes_left_ -= plan_.chunks[chunk].bytes;
    bytes_taken_ += plan_.chunks[chunk].bytes;
    return chunk;
  }

  void finish_chunk(std::size_t chunk) {
    const std::scoped_lock lock(mutex_);
    finished_.push_back(chunk);
    if (progress_ != nullptr) ++progress_->chunks_done;
  }

  void enter(Reader* reader) {
    sign();
    const std::scoped_lock lock(mutex_);
    readers_.insert(reader);
    if (first_error_ != nullptr) reader->cancel();
  }

  /// A thread that found no more chunks hands its place to other tables.
  void leave(Reader* reader) {
    {
      const std::scoped_lock lock(mutex_);
      if (readers_.erase(reader) == 0) return;
    }
    std::size_t places = places_.load();
    while (places > 0 && !places_.compare_exchange_weak(places, places - 1)) {
    }
    if (places > 0) context_.budget.give_back(1);
  }

  /// A reader lives. How long a server thinks before its first row is counted from here.
  void sign() noexcept { last_sign_ms_ = now_ms(); }

  void count(const Batch& batch) {
    sign();
    rows_ += batch.size();
    bytes_ += batch.bytes;
    misfits_ += batch.misfits;
    if (progress_ != nullptr) {
      progress_->rows += batch.size();
      progress_->bytes += batch.bytes;
    }
  }

  void watch() noexcept {
    const bool stopped = context_.stop.load() == StopLevel::now;
    const std::chrono::milliseconds limit = context_.idle_limit;
    const bool silent = limit.count() > 0 && now_ms() - last_sign_ms_.load() > limit.count();
    if (!stopped && !(silent && reading())) return;
    try {
      failed(std::make_exception_ptr(
          stopped ? Error(Fault::cancelled, "stopped on request")
                  : Error(Fault::connection,
                          "the source has sent nothing for " +
                              std::to_string(context_.idle_limit.count()) + " s",
                          "see what the server is doing: a lock or a stalled network are the usual "
                          "causes; a view that computes for long needs a longer --idle-timeout")));
    } catch (const std::exception&) {
      // Out of memory while building the message: the next tick tries again.
    }
  }

  const Plan& plan() const { return plan_; }
  Snapshot& snapshot() { return snapshot_; }
  const ScanContext& context() const { return context_; }
  std::vector<std::size_t> finished() const {
    const std::scoped_lock lock(mutex_);
    return finished_;
  }
  std::uint64_t rows() const { return rows_; }
  std::uint64_t bytes() const { return bytes_; }
  std::uint64_t misfits() const { return misfits_; }

 private:
  bool unit_is_full() const {
    // Only a first load has units. Elsewhere half of the rows would pass for all of them: what they
    // lack would be deleted, and the mark would pass it.
    if (limit_.rows == 0 && limit_.bytes == 0 && limit_.time.count() == 0) return false;
    if (context_.stop.load() != StopLevel::none) return true;
    if (limit_.time.count() > 0 && Clock::now() - started_ >= limit_.time) return true;
    // A small unit at the end would be one that few readers have anything to do in.
    if (bytes_left_ * 2 < bytes_taken_) return false;
    return (limit_.rows > 0 && rows_ >= limit_.rows) ||
           (limit_.bytes > 0 && bytes_ >= limit_.bytes);
  }

  bool reading() const {
    const std::scoped_lock lock(mutex_);
    return !readers_.empty();
  }

  const ScanContext& context_;
  Snapshot& snapshot_;
  const Plan& plan_;
  const std::vector<std::size_t> chunks_;
  const UnitLimit limit_;
  Progress* const progress_;
  const Clock::time_point started_;
  std::vector<Column> columns_;
  std::uint64_t estimated_rows_ = 0;
  std::size_t threads_ = 0;
  std::atomic<std::size_t> places_{0};
  std::atomic<std::uint64_t> rows_{0}, bytes_{0}, misfits_{0};
  std::atomic<std::int64_t> last_sign_ms_;

  mutable std::mutex mutex_;
  std::size_t next_ = 0;
  std::uint64_t bytes_left_ = 0, bytes_taken_ = 0;  ///< of chunks, estimated
  std::vector<std::size_t> finished_;
  std::set<Reader*> readers_;
  std::exception_ptr first_error_;
};

/// The relations that are being read, and the connections that may be interrupted, for the
/// watchdog.
struct Relation::Alive {
  std::mutex mutex;
  std::set<Relation*> relations;
  std::set<Interruptible*> connections;
};

Relation::Alive& Relation::alive() {
  static Alive instance;
  return instance;
}

std::unique_ptr<duck::ScanThread> Relation::PlanScan::open(
    std::span<const std::size_t> projection) {
  class Thread : public duck::ScanThread {
   public:
    Thread(PlanScan& scan, std::span<const std::size_t> projection)
        : scan_(scan), projection_(projection.begin(), projection.end()) {
      // DuckDB counting rows asks for the first column (seen in 1.5.6). Of a version that asks for
      // none it is not known what the vector is for: text written into a number would be a crash.
      if (std::ranges::find(projection_, kNoColumn) != projection_.end())
        throw Error(Fault::internal, "DuckDB asks for a column that the scan does not have");
    }
    Thread(const Thread&) = delete;
    Thread& operator=(const Thread&) = delete;
    ~Thread() override { drop_reader(); }

    void fill(duckdb_data_chunk chunk) override {
      while (true) {
        if (!current_) {
          current_ = scan_.take_chunk();
          if (!current_) {
            drop_reader();
            return;
          }
          if (reader_ == nullptr) {
            reader_ = scan_.context().source.reader(scan_.snapshot(), scan_.plan(), projection_);
            scan_.enter(reader_.get());
          }
          reader_->start(scan_.plan().chunks[*current_]);
          scan_.sign();
        }
        Batch batch(chunk);
        const bool more = reader_->next(batch);
        scan_.count(batch);
        if (!more) {
          scan_.finish_chunk(*current_);
          current_.reset();
        }
        if (batch.size() > 0) return;
      }
    }

   private:
    void drop_reader() {
      if (reader_ == nullptr) return;
      scan_.leave(reader_.get());
      reader_.reset();
    }

    PlanScan& scan_;
    std::vector<std::size_t> projection_;
    std::optional<std::size_t> current_;
    std::unique_ptr<Reader> reader_;
  };
  return std::make_unique<Thread>(*this, projection);
}

Relation::Relation(duck::Connection& connection, const ScanContext& context, Snapshot& snapshot,
                   const Plan& plan, std::vector<std::size_t> from, UnitLimit limit,
                   Progress* progress)
    : connection_(connection), context_(context) {
  if (!plan.relation.empty()) {
    sql_ = plan.relation;
    if (progress != nullptr) {
      connection_.measure_progress();
      progress_ = progress;
      rows_before_ = progress->rows.load();
      rows_expected_ = plan.rows;
    }
    watched_.emplace(*this);
    return;
  }
  scan_ = std::make_shared<PlanScan>(connection, context, snapshot, plan, std::move(from), limit,
                                     progress);
  handle_ = std::make_unique<duck::ScanHandle>(scan_);
  sql_ = "sluice_scan(" + std::to_string(handle_->id()) + "::UBIGINT)";
  if (plan.as_text) sql_ = "(SELECT " + casts(plan.read.columns) + " FROM " + sql_ + ")";
  watched_.emplace(*this);
}

Relation::Relation(duck::Connection& connection, const ScanContext& context, Snapshot& snapshot,
                   const Plan& plan, Progress* progress)
    : Relation(
          connection, context, snapshot, plan,
          [&] {
            std::vector<std::size_t> all(plan.chunks.size());
            std::iota(all.begin(), all.end(), std::size_t{0});
            return all;
          }(),
          {}, progress) {}

Relation::~Relation() = default;

Relation::Watched::Watched(Relation& the_relation) : relation(the_relation) {
  const std::scoped_lock lock(alive().mutex);
  alive().relations.insert(&relation);
}

Relation::Watched::~Watched() {
  const std::scoped_lock lock(alive().mutex);
  alive().relations.erase(&relation);
}

duck::Result Relation::run(const std::string& statement) {
  running_ = true;
  try {
    duck::Result result = connection_.query(statement);
    ended(&result);
    if (scan_ != nullptr) scan_->rethrow_first_error();
    return result;
  } catch (const Error&) {
    ended(nullptr);
    if (scan_ != nullptr) scan_->rethrow_first_error();
    throw;
  }
}

void Relation::stream(const std::string& select,
                      const std::function<void(duckdb_data_chunk)>& take) {
  running_ = true;
  try {
    connection_.stream(select, [&](duckdb_data_chunk chunk) {
      taking_ = true;
      try {
        take(chunk);
      } catch (...) {
        // Readers first: DuckDB waits for a callback that blocks.
        if (scan_ != nullptr)
          scan_->failed(std::make_exception_ptr(Error(Fault::cancelled, "not wanted any more")));
        running_ = taking_ = false;
        throw Unwanted{std::current_exception()};
      }
      if (scan_ != nullptr) scan_->sign();
      taking_ = false;
    });
    ended(nullptr);
    if (scan_ != nullptr) scan_->rethrow_first_error();
  } catch (const Unwanted& unwanted) {
    std::rethrow_exception(unwanted.why);
  } catch (const Error&) {
    ended(nullptr);
    if (scan_ != nullptr) scan_->rethrow_first_error();
    throw;
  }
}

/// The rows that a statement which is done to this part has gone through.
void Relation::show(double share) noexcept {
  progress_->rows =
      rows_before_ + static_cast<std::uint64_t>(share * static_cast<double>(rows_expected_));
}

void Relation::ended(const duck::Result* result) noexcept {
  const std::scoped_lock lock(alive().mutex);  // no later look of the watchdog writes an older part
  running_ = false;
  if (progress_ == nullptr || result == nullptr) return;
  show(1);
  if (result->changed() > 0) progress_->rows = rows_before_ + result->changed();
}

void Relation::watch() noexcept {
  if (scan_ != nullptr && taking_) scan_->sign();
  if (scan_ != nullptr) scan_->watch();
  if (running_ && progress_ != nullptr) {
    if (const auto share = connection_.progress()) show(*share);
  }
  // Readers first: DuckDB waits for a callback that blocks, whatever it is told.
  if (running_ && context_.stop.load() == StopLevel::now) connection_.interrupt();
}

std::vector<std::size_t> Relation::finished() const {
  return scan_ != nullptr ? scan_->finished() : std::vector<std::size_t>{};
}
std::uint64_t Relation::rows() const noexcept { return scan_ != nullptr ? scan_->rows() : 0; }
std::uint64_t Relation::bytes() const noexcept { return scan_ != nullptr ? scan_->bytes() : 0; }
std::uint64_t Relation::misfits() const noexcept { return scan_ != nullptr ? scan_->misfits() : 0; }

void register_scan(duck::Connection& connection) {
  duck::register_scan_function(connection, "sluice_scan");
}

void Relation::watch_all() noexcept {
  const std::scoped_lock lock(alive().mutex);
  for (Relation* each : alive().relations) each->watch();
  for (Interruptible* each : alive().connections) {
    if (each->stop_.load() == StopLevel::now) each->connection_.interrupt();
  }
}

Interruptible::Interruptible(duck::Connection& connection, const ScanContext& context)
    : connection_(connection), stop_(context.stop) {
  const std::scoped_lock lock(Relation::alive().mutex);
  Relation::alive().connections.insert(this);
}

Interruptible::~Interruptible() {
  const std::scoped_lock lock(Relation::alive().mutex);
  Relation::alive().connections.erase(this);
}

}  // namespace sluice
