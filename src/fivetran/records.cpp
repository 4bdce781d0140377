// SPDX-License-Identifier: Apache-2.0
#include "fivetran/records.h"

#include <bit>
#include <charconv>
#include <cstdio>

#include "fivetran/proto/source.pb.h"
#include "fivetran/wire.h"
#include "sluice/error.h"

namespace sluice::fivetran {
namespace {

namespace proto = fivetran_sdk::v2;

constexpr std::int64_t kDay = 86'400'000'000;

std::string folded(std::string_view name) {
  std::string small(name);
  for (char& each : small) {
    if (each >= 'A' && each <= 'Z') each = static_cast<char>(each - 'A' + 'a');
  }
  return small;
}

/// The bytes of a field that has to be a message, a text or bytes.
std::string_view bytes_of(const Field& field) {
  if (field.kind != Field::Kind::bytes) {
    throw Error(Fault::data,
                "a record's field " + std::to_string(field.number) + " is of another kind");
  }
  return field.bytes;
}

/// The number of a field that has to be a varint: that of another kind is another number, or none.
std::uint64_t integer_of(const Field& field) {
  if (field.kind != Field::Kind::varint) {
    throw Error(Fault::data,
                "a record's field " + std::to_string(field.number) + " is of another kind");
  }
  return field.integer;
}

}  // namespace

struct Records::Known {
  std::string name;
  std::size_t position;
  std::optional<sdk::DataType> declared;
  bool said = false;  ///< that its numbers come rounded
};

struct Records::Target {
  std::string schema, name;
  sdk::Table* table;
  std::map<std::string, sdk::DataType> types;
  std::vector<Known> columns;  ///< as they came first
  std::size_t next = 0;        ///< of `columns`: which may come next
  std::unordered_map<std::string, std::size_t> by_name;

  std::string text() const { return schema.empty() ? name : schema + "." + name; }
};

Records::Records(sdk::Operations& operations, const std::vector<sdk::TableSchema>& declared)
    : operations_(operations) {
  for (const sdk::TableSchema& each : declared) declare(each);
}

Records::~Records() = default;

void Records::declare(const sdk::TableSchema& table) {
  const std::pair place{folded(table.schema), folded(table.name)};
  auto& types = declared_[place];
  for (const auto& [name, type] : table.columns) types.insert_or_assign(folded(name), type);
  for (auto& [key, target] : targets_) {
    if (std::pair{folded(key.first), folded(key.second)} != place) continue;
    target->types = types;
    for (Known& column : target->columns) {
      const auto type = types.find(folded(column.name));
      if (type != types.end()) column.declared = type->second;
    }
  }
}

Records::Target& Records::target(std::string_view schema, std::string_view name) {
  if (last_ != nullptr && last_->name == name && last_->schema == schema) return *last_;
  std::pair key{std::string(schema), std::string(name)};
  auto& found = targets_[key];
  if (!found) {
    if (name.empty()) throw Error(Fault::data, "a record that names no table");
    auto made = std::make_unique<Target>();
    made->schema = key.first;
    made->name = key.second;
    made->table = &operations_.table(name, schema);
    const auto types = declared_.find({folded(schema), folded(name)});
    if (types != declared_.end()) made->types = types->second;
    found = std::move(made);
  }
  last_ = found.get();
  return *last_;
}

Records::Known& Records::column(Target& target, std::string_view name) {
  if (target.next < target.columns.size() && target.columns[target.next].name == name)
    return target.columns[target.next++];
  const auto [found, is_new] = target.by_name.emplace(name, target.columns.size());
  if (is_new) {
    if (name.empty()) {
      target.by_name.erase(found);
      throw Error(Fault::data, target.text() + ": a record has a column without a name");
    }
    const auto type = target.types.find(folded(name));
    target.columns.push_back(
        {std::string(name), target.table->column(name),
         type == target.types.end() ? std::nullopt : std::optional(type->second)});
  }
  target.next = found->second + 1;
  return target.columns[found->second];
}

void Records::take_batch(std::string_view records) {
  Fields fields(records);
  for (Field field; fields.next(field);) {
    if (field.number != 1)
      throw Error(Fault::data, "a batch of records with a field that is unknown");
    take(bytes_of(field));
  }
}

void Records::take(std::string_view record) {
  std::string_view schema, name;
  std::uint64_t type = 0;
  Fields fields(record);
  for (Field field; fields.next(field);) {
    if (field.number == 1) {
      schema = bytes_of(field);
    } else if (field.number == 2) {
      name = bytes_of(field);
    } else if (field.number == 3) {
      type = integer_of(field);
    } else if (field.number > 5) {
      throw Error(Fault::data, "a record with field " + std::to_string(field.number) +
                                   ", which this version of Sluice does not know");
    }
  }
  Target& to = target(schema, name);
  ++taken_;
  if (type == proto::TRUNCATE) return to.table->truncate();
  if (type != proto::UPSERT && type != proto::UPDATE && type != proto::DELETE) {
    throw Error(Fault::data, to.text() + ": a record of type " + std::to_string(type) +
                                 ", which this version of Sluice does not know");
  }
  sdk::Row& row = type == proto::UPSERT   ? to.table->upsert()
                  : type == proto::UPDATE ? to.table->update()
                                          : to.table->remove();
  to.next = 0;
  Fields cells(record);
  for (Field field; cells.next(field);) {
    if (field.number == 4 || field.number == 5)
      take_cell(to, row, bytes_of(field), field.number == 5);
  }
}

void Records::truncate(std::string_view message) {
  std::string_view schema, name;
  bool deferred = false;
  Fields fields(message);
  for (Field field; fields.next(field);) {
    if (field.number == 1) schema = bytes_of(field);
    if (field.number == 2) name = bytes_of(field);
    if (field.number == 3) deferred = integer_of(field) != 0;
  }
  Target& to = target(schema, name);
  ++taken_;
  deferred ? to.table->truncate_at_end() : to.table->truncate();
}

void Records::take_cell(Target& target, sdk::Row& row, std::string_view entry, bool prefix) {
  std::string_view name, value;
  Fields fields(entry);
  for (Field field; fields.next(field);) {
    if (field.number == 1) name = bytes_of(field);
    if (field.number == 2) value = bytes_of(field);
  }
  Known& to = column(target, name);
  const std::size_t position = to.position;
  row.set(position, prefix ? prefixed(target, to, value) : typed(target, to, value));
}

sdk::Value Records::typed(Target& target, Known& column, std::string_view value) {
  sdk::Value result;
  const auto unfit = [&](const std::string& what) {
    return Error::misfit(column.name, target.text() + ": column " + column.name + ": " + what,
                         "let the connector send what the protocol has");
  };
  const auto micros = [&](const Field& field) {
    const auto time = micros_of(bytes_of(field));
    if (!time) throw unfit("a time with a part of a microsecond, or outside of all years");
    return *time;
  };
  Fields fields(value);
  for (Field field; fields.next(field);) {
    using Cell = proto::Value;
    switch (field.number) {
      case Cell::kIsNullFieldNumber:
        integer_of(field);
        result = std::monostate();
        break;
      case Cell::kBooleanFieldNumber:
        result = integer_of(field) != 0;
        break;
      case Cell::kShortValueFieldNumber:
      case Cell::kIntValueFieldNumber:
        result = std::int64_t{static_cast<std::int32_t>(integer_of(field))};
        break;
      case Cell::kLongValueFieldNumber:
        result = static_cast<std::int64_t>(integer_of(field));
        break;
      case Cell::kFloatValueFieldNumber:
        if (field.kind != Field::Kind::fixed32) throw unfit("a float that is none");
        result = std::bit_cast<float>(static_cast<std::uint32_t>(field.integer));
        if (!column.declared && !column.said) {
          column.said = true;
          operations_.log().warning(
              target.text() + ": column " + column.name +
              " is not declared, and its numbers come as 32-bit floats, to which Python's SDK "
              "rounds every float of such a column: declare it as DOUBLE in schema()");
        }
        break;
      case Cell::kDoubleValueFieldNumber:
        if (field.kind != Field::Kind::fixed64) throw unfit("a double that is none");
        result = std::bit_cast<double>(field.integer);
        break;
      case Cell::kNaiveDateFieldNumber: {
        const std::int64_t time = micros(field);
        if (time % kDay != 0) throw unfit("a date with a time of day");
        result = sdk::Date{static_cast<std::int32_t>(time / kDay)};
        break;
      }
      case Cell::kNaiveDatetimeFieldNumber:
        result = sdk::DateTime{micros(field)};
        break;
      case Cell::kUtcDatetimeFieldNumber:
        result = sdk::UtcDateTime{micros(field)};
        break;
      case Cell::kDecimalFieldNumber:
        result = sdk::Decimal{bytes_of(field)};
        break;
      case Cell::kBinaryFieldNumber:
        result = sdk::Bytes{bytes_of(field)};
        break;
      case Cell::kTextFieldNumber:
        result = bytes_of(field);
        break;
      case Cell::kJsonFieldNumber:
        result = sdk::Json{bytes_of(field)};
        break;
      case Cell::kXmlFieldNumber:
        result = sdk::Xml{bytes_of(field)};
        break;
      case Cell::kNaiveTimeFieldNumber:
        result = text_of_time(bytes_of(field), target, column);
        break;
      default:
        throw Error(Fault::data, target.text() + ": column " + column.name + ": a value of kind " +
                                     std::to_string(field.number) +
                                     ", which this version of Sluice does not know");
    }
  }
  return result;
}

std::string_view Records::text_of_time(std::string_view timestamp, const Target& target,
                                       const Known& column) {
  const auto time = micros_of(timestamp);
  if (!time || *time < 0 || *time >= kDay) {
    throw Error::misfit(column.name,
                        target.text() + ": column " + column.name + ": a time of day that is none",
                        "let the connector send the time on 1970-01-01");
  }
  char text[32];
  const auto part = [&](std::int64_t unit, std::int64_t most) {
    return static_cast<int>(*time / unit % most);
  };
  const int size = std::snprintf(text, sizeof text, "%02d:%02d:%02d.%06d", part(3'600'000'000, 24),
                                 part(60'000'000, 60), part(1'000'000, 60), part(1, 1'000'000));
  text_.assign(text, static_cast<std::size_t>(size));
  if (text_.ends_with(".000000")) text_.resize(text_.size() - 7);
  return text_;
}

sdk::Value Records::prefixed(const Target& target, const Known& column, std::string_view value) {
  const auto wrong = [&](const char* what) {
    return Error(Fault::data, target.text() + ": column " + column.name + ": " + what);
  };
  if (value.empty()) throw wrong("a value without its kind");
  const char kind = value.front();
  const std::string_view text = value.substr(1);
  const char *const begin = text.data(), *const end = begin + text.size();
  const auto whole = [&](auto number) {
    const auto [at, error] = std::from_chars(begin, end, number);
    if (error != std::errc() || at != end) throw wrong("a number that is none");
    return number;
  };
  switch (kind) {
    case 0:
      return std::monostate();
    case 2:
      return sdk::Json{text};
    case 3:
      return sdk::Bytes{text};
    case 4:
      // Python's floats have 64 bits; only a column that was declared as FLOAT has fewer.
      return whole(double{});
    case 5:
      return whole(double{});
    case 1:
      break;
    default:
      throw wrong("a value of a kind that this version of Sluice does not know");
  }
  if (!column.declared) return text;
  switch (column.declared->type) {
    case sdk::Type::boolean:
      if (text != "true" && text != "false") throw wrong("a truth that is neither true nor false");
      return text == "true";
    case sdk::Type::int16:
    case sdk::Type::int32:
    case sdk::Type::int64:
      return whole(std::int64_t{});
    case sdk::Type::decimal:
      return sdk::Decimal{text};
    default:
      return text;
  }
}

}  // namespace sluice::fivetran
