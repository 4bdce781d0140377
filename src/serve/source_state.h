// SPDX-License-Identifier: Apache-2.0
// What a client keeps for us between syncs: all that is known of what it has.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "engine/state.h"

namespace sluice::serve {

/// What of a table was sent.
struct SentTable : Marks {
  std::string shape;      ///< a hash of what it was, and of how it was chosen
  std::string horizon;    ///< Snapshot::horizon of the last sync; empty: none
  std::int64_t full = 0;  ///< Unix seconds: when all of it was sent
  /// All of it is being sent, in chunks: of it the Loading's chunks to do, its first snapshot and
  /// `mixed`.
  std::optional<Loading> loading;
};

struct SourceState {
  std::string source;  ///< Source::identity(); empty: nothing was sent yet
  std::optional<std::int64_t> position;
  /// What the client has of it is about to be replaced. Where it still says so when a sync begins,
  /// the last one ended there, and others are not to wait for that table again.
  TableName trying;
  std::map<TableName, SentTable> tables;  ///< those that are not in it are sent whole

  /// One line, a JSON object.
  std::string json() const;
  /// Of "", "{}" and "null" an empty state. Throws Fault::config for what json() did not write.
  static SourceState parse(const std::string& text);
};

}  // namespace sluice::serve
