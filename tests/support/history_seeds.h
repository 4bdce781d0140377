// SPDX-License-Identifier: Apache-2.0
// Histories by their seeds, in several worker processes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "support/history.h"

namespace sluice::testing {

struct Seeds {
  std::uint64_t first = 1, last = 1, step = 1;
};

/// "7..12", "7", or "7..200:14" for each 14th, which are of one flavour.
Seeds parse_seeds(const std::string& text);

struct Histories {
  std::uint64_t done = 0;
  HistoryCounts counts;
  std::optional<std::uint64_t> failed;  ///< the first seed that did
  std::string why;                      ///< and in a few words how
  double seconds = 0;
};

enum class Account { none, of_failures };

/// Each worker takes the next seed until there is none or one failed. `account`: whether what a
/// failing history did is printed; that of a single seed is printed whenever it is wanted at all.
Histories run_histories(const HistoryEngine& engine, const Seeds& seeds, std::uint64_t workers,
                        Account account);

}  // namespace sluice::testing
