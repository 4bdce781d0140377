// SPDX-License-Identifier: Apache-2.0
// One table of one Update: what of it is to be sent, and how far it was.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "duck/duck.h"
#include "engine/scan.h"
#include "serve/sender.h"
#include "serve/source_state.h"
#include "serve/wanted.h"

namespace sluice::serve {

/// What the tables of one Update share.
struct FeedContext {
  duck::Connection& connection;
  const ScanContext& scan;
  const SyncOptions& options;
  Sender& sender;
  SourceState& state;
  std::function<void(const std::string&)> note;  ///< for the log
};

class TableFeed {
 public:
  /// `sent`: of the snapshot's table. Throws where the options ask for what cannot be.
  TableFeed(const FeedContext& context, Snapshot& snapshot, Sent sent);

  /// Nothing is due; all of it, after what was sent before is marked as deleted; the chunks of that
  /// which are left, and what changed meanwhile; or rows since a mark.
  enum class Way { none, full, resume, changes };
  Way way() const { return way_; }
  /// Whether what the client has is given up before it is sent anew.
  bool replaces() const { return way_ == Way::full && had_all_; }
  const TableName& name() const { return sent_.table.name; }

  /// Sends, and a checkpoint after each thing that is whole. What throws leaves a state that is
  /// true of what was sent: the same again with a TableFeed made anew does the rest.
  void run();
  std::uint64_t rows() const { return rows_; }

 private:
  using Chunks = std::vector<std::size_t>;
  SentTable& known() { return context_.state.tables[name()]; }
  Way choose();
  bool goes_on() const;
  void full();
  void resume();
  void changes();
  void units(const Plan& plan, Chunks todo);
  Marks marks_of(const Plan& whole) const;
  void done(Marks marks);
  Plan plan(const Read& read);
  Read all() const;
  Chunks send(const Plan& plan, const Chunks& chunks, UnitLimit limit);
  void checkpoint();
  void prove();
  std::string from(const std::string& mark) const;

  const FeedContext& context_;
  Snapshot& snapshot_;
  const Sent sent_;
  const std::int64_t now_;
  RowEncoder encoder_;
  std::string shape_;
  bool marked_ = false;    ///< rows since a mark are what changed
  bool versions_ = false;  ///< or those of newer versions, as the options say
  bool had_all_ = false;
  Way way_ = Way::full;
  std::uint64_t rows_ = 0;
};

}  // namespace sluice::serve
