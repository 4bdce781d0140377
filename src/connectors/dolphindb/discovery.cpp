// SPDX-License-Identifier: Apache-2.0
#include "connectors/dolphindb/discovery.h"

#include <algorithm>
#include <limits>

#include "connectors/dolphindb/digest.h"
#include "connectors/dolphindb/statement.h"
#include "sluice/error.h"

namespace sluice::dolphindb {
namespace {

constexpr std::string_view kDistributed = "dfs://";
constexpr std::uint64_t kGuessedText = 16;  // bytes of a text or a symbol's share, and of an array

const Object& part(const Object& schema, const char* name) {
  static const Object none;
  const Object* found = schema.find(name);
  return found == nullptr ? none : *found;
}

std::string text_of(const Object& object) {
  const std::vector<std::string> all = object.texts();
  return all.empty() ? std::string() : all.front();
}

/// Names of tables that a user may see: "dfs://database/table".
std::vector<TableName> distributed_tables(Session& session) {
  std::vector<TableName> names;
  for (const std::string& path : session.call("getClusterDFSTables").texts()) {
    const std::size_t slash = path.rfind('/');
    if (!path.starts_with(kDistributed) || slash == std::string::npos ||
        slash < kDistributed.size())
      continue;
    names.push_back(
        {path.substr(kDistributed.size(), slash - kDistributed.size()), path.substr(slash + 1)});
  }
  return names;
}

std::vector<TableName> shared_tables(Session& session) {
  std::vector<TableName> names;
  const Object all = session.call("objs", {bool_scalar(true)});
  const Object* form = all.find("form");
  const Object* name = all.find("name");
  const Object* shared = all.find("shared");
  if (form == nullptr || name == nullptr || shared == nullptr) return names;
  const std::vector<std::string> forms = form->texts(), called = name->texts();
  const std::vector<std::int64_t> is_shared = shared->numbers();
  for (std::size_t i = 0; i < called.size() && i < forms.size() && i < is_shared.size(); ++i) {
    if (forms[i] == "TABLE" && is_shared[i] == 1) names.push_back({kShared, called[i]});
  }
  return names;
}

/// What the URL leaves of them.
std::vector<TableName> wanted_tables(Session& session) {
  const Login& login = session.login();
  std::vector<TableName> names = distributed_tables(session);
  const bool has_shared =
      std::ranges::any_of(names, [](const TableName& each) { return each.schema == kShared; });
  if (!has_shared && (login.database.empty() || login.database == kShared)) {
    std::vector<TableName> more = shared_tables(session);
    std::ranges::move(more, std::back_inserter(names));
  }
  std::erase_if(names, [&](const TableName& each) {
    return (!login.database.empty() && each.schema != login.database) ||
           (!login.table.empty() && each.name != login.table);
  });
  // A user who may read one table need not be allowed to list any.
  const TableName named{login.database, login.table};
  if (names.empty() && !login.table.empty() && login.database != kShared) names.push_back(named);
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

void read_columns(const Object& schema, Shape& shape) {
  const Object& columns = part(schema, "colDefs");
  const Object* name = columns.find("name");
  const Object* number = columns.find("typeInt");
  const Object* type_text = columns.find("typeString");
  const Object* extra = columns.find("extra");
  const Object* comment = columns.find("comment");
  if (name == nullptr || number == nullptr) throw Error(Fault::data, "its schema lists no columns");
  const std::vector<std::string> names = name->texts();
  const std::vector<std::string> types = type_text == nullptr ? names : type_text->texts();
  const std::vector<std::int64_t> numbers = number->numbers();
  const auto scales = extra == nullptr ? std::vector<std::int64_t>() : extra->numbers();
  const auto comments = comment == nullptr ? std::vector<std::string>() : comment->texts();
  if (numbers.size() != names.size() || types.size() != names.size())
    throw Error(Fault::data, "its schema lists columns without their types");
  for (std::size_t i = 0; i < names.size(); ++i) {
    const bool scaled = i < scales.size() && scales[i] != std::numeric_limits<std::int64_t>::min();
    // "DECIMAL32(2)": older servers have no column for the scale.
    const std::size_t bracket = types[i].find('(');
    const int scale = scaled                         ? static_cast<int>(scales[i])
                      : bracket == std::string::npos ? 0
                                                     : std::atoi(types[i].c_str() + bracket + 1);
    const auto type = column_type(static_cast<int>(numbers[i]), scale);
    if (!type || landed_type(*type).empty())
      throw Error(Fault::schema,
                  "column " + names[i] + " is " + types[i] + ", which cannot be copied",
                  "a table without it can: make one, or ask for the type");
    Column column;
    column.name = names[i];
    column.type = landed_type(*type);
    column.source_type = name_of(*type);
    column.misfit = Misfit::text;
    if (i < comments.size()) column.comment = comments[i];
    shape.table.columns.push_back(std::move(column));
    shape.types.push_back(*type);
  }
}

/// One level's are scalars, several levels' vectors.
void read_partitions(const Object& schema, Shape& shape) {
  const std::vector<std::string> columns = part(schema, "partitionColumnName").texts();
  const std::vector<std::int64_t> kinds = part(schema, "partitionType").numbers();
  for (std::size_t i = 0; i < columns.size() && i < kinds.size(); ++i) {
    if (shape.table.column(columns[i]) == nullptr) continue;
    shape.partitions.push_back({columns[i], static_cast<PartitionColumn::By>(kinds[i])});
    shape.table.indexed.push_back(columns[i]);
  }
}

/// What makes a row one row. Where a table keeps only the first or the last of several with the
/// same sort columns it does so within a partition, so its columns belong to the key.
void read_key(const Object& schema, Shape& shape) {
  Table& table = shape.table;
  const auto take = [&](const std::vector<std::string>& columns) {
    for (const std::string& each : columns) {
      if (std::ranges::find(table.primary_key, each) == table.primary_key.end())
        table.primary_key.push_back(each);
    }
  };
  const std::string kept = text_of(part(schema, "keepDuplicates"));
  const std::vector<std::string> sorted = part(schema, "sortColumns").texts();
  take(part(schema, "primaryKey").texts());
  if (!table.primary_key.empty()) {
    table.key_origin = KeyOrigin::primary;
  } else if ((kept == "FIRST" || kept == "LAST") && !sorted.empty()) {
    take(sorted);
    for (const PartitionColumn& each : shape.partitions) take({each.name});
    table.key_origin = KeyOrigin::unique;
  }
  for (const std::string& each : table.primary_key) {
    if (table.column(each) != nullptr) continue;
    table.primary_key.clear();
    table.key_origin = KeyOrigin::none;
    return;
  }
}

/// NULL equals nothing, so that rows with one in their key could not be told apart by it.
void drop_key_of_nulls(Session& session, Shape& shape) {
  if (!shape.table.has_key()) return;
  std::string any;
  for (const std::string& each : shape.table.primary_key)
    any += (any.empty() ? "isNull(" : " or isNull(") + column_name(each) + ")";
  const std::vector<std::int64_t> rows =
      session.run("exec count(*) from " + from_item(shape) + " where " + any).numbers();
  if (!rows.empty() && rows[0] == 0) return;
  shape.table.primary_key.clear();
  shape.table.key_origin = KeyOrigin::none;
}

/// What rows without a key come in the order of: the time that they are partitioned or sorted by.
void choose_replication_key(const Object& schema, Shape& shape) {
  if (shape.table.has_key()) return;  // it says when a row was, not when it was changed
  std::vector<std::string> candidates;
  for (const PartitionColumn& each : shape.partitions) candidates.push_back(each.name);
  const std::vector<std::string> sorted = part(schema, "sortColumns").texts();
  candidates.insert(candidates.begin(), sorted.rbegin(), sorted.rend());
  candidates.emplace_back("timestamp");
  for (const std::string& each : candidates) {
    if (shape.table.column(each) == nullptr) continue;
    const ColumnType& type = shape.type(each);
    const auto unit = unit_of(type.type);
    if (type.array || !unit || unit->of_day) continue;
    shape.table.replication_key = each;
    return;
  }
}

}  // namespace

const ColumnType& Shape::type(const std::string& column) const {
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i].name == column) return types[i];
  }
  throw Error(Fault::schema, table.name.text() + " has no column " + column);
}

std::uint64_t Shape::row_bytes() const {
  std::uint64_t bytes = 0;
  for (const ColumnType& each : types)
    bytes += each.array || width(each.type) == 0 ? kGuessedText : width(each.type);
  return bytes;
}

Variables place(const Shape& shape) {
  Variables variables;
  if (!shape.in_memory)
    variables.emplace_back(variable(shape, "db"),
                           text_scalar(std::string(kDistributed) + shape.table.name.schema));
  variables.emplace_back(variable(shape, "table"), text_scalar(shape.table.name.name));
  return variables;
}

std::string from_item(const Shape& shape) {
  return shape.in_memory
             ? "objByName(" + variable(shape, "table") + ", true)"
             : "loadTable(" + variable(shape, "db") + ", " + variable(shape, "table") + ")";
}

Shape describe(Session& session, const TableName& name) {
  Shape shape;
  shape.table.name = name;
  shape.in_memory = name.schema == kShared;
  try {
    session.bind(place(shape));
    const Object schema = session.run("schema(" + from_item(shape) + ")");
    read_columns(schema, shape);
    read_partitions(schema, shape);
    read_key(schema, shape);
    drop_key_of_nulls(session, shape);
    choose_replication_key(schema, shape);
    shape.table.mark_ranges =
        !shape.table.has_key() && std::ranges::all_of(shape.types, has_digest);
    shape.table.comment = text_of(part(schema, "tableComment"));
    const std::vector<std::int64_t> rows =
        session.run("exec count(*) from " + from_item(shape)).numbers();
    if (!rows.empty() && rows[0] > 0) shape.table.rows = static_cast<std::uint64_t>(rows[0]);
  } catch (const Error& error) {
    if (error.fault() != Fault::schema && error.fault() != Fault::permission)
      throw error.at(name.text());
    throw;  // who lists tables says which
  }
  shape.table.bytes = shape.table.rows * shape.row_bytes();
  // It tells nothing by which a table that was made anew could be told from the one before.
  shape.table.incarnation = "table";
  return shape;
}

void require_database(Session& session) {
  const std::string& name = session.login().database;
  // A guest is told to log in by what comes next.
  if (name.empty() || name == kShared || session.login().user.empty()) return;
  const std::string path = std::string(kDistributed) + name;
  if (session.call("existsDatabase", {text_scalar(path)}).numbers() == std::vector<std::int64_t>{0})
    throw Error(Fault::config, "there is no database " + path + " that this user can see",
                "`sluice discover` of the URL without a database lists all");
}

Discovered discover(Session& session) {
  Discovered found;
  for (const TableName& name : wanted_tables(session)) {
    try {
      found.shapes.push_back(describe(session, name));
    } catch (const Error& error) {
      if (error.fault() != Fault::schema && error.fault() != Fault::permission) throw;
      found.skipped.push_back({name, error.what(), error.hint()});
    }
  }
  return found;
}

}  // namespace sluice::dolphindb
