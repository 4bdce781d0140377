// SPDX-License-Identifier: Apache-2.0
// What may go wrong with answers of a DolphinDB: each ends with a clear error or not at all, never
// with a wrong row, and the run after it is complete.
#include <thread>

#include "connectors/dolphindb/connector.h"
#include "connectors/registry.h"
#include "support/dolphindb_copy_test.h"

namespace sluice {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr const char* kRows = "select symbol, timestamp";

class DolphindbSourceFaults : public DolphindbTest {
 protected:
  void SetUp() override {
    DolphindbTest::SetUp();
    options.idle_timeout = std::chrono::seconds(2);
  }
  void TearDown() override { EXPECT_THAT(cluster->violations(), IsEmpty()); }
  Copy& fresh() { return another.emplace(); }
  /// One run with the fault, which may end well, and one without it.
  std::string said_with(const DolphindbFault& fault, const std::string& at = kRows) {
    Copy& to = fresh();
    cluster->fault(at, fault);
    std::string said;
    try {
      const RunResult result = to.sync(url(), options);
      for (const Receipt& each : result.receipts) said += each.error + each.hint;
    } catch (const Error& error) {
      said = error.what() + error.hint();
    }
    EXPECT_THAT(said, Not(HasSubstr("123456")));
    // What was published is right.
    EXPECT_TRUE(!said.empty() || rows_of(to) == there(ticks()));
    cluster->forget_faults();
    const RunResult result = to.sync(url(), options);
    EXPECT_EQ(receipt_of(result, "trade").error, "") << "after: " << said;
    EXPECT_TRUE(rows_of(to) == there(ticks())) << "after: " << said;
    return said;
  }
  static Texts rows_of(const Copy& from) {
    return sorted(from.query(
        "SELECT [symbol::VARCHAR, timestamp::VARCHAR, price::VARCHAR, volume::VARCHAR]::VARCHAR "
        "FROM public.trade"));
  }
  std::optional<Copy> another;
};

// Head, flags, counts, names, each column's head, values, between blocks.
TEST_F(DolphindbSourceFaults, AnAnswerThatIsCutOffAnywhereIsNoAnswer) {
  begin_with_ticks(9000);
  for (const std::size_t at :
       {0U,  1U,  2U,  6U,  10U, 11U,   12U,     16U,      20U,      21U,     28U,
        40U, 55U, 60U, 70U, 90U, 5000U, 36'000U, 120'000U, 230'000U, 240'000U}) {
    EXPECT_THAT(said_with(DolphindbFault::cut_at(at)), HasSubstr("lost")) << at;
  }
}

TEST_F(DolphindbSourceFaults, AndSoAreAnswersToWhatComesBeforeTheRows) {
  begin_with_ticks(100);
  for (const char* at : {"function getClusterDFSTables", "schema(", "exec count(*)", "function now",
                         "select max(", "function getDynamicPublicKey", "variable sluice_db"}) {
    DolphindbFault error = DolphindbFault::with_error("openChunks operation failed: x");
    EXPECT_THAT(said_with(error, at), HasSubstr("openChunks")) << at;
    said_with(DolphindbFault::cut_at(1), at);
    said_with(DolphindbFault::cut_at(3, DolphindbFault::garbage), at);
  }
}

TEST_F(DolphindbSourceFaults, AnErrorLineIsToldWithItsWordsAndItsCure) {
  begin_with_ticks(100);
  EXPECT_THAT(said_with(DolphindbFault::with_error("<NotLeader>127.0.0.1:8849:node2")),
              HasSubstr("<NotLeader>"));
  EXPECT_THAT(said_with(DolphindbFault::with_error("Out of memory")), HasSubstr("smaller window:"));
  EXPECT_THAT(said_with(DolphindbFault::with_error("<NoPrivilege>Not granted")),
              HasSubstr("TABLE_READ"));
  EXPECT_THAT(said_with(DolphindbFault::with_error("no words of ours")),
              HasSubstr("says: no words of ours"));
}

TEST_F(DolphindbSourceFaults, WhatPassesByItselfIsTriedAgain) {
  begin_with_ticks(3000);
  options.retries = 3;
  for (const char* line : {"<NotLeader>127.0.0.1:8849:node2", "<ChunkInTransaction>x",
                           "<DataNodeNotAvail>x", "openChunks operation failed"})
    EXPECT_EQ(said_with(DolphindbFault::with_error(line)), "") << line;
}

TEST_F(DolphindbSourceFaults, NonsenseIsRefused) {
  begin_with_ticks(9000);
  for (const std::size_t at : {0U, 10U, 12U, 60U, 36'000U})
    EXPECT_NE(said_with(DolphindbFault::cut_at(at, DolphindbFault::garbage)), "") << at;
  EXPECT_NE(said_with(DolphindbFault::wrong_rows()), "");
  EXPECT_NE(said_with(DolphindbFault::wrong_type()), "");
  EXPECT_NE(said_with(DolphindbFault::unknown_form()), "");
  EXPECT_NE(said_with(DolphindbFault::huge_length()), "");
  EXPECT_NE(said_with(DolphindbFault::symbol_out_of_range()), "");
  for (const char* header : {"x", "1 2", "1 1 0", "abc 1 1", "1 -1 1", "1 99999999999999999999 1",
                             "HTTP/1.1 400 Bad Request", "1 1 1 1"}) {
    DolphindbFault fault;
    fault.header = header;
    EXPECT_NE(said_with(fault), "") << header;
  }
}

TEST_F(DolphindbSourceFaults, ABlockThatNeverComesIsWaitedForOnlySoLong) {
  begin_with_ticks(100);
  EXPECT_NE(said_with(DolphindbFault::wrong_block_count()), "");
  EXPECT_NE(said_with(DolphindbFault::cut_at(60, DolphindbFault::stall)), "");
}

TEST_F(DolphindbSourceFaults, AWaitEndsWithItsRun) {
  begin_with_ticks(100);
  options.idle_timeout = std::chrono::seconds(0);
  cluster->fault(kRows, DolphindbFault::cut_at(60, DolphindbFault::stall));
  const auto source = make_source(copy.database(), url());
  const auto destination = make_destination(copy.database(), "duckdb:" + copy.file());
  Observer observer;
  Sync sync(copy.database(), *source, *destination, options, observer);
  std::thread stops([&] {
    while (asked(kRows) == 0) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    sync.stop();
    sync.stop();
  });
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(sync.run().receipts.at(0).outcome, Outcome::interrupted);
  stops.join();
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(5));
}

TEST_F(DolphindbSourceFaults, AWaitBeforeTheTablesAreKnownEndsToo) {
  begin_with_ticks(100);
  std::atomic<bool> stop{false};
  DolphindbFault stalls = DolphindbFault::cut_at(0, DolphindbFault::stall);
  cluster->fault("getClusterDFSTables", stalls);
  const auto source = dolphindb::source(
      url(), {.password = {}, .max_rate_bytes = 0, .stop = [&] { return stop.load(); }});
  std::thread stops([&] {
    while (asked("getClusterDFSTables") == 0)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    stop = true;
  });
  try {
    source->discover({});
    ADD_FAILURE() << "it was answered";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::cancelled);
  }
  stops.join();
}

TEST_F(DolphindbSourceFaults, HowTheBytesComeDoesNotMatter) {
  begin_with_ticks(300);
  DolphindbFault slowly;
  slowly.write_size = 1;
  EXPECT_EQ(said_with(slowly), "");
  EXPECT_EQ(said_with(slowly, "schema("), "");
  DolphindbFault chatty;
  chatty.messages = {"10 % done", "", "MSG\nOK\n"};
  chatty.crlf = true;
  EXPECT_EQ(said_with(chatty), "");
  EXPECT_EQ(said_with(chatty, "schema("), "");
}

TEST_F(DolphindbSourceFaults, AServerThatIsFullIsTriedAgainAndSaysWhatWouldHelp) {
  begin_with_ticks(100, {.max_connections = 0});
  try {
    copy.sync(url(), options);
    ADD_FAILURE() << "there was room";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::connection);
    EXPECT_THAT(error.what(), HasSubstr("Maximum connections 0 reached"));
    EXPECT_THAT(error.hint(), HasSubstr("--parallel"));
  }
}

TEST_F(DolphindbSourceFaults, NoMoreConnectionsAreMadeThanReadersAndOneMore) {
  begin_with_ticks(150'000, {.max_connections = 3}, 60);
  options.defaults.window = std::chrono::hours(24 * 4);
  options.parallel = 2;
  good_sync();
  EXPECT_LE(cluster->most_at_once(), 3U);
  expect_equal_ticks();
}

}  // namespace
}  // namespace sluice
