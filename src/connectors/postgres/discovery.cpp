// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/discovery.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <map>
#include <set>
#include <sstream>

#include "connectors/postgres/hash.h"
#include "connectors/postgres/oids.h"
#include "connectors/postgres/types.h"

namespace sluice::postgres {
namespace {

// Rows of a table that was never analysed: bytes over a usual row's.
constexpr std::uint64_t kGuessedRowBytes = 64;

struct Relation {
  Shape shape;
  bool usage = false, select = false, some_columns = false, row_security = false, unlogged = false;
  std::string role;
  std::string file_nodes;
  bool inherited = false;  // has children that are no partitions
};

using Relations = std::map<std::uint32_t, Relation>;

std::vector<std::uint32_t> oids_of(const Relations& relations) {
  std::vector<std::uint32_t> oids;
  for (const auto& each : relations) oids.push_back(each.first);
  return oids;
}

Relations find_relations(Connection& connection, const Scope& scope) {
  std::vector<std::string> schemas;
  std::vector<std::string> names;
  for (const TableName& each : scope.named) {
    schemas.push_back(each.schema);
    names.push_back(each.name);
  }
  const std::string is_named =
      "(n.nspname::text, c.relname::text) IN (SELECT * FROM unnest($1::text[], $2::text[]))";
  const std::string is_table =
      "c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname !~ '^pg_' AND n.nspname NOT "
      "IN ('information_schema', " +
      std::string(connection.dialect().internal_schemas) + ")";
  const Rows rows = connection.query(
      "SELECT c.oid, n.nspname, c.relname, c.relkind, obj_description(c.oid, 'pg_class'),"
      " has_schema_privilege(n.oid, 'USAGE'), has_table_privilege(c.oid, 'SELECT'),"
      " has_any_column_privilege(c.oid, 'SELECT'), row_security_active(c.oid), c.relpersistence = "
      "'u', current_user"
      " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
      " WHERE c.relpersistence <> 't' AND (" +
          std::string(scope.only_named ? "false" : is_table) +
          " OR c.relkind IN ('r', 'p', 'v', 'm', 'f') AND " + is_named + ")",
      {array_text(schemas), array_text(names)});
  Relations relations;
  for (int row = 0; row < rows.size(); ++row) {
    Relation relation;
    Shape& shape = relation.shape;
    shape.oid = rows.oid(row, 0);
    shape.table.name = {rows.string(row, 1), rows.string(row, 2)};
    shape.kind = rows.text(row, 3).front();
    shape.table.view = shape.kind == 'v' || shape.kind == 'm';
    shape.table.comment = rows.string(row, 4);
    relation.usage = rows.boolean(row, 5);
    relation.select = rows.boolean(row, 6);
    relation.some_columns = rows.boolean(row, 7);
    relation.row_security = rows.boolean(row, 8);
    relation.unlogged = rows.boolean(row, 9);
    relation.role = rows.string(row, 10);
    relations.emplace(shape.oid, std::move(relation));
  }
  return relations;
}

// pg_table_size waits for whoever has locked the table exclusively; those tables get the size of
// the last VACUUM.
std::string size_expression(const Dialect& dialect, bool exact) {
  if (!dialect.places)
    return exact ? "CASE WHEN c.relkind IN ('r', 'm') THEN pg_table_size(c.oid) END" : "0";
  const std::string last =
      "(c.relpages::bigint + coalesce(t.relpages, 0)) * current_setting('block_size')::bigint";
  if (!exact) return last;
  return "CASE WHEN c.oid IN (SELECT relation FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND "
         "relation IS NOT "
         "NULL) THEN " +
         last +
         " WHEN c.relkind NOT IN ('r', 'm') OR pg_relation_size(c.oid) = 0 THEN 0 ELSE "
         "pg_table_size(c.oid) END";
}

/// The file as it is now, or as of the last VACUUM or ANALYZE where that cannot be asked.
std::string blocks_expression(const Dialect& dialect, bool exact) {
  if (!exact || !dialect.places) return "c.relpages::bigint";
  return "CASE WHEN c.relkind NOT IN ('r', 'm') OR c.oid IN (SELECT relation FROM pg_locks WHERE "
         "mode = 'AccessExclusiveLock' AND relation IS NOT NULL) THEN c.relpages::bigint ELSE "
         "pg_relation_size(c.oid) / current_setting('block_size')::bigint END";
}

Rows query_heaps(Connection& connection, const Relations& relations, bool exact) {
  const std::string attached =
      connection.version() >= 140000 ? " WHERE NOT i.inhdetachpending" : "";
  // Before 12 every table is a heap and relam says nothing.
  const std::string is_heap = connection.version() >= 120000 ? "c.relam = 2" : "true";
  return connection.query(
      "WITH RECURSIVE tree(root, oid) AS ("
      " SELECT r, r FROM unnest($1::oid[]) r"
      " UNION SELECT tree.root, i.inhrelid FROM tree JOIN pg_inherits i ON i.inhparent = tree.oid" +
          attached +
          ")"
          " SELECT tree.root, c.oid, n.nspname, c.relname, c.relkind, " +
          is_heap +
          ","
          " has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AND NOT"
          " row_security_active(c.oid), c.relispartition, c.relfilenode, c.reltuples, " +
          size_expression(connection.dialect(), exact) + ", c.relpages::bigint, " +
          blocks_expression(connection.dialect(), exact) +
          " FROM tree JOIN pg_class c ON c.oid = tree.oid JOIN pg_namespace n ON n.oid = "
          "c.relnamespace"
          " LEFT JOIN pg_class t ON t.oid = c.reltoastrelid"
          " WHERE c.relpersistence <> 't' ORDER BY tree.root, n.nspname, c.relname",
      {array_text(oids_of(relations))});
}

Rows heaps_without_waiting(Connection& connection, const Relations& relations) {
  const bool inside = PQtransactionStatus(connection.handle()) != PQTRANS_IDLE;
  connection.run(inside ? "SAVEPOINT sizes; SET LOCAL lock_timeout = 2000"
                        : "SET lock_timeout = 2000");
  const char* const undo = inside ? "ROLLBACK TO sizes; RELEASE sizes" : "SET lock_timeout = 0";
  try {
    Rows rows = query_heaps(connection, relations, true);
    connection.run(undo);
    return rows;
  } catch (const Error& error) {
    // A cluster asks its nodes, and the table may be gone there already.
    const bool unknown = !connection.dialect().places && error.fault() == Fault::schema;
    if (connection.broken() || (error.fault() != Fault::conflict && !unknown)) throw;
    connection.run(undo);
    return query_heaps(connection, relations, false);
  }
}

void add_heaps(Connection& connection, Relations& relations) {
  const Rows rows = heaps_without_waiting(connection, relations);
  for (int row = 0; row < rows.size(); ++row) {
    Relation& relation = relations.at(rows.oid(row, 0));
    Shape& shape = relation.shape;
    Heap heap;
    heap.oid = rows.oid(row, 1);
    heap.name = {rows.string(row, 2), rows.string(row, 3)};
    const char kind = rows.text(row, 4).front();
    heap.file = rows.oid(row, 8);
    heap.ranges =
        connection.dialect().places && (kind == 'r' || kind == 'm') && rows.boolean(row, 5);
    heap.readable = rows.boolean(row, 6);
    heap.bytes = static_cast<std::uint64_t>(rows.integer(row, 10));
    const double tuples = std::strtod(rows.string(row, 9).c_str(), nullptr);
    heap.rows = tuples > 0 ? static_cast<std::uint64_t>(tuples) : heap.bytes / kGuessedRowBytes;
    // Statistics of a file that has grown since count too few.
    const bool grown = rows.integer(row, 12) > rows.integer(row, 11) * 11 / 10 + 1;
    if (heap.oid != shape.oid && !rows.boolean(row, 7)) relation.inherited = true;
    shape.foreign = shape.foreign || kind == 'f';
    relation.file_nodes += (relation.file_nodes.empty() ? "" : ",") + rows.string(row, 8);
    if (kind == 'p' || kind == 'v') continue;
    shape.table.rows += heap.rows;
    shape.table.bytes += heap.bytes;
    shape.table.guessed = shape.table.guessed || (heap.bytes > 0 && (tuples <= 0 || grown));
    shape.table.versions = heap.ranges && (shape.heaps.empty() || shape.table.versions);
    shape.heaps.push_back(std::move(heap));
  }
  for (auto& [oid, relation] : relations) {
    relation.shape.table.incarnation =
        std::to_string(oid) + ":" + relation.file_nodes + "@" + connection.timeline();
  }
}

/// Views whose rows come from foreign tables, as far as their definitions name them: what a
/// function reads nobody can tell. A materialized view has rows of its own.
void find_foreign(Connection& connection, Relations& relations) {
  std::vector<std::uint32_t> views;
  for (const auto& [oid, relation] : relations) {
    if (relation.shape.kind == 'v') views.push_back(oid);
  }
  if (views.empty()) return;
  const Rows rows = connection.query(
      "WITH RECURSIVE used(view, oid, kind) AS (SELECT v, v, 'v'::\"char\" FROM unnest($1::oid[]) v"
      " UNION SELECT used.view, c.oid, c.relkind FROM used CROSS JOIN LATERAL ("
      "SELECT d.refobjid FROM pg_rewrite w JOIN pg_depend d ON d.classid = "
      "'pg_catalog.pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = "
      "'pg_catalog.pg_class'::regclass WHERE used.kind = 'v' AND w.ev_class = used.oid"
      " UNION SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent = used.oid) n(oid)"
      " JOIN pg_class c ON c.oid = n.oid)"
      " SELECT DISTINCT view FROM used WHERE kind = 'f'",
      {array_text(views)});
  for (int row = 0; row < rows.size(); ++row) relations.at(rows.oid(row, 0)).shape.foreign = true;
}

struct Attribute {
  std::string name;
  std::uint32_t base;
};
using Attributes = std::map<std::uint32_t, std::map<int, Attribute>>;  // by relation and number

// Whether values of this type are expected that its default does not hold: numbers of any size,
// arrays of any shape, the empty bit string.
bool may_outgrow(const WireType& wire) {
  if (wire.kind == WireType::Kind::array) return true;
  if (wire.kind == WireType::Kind::scalar) {
    return wire.oid == oid::kVarbit || (wire.oid == oid::kNumeric && wire.typmod < 0);
  }
  return std::any_of(wire.children.begin(), wire.children.end(), &may_outgrow);
}

Misfit usual_misfit(const WireType& wire) {
  return may_outgrow(wire) ? Misfit::text : Misfit::fail;
}

/// A value that is renamed changes rows that nobody touched.
std::string labels(const WireType& wire, const TypeCatalog& types) {
  if (wire.kind == WireType::Kind::enumeration) return "," + types.labels(wire.oid);
  std::string all;
  for (const WireType& each : wire.children) all += labels(each, types);
  return all;
}

/// That a column, `a`, holds no NULL.
std::string never_null(const Connection& connection) {
  // 18 sets attnotnull also while the constraint is NOT VALID.
  return connection.version() >= 180000 ? "(a.attnotnull AND NOT EXISTS (SELECT FROM pg_constraint "
                                          "k WHERE k.conrelid = a.attrelid AND k.contype = 'n'"
                                          " AND NOT k.convalidated AND k.conkey = ARRAY[a.attnum]))"
                                        : "a.attnotnull";
}

/// An inheritance child may drop its parent's NOT NULL (before 18), a partition may not.
void find_nulls(Connection& connection, Relations& relations) {
  std::vector<std::uint32_t> roots, heaps;
  for (const auto& [oid, relation] : relations) {
    if (!relation.inherited) continue;
    for (const Heap& each : relation.shape.heaps) {
      roots.push_back(oid);
      heaps.push_back(each.oid);
    }
  }
  if (heaps.empty()) return;
  const Rows rows = connection.query(
      "SELECT DISTINCT h.root, p.attname FROM unnest($1::oid[], $2::oid[]) h(root, heap) JOIN "
      "pg_attribute p ON p.attrelid = h.root AND p.attnum > 0 AND NOT p.attisdropped JOIN "
      "pg_attribute a ON a.attrelid = h.heap AND a.attname = p.attname AND NOT " +
          never_null(connection),
      {array_text(roots), array_text(heaps)});
  for (int row = 0; row < rows.size(); ++row) {
    Shape& shape = relations.at(rows.oid(row, 0)).shape;
    shape.table.columns[shape.position(rows.string(row, 1))].nullable = true;
  }
}

/// A virtual generated column's values change with its expression, and no row is written. Where a
/// heap has another expression than the table, that of the table which a statement names counts.
void find_expressions(Connection& connection, Relations& relations) {
  if (connection.version() < 180000) return;
  std::set<std::uint32_t> oids;
  for (const auto& [oid, relation] : relations) {
    oids.insert(oid);
    for (const Heap& each : relation.shape.heaps) oids.insert(each.oid);
  }
  const Rows rows = connection.query(
      "SELECT a.attrelid, a.attname, pg_get_expr(d.adbin, d.adrelid) FROM unnest($1::oid[]) r JOIN "
      "pg_attribute a ON a.attrelid = r AND a.attgenerated = 'v' JOIN pg_attrdef d ON d.adrelid = "
      "a.attrelid AND d.adnum = a.attnum ORDER BY a.attrelid, a.attnum",
      {array_text(std::vector<std::uint32_t>(oids.begin(), oids.end()))});
  std::map<std::uint32_t, std::map<std::string, std::string>> expressions;
  for (int row = 0; row < rows.size(); ++row)
    expressions[rows.oid(row, 0)][rows.string(row, 1)] = rows.string(row, 2);
  for (auto& [oid, relation] : relations) {
    std::string text;
    for (const auto& [name, expression] : expressions[oid]) {
      text += name + ' ' + expression + '\n';
      for (Heap& each : relation.shape.heaps)
        each.readable = each.readable && expressions[each.oid][name] == expression;
    }
    if (!text.empty())
      relation.shape.table.incarnation += "/" + std::to_string(hash::bytes(text, 0));
  }
}

Attributes add_columns(Connection& connection, Relations& relations) {
  const TypeCatalog types(connection, oids_of(relations));
  const Rows rows = connection.query(
      "SELECT a.attrelid, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attndims, " +
          never_null(connection) +
          ","
          " format_type(a.atttypid, a.atttypmod), d.description"
          " FROM unnest($1::oid[]) r JOIN pg_attribute a ON a.attrelid = r"
          " LEFT JOIN pg_description d ON d.objoid = r AND d.objsubid = a.attnum AND d.classoid ="
          " 'pg_catalog.pg_class'::regclass"
          " WHERE a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attrelid, a.attnum",
      {array_text(oids_of(relations))});
  Attributes attributes;
  std::map<std::uint32_t, std::string> described;
  for (int row = 0; row < rows.size(); ++row) {
    const std::uint32_t oid = rows.oid(row, 0);
    const std::uint32_t type = rows.oid(row, 3);
    Shape& shape = relations.at(oid).shape;
    WireType wire = types.wire(type, static_cast<std::int32_t>(rows.integer(row, 4)),
                               static_cast<int>(rows.integer(row, 5)));
    Column column;
    column.name = rows.string(row, 2);
    column.type = landed_type(wire);
    column.nullable = !rows.boolean(row, 6);
    column.source_type = rows.string(row, 7);
    column.comment = rows.string(row, 8);
    column.misfit = usual_misfit(wire);
    attributes[oid][static_cast<int>(rows.integer(row, 1))] = {column.name, types.base(type)};
    described[oid] += rows.string(row, 1) + ' ' + column.name + labels(wire, types) + '\n';
    shape.table.columns.push_back(std::move(column));
    shape.wires.push_back(std::move(wire));
    shape.literals.push_back({types.cast(type), types.base(type)});
  }
  // A column that was dropped, or renamed, and then made again changes every row, and none of them
  // is written.
  for (const auto& [oid, text] : described)
    relations.at(oid).shape.table.incarnation += "/" + std::to_string(hash::bytes(text, 0));
  return attributes;
}

/// The leading ones whose option, of a list of numbers, has the bit.
std::vector<std::string> hashed_columns(const std::vector<std::string>& columns,
                                        const std::string& options) {
  constexpr int kHashed = 4;
  std::istringstream numbers(options);
  std::vector<std::string> hashed;
  for (int option = 0; hashed.size() < columns.size() && numbers >> option;) {
    if ((option & kHashed) == 0) break;
    hashed.push_back(columns[hashed.size()]);
  }
  return hashed;
}

struct Key {
  bool primary = false;
  std::vector<std::string> columns;
};

void add_keys(Connection& connection, Relations& relations, const Attributes& attributes) {
  const std::string key_columns = connection.version() >= 110000 ? "i.indnkeyatts" : "i.indnatts";
  const Rows rows = connection.query(
      "SELECT i.indrelid, i.indisprimary, i.indisunique AND i.indimmediate AND i.indpred IS NULL,"
      // YugabyteDB's indexes are of lsm, and bit 4 says that a column is hashed in one.
      " i.indpred IS NULL AND am.amname IN ('btree', 'lsm') AND i.indoption[0] & 4 = 0, " +
          key_columns +
          ", i.indkey::text, i.indoption::text"
          " FROM unnest($1::oid[]) r JOIN pg_index i ON i.indrelid = r JOIN pg_class c ON c.oid = "
          "i.indexrelid"
          " JOIN pg_am am ON am.oid = c.relam WHERE i.indisvalid ORDER BY i.indrelid, i.indexrelid",
      {array_text(oids_of(relations))});
  std::map<std::uint32_t, Key> keys;
  for (int row = 0; row < rows.size(); ++row) {
    const std::uint32_t oid = rows.oid(row, 0);
    Relation& relation = relations.at(oid);
    Table& table = relation.shape.table;
    if (!attributes.contains(oid)) continue;
    std::istringstream numbers(rows.string(row, 5));
    std::vector<std::string> columns;
    bool plain = true;  // no expression, no column that may be NULL
    for (std::int64_t i = 0, number = 0; i < rows.integer(row, 4) && numbers >> number; ++i) {
      const auto found = attributes.at(oid).find(static_cast<int>(number));
      if (found == attributes.at(oid).end()) {
        plain = false;
        break;
      }
      columns.push_back(found->second.name);
      if (table.column(columns.back())->nullable) plain = false;
    }
    if (rows.boolean(row, 3) && !columns.empty()) table.indexed.push_back(columns.front());
    const bool primary = rows.boolean(row, 1);
    if (primary && plain) relation.shape.hashed = hashed_columns(columns, rows.string(row, 6));
    // A key of an inheritance parent says nothing about the rows of its children.
    if (!plain || relation.inherited || !(primary || rows.boolean(row, 2))) continue;
    const auto held = keys.find(oid);
    if (held == keys.end() ||
        (!held->second.primary && (primary || columns.size() < held->second.columns.size()))) {
      keys[oid] = {primary, columns};
    }
  }
  for (auto& [oid, key] : keys) {
    Table& table = relations.at(oid).shape.table;
    table.primary_key = std::move(key.columns);
    table.key_origin = key.primary ? KeyOrigin::primary : KeyOrigin::unique;
  }
}

/// Empty `why`: the relation can be read.
Skipped reason_to_skip(const Relation& relation, bool standby) {
  const TableName& name = relation.shape.table.name;
  const std::string table = identifier(name.schema, name.name);
  const std::string role = identifier(relation.role);
  const std::string select = "GRANT SELECT ON " + table + " TO " + role;
  if (!relation.usage) {
    return {name, "no USAGE right on its schema",
            "GRANT USAGE ON SCHEMA " + identifier(name.schema) + " TO " + role +
                (relation.select ? "" : "; " + select)};
  }
  if (!relation.select) {
    return {name,
            relation.some_columns ? "SELECT is granted on some columns only" : "no SELECT right",
            select};
  }
  if (relation.row_security) {
    return {name, "row security hides rows from this role",
            "ALTER ROLE " + role + " BYPASSRLS (or, for the table's owner, ALTER TABLE " + table +
                " NO FORCE ROW LEVEL SECURITY)"};
  }
  if (relation.unlogged && standby)
    return {name, "an unlogged table has no rows on a standby", "read it on the primary"};
  if (relation.shape.table.columns.empty()) return {name, "it has no columns", ""};
  return {name, "", ""};
}

}  // namespace

std::size_t Shape::position(const std::string& column) const {
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i].name == column) return i;
  }
  throw Error(Fault::schema, table.name.text() + ": no column \"" + column + "\"",
              "it was dropped or renamed; `sluice discover` lists the columns");
}

Discovered discover(Connection& connection, const Scope& scope) {
  Relations relations = find_relations(connection, scope);
  if (relations.empty()) return {};
  add_heaps(connection, relations);
  find_foreign(connection, relations);
  const Attributes attributes = add_columns(connection, relations);
  find_nulls(connection, relations);
  find_expressions(connection, relations);
  add_keys(connection, relations, attributes);
  Discovered found;
  for (auto& [oid, relation] : relations) {
    Skipped skipped = reason_to_skip(relation, connection.standby());
    if (skipped.why.empty()) {
      found.shapes.push_back(std::move(relation.shape));
    } else {
      found.skipped.push_back(std::move(skipped));
    }
  }
  std::sort(found.shapes.begin(), found.shapes.end(),
            [](const Shape& a, const Shape& b) { return a.table.name < b.table.name; });
  std::sort(found.skipped.begin(), found.skipped.end(),
            [](const Skipped& a, const Skipped& b) { return a.name < b.name; });
  return found;
}

}  // namespace sluice::postgres
