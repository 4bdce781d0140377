// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "support/history_sql.h"

namespace sluice::testing {

/// What differs between MariaDB and MySQL, or between two databases.
struct MysqlNames {
  std::string schema;   ///< the database of the tables
  std::string numbers;  ///< a table with the numbers from 1 on
  std::string uuid;     ///< the type of a uuid
};

std::unique_ptr<HistorySql> mysql_sql(const MysqlNames& names);
/// What ends a statement's FROM where its rows come from HistorySql::series().
inline constexpr const char* kSeriesEnd = ") series";

}  // namespace sluice::testing
