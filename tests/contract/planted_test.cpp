// SPDX-License-Identifier: Apache-2.0
// Would the histories notice? Each bug breaks one rule (docs/planted-bugs.md), and the seed that is
// known to find it must find it again. SLUICE_PLANTED_BUGS=NAME,.. for some only,
// SLUICE_HISTORY_SEEDS=1..200 to look for a seed.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <span>
#include <string>

#include "support/history_flavour.h"
#include "support/history_seeds.h"
#include "support/mysql_server.h"
#include "support/postgres_server.h"

namespace sluice {
namespace {

using testing::Account;
using testing::Histories;
using testing::HistoryEngine;
using testing::MysqlServer;
using testing::PostgresServer;
using testing::run_histories;

struct Planted {
  const char* bug;
  std::uint64_t seed;  ///< that finds it
};

/// How far a run gets until it is killed, or until something happens beside it, is not the seed's
/// to say: where a seed misses its bug once, it has other tries, then seeds of its flavour have
/// one, then the next ones.
constexpr int kTries = 4;
constexpr std::uint64_t kSeedsOfItsFlavour = 40;
constexpr std::uint64_t kSeedsToTry = 200;

constexpr Planted kPlanted[] = {
    {"all-settled", 2},           {"bag-as-set", 3},
    {"bound-exclusive", 9},       {"digests-counted", 42},
    {"filter-for-rows-only", 46}, {"holders-after-snapshot", 16},
    {"horizon-too-late", 21},     {"load-settled-later", 131},
    {"mark-after-snapshot", 8},   {"mark-at-once", 2},
    {"mark-beyond-clock", 1},     {"mark-forgotten", 43},
    {"mark-stays", 54},           {"message-unchecked", 32},
    {"null-as-empty", 8},         {"null-keys-skipped", 13},
    {"one-of-a-pair", 47},        {"prepared-unchecked", 31},
    {"prune-older-snapshot", 2},  {"prune-one-sided", 96},
    {"published-each", 50},       {"state-before-rows", 36},
    {"tables-unlocked", 2},       {"version-ends-now", 44},
    {"version-for-nothing", 44},  {"xmin-alone", 2},
};

constexpr Planted kPlantedInMysql[] = {
    {"mysql-all-settled", 3},           {"mysql-bound-exclusive", 1},
    {"mysql-mark-beyond-clock", 2},     {"mysql-mark-with-fraction", 2},
    {"mysql-null-keys-skipped", 5},     {"mysql-prepared-left", 129},
    {"mysql-prepared-unlisted", 129},   {"mysql-statements-unlisted", 4},
    {"mysql-transactions-unlisted", 3},
};

struct PlantedForContract {
  const char* bug;
  const char* test;  ///< of mysql_source_with_bugs, that finds it
};

constexpr PlantedForContract kPlantedForContracts[] = {
    {"mysql-holders-after-snapshot", "MysqlLateCommits.WhatWasOpenBeforeTheSnapshotIsListed"},
    {"mysql-positions-unchecked", "MysqlSnapshotTest.AtOnePositionOfTheBinaryLog"},
};

bool wanted(const Planted& planted) {
  const char* list = std::getenv("SLUICE_PLANTED_BUGS");
  if (list == nullptr) return true;
  return ("," + std::string(list) + ",").find("," + std::string(planted.bug) + ",") !=
         std::string::npos;
}

Histories look_for(const HistoryEngine& engine, const Planted& planted) {
  const std::uint64_t seed = planted.seed;
  if (const char* given = std::getenv("SLUICE_HISTORY_SEEDS"))
    return run_histories(engine, testing::parse_seeds(given), 2, Account::none);
  Histories histories;
  for (int i = 0; i < kTries && !histories.failed; ++i)
    histories = run_histories(engine, {seed, seed}, 1, Account::none);
  const std::uint64_t step = testing::flavour_step(seed);
  if (!histories.failed) {
    const testing::Seeds alike{seed + step, seed + kSeedsOfItsFlavour * step, step};
    histories = run_histories(engine, alike, 2, Account::none);
  }
  if (!histories.failed)
    histories = run_histories(engine, {seed + 1, seed + kSeedsToTry}, 2, Account::none);
  return histories;
}

void find(const HistoryEngine& engine, std::span<const Planted> bugs) {
  for (const Planted& each : bugs) {
    if (!wanted(each)) continue;
    setenv("SLUICE_PLANTED_BUG", each.bug, 1);
    const Histories histories = look_for(engine, each);
    unsetenv("SLUICE_PLANTED_BUG");
    std::cout << each.bug << ": "
              << (histories.failed ? "seed " + std::to_string(*histories.failed) : "not found")
              << ", " << static_cast<int>(histories.seconds)
              << " s: " << histories.why.substr(0, histories.why.find("\n    ")) << std::endl;
    EXPECT_TRUE(histories.failed) << each.bug << " goes unnoticed";
  }
}

TEST(Planted, BugsAreFound) {
  if (const std::string why = PostgresServer::missing(); !why.empty()) GTEST_SKIP() << why;
  find(testing::postgres_histories(), kPlanted);
}

TEST(Planted, BugsOfMysqlAreFoundInMariadb) {
  if (const std::string why = MysqlServer::missing(); !why.empty()) GTEST_SKIP() << why;
  if (!MysqlServer::instance().mariadb()) GTEST_SKIP() << "planted bugs want MariaDB";
  find(testing::mysql_histories(), kPlantedInMysql);
}

/// What a history hardly brings about, as one thread plays all of its writers, a contract test can.
TEST(Planted, BugsOfMysqlAreFoundByContractTests) {
  if (const std::string why = MysqlServer::missing(); !why.empty()) GTEST_SKIP() << why;
  if (!MysqlServer::instance().mariadb()) GTEST_SKIP() << "planted bugs want MariaDB";
  const std::string program =
      std::filesystem::read_symlink("/proc/self/exe").parent_path() / "mysql_source_with_bugs";
  for (const auto& [bug, test] : kPlantedForContracts) {
    if (!wanted({bug, 0})) continue;
    const std::string command = program + " --gtest_brief=1 --gtest_filter=" + test;
    EXPECT_EQ(std::system(command.c_str()), 0) << test << " fails without " << bug;
    setenv("SLUICE_PLANTED_BUG", bug, 1);
    const std::string often = command + " --gtest_repeat=5 > /dev/null";
    EXPECT_EQ(WEXITSTATUS(std::system(often.c_str())), 1) << bug << " goes unnoticed";
    unsetenv("SLUICE_PLANTED_BUG");
  }
}

}  // namespace
}  // namespace sluice
