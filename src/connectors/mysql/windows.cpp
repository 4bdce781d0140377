// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/windows.h"

#include <algorithm>

#include "connectors/mysql/statement.h"

namespace sluice::mysql {
namespace {

using nlohmann::json;

/// All that is new in one statement: a year with six rows in it needs no 1,460 windows.
constexpr std::uint64_t kRowsOfOneStatement = 10'000;
constexpr std::uint64_t kBytesOfOne = std::uint64_t{16} << 20;
/// An index leads to each row by itself: from this share of the table on, its own order is sooner.
constexpr std::uint64_t kShareOfTable = 4;
constexpr std::size_t kMostStretches = 20'000;

/// The stamps at which stretches begin, and so those before end; the last one is open, as stamps
/// can lie ahead of the clock.
using Begins = std::vector<std::string>;

/// Windows begin with a row: asked from one to the next, never computed through emptiness.
Begins windows(const Asking& asking, const Shape& shape, const Plan& plan) {
  constexpr std::int64_t kDay = 86'400;
  const std::string& name = plan.table.replication_key;
  const std::string key = identifier(name);
  const auto seconds = std::max<std::int64_t>(1, plan.table.window->count());
  const std::string length = shape.wire(name).name == "date"
                                 ? std::to_string((seconds + kDay - 1) / kDay) + " DAY"
                                 : std::to_string(seconds) + " SECOND";
  Begins begins;
  std::optional<std::string> end = plan.read.from;
  while (end && begins.size() < kMostStretches) {
    const Answer next =
        asking("SELECT CAST(" + key + " AS CHAR), CAST(" + key + " + INTERVAL " + length +
               " AS CHAR)" + from_of(shape) + " WHERE " + key +
               " >= " + replication_literal(shape, name, *end) + " ORDER BY " + key + " LIMIT 1");
    if (next.empty()) break;
    begins.push_back(next[0][0].value_or(""));
    end = next[0][1];  // none: beyond the year 9999
  }
  return begins;
}

/// About so many stretches of equal size, found by walking the index over what is new. Rows of one
/// stamp stay together.
Begins equal_stretches(const Asking& asking, const Shape& shape, const Plan& plan,
                       std::uint64_t pieces) {
  const std::string& name = plan.table.replication_key;
  const std::string key = identifier(name);
  const std::string step = std::to_string(std::max<std::uint64_t>(1, plan.rows / pieces));
  Begins begins{*plan.read.from};
  while (begins.size() < 2 * pieces) {
    const Answer next = asking("SELECT CAST(" + key + " AS CHAR)" + from_of(shape) + " WHERE " +
                               key + " > " + replication_literal(shape, name, begins.back()) +
                               " ORDER BY " + key + " LIMIT 1 OFFSET " + step);
    if (next.empty()) break;
    begins.push_back(next[0][0].value_or(""));
  }
  return begins;
}

}  // namespace

std::vector<Chunk> window_chunks(const Asking& asking, const Shape& shape, const Plan& plan) {
  const std::string& name = plan.table.replication_key;
  const bool dated = is_date(shape.wire(name));
  if (shape.table.view || !plan.table.replication_key_indexed()) return {};
  Begins begins;
  if (plan.table.window && dated) {
    const bool may_double = !shape.transactional() && !plan.table.has_key();
    if (plan.rows <= kRowsOfOneStatement || may_double) return {};
    begins = windows(asking, shape, plan);
  } else {
    const std::uint64_t pieces =
        share(shape.table.bytes, plan.rows, shape.table.rows) / kBytesOfOne;
    if (!shape.transactional() || pieces < 2 || plan.rows > shape.table.rows / kShareOfTable)
      return {};
    begins = equal_stretches(asking, shape, plan, pieces);
  }
  if (begins.empty()) return {};
  begins.front() = *plan.read.from;
  const std::uint64_t rows = plan.rows / begins.size();
  std::vector<Chunk> chunks;
  for (std::size_t i = 0; i < begins.size(); ++i) {
    json bounds{{"stamps_from", begins[i]}};
    if (i + 1 < begins.size()) bounds["stamps_to"] = begins[i + 1];
    chunks.push_back(chunk_of(bounds, rows, share(shape.table.bytes, rows, shape.table.rows)));
  }
  const bool nullable = dated || shape.table.column(name)->nullable;
  if (nullable && !plan.table.start) chunks.push_back(chunk_of(json{{"unstamped", true}}, 0, 0));
  return chunks;
}

}  // namespace sluice::mysql
