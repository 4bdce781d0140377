// SPDX-License-Identifier: Apache-2.0
// One sync of a connector: its operations, applied at the destination, committed with its state.
#pragma once

#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "feed/buffer.h"
#include "sluice/connector.h"
#include "sluice/destination.h"
#include "sluice/sync.h"

namespace sluice::feed {

struct FeedOptions {
  std::string connection = "default";  ///< the state is kept under this name
  /// What is behind the connection, for `_sluice.runs`: the same text for as long as that lives. A
  /// connection that has read another one is refused.
  std::string source = "connector";
  /// What it was told that is no secret, by name. A connection that was told other values before is
  /// refused; of these only hashes are kept.
  std::map<std::string, std::string> settings;
  bool accept_source = false;  ///< refuse neither: the user says that it is the same source
  /// Of the destination, for tables without one; others go to "SCHEMA_" and theirs.
  std::string schema = "main";
  Naming naming = Naming::source;
  /// Globs over "schema.table", as in SyncOptions. What the connector does to other tables is
  /// dropped; once they are chosen again, the connector starts over.
  std::vector<std::string> tables, exclude;
  /// Bytes of changes that are held in memory until a checkpoint, about; those beyond go to a temp
  /// table. None: a third of what DuckDB may take.
  std::optional<std::size_t> memory;
};

struct FeedResult {
  /// Receipts of the chosen tables: `read` are the operations that were committed; inserted,
  /// updated: rows written whole; deleted: rows marked in place. `error` is what ended the sync:
  /// the first error of an operation, else what left schema() or update(); Fault::cancelled: it was
  /// stopped. What the receipts say is committed all the same.
  RunResult run;
  Calls calls;                        ///< what the connector did, committed or not
  std::map<TableName, Calls> tables;  ///< the same by table, without the checkpoints
  /// By `run.error`: 130 stopped, 2 configuration or ownership, 5 drift, 6 busy, else 1; without
  /// one as RunResult::exit_code().
  int exit_code() const;
};

/// Runs the connector's schema() and update(), on this thread. Once `stop` is asked for, the
/// operation that begins next throws; a checkpoint that begins then is committed before. At its end
/// the destination holds what the last checkpoint committed, as it does, once the next sync has
/// begun, after a crash at any moment. `observer` is told on this thread: a run and its tables as
/// in Sync, checkpoints as they are committed. Throws only what keeps the run from beginning.
FeedResult run(duck::Database& database, Destination& destination, sdk::Connector& connector,
               const sdk::Configuration& configuration, const FeedOptions& options, sdk::Log& log,
               Observer& observer, const std::stop_token& stop = {});

}  // namespace sluice::feed
