// SPDX-License-Identifier: Apache-2.0
// Which transactions may still write below a mark: listed before a snapshot, asked about under a
// later one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "connectors/mysql/connection.h"

namespace sluice::mysql {

/// A transaction that was open, or a statement that was about to begin one.
struct Holder {
  std::uint64_t session = 0;  ///< 0: of a prepared XA transaction
  std::string transaction;    ///< when it began, to the second; empty: none seen yet
  std::string number;         ///< of a prepared one, which keeps it
  std::int64_t began = 0;     ///< when the statement or transaction began at the earliest,
                              ///< microseconds since 1970
  std::string user;
  std::int64_t open_since = 0;  ///< of a transaction, by the server's whole seconds; 0: unknown
};

struct Witness {
  std::string t0;              ///< the server's clock, as text in UTC: a TIMESTAMPTZ
  std::string local;           ///< the same in the server's own time zone: a TIMESTAMP
  std::int64_t t0_micros = 0;  ///< the same, microseconds since 1970
  std::string why_not;         ///< not empty: why marks cannot be proven here
  bool passing = false;        ///< that may be over at the next run: marks wait for it
  bool applies = false;        ///< rows arrive from other servers, which stamped them
  std::vector<Holder> holders;

  /// What a later run needs to know, as JSON.
  std::string text() const;
};

/// The server's clock, as Witness::t0.
std::string clock_of(Connection& connection);

/// Outside a transaction, before the snapshot is taken.
Witness observe(Connection& connection);

/// Whether everything `earlier` (a Witness's text) names had ended when `now` was observed.
bool settled(const std::string& earlier, const Witness& now);
/// Who of them had not, for people; empty: nobody.
std::string waits_for(const std::string& earlier, const Witness& now);

}  // namespace sluice::mysql
