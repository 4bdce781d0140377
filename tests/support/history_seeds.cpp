// SPDX-License-Identifier: Apache-2.0
#include "support/history_seeds.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <iostream>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

namespace sluice::testing {
namespace {

constexpr std::size_t kMostWorkers = 16;

/// What the worker processes share.
struct Board {
  std::atomic<std::uint64_t> next{0}, done{0}, failed_seed{0};
  std::atomic<bool> failed{false};
  std::array<char, 400> why{};
  std::array<std::atomic<std::uint64_t>, kMostWorkers> at{};  ///< the seed each is busy with
  std::array<HistoryCounts, kMostWorkers> counts{};

  /// The first one counts. False: it was not.
  bool fail(std::uint64_t seed, const std::string& text) {
    if (failed.exchange(true)) return false;
    failed_seed = seed;
    text.copy(why.data(), why.size() - 1);
    return true;
  }
};

class Shared {
 public:
  Shared() {
    void* memory =
        mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::runtime_error("no shared memory");
    board_ = new (memory) Board;
  }
  ~Shared() { munmap(board_, sizeof(Board)); }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  Board* operator->() const { return board_; }

 private:
  Board* board_;
};

/// What the seed did, and how to have it again.
std::string account_of(const HistoryEngine& engine, std::uint64_t seed, const History* history,
                       const std::string& what) {
  const std::string number = std::to_string(seed);
  std::string text = "seed " + number + ": " + what + "\n";
  if (history != nullptr) {
    text += "what was done:\n";
    for (const std::string& line : history->log()) text += "  " + line + "\n";
  }
  return text + "again: SLUICE_HISTORY_SEEDS=" + number + " build/release/bin/" + engine.program +
         "\n";
}

void run_seed(const Shared& board, const HistoryEngine& engine, std::uint64_t seed,
              std::uint64_t worker, HistoryServer& server, Account account, bool single) {
  std::unique_ptr<History> history;
  try {
    history = std::make_unique<History>(seed, server, board->counts[worker]);
    history->run();
    if (single && account != Account::none)
      std::cout << account_of(engine, seed, history.get(), "all is well");
  } catch (const std::exception& failure) {
    if (board->fail(seed, failure.what()) && account != Account::none)
      std::cout << account_of(engine, seed, history.get(), failure.what()) << std::flush;
  }
}

/// In a process of its own.
void work(const Shared& board, const HistoryEngine& engine, std::uint64_t worker,
          const Seeds& seeds, Account account) {
  const std::unique_ptr<HistoryServer> server = engine.make(worker);
  while (!board->failed) {
    const std::uint64_t seed = board->next.fetch_add(seeds.step);
    if (seed > seeds.last) break;
    board->at[worker] = seed;
    run_seed(board, engine, seed, worker, *server, account, seeds.first == seeds.last);
    if (board->failed) break;
    if (++board->done % 100 == 0 && account != Account::none)
      std::cout << board->done << " histories" << std::endl;
  }
  engine.end(worker);
}

pid_t start_worker(const Shared& board, const HistoryEngine& engine, std::uint64_t worker,
                   const Seeds& seeds, Account account) {
  std::cout.flush();
  const pid_t child = fork();
  if (child != 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // a killed test takes its workers with it
  int code = 0;
  try {
    work(board, engine, worker, seeds, account);
  } catch (const std::exception& error) {
    std::cout << error.what() << std::endl;
    code = 1;
  }
  std::cout.flush();
  _exit(code);  // the server is the parent's
}

HistoryCounts sum(const std::array<HistoryCounts, kMostWorkers>& all) {
  HistoryCounts sum;
  for (const HistoryCounts& each : all) sum += each;
  return sum;
}

}  // namespace

Seeds parse_seeds(const std::string& text) {
  const auto dots = text.find(".."), colon = text.find(':');
  const std::string last = dots == std::string::npos ? text : text.substr(dots + 2);
  return {std::stoull(text), std::stoull(last),
          colon == std::string::npos ? 1 : std::stoull(text.substr(colon + 1))};
}

Histories run_histories(const HistoryEngine& engine, const Seeds& seeds, std::uint64_t workers,
                        Account account) {
  const Shared board;
  board->next = seeds.first;
  workers = std::min({workers, seeds.last - seeds.first + 1, std::uint64_t{kMostWorkers}});
  for (std::uint64_t i = 0; i < workers; ++i) engine.start(i);
  const auto began = std::chrono::steady_clock::now();
  std::vector<pid_t> children;
  for (std::uint64_t i = 0; i < workers; ++i)
    children.push_back(start_worker(board, engine, i, seeds, account));
  for (std::uint64_t i = 0; i < workers; ++i) {
    int status = 0;
    if (waitpid(children[i], &status, 0) != children[i] || status != 0)
      board->fail(board->at[i], "its process ended with status " + std::to_string(status));
  }
  Histories histories;
  histories.done = board->done;
  histories.counts = sum(board->counts);
  if (board->failed) histories.failed = board->failed_seed.load();
  histories.why = board->why.data();
  histories.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  return histories;
}

}  // namespace sluice::testing
