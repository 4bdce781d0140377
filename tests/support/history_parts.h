// SPDX-License-Identifier: Apache-2.0
// What a history keeps of its writers, of the source and of its runs.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "support/history_server.h"
#include "support/history_table.h"

namespace sluice::testing {

/// One of its writers.
struct HistoryWriter {
  explicit HistoryWriter(std::unique_ptr<HistorySession> its) : session(std::move(its)) {}
  std::unique_ptr<HistorySession> session;
  bool open = false;  ///< in a transaction
  std::string xa;     ///< which has this name already; empty: it has none
  int gate = 0;       ///< in a message, waiting for this gate of its two; 0: in none
  int savepoints = 0;
  int since = 0;  ///< runs_ when it began, or came to its gate
};

/// A prepared transaction.
struct Prepared {
  std::string name;
  int since = 0;  ///< runs_ when it was prepared
};

/// What the seed chose for the whole history, by the chances of its flavour.
struct Character {
  Stamps stamps;
  bool deletes = true;  ///< else nothing is deleted and no keys are compared: the marks alone
                        ///< must bring every row
  bool reader = false;  ///< sluice comes as a user that does not see when others began
  bool big = false;     ///< enough rows for a table to be built anew behind its copy
};

/// What the source held, of all tables at once.
struct HistoryMoment {
  std::map<std::string, std::multiset<std::string>> rows;  ///< by table
  std::string at;                                          ///< by its clock
};

/// What a table was at the instant of a run.
struct Past {
  std::string table, instant;
  std::multiset<std::string> rows;
};

/// A table that a run beside writers brought up to date.
struct Finished {
  const HistoryTable* table;
  std::string instant;
};

}  // namespace sluice::testing
