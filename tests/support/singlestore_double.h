// SPDX-License-Identifier: Apache-2.0
// A server that speaks and answers as SingleStore is documented to, in front of a database of a
// private MariaDB that holds the rows. Its answers come from SingleStore's documentation and its
// own clients' source, never from a SingleStore: what a test shows with it is that Sluice keeps to
// what is written.
//
//   MysqlDatabase db;
//   SingleStoreDouble server(db);
//   db.exec("CREATE TABLE t (v longtext)");
//   server.declare("t", "v", "vector(3, F32)");
//   copy.sync(server.url());
//
// It has the text protocol, mysql_native_password, no TLS. It refuses prepared statements, locks
// and snapshots. Result tables hold what their query gave when they were made, and go with their
// session.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "support/mysql_server.h"

namespace sluice::testing {

class SingleStoreDouble {
 public:
  struct Options {
    std::size_t partitions = 4;   ///< 0: the server does not say
    bool result_tables = true;    ///< else they are refused, as for want of memory
    int late = 0;                 ///< so often each new result table is not there yet
    bool vectors_as_json = true;  ///< unless a session says otherwise
    std::string unknown = "$^";   ///< settings that it does not have: a regular expression
  };
  explicit SingleStoreDouble(MysqlDatabase& behind);
  SingleStoreDouble(MysqlDatabase& behind, Options options);
  ~SingleStoreDouble();
  SingleStoreDouble(const SingleStoreDouble&) = delete;
  SingleStoreDouble& operator=(const SingleStoreDouble&) = delete;

  /// As user `root` with password(); the scheme may be another one, to be wrong.
  std::string url(const std::string& scheme = "singlestore") const;
  int port() const { return port_; }
  std::string password() const { return "secret"; }

  /// A column's type, as its information_schema tells it. A vector is stored as the text of its
  /// JSON.
  void declare(const std::string& table, const std::string& column, const std::string& type);
  /// A table of which every node has a copy.
  void declare_reference(const std::string& table);
  /// UNIQUE KEY (column) UNENFORCED, which information_schema shows as any other.
  void declare_unenforced(const std::string& table, const std::string& column);
  /// What its statistics say of the table, however many rows it has.
  void pretend_rows(const std::string& table, std::uint64_t rows);

  /// Once, before row number `row` (from 0) of a statement that contains `text` goes out: `then` is
  /// called; where it returns false the connection is cut.
  void at_row(const std::string& text, std::size_t row, std::function<bool()> then);
  /// From now on, as if Options::result_tables said so.
  void refuse_result_tables() { refuses_ = true; }
  /// As if their sessions had ended.
  void lose_result_tables();
  /// From now on partition_id() deals rows otherwise, as after a rebalance.
  void deal_anew() { ++dealt_; }

  /// What was asked for, where it contains `text`.
  std::vector<std::string> statements(const std::string& text) const;
  int prepared() const { return prepared_; }  ///< COM_STMT_PREPARE was sent so often
  std::size_t result_tables() const;          ///< that are there now

 private:
  friend class DoubleSession;
  struct Hook {
    std::string text;
    std::size_t row = 0;
    std::function<bool()> then;
  };
  struct ResultTable {
    unsigned long session = 0;
    std::string behind;
    bool materialized = true;
    int late = 0;
    std::set<std::string> read;  ///< of a table that is not materialized: its partitions
  };
  void make_metadata();
  void accept();
  void serve(int socket);
  std::string meta(const std::string& name) const { return "`" + meta_ + "`.`" + name + "`"; }
  std::optional<Hook> take_hook(const std::string& statement);

  MysqlDatabase& behind_;
  const Options options_;
  const std::string meta_;  ///< the database of what is not the user's
  int port_ = 0, listening_ = -1;
  std::atomic<int> prepared_{0}, dealt_{0}, made_{0};
  std::atomic<bool> refuses_{false};
  mutable std::mutex mutex_;
  std::map<std::string, std::string> vectors_;  ///< "table.column"
  std::vector<std::string> statements_;
  std::list<Hook> hooks_;
  std::map<std::string, ResultTable> results_;
  std::set<int> sockets_;
  std::vector<std::thread> threads_;
  std::thread accepting_;
};

}  // namespace sluice::testing
