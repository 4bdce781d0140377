// SPDX-License-Identifier: Apache-2.0
#include "connectors/dolphindb/reader.h"

#include <algorithm>
#include <thread>

#include "sluice/error.h"

namespace sluice::dolphindb {
namespace {

/// One block is held in memory; rows of most tables need a hundredth of this.
constexpr std::uint64_t kMostOfBlock = std::uint64_t{1} << 30;
constexpr std::chrono::milliseconds kSlice{200};

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

// In the middle of a result the session is of no more use: the rest would have to be read first.
BlockReader::~BlockReader() {
  if (session_ != nullptr && !asked_) sessions_->give_back(std::move(session_));
}

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
  const bool more = session_->next_block(block_, kMostOfBlock);
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
  const auto slice = std::min<std::chrono::microseconds>(owed_, kSlice);
  std::this_thread::sleep_for(slice);
  owed_ -= slice;
  return owed_.count() <= 0;
}

}  // namespace sluice::dolphindb
