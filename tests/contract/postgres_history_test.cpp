// SPDX-License-Identifier: Apache-2.0
// Seeded histories: SLUICE_HISTORY_SEEDS=FIRST..LAST says which (`make soak SEEDS=1..2000`).
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>

#include "support/history.h"

namespace sluice {
namespace {

using testing::History;
using testing::HistoryCounts;
using testing::PostgresDatabase;
using testing::PostgresServer;

struct Seeds {
  std::uint64_t first = 1, last = 100;
};

Seeds seeds() {
  const char* given = std::getenv("SLUICE_HISTORY_SEEDS");
  if (given == nullptr || *given == '\0') return {};
  const std::string text = given;
  const auto dots = text.find("..");
  const std::string last = dots == std::string::npos ? text : text.substr(dots + 2);
  return {std::stoull(text.substr(0, dots)), std::stoull(last)};
}

void show(std::uint64_t done, const HistoryCounts& counts, std::chrono::seconds time) {
  std::cout << done << " histories in " << time.count() << " s: " << counts.steps
            << " steps of writers (" << counts.given_up << " given up), " << counts.runs
            << " runs, " << counts.alongside << " beside writers, " << counts.killed << " killed, "
            << counts.comparisons << " tables compared, " << counts.verified << " verified"
            << std::endl;
}

/// A failure that the seed repeats.
std::string account(std::uint64_t seed, const History* history, const std::string& what) {
  std::string text = "seed " + std::to_string(seed) + ": " + what + "\n";
  if (history != nullptr) {
    text += "what was done:\n";
    for (const std::string& line : history->log()) text += "  " + line + "\n";
  }
  const std::string number = std::to_string(seed);
  return text + "again: SLUICE_HISTORY_SEEDS=" + number + ".." + number +
         " build/release/bin/history_tests\n";
}

TEST(History, EveryRunLeavesWhatItsClassPromises) {
  if (const std::string why = PostgresServer::missing(); !why.empty()) GTEST_SKIP() << why;
  const auto began = std::chrono::steady_clock::now();
  const auto time = [&] {
    return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() -
                                                            began);
  };
  const Seeds range = seeds();
  HistoryCounts counts;
  PostgresDatabase database;
  std::uint64_t done = 0;
  for (std::uint64_t seed = range.first; seed <= range.last; ++seed) {
    std::unique_ptr<History> history;
    try {
      history = std::make_unique<History>(seed, database, counts);
      history->run();
      if (range.first == range.last) std::cout << account(seed, history.get(), "all is well");
    } catch (const std::exception& failure) {
      FAIL() << account(seed, history.get(), failure.what());
    }
    if (++done % 100 == 0) show(done, counts, time());
  }
  if (done % 100 != 0) show(done, counts, time());
  // Nothing is proven by histories in which nothing happens.
  if (done < 50) return;
  const auto each = static_cast<int>(done);
  EXPECT_GT(counts.killed * 2, each);
  EXPECT_GT(counts.alongside, each);
  EXPECT_GT(counts.comparisons, each * 8);
  EXPECT_LT(counts.given_up * 3, counts.steps);
}

}  // namespace
}  // namespace sluice
