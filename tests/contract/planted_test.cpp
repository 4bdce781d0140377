// SPDX-License-Identifier: Apache-2.0
// Would the histories notice? Each bug breaks one rule (docs/planted-bugs.md); the seeds that are
// known to find it must find it again. SLUICE_HISTORY_SEEDS=1..200 measures from where on,
// SLUICE_PLANTED_BUGS=NAME,.. for some only.
#include <gtest/gtest.h>

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
  std::uint64_t from;  ///< a seed that has found it
};

/// How far a history gets until it is killed, and what it locks, is not the seed's to say.
constexpr std::uint64_t kSeedsToTry = 40;

constexpr Planted kPlanted[] = {
    {"bound-exclusive", 1},    {"null-keys-skipped", 1},
    {"mark-beyond-clock", 1},  {"mark-after-snapshot", 1},
    {"all-settled", 1},        {"xmin-unchecked", 1},
    {"xmin-alone", 1},         {"message-unchecked", 1},
    {"prepared-unchecked", 1}, {"holders-after-snapshot", 1},
    {"mark-at-once", 1},       {"load-settled-later", 1},
    {"state-before-rows", 1},  {"prune-older-snapshot", 1},
    {"prune-one-sided", 1},    {"tables-unlocked", 1},
    {"bag-as-set", 1},         {"null-as-empty", 1},
};

bool wanted(const std::string& bug) {
  const char* list = std::getenv("SLUICE_PLANTED_BUGS");
  return list == nullptr ||
         ("," + std::string(list) + ",").find("," + bug + ",") != std::string::npos;
}

TEST(Planted, BugsAreFound) {
  if (const std::string why = PostgresServer::missing(); !why.empty()) GTEST_SKIP() << why;
  const char* given = std::getenv("SLUICE_HISTORY_SEEDS");
  for (const Planted& each : kPlanted) {
    if (!wanted(each.bug)) continue;
    setenv("SLUICE_PLANTED_BUG", each.bug, 1);
    const Seeds seeds = given != nullptr ? testing::parse_seeds(given)
                                         : Seeds{each.from, each.from + kSeedsToTry - 1};
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
