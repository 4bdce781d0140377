// SPDX-License-Identifier: Apache-2.0
// What stands in for a SingleStore, asked by programs that are not ours.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <mysql.h>

#include <fstream>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>

#include "support/output_of.h"
#include "support/singlestore_double.h"

namespace sluice {
namespace {

using ::testing::HasSubstr;
using testing::MysqlDatabase;
using testing::MysqlServer;
using testing::MysqlSession;
using testing::output_of;
using testing::python_with;
using testing::SingleStoreDouble;
using Row = MysqlSession::Row;

std::string refusal(const std::function<void()>& action) {
  try {
    action();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "none";
}

class SingleStoreDoubleTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = MysqlServer::missing(); !why.empty()) GTEST_SKIP() << why;
    db = std::make_unique<MysqlDatabase>();
    db->exec(
        "CREATE TABLE t (id int PRIMARY KEY, f float, s varchar(20), b bit(8), v longtext);"
        "INSERT INTO t VALUES (1, 16777217, 'one', b'101', '[1.5,-2]'), (2, 0.1, NULL, NULL, "
        "NULL), "
        "(3, -3, 'it''s', b'0', '[0,0.25]'), (4, 4, '', b'11111111', '[]')");
  }
  void begin(const SingleStoreDouble::Options& options = {}) {
    server = std::make_unique<SingleStoreDouble>(*db, options);
    server->declare("t", "v", "vector(2, F32)");
  }
  MysqlSession session() const { return MysqlSession(server->url("mysql")); }
  std::string mariadb(const std::string& sql, const std::string& password) const {
    return output_of("MYSQL_PWD='" + password + "' mariadb --no-defaults -h 127.0.0.1 -P " +
                     std::to_string(server->port()) + " -u root -A " + db->name() + " -N -B -e \"" +
                     sql + "\"");
  }

  std::unique_ptr<MysqlDatabase> db;
  std::unique_ptr<SingleStoreDouble> server;
};

TEST_F(SingleStoreDoubleTest, TheMariadbProgramLogsInAndReadsRowsAndErrors) {
  begin();
  EXPECT_EQ(mariadb("SELECT id, f, s FROM t ORDER BY id", server->password()),
            "1\t16777200\tone\n2\t0.1\tNULL\n3\t-3\tit's\n4\t4\t\n");
  EXPECT_EQ(mariadb("SELECT @@version, @@memsql_version", server->password()), "5.7.32\t8.9.12\n");
  EXPECT_EQ(mariadb("SELECT num_partitions FROM information_schema.DISTRIBUTED_DATABASES WHERE "
                    "database_name = database()",
                    server->password()),
            "4\n");
  EXPECT_EQ(mariadb("SHOW PARTITIONS ON " + db->name(), server->password()).substr(0, 24),
            "0\t127.0.0.1\t3307\tMaster\t");
  EXPECT_THAT(mariadb("SELECT 1", "wrong"), HasSubstr("ERROR 1045 (28000): Access denied"));
  for (const char* sql :
       {"START TRANSACTION WITH CONSISTENT SNAPSHOT", "LOCK TABLES t READ",
        "FLUSH TABLES WITH READ LOCK", "SELECT * FROM information_schema.innodb_trx",
        "EXPLAIN FORMAT=JSON SELECT 1"}) {
    EXPECT_THAT(mariadb(sql, server->password()), HasSubstr("ERROR ")) << sql;
  }
}

TEST_F(SingleStoreDoubleTest, SingleStoresOwnClientReadsRowsVectorsAndResultTables) {
  begin({.vectors_as_json = false});
  const std::string script = ::testing::TempDir() + "singlestoredb_" + db->name() + ".py";
  std::ofstream(script) << R"(
import sys, singlestoredb
assert singlestoredb.__version__ == "1.18.1"
login = dict(host="127.0.0.1", port=int(sys.argv[1]), user="root", password=sys.argv[2], database=sys.argv[3],
             ssl_disabled=True)
for pure in (True, False):
    made = singlestoredb.connect(**login, pure_python=pure)
    cursor = made.cursor()
    cursor.execute("SELECT id, s, b FROM t WHERE id > %s ORDER BY id", (1,))
    print(list(cursor.fetchall()))
    cursor.execute("SET SESSION vector_type_project_format = 'JSON'")
    cursor.execute("CREATE MATERIALIZED RESULT TABLE r AS SELECT id, v FROM t WHERE v IS NOT NULL")
    rows = []
    with singlestoredb.connect(**login, pure_python=pure) as other, other.cursor() as reading:
        for partition in range(4):
            reading.execute("SELECT * FROM ::r WHERE partition_id() = " + str(partition))
            rows += reading.fetchall()
        print(sorted(rows))
        cursor.execute("DROP RESULT TABLE r")
        try:
            reading.execute("SELECT * FROM ::r WHERE partition_id() = 0")
        except singlestoredb.Error as error:
            print(error.args[0])
    made.close()
)";
  const std::string printed =
      output_of(python_with("singlestoredb") + script + " " + std::to_string(server->port()) + " " +
                server->password() + " " + db->name());
  const std::string once =
      "[(2, None, None), (3, \"it's\", b'\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00'), (4, '', "
      "b'\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\xff')]\n"
      "[(1, '[1.5,-2]'), (3, '[0,0.25]'), (4, '[]')]\n2318\n";
  EXPECT_EQ(printed, once + once);
  EXPECT_EQ(server->prepared(), 0);
}

TEST_F(SingleStoreDoubleTest, AVectorTravelsAsBytesUnlessTheSessionWantsJson) {
  begin({.vectors_as_json = false});
  MysqlSession one = session();
  EXPECT_EQ(one.value("SELECT v FROM t WHERE id = 1"), std::string("\0\0\xC0\x3F\0\0\0\xC0", 8));
  one.exec("SET SESSION vector_type_project_format = 'JSON'");
  EXPECT_EQ(one.value("SELECT v FROM t WHERE id = 1"), "[1.5,-2]");
}

TEST_F(SingleStoreDoubleTest, PreparedStatementsAreRefusedAndCounted) {
  begin();
  const std::unique_ptr<MYSQL, void (*)(MYSQL*)> handle(mysql_init(nullptr), mysql_close);
  ASSERT_NE(
      mysql_real_connect(handle.get(), "127.0.0.1", "root", server->password().c_str(),
                         db->name().c_str(), static_cast<unsigned>(server->port()), nullptr, 0),
      nullptr);
  MYSQL_STMT* statement = mysql_stmt_init(handle.get());
  EXPECT_NE(mysql_stmt_prepare(statement, "SELECT 1", 8), 0);
  EXPECT_THAT(mysql_stmt_error(statement), HasSubstr("binary protocol"));
  mysql_stmt_close(statement);
  EXPECT_EQ(server->prepared(), 1);
  EXPECT_EQ(mysql_ping(handle.get()), 0);
}

TEST_F(SingleStoreDoubleTest, AMaterializedResultTableIsFrozenDealtAndGoesWithItsSession) {
  begin();
  auto maker = std::make_unique<MysqlSession>(session());
  MysqlSession reader = session();
  EXPECT_THAT(refusal([&] { reader.query("SELECT * FROM ::r WHERE partition_id() = 0"); }),
              HasSubstr("2318: "));
  maker->exec("CREATE MATERIALIZED RESULT TABLE r AS SELECT id AS c0, s AS c1 FROM t");
  EXPECT_EQ(server->result_tables(), 1U);
  db->exec("DELETE FROM t WHERE id > 1; UPDATE t SET s = 'changed'");
  for (int again = 0; again < 2; ++again) {
    std::vector<Row> rows;
    for (int i = 0; i < 4; ++i) {
      for (Row& each :
           reader.query("SELECT c0, c1 FROM ::r WHERE partition_id() = " + std::to_string(i)))
        rows.push_back(std::move(each));
    }
    EXPECT_THAT(rows, ::testing::UnorderedElementsAre(Row{"1", "one"}, Row{"2", std::nullopt},
                                                      Row{"3", "it's"}, Row{"4", ""}));
  }
  maker.reset();
  while (server->result_tables() > 0) std::this_thread::yield();
  EXPECT_THAT(refusal([&] { reader.query("SELECT * FROM ::r WHERE partition_id() = 0"); }),
              HasSubstr("2318: "));
}

TEST_F(SingleStoreDoubleTest, OneThatIsNotMaterializedIsReadOnceAndALateOneIsNotThereAtFirst) {
  begin({.late = 1});
  MysqlSession one = session();
  one.exec("CREATE RESULT TABLE r AS SELECT id FROM t");
  const auto read = [&] { one.query("SELECT * FROM ::r WHERE partition_id() = 2"); };
  EXPECT_THAT(refusal(read), HasSubstr("2318: "));
  EXPECT_EQ(refusal(read), "none");
  EXPECT_THAT(refusal(read), HasSubstr("2318: "));
}

TEST_F(SingleStoreDoubleTest, AConnectionIsCutBeforeTheRowThatWasNamed) {
  begin();
  server->at_row("FROM t", 2, [] { return false; });
  MysqlSession one = session();
  EXPECT_THAT(refusal([&] { one.query("SELECT id FROM t"); }), HasSubstr("2013: "));
  EXPECT_EQ(session().query("SELECT id FROM t").size(), 4U);
}

}  // namespace
}  // namespace sluice
