// SPDX-License-Identifier: Apache-2.0
// Where chunks of a table begin.
#pragma once

#include <cstdint>
#include <vector>

namespace sluice::dolphindb {

/// Rows of one day, or of all, as the server counts them.
struct Stretch {
  std::int64_t first, last;  ///< of the slicing column's numbers, both included
  std::uint64_t rows;
};

struct Cut {
  std::int64_t at;
  std::uint64_t rows;  ///< from here to the next, about
};

/// After about `wanted` rows each, fewer near the end, at most `longest` numbers apart. `all`
/// ascends and does not overlap, and so do the cuts: the first is where the first stretch begins,
/// and none is beyond the last number of its stretch.
std::vector<Cut> cuts(const std::vector<Stretch>& all, std::uint64_t wanted, std::int64_t longest);

}  // namespace sluice::dolphindb
