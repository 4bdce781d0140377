// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/plan.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>

#include "connectors/mysql/asking.h"
#include "connectors/mysql/statement.h"
#include "connectors/mysql/windows.h"
#include "planted.h"

namespace sluice::mysql {
namespace {

using nlohmann::json;

constexpr std::uint64_t kSmallestChunk = std::uint64_t{16} << 20;
constexpr std::uint64_t kLargestChunk = std::uint64_t{256} << 20;
constexpr std::uint64_t kChunks = 32;  // of a table between these
constexpr std::size_t kKeysPerChunk = 1000;
/// Below, one statement brings what is new sooner than several.
constexpr std::uint64_t kRowsWorthSplitting = 200'000;
constexpr std::uint64_t kRowsWorthResult = 1'000'000;
/// A result table is in the cluster's memory.
constexpr std::uint64_t kLargestResult = std::uint64_t{16} << 30;
constexpr std::uint64_t kCrowded = 4;  // times the rows wanted: another column has to divide them
constexpr int kMostSplits = 40;        // of one range: until its ends meet

std::uint64_t chunk_bytes(std::uint64_t bytes) {
  return std::clamp(bytes / kChunks, kSmallestChunk, kLargestChunk);
}

std::vector<Chunk> one_chunk(const Shape& shape, std::uint64_t rows) {
  return {chunk_of(json::object(), rows, share(shape.table.bytes, rows, shape.table.rows))};
}

__int128 number_of(const std::string& text) {
  if (text.starts_with('-')) {
    std::int64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
  }
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

/// The server's own guess of how many rows a condition has: a few looks into the index.
std::uint64_t guessed_rows(const Asking& asking, const Shape& shape, const std::string& where) {
  if (asking.snapshot.dialect() == Dialect::singlestore) {  // it counts about as fast as it guesses
    const Answer count = asking("SELECT count(*)" + from_of(shape) + where);
    return count.empty() ? 0 : static_cast<std::uint64_t>(number_of(count[0][0].value_or("0")));
  }
  if (shape.table.view) return 0;  // to explain one takes rights on all that it reads
  // The guess is in the column called rows, which versions have at different places.
  const Answer answer = asking("EXPLAIN FORMAT=JSON SELECT 1" + from_of(shape) + where);
  const json plan = json::parse(answer.empty() ? "" : answer[0][0].value_or(""), nullptr, false);
  std::uint64_t rows = 0;
  const std::function<void(const json&)> look = [&](const json& node) {
    if (node.is_object()) {
      for (const char* name : {"rows", "rows_examined_per_scan"}) {
        if (node.contains(name) && node.at(name).is_number())
          rows = std::max(rows, node.at(name).get<std::uint64_t>());
      }
      for (const auto& each : node) look(each);
    } else if (node.is_array()) {
      for (const auto& each : node) look(each);
    }
  };
  look(plan);
  return rows;
}

/// Halves the range of a key's first column, an integer, until each part is guessed to hold few
/// enough rows: sparse and crowded stretches get chunks of about the same size.
class IntegerRanges {
 public:
  IntegerRanges(const Asking& asking, const Shape& shape, std::uint64_t wanted)
      : asking_(asking), shape_(shape), wanted_(wanted), key_(shape.table.primary_key.front()) {}

  std::vector<Chunk> cut(__int128 low, __int128 high) {
    split(low, high, shape_.table.rows, 0);
    std::vector<Chunk> chunks;
    for (std::size_t i = 0; i < starts_.size(); ++i) {
      json bounds{{"key", {key_}}};
      if (i > 0) bounds["from"] = {text(starts_[i].first)};
      if (i + 1 < starts_.size()) bounds["to"] = {text(starts_[i + 1].first)};
      const std::uint64_t rows = starts_[i].second;
      chunks.push_back(chunk_of(bounds, rows, share(shape_.table.bytes, rows, shape_.table.rows)));
    }
    return chunks;
  }

 private:
  static std::string text(__int128 number) {
    return number < 0 ? std::to_string(static_cast<std::int64_t>(number))
                      : std::to_string(static_cast<std::uint64_t>(number));
  }

  void split(__int128 low, __int128 high, std::uint64_t rows, int depth) {
    if (rows <= wanted_ || high - low < 2 || depth > kMostSplits) {
      starts_.emplace_back(low, rows);
      return;
    }
    const __int128 middle = low + (high - low + 1) / 2;
    const std::uint64_t left = guess(low, middle - 1), right = guess(middle, high);
    // Where the guess does not follow the range it is worth nothing.
    const std::uint64_t all = std::max<std::uint64_t>(1, left + right);
    split(low, middle - 1, std::min(rows, share(rows, left, all)), depth + 1);
    split(middle, high, std::min(rows, share(rows, right, all)), depth + 1);
  }

  std::uint64_t guess(__int128 low, __int128 high) {
    return guessed_rows(
        asking_, shape_,
        " WHERE " + identifier(key_) + " BETWEEN " + text(low) + " AND " + text(high));
  }

  const Asking& asking_;
  const Shape& shape_;
  const std::uint64_t wanted_;
  const std::string key_;
  std::vector<std::pair<__int128, std::uint64_t>> starts_;
};

std::vector<Chunk> integer_chunks(const Asking& asking, const Shape& shape, std::uint64_t pieces) {
  const std::string key = identifier(shape.table.primary_key.front());
  const Answer ends = asking("SELECT min(" + key + "), max(" + key + ")" + from_of(shape));
  if (ends.empty() || !ends[0][0]) return one_chunk(shape, 0);
  const std::uint64_t wanted = std::max<std::uint64_t>(1, shape.table.rows / pieces);
  return IntegerRanges(asking, shape, wanted).cut(number_of(*ends[0][0]), number_of(*ends[0][1]));
}

/// Keys at about equal distances, found by walking the index once: of text and uuids nobody can
/// compute a middle.
std::vector<Chunk> sampled_chunks(const Asking& asking, const Shape& shape, std::uint64_t pieces) {
  const std::vector<std::string>& key = shape.table.primary_key;
  std::string list, bounded;
  for (const std::string& each : key) {
    list += (list.empty() ? "" : ", ") + identifier(each);
    bounded += (bounded.empty() ? "" : ", ") + bound_expression(shape, each);
  }
  const std::uint64_t step = std::max<std::uint64_t>(1, shape.table.rows / pieces);
  std::vector<std::vector<std::string>> bounds;
  while (bounds.size() < 4 * kChunks) {
    const std::string where =
        bounds.empty() ? "" : " WHERE " + tuple_condition(shape, key, bounds.back(), true);
    const Answer next = asking("SELECT " + bounded + from_of(shape) + where + " ORDER BY " + list +
                               " LIMIT 1 OFFSET " + std::to_string(step));
    if (next.empty()) break;
    std::vector<std::string>& bound = bounds.emplace_back();
    for (const auto& each : next[0]) bound.push_back(each.value_or(""));
  }
  std::vector<Chunk> chunks;
  for (std::size_t i = 0; i <= bounds.size(); ++i) {
    json one{{"key", key}};
    if (i > 0) one["from"] = bounds[i - 1];
    if (i < bounds.size()) one["to"] = bounds[i];
    chunks.push_back(chunk_of(one, step, share(shape.table.bytes, step, shape.table.rows)));
  }
  return chunks;
}

std::vector<Chunk> partition_chunks(const Shape& shape) {
  std::vector<Chunk> chunks;
  for (const Partition& each : shape.partitions)
    chunks.push_back(chunk_of(json{{"partition", each.name}}, each.rows, each.bytes));
  return chunks;
}

/// Of a table of SingleStore whose rows are worth being copied by its cluster, so that several
/// sessions read what one statement saw. Without bytes: a comparison of one chunk alone would copy
/// all of them.
std::vector<Chunk> result_chunks(const Asking& asking, const Shape& shape, std::uint64_t rows) {
  const std::string table = asking.snapshot.results().new_name();
  std::vector<Chunk> chunks;
  for (std::size_t i = 0; i < shape.shards; ++i) {
    chunks.push_back(chunk_of(json{{"result", table}, {"partition", i}, {"of", shape.shards}},
                              rows / shape.shards, 0));
  }
  return chunks;
}

bool worth_a_result(const Asking& asking, const Shape& shape, std::uint64_t rows) {
  return shape.shards > 1 && rows >= kRowsWorthResult && shape.table.bytes <= kLargestResult &&
         asking.snapshot.results().can_be_in(shape.table.name.schema);
}

/// About so many, where the key lets them be told apart.
std::vector<Chunk> slices(const Asking& asking, const Shape& shape, std::uint64_t pieces) {
  // What has no snapshot is consistent within one statement.
  if (pieces < 2 || shape.table.view || !shape.transactional())
    return one_chunk(shape, shape.table.rows);
  const std::vector<std::string>& key = shape.table.primary_key;
  const bool ordered = std::ranges::all_of(
      key, [&](const std::string& each) { return can_bound(shape.wire(each)); });
  if (key.empty() || !ordered)
    return shape.partitions.empty() ? one_chunk(shape, shape.table.rows) : partition_chunks(shape);
  const WireType& first = shape.wire(key.front());
  if (is_integer(first) && first.name != "year") {
    std::vector<Chunk> chunks = integer_chunks(asking, shape, pieces);
    // One value of the first column cannot be divided by it.
    const std::uint64_t most = kCrowded * std::max<std::uint64_t>(1, shape.table.rows / pieces);
    if (key.size() == 1 ||
        std::ranges::none_of(chunks, [&](const Chunk& each) { return each.rows > most; }))
      return chunks;
  }
  return sampled_chunks(asking, shape, pieces);
}

std::vector<Chunk> whole_chunks(const Asking& asking, const Shape& shape) {
  return slices(asking, shape, shape.table.bytes / chunk_bytes(shape.table.bytes));
}

/// SHA1 is slow, and one session computes it on one core. Each slice sends every bucket once more.
std::vector<Chunk> digest_chunks(const Asking& asking, const Shape& shape) {
  constexpr std::uint64_t kRowsOfSlice = 25'000, kMostSlices = 4;
  return slices(asking, shape, std::min(kMostSlices, shape.table.rows / kRowsOfSlice));
}

std::vector<Chunk> chunks_of_keys(std::size_t keys) {
  std::vector<Chunk> chunks;
  for (std::size_t first = 0; first < keys; first += kKeysPerChunk) {
    const std::size_t count = std::min(kKeysPerChunk, keys - first);
    chunks.push_back(chunk_of(json{{"first_key", first}, {"keys", count}}, count, 0));
  }
  return chunks;
}

/// As DuckDB prints it: no zeros at the end of a fraction, a timestamp's zone.
std::string mark_text(std::string text, const WireType& wire) {
  if (wire.name == "date" || !is_date(wire)) return text;
  if (text.find('.') != std::string::npos) {
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
  }
  return wire.name == "timestamp" ? text + "+00" : text;
}

/// `until`: no row at or below it is missing from this snapshot, once the witness is settled.
void set_marks(const Asking& asking, const Shape& shape, Plan& plan) {
  const std::string& key = plan.table.replication_key;
  const WireType& wire = shape.wire(key);
  if (!is_integer(wire) && !is_date(wire)) {
    throw Error(Fault::config,
                shape.table.name.text() + ": replication key \"" + key + "\" is " +
                    shape.table.columns[shape.position(key)].source_type,
                "a replication key is an integer, a date or a timestamp");
  }
  const Witness& witness = asking.snapshot.observed();
  Plan rows_of_copy = plan;
  rows_of_copy.read.from.reset();
  std::vector<std::string> conditions = predicates(shape, rows_of_copy);
  std::string bounded = "m", lowered = "b";
  if (is_date(wire)) {
    conditions.push_back(identifier(key) + " > 0");  // no zero date
    // Columns without a fraction cut it off, and NOW() has none: in the second that the mark falls
    // into, what is written later may be stamped lower.
    if (wire.name != "date" && !planted("mysql-mark-with-fraction"))
      lowered = "b - INTERVAL MICROSECOND(b) MICROSECOND";
    std::string now = witness.local;
    if (wire.name == "timestamp") now = witness.t0.substr(0, witness.t0.find('+', 10));
    if (wire.name == "date") now = witness.local.substr(0, 10);
    bounded = "least(m, CAST(" + literal(now) + " AS " +
              (wire.name == "date" ? "DATE" : "DATETIME(6)") + "))";
    if (planted("mysql-mark-beyond-clock")) bounded = "m";
  }
  const Answer rows =
      asking("SELECT CAST(" + lowered + " AS CHAR) FROM (SELECT " + bounded +
             " AS b FROM (SELECT max(" + identifier(key) + ") AS m" + from_of(shape) +
             where_clause(conditions) + ") newest WHERE m IS NOT NULL) bounded");
  if (rows.empty() || !rows[0][0]) return;
  plan.until = mark_text(*rows[0][0], wire);
  if (witness.why_not.empty() && witness.holders.empty() && wire.name == "timestamp")
    plan.safe = plan.until;
}

}  // namespace

Plan make_plan(MysqlSnapshot& snapshot, const Table& table, const Read& read, const Stop& stop) {
  const Asking asking{snapshot, stop};
  const Shape& shape = snapshot.shape(table.name);
  Plan plan;
  plan.table = table;
  plan.read = read;
  for (const Column& each : read.digest.empty() ? read.columns : read.digest) {
    const Column& present = shape.table.columns[shape.position(each.name)];
    if (present.source_type == each.source_type) continue;
    throw Error(Fault::schema, table.name.text() + ": column \"" + each.name + "\" is " +
                                   present.source_type + " now, it was " + each.source_type);
  }
  if (!read.keys.empty()) {
    plan.chunks = chunks_of_keys(read.keys.size());
    plan.rows = read.keys.size();
    return plan;
  }
  plan.rows = shape.table.rows;
  if (read.buckets) {
    const bool all = !read.digest.empty() && read.buckets->only.empty();
    plan.chunks = all ? digest_chunks(asking, shape) : one_chunk(shape, shape.table.rows);
    return plan;
  }
  if (!table.replication_key.empty()) set_marks(asking, shape, plan);
  if (read.from || table.start || !table.where.empty())
    plan.rows = guessed_rows(asking, shape, where_clause(predicates(shape, plan)));
  if (read.from) plan.chunks = window_chunks(asking, shape, plan);
  if (!plan.chunks.empty()) return plan;
  if (worth_a_result(asking, shape, plan.rows)) {
    plan.chunks = result_chunks(asking, shape, plan.rows);
    return plan;
  }
  plan.chunks = read.from && plan.rows < kRowsWorthSplitting ? one_chunk(shape, plan.rows)
                                                             : whole_chunks(asking, shape);
  return plan;
}

}  // namespace sluice::mysql
