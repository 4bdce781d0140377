// SPDX-License-Identifier: Apache-2.0
// Which nodes of a YugabyteDB cluster sessions go to, and by what TLS.
#include <filesystem>
#include <fstream>

#include "connectors/registry.h"
#include "contract/yugabyte_copy_fixture.h"

namespace sluice {
namespace {

using ::testing::HasSubstr;

class YugabyteNodes : public YugabyteTest {
 protected:
  /// A load with two readers.
  void load(const std::string& parameters = {}) {
    options.parallel = 2;
    cluster->declare("orders", YugabyteDouble::hash(12, 1));
    good_sync("orders", parameters);
    expect_equal_orders();
  }
  std::vector<std::size_t> connections() const {
    std::vector<std::size_t> all;
    for (std::size_t i = 0; i < cluster->nodes(); ++i) all.push_back(cluster->connections(i));
    return all;
  }
};

TEST_F(YugabyteNodes, ReadersAreSpreadOverThem) {
  YugabyteDouble::Options how;
  how.nodes = 2;
  begin_with_orders(250'000, how);
  load("topology_keys=cloud1.region1.*");
  const std::size_t first = cluster->connections(0);
  EXPECT_GE(cluster->connections(1), 1U);
  load();
  EXPECT_GT(cluster->connections(0), first);
}

TEST_F(YugabyteNodes, AllStayAtTheUrlsHostWhereItSaysSo) {
  begin_with_orders(250'000);
  load("load_balance=false");
  EXPECT_EQ(cluster->connections(1) + cluster->connections(2), 0U);
}

TEST_F(YugabyteNodes, NearOnesComeFirst) {
  begin_with_orders(250'000);
  load("topology_keys=cloud1.region1.zone3");
  EXPECT_GE(cluster->connections(2), 2U);
  EXPECT_EQ(cluster->connections(1), 0U);
}

TEST_F(YugabyteNodes, ReadReplicasServeOnlyReadsOfFollowers) {
  YugabyteDouble::Options how;
  how.places.resize(3);
  how.places[2].node_type = "read_replica";
  begin_with_orders(250'000, how);
  load();
  EXPECT_EQ(cluster->connections(2), 0U);
  load("yb_read_from_followers=true");
}

TEST_F(YugabyteNodes, WhoComesByAPublicAddressIsSentToPublicOnes) {
  begin_with_orders(250'000);
  db->exec("UPDATE pg_catalog.yb_double_nodes SET public_ip = host, host = '10.255.255.' || n");
  load();
  EXPECT_GE(cluster->connections(1), 1U);
}

TEST_F(YugabyteNodes, BehindALoadBalancerNobodyIsSentElsewhere) {
  begin_with_orders(250'000);
  db->exec("UPDATE pg_catalog.yb_double_nodes SET host = '10.255.255.' || n");
  load();
  EXPECT_EQ(cluster->connections(1) + cluster->connections(2), 0U);
}

TEST_F(YugabyteNodes, OneThatDoesNotAnswerIsLeftOut) {
  begin_with_orders(250'000);
  cluster->stop_node(1);
  load();
  EXPECT_GE(cluster->connections(2), 1U);
}

TEST_F(YugabyteNodes, OneThatIsLostWhileItIsReadIsLeftOutAfterwards) {
  begin_with_orders(250'000);
  options.unit_rows = 1;
  bool stopped = false;
  cluster->at_row("yb_hash_code(\"id\") >= ", 10, [&] {
    if (!std::exchange(stopped, true)) cluster->stop_node(1);
    return YugabyteDouble::Fault::cutting();
  });
  load();
  EXPECT_TRUE(stopped);
}

// Who is let in by a file's password for one host is not asked for another's.
TEST_F(YugabyteNodes, APasswordOfAFileLetsInEverywhere) {
  begin_with_orders(250'000);
  const std::filesystem::path file = std::filesystem::path(copy.file()).parent_path() / "pgpass";
  std::string escaped;
  for (const char each : db->server().password()) {
    if (each == ':' || each == '\\') escaped += '\\';
    escaped += each;
  }
  std::ofstream(file) << cluster->host(0) << ":*:*:*:" << escaped << "\n";
  std::filesystem::permissions(file, std::filesystem::perms::owner_read);
  options.parallel = 2;
  const std::string url = "yugabytedb://postgres@" + cluster->host(0) + ":" +
                          std::to_string(cluster->port()) + "/" + db->name() +
                          "?passfile=" + file.string();
  const RunResult result = copy.sync(url, options);
  EXPECT_EQ(result.receipts.at(0).error, "");
  EXPECT_GE(cluster->connections(1), 1U);
  expect_equal_orders();
}

TEST_F(YugabyteNodes, OfSeveralHostsTheFirstThatAnswersIsTaken) {
  begin_with_orders(1000);
  cluster->stop_node(0);
  const RunResult result = copy.sync(cluster->url_of({0, 1, 2}), options);
  EXPECT_EQ(result.receipts.at(0).error, "");
  expect_equal_orders();
}

TEST_F(YugabyteNodes, EachKindOfSslmodeMeansWhatItDoesToLibpq) {
  if (!db->server().tls()) GTEST_SKIP() << "the server has no TLS";
  YugabyteDouble::Options how;
  how.tls = true;
  begin_with_orders(100, how);
  const auto found = [&](const std::string& parameters) -> std::string {
    try {
      duck::Database database;
      const auto source = make_source(database, cluster->url("load_balance=false&" + parameters));
      for (const Finding& each : source->findings()) {
        if (each.what.find("TLS") != std::string::npos) return each.what;
      }
      return "nothing said of TLS";
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::config) << error.what();
      return std::string("refused: ") + error.what();
    }
  };
  const std::string ca = "&sslrootcert=" + db->server().ca().string();
  const std::string wrong = "&sslrootcert=" + db->server().wrong_ca().string();
  EXPECT_THAT(found("sslmode=disable"), HasSubstr("TLS is off"));
  EXPECT_THAT(found("sslmode=allow"), HasSubstr("TLS is off"));
  EXPECT_THAT(found("sslmode=prefer"), HasSubstr("TLS is on"));
  EXPECT_THAT(found("sslmode=require"), HasSubstr("not verified"));
  EXPECT_THAT(found("sslmode=verify-ca" + ca), HasSubstr("is verified, its name is not"));
  EXPECT_THAT(found("sslmode=verify-ca" + wrong), HasSubstr("refused: "));
  // The certificate is for localhost, and the nodes are addresses.
  EXPECT_THAT(found("sslmode=verify-full" + ca), HasSubstr("refused: "));
}

}  // namespace
}  // namespace sluice
