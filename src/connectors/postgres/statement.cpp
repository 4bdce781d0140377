// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/statement.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "connectors/postgres/digest.h"
#include "connectors/postgres/oids.h"
#include "connectors/postgres/plan.h"
#include "connectors/postgres/types.h"
#include "planted.h"

namespace sluice::postgres {
namespace {

using nlohmann::json;

bool temporal(std::uint32_t base) {
  return base == oid::kDate || base == oid::kTimestamp || base == oid::kTimestamptz;
}

// DuckDB writes 0044-03-15 (BC) 10:00:00, PostgreSQL reads 0044-03-15 10:00:00 BC.
std::string era_last(std::string value) {
  const std::size_t at = value.find(" (BC)");
  if (at == std::string::npos) return value;
  return value.erase(at, 5) + " BC";
}

std::string key_condition(const Shape& shape, const Plan& plan, std::size_t first,
                          std::size_t count) {
  std::string names;
  for (const std::string& each : plan.table.primary_key)
    names += (names.empty() ? "" : ", ") + identifier(each);
  std::string tuples;
  for (std::size_t i = first; i < first + count; ++i) {
    const std::vector<std::string>& key = plan.read.keys.at(i);
    std::string tuple;
    for (std::size_t part = 0; part < plan.table.primary_key.size(); ++part) {
      tuple +=
          (part == 0 ? "" : ", ") + key_literal(shape, plan.table.primary_key[part], key.at(part));
    }
    tuples += (i == first ? "(" : ", (") + tuple + ")";
  }
  // YugabyteDB asks the tablets for the keys of a list, and reads the table to join it with VALUES.
  return "(" + names + ") IN (" + (shape.hashed.empty() ? "VALUES " : "") + tuples + ")";
}

/// A FROM item of buckets, how many rows each has, and the sum of their digests: b, n, s; each by a
/// scan of the key's index.
std::string indexed_digests(const Shape& shape, const Plan& plan, const std::string& table,
                            const json& bounds) {
  const std::string key = identifier(plan.table.primary_key.at(0));
  const std::uint64_t width = std::uint64_t{1} << plan.read.buckets.value().bits;
  const std::string low = "sluice_range.low";
  const auto end = [&](const char* which) {
    return std::to_string(bounds.at(which).get<std::int64_t>());
  };
  return "(SELECT sluice_range.b, n, s FROM (SELECT b, b * " + std::to_string(width) +
         " AS low FROM generate_series(" + end("first_bucket") + "::int8, " + end("last_bucket") +
         "::int8) AS b OFFSET 0) AS sluice_range CROSS JOIN LATERAL (SELECT count(*) AS n, sum(" +
         server_digest(shape, plan.read.digest).sql + ") AS s FROM ONLY " + table +
         " AS sluice_rows WHERE " + key + " >= " + low + " AND " + key + " <= " + low + " + " +
         std::to_string(width - 1) + ") AS rows WHERE n > 0) AS digests";
}

/// A FROM item of each row's bucket (b) and digest (d), and the condition that the row is of the
/// table's heaps, if there is one. OFFSET 0 keeps the server from merging the parts, which would
/// compute a digest that both need twice.
std::string digests(const Shape& shape, const Plan& plan, const std::string& rows,
                    const std::string& condition) {
  const std::string heap = condition.empty() ? "" : ", tableoid AS heap";
  const std::string where = condition.empty() ? "" : " WHERE " + condition;
  const std::string digest = server_digest(shape, plan.read.digest).sql;
  std::string bucket = server_bucket(shape, plan.table, plan.read.buckets.value());
  const std::size_t at = bucket.find(digest);
  if (at == std::string::npos)
    return "(SELECT " + bucket + " AS b, " + digest + " AS d" + heap + " FROM " + rows +
           (condition.empty() ? "" : " OFFSET 0") + ") AS digests" + where;
  bucket.replace(at, digest.size(), "d");
  return "(SELECT " + bucket + " AS b, d FROM (SELECT " + digest + " AS d" + heap + " FROM " +
         rows + " OFFSET 0) AS each" + where + ") AS digests";
}

bool only_itself(const Shape& shape) {
  return shape.heaps.size() == 1 && shape.heaps[0].oid == shape.oid;
}

std::string heap_list(const Shape& shape) {
  std::vector<std::uint32_t> oids;
  for (const Heap& each : shape.heaps) oids.push_back(each.oid);
  return literal(array_text(oids)) + "::oid[]";
}

std::string heap_item(const Shape& shape, const TableName& heap) {
  return "ONLY " + identifier(heap.schema, heap.name) + " AS " + identifier(shape.table.name.name);
}

/// A query of these expressions over `rows` (a FROM item and its conditions), of the heaps that are
/// the table's. They are told apart above all that reads them: partitions are pruned, indexes used
/// and the server plans as if nobody asked.
std::string of_heaps(const std::vector<std::string>& expressions, const std::string& rows,
                     const std::string& condition) {
  std::string inner, outer, names;
  for (std::size_t i = 0; i < expressions.size(); ++i) {
    const std::string name = "c" + std::to_string(i);
    inner += ", " + expressions[i];
    names += ", " + name;
    outer += (i == 0 ? "" : ", ") + name;
  }
  return "SELECT " + outer + " FROM (SELECT tableoid" + inner + " FROM " + rows +
         " OFFSET 0) AS rows(heap" + names + ") WHERE " + condition;
}

std::string tid(const json& block) {
  return "'(" + std::to_string(block.get<std::uint64_t>()) + ",0)'::tid";
}

/// What the chunk asks for beside the plan's predicates.
std::vector<std::string> chunk_conditions(const Shape& shape, const Plan& plan,
                                          const json& bounds) {
  std::vector<std::string> conditions;
  if (bounds.contains("from")) {
    // The first range has no lower end, so that a table of one chunk is read by a plain scan.
    if (bounds.at("from") != 0) conditions.push_back("ctid >= " + tid(bounds.at("from")));
    if (bounds.contains("to")) conditions.push_back("ctid < " + tid(bounds.at("to")));
  }
  if (bounds.contains("key")) {
    const auto key = bounds.at("key").get<std::string>();
    const auto bound = [&](const json& value) {
      if (value.is_number()) return literal(value.dump()) + "::bigint";
      return literal(value.get<std::string>()) + "::" + shape.literals[shape.position(key)].cast;
    };
    if (bounds.contains("ge"))
      conditions.push_back(identifier(key) + " >= " + bound(bounds.at("ge")));
    if (bounds.contains("lt"))
      conditions.push_back(identifier(key) + " < " + bound(bounds.at("lt")));
  }
  if (bounds.contains("mark")) {
    const std::string key = identifier(plan.table.replication_key);
    conditions.push_back(
        bounds.at("mark") == "null"
            ? key + " IS NULL"
            : key +
                  " >= " + key_literal(shape, plan.table.replication_key, plan.read.from.value()));
  }
  if (bounds.contains("hashed")) {
    std::string list;
    for (const std::string& each : bounds.at("hashed").get<std::vector<std::string>>())
      list += (list.empty() ? "" : ", ") + identifier(each);
    const std::string code = "yb_hash_code(" + list + ")";
    if (bounds.contains("from_code"))
      conditions.push_back(code + " >= " + bounds.at("from_code").dump());
    if (bounds.contains("to_code"))
      conditions.push_back(code + " < " + bounds.at("to_code").dump());
  }
  if (bounds.contains("keys")) {
    conditions.push_back(key_condition(shape, plan, bounds.at("first_key").get<std::size_t>(),
                                       bounds.at("keys").get<std::size_t>()));
  }
  return conditions;
}

}  // namespace

std::string key_literal(const Shape& shape, const std::string& column, const std::string& value) {
  const std::size_t position = shape.position(column);
  const LiteralType& type = shape.literals[position];
  if (type.base == oid::kBytea && shape.table.columns[position].type == "BLOB") {
    return literal("\\x" + value) + "::" + type.cast;
  }
  return literal(temporal(type.base) ? era_last(value) : value) + "::" + type.cast;
}

std::vector<std::string> predicates(const Shape& shape, const Plan& plan) {
  std::vector<std::string> conditions;
  const std::string& key = plan.table.replication_key;
  // The line break ends a comment in the user's text.
  const bool rows_only =
      planted("filter-for-rows-only") && plan.read.columns.size() != plan.table.columns.size();
  if (!plan.table.where.empty() && !rows_only) conditions.push_back("(" + plan.table.where + "\n)");
  if (plan.table.start)
    conditions.push_back(identifier(key) + " >= " + key_literal(shape, key, *plan.table.start));
  if (plan.read.buckets && !plan.read.buckets->only.empty())
    conditions.push_back(in_buckets(shape, plan.table, *plan.read.buckets));
  if (plan.read.since)
    conditions.push_back("age(xmin) <= (SELECT age(" + literal(*plan.read.since) + "::xid))");
  if (plan.read.from) {
    const char* above = planted("bound-exclusive") ? " > " : " >= ";
    std::string condition = identifier(key) + above + key_literal(shape, key, *plan.read.from);
    if (!planted("null-keys-skipped")) condition += " OR " + identifier(key) + " IS NULL";
    conditions.push_back("(" + condition + ")");
  }
  return conditions;
}

std::string from_item(const Shape& shape) {
  const TableName& name = shape.table.name;
  // FROM ONLY a partitioned table reads nothing, as it had no partition.
  const bool alone = shape.heaps.empty() ? shape.kind == 'p' : only_itself(shape);
  return (alone ? "ONLY " : "") + identifier(name.schema, name.name) + " AS " +
         identifier(name.name);
}

std::string in_heaps(const Shape& shape, const std::string& heap) {
  constexpr std::size_t kLong = 200;  // servers before 14 search a list from its beginning
  if (shape.heaps.empty() || only_itself(shape)) return {};
  const std::string list = heap_list(shape);
  return shape.heaps.size() < kLong ? heap + " = ANY (" + list + ")"
                                    : heap + " IN (SELECT unnest(" + list + ") OFFSET 0)";
}

// Each heap by itself, so that an index of the key answers. Where one is closed to us, the list is
// hidden from the planner, which else weighs it for each partition: a second for a thousand.
std::string newest(const Shape& shape, const std::vector<std::string>& conditions,
                   const std::string& key, const std::string& type) {
  const auto highest = [&](const std::string& from, const std::vector<std::string>& of) {
    return "SELECT max(" + identifier(key) + ")::" + type + " AS m FROM " + from + where_clause(of);
  };
  if (in_heaps(shape, "").empty()) return highest(from_item(shape), conditions);
  if (!std::ranges::all_of(shape.heaps, &Heap::readable)) {
    std::vector<std::string> inside = conditions;
    inside.push_back("tableoid = ANY ((SELECT " + heap_list(shape) + ")::oid[])");
    return highest(from_item(shape), inside);
  }
  std::string all;
  for (const Heap& each : shape.heaps) {
    all += (all.empty() ? "" : " UNION ALL ") + highest(heap_item(shape, each.name), conditions);
  }
  return "SELECT max(m) AS m FROM (" + all + ") each";
}

std::string where_clause(const std::vector<std::string>& conditions) {
  std::string clause;
  for (const std::string& each : conditions)
    clause += (clause.empty() ? " WHERE " : " AND ") + each;
  return clause;
}

std::string select_statement(const Shape& shape, const Plan& plan,
                             std::span<const std::size_t> projection, const Chunk& chunk) try {
  const json bounds = json::parse(chunk.bounds);
  const bool indexed = bounds.contains("first_bucket");
  std::vector<std::string> expressions;
  for (const std::size_t each : projection) {
    const Column& column = plan.read.columns.at(each);
    expressions.push_back(plan.read.digest.empty()
                              ? select_expression(identifier(column.name),
                                                  shape.wires[shape.position(column.name)],
                                                  column.type)
                          : indexed ? std::array{"b", "n", "s"}.at(each)
                                    : std::array{"b", "count(*)", "sum(d)"}.at(each));
  }
  std::string list;
  for (const std::string& each : expressions) list += (list.empty() ? "" : ", ") + each;
  std::string item = from_item(shape), condition = in_heaps(shape, "heap");
  if (bounds.contains("table")) {
    const TableName heap{bounds.at("schema").get<std::string>(),
                         bounds.at("table").get<std::string>()};
    if (indexed) {
      return "SELECT " + list + " FROM " +
             indexed_digests(shape, plan, identifier(heap.schema, heap.name), bounds);
    }
    item = heap_item(shape, heap);
    condition.clear();
  }
  std::vector<std::string> conditions = predicates(shape, plan);
  for (std::string& each : chunk_conditions(shape, plan, bounds))
    conditions.push_back(std::move(each));
  const std::string rows = item + where_clause(conditions);
  if (!plan.read.digest.empty())
    return "SELECT " + list + " FROM " + digests(shape, plan, rows, condition) + " GROUP BY b";
  if (!condition.empty()) return of_heaps(expressions, rows, condition);
  return "SELECT " + list + " FROM " + rows;
} catch (const std::logic_error&) {
  throw Error(Fault::internal, plan.table.name.text() + ": a chunk that this plan does not have");
} catch (const json::exception&) {
  throw Error(Fault::internal,
              plan.table.name.text() + ": chunk bounds that cannot be read: " + chunk.bounds);
}

}  // namespace sluice::postgres
