// SPDX-License-Identifier: Apache-2.0
// Another process that has a DuckDB file open, for tests of locks and of files left by a crash.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <utility>

namespace sluice::test {

class Holder {
 public:
  /// Returns once the file is open and `sql` has run. `mode`: "read" or "write".
  Holder(const std::filesystem::path& file, const std::string& mode, const std::string& sql = {}) {
    std::array<int, 2> in{};
    std::array<int, 2> out{};
    if (pipe2(in.data(), O_CLOEXEC) != 0 || pipe2(out.data(), O_CLOEXEC) != 0) {
      throw std::runtime_error("pipe2");
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    std::array<std::string, 4> words{program().string(), file.string(), mode, sql};
    std::array<char*, 5> arguments{words[0].data(), words[1].data(), words[2].data(),
                                   sql.empty() ? nullptr : words[3].data(), nullptr};
    const int failed =
        posix_spawn(&pid_, words[0].c_str(), &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    close(out[1]);
    input_ = in[1];
    char first = 0;
    const bool ready = failed == 0 && ::read(out[0], &first, 1) == 1 && first == 'r';
    close(out[0]);
    if (!ready) throw std::runtime_error("hold_file did not start: " + words[0]);
  }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;
  ~Holder() { let_go(); }

  pid_t pid() const { return pid_; }
  static std::filesystem::path program() {
    return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "hold_file";
  }

  /// Closes the file as a program that ends does.
  void let_go() {
    if (input_ >= 0) close(std::exchange(input_, -1));
    reap();
  }
  /// SIGKILL: a log that was not checkpointed stays.
  void crash() {
    kill(pid_, SIGKILL);
    reap();
    if (input_ >= 0) close(std::exchange(input_, -1));
  }

 private:
  void reap() {
    if (pid_ > 0) waitpid(std::exchange(pid_, -1), nullptr, 0);
  }
  pid_t pid_ = -1;
  int input_ = -1;
};

}  // namespace sluice::test
