// SPDX-License-Identifier: Apache-2.0
#include "cli/signals.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <utility>

#include "sluice/error.h"

namespace sluice::cli {
namespace {

sigset_t watched() {
  sigset_t set{};
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, signal);
  return set;
}

}  // namespace

void block_signals() {
  const sigset_t set = watched();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

int exit_code_of_signal(int signal) { return signal == SIGINT ? 130 : 143; }

SignalWatch::SignalWatch(std::function<void(int, int)> told) : told_(std::move(told)) {
  const sigset_t set = watched();
  signals_ = ::signalfd(-1, &set, SFD_CLOEXEC);
  wake_ = ::eventfd(0, EFD_CLOEXEC);
  if (signals_ < 0 || wake_ < 0)
    throw Error(Fault::internal, "the process may not open a signalfd");
  thread_ = std::thread([this] { loop(); });
}

SignalWatch::~SignalWatch() {
  const std::uint64_t one = 1;
  if (::write(wake_, &one, sizeof one) == sizeof one) thread_.join();
  ::close(signals_);
  ::close(wake_);
}

void SignalWatch::loop() {
  for (int count = 0;;) {
    std::array<pollfd, 2> waiting{{{signals_, POLLIN, 0}, {wake_, POLLIN, 0}}};
    if (::poll(waiting.data(), waiting.size(), -1) < 0) continue;
    if (waiting[1].revents != 0) return;
    signalfd_siginfo info{};
    if (::read(signals_, &info, sizeof info) != sizeof info) continue;
    const int signal = static_cast<int>(info.ssi_signo);
    int none = 0;
    first_.compare_exchange_strong(none, signal);
    if (++count >= 3) ::_exit(exit_code_of_signal(first_.load()));
    told_(count, signal);
  }
}

}  // namespace sluice::cli
