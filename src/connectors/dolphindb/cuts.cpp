// SPDX-License-Identifier: Apache-2.0
#include "connectors/dolphindb/cuts.h"

#include <algorithm>

namespace sluice::dolphindb {
namespace {

/// Readers end together where what is left is cut smaller and smaller, down to a part of what is
/// wanted: each piece is a share of all that is still to come.
constexpr std::uint64_t kSharesOfTheRest = 8, kSmallest = 4;

/// Of any two, as they may be the ends of 64 bits.
std::uint64_t distance(std::int64_t from, std::int64_t to) {
  return static_cast<std::uint64_t>(to) - static_cast<std::uint64_t>(from);
}

}  // namespace

std::vector<Cut> cuts(const std::vector<Stretch>& all, std::uint64_t wanted, std::int64_t longest) {
  const auto most = static_cast<std::uint64_t>(longest);
  std::uint64_t left = 0, room = 0;  // rows behind the last cut's; rows that it may still take
  for (const Stretch& each : all) left += each.rows;
  std::vector<Cut> made;
  for (const Stretch& each : all) {
    std::uint64_t rows = each.rows;
    if (!made.empty() && rows <= room && distance(made.back().at, each.last) < most) {
      made.back().rows += rows, room -= rows, left -= rows;
      continue;
    }
    std::int64_t at = each.first;
    for (bool last = false; !last;) {
      const std::uint64_t span = distance(at, each.last);
      const std::uint64_t size = std::clamp(left / kSharesOfTheRest,
                                            std::max<std::uint64_t>(1, wanted / kSmallest), wanted);
      const std::uint64_t parts = std::min(std::max((rows + size - 1) / size, span / most + 1),
                                           span == UINT64_MAX ? span : span + 1);
      const std::uint64_t step = span / parts + 1, share = rows / parts;
      made.push_back({at, share});
      room = size - std::min(size, share), rows -= share, left -= share;
      last = span < step;
      if (!last) at = static_cast<std::int64_t>(static_cast<std::uint64_t>(at) + step);
    }
  }
  return made;
}

}  // namespace sluice::dolphindb
