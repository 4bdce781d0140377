// SPDX-License-Identifier: Apache-2.0
// A plan that is kept: what sync() would do, to be done later just as it was seen.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sluice/options.h"
#include "sluice/receipt.h"
#include "sluice/source.h"

namespace sluice {

/// What plan() found for one connection, and the flags that shaped it. A value: text that another
/// process reads back.
struct RunPlan {
  std::string connection;    ///< SyncOptions::connection
  std::string source;        ///< Source::identity()
  std::int64_t made_at = 0;  ///< Unix seconds: what is due is judged by it, also when it is done
  bool full = false, accept_source = false;
  std::vector<std::string> accept_drift, allow_deletes;
  std::vector<TablePlan> tables;  ///< those that can be done; of Table only what json() writes

  std::string json() const;
  /// Throws Fault::config where the text is not what a sluice of this version writes.
  static RunPlan parse(const std::string& text);
};

/// The plan of these tables, those left out that are refused.
RunPlan make_plan(const SyncOptions& options, Source& source, const std::vector<TablePlan>& tables);

/// Throws Fault::config where `plan` is of another connection or source, or was made with other
/// settings of its tables, naming them. Asks the source for its identity, nothing else.
void check_plan(const RunPlan& plan, const SyncOptions& options, Source& source);

}  // namespace sluice
