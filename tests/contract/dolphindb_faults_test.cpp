// SPDX-License-Identifier: Apache-2.0
// What stands in for a DolphinDB: how strictly it holds to the protocol, and what it breaks on
// demand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>

#include "support/dolphindb_client.h"
#include "support/dolphindb_double.h"

namespace sluice {
namespace {

using testing::DolphindbClient;
using testing::DolphindbDouble;
using testing::DolphindbFault;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
namespace dolphin = testing::dolphin;

const std::string kRows = "select id, sym from loadTable(\"dfs://db\", \"t\")";

class DolphindbFaultsTest : public ::testing::Test {
 protected:
  void begin(DolphindbDouble::Options options = {}) {
    cluster = std::make_unique<DolphindbDouble>(std::move(options));
    cluster->create(
        {.database = "dfs://db", .name = "t", .columns = {{"id", "LONG"}, {"sym", "SYMBOL"}}});
    cluster->exec(
        "INSERT INTO \"dfs://db\".t SELECT i, ['A', 'B'][1 + i % 2] FROM range(10000) r(i)");
  }
  DolphindbClient client(std::size_t node = 0) const {
    return DolphindbClient(cluster->port(node));
  }
  /// What becomes of reading the rows in blocks; "ok" where nothing is wrong with them.
  std::string read(const std::string& script = kRows) const {
    try {
      DolphindbClient one(cluster->port());
      const auto reply = one.run(script, "0_1_4_64__8192");
      if (reply.status != "OK") return reply.status;
      return reply.value->items.size() == 2 && reply.value->items[1].rows == 1808 ? "ok" : "rows";
    } catch (const std::runtime_error& error) {
      return error.what();
    }
  }
  std::string read_with(const DolphindbFault& fault) const {
    cluster->fault("loadTable", fault);
    const std::string said = read();
    EXPECT_EQ(read(), "ok") << "a fault comes once";
    return said;
  }
  std::unique_ptr<DolphindbDouble> cluster;
};

TEST_F(DolphindbFaultsTest, ItSpeaksAsTheProtocolIsPublished) {
  begin();
  // Without options, and without a line's end after the password.
  DolphindbClient one(cluster->port(), "");
  EXPECT_EQ(one.connected().status, "OK");
  EXPECT_THAT(one.connected().header, HasSubstr(" 0 1"));
  one.send(DolphindbClient::request("script\n1+1", "", "API2"));
  EXPECT_EQ(one.reply().value->integer(), 2);
  // JavaScript's client ends the body of a function with a line's end.
  const auto exists = one.ask("function\nexistsDatabase\n1\n1\n", "0_1_4_64",
                              dolphin::encode(dolphin::make_text("dfs://none")));
  EXPECT_EQ(exists.value->type, dolphin::kBool);
  EXPECT_EQ(exists.value->integer(), 0);
  const auto login = one.ask(
      "function\nlogin\n2\n1", "0_1_4_64",
      dolphin::encode(dolphin::make_text("admin")) + dolphin::encode(dolphin::make_text("wrong")));
  EXPECT_EQ(login.status, "The user name or password is incorrect.");
  EXPECT_THAT(one.run("exec count(*) from loadTable(\"dfs://db\", \"t\")").status,
              HasSubstr("<NoPrivilege>Not granted to read table dfs://db/t"));
  EXPECT_EQ(DolphindbClient(cluster->port(), "admin", "wrong").connected().status,
            "The user name or password is incorrect.");
  // Flag 16 forgets the variables; flag 4 is never answered.
  DolphindbClient two = client();
  EXPECT_THAT(two.upload("x", dolphin::make(dolphin::kInt, 5)).header, HasSubstr(" 0 1"));
  EXPECT_EQ(two.run("x", "16_1_4_64").value->integer(), 5);
  EXPECT_THAT(two.run("x").status, HasSubstr("Cannot recognize the token x"));
  two.send(DolphindbClient::request("script\ny = 6", "4_1_4_64"));
  EXPECT_EQ(two.run("y").value->integer(), 6);
  EXPECT_THAT(two.run(kRows, "0_1_4_64__8191").status, HasSubstr("fetchSize"));
  EXPECT_EQ(read(), "ok");
  EXPECT_EQ(read("1 + 1").substr(0, 4), "rows");
  EXPECT_THAT(cluster->violations(), IsEmpty());
  EXPECT_THAT(cluster->requests("loadTable"), SizeIs(3));
  EXPECT_EQ(cluster->requests("loadTable")[2].options, "0_1_4_64__8192");
}

TEST_F(DolphindbFaultsTest, WhoBreaksTheProtocolIsCutOffAndTold) {
  begin();
  const auto broken = [&](const std::string& bytes) {
    DolphindbClient one = client();
    one.send(bytes);
    EXPECT_THROW(
        {
          one.reply();
          one.reply();
        },
        std::runtime_error)
        << bytes;
  };
  // Two at once; a request that is none; big endian; too few variables.
  broken(DolphindbClient::request("script\n1", "0_1_4_64") +
         DolphindbClient::request("script\n2", "0_1_4_64"));
  broken("GET / HTTP/1.1\r\n\r\n");
  broken(DolphindbClient::request("function\nversion\n0\n0", "0_1_4_64"));
  broken(DolphindbClient::request("variable\na,b\n1\n1", "0_1_4_64") +
         dolphin::encode(dolphin::make(dolphin::kInt, 1)));
  broken(DolphindbClient::request("script\n1", "0_1_10_64"));
  EXPECT_THAT(cluster->violations(),
              ElementsAre("speaks before it was answered", HasSubstr("no request: GET"),
                          "big endian", HasSubstr("variables"), "a priority"));
}

TEST_F(DolphindbFaultsTest, AnAnswerBreaksWhereItIsToldTo) {
  begin();
  EXPECT_EQ(read_with(DolphindbFault::with_error("<NotLeader>127.0.0.1:8849:node2")),
            "<NotLeader>127.0.0.1:8849:node2");
  for (const std::size_t at : {0U, 5U, 11U, 60U, 80000U, 119000U})
    EXPECT_EQ(read_with(DolphindbFault::cut_at(at)), "the other side is gone") << at;
  EXPECT_THAT(read_with(DolphindbFault::cut_at(60, DolphindbFault::garbage)),
              ::testing::AnyOf(HasSubstr("gone"), HasSubstr("no object")));
  EXPECT_THAT(read_with(DolphindbFault::wrong_rows()), HasSubstr("not as long as its table"));
  EXPECT_THAT(read_with(DolphindbFault::wrong_type()), HasSubstr("no object of DolphinDB"));
  EXPECT_THAT(read_with(DolphindbFault::unknown_form()), HasSubstr("form 10"));
  EXPECT_EQ(read_with(DolphindbFault::symbol_out_of_range()), "ok");  // who looks finds it
  DolphindbClient one = client();
  cluster->fault("loadTable", DolphindbFault::symbol_out_of_range());
  const auto rows = one.run(kRows);
  EXPECT_EQ(rows.value->items[1].integer(0), 3);
  EXPECT_EQ(rows.value->items[1].base.size(), 3U);
  // The rest of its bytes never come.
  cluster->fault("loadTable", DolphindbFault::wrong_block_count());
  one.send(DolphindbClient::request("script\n" + kRows, "0_1_4_64__8192"));
  one.line();
  one.line();
  EXPECT_EQ(dolphin::unpacked(one.channel().read(10).substr(2, 4)), 3);
  cluster->fault("loadTable", DolphindbFault::huge_length());
  DolphindbClient two = client();
  two.send(DolphindbClient::request("script\n" + kRows, "0_1_4_64"));
  two.line();
  two.line();
  EXPECT_EQ(dolphin::unpacked(two.channel().read(24).substr(20, 4)), 0x7FFFFFFF);
}

TEST_F(DolphindbFaultsTest, AnAnswerComesInManyMannersAndIsTheSame) {
  begin();
  DolphindbFault odd;
  odd.write_size = 1;
  odd.crlf = true;
  odd.messages = {"halfway", ""};
  cluster->fault("limit 100", odd);
  DolphindbClient one = client();
  const auto reply = one.run(kRows + " limit 100");
  EXPECT_THAT(reply.messages, ElementsAre("halfway", ""));
  EXPECT_EQ(reply.status, "OK");
  EXPECT_EQ(reply.value->items[0].integer(99), 99);
  DolphindbFault header;
  header.header = "not a header";
  cluster->fault("1 + 2", header);
  EXPECT_EQ(one.run("1 + 2").header, "not a header");
  DolphindbFault late;
  late.wait = std::chrono::milliseconds(100);
  cluster->fault("1 + 3", late);
  DolphindbClient two = client();
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(two.run("1 + 3").value->integer(), 4);
  EXPECT_GE(std::chrono::steady_clock::now() - began, std::chrono::milliseconds(100));
}

TEST_F(DolphindbFaultsTest, AStalledAnswerNeitherComesNorEnds) {
  begin();
  cluster->fault("loadTable", DolphindbFault::cut_at(100, DolphindbFault::stall));
  DolphindbClient one = client();
  const timeval patience{0, 100'000};
  setsockopt(one.channel().fd(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  one.send(DolphindbClient::request("script\n" + kRows, "0_1_4_64__8192"));
  one.line();
  EXPECT_EQ(one.line(), "OK");
  EXPECT_EQ(one.channel().read(100).size(), 100U);
  char byte = 0;
  EXPECT_EQ(recv(one.channel().fd(), &byte, 1, 0), -1);
  EXPECT_TRUE(errno == EAGAIN || errno == EWOULDBLOCK) << errno;
}

TEST_F(DolphindbFaultsTest, ServersDifferAsTheyAreTold) {
  begin({.users = {{"admin", {"123456", false, {"dfs://db/t"}}}},
         .client_auth = true,
         .rsa = false,
         .scram = false,
         .login_is_void = true,
         .version = "2.00.9",
         .dialect = {.long_counts = false},
         .empty_block = true});
  DolphindbClient one(cluster->port(), "");
  EXPECT_THAT(one.run("1").status, HasSubstr("RefId: S04009"));
  EXPECT_THAT(one.ask("function\ngetDynamicPublicKey\n0\n1").status,
              HasSubstr("Can't recognize function name getDynamicPublicKey"));
  const std::string words =
      dolphin::encode(dolphin::make_text("admin")) + dolphin::encode(dolphin::make_text("123456"));
  EXPECT_THAT(one.ask("function\nscramClientFirst\n2\n1", "0_1_4_64", words).status,
              HasSubstr("Can't recognize function name scramClientFirst"));
  const auto login = one.ask("function\nlogin\n2\n1", "0_1_4_64", words);
  EXPECT_EQ(login.status, "OK");
  EXPECT_FALSE(login.value);
  EXPECT_EQ(one.run("version()").value->text(), "2.00.9");
  EXPECT_THAT(one.run(kRows).status, HasSubstr("<NoPrivilege>"));
  EXPECT_EQ(one.run("getClusterDFSTables()").value->rows, 0);
  cluster->create({.name = "live", .columns = {{"id", "LONG"}}});
  EXPECT_EQ(one.run("exec count(*) from live").value->type, dolphin::kInt);
  const auto none = one.run("select * from live", "0_1_4_64__8192").value->items;
  ASSERT_THAT(none, SizeIs(1));
  EXPECT_EQ(none[0].rows, 0);
  EXPECT_EQ(none[0].names[0], "id");
}

TEST_F(DolphindbFaultsTest, RowsChangeBetweenStatements) {
  begin();
  cluster->before("id < 1", [&] { cluster->exec("DELETE FROM \"dfs://db\".t WHERE id = 0"); });
  DolphindbClient one = client();
  const std::string count = "exec count(*) from loadTable(\"dfs://db\", \"t\") where ";
  EXPECT_EQ(one.run(count + "id < 2").value->integer(), 2);
  EXPECT_EQ(one.run(count + "id < 1").value->integer(), 0);
  cluster->before("function version", [&] { cluster->drop("dfs://db", "t"); });
  EXPECT_EQ(one.ask("function\nversion\n0\n1").status, "OK");
  EXPECT_THAT(one.run(count + "id < 2").status, HasSubstr("path does not exist"));
}

TEST_F(DolphindbFaultsTest, NodesStopAndStartAndAreFull) {
  begin({.nodes = 2, .max_connections = 1});
  DolphindbClient one = client(), other = client(1);
  EXPECT_THAT(client().connected().status, HasSubstr("Maximum connections 1 reached"));
  EXPECT_EQ(one.run("getNodeAlias()").value->text(), "node1");
  EXPECT_EQ(other.run("getNodeAlias()").value->text(), "node2");
  cluster->stop_node(0);
  EXPECT_THROW(one.run("1"), std::runtime_error);
  EXPECT_THROW(client(), std::runtime_error);
  const auto states = other.run("rpc(getControllerAlias(), getClusterPerf)").value->items;
  EXPECT_EQ(states[1].integer(1), cluster->port(1));
  EXPECT_EQ(states[4].integer(0), 0);
  EXPECT_EQ(states[4].integer(1), 1);
  EXPECT_EQ(other.run("exec count(*) from loadTable(\"dfs://db\", \"t\")").value->integer(), 10000);
  cluster->start_node(0);
  EXPECT_EQ(client().run("getNodeAlias()").value->text(), "node1");
  EXPECT_EQ(cluster->connections(1), 1U);
  EXPECT_EQ(cluster->most_at_once(), 3U);
}

TEST_F(DolphindbFaultsTest, WhatIsRememberedIsSentAgain) {
  begin({.remembers = true});
  DolphindbClient one = client();
  EXPECT_EQ(read(), "ok");
  cluster->exec("DELETE FROM \"dfs://db\".t WHERE id < 9000");
  EXPECT_EQ(read(), "ok");
  // Another fetchSize, another variable's value: another result.
  const auto all = one.run(kRows);
  EXPECT_EQ(all.value->rows, 1000);
  one.upload("low", dolphin::make(dolphin::kLong, 9990));
  EXPECT_EQ(one.run(kRows + " where id >= low").value->rows, 10);
  one.upload("low", dolphin::make(dolphin::kLong, 9995));
  EXPECT_EQ(one.run(kRows + " where id >= low").value->rows, 5);
}

}  // namespace
}  // namespace sluice
