// SPDX-License-Identifier: Apache-2.0
// What is in a server's databases, from information_schema in a handful of queries however many
// tables there are.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "connectors/mysql/connection.h"
#include "connectors/mysql/types.h"
#include "sluice/table.h"

namespace sluice::mysql {

struct Partition {
  std::string name;
  std::uint64_t rows = 0, bytes = 0;
};

/// A Table with what only this source knows of it.
struct Shape {
  Table table;
  std::vector<WireType> wires;  ///< of table.columns
  std::string engine;           ///< "InnoDB"; empty: a view
  std::vector<Partition> partitions;
  /// Of SingleStore: how many its rows are dealt into; 0: they are not, or nobody says.
  std::size_t shards = 0;

  bool transactional() const { return engine == "InnoDB"; }
  std::size_t position(const std::string& column) const;  ///< throws Fault::schema
  const WireType& wire(const std::string& column) const { return wires[position(column)]; }
};

/// Which tables, and how much of them.
struct Scope {
  std::span<const TableName> named;
  bool only_named = false;
};

struct Discovered {
  std::vector<Shape> shapes;     ///< ordered by name
  std::vector<Skipped> skipped;  ///< likewise
};

/// The condition, on information_schema's table_schema, that a table is not the server's own.
std::string of_users();

Discovered discover(Connection& connection, const Scope& scope);

}  // namespace sluice::mysql
