// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/plan.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "connectors/postgres/digest.h"
#include "connectors/postgres/oids.h"
#include "connectors/postgres/statement.h"
#include "connectors/postgres/tablets.h"
#include "connectors/postgres/types.h"
#include "planted.h"

namespace sluice::postgres {
namespace {

using nlohmann::json;

// Small enough that all readers end at about the same time, large enough that starting one costs
// nothing.
constexpr std::uint64_t kSmallestChunk = std::uint64_t{4} << 20;
constexpr std::uint64_t kLargestChunk = std::uint64_t{64} << 20;
constexpr std::uint64_t kChunksWanted = 16;
constexpr std::size_t kKeysPerChunk = 1000;
// Ranges of a table read by a bound pay off from here; below, one reader may use the index.
constexpr std::uint64_t kRowsWorthSplitting = 1'000'000;

/// Older servers scan the whole table for each ctid range.
bool scans_ranges(const Connection& session) {
  return session.dialect().places && session.version() >= 140000;
}

Chunk chunk_of(const json& bounds, std::uint64_t rows, std::uint64_t bytes) {
  return {bounds.dump(-1, ' ', false, json::error_handler_t::replace), rows, bytes};
}

std::uint64_t chunk_bytes(std::uint64_t table_bytes) {
  return std::clamp(table_bytes / kChunksWanted, kSmallestChunk, kLargestChunk);
}

std::uint64_t share(std::uint64_t of, std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return of;
  return static_cast<std::uint64_t>(static_cast<double>(of) * static_cast<double>(part) /
                                    static_cast<double>(whole));
}

std::int64_t number(const std::optional<std::string>& text) { return text ? integer_of(*text) : 0; }

struct Storage {
  std::uint64_t block_bytes = 8192;
  std::map<std::uint32_t, std::uint64_t> blocks;  // by heap
};

// As the file is at the first look: never smaller than what the snapshot sees, but for blocks added
// since, which the open end covers.
Storage measure(const Asking& asking, const Shape& shape) {
  std::vector<std::uint32_t> oids;
  for (const Heap& each : shape.heaps) {
    if (each.ranges) oids.push_back(each.oid);
  }
  Storage storage;
  for (const Answers::Row& row :
       asking("SELECT o, pg_relation_size(o) / b, b FROM unnest(" + literal(array_text(oids)) +
              "::oid[]) o, (SELECT current_setting('block_size')::bigint) s(b)")) {
    storage.blocks[static_cast<std::uint32_t>(number(row[0]))] =
        static_cast<std::uint64_t>(number(row[1]));
    storage.block_bytes = static_cast<std::uint64_t>(number(row[2]));
  }
  return storage;
}

/// How many blocks a range has.
struct Steps {
  std::uint64_t most = 1;   ///< while much is left
  std::uint64_t least = 1;  ///< in the end, so that all readers end at about the same time

  std::uint64_t with(std::uint64_t left) const {
    constexpr std::uint64_t kLast = 6;
    return std::clamp(left / kLast / least * least, least, most);
  }
};

// The last range is open: rows of the snapshot may lie beyond the size that was seen.
void add_ranges(std::vector<Chunk>& chunks, json bounds, std::uint64_t blocks, Steps steps,
                std::uint64_t rows, std::uint64_t bytes) {
  std::uint64_t step = 0;
  for (std::uint64_t from = 0; from == 0 || from < blocks; from += step) {
    step = steps.with(blocks - std::min(blocks, from));
    const bool last = from + step >= blocks;
    bounds["from"] = from;
    if (last) {
      bounds.erase("to");
    } else {
      bounds["to"] = from + step;
    }
    const std::uint64_t part = std::min(step, blocks - std::min(blocks, from));
    chunks.push_back(chunk_of(bounds, share(rows, part, blocks), share(bytes, part, blocks)));
  }
}

bool all_heaps(const Shape& shape, bool Heap::*property) {
  return std::all_of(shape.heaps.begin(), shape.heaps.end(),
                     [&](const Heap& each) { return each.*property; });
}

/// Chunks of about `blocks / pieces`, cut to a little less than whole row groups. A reader leaves
/// its last group as it is at the end of a unit, and DuckDB rewrites the neighbours of small groups
/// at the first checkpoint after a few deletes (measured: 3 s for 6 million rows).
Steps steps_of(std::uint64_t blocks, std::uint64_t pieces, std::uint64_t rows) {
  const std::uint64_t step = std::max<std::uint64_t>(1, (blocks + pieces - 1) / pieces);
  const std::uint64_t groups = share(rows, step, blocks) / Batch::kRowGroup;
  if (groups == 0) return {step, step};
  const std::uint64_t group =
      std::max<std::uint64_t>(1, share(blocks, Batch::kRowGroup / 50 * 49, rows));
  return {groups * group, group};
}

/// Each heap by itself.
std::vector<Chunk> heap_chunks(const Asking& asking, const Shape& shape, std::uint64_t target) {
  const Storage storage = measure(asking, shape);
  std::vector<Chunk> chunks;
  for (const Heap& heap : shape.heaps) {
    json bounds{{"schema", heap.name.schema}, {"table", heap.name.name}};
    if (!heap.ranges) {
      chunks.push_back(chunk_of(bounds, heap.rows, heap.bytes));
      continue;
    }
    const std::uint64_t blocks = storage.blocks.at(heap.oid);
    // Rows kept outside the heap (TOAST) count too: the step shrinks as they grow.
    const std::uint64_t pieces = std::max<std::uint64_t>(1, (heap.bytes + target - 1) / target);
    add_ranges(chunks, bounds, blocks, steps_of(blocks, pieces, heap.rows), heap.rows, heap.bytes);
  }
  return chunks;
}

/// Through the parent, where partitions are closed to us: a ctid range then applies to every
/// partition.
std::vector<Chunk> parent_chunks(const Asking& asking, const Shape& shape) {
  const Storage storage = measure(asking, shape);
  std::uint64_t most = 0;
  for (const auto& each : storage.blocks) most = std::max(most, each.second);
  const std::uint64_t pieces =
      std::max<std::uint64_t>(1, shape.table.bytes / chunk_bytes(shape.table.bytes));
  std::vector<Chunk> chunks;
  const std::uint64_t step = std::max<std::uint64_t>(1, (most + pieces - 1) / pieces);
  add_ranges(chunks, json{{"parent", true}}, most, {step, step}, shape.table.rows,
             shape.table.bytes);
  return chunks;
}

bool integer_type(std::uint32_t base) {
  return base == oid::kInt8 || base == oid::kInt2 || base == oid::kInt4;
}

std::vector<Chunk> one_chunk(const Shape& shape, std::uint64_t rows) {
  return {chunk_of(json::object(), rows, share(shape.table.bytes, rows, shape.table.rows))};
}

/// Equal steps between the lowest and the highest value of a single integer key, both ends open.
std::vector<Chunk> key_chunks(const Asking& asking, const Shape& shape) {
  const std::vector<std::string>& key = shape.table.primary_key;
  const std::uint64_t pieces = shape.table.bytes / chunk_bytes(shape.table.bytes);
  if (key.size() != 1 || pieces < 2 || !integer_type(shape.literals[shape.position(key[0])].base)) {
    return one_chunk(shape, shape.table.rows);
  }
  const std::string column = identifier(key[0]);
  const Answers::Row row =
      asking("SELECT min(" + column + ")::bigint, max(" + column + ")::bigint FROM " +
             identifier(shape.table.name.schema, shape.table.name.name))
          .at(0);
  if (!row[0]) return one_chunk(shape, 0);
  const auto low = static_cast<std::uint64_t>(number(row[0]));
  const std::uint64_t step =
      (static_cast<std::uint64_t>(number(row[1])) - low) / pieces + 1;  // wraps rightly
  std::vector<Chunk> chunks;
  for (std::uint64_t i = 0; i < pieces; ++i) {
    json bounds{{"key", key[0]}};
    if (i > 0) bounds["ge"] = static_cast<std::int64_t>(low + i * step);
    if (i + 1 < pieces) bounds["lt"] = static_cast<std::int64_t>(low + (i + 1) * step);
    chunks.push_back(chunk_of(bounds, shape.table.rows / pieces, shape.table.bytes / pieces));
  }
  return chunks;
}

std::vector<Chunk> whole_chunks(const Asking& asking, const Shape& shape) {
  if (shape.heaps.empty()) return one_chunk(shape, shape.table.rows);
  if (!asking.session.dialect().places) {
    auto chunks = tablet_chunks(asking, shape, chunk_bytes(shape.table.bytes));
    return chunks.empty() ? key_chunks(asking, shape) : chunks;
  }
  if (!scans_ranges(asking.session)) return key_chunks(asking, shape);
  if (all_heaps(shape, &Heap::readable))
    return heap_chunks(asking, shape, chunk_bytes(shape.table.bytes));
  if (all_heaps(shape, &Heap::ranges)) return parent_chunks(asking, shape);
  return key_chunks(asking, shape);
}

/// Digests of the key alone, each range of which the key's index answers by itself: no row is
/// looked up, and the server keeps no table of sums (0.5 x the time; design.md section 5). None:
/// the index is not known to have all that it takes.
std::vector<Chunk> index_chunks(const Asking& asking, const Shape& shape, const Plan& plan) {
  constexpr std::int64_t kChunks = 8, kSparse = 4;
  // Rows of other pages than these are looked up. Of a table never vacuumed nothing is known.
  constexpr const char* kVisible = "relpages > 0 AND relallvisible >= relpages * 0.8";
  const Buckets& buckets = *plan.read.buckets;
  const std::vector<std::string>& key = plan.table.primary_key;
  if (buckets.by != Buckets::By::ranges || !buckets.only.empty() || plan.read.digest.size() != 1 ||
      plan.read.digest[0].name != key.at(0) || key != shape.table.primary_key ||
      shape.heaps.size() != 1 || !shape.heaps[0].readable || !predicates(shape, plan).empty())
    return {};
  const Heap& heap = shape.heaps[0];
  const Answers::Row visible = asking(std::string("SELECT ") + kVisible +
                                      " FROM pg_class WHERE oid = " + std::to_string(heap.oid))
                                   .at(0);
  if (visible[0] != "t") return {};
  const std::string column = identifier(key[0]), bits = " >> " + std::to_string(buckets.bits);
  const Answers::Row ends =
      asking("SELECT min(" + column + ")::bigint" + bits + ", max(" + column + ")::bigint" + bits +
             " FROM ONLY " + identifier(heap.name.schema, heap.name.name))
          .at(0);
  if (!ends[0]) return one_chunk(shape, 0);
  const std::int64_t first = number(ends[0]), last = number(ends[1]);
  // Where the source has keys far from the copy's, most of what lies between is empty.
  const auto wanted = static_cast<std::int64_t>(buckets.count);
  if (last / kSparse - first / kSparse > wanted) return {};
  std::vector<Chunk> chunks;
  const std::int64_t step = std::max<std::int64_t>(1, (last - first + kChunks) / kChunks);
  for (std::int64_t from = first; from <= last; from += step) {
    const std::int64_t to = std::min(last, from + step - 1);
    const auto part = static_cast<std::uint64_t>(to - from + 1);
    const auto all = static_cast<std::uint64_t>(last - first + 1);
    chunks.push_back(chunk_of(json{{"schema", heap.name.schema},
                                   {"table", heap.name.name},
                                   {"first_bucket", from},
                                   {"last_bucket", to}},
                              share(heap.rows, part, all), share(heap.bytes, part, all)));
  }
  return chunks;
}

/// Few chunks: each of them answers for nearly every bucket. One, where an index finds the rows of
/// the buckets that are wanted.
std::vector<Chunk> bucket_chunks(const Asking& asking, const Shape& shape, const Plan& plan) {
  constexpr std::uint64_t kMostAnswers = 16'384, kMostChunks = 3;
  const Read& read = plan.read;
  const Buckets& buckets = *read.buckets;
  if (auto chunks = index_chunks(asking, shape, plan); !chunks.empty()) return chunks;
  const bool by_index = !index_ranges(buckets).empty();
  const std::uint64_t answers = read.digest.empty() ? 1 : std::max<std::uint64_t>(1, buckets.count);
  const std::uint64_t chunks = std::clamp<std::uint64_t>(kMostAnswers / answers, 1, kMostChunks);
  if (by_index || chunks == 1 || shape.heaps.empty() || shape.heaps.size() > kMostChunks)
    return one_chunk(shape, shape.table.rows);
  const std::uint64_t target =
      std::max(kSmallestChunk, shape.table.bytes / chunks + kSmallestChunk);
  if (!asking.session.dialect().places) {
    auto tablets = tablet_chunks(asking, shape, target);
    return tablets.empty() ? one_chunk(shape, shape.table.rows) : tablets;
  }
  if (!all_heaps(shape, &Heap::readable) || !scans_ranges(asking.session))
    return one_chunk(shape, shape.table.rows);
  return heap_chunks(asking, shape, target);
}

std::vector<Chunk> chunks_of_keys(std::size_t keys) {
  std::vector<Chunk> chunks;
  for (std::size_t first = 0; first < keys; first += kKeysPerChunk) {
    const std::size_t count = std::min(kKeysPerChunk, keys - first);
    chunks.push_back(chunk_of(json{{"first_key", first}, {"keys", count}}, count, 0));
  }
  return chunks;
}

/// Of rows since a mark: those that have one, and those that have none. An index finds either,
/// where a server cannot use it for both at once.
std::vector<Chunk> mark_chunks(const Shape& shape, const Plan& plan) {
  std::vector<Chunk> chunks{chunk_of(json{{"mark", "from"}}, plan.rows, 0)};
  if (shape.table.column(plan.table.replication_key)->nullable)
    chunks.push_back(chunk_of(json{{"mark", "null"}}, 0, 0));
  return chunks;
}

std::uint64_t estimated_rows(const Asking& asking, const Plan& plan, const Shape& shape) {
  const Answers::Row row = asking("EXPLAIN (FORMAT JSON) SELECT FROM " + from_item(shape) +
                                  where_clause(predicates(shape, plan)))
                               .at(0);
  const json explained = json::parse(row[0].value_or(""), nullptr, false);
  if (!explained.is_array() || explained.empty() || !explained[0].is_object())
    return shape.table.rows;
  return static_cast<std::uint64_t>(
      std::max(0.0, explained[0].value("/Plan/Plan Rows"_json_pointer, 0.0)));
}

/// The type that a mark of a replication key has; empty: it cannot be one.
std::string mark_type(std::uint32_t base) {
  if (integer_type(base)) return "bigint";
  return base == oid::kDate          ? "date"
         : base == oid::kTimestamp   ? "timestamp"
         : base == oid::kTimestamptz ? "timestamptz"
                                     : "";
}

/// `until`: no row at or below it is missing from this snapshot, once the witness is settled.
/// `safe`: what of it the witness can vouch for already; only a key that is the server's clock.
void set_marks(const Asking& asking, const Shape& shape, const Witness& witness, Plan& plan) {
  const std::string& key = plan.table.replication_key;
  const std::uint32_t base = shape.literals[shape.position(key)].base;
  Plan rows_of_copy = plan;
  rows_of_copy.read.from.reset();
  const std::string type = mark_type(base);
  if (type.empty()) {
    throw Error(Fault::config,
                shape.table.name.text() + ": replication key \"" + key + "\" is " +
                    shape.table.columns[shape.position(key)].source_type,
                "a replication key is an integer, a date or a timestamp");
  }
  std::string bounded = "m";
  // The year 1 stands in for BC and -infinity, which engines write differently.
  if (type != "bigint") {
    bounded = "greatest(least(m, " + literal(witness.t0) + "::timestamptz::" + type +
              "), '0001-01-01'::" + type + ")";
    if (planted("mark-beyond-clock")) bounded = "m";
    if (planted("mark-after-snapshot")) bounded = "clock_timestamp()::" + type;
  }
  std::string safe = "NULL";
  if (const auto since = witness.open_since(); since && type == "timestamptz") {
    safe = *since == INT64_MAX ? bounded
                               : "least(" + bounded + ", 'epoch'::timestamptz + " +
                                     std::to_string(*since) + " * interval '1 microsecond')";
  }
  const std::vector<Answers::Row> rows = asking(
      "SELECT " + bounded + "::text, " + safe + "::text FROM (" +
      newest(shape, predicates(shape, rows_of_copy), key, type) + ") newest WHERE m IS NOT NULL");
  if (rows.empty()) return;
  plan.until = rows[0][0];
  plan.safe = rows[0][1];
}

/// A row's xmin has the lower 32 bits of its transaction's id, also when it is frozen, and age()
/// compares them in a circle: what is up to 2^31 transactions old is told from what is newer, what
/// is older may be taken for newer. None: the circle has come round, or it was another server's.
std::optional<std::string> comparable_xid(const std::string& horizon, const Witness& witness) {
  constexpr std::int64_t kCircle = std::int64_t{1} << 31, kMargin = std::int64_t{1} << 24;
  const std::int64_t xid = integer_of(horizon);
  if (xid > witness.xmax || witness.xmax - xid > kCircle - kMargin) return std::nullopt;
  return std::to_string(static_cast<std::uint32_t>(xid));
}

/// The user's own words, tried by themselves: what the server says of them names the option.
void check_words(const Asking& asking, const Shape& shape, const Table& table) {
  const auto check = [&](const char* option, const std::string& condition, const char* advice) {
    try {
      asking("EXPLAIN SELECT FROM " + identifier(table.name.schema, table.name.name) + " AS " +
             identifier(table.name.name) + " WHERE " + condition);
    } catch (const Error& error) {
      const bool words = error.fault() == Fault::config || error.fault() == Fault::schema ||
                         error.fault() == Fault::data;
      if (!words && error.fault() != Fault::permission) throw;
      const std::string hint = error.hint().empty() ? "" : error.hint() + "; ";
      throw Error(words ? Fault::config : error.fault(),
                  table.name.text() + ": " + option + " " + error.what(), hint + advice);
    }
  };
  if (!table.where.empty())
    check(
        "where:", "(" + table.where + "\n)",
        "where: is a predicate in the source's SQL, like \"amount > 0\"; tables in its subqueries "
        "need their schema, as search_path is empty");
  if (!table.start) return;
  const std::string& key = table.replication_key;
  check("start:", identifier(key) + " >= " + key_literal(shape, key, *table.start),
        "start: is a value of the replication key, like 2026-01-31");
}

}  // namespace

Plan make_plan(Connection& session, Answers& answers, const Shape& shape, const Witness& witness,
               const Table& table, const Read& read) {
  const Asking asking{session, answers};
  Plan plan;
  plan.table = table;
  plan.read = read;
  check_words(asking, shape, table);
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
  if (read.buckets) {
    plan.rows = shape.table.rows;
    plan.chunks = bucket_chunks(asking, shape, plan);
    return plan;
  }
  if (plan.read.since) plan.read.since = comparable_xid(*plan.read.since, witness);
  if (!plan.read.since && !table.replication_key.empty()) set_marks(asking, shape, witness, plan);
  plan.rows = shape.table.rows;
  if (plan.read.since) {
    plan.rows = 0;  // what is new nobody counts
  } else if (read.from || table.start || !table.where.empty()) {
    plan.rows = estimated_rows(asking, plan, shape);
  }
  if (read.from && plan.rows < kRowsWorthSplitting) {
    plan.chunks = session.dialect().places ? one_chunk(shape, plan.rows) : mark_chunks(shape, plan);
  } else {
    plan.chunks = whole_chunks(asking, shape);
  }
  return plan;
}

}  // namespace sluice::postgres
