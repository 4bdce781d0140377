// SPDX-License-Identifier: Apache-2.0
// What is known of YugabyteDB without one: its URLs, versions, splits and places.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "connectors/postgres/cluster.h"
#include "connectors/postgres/connector.h"
#include "connectors/postgres/dialect.h"
#include "connectors/postgres/tablets.h"
#include "connectors/postgres/url.h"
#include "connectors/postgres/yugabyte_url.h"
#include "sluice/error.h"

namespace sluice::postgres {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;

YugabyteUrl read(const std::string& url) { return read_yugabyte_url(url, redacted(url)); }

std::string refusal(const std::string& url) {
  try {
    login_of(url, "sluice", {});
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::config) << url;
    return std::string(error.what()) + " | " + error.hint();
  }
  ADD_FAILURE() << "nothing was refused: " << url;
  return {};
}

TEST(YugabyteDialect, IsWhatTheVersionSays) {
  const Dialect postgres = dialect_of("PostgreSQL 15.20 (Debian 15.20-1) on x86_64, compiled ..");
  EXPECT_EQ(postgres.product, "PostgreSQL");
  EXPECT_EQ(postgres.version, "15.20");
  EXPECT_TRUE(postgres.places && postgres.one_server && postgres.locks);
  for (const auto& [text, version] :
       {std::pair("PostgreSQL 15.12-YB-2025.1.0.0-b0 on x86_64-pc-linux-gnu", "2025.1.0.0-b0"),
        std::pair("PostgreSQL 11.2-YB-2.20.7.0-b58 on aarch64", "2.20.7.0-b58")}) {
    const Dialect yugabyte = dialect_of(text);
    EXPECT_EQ(yugabyte.product, "YugabyteDB");
    EXPECT_EQ(yugabyte.version, version);
    EXPECT_FALSE(yugabyte.places || yugabyte.one_server || yugabyte.locks);
  }
}

TEST(YugabyteUrl, KeepsForLibpqWhatItKnows) {
  const YugabyteUrl url = read(
      "yugabytedb://me:p%3Fw@a:5433,b/iot?sslmode=verify-full&load_balance=false"
      "&yb_fetch_size_limit=2MB&application_name=x&yb_servers_refresh_interval=5");
  EXPECT_EQ(url.url, "postgresql://me:p%3Fw@a:5433,b/iot?sslmode=verify-full&application_name=x");
  EXPECT_FALSE(url.balance.on);
  EXPECT_THAT(url.settings, ElementsAre(Pair("yb_fetch_size_limit", "2MB")));
  EXPECT_FALSE(url.behind);
  EXPECT_EQ(read("yugabytedb://h/d").url, "postgresql://h/d");
  EXPECT_TRUE(read("yugabytedb://h/d").balance.on);
}

TEST(YugabyteUrl, FollowersAreReadAsOfAMomentBefore) {
  EXPECT_EQ(read("yugabytedb://h/d?yb_read_from_followers=true").behind, std::chrono::seconds(30));
  for (const char* both :
       {"yugabytedb://h/d?yb_read_from_followers=on&yb_follower_read_staleness_ms=5000",
        "yugabytedb://h/d?yb_follower_read_staleness_ms=5000&yb_read_from_followers=on"}) {
    EXPECT_EQ(read(both).behind, std::chrono::seconds(5));
    EXPECT_TRUE(read(both).balance.replicas);
  }
  EXPECT_FALSE(read("yugabytedb://h/d?yb_follower_read_staleness_ms=5000").behind);
  EXPECT_FALSE(read("yugabytedb://h/d?yb_read_from_followers=false").behind);
}

TEST(YugabyteUrl, OpenPartsAreYugabytes) {
  const Parameters defaults = login_of("yugabytedb://h1,h2:7000,h3", "sluice", {}).defaults;
  EXPECT_THAT(defaults, ElementsAre(Pair("user", "yugabyte"), Pair("dbname", "yugabyte"),
                                    Pair("port", "5433,7000,5433")));
  EXPECT_THAT(login_of("yugabytedb://me@h:6000/d", "sluice", {}).defaults,
              ElementsAre(Pair("port", "6000")));
  EXPECT_THAT(login_of("postgresql://h", "sluice", {}).defaults, IsEmpty());
  EXPECT_EQ(yugabyte_ports("", ""), "5433");
  EXPECT_EQ(yugabyte_ports("a,b", ""), "5433,5433");
  EXPECT_EQ(yugabyte_ports("a,b", "7000"), "7000");
  EXPECT_EQ(yugabyte_ports("a,b", ",7000"), "5433,7000");
  EXPECT_EQ(yugabyte_ports("a,b", "7000,"), "7000,5433");
}

TEST(YugabyteUrl, ValuesThatCannotBeAreRefusedByName) {
  const std::string secret = "yugabytedb://me:hunter2@h/d?";
  for (const auto& [parameter, says] :
       {std::pair("load_balance=maybe", "load_balance cannot be maybe"),
        std::pair("load_balance=only-rr", "yb_read_from_followers=true"),
        std::pair("topology_keys=a.b.c:x", "topology_keys cannot be a.b.c:x"),
        std::pair("yb_read_from_followers=perhaps", "it is true or false"),
        std::pair("yb_follower_read_staleness_ms=soon", "a number of milliseconds"),
        std::pair("yb_read_time=17", "each run reads as of its own moment")}) {
    const std::string said = refusal(secret + parameter);
    EXPECT_THAT(said, HasSubstr(says));
    EXPECT_THAT(said, Not(HasSubstr("hunter2")));
  }
  EXPECT_THAT(refusal("yugabytedb://me:hun/ter2@h/d"), Not(HasSubstr("ter2")));
  for (const char* slip : {"yugabytedb:/me:hunter2@h/d", "postgresql:me:hunter2@h/d"}) {
    EXPECT_THAT(refusal(slip), HasSubstr("lacks its two slashes"));
    EXPECT_THAT(refusal(slip), Not(HasSubstr("hunter2")));
  }
  EXPECT_THAT(refusal("yugabytedb://h:port/d"), HasSubstr("yugabytedb://user@host:5433/database"));
}

TEST(YugabyteCluster, NearPlacesComeFirst) {
  const Balance balance =
      read("yugabytedb://h/d?topology_keys=aws.eu.*:2,aws.eu.a:1,gcp.eu.a:3").balance;
  EXPECT_THAT(balance.nearest, ElementsAre("aws.eu.a", "aws.eu.*", "gcp.eu.a"));
  EXPECT_EQ(distance(balance, "aws.eu.a"), 0U);
  EXPECT_EQ(distance(balance, "aws.eu.b"), 1U);
  EXPECT_EQ(distance(balance, "gcp.eu.a"), 2U);
  EXPECT_EQ(distance(balance, "aws.us.a"), 3U);
  EXPECT_EQ(distance(balance, ""), 3U);
}

TEST(YugabyteTablets, TheFirstValueOfEachSplitIsRead) {
  EXPECT_THAT(split_values("SPLIT AT VALUES ((100), (200), (-3))"),
              ElementsAre("100", "200", "-3"));
  EXPECT_THAT(split_values("SPLIT AT VALUES ((100, 'a, (b)'), ('it''s', 7), (MINVALUE, 1), (5,6))"),
              ElementsAre("100", "it's", "5"));
  EXPECT_THAT(split_values("SPLIT AT VALUES (('2026-01-01 00:00:00+00'::timestamptz))"),
              ElementsAre("2026-01-01 00:00:00+00"));
  EXPECT_THAT(split_values("SPLIT AT VALUES ((E'a\\\\b''c', MINVALUE), (E'\\\\x00ff'))"),
              ElementsAre("a\\b'c", "\\x00ff"));
  for (const char* none : {"", "SPLIT AT VALUES ()", "(", "((", "(('", "(('a", "((E'a\\"})
    EXPECT_LE(split_values(none).size(), 1U) << none;
}

}  // namespace
}  // namespace sluice::postgres
