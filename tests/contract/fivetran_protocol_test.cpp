// SPDX-License-Identifier: Apache-2.0
// What the protocol allows and Python's SDK does not send, and what it does not allow: from a
// server that knows nothing of Sluice's messages.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <sstream>
#include <thread>

#include "fivetran/proto/source.pb.h"
#include "support/hosted.h"
#include "support/program.h"

namespace sluice::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class FivetranProtocol : public ::testing::Test {
 protected:
  FivetranProtocol()
      : fake(HostedFile::python(),
             {std::string(SLUICE_SOURCE) + "/tests/support/fivetran_fake.py", at.folder.string()},
             (at.folder / "port").string()) {
    while (fake.printed().find('\n') == std::string::npos && fake.running())
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    address = "127.0.0.1:" + fake.printed();
    address.pop_back();
  }
  feed::FeedResult sync(const std::string& name) {
    const auto hosted = fivetran::host("grpc://" + address, at.options);
    return at.sync(*hosted, {{"case", name}, {"password", "h4rd-to-guess"}});
  }
  fivetran_sdk::v2::UpdateRequest request(const std::string& name) const {
    std::stringstream bytes;
    bytes << std::ifstream(at.folder / name).rdbuf();
    fivetran_sdk::v2::UpdateRequest request;
    EXPECT_TRUE(request.ParseFromString(bytes.str()));
    return request;
  }

  HostedFile at{"protocol"};
  testing::Program fake;
  std::string address;
};

TEST_F(FivetranProtocol, EveryKindOfRecordAndValue) {
  const feed::FeedResult result = sync("kinds");
  ASSERT_EQ(error_of(result), "") << at.logged();
  EXPECT_EQ(
      at.text("SELECT COLUMNS(*)::VARCHAR FROM (SELECT id, s, i, f, d, day, \"local\", \"at\", "
              "dec, raw, str, j, x, \"time\", b, late, _fivetran_deleted FROM dst.main.t) "
              "ORDER BY id"),
      "1|-2|-3|0.1|0.1|1969-12-31|1969-12-31 23:59:59.999999|1970-01-01 00:00:01.000002+00|"
      "-12.50|\\x00\\xFF|é|[1]|<a/>|01:01:01.500000|true|NULL|false\n"
      "2|-7|NULL|0.5|1e+300|2024-02-29|2024-01-01 00:00:00.000001|2024-01-01 00:00:00.123+00|"
      "3.14|\\x01\\x00|42|{}|<b/>|NULL|false|42|false\n"
      "3|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|gone|NULL|NULL|NULL|NULL|NULL|true\n");
  EXPECT_EQ(at.text("SELECT id, _fivetran_deleted FROM dst.main.u ORDER BY id"),
            "1|true\n2|false\n");
  EXPECT_EQ(at.text("SELECT count(*) FROM duckdb_columns() WHERE "
                    "database_name = 'dst' AND table_name = 't' AND column_name IN ('nothing', "
                    "'unset', 'open')"),
            "0\n")
      << "a column that never had a value came to be";
  EXPECT_THAT(at.logged(), HasSubstr("plain warning"));
  EXPECT_EQ(result.calls.truncates, 1U);

  const auto first = request("kinds");
  EXPECT_EQ(first.state_json(), "{}");
  ASSERT_EQ(first.selection().without_schema().tables_size(), 1);
  const auto& table = first.selection().without_schema().tables(0);
  EXPECT_TRUE(table.included() && table.include_new_columns());
  EXPECT_TRUE(first.selection().without_schema().include_new_tables());
  EXPECT_EQ(table.columns_size(), 16);
  EXPECT_TRUE(table.columns().at("dec") && table.columns().at("open"));
  sync("kinds");
  EXPECT_EQ(request("kinds").state_json(), "{\"a\": 1}");
  sync("wide");
  const auto wide = request("wide").selection().with_schema();
  ASSERT_EQ(wide.schemas_size(), 1);
  EXPECT_TRUE(wide.schemas(0).included() && wide.include_new_schemas());
  EXPECT_EQ(wide.schemas(0).schema_name(), "north");
  EXPECT_EQ(wide.schemas(0).tables(0).table_name(), "t");
}

TEST_F(FivetranProtocol, WhatItDoesNotAllow) {
  for (const auto& [name, part] : std::initializer_list<std::pair<const char*, const char*>>{
           {"unknown type", "a record of type 9"},
           {"unknown value", "column str: a value of kind 99"},
           {"unknown kind", "column id: a value of a kind"},
           {"unknown field", "a record with field 12"},
           {"unknown operation", "an operation of number 12"},
           {"empty", "a message without an operation"},
           {"no table", "names no table"},
           {"no column", "a column without a name"},
           {"garbage", "not in protobuf's format"},
           {"two", "two operations"},
           {"declared type", "type number 77"},
           {"no schema", "without a schema"}}) {
    const feed::FeedResult result = sync(name);
    EXPECT_THAT(error_of(result), AllOf(HasSubstr("grpc://" + address), HasSubstr(part))) << name;
    EXPECT_NE(result.exit_code(), 0) << name;
  }
  EXPECT_THAT(error_of(sync("nanos")), HasSubstr("column at: a time with a part of a microsecond"));
  EXPECT_THAT(error_of(sync("deferred late")), HasSubstr("t: a truncate that is put off"));
  EXPECT_THAT(error_of(sync("change of key")), HasSubstr("t: its primary key was changed"));
  EXPECT_THAT(error_of(sync("bad state")), HasSubstr("JSON object"));
  EXPECT_EQ(at.text("SELECT count(*) FROM duckdb_tables() WHERE database_name = 'dst' AND "
                    "schema_name = 'main'"),
            "0\n")
      << "something of a refused sync was kept";
}

TEST_F(FivetranProtocol, TheSchemaChangesWithinASync) {
  const feed::FeedResult result = sync("change");
  ASSERT_EQ(error_of(result), "") << at.logged();
  EXPECT_EQ(at.text("SELECT id, i, typeof(i), cents::VARCHAR, typeof(cents), open, typeof(open) "
                    "FROM dst.main.t ORDER BY id"),
            "1|7|BIGINT|NULL|DECIMAL(10,2)|NULL|BOOLEAN\n"
            "2|5000000000|BIGINT|1.25|DECIMAL(10,2)|NULL|BOOLEAN\n"
            "3|6000000000|BIGINT|2.50|DECIMAL(10,2)|true|BOOLEAN\n");
  EXPECT_EQ(at.text("SELECT id, v, typeof(v) FROM dst.main.new"), "1|6|INTEGER\n");
}

TEST_F(FivetranProtocol, ATruncateThatIsDeferredWaitsForTheEnd) {
  const auto marks = [&] {
    return at.text("SELECT id, _fivetran_deleted FROM dst.main.t ORDER BY id");
  };
  ASSERT_EQ(error_of(sync("filled")), "") << at.logged();
  EXPECT_NE(error_of(sync("deferred in vain")), "");
  EXPECT_EQ(marks(), "1|false\n2|false\n3|false\n");
  ASSERT_EQ(error_of(sync("deferred")), "");
  EXPECT_EQ(marks(), "1|true\n2|false\n3|true\n4|false\n");
}

TEST_F(FivetranProtocol, StatusesAreFaults) {
  const feed::FeedResult gone = sync("unavailable");
  ASSERT_TRUE(gone.run.error);
  EXPECT_EQ(gone.run.error->fault(), Fault::connection);
  EXPECT_THAT(error_of(gone), AllOf(HasSubstr("Update: no more of ***")));
  EXPECT_EQ(sync("denied").run.error->fault(), Fault::permission);
  fake.kill();
  at.options.start = std::chrono::seconds(0);
  EXPECT_THROW(sync("kinds"), Error);
}

// As from a host that has vanished: no answer, and no end of the connection either.
TEST_F(FivetranProtocol, AServerThatHasVanished) {
  at.options.keepalive = std::chrono::milliseconds(200);
  at.options.call = std::chrono::seconds(20);
  const auto hosted = fivetran::host("grpc://" + address, at.options);
  fake.stand();
  try {
    hosted->schema({{"case", "kinds"}});
    ADD_FAILURE() << "answered";
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::connection);
    EXPECT_THAT(error.what(), Not(HasSubstr("Deadline")));
  }
}

}  // namespace
}  // namespace sluice::test
