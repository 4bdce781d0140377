// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "support/history_sql.h"

namespace sluice::testing {

/// Of the tables in the database `schema`.
std::unique_ptr<HistorySql> mysql_sql(const std::string& schema);
/// What ends a statement's FROM where its rows come from HistorySql::series().
inline constexpr const char* kSeriesEnd = ") series";

}  // namespace sluice::testing
