// SPDX-License-Identifier: Apache-2.0
#include "serve/csv.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "sluice/error.h"

namespace sluice::serve {
namespace {

constexpr std::size_t kPiece = 1 << 20;
constexpr std::size_t kLongestHeader = 16 << 20;

/// False: whoever read is gone.
bool write_all(int to, const char* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t done = ::write(to, bytes, size);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return false;
    bytes += done;
    size -= static_cast<std::size_t>(done);
  }
  return true;
}

}  // namespace

PipedCsv::PipedCsv(std::unique_ptr<Bytes> bytes) : bytes_(std::move(bytes)) {
  read_header();
  if (rest_.empty()) more();
}

PipedCsv::~PipedCsv() { stop(); }

bool PipedCsv::more() {
  const std::size_t had = rest_.size();
  rest_.resize(had + kPiece);
  const std::size_t got = bytes_->read(rest_.data() + had, kPiece);
  rest_.resize(had + got);
  return got > 0;
}

void PipedCsv::read_header() {
  std::string name;
  bool quoted = false;
  for (std::size_t at = 0;; ++at) {
    if (at == rest_.size() && !more()) {
      if (quoted || at == 0)
        throw Error(Fault::data, at == 0 ? "the file has no header" : "it ends in its header",
                    "the first line of a batch file names its columns");
      header_.push_back(name);
      rest_.clear();
      return;
    }
    const char byte = rest_[at];
    if (quoted) {
      if (byte != '"') {
        name += byte;
      } else if ((at + 1 < rest_.size() || more()) && rest_[at + 1] == '"') {
        name += '"';
        ++at;
      } else {
        quoted = false;
      }
    } else if (byte == '"') {
      quoted = true;
    } else if (byte == ',') {
      header_.push_back(std::exchange(name, {}));
    } else if (byte == '\n') {
      if (name.ends_with('\r')) {
        name.pop_back();
        line_end_ = "\r\n";
      }
      header_.push_back(name);
      rest_.erase(0, at + 1);
      return;
    } else {
      name += byte;
    }
    if (at > kLongestHeader)
      throw Error(Fault::data, "its header does not end", "is it a CSV file, and this its key?");
  }
}

std::string PipedCsv::path() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    throw Error(Fault::internal, std::string("no pipe: ") + std::strerror(errno));
  read_end_ = ends[0];
  ::fcntl(ends[1], F_SETPIPE_SZ, kPiece);  // fewer switches between the threads; need not succeed
  writer_ = std::thread([this, to = ends[1]] { feed(to); });
  return "/dev/fd/" + std::to_string(read_end_);
}

void PipedCsv::feed(int to) noexcept {
  try {
    bool heard = write_all(to, rest_.data(), rest_.size());
    rest_.resize(kPiece);
    for (std::size_t got = 1; heard && got > 0;) {
      got = bytes_->read(rest_.data(), kPiece);
      heard = write_all(to, rest_.data(), got);
      if (got == 0) whole_ = true;
    }
  } catch (...) {
    failure_ = std::current_exception();
  }
  ::close(to);
}

void PipedCsv::stop() noexcept {
  if (read_end_ >= 0) ::close(std::exchange(read_end_, -1));
  if (writer_.joinable()) writer_.join();
}

void PipedCsv::finish() {
  stop();
  blame();
  if (!whole_) throw Error(Fault::internal, "DuckDB has not read the file to its end");
}

void PipedCsv::blame() {
  stop();
  if (failure_) std::rethrow_exception(failure_);
}

}  // namespace sluice::serve
