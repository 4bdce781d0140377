// SPDX-License-Identifier: Apache-2.0
// What a stand-in for a YugabyteDB cluster (yugabyte_double.h) is to be like.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace sluice::testing {

/// Where a node is, as yb_servers() says it.
struct YugabyteNode {
  /// An address of this machine that it listens at; empty: 127.0.0.(1 + number).
  std::string host = {};
  std::string public_ip = {};  ///< empty: none
  std::string zone = {};       ///< empty: zone1, zone2 ..
  std::string region = "region1", cloud = "cloud1";
  std::string node_type = "primary";  ///< or read_replica
};

struct YugabyteOptions {
  std::size_t nodes = 3;
  std::vector<YugabyteNode> places = {};  ///< of the first nodes, where they are not as usual
  std::string version = "15.12-YB-2025.1.0.0-b0";
  bool read_time = true;            ///< yb_read_time and yb_get_current_hybrid_time_lsn()
  bool exported_snapshots = false;  ///< pg_export_snapshot() and SET TRANSACTION SNAPSHOT
  bool tablet_metadata = true;      ///< yb_tablet_metadata
  bool universe_uuid = true;        ///< a column of yb_servers()
  bool tls = false;                 ///< with the private cluster's certificate, for `localhost`
};

/// How a table is split.
struct YugabyteSharding {
  int tablets = 3, hash_columns = 1;
  bool colocated = false;
  std::string split;  ///< "SPLIT AT VALUES ((10), (20))"
  static YugabyteSharding range(const std::string& split);
};

/// What comes instead of a row. No state and not cut: the row comes.
struct YugabyteFault {
  std::string state, text;  ///< SQLSTATE and message; 57P01 ends the session as well
  bool cut = false;         ///< the connection, without a word
  static YugabyteFault read_restart();
  static YugabyteFault snapshot_too_old();
  static YugabyteFault schema_mismatch();
  static YugabyteFault shutdown();
  static YugabyteFault cutting() { return {{}, {}, true}; }
};

}  // namespace sluice::testing
