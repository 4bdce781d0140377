// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/reader.h"

#include <algorithm>
#include <thread>
#include <utility>

namespace sluice::mysql {
namespace {

constexpr std::chrono::milliseconds kFirstWait{50};  // for a result table; then twice as long
constexpr int kMostRefusals = 7;
constexpr std::chrono::milliseconds kSlice{200};  // how late a cancel() may be noticed

/// What the driver calls for each value of a row that it has received.
struct Receiver {
  RowDecoder* decoder;  ///< null: the rows are of no interest
  const MYSQL* handle;  ///< whose buffer holds the row
};

void receive(void* data, unsigned column, unsigned char** at) {
  const auto* receiver = static_cast<const Receiver*>(data);
  if (receiver->decoder != nullptr)
    receiver->decoder->take(column, at, receiver->handle->net.buff_end);
}

}  // namespace

StreamReader::StreamReader(std::shared_ptr<Sessions> sessions, std::vector<ReadColumn> columns,
                           Select select, std::shared_ptr<wire::RateLimit> rate)
    : sessions_(std::move(sessions)),
      columns_(std::move(columns)),
      select_(std::move(select)),
      rate_(std::move(rate)),
      stop_([this] { return cancelled_.load(std::memory_order_relaxed); }) {}

StreamReader::~StreamReader() { give_up(); }

void StreamReader::test_cancelled() const {
  if (stop_()) throw Error(Fault::cancelled, "stopped while reading");
}

void StreamReader::start(const Chunk& chunk) {
  test_cancelled();
  if (state_ != State::idle)
    throw Error(Fault::internal, "a chunk was started before the last one was read");
  statement_ = select_(chunk, stop_);
  refusals_ = 0;
  state_ = State::wanted;
}

bool StreamReader::next(Batch& batch) {
  test_cancelled();
  if (owed_.count() > 0) {
    const auto slice = std::min<std::chrono::microseconds>(owed_, kSlice);
    std::this_thread::sleep_for(slice);
    owed_ -= slice;
    return true;
  }
  if (state_ == State::idle) return false;
  if (!session_) {
    session_ = sessions_->borrow(kSlice);
    if (!session_) return true;  // others read; a sign of life
  }
  if (wait_.count() > 0) {
    const auto slice = std::min<std::chrono::milliseconds>(wait_, kSlice);
    std::this_thread::sleep_for(slice);
    wait_ -= slice;
    return true;
  }
  if (state_ == State::wanted && !execute()) return true;
  decoder_->begin(batch);
  const Waiting wait(&stop_, std::nullopt, [this] { session_->kill_statement(); });
  Receiver receiver{&*decoder_, session_->handle()};
  if (prepared_) mysql_stmt_attr_set(prepared_.get(), STMT_ATTR_CB_USER_DATA, &receiver);
  Fetched fetched = Fetched::row;
  while (!decoder_->full() && fetched == Fetched::row) {
    fetched = fetch();
    if (fetched == Fetched::row) decoder_->end_row();
    if (wait.stopped()) fail(wait);
  }
  decoder_->finish();
  if (rate_ != nullptr) owed_ = rate_->spend(batch.bytes);
  return state_ == State::streaming || owed_.count() > 0;
}

/// False: later.
bool StreamReader::execute() {
  const Waiting wait(&stop_, std::nullopt, [this] { session_->kill_statement(); });
  if (text()) {
    if (!execute_text()) return false;
  } else {
    prepared_.reset(mysql_stmt_init(session_->handle()));
    if (!prepared_) throw Error(Fault::internal, "out of memory for a statement");
    mysql_stmt_attr_set(prepared_.get(), STMT_ATTR_CB_RESULT,
                        reinterpret_cast<const void*>(&receive));
    if (mysql_stmt_prepare(prepared_.get(), statement_.sql.data(), statement_.sql.size()) != 0 ||
        mysql_stmt_execute(prepared_.get()) != 0)
      fail(wait);
    const unsigned count = mysql_stmt_field_count(prepared_.get());
    decoder_.emplace(columns_, std::span(mariadb_stmt_fetch_fields(prepared_.get()), count), false);
  }
  state_ = State::streaming;
  return true;
}

// SingleStore's prepared statements fail beside some of its settings, so its rows come as text.
bool StreamReader::execute_text() {
  const Waiting wait(&stop_, std::nullopt, [this] { session_->kill_statement(); });
  if (mysql_real_query(session_->handle(), statement_.sql.data(), statement_.sql.size()) != 0) {
    // Another aggregator learns of a result table a little later than the one that made it.
    if (mysql_errno(session_->handle()) != kNoResultTable || refusals_ == kMostRefusals) fail(wait);
    wait_ = kFirstWait * (1 << refusals_++);
    return false;
  }
  result_.reset(mysql_use_result(session_->handle()));
  if (!result_) fail(wait);
  decoder_.emplace(columns_,
                   std::span(mysql_fetch_fields(result_.get()), mysql_num_fields(result_.get())),
                   true);
  return true;
}

StreamReader::Fetched StreamReader::fetch() {
  const auto failed = [this] {
    const Waiting none(nullptr, std::nullopt);
    fail(none);
  };
  if (prepared_) {
    const int outcome = mysql_stmt_fetch(prepared_.get());
    if (outcome == 0) return Fetched::row;
    if (outcome != MYSQL_NO_DATA) failed();
    end();
    return Fetched::end;
  }
  MYSQL_ROW row = mysql_fetch_row(result_.get());
  if (row == nullptr) {
    if (mysql_errno(session_->handle()) != 0) failed();
    end();
    return Fetched::end;
  }
  const unsigned long* lengths = mysql_fetch_lengths(result_.get());
  for (unsigned i = 0; i < columns_.size(); ++i)
    decoder_->take(i, reinterpret_cast<const wire::Byte*>(row[i]), lengths[i]);
  return Fetched::row;
}

// Rows seen before an error belong to a failed statement.
void StreamReader::fail(const Waiting& wait) {
  unsigned number = mysql_errno(session_->handle());
  std::string why = mysql_error(session_->handle());
  if (prepared_ && mysql_stmt_errno(prepared_.get()) != 0) {
    number = mysql_stmt_errno(prepared_.get());
    why = mysql_stmt_error(prepared_.get());
  }
  const bool stopped = wait.stopped() || stop_();
  const Error failed = session_->error(number, why);
  if (number == 0 || failed.fault() == Fault::data || is_drivers(number)) session_->set_broken();
  if (stopped) throw Error(Fault::cancelled, "stopped while reading");
  throw failed;
}

void StreamReader::end() {
  state_ = State::idle;
  decoder_.reset();
  prepared_.reset();
  result_.reset();
  sessions_->give_back(std::move(session_));
  if (statement_.was_read) statement_.was_read();
}

// In the middle of a result: the statement is ended, so that the session, which cannot be had
// again, serves another reader.
void StreamReader::give_up() noexcept {
  if (!session_) return;
  const bool killed = state_ == State::streaming && !session_->broken();
  if (killed) {
    session_->kill_statement();
    const Waiting wait(nullptr, std::chrono::seconds(3));
    if (prepared_) {
      Receiver nobody{nullptr, session_->handle()};  // the batch and its vectors are gone
      mysql_stmt_attr_set(prepared_.get(), STMT_ATTR_CB_USER_DATA, &nobody);
      int outcome = 0;
      while (outcome == 0) outcome = mysql_stmt_fetch(prepared_.get());
    } else {
      while (mysql_fetch_row(result_.get()) != nullptr) {
      }
    }
    if (wait.timed_out()) session_->set_broken();
  }
  decoder_.reset();
  if (session_->broken()) {
    const Waiting wait(nullptr, std::chrono::seconds(0));
    prepared_.reset();
    result_.reset();
  }
  prepared_.reset();
  result_.reset();
  if (killed) session_->forget_kill();
  sessions_->give_back(std::move(session_));
  state_ = State::idle;
}

}  // namespace sluice::mysql
