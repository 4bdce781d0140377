// SPDX-License-Identifier: Apache-2.0
// A cluster that speaks and answers as a YugabyteDB is documented to (YSQL), in front of a database
// of a private PostgreSQL, 15 or newer, that holds the rows. Its answers come from YugabyteDB's
// documentation, its own clients and its source, never from a YugabyteDB: what a test shows with it
// is that Sluice keeps to what is written.
//
//   PostgresDatabase db;
//   db.exec("CREATE TABLE t (a int PRIMARY KEY)");
//   YugabyteDouble cluster(db);                          // three nodes, 127.0.0.1 .. 127.0.0.3
//   cluster.declare("t", YugabyteDouble::hash(4, 1));
//   copy.sync(cluster.url());
//
// A client's statements are rewritten (yugabyte_sql.h) and run by a session of its own behind. What
// it cannot do: read as of a time in a transaction that has read already, or within a function; a
// prepared yb_get_current_hybrid_time_lsn() keeps its first answer; PRIMARY KEY (a HASH, b ASC) and
// SPLIT INTO are not understood, declare() stands for them; of a table that was truncated, or
// rewritten by VACUUM FULL or CLUSTER, a time before shows nothing.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
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

#include "support/postgres_server.h"
#include "support/yugabyte_options.h"
#include "support/yugabyte_sql.h"

struct ssl_ctx_st;

namespace sluice::testing {

class YugabyteDouble {
 public:
  static constexpr const char* kOldVersion = "11.2-YB-2.20.7.0-b0";
  using Options = YugabyteOptions;
  using Fault = YugabyteFault;
  using Sharding = YugabyteSharding;
  explicit YugabyteDouble(PostgresDatabase& behind);
  YugabyteDouble(PostgresDatabase& behind, Options options);
  ~YugabyteDouble();
  YugabyteDouble(const YugabyteDouble&) = delete;
  YugabyteDouble& operator=(const YugabyteDouble&) = delete;

  /// Of the first node, or of several in this order. `parameters`: "sslmode=require&..".
  std::string url(const std::string& parameters = {},
                  const std::string& scheme = "yugabytedb") const;
  std::string url_of(const std::vector<std::size_t>& nodes, const std::string& parameters = {},
                     const std::string& scheme = "yugabytedb") const;
  std::size_t nodes() const { return nodes_.size(); }
  std::string host(std::size_t node) const;
  int port() const { return port_; }  ///< of every node, as with YugabyteDB's 5433

  static Sharding hash(int tablets, int columns) { return {tablets, columns, false, {}}; }
  /// By ranges of the key; an empty `split`: one tablet.
  static Sharding range(const std::string& split = {}) { return Sharding::range(split); }
  static Sharding colocated() { return {1, 0, true, {}}; }
  /// A table, or an index. Undeclared: three tablets by the hash of the first column of its key.
  void declare(const std::string& table, const Sharding& how);

  /// Once, before row number `row` (from 0) of a SELECT or COPY whose text contains `text` goes
  /// out. After an error the transaction really is aborted.
  void at_row(const std::string& text, std::size_t row, Fault fault);
  void at_row(const std::string& text, std::size_t row, std::function<Fault()> decide);
  /// Those that have not come yet come no more.
  void forget_faults();
  /// From now on each statement that contains `text` starts so much later.
  void slow(const std::string& text, std::chrono::milliseconds by);
  /// As a node that died: its sessions are cut, its port refuses, it leads no tablet; yb_servers()
  /// still has it, as for the time until the masters miss it.
  void stop_node(std::size_t node);
  void start_node(std::size_t node);
  /// As after the retention of history: no time that was given out can be read as of any more.
  void expire_read_times();

  struct Asked {
    std::string text;  ///< as the client sent it
    std::size_t node = 0;
  };
  /// What was asked for, where it contains `text`; a prepared statement once.
  std::vector<Asked> statements(const std::string& text) const;
  std::size_t connections(std::size_t node) const;  ///< sessions that there ever were
  std::size_t most_at_once() const;                 ///< of all nodes

 private:
  friend class YugabyteSession;
  struct Node {
    YugabyteNode place;
    int listening = -1;
    std::size_t made = 0;
    std::set<int> sockets;  ///< of its sessions: the clients' and those behind
    std::thread accepting;
  };
  struct Hook {
    int number = 0;
    std::string text;
    std::size_t row = 0;
    std::function<Fault()> decide;
  };
  class Counted;  ///< a session while it is there
  void make_catalog();
  void listen_everywhere();
  bool listen_at(Node& node, int port) const;
  void begin_accepting(std::size_t number);
  void accept(std::size_t number, int listening);
  void serve(std::size_t number, int socket);
  void mark(std::size_t node, bool alive);

  /// What sessions ask, from their threads.
  std::uint64_t hybrid_time();
  std::optional<std::string> snapshot_of(const std::string& read_time);
  std::vector<PostgresSession::Row> noted_ddl();
  std::optional<Hook> hook_for(const std::string& statement) const;
  std::optional<Fault> take(const Hook& hook);
  void ask(const std::string& statement, std::size_t node);

  PostgresDatabase& behind_;
  const Options options_;
  const YugabyteDialect dialect_;
  int port_ = 0;
  ssl_ctx_st* tls_ = nullptr;
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<std::thread> threads_;
  std::list<Hook> hooks_;
  int hooks_made_ = 0;
  std::map<std::string, std::chrono::milliseconds> slow_;
  std::vector<Asked> asked_;
  std::size_t now_ = 0, most_ = 0;

  std::mutex keeping_;      ///< of what follows
  PostgresSession keeper_;  ///< in a transaction that has exported every snapshot
  std::map<std::uint64_t, std::string> snapshots_;  ///< by microseconds since 1970
  std::uint64_t last_time_ = 0;
};

}  // namespace sluice::testing
