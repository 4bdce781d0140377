// SPDX-License-Identifier: Apache-2.0
// What `sluice debug` is to run: by the fields of a folder's configuration.json, or by name.
#pragma once

#include <string>
#include <vector>

#include "cli/commands.h"

namespace sluice::cli {

struct DebugPlan {
  std::string connector;              ///< "motherduck"
  std::string title;                  ///< "MotherDuck"
  Connection connection;              ///< settings as sluice.yaml's
  std::string replication_key;        ///< of tables that have such a column; empty: any
  bool once = false;                  ///< tables without a replication key are copied once
  std::vector<std::string> warnings;  ///< said at each run
};

/// Throws Fault::config where there is no such folder, or no such naming.
void check_request(const DebugRequest& request);

/// Reads the folder. Throws Fault::config, naming file and field, for what the user has to correct:
/// also where two connectors have these fields, or a connector.py of a published one lies there and
/// nothing says which of the two is meant.
DebugPlan debug_plan(const DebugRequest& request);

/// The published connector whose code lies in the folder, by name; "?": another one's; empty: none.
std::string python_in(const std::string& folder);

/// "FOLDER/files".
std::string files_of(const std::string& folder);

}  // namespace sluice::cli
