// SPDX-License-Identifier: Apache-2.0
#include "connectors/dolphindb/reader.h"

#include <algorithm>
#include <thread>

#include "connectors/dolphindb/digest.h"
#include "sluice/error.h"

namespace sluice::dolphindb {
namespace {

/// One block is held in memory; rows of most tables need a hundredth of this.
constexpr std::uint64_t kMostHeld = std::uint64_t{1} << 30;
constexpr std::chrono::milliseconds kPause{200};

}  // namespace

BlockReader::BlockReader(std::shared_ptr<Sessions> sessions, bool in_memory,
                         std::uint64_t fetch_size, const std::vector<ReadColumn>& columns,
                         std::function<Query(const Chunk&)> query,
                         std::shared_ptr<wire::RateLimit> rate)
    : sessions_(std::move(sessions)),
      in_memory_(in_memory),
      fetch_size_(fetch_size),
      query_(std::move(query)),
      rate_(std::move(rate)) {
  for (const ReadColumn& each : columns) decoders_.emplace_back(each);
}

BlockReader::~BlockReader() { sessions_->give_back(std::move(session_)); }

void BlockReader::start(const Chunk& chunk) {
  wanted_ = query_(chunk);
  asked_ = false;
  block_.rows = at_ = 0;
}

bool BlockReader::next(Batch& batch) {
  if (cancelled_) throw Error(Fault::cancelled, "stopped while reading");
  if (!pause()) return true;
  if (session_ == nullptr) {
    session_ = sessions_->borrow([this] { return cancelled_.load(); }, in_memory_);
    session_->stream().set_patience(std::chrono::milliseconds(0));  // the engine's own limit holds
  }
  if (!asked_) {
    session_->bind(wanted_.variables);
    session_->select(wanted_.script, fetch_size_);
    asked_ = true;
  }
  while (at_ == block_.rows) {
    if (!next_block(batch)) {
      asked_ = false;
      sessions_->give_back(std::move(session_));
      return false;
    }
  }
  std::size_t heap = 0;
  for (std::size_t i = 0; i < decoders_.size(); ++i) decoders_[i].bind(batch.vector(i), heap);
  const std::uint64_t rows = rows_that_fit(Batch::kMaxRows);
  for (std::size_t i = 0; i < decoders_.size(); ++i)
    batch.misfits += decoders_[i].decode(block_.columns[i], at_, rows);
  for (ColumnDecoder& each : decoders_) each.finish();
  at_ += rows;
  batch.set_size(rows);
  return true;
}

/// False: the query has ended well.
bool BlockReader::next_block(Batch& batch) {
  const std::uint64_t before = session_->stream().received();
  const bool more = session_->next_block(block_, kMostHeld);
  const std::uint64_t bytes = session_->stream().received() - before;
  batch.bytes += bytes;
  if (rate_ != nullptr) owed_ = rate_->spend(bytes);
  if (!more) return false;
  at_ = 0;
  if (block_.columns.size() != decoders_.size())
    throw Error(Fault::data, "a block of " + std::to_string(block_.columns.size()) +
                                 " columns, asked for " + std::to_string(decoders_.size()));
  for (std::size_t i = 0; i < decoders_.size(); ++i) decoders_[i].check(block_.columns[i]);
  return true;
}

/// As many of the next ones as a batch has room for their text, and at least one.
std::uint64_t BlockReader::rows_that_fit(std::uint64_t most) const {
  std::uint64_t rows = std::min(most, block_.rows - at_);
  const auto bytes = [&](std::uint64_t count) {
    std::uint64_t sum = 0;
    for (const Cells& each : block_.columns) {
      if (each.ends.empty()) continue;
      const std::uint64_t unit = each.type.array ? width(each.type.type) : 1;
      sum += (each.ends[at_ + count - 1] - each.begin_of(at_)) * unit;
    }
    return sum;
  };
  while (rows > 1 && bytes(rows) > Batch::kMaxBytes) rows /= 2;
  return rows;
}

/// False: later. A sign of life.
bool BlockReader::pause() {
  if (owed_.count() <= 0) return true;
  const auto slice = std::min<std::chrono::microseconds>(owed_, kPause);
  std::this_thread::sleep_for(slice);
  owed_ -= slice;
  return owed_.count() <= 0;
}

DigestReader::DigestReader(std::shared_ptr<Sessions> sessions, const Shape& shape,
                           std::function<Asked(const Chunk&)> query,
                           std::vector<std::size_t> projection)
    : sessions_(std::move(sessions)),
      shape_(shape),
      query_(std::move(query)),
      projection_(std::move(projection)) {}

void DigestReader::start(const Chunk& chunk) {
  asked_ = query_(chunk);
  answered_ = false;
  at_ = 0;
}

bool DigestReader::next(Batch& batch) {
  if (cancelled_) throw Error(Fault::cancelled, "stopped while reading");
  if (!answered_) {
    const Borrowed session(
        *sessions_, [this] { return cancelled_.load(); }, shape_.in_memory);
    session->stream().set_patience(std::chrono::milliseconds(0));
    const std::uint64_t before = session->stream().received();
    session->bind(asked_.query.variables);
    const Object found = session->run(asked_.query.script);
    batch.bytes += session->stream().received() - before;
    const auto numbers = [&](const char* purpose) {
      const Object* column = found.find(variable(shape_, purpose));
      return column == nullptr ? std::vector<std::int64_t>() : column->numbers();
    };
    rows_ = numbers("n");
    low_ = numbers("s0");
    high_ = numbers("s1");
    buckets_ = asked_.nulls ? std::vector<std::int64_t>(rows_.size(), 0) : numbers("bucket");
    if (low_.size() != rows_.size() || high_.size() != rows_.size() ||
        buckets_.size() != rows_.size())
      throw Error(Fault::data, "sums of digests came without their rows");
    answered_ = true;
  }
  std::size_t size = 0;
  for (; at_ < rows_.size() && size < Batch::kMaxRows; ++at_) {
    if (rows_[at_] == 0) continue;  // what has no rows has no bucket
    const __int128 sum =
        (static_cast<__int128>(high_[at_]) << kPartBits) + static_cast<__int128>(low_[at_]);
    for (std::size_t i = 0; i < projection_.size(); ++i) {
      void* const data = duckdb_vector_get_data(batch.vector(i));
      if (projection_[i] == 2) {
        static_cast<duckdb_hugeint*>(data)[size] = {static_cast<std::uint64_t>(sum),
                                                    static_cast<std::int64_t>(sum >> 64)};
      } else {
        static_cast<std::int64_t*>(data)[size] = projection_[i] == 1 ? rows_[at_]
                                                 : asked_.nulls      ? Buckets::kNulls
                                                                     : buckets_[at_];
      }
    }
    ++size;
  }
  batch.set_size(size);
  return at_ < rows_.size();
}

}  // namespace sluice::dolphindb
