// SPDX-License-Identifier: Apache-2.0
// A PostgreSQL source of a database of the test's own, and what its statements read.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "connectors/postgres/connector.h"
#include "connectors/postgres/plan.h"
#include "connectors/postgres/snapshot.h"
#include "support/postgres_test.h"

namespace sluice {

class PostgresSourceTest : public testing::PostgresTest {
 protected:
  std::unique_ptr<Source> source(const std::string& role = "postgres") const {
    postgres::SourceOptions options;
    options.lock_timeout_ms = 500;
    return postgres::source(db->socket_url(role), options);
  }
  static const Table& find(const Catalog& catalog, const std::string& name) {
    for (const Table& each : catalog.tables) {
      if (each.name.text() == name) return each;
    }
    throw std::runtime_error(name + " was not found");
  }
  static std::string skipped(const Catalog& catalog, const std::string& name) {
    for (const Skipped& each : catalog.skipped) {
      if (each.name.text() == name) return each.why + " | " + each.hint;
    }
    return {};
  }
  static Plan plan_of(Source& source, Snapshot& snapshot, const Table& table, Read read = {}) {
    if (read.columns.empty()) read.columns = table.columns;
    return source.plan(snapshot, table, read);
  }
  static std::vector<std::string> statements(Snapshot& snapshot, const Plan& plan) {
    const auto& shape = dynamic_cast<postgres::PostgresSnapshot&>(snapshot).shape(plan.table.name);
    std::vector<std::size_t> all;
    for (std::size_t i = 0; i < plan.read.columns.size(); ++i) all.push_back(i);
    std::vector<std::string> made;
    for (const Chunk& each : plan.chunks)
      made.push_back(postgres::select_statement(shape, plan, all, each));
    return made;
  }
  /// What the chunks read, asked outside of the snapshot: count and sum of the first column.
  std::string totals(Snapshot& snapshot, const Plan& plan) const {
    std::string all;
    for (const std::string& each : statements(snapshot, plan))
      all += (all.empty() ? "(" : " UNION ALL (") + each + ")";
    return db->value("SELECT count(*) || ' ' || coalesce(sum(q.v), 0) FROM (" + all + ") q(v)");
  }
  /// A role of this test's own, not a superuser. Dropped with the cluster.
  std::string role(const std::string& suffix = "") const {
    const std::string name = "role_" + db->name() + suffix;
    db->exec("CREATE ROLE " + name + " LOGIN");
    return name;
  }
};

/// With the replication key that the engine would choose.
inline Table table_of(const Snapshot& snapshot, std::size_t i = 0) {
  Table table = std::get<Table>(snapshot.tables().at(i));
  if (table.column("updated_at") != nullptr) table.replication_key = "updated_at";
  return table;
}

}  // namespace sluice
