// SPDX-License-Identifier: Apache-2.0
// Which tables a run is about.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "engine/state.h"
#include "engine/told.h"
#include "sluice/source.h"
#include "sluice/sync.h"

namespace sluice {

struct Chosen {
  std::set<TableName> known;     ///< what this run and earlier ones are about: others will be new
  std::vector<Table> tables;     ///< biggest first; small ones fill the gaps
  std::vector<Receipt> refused;  ///< wanted, and why they cannot be copied
  std::vector<TableName> gone;   ///< copied, and no longer at the source
};

/// What a run says of a table that is gone.
std::string gone_text(const TableName& table);

/// Tables named without wildcards: the way to ask for a view.
std::vector<TableName> exact_names(const std::vector<std::string>& patterns);

/// Throws Fault::config where options are given for a table that is not there: they would not be
/// heard, and a column that was to be left out would be copied. `copied`: tables that were copied
/// and may be gone.
void check_options(Source& source, const Catalog& catalog, const std::map<TableName, bool>& copied,
                   const SyncOptions& options);

/// The tables that the options choose, views only by name. Tells of new tables and of those that
/// are gone. Throws Fault::config where nothing is chosen.
Chosen choose(duck::Connection& connection, Source& source, const StateStore& states,
              const SyncOptions& options, Told& told);
/// The tables of the plan. Those that the source no longer has, or not with the columns that the
/// options name, are refused as drift.
Chosen choose(duck::Connection& connection, Source& source, const StateStore& states,
              const SyncOptions& options, const RunPlan& plan);

}  // namespace sluice
