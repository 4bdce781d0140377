// SPDX-License-Identifier: Apache-2.0
// How tables of YugabyteDB are read: by which chunks, as of which moment, from which nodes.
#include "contract/yugabyte_copy_fixture.h"

#include <set>

#include "connectors/registry.h"

namespace sluice {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

TEST_F(YugabyteTest, IsRecognisedByItsVersionWhateverTheUrlSays) {
  begin_with_orders(1000);
  EXPECT_EQ(good_sync().inserted, 1000U);
  expect_equal_orders();
  const RunResult result = copy.sync(cluster->url({}, "postgresql"), options);
  EXPECT_EQ(result.receipts.at(0).error, "");
  for (const char* missing : {"ctid", "xmin >", "pg_control_system", "pg_current_wal_lsn",
                              "txid_current_snapshot", "pg_relation_size"})
    EXPECT_EQ(asked(missing), 0U) << missing;
}

TEST_F(YugabyteTest, APostgresqlBehindItsUrlIsReadAsOne) {
  db->exec("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)");
  std::string url = db->url();
  url.replace(0, std::string("postgresql").size(), "yugabytedb");
  EXPECT_EQ(copy.sync(url, options).receipts.at(0).inserted, 1U);
}

TEST_F(YugabyteTest, TablesShardedByHashAreReadTabletByTablet) {
  begin_with_orders(300'000);
  cluster->declare("orders", YugabyteDouble::hash(4, 1));
  good_sync();
  expect_equal_orders();
  const Texts read = copies();
  EXPECT_GE(read.size(), 4U);
  EXPECT_THAT(read, Each(HasSubstr("yb_hash_code(\"id\")")));
  for (const char* border : {"16384", "32768", "49152"}) {
    EXPECT_THAT(read, Contains(HasSubstr(std::string("< ") + border)));
    EXPECT_THAT(read, Contains(HasSubstr(std::string(">= ") + border)));
  }
}

TEST_F(YugabyteTest, WithoutTabletsItsPropertiesSayHowManyThereAre) {
  YugabyteDouble::Options how;
  how.tablet_metadata = false;
  begin_with_orders(20'000, how);
  cluster->declare("orders", YugabyteDouble::hash(2, 1));
  good_sync();
  expect_equal_orders();
  EXPECT_THAT(copies(), Contains(HasSubstr("yb_hash_code(\"id\") >= 32768")));
}

TEST_F(YugabyteTest, SeveralColumnsOfTheKeyAreHashedTogether) {
  db->exec(
      "CREATE TABLE pairs (a int, b text, c int, v text, PRIMARY KEY (a, b, c));"
      "INSERT INTO pairs SELECT i % 100, 'b' || i, i, 'v' FROM generate_series(1, 5000) i");
  begin();
  cluster->declare("pairs", YugabyteDouble::hash(3, 2));
  good_sync("pairs");
  expect_equal("pairs", "a, b, c, v");
  EXPECT_THAT(copies(), Each(HasSubstr("yb_hash_code(\"a\", \"b\")")));
}

TEST_F(YugabyteTest, TablesInTheOrderOfTheirKeyAreReadByItsRanges) {
  db->exec(
      "CREATE TABLE stamped (at timestamptz, n int, pad text, PRIMARY KEY (at, n));"
      "INSERT INTO stamped SELECT '2026-01-01+00'::timestamptz + i * interval '1 minute', i, "
      "repeat('x', 400) FROM generate_series(1, 60000) i; ANALYZE stamped");
  begin();
  cluster->declare("stamped", YugabyteDouble::range(
                                  "SPLIT AT VALUES (('2026-01-10 00:00:00+00', 0), ('2026-01-20 "
                                  "00:00:00+00', 0))"));
  good_sync("stamped");
  expect_equal("stamped", "n, extract(epoch FROM \"at\")::bigint, pad");
  EXPECT_GT(copies().size(), 2U);
  EXPECT_THAT(copies(), Each(HasSubstr("\"at\"")));
  EXPECT_EQ(asked("yb_hash_code"), 0U);
}

TEST_F(YugabyteTest, ColocatedTablesAreReadByValuesThatAnalyzeFound) {
  db->exec(
      "CREATE TABLE named (name text PRIMARY KEY, pad text);"
      "INSERT INTO named SELECT md5(i::text), repeat('x', 400) FROM generate_series(1, 60000) i;"
      "ANALYZE named");
  begin();
  cluster->declare("named", YugabyteDouble::colocated());
  good_sync("named");
  expect_equal("named", "name, pad");
  EXPECT_GT(copies().size(), 2U);
}

// As texts, 10 comes before 9 and -1 before -2: ranges of such an order overlap.
TEST_F(YugabyteTest, NumbersAreCutInTheOrderOfNumbers) {
  db->exec(
      "CREATE TABLE numbered (n int PRIMARY KEY, pad text);"
      "INSERT INTO numbered SELECT i, repeat('x', 400) FROM generate_series(-30000, 30000) i;"
      "ANALYZE numbered");
  begin();
  cluster->declare("numbered", YugabyteDouble::colocated());
  EXPECT_EQ(good_sync("numbered").read, 60'001U);
  expect_equal("numbered", "n, pad");
  EXPECT_GT(copies().size(), 2U);
}

TEST_F(YugabyteTest, ATableWithoutAKeyIsOneChunkAndAMultiset) {
  db->exec(
      "CREATE TABLE loose (a int, b text); INSERT INTO loose SELECT i % 10, 'b' FROM "
      "generate_series(1, 1000) i");
  begin();
  good_sync("loose");
  expect_equal("loose", "a, b");
  EXPECT_THAT(copies(), SizeIs(1));
  db->exec("INSERT INTO loose VALUES (3, 'b'); DELETE FROM loose WHERE a = 4");
  const Receipt later = good_sync("loose");
  EXPECT_EQ(later.inserted, 1U);
  EXPECT_EQ(later.deleted, 100U);
  expect_equal("loose", "a, b");
}

TEST_F(YugabyteTest, APartitionedTableIsOneTableReadPartitionByPartition) {
  db->exec(
      "CREATE TABLE parted (id int, region text, v text, PRIMARY KEY (id, region)) PARTITION BY "
      "LIST (region);"
      "CREATE TABLE parted_eu PARTITION OF parted FOR VALUES IN ('eu');"
      "CREATE TABLE parted_us PARTITION OF parted FOR VALUES IN ('us');"
      "INSERT INTO parted SELECT i, CASE WHEN i % 3 = 0 THEN 'eu' ELSE 'us' END, 'v' || i FROM "
      "generate_series(1, 3000) i");
  begin();
  const RunResult result = copy.sync(cluster->url(), options);
  EXPECT_THAT(result.receipts, SizeIs(1));
  expect_equal("parted", "id, region, v");
  EXPECT_THAT(copies(), Contains(HasSubstr("\"parted_eu\"")));
}

TEST_F(YugabyteTest, SchemasOfItsOwnAreNotListed) {
  db->exec(
      "CREATE SCHEMA yb_xcluster_ddl_replication;"
      "CREATE TABLE yb_xcluster_ddl_replication.ddl_queue (id int PRIMARY KEY)");
  begin_with_orders(10);
  duck::Database database;
  const Catalog catalog = make_source(database, cluster->url())->discover({});
  ASSERT_THAT(catalog.tables, SizeIs(1));
  EXPECT_EQ(catalog.tables[0].name.text(), "public.orders");
  EXPECT_FALSE(catalog.tables[0].versions);
  EXPECT_GT(catalog.tables[0].bytes, 0U);
}

TEST_F(YugabyteTest, AnIndexByHashIsNoIndexOfRanges) {
  begin_with_orders(10);
  db->exec("CREATE INDEX by_stamp ON orders (updated_at)");
  cluster->declare("by_stamp", YugabyteDouble::range());
  duck::Database database;
  EXPECT_THAT(make_source(database, cluster->url())->discover({}).tables.at(0).indexed,
              ElementsAre("updated_at"));
  cluster->declare("by_stamp", YugabyteDouble::hash(3, 1));
  EXPECT_THAT(make_source(database, cluster->url())->discover({}).tables.at(0).indexed, IsEmpty());
}

TEST_F(YugabyteTest, AllReadersSeeOneTimeWhateverIsWrittenMeanwhile) {
  begin_with_orders(30'000);
  db->exec("CREATE TABLE later (id int PRIMARY KEY, note text)");
  // Before any session has begun that reads rows.
  cluster->at_row("yb_get_current_hybrid_time_lsn() >> 12", 0, [this] {
    db->exec(
        "UPDATE orders SET note = 'changed', updated_at = now() WHERE id % 2 = 0;"
        "DELETE FROM orders WHERE id % 70 = 0; INSERT INTO later VALUES (1, 'too late')");
    return YugabyteDouble::Fault{};
  });
  const Receipt receipt = good_sync();
  EXPECT_EQ(receipt.guarantee, "A");
  EXPECT_THAT(receipt.instant, HasSubstr("yb_read_time "));
  EXPECT_EQ(copy.query("SELECT count(*) FROM public.orders WHERE note <> 'note ' || id"),
            Texts{"0"});
  EXPECT_EQ(copy.query("SELECT count(*) FROM public.orders"), Texts{"30000"});
  EXPECT_EQ(copy.query("SELECT count(*) FROM public.later"), Texts{"0"});
  good_sync();
  expect_equal_orders();
  expect_equal("later", "id, note");
}

TEST_F(YugabyteTest, WithoutReadTimesASnapshotIsExported) {
  YugabyteDouble::Options how;
  how.read_time = false;
  how.exported_snapshots = true;
  begin_with_orders(30'000, how);
  cluster->at_row("COPY", 100, [this] {
    db->exec("UPDATE orders SET note = 'changed', updated_at = now()");
    return YugabyteDouble::Fault{};
  });
  const Receipt receipt = good_sync();
  EXPECT_EQ(receipt.guarantee, "A");
  EXPECT_THAT(receipt.instant, HasSubstr("snapshot "));
  EXPECT_EQ(copy.query("SELECT count(*) FROM public.orders WHERE note <> 'note ' || id"),
            Texts{"0"});
  good_sync();
  expect_equal_orders();
}

TEST_F(YugabyteTest, WithNeitherEachSessionHasAMomentOfItsOwnAndReceiptsSaySo) {
  YugabyteDouble::Options how;
  how.version = YugabyteDouble::kOldVersion;
  how.read_time = how.tablet_metadata = how.universe_uuid = false;
  begin_with_orders(30'000, how);
  const Receipt receipt = good_sync();
  EXPECT_EQ(receipt.guarantee, "D");
  expect_equal_orders();
  EXPECT_GT(asked("SERIALIZABLE READ ONLY DEFERRABLE"), 0U);
  db->exec("UPDATE orders SET note = 'changed', updated_at = now() WHERE id < 100");
  EXPECT_EQ(good_sync().updated, 99U);
  expect_equal_orders();
}

TEST_F(YugabyteTest, FollowersAreReadWhereTheUrlAsksForThem) {
  begin_with_orders(1000);
  const std::string followers = "yb_read_from_followers=true&yb_follower_read_staleness_ms=6000";
  const Receipt receipt = good_sync("orders", followers);
  EXPECT_EQ(receipt.guarantee, "D");
  expect_equal_orders();
  EXPECT_EQ(asked("yb_read_time TO"), 0U);
  // A row that followers may not show yet is not below the mark.
  db->exec("UPDATE orders SET updated_at = clock_timestamp(), note = 'new' WHERE id = 7");
  const std::string mark = good_sync("orders", followers).until.value_or("");
  expect_equal_orders();
  EXPECT_EQ(db->value("SELECT max(updated_at) > '" + mark + "'::timestamptz FROM orders"), "t");
}

TEST_F(YugabyteTest, SessionsFetchBySizeUnlessTheUrlSaysOtherwise) {
  begin_with_orders(100);
  good_sync();
  EXPECT_GT(asked("yb_fetch_size_limit"), 0U);
  const auto source_of = [&](const std::string& parameters) {
    duck::Database database;
    make_source(database, cluster->url(parameters))->discover({});
  };
  EXPECT_NO_THROW(source_of("yb_fetch_size_limit=4MB"));
  EXPECT_GT(asked("'4MB'"), 0U);
  try {
    source_of("yb_no_such_setting=1");
    FAIL() << "nothing was refused";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::config);
    EXPECT_THAT(error.what(), HasSubstr("yb_no_such_setting"));
    EXPECT_THAT(error.hint(), HasSubstr("this is YugabyteDB 2025.1"));
  }
}

TEST_F(YugabyteTest, RowVersionsAreNotOfferedAndDigestsAre) {
  begin_with_orders(60'000);
  options.defaults.strategy = Strategy::xmin;
  EXPECT_THAT(sync().error, HasSubstr("xmin"));
  options.defaults.strategy = Strategy::digest;
  good_sync();
  db->exec(
      "UPDATE orders SET note = 'unstamped' WHERE id % 1000 = 3; DELETE FROM orders WHERE id = 9");
  const Receipt receipt = good_sync();
  EXPECT_EQ(receipt.guarantee, "A");
  EXPECT_EQ(receipt.updated, 60U);
  EXPECT_EQ(receipt.deleted, 1U);
  EXPECT_LT(receipt.read, 30'000U);
  expect_equal_orders();
  const auto verified = copy.verify(cluster->url());
  ASSERT_THAT(verified, SizeIs(1));
  EXPECT_EQ(verified[0].how, "digests");
  EXPECT_TRUE(verified[0].equal());
}

// Neither is found by an index where one condition asks for both.
TEST_F(YugabyteTest, RowsSinceAMarkAndRowsWithoutOneAreAskedForByThemselves) {
  begin_with_orders(1000);
  good_sync();
  db->exec(
      "UPDATE orders SET updated_at = NULL, note = 'none' WHERE id = 3;"
      "UPDATE orders SET updated_at = now(), note = 'now' WHERE id = 4");
  EXPECT_EQ(good_sync().updated, 2U);
  EXPECT_THAT(copies(), Contains(HasSubstr("AND \"updated_at\" IS NULL\n")));
  EXPECT_THAT(copies(), Contains(HasSubstr("AND \"updated_at\" >= ")));
  expect_equal("orders", "id, note");
  db->exec(
      "ALTER TABLE orders ALTER updated_at SET DEFAULT now();"
      "UPDATE orders SET updated_at = now() WHERE updated_at IS NULL;"
      "ALTER TABLE orders ALTER updated_at SET NOT NULL");
  good_sync();
  const std::size_t before = asked("AND \"updated_at\" IS NULL");
  good_sync();
  EXPECT_EQ(asked("AND \"updated_at\" IS NULL"), before);
}

TEST_F(YugabyteTest, DeletesAreFoundByDigestsOfKeys) {
  begin_with_orders(100'000);
  good_sync();
  db->exec("DELETE FROM orders WHERE id % 1000 = 1");
  const Receipt receipt = good_sync();
  EXPECT_EQ(receipt.deleted, 100U);
  EXPECT_LT(receipt.read, 50'000U);
  expect_equal_orders();
}

TEST_F(YugabyteTest, TheUniverseIsWhatItIsKnownBy) {
  begin_with_orders(10);
  good_sync();
  duck::Database database;
  EXPECT_THAT(make_source(database, cluster->url())->identity(), HasSubstr("universe "));
  EXPECT_EQ(make_source(database, cluster->url_of({1}))->identity(),
            make_source(database, cluster->url_of({0}))->identity());
  EXPECT_EQ(make_source(database, cluster->url())->position(), std::nullopt);
}

TEST_F(YugabyteTest, CheckSaysWhatARunReadsAsOf) {
  begin_with_orders(10);
  duck::Database database;
  std::string all;
  for (const Finding& each : make_source(database, cluster->url())->findings())
    all += each.what + "\n" + each.hint + "\n";
  EXPECT_THAT(all, HasSubstr("YugabyteDB 2025.1.0.0-b0: a run reads as of one time"));
  EXPECT_THAT(all, HasSubstr("a node does not see the transactions of the others"));
  EXPECT_THAT(all, Not(HasSubstr("a primary")));
}

}  // namespace
}  // namespace sluice
