// SPDX-License-Identifier: Apache-2.0
// How fast earlier runs of a connection were, by its history.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "engine/state.h"
#include "sluice/receipt.h"

namespace sluice {

class Paces {
 public:
  Paces(duck::Connection& connection, const StateStore& states);
  /// About how many seconds: what the last runs of this table took that did the same; else by the
  /// bytes, at the speed of all. None: there is no history to go by, or nothing is done.
  std::optional<double> of(const TablePlan& plan) const;

 private:
  std::map<std::pair<TableName, std::string>, double> seconds_;  ///< by table and strategy
  double bytes_a_second_ = 0;                                    ///< 0: unknown
};

}  // namespace sluice
