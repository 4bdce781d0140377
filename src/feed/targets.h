// SPDX-License-Identifier: Apache-2.0
// The tables that a connector's changes are applied to: what the state knows of them, and their
// shapes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/load.h"
#include "feed/buffer.h"
#include "feed/run.h"

namespace sluice::feed {

/// One of them. A name is the same in whatever case the connector spells it.
struct Known {
  TableName name;                    ///< as the state spells it
  std::optional<TableState> stored;  ///< none: there is none yet
  TableState state;                  ///< what the sync goes on from: blank where it is made anew
  bool chosen = true;
};

class Targets {
 public:
  Targets(duck::Connection& connection, const StateStore& states, const FeedOptions& options);

  /// Before the first operation: undoes what crashes left. `synced` is that of the last checkpoint.
  /// A table whose target somebody dropped is reset. Returns what is to be said of that.
  std::vector<std::string> open(std::int64_t synced);
  /// Why the connector has to begin with an empty state: a chosen table was reset. Empty: it need
  /// not.
  const std::string& starts_over() const noexcept { return starts_over_; }

  bool chosen(const TableName& name) const;
  /// Throws Fault::ownership or Fault::config where the table cannot have the target that the
  /// options say, Fault::drift where it has another one.
  Known& of(const TableName& name);
  /// What is known of the columns, and what `declared` says of them, if anything; the key first.
  std::vector<BufferColumn> columns(const Known& known, const sdk::TableSchema* declared) const;

  /// Makes the target as the stage needs it, in transactions of its own, and returns what its state
  /// is to become; `notes` say what was changed. The state names the table before it is made.
  TableState shape(Known& known, const ChangeBuffer& buffer, const Staged& staged,
                   std::vector<std::string>& notes);
  apply::Target target_of(const TableState& state) const;
  /// Drops the targets of chosen tables that were reset, but for those that are `written` anew;
  /// returns them, for their states.
  std::vector<Known*> drop_reset(const std::set<const Known*>& written);
  /// Of a table that was left out, so that the connector starts over once it is chosen.
  TableState left_out(const Known& known) const;

 private:
  void reset(Known& known);
  void take_back(const TableState& state, std::int64_t synced);
  void aim(Known& known);

  duck::Connection& connection_;
  const StateStore& states_;
  const FeedOptions& options_;
  Inventory inventory_;
  std::map<TableName, Known> tables_;         ///< by folded name
  std::map<TableName, TableName> by_target_;  ///< of this sync, folded
  std::string starts_over_;
};

}  // namespace sluice::feed
