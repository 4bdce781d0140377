// SPDX-License-Identifier: Apache-2.0
// What is in a database, from pg_catalog in a handful of queries however many tables there are.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "connectors/postgres/codec.h"
#include "connectors/postgres/connection.h"
#include "sluice/table.h"

namespace sluice::postgres {

/// Storage that holds rows of a table: its own, its partitions', its inheritance children's.
struct Heap {
  std::uint32_t oid = 0,
                file = 0;  ///< file: pg_class.relfilenode, another one once it is rewritten
  TableName name;
  bool ranges = false;    ///< heap access method: can be cut into ctid ranges
  bool readable = false;  ///< may be read by itself, with the values that it has through the parent
  std::uint64_t rows = 0, bytes = 0;
};

/// How a value is written in a statement.
struct LiteralType {
  std::string cast;        ///< without length or precision: those would round or cut the literal
  std::uint32_t base = 0;  ///< the type's oid below all domains
};

/// A Table with what only this source knows of it.
struct Shape {
  Table table;
  std::uint32_t oid = 0;
  char kind =
      'r';  ///< pg_class.relkind: r table, p partitioned, v view, m materialized view, f foreign
  bool foreign = false;  ///< rows of another server are among its own, or those of a view's tables
  std::vector<WireType> wires;        ///< of table.columns
  std::vector<LiteralType> literals;  ///< of table.columns
  std::vector<Heap> heaps;            ///< none: a view
  /// Of the primary key, what YugabyteDB deals rows out to tablets by, yb_hash_code(); empty: rows
  /// are kept in the key's order.
  std::vector<std::string> hashed;

  std::size_t position(const std::string& column) const;  ///< throws Fault::schema
};

/// Which relations, and how much of them.
struct Scope {
  std::span<const TableName> named;
  bool only_named = false;
};

struct Discovered {
  std::vector<Shape> shapes;     ///< ordered by name
  std::vector<Skipped> skipped;  ///< likewise
};

/// Inside a transaction of a fixed snapshot: the database at that instant.
Discovered discover(Connection& connection, const Scope& scope);

}  // namespace sluice::postgres
