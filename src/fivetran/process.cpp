// SPDX-License-Identifier: Apache-2.0
#include "fivetran/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "sluice/error.h"

namespace sluice::fivetran {
namespace {

constexpr std::size_t kLongestLine = std::size_t{1} << 16;
constexpr std::size_t kLastLines = 40;
constexpr int kPatience = 100;   // milliseconds
constexpr int kLateReads = 100;  // of whoever left the group and goes on printing

Error cannot_start(const std::string& program, int error) {
  return {Fault::config, "cannot start " + program + ": " + std::strerror(error),
          "install it, or name another program"};
}

}  // namespace

Line read_line(const std::string& line) {
  const auto document =
      line.starts_with("{") ? nlohmann::json::parse(line, nullptr, false) : nlohmann::json(nullptr);
  if (!document.is_object() || !document.contains("message") || !document["message"].is_string())
    return {sdk::Level::info, line};
  const auto text = [&](const char* key) {
    const auto found = document.find(key);
    return found != document.end() && found->is_string() ? found->get<std::string>()
                                                         : std::string();
  };
  const std::string level = text("level");
  const std::string origin = text("message_origin") + text("message-origin");
  Line read{sdk::Level::info, text("message")};
  if (level == "DEBUG" || level == "FINE") {
    read.level = sdk::Level::debug;
  } else if (level == "WARNING") {
    read.level = sdk::Level::warning;
  } else if (level == "ERROR" || level == "SEVERE" || level == "CRITICAL") {
    read.level = sdk::Level::error;
  } else if (origin.starts_with("library")) {
    read.level = sdk::Level::debug;
  }
  return read;
}

Process::Process(const std::vector<std::string>& arguments, const std::filesystem::path& folder,
                 const std::map<std::string, std::string>& environment, Print print)
    : print_(std::move(print)) {
  std::vector<std::string> words = arguments, variables;
  for (char** each = environ; *each != nullptr; ++each) {
    const std::string variable = *each;
    if (!environment.contains(variable.substr(0, variable.find('='))))
      variables.push_back(variable);
  }
  for (const auto& [name, value] : environment) variables.push_back(name + "=" + value);
  const auto pointers = [](std::vector<std::string>& texts) {
    std::vector<char*> all;
    for (std::string& each : texts) all.push_back(each.data());
    all.push_back(nullptr);
    return all;
  };
  std::array<int, 2> in{}, out{};
  if (pipe2(in.data(), O_CLOEXEC) != 0) throw cannot_start(words[0], errno);
  if (pipe2(out.data(), O_CLOEXEC) != 0) {
    close(in[0]);
    close(in[1]);
    throw cannot_start(words[0], errno);
  }
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out[1], STDERR_FILENO);
  posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
  sigset_t none;  // threads of the program may block signals
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
  const int failed = posix_spawn(&pid_, words[0].c_str(), &actions, &attributes,
                                 pointers(words).data(), pointers(variables).data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  close(in[0]);
  close(out[1]);
  input_ = in[1];
  output_ = out[0];
  if (failed != 0) {
    close(input_);
    close(output_);
    throw cannot_start(words[0], failed);
  }
  group_ = pid_;
  pump_ = std::thread([this] { pump(); });
}

Process::~Process() {
  ::kill(-group_, SIGTERM);
  if (!ended_within(std::chrono::seconds(2))) {
    ::kill(pid_, SIGKILL);
    waitpid(std::exchange(pid_, -1), &status_, 0);
  }
  ::kill(-group_, SIGKILL);  // whoever is left of it
  close(input_);
  closing_ = true;
  pump_.join();
  close(output_);
}

bool Process::running() {
  if (pid_ > 0 && waitpid(pid_, &status_, WNOHANG) == pid_) pid_ = -1;
  return pid_ > 0;
}

bool Process::ended_within(std::chrono::milliseconds time) {
  const auto until = std::chrono::steady_clock::now() + time;
  while (running()) {
    if (std::chrono::steady_clock::now() >= until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

std::string Process::end() const {
  if (WIFSIGNALED(status_)) {
    const int number = WTERMSIG(status_);
    return "signal " + std::to_string(number) + " (" + strsignal(number) + ")";
  }
  return "exit code " + std::to_string(WEXITSTATUS(status_));
}

std::optional<int> Process::exit_code() const {
  return WIFEXITED(status_) ? std::optional(WEXITSTATUS(status_)) : std::nullopt;
}

std::string Process::last_words() {
  // It has ended; what it printed last may still be in the pipe.
  for (int i = 0; i < 100 && !printed_all_; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  const std::scoped_lock lock(mutex_);
  std::string all;
  for (const std::string& each : last_) all += (all.empty() ? "" : "\n") + each;
  return all;
}

void Process::take(const std::string& line) {
  if (line.empty()) return;
  const Line read = read_line(line);
  {
    const std::scoped_lock lock(mutex_);
    if (read.text == line) last_.push_back(line);
    if (last_.size() > kLastLines) last_.pop_front();
  }
  print_(read);
}

// Ends when nobody holds the other end any more, the process and all that it has started; and, once
// they were killed, when nothing comes or too much.
void Process::pump() {
  std::string rest;
  std::array<char, 16384> part{};
  for (int late = 0; late < kLateReads;) {
    pollfd waited{output_, POLLIN, 0};
    if (::poll(&waited, 1, kPatience) == 0) {
      if (closing_) break;
      continue;
    }
    if (closing_) ++late;
    const ssize_t size = ::read(output_, part.data(), part.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;
    rest.append(part.data(), static_cast<std::size_t>(size));
    std::size_t begin = 0;
    for (std::size_t at; (at = rest.find('\n', begin)) != std::string::npos; begin = at + 1) {
      const std::size_t end = at > begin && rest[at - 1] == '\r' ? at - 1 : at;
      take(rest.substr(begin, end - begin));
    }
    rest.erase(0, begin);
    if (rest.size() > kLongestLine) take(std::exchange(rest, {}));
  }
  take(rest);
  printed_all_ = true;
}

}  // namespace sluice::fivetran
