// SPDX-License-Identifier: Apache-2.0
// Seeded histories as a test: SLUICE_HISTORY_SEEDS=FIRST..LAST says which (`make soak
// SEEDS=1..2000`), SLUICE_HISTORY_WORKERS how many at a time.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <string>

#include "support/history_seeds.h"

namespace sluice::testing {

inline Seeds wanted_seeds(std::uint64_t usual) {
  const char* given = std::getenv("SLUICE_HISTORY_SEEDS");
  return given == nullptr || *given == '\0' ? Seeds{1, usual} : parse_seeds(given);
}

inline std::uint64_t wanted_workers(std::uint64_t usual) {
  const char* given = std::getenv("SLUICE_HISTORY_WORKERS");
  return given == nullptr ? usual : std::max<std::uint64_t>(std::stoull(given), 1);
}

/// `usual`: so many seeds, and so many `workers`, where nobody says which.
inline void expect_histories(const HistoryEngine& engine, std::uint64_t usual,
                             std::uint64_t workers = 2) {
  const Histories histories =
      run_histories(engine, wanted_seeds(usual), wanted_workers(workers), Account::of_failures);
  const HistoryCounts& counts = histories.counts;
  std::cout << histories.done << " histories in " << static_cast<int>(histories.seconds) << " s, "
            << std::round(static_cast<double>(histories.done) / histories.seconds * 100) / 100
            << " a second: " << counts.steps << " steps of writers (" << counts.given_up
            << " given up), " << counts.messages << " messages of two transactions, " << counts.runs
            << " runs, " << counts.alongside << " beside writers, " << counts.ambushes
            << " of them changed under right after the snapshot, " << counts.killed << " killed, "
            << counts.comparisons << " tables compared, " << counts.alike << " with their moments, "
            << counts.verified << " verified; " << counts.torn
            << " killed runs compared with before and after, " << counts.as_of
            << " tables as of earlier runs, " << counts.marked << " rows kept and marked, "
            << counts.large << " large tables with " << counts.by_digests
            << " runs that found deletes by digests and " << counts.parts
            << " that found differences in a part; " << counts.failed_reads
            << " reads that were made to fail" << std::endl;
  ASSERT_FALSE(histories.failed) << "seed " << *histories.failed << ": " << histories.why;
  // Nothing is proven by histories in which nothing happens.
  if (counts.large >= 3) {
    EXPECT_GE(counts.by_digests, engine.deletes_by_digests ? counts.large : 0);
    EXPECT_GT(counts.parts, 0);
  }
  if (histories.done < 40) return;
  const auto each = static_cast<int>(histories.done);
  EXPECT_GT(counts.killed * 2, each);
  EXPECT_GT(counts.alongside * 2, each);
  EXPECT_GT(counts.comparisons, each * 8);
  EXPECT_GT(counts.alike * 2, each);
  EXPECT_GT(counts.messages * 4, each);
  EXPECT_GT(counts.ambushes * 4, each);
  EXPECT_LT(counts.given_up * 3, counts.steps);
  EXPECT_GT(counts.failed_reads * 2, engine.fails_reads ? each : -1);
}

}  // namespace sluice::testing
