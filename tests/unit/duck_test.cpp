// SPDX-License-Identifier: Apache-2.0
// What DuckDB's failures mean to us, also those that show before a statement runs.
#include "duck/duck.h"

#include <gtest/gtest.h>

#include "duck/fail.h"

namespace sluice {
namespace {

Fault fault_of(duck::Connection& connection, const std::string& sql) {
  try {
    connection.query(sql);
  } catch (const Error& error) {
    return error.fault();
  }
  throw std::runtime_error("no failure: " + sql);
}

TEST(Duck, AFailureSaysOfWhatKindItIs) {
  duck::Database database;
  duck::Connection connection = database.connect();
  EXPECT_EQ(fault_of(connection, "SELEC 1"), Fault::config);
  EXPECT_EQ(fault_of(connection, "FROM nowhere"), Fault::schema);
  EXPECT_EQ(fault_of(connection, "SELECT nothing"), Fault::schema);
  EXPECT_EQ(fault_of(connection, "SELECT 'x'::INTEGER"), Fault::data);
  EXPECT_EQ(fault_of(connection, "SELECT CASE WHEN range > 5 THEN error('no') END FROM range(9)"),
            Fault::data);
  EXPECT_EQ(fault_of(connection, "SELECT ('x' || range)::INTEGER FROM range(9)"), Fault::data);
  try {
    connection.query("SELECT ('x' || range)::INTEGER FROM range(9)");
  } catch (const Error& error) {
    EXPECT_TRUE(std::string(error.what()).starts_with("Conversion Error: ")) << error.what();
  }
  connection.query("BEGIN");
  EXPECT_EQ(fault_of(connection, "SELECT error('no')"), Fault::data);
  EXPECT_EQ(fault_of(connection, "SELECT 1"), Fault::conflict);  // the transaction is aborted
  connection.query("ROLLBACK");
}

/// Texts as duckdb_prepare_error and duckdb_pending_error give them, without a type.
TEST(Duck, AServiceThatIsAwayIsTriedAgainAndOneThatRefusesUsIsNot) {
  const auto fault = [](const char* text) {
    try {
      duck::fail_as_said(text);
    } catch (const Error& error) {
      return error.fault();
    }
  };
  for (const char* text :
       {"Connection Error: lost", "Network Error: reset", "HTTP Error: HTTP 503",
        "IO Error: UNAVAILABLE: recvmsg: Connection reset by peer",
        "Invalid Input Error: DEADLINE_EXCEEDED: Request timed out", "Invalid Error: UNAVAILABLE"})
    EXPECT_EQ(fault(text), Fault::connection) << text;
  for (const char* text : {"Invalid Input Error: Jwt is expired", "Invalid MotherDuck token",
                           "IO Error: Your request is not authenticated. Check your token"})
    EXPECT_EQ(fault(text), Fault::authentication) << text;
  // What quotes a user's values says nothing of a service.
  EXPECT_EQ(fault("Conversion Error: Could not convert string 'UNAVAILABLE' to INT32"),
            Fault::data);
  EXPECT_EQ(fault("Catalog Error: Table with name UNAVAILABLE does not exist"), Fault::schema);
  EXPECT_EQ(fault("IO Error: No space left on device"), Fault::internal);
}

TEST(Duck, WhatKeepsItFromStartingIsSaidByTheFirstToConnect) {
  duck::Database database(std::map<std::string, std::string>{{"memory_limit", "much"}});
  EXPECT_THROW(database.connect(), Error);
  EXPECT_THROW(database.connect(), Error);
}

TEST(Duck, OnlyAStatementWithRowsHasColumns) {
  duck::Database database;
  duck::Connection connection = database.connect();
  EXPECT_EQ(connection.query("SET threads = 2").columns(), 0U);
  EXPECT_EQ(connection.query("CREATE TABLE t AS FROM range(3)").columns(), 0U);
  EXPECT_EQ(connection.query("DELETE FROM t WHERE range > 0").changed(), 2U);
  const auto all = connection.query_all("SET threads = 1; SELECT 1 AS a; SELECT 2 AS b");
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[1].name(0), "b");
}

}  // namespace
}  // namespace sluice
