// SPDX-License-Identifier: Apache-2.0
// What there is to read: tables of distributed databases, and those shared in memory.
#pragma once

#include <string>
#include <vector>

#include "connectors/dolphindb/session.h"
#include "sluice/table.h"

namespace sluice::dolphindb {

/// The schema of tables that are shared in memory.
inline constexpr const char* kShared = "shared";

/// A column that rows are dealt into partitions by.
struct PartitionColumn {
  enum class By { value = 1, range = 2, list = 3, hash = 5 };
  std::string name;
  By by = By::value;
};

/// A table as the server describes it.
struct Shape {
  Table table;
  std::vector<ColumnType> types;  ///< of table.columns, in their order
  bool in_memory = false;         ///< shared in the memory of one node
  std::vector<PartitionColumn> partitions;

  const ColumnType& type(const std::string& column) const;
  std::uint64_t row_bytes() const;  ///< an estimate, as they travel
};

struct Discovered {
  std::vector<Shape> shapes;  ///< ordered by name
  std::vector<Skipped> skipped;
};

/// Throws Fault::config where the login's URL names a database that is not there.
void require_database(Session& session);

/// Those that the login's URL names, all of a database, or all.
Discovered discover(Session& session);

/// One of them as it is now. Throws Fault::schema where it is gone, Fault::permission.
Shape describe(Session& session, const TableName& name);

/// Variables that hold where the table is, and the text that a FROM clause has for it with them.
Variables place(const Shape& shape);
std::string from_item(const Shape& shape);

}  // namespace sluice::dolphindb
