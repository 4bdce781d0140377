// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/statement.h"

#include <array>
#include <nlohmann/json.hpp>

#include "connectors/postgres/digest.h"
#include "connectors/postgres/oids.h"
#include "connectors/postgres/plan.h"
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
  return "(" + names + ") IN (VALUES " + tuples + ")";
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
         server_digest(shape, plan.read.digest).sql + ") AS s FROM " + table +
         " AS sluice_rows WHERE " + key + " >= " + low + " AND " + key + " <= " + low + " + " +
         std::to_string(width - 1) + ") AS rows WHERE n > 0) AS digests";
}

/// A FROM item of each row's bucket (b) and digest (d). OFFSET 0 keeps the server from merging the
/// parts, which would compute a digest that both need twice.
std::string digests(const Shape& shape, const Plan& plan, const std::string& rows) {
  const std::string digest = server_digest(shape, plan.read.digest).sql;
  std::string bucket = server_bucket(shape, plan.table, plan.read.buckets.value());
  const std::size_t at = bucket.find(digest);
  if (at == std::string::npos)
    return "(SELECT " + bucket + " AS b, " + digest + " AS d FROM " + rows + ") AS digests";
  bucket.replace(at, digest.size(), "d");
  return "(SELECT " + bucket + " AS b, d FROM (SELECT " + digest + " AS d FROM " + rows +
         " OFFSET 0) AS each) AS digests";
}

std::string tid(const json& block) {
  return "'(" + std::to_string(block.get<std::uint64_t>()) + ",0)'::tid";
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
  std::string list;
  for (const std::size_t each : projection) {
    const Column& column = plan.read.columns.at(each);
    list += (list.empty() ? "" : ", ") +
            (plan.read.digest.empty()
                 ? select_expression(identifier(column.name),
                                     shape.wires[shape.position(column.name)], column.type)
             : indexed ? std::array{"b", "n", "s"}.at(each)
                       : std::array{"b", "count(*)", "sum(d)"}.at(each));
  }
  const TableName& name = shape.table.name;
  std::string from = identifier(name.schema, name.name);
  if (bounds.contains("table")) {
    from = "ONLY " + identifier(bounds.at("schema").get<std::string>(),
                                bounds.at("table").get<std::string>());
  }
  if (indexed) return "SELECT " + list + " FROM " + indexed_digests(shape, plan, from, bounds);
  std::vector<std::string> conditions = predicates(shape, plan);
  if (bounds.contains("from")) {
    // The first range has no lower end, so that a table of one chunk is read by a plain scan.
    if (bounds.at("from") != 0) conditions.push_back("ctid >= " + tid(bounds.at("from")));
    if (bounds.contains("to")) conditions.push_back("ctid < " + tid(bounds.at("to")));
  }
  if (bounds.contains("key")) {
    const std::string key = identifier(bounds.at("key").get<std::string>());
    if (bounds.contains("ge"))
      conditions.push_back(key + " >= " + literal(bounds.at("ge").dump()) + "::bigint");
    if (bounds.contains("lt"))
      conditions.push_back(key + " < " + literal(bounds.at("lt").dump()) + "::bigint");
  }
  if (bounds.contains("keys")) {
    conditions.push_back(key_condition(shape, plan, bounds.at("first_key").get<std::size_t>(),
                                       bounds.at("keys").get<std::size_t>()));
  }
  const std::string rows = from + " AS " + identifier(name.name) + where_clause(conditions);
  return "SELECT " + list + " FROM " +
         (plan.read.digest.empty() ? rows : digests(shape, plan, rows) + " GROUP BY b");
} catch (const std::logic_error&) {
  throw Error(Fault::internal, plan.table.name.text() + ": a chunk that this plan does not have");
} catch (const json::exception&) {
  throw Error(Fault::internal,
              plan.table.name.text() + ": chunk bounds that cannot be read: " + chunk.bounds);
}

}  // namespace sluice::postgres
