// SPDX-License-Identifier: Apache-2.0
// What a connector's tables and columns are called at the destination.
#pragma once

#include <string>
#include <string_view>

#include "sluice/options.h"
#include "sluice/table.h"

namespace sluice::feed {

inline constexpr const char* kSynced = "_fivetran_synced";
inline constexpr const char* kDeleted = "_fivetran_deleted";
inline constexpr const char* kId = "_fivetran_id";

/// Throws Fault::config for a name that is empty, or no text that SQL takes. `what`: "a table".
void check_name(const std::string& what, std::string_view name);
/// Throws as check_name().
std::string column_name(const std::string& name, Naming naming);
/// `schema`: of tables without one; others go to "SCHEMA_" and theirs. Throws Fault::config for a
/// name that is Sluice's own, and as check_name().
TableName target_name(const TableName& table, const std::string& schema, Naming naming);
/// Whether a column of this name, folded, is one that the feed itself writes.
bool is_own(const std::string& folded, bool has_key);

}  // namespace sluice::feed
