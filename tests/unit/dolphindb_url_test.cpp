// SPDX-License-Identifier: Apache-2.0
// A source's URL: what is read in it, what is refused, and that no password is ever shown. What a
// server says, as faults.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "connectors/dolphindb/session.h"
#include "connectors/dolphindb/url.h"
#include "sluice/error.h"

namespace sluice::dolphindb {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Login login(const std::string& rest) { return login_of("dolphindb://" + rest, Secret()); }

TEST(DolphindbUrlTest, EveryPartIsRead) {
  const Login all = login(
      "reader:pass%40word@data1:8849,data2/trades/quotes?tls=verify&"
      "login=rsa&compress=true&fetch-size=20000&connect_timeout=3");
  EXPECT_EQ(all.user, "reader");
  EXPECT_EQ(all.password.reveal(), "pass@word");
  ASSERT_EQ(all.nodes.size(), 2U);
  EXPECT_EQ(all.nodes[0].text(), "data1:8849");
  EXPECT_EQ(all.nodes[1].text(), "data2:8848");
  EXPECT_EQ(all.database, "trades");
  EXPECT_EQ(all.table, "quotes");
  EXPECT_EQ(all.tls, Tls::verified);
  EXPECT_EQ(all.way, LoginWay::rsa);
  EXPECT_TRUE(all.compress);
  EXPECT_EQ(all.fetch_size, 20'000U);
  EXPECT_EQ(all.connect_timeout.count(), 3);
  EXPECT_EQ(all.shown, "dolphindb://reader@data1:8849,data2/trades/quotes");
  EXPECT_EQ(all.secrets.hidden("pass@word or pass%40word"), "*** or ***");
}

TEST(DolphindbUrlTest, PartsMayBeLeftOut) {
  const Login least = login("h");
  EXPECT_EQ(least.nodes.at(0).text(), "h:8848");
  EXPECT_EQ(least.user + least.database + least.table + least.tls_ca, "");
  EXPECT_TRUE(least.password.empty());
  EXPECT_EQ(least.tls, Tls::off);
  EXPECT_EQ(least.way, LoginWay::automatic);
  EXPECT_FALSE(least.compress);
  EXPECT_EQ(least.fetch_size, 0U);
  EXPECT_EQ(login("h/").database, "");
  EXPECT_EQ(login("h:/db").nodes.at(0).port, 8848);
  EXPECT_EQ(login("h/a%2Fb/t%3F1").database, "a/b");
  EXPECT_EQ(login("h/a%2Fb/t%3F1").table, "t?1");
  EXPECT_EQ(login("h/db/with/more").table, "with/more");
  EXPECT_EQ(login("[::1]:99/db").nodes.at(0).text(), "[::1]:99");
  EXPECT_EQ(login("[fe80::1],[::2]").nodes.at(1).host, "::2");
  EXPECT_EQ(login("h?compress").compress, true);
  EXPECT_EQ(login("h?tls=unverified").tls, Tls::unverified);
  EXPECT_EQ(login("h?tls-ca=/dev/null").tls, Tls::verified);
  EXPECT_EQ(login("h?tls-ca=/dev/null&tls=unverified").tls, Tls::unverified);
}

TEST(DolphindbUrlTest, PasswordsMayHoldAnything) {
  EXPECT_EQ(login("u:a@b:c@h").password.reveal(), "a@b:c");
  EXPECT_EQ(login("u:a/b@h/db").password.reveal(), "a/b");
  EXPECT_EQ(login("u:a?b@h/db").password.reveal(), "a?b");
  EXPECT_EQ(login("u:50%@h").password.reveal(), "50%");
  EXPECT_EQ(login("u:@h").password.reveal(), "");
  EXPECT_EQ(login("a%3Ab:c@h").user, "a:b");
  EXPECT_EQ(login_of("dolphindb://u:mine@h", Secret("other")).password.reveal(), "other");
  EXPECT_EQ(login_of("dolphindb://u@h", Secret("other")).password.reveal(), "other");
  EXPECT_EQ(login("u:secret@h?tls-ca=/dev/../dev/null").user, "u");
}

TEST(DolphindbUrlTest, WhatCannotBeReadIsRefusedWithoutItsSecret) {
  struct Refused {
    std::string rest, said;
  };
  const std::vector<Refused> all{
      {"", "host cannot be made out"},
      {"/db", "host cannot be made out"},
      {"u:hunter2@", "host cannot be made out"},
      {"u:hunter2@/db", "host cannot be made out"},
      {"u:hunter2@a,,b/db", "host cannot be made out"},
      {"u:hunter2@a,/db", "host cannot be made out"},
      {"u:hunter2@::1", "host cannot be made out"},
      {"u:hunter2@[::1", "host cannot be made out"},
      {"u:hunter2@[::1]8848", "host cannot be made out"},
      {"u:hunter2@a%20b", "host cannot be made out"},
      {"u:hunter2@h:0", "the port is no number"},
      {"u:hunter2@h:65536", "the port is no number"},
      {"u:hunter2@h:x", "the port is no number"},
      {"u:hunter2@h:8848x/db", "the port is no number"},
      {"u:hunter2@h/db?tls=require", "tls=require is not known"},
      {"u:hunter2@h/db?tls-ca=/no/such/file", "there is no file"},
      {"u:hunter2@h/db?login=md5", "login=md5 is not known"},
      {"u:hunter2@h/db?compress=maybe", "neither true nor false"},
      {"u:hunter2@h/db?fetch-size=8191", "fetch-size is no number"},
      {"u:hunter2@h/db?fetch-size=-1", "fetch-size is no number"},
      {"u:hunter2@h/db?connect-timeout=0", "connect-timeout is no number"},
      {"u:hunter2@h/db?password=hunter2", "parameter password is not known"},
      {"u:hunter2@h/db?user=hunter2", "parameter user is not known"},
      {"u:hunter2@h/d%0Ab", "line feed or a NUL"},
      {"u:hunter2@h/db/t%00", "line feed or a NUL"},
      {"u%0A:hunter2@h/db", "line feed or a NUL"},
      {":hunter2@h/db", "a password and no user"},
      // Not percent-encoded: what is before the ? is not to be taken for a host and shown.
      {"u:hunter2?x=1@h/db", "an @ behind a ?"},
      {"u:123?hunter2=1@h/db", "an @ behind a ?"},
  };
  for (const auto& [rest, said] : all) {
    try {
      login(rest);
      ADD_FAILURE() << rest << " is taken";
    } catch (const Error& error) {
      EXPECT_EQ(error.fault(), Fault::config) << rest;
      EXPECT_THAT(error.what(), HasSubstr(said)) << rest;
      EXPECT_THAT(error.what(), Not(HasSubstr("hunter2"))) << rest;
      EXPECT_THAT(error.hint(), Not(HasSubstr("hunter2"))) << rest;
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << rest;
    }
  }
  EXPECT_THROW(login_of("host/db", Secret()), Error);
}

TEST(DolphindbErrorsTest, WhatAServerSaysIsAFault) {
  struct Said {
    std::string text;
    Fault fault;
  };
  // The texts that the vendor's documents and clients know.
  const std::vector<Said> all{
      {"The user name or password is incorrect.", Fault::authentication},
      {"The user name or password is incorrect", Fault::authentication},
      {"Login is required for script execution with client authentication enabled. RefId: S04009",
       Fault::authentication},
      {"<NoPrivilege>Not granted to read table dfs://db/t", Fault::permission},
      {"No access to table [t]. RefId: S03043", Fault::permission},
      {"<NotLeader>host:8848:node1", Fault::conflict},
      {"<ChunkInTransaction>The chunk is in transaction", Fault::conflict},
      {"The openChunks operation failed because the chunk '/db/1' is in use. RefId:S00002",
       Fault::conflict},
      {"<DataNodeNotAvail>node1", Fault::connection},
      {"<DataNodeNotReady>node1", Fault::connection},
      {"<ControllerNotReady>", Fault::connection},
      {"<ControllerNotAvail>", Fault::connection},
      {"The datanode isn't initialized yet. Please try again later", Fault::connection},
      {"DFS is not enabled or the script was not executed on a data node", Fault::connection},
      {"Maximum connections 512 reached. Close unused connections or increase maxConnections "
       "limit. RefId:S00006",
       Fault::connection},
      {"Syntax Error: [line #1] Cannot recognize the token t", Fault::schema},
      {"Syntax Error: [line #1] Can't recognize function name f", Fault::schema},
      {"getFileBlocksMeta on path '/db/t.tbl' failed, reason: path does not exist", Fault::schema},
      {"The database [x] does not exist. RefId: S04001", Fault::schema},
      {"", Fault::schema},
  };
  for (const auto& [text, fault] : all) {
    const Error error = error_of(text, "node1:8848");
    EXPECT_EQ(error.fault(), fault) << text;
    EXPECT_EQ(error.what(), "node1:8848 says: " + text);
    EXPECT_EQ(error.retryable(), fault == Fault::connection || fault == Fault::conflict);
  }
  EXPECT_THAT(error_of("<NoPrivilege>", "n").hint(), HasSubstr("TABLE_READ"));
  EXPECT_THAT(error_of("The user name or password is incorrect", "n").hint(), HasSubstr("lock"));
}

}  // namespace
}  // namespace sluice::dolphindb
