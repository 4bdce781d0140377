// SPDX-License-Identifier: Apache-2.0
// What a MySQL source finds, and that its chunks and snapshots bring every row of one instant once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "mysql_source_fixture.h"

namespace sluice {
namespace {

using ::testing::HasSubstr;
using testing::MysqlSession;

constexpr const char* kSums4000 = "4000 8002000";

TEST_F(MysqlSourceTest, KeysColumnsAndCommentsAreFound) {
  db->exec(
      "CREATE TABLE t (a int NOT NULL COMMENT 'the first', b varchar(9) NOT NULL, c decimal(10,2), "
      "d timestamp(3) NULL, PRIMARY KEY (b, a), KEY (d)) COMMENT 'all of them';"
      "CREATE TABLE `od``d \"na'me.` (`or``der` int, `SELECT` int, PRIMARY KEY (`or``der`))");
  const Catalog catalog = source()->discover({});
  ASSERT_EQ(catalog.tables.size(), 2U);
  const Table& odd = find(catalog, "od`d \"na'me.");
  EXPECT_EQ(odd.primary_key, std::vector<std::string>{"or`der"});
  const Table& table = find(catalog, "t");
  EXPECT_EQ(table.comment, "all of them");
  EXPECT_EQ(table.primary_key, (std::vector<std::string>{"b", "a"}));
  EXPECT_EQ(table.key_origin, KeyOrigin::primary);
  EXPECT_THAT(table.indexed, ::testing::IsSupersetOf({"b", "d"}));
  std::vector<std::string> shown;
  for (const Column& each : table.columns)
    shown.push_back(each.name + " " + each.type + (each.nullable ? "" : " NOT NULL"));
  EXPECT_EQ(shown, (std::vector<std::string>{"a INTEGER NOT NULL", "b VARCHAR NOT NULL",
                                             "c DECIMAL(10,2)", "d TIMESTAMP WITH TIME ZONE"}));
  EXPECT_EQ(table.columns[0].comment, "the first");
}

TEST_F(MysqlSourceTest, OnlyAUniqueIndexThatProvesAKeyIsOne) {
  db->exec(
      "CREATE TABLE proves (a int NOT NULL, b int NOT NULL, UNIQUE (b, a));"
      "CREATE TABLE nullable (a int, UNIQUE (a));"
      "CREATE TABLE prefix (a varchar(50) NOT NULL, UNIQUE (a(5)));"
      "CREATE TABLE plain (a int NOT NULL, KEY (a))");
  const Catalog catalog = source()->discover({});
  EXPECT_EQ(find(catalog, "proves").primary_key, (std::vector<std::string>{"b", "a"}));
  EXPECT_EQ(find(catalog, "proves").key_origin, KeyOrigin::unique);
  for (const char* none : {"nullable", "prefix", "plain"})
    EXPECT_TRUE(find(catalog, none).primary_key.empty()) << none;
}

TEST_F(MysqlSourceTest, ViewsAreFoundOnlyByName) {
  db->exec("CREATE TABLE t (a bigint); INSERT INTO t VALUES (7); CREATE VIEW v AS SELECT a FROM t");
  const auto from = source();
  EXPECT_EQ(from->discover({}).tables.size(), 1U);
  const std::vector<TableName> named{{db->name(), "v"}, {db->name(), "no such"}};
  const Catalog catalog = from->discover(named);
  EXPECT_TRUE(find(catalog, "v").view);
  const auto snapshot = from->snapshot(catalog.tables);
  EXPECT_EQ(totals(*from, *snapshot, "v"), "1 7");
}

TEST_F(MysqlSourceTest, WhatTheUserMayNotReadIsNotListedAndWhatItMayIs) {
  db->exec("CREATE TABLE open (a bigint); CREATE TABLE shut (a bigint)");
  const std::string reader = user("SELECT ON " + db->name() + ".open");
  const auto from = source(reader);
  const Catalog catalog = from->discover({});
  ASSERT_EQ(catalog.tables.size(), 1U);
  EXPECT_EQ(catalog.tables[0].name.name, "open");
}

/// Hundreds of tables cost as many questions as ten.
TEST_F(MysqlSourceTest, ManyTablesAreFoundInAHandfulOfQueries) {
  const auto questions = [&] {
    return std::stol(db->query("SHOW GLOBAL STATUS LIKE 'Questions'").at(0).at(1).value_or(""));
  };
  const auto cost = [&](int tables) {
    std::string all;
    for (int i = 0; i < tables; ++i)
      all += "CREATE TABLE t" + std::to_string(tables) + "_" + std::to_string(i) +
             " (a int PRIMARY KEY, b text) ENGINE=MyISAM;";
    db->exec(all);
    const auto from = source();
    from->identity();
    const long before = questions();
    EXPECT_GE(from->discover({}).tables.size(), static_cast<std::size_t>(tables));
    return questions() - before;
  };
  const long ten = cost(10);
  EXPECT_EQ(cost(300), ten);
  EXPECT_LT(ten, 10);
}

TEST_F(MysqlSourceTest, ReadsOfEveryKindBringTheirRowsOnce) {
  make_wide("id int PRIMARY KEY, updated_at timestamp(6) NULL",
            "i * 3, CASE WHEN i % 10 > 0 THEN timestamp('2020-01-01') + interval i second END");
  db->exec("CREATE TABLE empty (n bigint, id int PRIMARY KEY)");
  const auto from = source();
  const auto snapshot = from->snapshot(from->discover({}).tables);
  EXPECT_EQ(totals(*from, *snapshot, "empty"), "0 0");
  Table table = table_of(*snapshot, "t");
  Plan plan = plan_of(*from, *snapshot, table);
  EXPECT_GT(plan.chunks.size(), 3U);
  EXPECT_EQ(totals(*from, *snapshot, plan), kSums4000);
  EXPECT_EQ(plan.until, "2020-01-01 01:06:39+00");
  EXPECT_EQ(plan.safe, plan.until);
  Read read;
  read.columns = {table.columns[0]};
  read.from = "2020-01-01 01:06:39+00";
  EXPECT_EQ(totals(*from, *snapshot, plan_of(*from, *snapshot, table, read)),
            "401 805999");  // 3999 and all that have no stamp
  read.from.reset();
  read.keys = {{"3"}, {"12000"}, {"5"}};
  EXPECT_EQ(totals(*from, *snapshot, plan_of(*from, *snapshot, table, read)), "2 4001");
  read.keys.clear();
  read.buckets = Buckets{Buckets::By::ranges, 2, 5, {0, 1, 3000}};
  EXPECT_EQ(totals(*from, *snapshot, plan_of(*from, *snapshot, table, read)),
            "3 4003");  // 3, 6 and 12000
  read.buckets.reset();
  table.where = "t.id <= 30 -- a comment";
  table.start = "2020-01-01 00:00:05+00";
  EXPECT_EQ(totals(*from, *snapshot, plan_of(*from, *snapshot, table, read)), "5 35");
}

/// Where keys lie, and what they are made of, is no reason for a row to be read twice or not at
/// all.
TEST_F(MysqlSourceTest, ChunksOfEveryKindOfKeyCoverTheTableOnce) {
  const std::vector<std::pair<const char*, const char*>> keys{
      {"id bigint PRIMARY KEY", "i * 1000003 - 2000000000"},
      {"id bigint unsigned PRIMARY KEY", "18446744073709551615 - i"},
      {"id int PRIMARY KEY", "CASE WHEN i < 3900 THEN i ELSE i * 500000 END"},
      {"a int, b int, PRIMARY KEY (a, b)", "i % 3, i"},
      {"a int, b varchar(9), PRIMARY KEY (a, b)", "i DIV 4, concat('x', i % 4)"},
      {"id varchar(40) PRIMARY KEY", "concat(char(65 + i % 26), 'é''\\\\ ', i)"},
      {"id varchar(40) CHARACTER SET latin1 PRIMARY KEY", "concat('ü', i)"},
      {"id binary(16) PRIMARY KEY", "unhex(md5(i))"},
      {"id char(36) PRIMARY KEY", "uuid()"},
      {"id decimal(20,3) PRIMARY KEY", "i / 7 - 100"},
      {"id datetime(6) PRIMARY KEY", "timestamp('2001-01-01') + interval i * 7 second"},
      {"id date, b int, PRIMARY KEY (id, b)", "date('2001-01-01') + interval i % 40 day, i"},
  };
  for (const auto& [columns, values] : keys) {
    make_wide(columns, values);
    {
      const auto from = source();
      const auto snapshot = from->snapshot(from->discover({}).tables);
      const Plan plan = plan_of(*from, *snapshot, table_of(*snapshot, "t"));
      EXPECT_GT(plan.chunks.size(), 2U) << columns;
      EXPECT_EQ(totals(*from, *snapshot, plan), kSums4000) << columns;
      std::uint64_t most = 0;
      for (const Chunk& each : plan.chunks) most = std::max(most, each.rows);
      EXPECT_LT(most, 3000U) << columns;
    }
    db->exec("DROP TABLE t, seq");
  }
}

TEST_F(MysqlSourceTest, PartitionsOfATableWithoutAKeyAreItsChunks) {
  make_wide("k int", "i % 4");
  db->exec(
      "ALTER TABLE t PARTITION BY LIST (k) (PARTITION `p 0` VALUES IN (0), PARTITION p1 "
      "VALUES IN (1), PARTITION rest VALUES IN (2, 3)); ANALYZE TABLE t");
  const auto from = source();
  const auto snapshot = from->snapshot(from->discover({}).tables);
  const Plan plan = plan_of(*from, *snapshot, table_of(*snapshot, "t"));
  EXPECT_EQ(plan.chunks.size(), 3U);
  EXPECT_EQ(totals(*from, *snapshot, plan), kSums4000);
}

TEST_F(MysqlSourceTest, RowsAreFoundByTheirKeysAsDuckDbPrintsThem) {
  db->exec(
      "CREATE TABLE t (n bigint, a varbinary(9), b varchar(40), c date, d char(3), e bit(9), "
      "f timestamp(6), g double, PRIMARY KEY (a, b, c, d, e, f, g));"
      "INSERT INTO t VALUES (1, x'00ff', 'it''s \\\\', '1000-03-15', 'x', b'100000001', "
      "'2020-01-01 00:00:00.5', 0.1), (2, '', '', '9999-12-31', 'abc', 0, '2038-01-19 03:14:07', "
      "-1e300)");
  const auto from = source();
  const auto snapshot = from->snapshot(from->discover({}).tables);
  Read read;
  read.keys = {
      {"00FF", "it's \\", "1000-03-15", "x", "100000001", "2020-01-01 00:00:00.5+00", "0.1"},
      {"", "", "9999-12-31", "abc", "000000000", "2038-01-19 03:14:07+00", "-1e+300"},
      {"02", "", "2020-01-01", "", "000000000", "2020-01-01 00:00:00+00", "0.0"}};
  EXPECT_EQ(totals(*from, *snapshot, "t", read), "2 3");
}

TEST_F(MysqlSourceTest, ADroppedTableFailsAlone) {
  db->exec("CREATE TABLE fine (a bigint); CREATE TABLE gone (a bigint)");
  const auto from = source();
  const Catalog catalog = from->discover({});
  db->exec("DROP TABLE gone");
  const auto snapshot = from->snapshot(catalog.tables);
  EXPECT_EQ(totals(*from, *snapshot, "fine"), "0 0");
  EXPECT_EQ(std::get<Error>(snapshot->tables()[1]).fault(), Fault::schema);
}

TEST_F(MysqlSourceTest, ATableThatSomebodyHasForHimselfFailsAlone) {
  db->exec("CREATE TABLE busy (a bigint); CREATE TABLE fine (a bigint)");
  const auto from = source();
  const Catalog catalog = from->discover({});
  MysqlSession other = db->session();
  other.exec("LOCK TABLES busy WRITE");
  const auto snapshot = from->snapshot(catalog.tables);
  EXPECT_EQ(std::get<Error>(snapshot->tables()[0]).fault(), Fault::conflict);
  EXPECT_EQ(totals(*from, *snapshot, "fine"), "0 0");
}

TEST_F(MysqlSourceTest, WhatAlterTableDidSinceTheTableWasListedIsSeen) {
  db->exec("CREATE TABLE t (a bigint)");
  const auto from = source();
  const Catalog catalog = from->discover({});
  db->exec("ALTER TABLE t ADD b int");
  const auto snapshot = from->snapshot(catalog.tables);
  EXPECT_EQ(table_of(*snapshot, "t").columns.size(), 2U);
  // From here on nobody changes its shape.
  MysqlSession other = db->session();
  other.exec("SET lock_wait_timeout = 1");
  EXPECT_THROW(other.exec("ALTER TABLE t DROP b"), std::runtime_error);
}

/// How the sessions of a snapshot come to see the same rows depends on what the user may do.
class MysqlSnapshotTest : public MysqlSourceTest {
 protected:
  /// The rows of each of several sessions, while others write.
  void expect_one_instant(const std::string& rights, const std::string& way) {
    db->exec(
        "CREATE TABLE a (n bigint, id int PRIMARY KEY); CREATE TABLE b (n bigint, id int "
        "PRIMARY KEY); INSERT INTO a VALUES (0, 1); INSERT INTO b VALUES (0, 1)");
    const std::string name = rights.empty() ? "root" : user(rights);
    const std::jthread writer([this](const std::stop_token& stop) {
      MysqlSession session = db->session();
      for (int i = 1; !stop.stop_requested(); ++i) {
        const std::string n = std::to_string(i);
        session.exec("START TRANSACTION; UPDATE a SET n = " + n + "; UPDATE b SET n = " + n +
                     "; COMMIT");
      }
    });
    for (int i = 0; i < 5; ++i) {
      const auto from = source(name);
      const auto snapshot = from->snapshot(from->discover({}).tables);
      EXPECT_THAT(snapshot->instant(), HasSubstr(way));
      EXPECT_TRUE(snapshot->consistent(table_of(*snapshot, "a")));
      const auto& sessions = dynamic_cast<mysql::MysqlSnapshot&>(*snapshot).sessions();
      std::vector<std::unique_ptr<mysql::Connection>> all;
      std::vector<std::string> seen;
      while (auto one = sessions->borrow(std::chrono::milliseconds(1))) {
        for (const char* table : {"a", "b"})
          seen.push_back(one->query("SELECT n FROM " + db->name() + "." + table).text(0, 0));
        all.push_back(std::move(one));
      }
      EXPECT_GE(seen.size(), 2U);
      EXPECT_EQ(std::ranges::count(seen, seen.front()), static_cast<long>(seen.size()))
          << ::testing::PrintToString(seen);
      for (auto& each : all) sessions->give_back(std::move(each));
      EXPECT_EQ(totals(*from, *snapshot, "a"), "1 " + seen.front());
    }
  }
};

TEST_F(MysqlSnapshotTest, AtOnePositionOfTheBinaryLog) {
  if (!db->server().mariadb()) GTEST_SKIP() << "MySQL has no position of a snapshot";
  MysqlSession quiet = db->session();
  db->exec("CREATE TABLE t (n bigint, id int PRIMARY KEY)");
  const auto from = source();
  const auto snapshot = from->snapshot(from->discover({}).tables);
  EXPECT_THAT(snapshot->instant(), HasSubstr("binary log"));
  // On a server that is never quiet sessions hardly begin at one, and the way may be another.
  expect_one_instant("", "");
}

TEST_F(MysqlSnapshotTest, WhileTheTablesAreLocked) {
  if (!db->server().mariadb()) GTEST_SKIP() << "before MySQL 5.7.5 LOCK TABLES waits for no writer";
  expect_one_instant("SELECT, LOCK TABLES ON " + all_tables(), "while the tables were locked");
}

TEST_F(MysqlSnapshotTest, WhileTheServerIsLocked) {
  expect_one_instant("SELECT, RELOAD ON *.*", "while the server was locked");
}

TEST_F(MysqlSnapshotTest, ByOneSessionAlone) {
  expect_one_instant("SELECT ON " + all_tables(), "one session");
}

TEST_F(MysqlSnapshotTest, TablesWithoutTransactionsHaveNoInstant) {
  db->exec(
      "CREATE TABLE old (a bigint) ENGINE=MyISAM; CREATE TABLE t (a bigint); CREATE VIEW v AS "
      "SELECT * FROM old");
  const auto from = source();
  const std::vector<TableName> named{{db->name(), "v"}};
  const auto snapshot = from->snapshot(from->discover(named).tables);
  EXPECT_FALSE(snapshot->consistent(table_of(*snapshot, "old")));
  EXPECT_FALSE(snapshot->consistent(table_of(*snapshot, "v")));
  EXPECT_TRUE(snapshot->consistent(table_of(*snapshot, "t")));
}

TEST_F(MysqlSnapshotTest, SessionsThatAreKilledAreDoneWithoutAndTheLastIsMissed) {
  make_wide("id int PRIMARY KEY", "i");
  const auto from = source();
  const auto snapshot = from->snapshot(from->discover({}).tables);
  const Plan plan = plan_of(*from, *snapshot, table_of(*snapshot, "t"));
  const auto& sessions = dynamic_cast<mysql::MysqlSnapshot&>(*snapshot).sessions();
  std::vector<std::unique_ptr<mysql::Connection>> all;
  while (auto one = sessions->borrow(std::chrono::milliseconds(1))) all.push_back(std::move(one));
  for (std::size_t i = 0; i < all.size(); ++i) {
    db->exec("KILL " + std::to_string(all[i]->id()));
  }
  for (auto& each : all) sessions->give_back(std::move(each));
  try {
    for (std::size_t i = 0; i <= all.size(); ++i) {
      try {
        totals(*from, *snapshot, plan);
      } catch (const Error& error) {
        if (error.fault() != Fault::connection || i == all.size()) throw;
      }
    }
    FAIL() << "read by sessions that were killed";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::connection) << error.what();
  }
}

TEST_F(MysqlSnapshotTest, ALostSnapshotIsSaid) {
  db->exec("CREATE TABLE t (a bigint)");
  const auto from = source();
  const auto snapshot = from->snapshot(from->discover({}).tables);
  EXPECT_NO_THROW(snapshot->check_alive({db->name(), "t"}));
  for (const auto& row : db->query("SELECT id FROM information_schema.processlist WHERE id <> "
                                   "connection_id() AND db = database()"))
    db->exec("KILL " + row.at(0).value_or(""));
  try {
    snapshot->check_alive({db->name(), "t"});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::connection);
    EXPECT_THAT(error.what(), HasSubstr("the snapshot is gone"));
  }
}

}  // namespace
}  // namespace sluice
