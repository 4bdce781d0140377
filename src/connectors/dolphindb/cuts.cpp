// SPDX-License-Identifier: Apache-2.0
#include "connectors/dolphindb/cuts.h"

#include <algorithm>

namespace sluice::dolphindb {
namespace {

/// Of any two, as they may be the ends of 64 bits.
std::uint64_t distance(std::int64_t from, std::int64_t to) {
  return static_cast<std::uint64_t>(to) - static_cast<std::uint64_t>(from);
}

}  // namespace

std::vector<Cut> cuts(const std::vector<Stretch>& all, std::uint64_t wanted, std::int64_t longest) {
  const auto most = static_cast<std::uint64_t>(longest);
  std::vector<Cut> made;
  for (const Stretch& each : all) {
    const std::uint64_t span = distance(each.first, each.last);
    const std::uint64_t parts =
        std::min(std::max((each.rows + wanted - 1) / wanted, span / most + 1),
                 span == UINT64_MAX ? span : span + 1);
    const bool joins = !made.empty() && parts == 1 && made.back().rows + each.rows <= wanted &&
                       distance(made.back().at, each.last) < most;
    if (joins) {
      made.back().rows += each.rows;
      continue;
    }
    const std::uint64_t step = span / parts + 1;
    // Steps are rounded up: the last few parts may be none.
    for (std::uint64_t i = 0; i < parts && i <= span / step; ++i)
      made.push_back({static_cast<std::int64_t>(static_cast<std::uint64_t>(each.first) + i * step),
                      each.rows / parts});
  }
  return made;
}

}  // namespace sluice::dolphindb
