// SPDX-License-Identifier: Apache-2.0
// Would the histories notice? Each bug breaks one rule (docs/planted-bugs.md); the seeds that are
// known to find it must find it again. SLUICE_HISTORY_SEEDS=1..200 measures from where on,
// SLUICE_PLANTED_BUGS=NAME,.. for some only.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <string>

#include "support/history_seeds.h"

namespace sluice {
namespace {

using testing::Account;
using testing::Histories;
using testing::PostgresServer;
using testing::Seeds;

struct Planted {
  const char* bug;
  std::uint64_t
      from;  ///< a seed that has found it; 0: none has yet, it runs only where it is named
};

/// How far a history gets until it is killed, and what it locks, is not the seed's to say.
constexpr std::uint64_t kSeedsToTry = 40;

constexpr Planted kPlanted[] = {
    {"all-settled", 3},        {"null-keys-skipped", 3},
    {"bag-as-set", 5},         {"mark-at-once", 5},
    {"mark-beyond-clock", 5},  {"prune-one-sided", 9},
    {"bound-exclusive", 0},    {"holders-after-snapshot", 0},
    {"load-settled-later", 0}, {"mark-after-snapshot", 0},
    {"message-unchecked", 0},  {"null-as-empty", 0},
    {"prepared-unchecked", 0}, {"prune-older-snapshot", 0},
    {"state-before-rows", 0},  {"tables-unlocked", 0},
    {"xmin-alone", 0},         {"xmin-unchecked", 0},
};

bool wanted(const Planted& planted) {
  const char* list = std::getenv("SLUICE_PLANTED_BUGS");
  if (list == nullptr) return planted.from > 0;
  return ("," + std::string(list) + ",").find("," + std::string(planted.bug) + ",") !=
         std::string::npos;
}

TEST(Planted, BugsAreFound) {
  if (const std::string why = PostgresServer::missing(); !why.empty()) GTEST_SKIP() << why;
  const char* given = std::getenv("SLUICE_HISTORY_SEEDS");
  for (const Planted& each : kPlanted) {
    if (!wanted(each)) continue;
    setenv("SLUICE_PLANTED_BUG", each.bug, 1);
    const std::uint64_t from = std::max<std::uint64_t>(each.from, 1);
    const Seeds seeds =
        given != nullptr ? testing::parse_seeds(given) : Seeds{from, from + kSeedsToTry - 1};
    const Histories histories = testing::run_histories(seeds, 2, Account::none);
    unsetenv("SLUICE_PLANTED_BUG");
    std::cout << each.bug << ": "
              << (histories.failed ? "seed " + std::to_string(*histories.failed) : "not found")
              << ", " << static_cast<int>(histories.seconds)
              << " s: " << histories.why.substr(0, histories.why.find("\n    ")) << std::endl;
    EXPECT_TRUE(histories.failed) << each.bug << " goes unnoticed";
  }
}

}  // namespace
}  // namespace sluice
