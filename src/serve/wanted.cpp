// SPDX-License-Identifier: Apache-2.0
#include "serve/wanted.h"

#include <algorithm>

#include "engine/apply.h"
#include "engine/choose.h"
#include "engine/select.h"

namespace sluice::serve {
namespace {

namespace proto = fivetran_sdk::v2;

const proto::TableSelection* entry_of(
    const google::protobuf::RepeatedPtrField<proto::TableSelection>& tables,
    const TableName& name) {
  const auto found = std::ranges::find(tables, name.name, &proto::TableSelection::table_name);
  return found == tables.end() ? nullptr : &*found;
}

struct Choice {
  bool wanted = true;
  const proto::TableSelection* columns = nullptr;  ///< null: all
};

Choice choice(const proto::TableSelection* entry, bool otherwise) {
  return entry == nullptr ? Choice{otherwise} : Choice{entry->included(), entry};
}

Choice choice(const proto::Selection* selection, const TableName& table) {
  if (selection == nullptr || selection->selection_case() == proto::Selection::SELECTION_NOT_SET)
    return {};
  if (selection->has_without_schema()) {
    const auto& all = selection->without_schema();
    return choice(entry_of(all.tables(), table), all.include_new_tables());
  }
  const auto& all = selection->with_schema();
  const auto schema =
      std::ranges::find(all.schemas(), table.schema, &proto::SchemaSelection::schema_name);
  if (schema == all.schemas().end()) return {all.include_new_schemas()};
  if (!schema->included()) return {false};
  return choice(entry_of(schema->tables(), table), schema->include_new_tables());
}

bool selected(const proto::TableSelection* entry, const std::string& column) {
  if (entry == nullptr) return true;
  const auto found = entry->columns().find(column);
  return found == entry->columns().end() ? entry->include_new_columns() : found->second;
}

bool is_one_of(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

TableOptions options_for(const Wanted& wanted, const Table& table) {
  TableOptions options = options_of(wanted.options, table.name);
  if (wanted.replication_key.empty() || options.replication_key) return options;
  for (const Column& column : table.columns) {
    const bool can_be = duck::is_temporal(column.type) || duck::is_integer(column.type);
    if (can_be && duck::folded(column.name) == duck::folded(wanted.replication_key))
      options.replication_key = column.name;
  }
  return options;
}

}  // namespace

Candidates candidates(Wanted& wanted) {
  const SyncOptions& options = wanted.options;
  const Catalog catalog = wanted.source->discover(exact_names(options.tables));
  check_options(*wanted.source, catalog, {}, options);
  const auto chosen = [&](const TableName& name) {
    return (options.tables.empty() || matches_any(options.tables, name)) &&
           !matches_any(options.exclude, name);
  };
  Candidates found;
  for (const Table& each : catalog.tables) {
    if (chosen(each.name)) found.tables.push_back(each);
  }
  for (const Skipped& each : catalog.skipped) {
    if (chosen(each.name)) found.skipped.push_back(each);
  }
  if (found.tables.empty() && found.skipped.empty()) {
    throw Error(Fault::config,
                catalog.tables.empty() ? "the source has no table that this user can see"
                                       : "no table of the source fits tables and exclude",
                "tables and exclude are globs over schema.table, separated by commas");
  }
  return found;
}

bool selects(const proto::Selection* selection, const TableName& table) {
  return choice(selection, table).wanted;
}

Sent shape(const Wanted& wanted, const Table& table, const proto::Selection* selection,
           duck::Connection& connection) {
  Sent sent;
  sent.options = options_for(wanted, table);
  sent.table = shaped(table, sent.options, connection);
  const Choice chosen = choice(selection, table.name);
  for (const Column& column : sent.table.columns) {
    const bool key = is_one_of(sent.table.primary_key, column.name);
    if (!key && !selected(chosen.columns, column.name)) continue;
    if (duck::folded(column.name) == kRowId || duck::folded(column.name) == kRowNumber) {
      throw Error(
          Fault::config,
          table.name.text() + ": column " + column.name + " has a name that sluice gives itself",
          "leave it out with exclude_columns, in table_options");
    }
    sent.read.push_back(column);
    sent.sent.push_back({column.name, sent_type(column), key, column.misfit});
  }
  if (!sent.table.has_key()) {
    sent.sent.push_back({kRowId, "VARCHAR", true});
    sent.sent.push_back({kRowNumber, "BIGINT", true});
  }
  return sent;
}

std::string Sent::select(const std::string& from) const {
  std::string list;
  for (std::size_t i = 0; i < read.size(); ++i) {
    const std::string name = duck::quoted(read[i].name);
    list += list.empty() ? "" : ", ";
    if (read[i].type == sent[i].type) {
      list += name;
    } else if (sent[i].type == "JSON") {
      list += "to_json(" + name + ")";
    } else {
      list += "CAST(" + name + " AS " + sent[i].type + ")";
    }
  }
  if (table.has_key()) return "SELECT " + list + " FROM " + from;
  // Of equal rows it does not matter which is which.
  const std::string id = duck::quoted(kRowId);
  return "SELECT " + list + (list.empty() ? "" : ", ") + id + ", row_number() OVER (PARTITION BY " +
         id + ") FROM (SELECT *, " + apply::content_id(read) + " AS " + id + " FROM " + from + ")";
}

proto::Table described(const Sent& sent) {
  proto::Table to;
  to.set_name(sent.table.name.name);
  for (const SentColumn& each : sent.sent) describe(each, *to.add_columns());
  return to;
}

}  // namespace sluice::serve
