// SPDX-License-Identifier: Apache-2.0
// What every test of a copy of a MySQL or MariaDB database begins with.
#pragma once

#include <functional>
#include <string>

#include "support/copy.h"
#include "support/mysql_test.h"

namespace sluice::testing {

class MysqlCopyTest : public MysqlTest {
 protected:
  void SetUp() override {
    MysqlTest::SetUp();
    options.schema = "public";  // where Copy looks; a database of a test has a name of its own
  }
  RunResult sync() const { return copy.sync(db->socket_url(), options); }
  /// Of a database with one table.
  Receipt sync_one(const std::function<void(TableOptions&)>& choose = {}) const {
    SyncOptions chosen = options;
    if (choose) choose(chosen.defaults);
    const RunResult result = copy.sync(db->socket_url(), chosen);
    EXPECT_EQ(result.receipts.size(), 1U);
    return result.receipts.empty() ? Receipt{} : result.receipts[0];
  }
  std::vector<Verified> verify(Sync::Repair repair = Sync::Repair::no, double percent = 100) const {
    return copy.verify(db->socket_url(), repair, options, percent);
  }
  /// The copies are their tables, by digests, and the run after the one before writes nothing.
  void expect_true_copies() const {
    for (const Verified& each : verify()) {
      EXPECT_TRUE(each.equal()) << each.table.text() << ": " << each.error << each.not_compared
                                << (each.examples.empty() ? "" : each.examples.front());
      EXPECT_TRUE(each.how == "digests" ||
                  each.how ==
                      "digests; the source has no instant of it: what changed meanwhile may differ")
          << each.table.text() << ": " << each.how;
    }
    for (const Receipt& each : sync().receipts) {
      EXPECT_EQ(each.error, "");
      EXPECT_EQ(each.inserted + each.updated + each.deleted, 0U) << each.table.text();
    }
  }

  /// Every row of a table, these columns of it, equals the copy's, as text.
  void expect_equal(const std::string& table, const std::string& columns) const {
    const Texts here = copy.query("SELECT concat_ws('|', " + columns + ") FROM public." +
                                  duck::quoted(table) + " ORDER BY 1");
    Texts there;
    std::string quoted = "`";
    for (const char each : table) quoted += each == '`' ? "``" : std::string(1, each);
    for (const auto& row : db->query("SELECT concat_ws('|', " + columns + ") AS r FROM " + quoted +
                                     "` ORDER BY CAST(r AS BINARY)"))
      there.push_back(row.at(0).value_or("NULL"));
    EXPECT_EQ(here.size(), there.size()) << table;
    EXPECT_TRUE(here == there) << table << " differs";
  }
  /// From now on, until the test ends.
  void log_statements() const {
    db->exec(
        "SET GLOBAL log_output = 'TABLE'; TRUNCATE mysql.general_log; SET GLOBAL general_log = 1");
  }
  /// Statements on this database's tables, since, that contain `text`.
  Texts logged(const std::string& text) const {
    Texts found;
    for (const auto& row :
         db->query("SELECT CONVERT(argument USING utf8) FROM mysql.general_log WHERE command_type "
                   "IN ('Query', 'Execute')")) {
      const std::string statement = row.at(0).value_or("");
      if (statement.find("FROM `" + db->name() + "`.") != std::string::npos &&
          statement.find(text) != std::string::npos)
        found.push_back(statement);
    }
    return found;
  }
  void TearDown() override {
    if (db) db->exec("SET GLOBAL general_log = 0");
  }

  Copy copy;
  SyncOptions options;
};

}  // namespace sluice::testing
