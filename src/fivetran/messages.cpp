// SPDX-License-Identifier: Apache-2.0
#include "fivetran/messages.h"

namespace sluice::fivetran {
namespace {

sdk::TableSchema table_of(const proto::Table& table, const std::string& schema) {
  sdk::TableSchema declared{table.name(), {}, {}, schema};
  for (const proto::Column& each : table.columns()) {
    if (each.name().empty())
      throw Error(Fault::data, "table " + table.name() + " has a column without a name");
    if (each.primary_key()) declared.primary_key.push_back(each.name());
    if (const auto type = type_of(each)) declared.columns.emplace_back(each.name(), *type);
  }
  return declared;
}

void add(std::vector<sdk::TableSchema>& to, const proto::TableList& tables) {
  for (const proto::Table& each : tables.tables()) to.push_back(table_of(each, {}));
}

void add(std::vector<sdk::TableSchema>& to, const proto::SchemaList& schemas) {
  for (const proto::Schema& schema : schemas.schemas()) {
    for (const proto::Table& each : schema.tables()) to.push_back(table_of(each, schema.name()));
  }
}

template <class Tables, class Selected>
void select(const Tables& tables, Selected& to) {
  to.set_include_new_tables(true);
  for (const proto::Table& each : tables) {
    proto::TableSelection& selected = *to.add_tables();
    selected.set_included(true);
    selected.set_table_name(each.name());
    selected.set_include_new_columns(true);
    for (const proto::Column& column : each.columns())
      (*selected.mutable_columns())[column.name()] = true;
  }
}

using Condition = std::optional<std::pair<std::string, std::string>>;

void add(sdk::Form& form, const proto::FormField& field, const Condition& shown_when) {
  using Case = proto::FormField::TypeCase;
  if (field.type_case() == Case::kConditionalFields) {
    const auto& when = field.conditional_fields().condition();
    const Condition condition{{when.field(), when.has_is_bool()
                                                 ? (when.is_bool() ? "true" : "false")
                                                 : when.is_string()}};
    for (const auto& each : field.conditional_fields().fields()) add(form, each, condition);
    return;
  }
  sdk::Field to;
  to.name = field.name();
  to.label = field.label();
  to.required = field.required();
  to.description = field.description();
  to.placeholder = field.placeholder();
  if (field.has_default_value()) to.default_value = field.default_value();
  to.shown_when = shown_when;
  switch (field.type_case()) {
    case Case::kTextField:
      to.kind = field.text_field() == proto::PASSWORD ? sdk::Field::Kind::password
                : field.text_field() == proto::HIDDEN ? sdk::Field::Kind::hidden
                                                      : sdk::Field::Kind::text;
      break;
    case Case::kDropdownField:
      to.kind = sdk::Field::Kind::dropdown;
      for (const std::string& each : field.dropdown_field().choices())
        to.choices.push_back({each, {}, {}});
      break;
    case Case::kDescriptiveDropdownFields:
      to.kind = sdk::Field::Kind::dropdown;
      for (const auto& each : field.descriptive_dropdown_fields().choices())
        to.choices.push_back({each.value(), each.label(), each.description()});
      break;
    case Case::kToggleField:
      to.kind = sdk::Field::Kind::toggle;
      break;
    case Case::kUploadField:
      to.kind = sdk::Field::Kind::upload;
      for (const std::string& each : field.upload_field().allowed_file_types())
        to.file_types.push_back(each);
      break;
    default:
      break;  // a text, as of a kind that is newer than this
  }
  form.fields.push_back(std::move(to));
}

}  // namespace

std::optional<sdk::DataType> type_of(const proto::Column& column) {
  using sdk::Type;
  const auto plain = [](Type type) { return sdk::DataType{type}; };
  switch (column.type()) {
    case proto::UNSPECIFIED:
      return std::nullopt;
    case proto::BOOLEAN:
      return plain(Type::boolean);
    case proto::SHORT:
      return plain(Type::int16);
    case proto::INT:
      return plain(Type::int32);
    case proto::LONG:
      return plain(Type::int64);
    case proto::DECIMAL: {
      const auto& decimal = column.params().decimal();
      if (decimal.precision() < 1 || decimal.precision() > 38 ||
          decimal.scale() > decimal.precision())
        return std::nullopt;
      return sdk::DataType{Type::decimal, static_cast<std::uint8_t>(decimal.precision()),
                           static_cast<std::uint8_t>(decimal.scale())};
    }
    case proto::FLOAT:
      return plain(Type::float32);
    case proto::DOUBLE:
      return plain(Type::float64);
    case proto::NAIVE_DATE:
      return plain(Type::naive_date);
    case proto::NAIVE_DATETIME:
      return plain(Type::naive_datetime);
    case proto::UTC_DATETIME:
      return plain(Type::utc_datetime);
    case proto::BINARY:
      return plain(Type::binary);
    case proto::XML:
      return plain(Type::xml);
    case proto::STRING:
    case proto::NAIVE_TIME:
      return plain(Type::string);
    case proto::JSON:
      return plain(Type::json);
    default:
      throw Error(Fault::data, "column " + column.name() + " is declared with type number " +
                                   std::to_string(column.type()) + ", which is unknown");
  }
}

std::vector<sdk::TableSchema> schema_of(const proto::SchemaResponse& response) {
  std::vector<sdk::TableSchema> tables;
  add(tables, response.with_schema());
  add(tables, response.without_schema());
  if (response.response_case() == proto::SchemaResponse::RESPONSE_NOT_SET)
    throw Error(Fault::data, "an answer without a schema to the call Schema");
  return tables;
}

std::vector<sdk::TableSchema> schema_of(const proto::SchemaChange& change) {
  std::vector<sdk::TableSchema> tables;
  add(tables, change.with_schema());
  add(tables, change.without_schema());
  if (change.change_case() == proto::SchemaChange::CHANGE_NOT_SET)
    throw Error(Fault::data, "a change of the schema that is empty");
  return tables;
}

std::optional<proto::Selection> all_of(const proto::SchemaResponse& response) {
  proto::Selection selection;
  if (response.has_with_schema()) {
    auto& to = *selection.mutable_with_schema();
    to.set_include_new_schemas(true);
    for (const proto::Schema& each : response.with_schema().schemas()) {
      proto::SchemaSelection& schema = *to.add_schemas();
      schema.set_included(true);
      schema.set_schema_name(each.name());
      select(each.tables(), schema);
    }
  } else if (response.has_without_schema()) {
    select(response.without_schema().tables(), *selection.mutable_without_schema());
  } else {
    return std::nullopt;
  }
  return selection;
}

sdk::Form form_of(const proto::ConfigurationFormResponse& response) {
  sdk::Form form;
  for (const proto::FormField& each : response.fields()) add(form, each, std::nullopt);
  for (const auto& each : response.tests()) form.tests.push_back({each.name(), each.label()});
  return form;
}

}  // namespace sluice::fivetran
