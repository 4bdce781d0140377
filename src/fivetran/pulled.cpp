// SPDX-License-Identifier: Apache-2.0
#include "fivetran/pulled.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "sluice/error.h"

namespace sluice::fivetran {
namespace {

constexpr std::size_t kAllowance = std::size_t{256} << 10;
constexpr std::chrono::milliseconds kWait{250};

/// In TMPDIR, else /tmp: tmpfile() knows only the latter. Its owner's alone, and gone with the
/// process. Null: errno says why.
std::FILE* file_without_name() {
  std::error_code none;
  std::string path = (std::filesystem::temp_directory_path(none) / "sluice-XXXXXX").string();
  const int file = none ? -1 : ::mkostemp(path.data(), O_CLOEXEC);
  if (none) errno = none.value();
  if (file < 0) return nullptr;
  ::unlink(path.c_str());
  return ::fdopen(file, "w+b");
}

}  // namespace

void Pulled::add(std::string message) {
  std::unique_lock lock(mutex_);
  if (!room() && allowance_ < message.size()) {
    changed_.wait_for(lock, kWait, [this] { return room() || closed_; });
    allowance_ = kAllowance;
  }
  if (closed_) throw Error(Fault::cancelled, "nobody takes the connector's messages any more");
  if (room()) {
    bytes_ += message.size();
    messages_.push_back(std::move(message));
  } else {
    allowance_ -= std::min(allowance_, message.size());
    write(message);
  }
  changed_.notify_all();
}

void Pulled::end() {
  const std::scoped_lock lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

void Pulled::close() {
  const std::scoped_lock lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

std::uint64_t Pulled::spilled() const {
  const std::scoped_lock lock(mutex_);
  return spilled_;
}

std::optional<std::string> Pulled::take(const std::function<bool()>& stopped) {
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, std::chrono::milliseconds(200),
                            [this] { return !messages_.empty() || in_file_ > 0 || ended_; })) {
    if (stopped()) throw Error(Fault::cancelled, "stopped");
  }
  std::optional<std::string> message;
  if (!messages_.empty()) {
    message = std::move(messages_.front());
    messages_.pop_front();
    bytes_ -= message->size();
  } else if (in_file_ > 0) {
    message = read();
  }
  changed_.notify_all();
  return message;
}

void Pulled::write(const std::string& message) {
  if (!file_) file_.reset(file_without_name());
  const std::uint64_t size = message.size();
  if (!file_ || std::fseek(file_.get(), write_at_, SEEK_SET) != 0 ||
      std::fwrite(&size, sizeof size, 1, file_.get()) != 1 ||
      std::fwrite(message.data(), 1, message.size(), file_.get()) != message.size()) {
    throw Error(Fault::internal,
                "cannot write what a connector sent to a temporary file: " +
                    std::string(std::strerror(errno)),
                "make room in the folder for temporary files, or name another as TMPDIR");
  }
  write_at_ = std::ftell(file_.get());
  ++in_file_;
  ++spilled_;
}

std::string Pulled::read() {
  std::uint64_t size = 0;
  std::string message;
  bool good = std::fseek(file_.get(), read_at_, SEEK_SET) == 0 &&
              std::fread(&size, sizeof size, 1, file_.get()) == 1;
  if (good) {
    message.resize(size);
    good = std::fread(message.data(), 1, size, file_.get()) == size;
  }
  if (!good)
    throw Error(Fault::internal, "cannot read what a connector sent from its temporary file");
  read_at_ = std::ftell(file_.get());
  if (--in_file_ == 0) {  // its room is given back
    file_.reset();
    read_at_ = write_at_ = 0;
  }
  return message;
}

}  // namespace sluice::fivetran
