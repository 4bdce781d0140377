// SPDX-License-Identifier: Apache-2.0
// Seeded histories: SLUICE_HISTORY_SEEDS=FIRST..LAST says which (`make soak SEEDS=1..2000`),
// SLUICE_HISTORY_WORKERS how many at a time.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <string>

#include "support/history_seeds.h"

namespace sluice {
namespace {

using testing::Account;
using testing::Histories;
using testing::HistoryCounts;
using testing::PostgresServer;
using testing::run_histories;
using testing::Seeds;

Seeds seeds() {
  const char* given = std::getenv("SLUICE_HISTORY_SEEDS");
  return given == nullptr || *given == '\0' ? Seeds{1, 100} : testing::parse_seeds(given);
}

std::uint64_t workers() {
  const char* given = std::getenv("SLUICE_HISTORY_WORKERS");
  return given == nullptr ? 2 : std::max<std::uint64_t>(std::stoull(given), 1);
}

TEST(History, EveryRunLeavesWhatItsClassPromises) {
  if (const std::string why = PostgresServer::missing(); !why.empty()) GTEST_SKIP() << why;
  const Histories histories = run_histories(seeds(), workers(), Account::of_failures);
  const HistoryCounts& counts = histories.counts;
  std::cout << histories.done << " histories in " << static_cast<int>(histories.seconds) << " s, "
            << std::round(static_cast<double>(histories.done) / histories.seconds * 100) / 100
            << " a second: " << counts.steps << " steps of writers (" << counts.given_up
            << " given up), " << counts.messages << " messages of two transactions, " << counts.runs
            << " runs, " << counts.alongside << " beside writers, " << counts.ambushes
            << " of them changed under right after the snapshot, " << counts.killed << " killed, "
            << counts.comparisons << " tables compared, " << counts.alike << " with their moments, "
            << counts.verified << " verified" << std::endl;
  ASSERT_FALSE(histories.failed) << "seed " << *histories.failed << ": " << histories.why;
  // Nothing is proven by histories in which nothing happens.
  if (histories.done < 40) return;
  const auto each = static_cast<int>(histories.done);
  EXPECT_GT(counts.killed * 2, each);
  EXPECT_GT(counts.alongside * 2, each);
  EXPECT_GT(counts.comparisons, each * 8);
  EXPECT_GT(counts.alike * 2, each);
  EXPECT_GT(counts.messages * 4, each);
  EXPECT_GT(counts.ambushes * 4, each);
  EXPECT_LT(counts.given_up * 3, counts.steps);
}

}  // namespace
}  // namespace sluice
