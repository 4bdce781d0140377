// SPDX-License-Identifier: Apache-2.0
// What a stream has brought and nobody has taken yet: in memory as far as that goes, then in a
// file.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace sluice::fivetran {

/// Messages in their order, from one thread to another. A connector gives up when nobody takes what
/// it says for two minutes, and a commit may take longer; so add() waits where `memory` is full,
/// but not for long: then the message goes to a file without a name, 1 MiB a second or, if a
/// message is larger than 256 KiB, four of them.
class Pulled {
 public:
  explicit Pulled(std::size_t memory = std::size_t{8} << 20) : memory_(memory) {}

  /// Throws Fault::internal where the file cannot be written, Fault::cancelled after close().
  void add(std::string message);
  /// No more will come.
  void end();
  /// The next; none: end() was called, and all is taken. Throws Fault::cancelled soon after
  /// `stopped` says so, which is asked every 200 ms.
  std::optional<std::string> take(const std::function<bool()>& stopped);
  /// Nobody takes any more.
  void close();
  /// Messages that went to the file, ever.
  std::uint64_t spilled() const;

 private:
  bool room() const { return in_file_ == 0 && bytes_ < memory_; }
  void write(const std::string& message);
  std::string read();

  const std::size_t memory_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> messages_;
  std::size_t bytes_ = 0, allowance_ = 0;
  bool ended_ = false, closed_ = false;

  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::unique_ptr<std::FILE, Close> file_;
  std::uint64_t in_file_ = 0, spilled_ = 0;
  long read_at_ = 0, write_at_ = 0;
};

}  // namespace sluice::fivetran
