// SPDX-License-Identifier: Apache-2.0
// What a connector's tables and columns are called at the destination.
#pragma once

#include <string>

#include "sluice/options.h"
#include "sluice/table.h"

namespace sluice::feed {

inline constexpr const char* kSynced = "_fivetran_synced";
inline constexpr const char* kDeleted = "_fivetran_deleted";
inline constexpr const char* kId = "_fivetran_id";

std::string column_name(const std::string& name, Naming naming);
/// `schema`: of tables without one; others go to "SCHEMA_" and theirs. Throws Fault::config for a
/// name that is Sluice's own, or none.
TableName target_name(const TableName& table, const std::string& schema, Naming naming);
/// Whether a column of this name, folded, is one that the feed itself writes.
bool is_own(const std::string& folded, bool has_key);

}  // namespace sluice::feed
