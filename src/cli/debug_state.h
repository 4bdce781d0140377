// SPDX-License-Identifier: Apache-2.0
// files/state.json of `sluice debug`. The state lives in the warehouse, with the rows; the file is
// what users know it by: written after each commit, and read at the start, where it can only make a
// run do more. Missing: all is synced again. A mark in it that is lower than the warehouse's
// counts, a higher one does not.
#pragma once

#include <map>
#include <string>

#include "cli/json.h"
#include "duck/duck.h"
#include "engine/state.h"

namespace sluice::cli {

/// What was done with the files that a run found, for people; empty: nothing to tell.
using Notes = std::vector<std::string>;

/// Where files/ holds what Fivetran's tester left, that is kept beside, under another name: a
/// warehouse that is not Sluice's, and a state of one of the published connectors, which proves
/// nothing of a warehouse that it was not written for.
Notes keep_foreign_files(const std::string& files);

/// Of connectors that are read.
class StateFile {
 public:
  /// `connector`: the name that the warehouse keeps the state under.
  StateFile(std::string path, std::string connector)
      : path_(std::move(path)), connector_(std::move(connector)) {}

  /// Brings what the warehouse remembers down to what `from`, a file as this, says. Throws
  /// Fault::config for a file that is not JSON.
  Notes lower(duck::Connection& connection, const StateStore& states, const std::string& from);
  /// Reads the states of all tables, or of one, and writes the file, in one step.
  void write(duck::Connection& connection, const StateStore& states);
  void write(duck::Connection& connection, const StateStore& states, const TableName& table);

 private:
  void replace() const;
  std::string path_, connector_;
  std::map<TableName, TableState> tables_;
};

/// Whether this is such a file of connectors that are read: for one that pushes it says nothing.
bool is_state_file(const Json& json);

/// Replaces the file in one step. Throws Fault::config where it cannot be written.
void replace_file(const std::string& path, const std::string& text);

}  // namespace sluice::cli
