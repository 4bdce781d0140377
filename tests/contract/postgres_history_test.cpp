// SPDX-License-Identifier: Apache-2.0
// Seeded histories: SLUICE_HISTORY_SEEDS=FIRST..LAST says which (`make soak SEEDS=1..2000`),
// SLUICE_HISTORY_WORKERS how many at a time.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/history.h"

namespace sluice {
namespace {

using testing::History;
using testing::HistoryCounts;
using testing::PostgresDatabase;
using testing::PostgresServer;

struct Seeds {
  std::uint64_t first = 1, last = 40;
};

Seeds seeds() {
  const char* given = std::getenv("SLUICE_HISTORY_SEEDS");
  if (given == nullptr || *given == '\0') return {};
  const std::string text = given;
  const auto dots = text.find("..");
  const std::string last = dots == std::string::npos ? text : text.substr(dots + 2);
  return {std::stoull(text.substr(0, dots)), std::stoull(last)};
}

std::uint64_t wanted_workers() {
  const char* given = std::getenv("SLUICE_HISTORY_WORKERS");
  const auto wanted = given == nullptr ? 2 : std::stoull(given);
  return std::min<std::uint64_t>(std::max<std::uint64_t>(wanted, 1), 16);
}

/// What the worker processes share. Each takes the next seed until there is none or one failed.
struct Board {
  std::atomic<std::uint64_t> next{0}, done{0};
  std::atomic<bool> failed{false};
  std::array<std::atomic<std::uint64_t>, 16> at{};  ///< the seed that each is busy with
  std::array<HistoryCounts, 16> counts{};
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

std::string again(std::uint64_t seed) {
  const std::string number = std::to_string(seed);
  return "again: SLUICE_HISTORY_SEEDS=" + number + ".." + number +
         " build/release/bin/history_tests\n";
}

/// What the seed did, and how to have it again.
std::string account(std::uint64_t seed, const History* history, const std::string& what) {
  std::string text = "seed " + std::to_string(seed) + ": " + what + "\n";
  if (history != nullptr) {
    text += "what was done:\n";
    for (const std::string& line : history->log()) text += "  " + line + "\n";
  }
  return text + again(seed);
}

/// In a process of its own.
void work(const Shared& board, std::uint64_t worker, const Seeds& range) {
  PostgresDatabase database;
  while (!board->failed) {
    const std::uint64_t seed = board->next++;
    if (seed > range.last) return;
    board->at[worker] = seed;
    std::unique_ptr<History> history;
    try {
      history = std::make_unique<History>(seed, database, board->counts[worker]);
      history->run();
      if (range.first == range.last) std::cout << account(seed, history.get(), "all is well");
    } catch (const std::exception& failure) {
      if (!board->failed.exchange(true))
        std::cout << account(seed, history.get(), failure.what()) << std::flush;
      return;
    }
    if (++board->done % 100 == 0) std::cout << board->done << " histories" << std::endl;
  }
}

pid_t start_worker(const Shared& board, std::uint64_t worker, const Seeds& range) {
  const pid_t child = fork();
  if (child != 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // a killed test takes its workers with it
  int code = 0;
  try {
    work(board, worker, range);
  } catch (const std::exception& error) {
    std::cout << error.what() << std::endl;
    code = 1;
  }
  std::cout.flush();
  _exit(code);  // the server is the parent's
}

HistoryCounts sum(const std::array<HistoryCounts, 16>& all) {
  HistoryCounts sum;
  for (const HistoryCounts& each : all) {
    sum.steps += each.steps, sum.given_up += each.given_up;
    sum.runs += each.runs, sum.alongside += each.alongside, sum.killed += each.killed;
    sum.verified += each.verified, sum.comparisons += each.comparisons;
  }
  return sum;
}

TEST(History, EveryRunLeavesWhatItsClassPromises) {
  if (const std::string why = PostgresServer::missing(); !why.empty()) GTEST_SKIP() << why;
  PostgresServer::instance();
  const auto began = std::chrono::steady_clock::now();
  const Seeds range = seeds();
  const Shared board;
  board->next = range.first;
  const std::uint64_t workers = std::min(wanted_workers(), range.last - range.first + 1);
  std::vector<pid_t> children;
  for (std::uint64_t i = 0; i < workers; ++i) children.push_back(start_worker(board, i, range));
  for (std::uint64_t i = 0; i < workers; ++i) {
    int status = 0;
    ASSERT_EQ(waitpid(children[i], &status, 0), children[i]);
    if (status == 0) continue;
    board->failed = true;
    ADD_FAILURE() << "seed " << board->at[i] << ": its process ended with status " << status << "\n"
                  << again(board->at[i]);
  }
  const HistoryCounts counts = sum(board->counts);
  const auto time =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - began);
  std::cout << board->done << " histories in " << time.count() << " s: " << counts.steps
            << " steps of writers (" << counts.given_up << " given up), " << counts.runs
            << " runs, " << counts.alongside << " beside writers, " << counts.killed << " killed, "
            << counts.comparisons << " tables compared, " << counts.verified << " verified"
            << std::endl;
  ASSERT_FALSE(board->failed);
  // Nothing is proven by histories in which nothing happens.
  if (board->done < 40) return;
  const auto each = static_cast<int>(board->done);
  EXPECT_GT(counts.killed * 2, each);
  EXPECT_GT(counts.alongside * 2, each);
  EXPECT_GT(counts.comparisons, each * 8);
  EXPECT_LT(counts.given_up * 3, counts.steps);
}

}  // namespace
}  // namespace sluice
