// SPDX-License-Identifier: Apache-2.0
// The program `sluice` beside the running test, as a process of its own.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace sluice::testing {

class Program {
 public:
  /// What it prints goes into the file `output`. `failpoint`: the place at which it kills itself;
  /// empty: nowhere.
  Program(const std::vector<std::string>& arguments, std::string output,
          const std::string& failpoint = {})
      : Program(path(), arguments, std::move(output), failpoint) {}
  /// Another program than `sluice`.
  Program(const std::filesystem::path& program, const std::vector<std::string>& arguments,
          std::string output, const std::string& failpoint = {})
      : output_(std::move(output)) {
    std::vector<std::string> words{program.string()};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<std::string> variables;
    for (char** each = environ; *each != nullptr; ++each) variables.emplace_back(*each);
    if (!failpoint.empty()) variables.push_back("SLUICE_FAILPOINT=" + failpoint);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output_.c_str(),
                                     O_WRONLY | O_CREAT | O_TRUNC, 0644);
    posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
    const int failed = posix_spawn(&pid_, words[0].c_str(), &actions, nullptr,
                                   pointers(words).data(), pointers(variables).data());
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) throw std::runtime_error("cannot start " + words[0]);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program() { kill(); }

  static std::filesystem::path path() {
    const bool bugs = std::getenv("SLUICE_PLANTED_BUG") != nullptr;
    return std::filesystem::read_symlink("/proc/self/exe").parent_path() /
           (bugs ? "sluice_with_bugs" : "sluice");
  }

  bool running() {
    if (pid_ > 0 && waitpid(pid_, &status_, WNOHANG) == pid_) pid_ = -1;
    return pid_ > 0;
  }
  /// Stands still until it is told to go on.
  void stand() { signal(SIGSTOP); }
  void go_on() { signal(SIGCONT); }
  /// As Ctrl-C does.
  void interrupt() { signal(SIGINT); }
  /// SIGKILL, unless it has ended.
  void kill() {
    if (!signal(SIGKILL)) return;
    waitpid(std::exchange(pid_, -1), &status_, 0);
  }
  /// Once it has ended: whether by SIGKILL.
  bool killed() const { return WIFSIGNALED(status_) && WTERMSIG(status_) == SIGKILL; }
  /// Once it has ended: its exit code, or -1 for a signal.
  int exit_code() const { return WIFEXITED(status_) ? WEXITSTATUS(status_) : -1; }
  std::string printed() const {
    std::stringstream text;
    text << std::ifstream(output_).rdbuf();
    return text.str();
  }

 private:
  /// False: it has ended.
  bool signal(int number) { return running() && ::kill(pid_, number) == 0; }
  static std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> all;
    for (std::string& each : texts) all.push_back(each.data());
    all.push_back(nullptr);
    return all;
  }
  std::string output_;
  pid_t pid_ = -1;
  int status_ = 0;
};

}  // namespace sluice::testing
