// SPDX-License-Identifier: Apache-2.0
// What the server's codes become.
#include <gtest/gtest.h>

#include "connectors/postgres/connection.h"

namespace sluice::postgres {
namespace {

struct Code {
  const char* sqlstate;
  Fault fault;
};

void expect(std::initializer_list<Code> codes, bool retryable) {
  for (const Code& each : codes) {
    EXPECT_EQ(fault_of(each.sqlstate), each.fault) << each.sqlstate;
    EXPECT_EQ(Error(fault_of(each.sqlstate), "").retryable(), retryable) << each.sqlstate;
  }
}

TEST(PostgresErrors, WhatPassesIsTriedAgain) {
  expect({{"40001", Fault::conflict},
          {"40P01", Fault::conflict},
          {"55P03", Fault::conflict},
          {"08000", Fault::connection},
          {"08006", Fault::connection},
          {"08P01", Fault::connection},
          {"25P03", Fault::connection},
          {"25P04", Fault::connection},
          {"53100", Fault::connection},
          {"53200", Fault::connection},
          {"53300", Fault::connection},
          {"57P01", Fault::connection},
          {"57P02", Fault::connection},
          {"57P03", Fault::connection}},
         true);
}

TEST(PostgresErrors, WhatWouldFailAgainIsNot) {
  expect({{"28000", Fault::authentication},
          {"28P01", Fault::authentication},
          {"42501", Fault::permission},
          {"3D000", Fault::config},
          {"42601", Fault::config},
          {"42P01", Fault::schema},
          {"42703", Fault::schema},
          {"22P02", Fault::data},
          {"22012", Fault::data},
          {"XX001", Fault::data}},
         false);
}

TEST(PostgresErrors, ACodeThatNobodyKnowsIsTheSourcesRefusalAndNoBugOfOurs) {
  expect({{"57014", Fault::schema},
          {"0A000", Fault::schema},
          {"53400", Fault::schema},
          {"55000", Fault::schema},
          {"58030", Fault::schema},
          {"P0001", Fault::schema},
          {"XX000", Fault::schema},
          {"ZZ999", Fault::schema},
          {"", Fault::schema}},
         false);
}

}  // namespace
}  // namespace sluice::postgres
