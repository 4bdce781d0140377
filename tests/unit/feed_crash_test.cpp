// SPDX-License-Identifier: Apache-2.0
// A sync that is killed leaves exactly a checkpoint's rows and its state.
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "engine/state.h"
#include "support/feed.h"
#include "support/program.h"

namespace sluice::test {
namespace {

/// What feed_program has made of `t` after n checkpoints, by SQL of our own.
std::string expected(std::int64_t n, std::int64_t rows) {
  const std::string r = std::to_string(rows), last = std::to_string(n - 1);
  // The last checkpoint that wrote the row, k, and whether a later one truncated: of those before
  // m, m // 3 do.
  return "(SELECT id, k AS n, CASE WHEN id = k * " + r +
         " // 2 THEN 'updated' ELSE 'row ' || id || "
         "' as of ' || k END AS v, id = k * " +
         r + " // 2 + 1 OR " + std::to_string(n) +
         " // 3 > (k + 1) // 3 AS dead FROM (SELECT i AS id, least(" + last + ", i // (" + r +
         " // 2)) AS k FROM range(" + last + " * " + r + " // 2 + " + r + ") r(i)))";
}

std::filesystem::path program() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "feed_program";
}

class FeedCrash : public ::testing::Test {
 protected:
  FeedCrash()
      : folder(std::filesystem::temp_directory_path() /
               ("sluice-feed-crash-" + std::to_string(getpid()))) {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
  }
  ~FeedCrash() override { std::filesystem::remove_all(folder); }

  testing::Program start(int checkpoints, int rows, const std::string& failpoint = {}) {
    return testing::Program(program(), {file(), std::to_string(checkpoints), std::to_string(rows)},
                            (folder / "out").string(), failpoint);
  }
  static void wait(testing::Program& running) {
    while (running.running()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  std::string file() const { return (folder / "f.duckdb").string(); }

  /// Lets the next sync look at the file, then compares. Returns the checkpoints it holds.
  std::int64_t check(const std::string& path, std::int64_t rows) {
    FeedFile at(path);
    std::int64_t n = -1;
    at.run({}, [&](const std::string& state, sdk::Operations&) {
      n = nlohmann::json::parse(state).value("n", std::int64_t{0});
    });
    if (at.text("SELECT count(*) FROM duckdb_tables() WHERE database_name = 'dst' AND table_name "
                "= 't'") == "0\n")
      return n;
    const std::string got = "(SELECT id, n, v, _fivetran_deleted AS dead FROM dst.main.t)";
    const std::string want = n == 0 ? "(FROM " + got + " LIMIT 0)" : expected(n, rows);
    // Alike as multisets where the sums of their hashes are; else which rows are not is said.
    const auto sum = [&](const std::string& rows_of) {
      return at.text("SELECT count(*), sum(hash(id, n, v, dead))::VARCHAR FROM " + rows_of);
    };
    if (sum(got) != sum(want)) {
      const auto only = [&](const std::string& one, const std::string& other) {
        return at.text("FROM (FROM " + one + " EXCEPT ALL FROM " + other + ") LIMIT 5");
      };
      ADD_FAILURE() << "after checkpoint " << n << "\ntoo many:\n"
                    << only(got, want) << "missing:\n"
                    << only(want, got);
    }
    return n;
  }

  std::filesystem::path folder;
};

TEST_F(FeedCrash, KilledAtEachPlace) {
  std::int64_t done = 0;
  for (const char* place : {"feed-shaped", "feed-applied", "before-commit", "after-commit",
                            "feed-shaped", "feed-applied", "before-commit", "after-commit"}) {
    auto killed = start(2, 200, place);
    wait(killed);
    ASSERT_TRUE(killed.killed()) << place << ": " << killed.printed();
    const std::int64_t there = check(file(), 200);
    EXPECT_TRUE(there == done || there == done + 1) << place;
    auto goes_on = start(1, 200);
    wait(goes_on);
    ASSERT_EQ(goes_on.exit_code(), 0) << goes_on.printed();
    done = check(file(), 200);
    EXPECT_EQ(done, there + 1) << place;
  }
}

// The copy that was reset is not shown again, and the connector starts over until a checkpoint of
// its was committed.
TEST_F(FeedCrash, AResetHoldsWhereverItIsCutOff) {
  for (const char* place : {"feed-shaped", "feed-applied", "before-commit", "after-commit"}) {
    std::filesystem::remove(file());
    std::filesystem::remove(file() + ".wal");
    auto two = start(2, 50);
    wait(two);
    {
      FeedFile at(file());
      duck::Connection connection = at.database.connect();
      StateStore states("dst", "default");
      states.open(connection, StateStore::Create::no);
      states.reset(connection, {"", "t"});
    }
    auto killed = start(1, 50, place);
    wait(killed);
    ASSERT_TRUE(killed.killed()) << place << ": " << killed.printed();
    const std::int64_t committed = place == std::string("after-commit") ? 1 : 0;
    EXPECT_EQ(check(file(), 50), committed) << place;
    auto goes_on = start(1, 50);
    wait(goes_on);
    ASSERT_EQ(goes_on.exit_code(), 0) << goes_on.printed();
    EXPECT_EQ(check(file(), 50), committed + 1) << place;
  }
}

// Rows enough for DuckDB to write row groups before the commit. A file anew now and then, as every
// one is read whole after each kill.
TEST_F(FeedCrash, KilledAtAnyMoment) {
  constexpr int kRows = 125'000, kRounds = 12;
  std::mt19937 dice(20261122);
  std::int64_t done = 0;
  int killed = 0;
  for (int round = 0; round < kRounds; ++round) {
    if (round % 4 == 0) {
      std::filesystem::remove(file());
      std::filesystem::remove(file() + ".wal");
      done = 0;
    }
    auto running = start(4, kRows);
    std::this_thread::sleep_for(std::chrono::milliseconds(50 + dice() % 700));
    running.kill();
    killed += running.killed() ? 1 : 0;
    const std::int64_t there = check(file(), kRows);
    EXPECT_GE(there, done);
    done = there;
    if (::testing::Test::HasFailure()) return;
  }
  EXPECT_GT(killed, kRounds / 2);
}

// DuckDB's log of a commit of 122,880 rows or more, cut off before its end, keeps the rows alone
// (21 bytes: the record that ends a commit).
TEST_F(FeedCrash, RowsOfATornCommitAreTakenBack) {
  auto two = start(2, 150'000);
  wait(two);
  ASSERT_EQ(two.exit_code(), 0);
  auto third = start(1, 150'000, "after-commit");
  wait(third);
  ASSERT_TRUE(third.killed());
  const std::string log = file() + ".wal";
  ASSERT_TRUE(std::filesystem::exists(log));
  std::filesystem::resize_file(log, std::filesystem::file_size(log) - 21);
  {
    FeedFile torn(file());
    EXPECT_NE(torn.text("SELECT count(*) FROM dst.main.t"), "225000\n")
        << "the log was not torn: this test shows nothing";
  }
  EXPECT_EQ(check(file(), 150'000), 2);
}

}  // namespace
}  // namespace sluice::test
