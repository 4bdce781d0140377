// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/tablets.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "connectors/postgres/types.h"

namespace sluice::postgres {
namespace {

using nlohmann::json;

constexpr std::int64_t kCodes = 65'536;       // yb_hash_code() is below it
constexpr std::uint64_t kMostPieces = 1'024;  // of a tablet

Chunk chunk_of(const json& bounds, const Heap& heap, std::uint64_t of) {
  return {bounds.dump(-1, ' ', false, json::error_handler_t::replace), heap.rows / of,
          heap.bytes / of};
}

/// Which of the functions and views that we may ask this release has.
struct Known {
  bool tablets, properties, splits;
};

Known known(const Asking& asking) {
  const Answers::Row row = asking(
                               "SELECT to_regclass('yb_tablet_metadata') IS NOT NULL, "
                               "to_regproc('yb_table_properties') IS NOT NULL, "
                               "to_regproc('yb_get_range_split_clause') IS NOT NULL")
                               .at(0);
  return {row[0] == "t", row[1] == "t", row[2] == "t"};
}

/// The codes at which tablets begin, ascending, from 0. Rights may hide a tablet's codes.
std::vector<std::int64_t> tablet_starts(const Asking& asking, const Heap& heap) {
  const std::string oid = std::to_string(heap.oid);
  const Known has = known(asking);
  std::set<std::int64_t> starts{0};
  if (has.tablets) {
    for (const Answers::Row& row :
         asking("SELECT start_hash_code FROM yb_tablet_metadata WHERE oid = " + oid +
                " AND db_name = current_database() AND start_hash_code IS NOT NULL")) {
      const std::int64_t code = integer_of(row[0].value_or(""));
      if (code > 0 && code < kCodes) starts.insert(code);
    }
  }
  if (starts.size() == 1 && has.properties) {
    const std::vector<Answers::Row> rows =
        asking("SELECT num_tablets FROM yb_table_properties(" + literal(oid) + "::regclass)");
    const std::int64_t tablets = rows.empty() || !rows[0][0]
                                     ? 1
                                     : std::clamp<std::int64_t>(integer_of(*rows[0][0]), 1, kCodes);
    for (std::int64_t i = 1; i < tablets; ++i) starts.insert(i * kCodes / tablets);
  }
  return {starts.begin(), starts.end()};
}

/// Each tablet's codes in equal steps.
std::vector<std::int64_t> code_steps(const std::vector<std::int64_t>& starts,
                                     std::uint64_t pieces) {
  const std::uint64_t tablets = starts.size();
  const auto each = static_cast<std::int64_t>(
      std::clamp<std::uint64_t>((pieces + tablets - 1) / tablets, 1, kMostPieces));
  std::vector<std::int64_t> steps;
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const std::int64_t end = i + 1 < starts.size() ? starts[i + 1] : kCodes;
    for (std::int64_t piece = 0; piece < each; ++piece) {
      const std::int64_t code = starts[i] + (end - starts[i]) * piece / each;
      if (steps.empty() || code > steps.back()) steps.push_back(code);
    }
  }
  return steps;
}

/// Slices between neighbours of `points`, the first and the last one open.
template <typename Point>
void add_slices(std::vector<Chunk>& chunks, const Heap& heap, json bounds,
                const std::vector<Point>& points, const char* from, const char* to) {
  const std::size_t slices = points.size() + 1;
  for (std::size_t i = 0; i < slices; ++i) {
    bounds.erase(from);
    bounds.erase(to);
    if (i > 0) bounds[from] = points[i - 1];
    if (i < points.size()) bounds[to] = points[i];
    chunks.push_back(chunk_of(bounds, heap, slices));
  }
}

/// Values of the key's first column that cut the heap, in the order that its comparisons have: the
/// server sorts them, by the column's type (d.v, for v alone is the text). A collation of its own
/// would sort them otherwise.
std::vector<std::string> key_points(const Asking& asking, const Shape& shape, const Heap& heap) {
  const std::string& column = shape.table.primary_key.at(0);
  const LiteralType& type = shape.literals[shape.position(column)];
  std::string values = "ARRAY[]::" + type.cast + "[]";
  if (known(asking).splits) {
    const std::vector<Answers::Row> rows =
        asking("SELECT yb_get_range_split_clause(" + std::to_string(heap.oid) + ")");
    std::string list;
    for (const std::string& each : split_values(rows.empty() ? "" : rows[0][0].value_or("")))
      list += (list.empty() ? "" : ", ") + literal(each);
    values = "ARRAY[" + list + "]::" + type.cast + "[]";
  }
  std::vector<std::string> points;
  for (const Answers::Row& row :
       asking("SELECT v::text FROM (SELECT DISTINCT v FROM (SELECT unnest(" + values +
              ") UNION ALL SELECT unnest(histogram_bounds::text::" + type.cast +
              "[]) FROM pg_stats WHERE schemaname = " + literal(heap.name.schema) +
              " AND tablename = " + literal(heap.name.name) + " AND attname = " + literal(column) +
              ") u(v) WHERE v IS NOT NULL AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = " +
              std::to_string(heap.oid) + " AND attname = " + literal(column) +
              " AND attcollation IN (0, 100))) d ORDER BY d.v")) {
    points.push_back(row[0].value());
  }
  return points;
}

/// About `wanted` of them, evenly.
std::vector<std::string> thinned(const std::vector<std::string>& points, std::uint64_t wanted) {
  if (points.size() <= wanted) return points;
  std::vector<std::string> some;
  for (std::uint64_t i = 1; i <= wanted; ++i)
    some.push_back(points[i * points.size() / (wanted + 1)]);
  some.erase(std::unique(some.begin(), some.end()), some.end());
  return some;
}

}  // namespace

std::vector<std::string> split_values(const std::string& clause) {
  std::vector<std::string> values;
  int depth = 0;
  bool first = false;  // at the first value of a point
  for (std::size_t i = clause.find('('); i < clause.size(); ++i) {
    const char c = clause[i];
    if (c == '(') {
      first = ++depth == 2;
    } else if (c == ')') {
      --depth;
    } else if (c == ',') {
      first = false;
    } else if (c == '\'' || clause.compare(i, 2, "E'") == 0) {
      const bool escapes = c == 'E';
      std::string text;
      for (i += escapes ? 2 : 1; i < clause.size(); ++i) {
        const bool doubled = clause.compare(i, 2, "''") == 0;
        if (clause[i] == '\'' && !doubled) break;
        if (doubled || (escapes && clause[i] == '\\' && i + 1 < clause.size())) ++i;
        text += clause[i];
      }
      if (first) values.push_back(text);
      first = false;
    } else if (first && c != ' ') {
      const std::size_t end = std::min(clause.find_first_of(",) ", i), clause.size());
      const std::string word = clause.substr(i, end - i);
      if (word != "NULL" && word != "MINVALUE" && word != "MAXVALUE") values.push_back(word);
      first = false;
      i = end - 1;
    }
  }
  return values;
}

std::vector<Chunk> tablet_chunks(const Asking& asking, const Shape& shape, std::uint64_t target) {
  std::vector<Chunk> chunks;
  if (shape.table.primary_key.empty() || shape.table.key_origin != KeyOrigin::primary)
    return chunks;
  const bool each_alone = std::ranges::all_of(shape.heaps, &Heap::readable);
  Heap whole;  // through the parent, where a partition is closed to us
  whole.oid = shape.oid, whole.name = shape.table.name;
  whole.rows = shape.table.rows, whole.bytes = shape.table.bytes;
  for (const Heap& heap : each_alone ? shape.heaps : std::vector<Heap>{whole}) {
    json bounds = json::object();
    if (each_alone) bounds = {{"schema", heap.name.schema}, {"table", heap.name.name}};
    const std::uint64_t pieces = (heap.bytes + target - 1) / std::max<std::uint64_t>(1, target);
    if (!shape.hashed.empty()) {
      bounds["hashed"] = shape.hashed;
      std::vector<std::int64_t> steps = code_steps(tablet_starts(asking, heap), pieces);
      steps.erase(steps.begin());  // 0, where the first one begins
      add_slices(chunks, heap, bounds, steps, "from_code", "to_code");
      continue;
    }
    std::vector<std::string> points = key_points(asking, shape, heap);
    if (heap.bytes > 0) points = thinned(points, std::max<std::uint64_t>(pieces, 1) - 1);
    if (points.empty() && shape.heaps.size() == 1) return {};
    bounds["key"] = shape.table.primary_key[0];
    add_slices(chunks, heap, bounds, points, "ge", "lt");
  }
  return chunks;
}

}  // namespace sluice::postgres
