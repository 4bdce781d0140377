// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/reader.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <thread>
#include <utility>

namespace sluice::postgres {
namespace {

constexpr int kSliceMs = 200;  // how late a cancel() may be noticed
// A server sends 8 KiB at a time, and being woken for each costs both sides more than the copy. In
// this time its socket buffer fills by half, so it is never kept waiting.
constexpr std::chrono::microseconds kNap{500};
// After so long a value that is still arriving is reported as an empty batch.
constexpr std::chrono::seconds kSign{1};

using Clock = std::chrono::steady_clock;

}  // namespace

CopyReader::CopyReader(std::shared_ptr<Sessions> sessions, std::vector<ReadColumn> columns,
                       std::function<std::string(const Chunk&)> select,
                       std::shared_ptr<wire::RateLimit> rate)
    : sessions_(std::move(sessions)),
      columns_(std::move(columns)),
      select_(std::move(select)),
      rate_(std::move(rate)) {}

CopyReader::~CopyReader() { sessions_->give_back(std::move(session_)); }

void CopyReader::test_cancelled() {
  if (!cancelled_.load(std::memory_order_relaxed)) return;
  if (session_) {
    if (PQtransactionStatus(handle()) == PQTRANS_ACTIVE) session_->cancel_statement();
    session_.reset();  // the statement's rows are still under way
  }
  copying_ = false;
  throw Error(Fault::cancelled, "stopped while reading");
}

void CopyReader::wait_readable() {
  pollfd waiting{PQsocket(handle()), POLLIN, 0};
  while (true) {
    test_cancelled();
    const int ready = poll(&waiting, 1, kSliceMs);
    if (ready > 0) return;
    if (ready < 0 && errno != EINTR) {
      throw Error(Fault::internal, "cannot wait for the server: poll failed");
    }
  }
}

void CopyReader::consume() {
  if (PQconsumeInput(handle()) == 0) throw session_->error(nullptr);
}

ResultHandle CopyReader::result() {
  while (PQisBusy(handle()) == 1) {
    wait_readable();
    consume();
  }
  return ResultHandle(PQgetResult(handle()));
}

void CopyReader::start(const Chunk& chunk) {
  test_cancelled();
  if (copying_) throw Error(Fault::internal, "a chunk was started before the last one was read");
  if (!session_)
    session_ = sessions_->borrow([this] { return cancelled_.load(std::memory_order_relaxed); });
  if (!decoder_) {
    const char* encoding = PQparameterStatus(handle(), "server_encoding");
    const bool known = encoding != nullptr && std::string_view(encoding) != "SQL_ASCII";
    // Else such a server refuses the whole statement for one value that is no UTF-8, unnamed.
    if (!known) session_->run("SET client_encoding = 'SQL_ASCII'");
    decoder_.emplace(columns_, known ? Encoding::utf8 : Encoding::unchecked);
  }
  const std::string statement = "COPY (" + select_(chunk) + "\n) TO STDOUT (FORMAT binary)";
  if (PQsendQuery(handle(), statement.c_str()) == 0) throw session_->error(nullptr);
  const ResultHandle answer = result();
  if (PQresultStatus(answer.get()) != PGRES_COPY_OUT) throw session_->error(answer.get());
  stream_.start(columns_.size());
  copying_ = true;
}

bool CopyReader::next(Batch& batch) {
  test_cancelled();
  if (owed_.count() > 0) {
    pause();
    return true;
  }
  if (!copying_) return false;
  decoder_->begin(batch);
  bool more = true;
  while (more && !decoder_->full()) {
    CopyStream::Fields fields{};
    if (stream_.next(fields) == CopyStream::Step::row) {
      if (const Byte* after = decoder_->add(fields)) {
        stream_.taken(after);
        continue;
      }
      stream_.incomplete();
    }
    message_.reset();
    const Message found = next_message(batch);
    more = found != Message::none;
    if (found == Message::coming) break;
  }
  decoder_->finish();
  if (rate_ != nullptr) owed_ = rate_->spend(batch.bytes);
  return more || owed_.count() > 0;
}

// Feeds the stream, unless the statement has ended, well.
CopyReader::Message CopyReader::next_message(Batch& batch) {
  char* text = nullptr;
  int size = PQgetCopyData(handle(), &text, 1);
  if (size == 0) {
    consume();  // often there is more already, and no need to ask the system twice
    size = PQgetCopyData(handle(), &text, 1);
  }
  if (size == 0) std::this_thread::sleep_for(kNap);
  const auto began = Clock::now();
  while (size == 0) {
    wait_readable();
    consume();
    size = PQgetCopyData(handle(), &text, 1);
    if (size == 0 && Clock::now() - began > kSign) return Message::coming;
  }
  if (size > 0) {
    message_.reset(text);
    batch.bytes += static_cast<std::uint64_t>(size);
    stream_.feed(reinterpret_cast<const Byte*>(text), static_cast<std::size_t>(size));
    return Message::fed;
  }
  if (size < -1) throw session_->error(nullptr);
  end_copy();
  return Message::none;
}

// An error may still come here, after any number of good rows: they belong to a failed statement.
void CopyReader::end_copy() {
  copying_ = false;
  while (const ResultHandle each = result()) {
    if (PQresultStatus(each.get()) != PGRES_COMMAND_OK) throw session_->error(each.get());
  }
  if (!stream_.ended()) broken("COPY ended without its trailer");
}

// A part of the pause that the rate asks for: whoever calls sees a sign of life between them.
void CopyReader::pause() {
  const auto slice =
      std::min<std::chrono::microseconds>(owed_, std::chrono::milliseconds(kSliceMs));
  std::this_thread::sleep_for(slice);
  owed_ -= slice;
}

}  // namespace sluice::postgres
