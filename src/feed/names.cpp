// SPDX-License-Identifier: Apache-2.0
#include "feed/names.h"

#include "duck/duck.h"
#include "engine/select.h"
#include "wire/utf8.h"

namespace sluice::feed {

void check_name(const std::string& what, std::string_view name) {
  if (name.empty()) throw Error(Fault::config, what + " without a name");
  if (wire::valid_utf8(reinterpret_cast<const wire::Byte*>(name.data()), name.size())) return;
  throw Error(Fault::config, what + " with a name that is not UTF-8, or holds U+0000",
              "give it a name that is text");
}

std::string column_name(const std::string& name, Naming naming) {
  check_name("a column", name);
  std::string named = naming == Naming::fivetran ? fivetran_name(name, false) : name;
  // DuckDB numbers rows under this name: a column called so would hide the numbers.
  return duck::folded(named) == "rowid" ? named + '_' : named;
}

TableName target_name(const TableName& table, const std::string& schema, Naming naming) {
  check_name("a table", table.name);
  if (!table.schema.empty()) check_name("a table's schema", table.schema);
  const auto named = [naming](const std::string& name) {
    return naming == Naming::fivetran ? fivetran_name(name, true) : name;
  };
  TableName target{table.schema.empty() ? schema : schema + "_" + named(table.schema),
                   named(table.name)};
  if (duck::folded(target.name).starts_with("_sluice_") || duck::folded(target.schema) == "_sluice")
    throw Error(Fault::config,
                table.text() + " would land under a name that sluice keeps for itself",
                "give it another name, or another schema at the destination");
  return target;
}

bool is_own(const std::string& folded, bool has_key) {
  return folded == kSynced || folded == kDeleted || (folded == kId && !has_key);
}

}  // namespace sluice::feed
