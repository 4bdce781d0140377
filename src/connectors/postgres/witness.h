// SPDX-License-Identifier: Apache-2.0
// Which transactions may still write below a mark: listed before a snapshot, asked about under a
// later one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "connectors/postgres/connection.h"

namespace sluice::postgres {

/// A transaction that was open, or about to be.
struct Holder {
  int pid = 0;
  std::string
      transaction;  ///< virtual transaction, unique until the server restarts; empty: none seen yet
  std::string user;
  std::string application;  ///< and its state, where this role may see them
  std::int64_t since = 0;   ///< began, or was prepared: microseconds since 1970; 0: not visible
};

struct Witness {
  std::string t0;                   ///< clock_timestamp() as text in UTC
  std::int64_t t0_micros = 0;       ///< the same, microseconds since 1970
  std::int64_t xmin = 0, xmax = 0;  ///< of the snapshot, 64 bits; filled in once it is taken
  /// Why the transactions of others cannot be seen; empty: they are.
  std::string blind;
  std::vector<Holder> holders;
  std::int64_t oldest_stamp =
      INT64_MAX;        ///< the earliest query_start or xact_start that can be seen, microseconds
  bool hidden = false;  ///< a holder's times are not visible to this role
  std::vector<Holder> prepared;  ///< transactions of this database, by their names

  /// No transaction that is open can stamp a row with an earlier moment, in microseconds since
  /// 1970 (INT64_MAX: none is open). None where that cannot be seen: blind, a role without
  /// pg_read_all_stats beside others' transactions, prepared transactions.
  std::optional<std::int64_t> open_since() const;
  /// What a later run needs to know, as JSON.
  std::string text() const;
};

/// Outside a transaction, before the snapshot is taken.
Witness observe(Connection& connection);

/// Whether everything `earlier` (a Witness's text) names had ended when `now` was observed and its
/// snapshot taken.
bool settled(const std::string& earlier, const Witness& now);
/// Where it had not: which of it is still open, the oldest first.
std::string waits_for(const std::string& earlier, const Witness& now);

}  // namespace sluice::postgres
