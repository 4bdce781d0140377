// SPDX-License-Identifier: Apache-2.0
// Tables without a primary key whose source digests ranges of the replication key: ticks, of which
// identical ones stay as many as they are. The source rounds stamps to ranges in its own way.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "engine/decide.h"
#include "support/dice.h"
#include "support/engine_fixture.h"

namespace sluice {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A type of stamps, and SQL of the stamp of row i of 20,000: about evenly, on both sides of 1970.
struct Stamps {
  const char* name;
  const char* type;
  const char* of_row;
  const char* nearby;  ///< of stamp s: a little later
  std::vector<const char*> extremes;
};

const std::array<Stamps, 9> kStamps{{
    {"bigint",
     "BIGINT",
     "(i - 7000) * 1000003",
     "s + 1",
     {"-9223372036854775808", "9223372036854775807", "-1"}},
    {"integer", "INTEGER", "i - 7000", "s + 1", {"-2147483648", "2147483647", "-1"}},
    {"date",
     "DATE",
     "DATE '1969-12-31' + (i // 2 - 3000)::INTEGER",
     "s + 1",
     {"'infinity'", "'-infinity'", "'0044-03-15 (BC)'", "'1900-01-01'"}},
    {"timestamp",
     "TIMESTAMP",
     "TIMESTAMP '1969-12-31' + to_microseconds(i * 7000001)",
     "s + INTERVAL 1 microsecond",
     {"'infinity'", "'-infinity'", "'1900-01-01'", "'1969-12-31 23:59:59.999999'"}},
    {"seconds",
     "TIMESTAMP_S",
     "TIMESTAMP '1969-12-31' + to_seconds(i * 7)",
     "s::TIMESTAMP + INTERVAL 1 second",
     {"'infinity'", "'-infinity'", "'1900-01-01'", "'1969-12-31 23:59:59'"}},
    {"milliseconds",
     "TIMESTAMP_MS",
     "TIMESTAMP '1969-12-31' + to_milliseconds(i * 7001)",
     "s::TIMESTAMP + INTERVAL 1 millisecond",
     {"'infinity'", "'-infinity'", "'1900-01-01'", "'1969-12-31 23:59:59.999'"}},
    {"nanoseconds",
     "TIMESTAMP_NS",
     "make_timestamp_ns((i - 7000) * 7000000001)",
     "make_timestamp_ns(epoch_ns(s) + 1)",
     {"'infinity'", "'-infinity'", "'1900-01-01'", "'1969-12-31 23:59:59.999999999'"}},
    {"zoned",
     "TIMESTAMP WITH TIME ZONE",
     "make_timestamptz((i - 7000) * 7000001)",
     "make_timestamptz(epoch_us(s) + 1)",
     {"'infinity'", "'-infinity'", "'1900-01-01 00:00:00+00'"}},
    {"sessions",
     "TIMESTAMP_NS",  // of a second each, months apart
     "make_timestamp_ns((i // 1000 - 7) * 9000000000000000 + (i % 1000) * 1000001)",
     "make_timestamp_ns(epoch_ns(s) + 1)",
     {"'1900-01-01'"}},
}};

constexpr std::uint64_t kTicks = 20'000;

class EngineTicks : public test::EngineSync {
 protected:
  EngineTicks() {
    source->mark_ranges = true;
    source->chunk_rows = 8'000;
  }
  void make_ticks(const Stamps& stamps) {
    source->sql(std::string("CREATE TABLE fake.main.t (s ") + stamps.type +
                ", sym VARCHAR, px BIGINT)");
    insert(stamps.of_row, "range(" + std::to_string(kTicks) + ") r(i)");
    insert("NULL", "range(7) r(i)");
    for (const char* each : stamps.extremes) insert(each, "range(3) r(i)");
    source->replication_keys["t"] = "s";
  }
  void insert(const std::string& stamp, const std::string& from) {
    source->sql("INSERT INTO fake.main.t SELECT " + stamp + ", 'S' || i % 3, i // 5 FROM " + from);
  }
  Verified verify(Sync::Repair repair = Sync::Repair::no, double percent = 100) {
    Observer observer;
    const auto all =
        Sync(database, *source, *destination, options, observer).verify(repair, percent);
    EXPECT_EQ(all.at(0).error, "");
    return all.at(0);
  }
};

class EngineTicksOfType : public EngineTicks, public ::testing::WithParamInterface<Stamps> {};

TEST_P(EngineTicksOfType, NothingIsReadWhereNothingChangedAndLittleWhereLittleDid) {
  make_ticks(GetParam());
  EXPECT_EQ(run_one().strategy, "load");
  Receipt receipt = run_one();
  EXPECT_EQ(receipt.strategy, "digest");
  EXPECT_EQ(receipt.guarantee, "A");
  EXPECT_EQ(receipt.read, 0U);
  EXPECT_EQ(differences(), "");
  // One of two identical rows goes, another comes twice.
  source->sql("DELETE FROM fake.main.t WHERE rowid = 5000");
  insert("(SELECT s FROM fake.main.t WHERE rowid = 12001)", "range(2) r(i)");
  receipt = run_one();
  EXPECT_EQ(differences(), "");
  EXPECT_EQ(receipt.inserted, 2U);
  EXPECT_EQ(receipt.deleted, 1U);
  EXPECT_LT(receipt.read, kTicks / 5);
  EXPECT_GT(receipt.read, 0U);
}

TEST_P(EngineTicksOfType, RowsWithoutAStampAndAtTheEndsOfTimeAreExactToo) {
  make_ticks(GetParam());
  run_one();
  std::string those;
  insert("NULL", "range(2) r(i)");
  for (const char* each : GetParam().extremes) {
    insert(each, "range(2) r(i)");
    those += std::string(", (") + each + ")::" + GetParam().type;
  }
  const std::size_t stamps = GetParam().extremes.size() + 1;
  Receipt receipt = run_one();
  EXPECT_EQ(receipt.inserted, 2 * stamps);
  EXPECT_LT(receipt.read, kTicks / 5);
  EXPECT_EQ(differences(), "");
  source->sql(
      "UPDATE fake.main.t SET px = -1 WHERE sym = 'S1' AND px = 0 AND (s IS NULL OR s IN (" +
      those.substr(2) + "))");
  receipt = run_one();
  EXPECT_GE(receipt.inserted, 2 * stamps);
  EXPECT_EQ(receipt.inserted, receipt.deleted);
  EXPECT_LT(receipt.read, kTicks / 5);
  EXPECT_EQ(differences(), "");
  source->sql("DELETE FROM fake.main.t WHERE s IS NULL");
  EXPECT_EQ(run_one().deleted, 9U);
  EXPECT_EQ(differences(), "");
  source->sql("DELETE FROM fake.main.t WHERE s IN (" + those.substr(2) + ")");
  receipt = run_one();
  EXPECT_GE(receipt.deleted, 5 * (stamps - 1));
  EXPECT_EQ(receipt.inserted, 0U);
  EXPECT_EQ(differences(), "");
}

/// One change or two of up to 20 rows each: of ticks that lie together, wherever that is.
TEST_P(EngineTicksOfType, HistoriesEndAsTheSource) {
  testing::Dice dice(GetParam().name[0] * 1000ULL + GetParam().type[0]);
  make_ticks(GetParam());
  run_one();
  for (int turn = 0; turn < 5; ++turn) {
    std::string done;
    for (int change = dice.from(1, 2); change > 0; --change) {
      const std::string at = std::to_string(dice.below(static_cast<int>(kTicks)));
      const std::string some = std::to_string(dice.from(1, 20));
      const std::string there =
          " WHERE rowid IN (SELECT rowid FROM fake.main.t WHERE rowid >= " + at +
          " ORDER BY rowid LIMIT " + some + ")";
      const std::array<std::string, 7> changes{
          "INSERT INTO fake.main.t FROM fake.main.t" + there,  // identical ones
          "DELETE FROM fake.main.t" + there,
          "UPDATE fake.main.t SET px = px + 1" + there,
          "UPDATE fake.main.t SET s = " + std::string(GetParam().nearby) + there +
              " AND (s > '1800-01-01'::" + GetParam().type + ") AND isfinite(s)",
          "UPDATE fake.main.t SET s = NULL" + there,
          "INSERT INTO fake.main.t SELECT s, 'late', px FROM fake.main.t" + there,
          "UPDATE fake.main.t SET s = (SELECT max(s) FROM fake.main.t WHERE px = 3)" + there,
      };
      std::string sql = dice.pick(changes);
      if (!duck::is_temporal(GetParam().type) && sql.find("isfinite") != std::string::npos)
        sql = "UPDATE fake.main.t SET s = s + 1" + there + " AND s < 2147483647";
      source->sql(sql);
      done += sql + "; ";
    }
    const Receipt receipt = run_one();
    ASSERT_EQ(differences(), "") << done;
    EXPECT_EQ(receipt.strategy, "digest");
    EXPECT_LT(receipt.read, kTicks / 3) << done;
    if (HasFatalFailure()) return;
  }
  EXPECT_TRUE(verify().equal());
}

INSTANTIATE_TEST_SUITE_P(Types, EngineTicksOfType, ::testing::ValuesIn(kStamps),
                         [](const auto& each) { return std::string(each.param.name); });

TEST_F(EngineTicks, ATableThatGrewManifoldIsRead) {
  source->sql("CREATE TABLE fake.main.t (s TIMESTAMP_NS, sym VARCHAR, px BIGINT)");
  source->replication_keys["t"] = "s";
  run_one();
  insert("make_timestamp_ns(0)", "range(5) r(i)");  // all copies so far of one stamp
  run_one();
  EXPECT_EQ(differences(), "");
  insert("make_timestamp_ns(i)", "range(20000) r(i)");
  run_one();
  EXPECT_EQ(differences(), "");
  // Ranges as narrow as the copy's stamps lie, in which the rows of a year are one each: more than
  // are asked for by number.
  insert("make_timestamp_ns(i * 3600000000000)", "range(9000) r(i)");
  insert("NULL", "range(3) r(i)");
  const Receipt receipt = run_one();
  EXPECT_EQ(receipt.inserted, 9'003U);
  EXPECT_EQ(differences(), "");
}

TEST_F(EngineTicks, WhatIsNewToAnEmptyCopyIsOneRange) {
  source->sql("CREATE TABLE fake.main.t (s TIMESTAMP_NS, sym VARCHAR, px BIGINT)");
  source->replication_keys["t"] = "s";
  run_one();
  insert("make_timestamp_ns(i * 3600000000000)", "range(8000) r(i)");
  const Receipt receipt = run_one();
  EXPECT_EQ(receipt.inserted, 8'000U);
  EXPECT_LT(receipt.bytes, receipt.read * 8 + 100);  // 8 are a row's of this source, sums or not
  EXPECT_EQ(differences(), "");
}

TEST_F(EngineTicks, TheLowestNumberIsNotNull) {
  source->sql("CREATE TABLE fake.main.t (s BIGINT, sym VARCHAR, px BIGINT)");
  source->replication_keys["t"] = "s";
  const std::string lowest = "(-9223372036854775808)";
  for (const std::string& each : {lowest, std::string("1"), std::string("NULL")})
    insert(each, "range(1000) r(i)");
  run_one();
  source->sql("DELETE FROM fake.main.t WHERE px = 7 AND s = " + lowest);
  Receipt receipt = run_one();
  EXPECT_EQ(receipt.read, 995U);
  EXPECT_EQ(receipt.deleted, 5U);
  EXPECT_EQ(differences(), "");
  source->sql("DELETE FROM fake.main.t WHERE px = 7 AND s IS NULL");
  receipt = run_one();
  EXPECT_EQ(receipt.read, 995U);
  EXPECT_EQ(receipt.deleted, 5U);
  EXPECT_EQ(differences(), "");
}

/// Nine of ten rows in a burst of 20 us, the others in 20 years: ranges tell them apart badly.
TEST_F(EngineTicks, ABurstInAWideScatterIsReadWholeAndExact) {
  source->sql("CREATE TABLE fake.main.t (s TIMESTAMP_NS, sym VARCHAR, px BIGINT)");
  source->replication_keys["t"] = "s";
  insert(
      "make_timestamp_ns(CASE WHEN i % 10 > 0 THEN 1700000000000000000 + i ELSE i * "
      "31536000000000 END)",
      "range(20000) r(i)");
  run_one();
  EXPECT_EQ(run_one().read, 0U);
  source->sql("DELETE FROM fake.main.t WHERE rowid = 5001 OR rowid = 500");
  EXPECT_EQ(run_one().deleted, 2U);
  EXPECT_EQ(differences(), "");
}

/// What grows at its end is not read anew, however much has come.
TEST_F(EngineTicks, OnlyWhatIsNewIsReadOfATableThatDoubles) {
  make_ticks(kStamps[6]);
  run_one();
  insert("make_timestamp_ns((i - 7000) * 7000000001)", "range(20000, 36000) r(i)");
  const Receipt receipt = run_one();
  EXPECT_EQ(receipt.strategy, "digest");
  EXPECT_EQ(receipt.inserted, 16'000U);
  EXPECT_LT(receipt.read, 18'000U);
  EXPECT_EQ(differences(), "");
}

TEST_F(EngineTicks, ThePlanSaysWhatItIsReadBy) {
  make_ticks(kStamps[6]);
  run_one();
  Observer observer;
  const auto plan = [&] { return Sync(database, *source, *destination, options, observer).plan(); };
  TablePlan planned = plan().at(0);
  EXPECT_EQ(planned.strategy, "digest");
  EXPECT_EQ(planned.why, "no primary key; by ranges of s");
  EXPECT_EQ(planned.reads, "digests of the whole table, computed by the server");
  EXPECT_TRUE(planned.finds_deletes);
  // What cannot be digested is compared as ever, and so is what the user wants compared rarely.
  source->no_digests = "no digest of column px";
  planned = plan().at(0);
  EXPECT_EQ(planned.strategy, "full");
  EXPECT_EQ(planned.why, "no primary key");
  EXPECT_EQ(run_one().read, kTicks + 7 + 12);
  source->no_digests.clear();
  options.defaults.full_every = Cadence{Cadence::Kind::never, {}};
  EXPECT_EQ(plan().at(0).strategy, "not due");
}

TEST_F(EngineTicks, VerifiedAndRepairedByTheSameRanges) {
  make_ticks(kStamps[6]);
  run_one();
  Verified found = verify();
  EXPECT_TRUE(found.equal());
  EXPECT_EQ(found.how, "digests");
  EXPECT_EQ(found.compared, kTicks + 7 + 12);
  duck::Connection c = database.connect();
  c.query("DELETE FROM dst.main.t WHERE rowid = 77");
  c.query("DELETE FROM dst.main.t WHERE s IS NULL");
  c.query("INSERT INTO dst.main.t FROM dst.main.t WHERE rowid = 9000");
  c.query("UPDATE dst.main.t SET sym = 'bent' WHERE rowid = 15000");
  found = verify(Sync::Repair::yes);
  EXPECT_EQ(found.how, "digests");
  EXPECT_EQ(found.missing, 9U);
  EXPECT_EQ(found.extra, 2U);
  EXPECT_TRUE(found.repaired);
  EXPECT_EQ(differences(), "");
  EXPECT_TRUE(verify().equal());
}

TEST_F(EngineTicks, ASampleIsOfRangesThatTheCopyHasRowsIn) {
  make_ticks(kStamps[8]);
  run_one();
  for (const double percent : {10, 10, 50, 90, 90, 90}) {  // of 20 sessions, NULL and 1900
    const Verified found = verify(Sync::Repair::no, percent);
    EXPECT_TRUE(found.equal()) << verified_text(found);
    EXPECT_EQ(found.how, "digests");
    EXPECT_GT(found.compared, 0U);
    EXPECT_LT(found.compared, percent > 10 ? kTicks : kTicks / 2);
  }
  database.connect().query("UPDATE dst.main.t SET px = px + 1");
  EXPECT_FALSE(verify(Sync::Repair::no, 1).equal());
}

TEST_F(EngineTicks, DeletedRowsThatAreToStayStay) {
  options.defaults.deletes = Deletes::ignore;
  make_ticks(kStamps[6]);
  run_one();
  source->sql("DELETE FROM fake.main.t WHERE rowid < 10 OR s IS NULL");
  insert("NULL", "range(30, 33) r(i)");
  const Receipt receipt = run_one();
  EXPECT_EQ(receipt.deleted, 0U);
  EXPECT_EQ(receipt.inserted, 3U);
  EXPECT_EQ(database.connect().query("SELECT count(*) FROM dst.main.t").integer(0, 0),
            static_cast<std::int64_t>(kTicks + 7 + 12 + 3));
}

/// Between digests and rows somebody writes, and no instant holds.
TEST_F(EngineTicks, WhereNoInstantHoldsTheNextRunIsExact) {
  source->consistent = false;
  make_ticks(kStamps[6]);
  run_one();
  insert("make_timestamp_ns(5)", "range(40) r(i)");
  int plans = 0;
  source->before_plan = [&] {
    if (++plans != 2) return;
    source->sql("DELETE FROM fake.main.t WHERE s = make_timestamp_ns(5) AND px = 2");
    source->sql("INSERT INTO fake.main.t VALUES (make_timestamp_ns(6), 'meanwhile', 1)");
  };
  EXPECT_EQ(run_one().guarantee, "D");
  EXPECT_GE(plans, 2);
  run_one();
  EXPECT_EQ(differences(), "");
}

TEST(RangeColumn, IsAnIntegerKeyOrElseAMarkThatTheSourceDigests) {
  const auto column = [](const std::string& name, const std::string& type) {
    Column made;
    made.name = name, made.type = type;
    return made;
  };
  Table table;
  const auto ranged = [&](const std::string& type) {
    table.columns = {column("id", "BIGINT"), column("s", type)};
    const Column* found = range_column(table);
    return found == nullptr ? "" : found->name;
  };
  table.replication_key = "s";
  EXPECT_EQ(ranged("TIMESTAMP"), "");
  table.mark_ranges = true;
  for (const char* each :
       {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "DATE",
        "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE"})
    EXPECT_EQ(ranged(each), "s") << each;
  for (const char* each : {"UBIGINT", "HUGEINT", "DOUBLE", "VARCHAR", "TIME", "INT", "|"})
    EXPECT_EQ(ranged(each), "") << each;
  table.primary_key = {"id"};
  EXPECT_EQ(ranged("TIMESTAMP"), "id");
  table.primary_key = {"s"};
  EXPECT_EQ(ranged("TIMESTAMP"), "");
  EXPECT_EQ(ranged("BIGINT"), "s");
  table.primary_key = {"id", "s"};
  EXPECT_EQ(ranged("BIGINT"), "");
  table.primary_key.clear();
  table.replication_key = "";
  EXPECT_EQ(ranged("TIMESTAMP"), "");
}

TEST(KeyRanges, NeighboursAreOneAndNullsAreNone) {
  const auto text = [](const Buckets& buckets) {
    std::vector<std::string> all;
    for (const KeyRange& each : key_ranges(buckets))
      all.push_back(std::to_string(each.first) + ".." + std::to_string(each.last));
    return all;
  };
  Buckets buckets{Buckets::By::ranges, 3, 5, {Buckets::kNulls, -2, -1, 1, 2, 9}};
  EXPECT_TRUE(buckets.nulls());
  EXPECT_THAT(text(buckets), ElementsAre("-16..-1", "8..23", "72..79"));
  buckets.only.erase(buckets.only.begin());
  EXPECT_FALSE(buckets.nulls());
  EXPECT_THAT(text(buckets), ElementsAre("-16..-1", "8..23", "72..79"));
  buckets = {Buckets::By::ranges, 62, 5, {Buckets::kNulls, -2, -1, 0, 1}};
  EXPECT_THAT(text(buckets), ElementsAre("-9223372036854775808..9223372036854775807"));
  buckets = {Buckets::By::ranges, 0, 5, {INT64_MIN, 7}};  // of a key, which is never NULL
  EXPECT_FALSE(buckets.nulls());
  EXPECT_THAT(text(buckets), ElementsAre("-9223372036854775808..-9223372036854775808", "7..7"));
}

}  // namespace
}  // namespace sluice
