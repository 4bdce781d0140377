// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "support/history_sql.h"

namespace sluice::testing {

const HistorySql& postgres_sql();

}  // namespace sluice::testing
