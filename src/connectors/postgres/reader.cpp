// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/reader.h"

#include <poll.h>

#include <thread>
#include <utility>

namespace sluice::postgres {
namespace {

constexpr std::chrono::milliseconds kSlice{
    200};  // the longest wait between two looks at the cancel flag

}  // namespace

std::chrono::microseconds RateLimit::spend(std::uint64_t bytes) {
  const auto now = std::chrono::steady_clock::now();
  const std::scoped_lock lock(mutex_);
  if (free_at_ < now) free_at_ = now;
  free_at_ += std::chrono::microseconds(bytes * 1'000'000 / rate_);
  return std::chrono::duration_cast<std::chrono::microseconds>(free_at_ - now);
}

CopyReader::CopyReader(std::shared_ptr<Sessions> sessions, std::vector<ReadColumn> columns,
                       std::function<std::string(const Chunk&)> select,
                       std::shared_ptr<RateLimit> rate)
    : sessions_(std::move(sessions)),
      columns_(std::move(columns)),
      select_(std::move(select)),
      rate_(std::move(rate)),
      slots_(columns_.size()),
      stream_(columns_.size()) {}

CopyReader::~CopyReader() {
  if (session_ != nullptr) sessions_->give_back(std::move(session_));
}

void CopyReader::start(const Chunk& chunk) {
  if (cancelled_) throw Error(Fault::cancelled, "stopped");
  if (session_ == nullptr) {
    session_ = sessions_->borrow();
    const char* encoding = PQparameterStatus(session_->handle(), "server_encoding");
    // A SQL_ASCII server sends whatever was stored; every other one converts to UTF-8 and refuses
    // what is not.
    const bool check_utf8 = encoding == nullptr || std::string_view(encoding) == "SQL_ASCII";
    decoders_.clear();
    for (const ReadColumn& each : columns_) {
      decoders_.push_back(decoder(each.wire, each.column.type, check_utf8));
    }
  }
  const std::string copy = "COPY (" + select_(chunk) + ") TO STDOUT (FORMAT binary)";
  if (PQsendQuery(session_->handle(), copy.c_str()) != 1) throw session_->error(nullptr);
  while (PQisBusy(session_->handle()) == 1) wait_for_server();
  const ResultHandle result(PQgetResult(session_->handle()));
  if (PQresultStatus(result.get()) != PGRES_COPY_OUT) throw session_->error(result.get());
  stream_.reset();
}

bool CopyReader::next(Batch& batch) {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    slots_[i].vector = batch.vector(i);
    slots_[i].data = duckdb_vector_get_data(slots_[i].vector);
  }
  std::size_t rows = 0;
  bool more = true;
  char* message = nullptr;
  const auto release = [&] {
    PQfreemem(message);
    message = nullptr;
  };
  try {
    while (rows < Batch::kMaxRows && batch.bytes < Batch::kMaxBytes) {
      if (stream_.advance()) {
        decode_row(batch, rows);
        ++rows;
        continue;
      }
      release();
      const int size = PQgetCopyData(session_->handle(), &message, 1);
      if (size > 0) {
        stream_.feed({message, static_cast<std::size_t>(size)});
        batch.bytes += static_cast<std::uint64_t>(size);
      } else if (size == 0) {
        wait_for_server();
      } else if (size == -1) {
        finish();
        more = false;
        break;
      } else {
        throw session_->error(nullptr);
      }
    }
    stream_.keep();  // rows of this message that found no room
  } catch (...) {
    release();
    throw;
  }
  release();
  if (cancelled_) stop_statement();
  batch.set_size(rows);
  if (rate_ != nullptr) pause_for_rate(batch.bytes);
  return more;
}

void CopyReader::decode_row(Batch& batch, std::size_t row) {
  const auto& fields = stream_.fields();
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].data() == nullptr) {
      set_null(decoders_[i], slots_[i].vector, row);
    } else if (const auto verdict = decoders_[i](fields[i], slots_[i], row)) {
      misfit(batch, i, row, verdict);
    }
  }
}

void CopyReader::misfit(Batch& batch, std::size_t column, std::size_t row, Decoder::Verdict why) {
  const ReadColumn& wanted = columns_[column];
  if (wanted.column.misfit == Misfit::null) {
    set_null(decoders_[column], slots_[column].vector, row);
    ++batch.misfits;
    return;
  }
  std::string key;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (!columns_[i].key || stream_.fields()[i].data() == nullptr) continue;
    key += (key.empty() ? " of the row with " : ", ") + columns_[i].column.name + " = " +
           shown(columns_[i].wire, stream_.fields()[i]);
  }
  throw Error::misfit(
      wanted.column.name,
      "column " + wanted.column.name + " (" + wanted.column.source_type + ")" + key + ": " +
          shown(wanted.wire, stream_.fields()[column]) + " " + why + " (" + wanted.column.type +
          ")",
      "types: {" + wanted.column.name +
          ": VARCHAR} keeps every value's exact text; misfit: null drops "
          "such values and counts them; misfit: text chooses VARCHAR at a first load");
}

void CopyReader::wait_for_server() {
  if (cancelled_) stop_statement();
  pollfd socket{PQsocket(session_->handle()), POLLIN, 0};
  const int ready = poll(&socket, 1, static_cast<int>(kSlice.count()));
  if (ready < 0 && errno != EINTR) throw Error(Fault::connection, "waiting for the server failed");
  if (ready > 0 && PQconsumeInput(session_->handle()) != 1) throw session_->error(nullptr);
}

void CopyReader::finish() {
  // Rows seen before this mean nothing: only now the server says whether the statement succeeded.
  std::optional<Error> failure;
  while (true) {
    while (PQisBusy(session_->handle()) == 1) wait_for_server();
    const ResultHandle result(PQgetResult(session_->handle()));
    if (result == nullptr) break;
    if (PQresultStatus(result.get()) != PGRES_COMMAND_OK && !failure)
      failure = session_->error(result.get());
  }
  if (failure) throw *failure;
  if (!stream_.complete()) throw Error(Fault::data, "the server ended a COPY without its trailer");
}

void CopyReader::stop_statement() {
  if (PGcancel* request = PQgetCancel(session_->handle())) {
    char ignored[256];
    PQcancel(request, ignored, sizeof ignored);
    PQfreeCancel(request);
  }
  session_.reset();
  throw Error(Fault::cancelled, "stopped");
}

void CopyReader::pause_for_rate(std::uint64_t bytes) {
  auto left = rate_->spend(bytes);
  while (left.count() > 0 && !cancelled_) {
    const auto slice = std::min<std::chrono::microseconds>(left, kSlice);
    std::this_thread::sleep_for(slice);
    left -= slice;
  }
}

}  // namespace sluice::postgres
