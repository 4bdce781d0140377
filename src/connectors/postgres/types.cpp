// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/types.h"

namespace sluice::postgres {
namespace {

// Types may nest, but not for ever: a damaged catalog must not end in a stack overflow.
constexpr int kDeepest = 64;

}  // namespace

std::string array_text(const std::vector<std::string>& values) {
  std::string text;
  for (const std::string& value : values) {
    text += text.empty() ? "\"" : ",\"";
    for (const char each : value) {
      if (each == '"' || each == '\\') text += '\\';
      text += each;
    }
    text += '"';
  }
  return "{" + text + "}";
}

std::string array_text(const std::vector<std::uint32_t>& values) {
  std::string text;
  for (const std::uint32_t value : values)
    text += (text.empty() ? "" : ",") + std::to_string(value);
  return "{" + text + "}";
}

// OFFSET 0 keeps the planner, which expects many types, from reading all of pg_type and
// pg_attribute. Before version 12 an oid is no part of *. A true array is one whose element names
// it as its array: int2vector and its like are not.
TypeCatalog::TypeCatalog(Connection& connection, const std::vector<std::uint32_t>& relations) {
  const Rows rows = connection.query(
      "WITH RECURSIVE used(oid) AS ("
      " SELECT a.atttypid FROM unnest($1::oid[]) r JOIN pg_attribute a ON a.attrelid = r"
      " WHERE a.attnum > 0 AND NOT a.attisdropped"
      " UNION SELECT x.oid FROM used CROSS JOIN LATERAL ("
      "SELECT typelem, typbasetype, typtype, typrelid FROM pg_type WHERE oid = used.oid OFFSET 0) "
      "t "
      "CROSS JOIN LATERAL ("
      "  SELECT t.typelem AS oid UNION ALL SELECT t.typbasetype UNION ALL"
      "  SELECT f.atttypid FROM pg_attribute f WHERE t.typtype = 'c' AND f.attrelid = t.typrelid "
      "AND f.attnum > 0"
      "  AND NOT f.attisdropped) x WHERE x.oid <> 0)"
      " SELECT t.oid, t.typname, t.typtype, t.typcategory,"
      " coalesce((SELECT e.oid FROM pg_type e WHERE e.oid = t.typelem AND e.typarray = t.oid), 0),"
      " t.typbasetype, t.typtypmod, t.typndims, format_type(t.oid, -1),"
      " f.attname, f.atttypid, f.atttypmod, f.attndims, CASE t.typtype WHEN 'e' THEN (SELECT "
      "hashtext(string_agg(n.enumlabel, ',' ORDER BY n.oid)) FROM pg_enum n WHERE n.enumtypid = "
      "t.oid) END"
      " FROM used CROSS JOIN LATERAL ("
      "SELECT t.oid, typname, typtype, typcategory, typelem, typbasetype, typtypmod, typndims, "
      "typrelid FROM pg_type t WHERE t.oid = used.oid OFFSET 0) t LEFT JOIN LATERAL ("
      "SELECT * FROM pg_attribute f WHERE t.typtype = 'c' AND f.attrelid = t.typrelid AND f.attnum "
      "> 0 AND NOT f.attisdropped OFFSET 0) f ON true ORDER BY t.oid, f.attnum",
      {array_text(relations)});
  for (int row = 0; row < rows.size(); ++row) {
    Type& type = types_[rows.oid(row, 0)];
    type.name = rows.string(row, 1);
    type.kind = rows.string(row, 2);
    type.category = rows.string(row, 3);
    type.element = rows.oid(row, 4);
    type.base = rows.oid(row, 5);
    type.base_modifier = static_cast<std::int32_t>(rows.integer(row, 6));
    type.base_dimensions = static_cast<int>(rows.integer(row, 7));
    type.cast = rows.string(row, 8);
    type.labels = rows.string(row, 13);
    if (rows.null(row, 9)) continue;
    type.fields.push_back({rows.string(row, 9), rows.oid(row, 10),
                           static_cast<std::int32_t>(rows.integer(row, 11)),
                           static_cast<int>(rows.integer(row, 12))});
  }
}

const TypeCatalog::Type& TypeCatalog::type(std::uint32_t oid) const {
  const auto found = types_.find(oid);
  if (found == types_.end())
    throw Error(Fault::schema, "type " + std::to_string(oid) + " is not in pg_type");
  return found->second;
}

std::uint32_t TypeCatalog::base(std::uint32_t oid) const {
  for (int depth = 0; depth < kDeepest && type(oid).base != 0; ++depth) oid = type(oid).base;
  return oid;
}

const std::string& TypeCatalog::cast(std::uint32_t oid) const { return type(base(oid)).cast; }

WireType TypeCatalog::wire(std::uint32_t oid, std::int32_t modifier, int dimensions) const {
  for (int depth = 0; depth < kDeepest && type(oid).base != 0; ++depth) {
    if (type(oid).base_modifier >= 0) modifier = type(oid).base_modifier;
    if (dimensions == 0) dimensions = type(oid).base_dimensions;
    oid = type(oid).base;
  }
  const Type& found = type(oid);
  WireType wire;
  wire.oid = oid;
  wire.typmod = modifier;
  if (found.element != 0) {
    wire.kind = WireType::Kind::array;
    wire.dims = dimensions;
    wire.children.push_back(this->wire(found.element, modifier, 0));
  } else if (found.kind == "c") {
    wire.kind = WireType::Kind::composite;
    for (const Field& each : found.fields) {
      wire.names.push_back(each.name);
      wire.children.push_back(this->wire(each.type, each.modifier, each.dimensions));
    }
  } else if (found.kind == "e") {
    wire.kind = WireType::Kind::enumeration;
  } else if (found.kind != "b") {
    wire.kind = WireType::Kind::other;
  }
  return wire;
}

}  // namespace sluice::postgres
