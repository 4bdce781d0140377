// SPDX-License-Identifier: Apache-2.0
// A cluster that speaks and answers as a DolphinDB is documented to, with its tables in a DuckDB in
// memory. Its answers come from DolphinDB's documentation, the published protocol and its official
// clients, never from a DolphinDB: what a test shows with it is that Sluice keeps to what is
// written. What is not written there it refuses: "the stand-in does not know ..".
//
//   DolphindbDouble cluster;
//   cluster.create({.database = "dfs://trades", .name = "trade",
//                   .columns = {{"sym", "SYMBOL"}, {"ts", "NANOTIMESTAMP"}}});
//   cluster.exec("INSERT INTO \"dfs://trades\".trade VALUES ('A', 1704067200000000001)");
//
// A table is "DATABASE"."NAME" in DuckDB's SQL, a shared one (database "") shared."NAME"; the types
// are in dolphindb_rows.h. Statements are parsed (dolphindb_script.h) and compiled
// (dolphindb_sql.h).
#pragma once

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

#include "duck/duck.h"
#include "support/dolphindb_catalog.h"
#include "support/dolphindb_login.h"
#include "support/dolphindb_sql.h"
#include "support/dolphindb_wire.h"
#include "support/private_folder.h"

struct ssl_ctx_st;

namespace sluice::testing {

class DolphindbDouble {
 public:
  using Table = DolphindbTable;
  using Fault = DolphindbFault;
  struct Options {
    std::size_t nodes = 1;  ///< data nodes, each with a port of its own at 127.0.0.1
    bool tls = false;       ///< from the first byte on
    std::map<std::string, DolphindbUser> users = {{"admin", {"123456", false, {}}}};
    bool client_auth = false;       ///< enableClientAuth: no script before a login
    bool rsa = true, scram = true;  ///< false: the functions are unknown, as to an old server
    bool login_is_void = false;     ///< a login's result; else true
    std::size_t max_connections = 512;
    std::string version = "3.00.2.1 2024.10.15 LINUX x86_64";
    dolphin::Dialect dialect = {};
    bool empty_block = false;  ///< in block mode no rows are one empty table; else no block
    /// Results of selects are kept and sent again, whatever became of the tables: for benchmarks.
    bool remembers = false;
  };
  DolphindbDouble();
  explicit DolphindbDouble(Options options);
  ~DolphindbDouble();
  DolphindbDouble(const DolphindbDouble&) = delete;
  DolphindbDouble& operator=(const DolphindbDouble&) = delete;

  void create(Table table);
  void drop(const std::string& database, const std::string& name);
  /// SQL of DuckDB.
  void exec(const std::string& sql);
  /// First column of all rows, as text; NULL as "NULL".
  std::vector<std::string> query(const std::string& sql);

  int port(std::size_t node = 0) const { return nodes_.at(node)->port; }
  std::size_t nodes() const { return nodes_.size(); }
  bool tls() const { return options_.tls; }
  /// "127.0.0.1:PORT,..", or localhost, for which the certificate is, with TLS.
  std::string sites() const;
  std::string certificates() const;  ///< of the authority, with TLS

  /// Once, to the answer to a request that contains `text`: a script, `function NAME`,
  /// `variable NAMES` or `connect`.
  void fault(const std::string& text, Fault fault);
  /// Once, before such a request is run.
  void before(const std::string& text, std::function<void()> action);
  void forget_faults();
  /// As one that died: its sessions are cut and its port refuses.
  void stop_node(std::size_t node);
  void start_node(std::size_t node);

  struct Asked {
    std::string text;     ///< as for fault()
    std::string options;  ///< "0_1_4_64__8192"
    std::string user;
    std::size_t node = 0;
  };
  std::vector<Asked> requests(const std::string& text = {}) const;
  std::size_t connections(std::size_t node) const;  ///< that there ever were
  std::size_t most_at_once() const;                 ///< of all nodes
  /// How clients broke the protocol, for example "speaks before it was answered".
  std::vector<std::string> violations() const;

 private:
  friend class DolphindbSession;
  struct Node {
    int port = 0, listening = -1;
    std::size_t made = 0;
    std::set<int> sockets;
    std::thread accepting;
  };
  struct Hook {
    std::string text;
    std::optional<Fault> fault;  ///< none: `action`
    std::function<void()> action;
  };
  using Parts = std::shared_ptr<const std::vector<std::string>>;
  void listen_at(std::size_t number);
  void accept(std::size_t number, int listening);
  void serve(std::size_t number, int fd);
  std::optional<Hook> take(const std::string& request, bool faults);

  const Options options_;
  PrivateFolder folder_;
  duck::Database database_;
  DolphindbCatalog catalog_;
  ssl_ctx_st* tls_ = nullptr;
  std::vector<std::unique_ptr<Node>> nodes_;
  mutable std::mutex mutex_;
  std::list<std::thread> threads_;
  std::list<Hook> hooks_;
  std::vector<Asked> requests_;
  std::vector<std::string> violations_;
  std::map<std::string, Parts> remembered_;
  std::size_t now_ = 0, most_ = 0, sessions_ = 1195587396;
};

}  // namespace sluice::testing
