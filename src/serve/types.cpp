// SPDX-License-Identifier: Apache-2.0
#include "serve/types.h"

#include <cstdio>
#include <string_view>

#include "serve/exact.h"
#include "serve/wanted.h"
#include "sluice/error.h"

namespace sluice::serve {
namespace {

constexpr const char* kKeyMark = "fivetran: primary key";
constexpr const char* kXmlMark = "fivetran: XML";

/// Java prints the largest float with a digit that is past it.
std::string as_float(const std::string& number) {
  return "CAST(CASE WHEN abs(" + number + ") BETWEEN 3.4028234663852886e38 AND 3.40282375e38 " +
         "THEN sign(" + number + ") * 3.4028234663852886e38 ELSE " + number + " END AS FLOAT)";
}

}  // namespace

std::string ServedColumn::comment() const {
  if (key && xml) return std::string(kKeyMark) + "; " + kXmlMark;
  return key ? kKeyMark : xml ? kXmlMark : "";
}

std::string type_of(proto::DataType type, const proto::DataTypeParams& params) {
  switch (type) {
    case proto::BOOLEAN:
      return "BOOLEAN";
    case proto::SHORT:
      return "SMALLINT";
    case proto::INT:
      return "INTEGER";
    case proto::LONG:
      return "BIGINT";
    case proto::FLOAT:
      return "FLOAT";
    case proto::DOUBLE:
      return "DOUBLE";
    case proto::NAIVE_DATE:
      return "DATE";
    case proto::NAIVE_TIME:
      return "TIME";
    case proto::NAIVE_DATETIME:
      return "TIMESTAMP";
    case proto::UTC_DATETIME:
      return "TIMESTAMP WITH TIME ZONE";
    case proto::BINARY:
      return "BLOB";
    case proto::JSON:
      return "JSON";
    case proto::XML:
    case proto::STRING:
    case proto::UNSPECIFIED:
      return "VARCHAR";
    case proto::DECIMAL: {
      if (!params.has_decimal()) return "DECIMAL(38,10)";
      const auto precision = params.decimal().precision(), scale = params.decimal().scale();
      if (precision < 1 || precision > 38 || scale > precision) {
        throw Error(Fault::config,
                    "DECIMAL(" + std::to_string(precision) + "," + std::to_string(scale) +
                        ") has no counterpart in DuckDB, whose decimals have 38 digits at most",
                    "send the column as DOUBLE or STRING");
      }
      return "DECIMAL(" + std::to_string(precision) + "," + std::to_string(scale) + ")";
    }
    default:
      throw Error(Fault::config, "unknown type " + std::to_string(type));
  }
}

ServedColumn column_of(const proto::Column& column) {
  refuse_own_name(column.name());
  try {
    return {column.name(), type_of(column.type(), column.params()), column.type() == proto::XML,
            column.primary_key()};
  } catch (const Error& error) {
    throw error.at("column " + column.name());
  }
}

ServedColumn column_of(const std::string& name, const std::string& type,
                       const std::string& comment) {
  return {name, type, comment.find(kXmlMark) != std::string::npos,
          comment.find(kKeyMark) != std::string::npos};
}

void describe(const ServedColumn& column, proto::Column& to) {
  const std::string& type = column.type;
  to.set_name(column.name);
  to.set_primary_key(column.key);
  const auto decimal = [&](unsigned precision, unsigned scale) {
    to.set_type(proto::DECIMAL);
    to.mutable_params()->mutable_decimal()->set_precision(precision);
    to.mutable_params()->mutable_decimal()->set_scale(scale);
  };
  unsigned precision = 0, scale = 0;
  if (std::sscanf(type.c_str(), "DECIMAL(%u,%u)", &precision, &scale) == 2) {
    decimal(precision, scale);
  } else if (type == "HUGEINT" || type == "UBIGINT") {
    decimal(38, 0);
  } else if (type == "BOOLEAN") {
    to.set_type(proto::BOOLEAN);
  } else if (type == "SMALLINT" || type == "TINYINT" || type == "UTINYINT") {
    to.set_type(proto::SHORT);
  } else if (type == "INTEGER" || type == "USMALLINT") {
    to.set_type(proto::INT);
  } else if (type == "BIGINT" || type == "UINTEGER") {
    to.set_type(proto::LONG);
  } else if (type == "FLOAT") {
    to.set_type(proto::FLOAT);
  } else if (type == "DOUBLE") {
    to.set_type(proto::DOUBLE);
  } else if (type == "DATE") {
    to.set_type(proto::NAIVE_DATE);
  } else if (type == "TIME") {
    to.set_type(proto::NAIVE_TIME);
  } else if (type == "TIMESTAMP WITH TIME ZONE") {
    to.set_type(proto::UTC_DATETIME);
  } else if (type.starts_with("TIMESTAMP")) {
    to.set_type(proto::NAIVE_DATETIME);
  } else if (type == "BLOB") {
    to.set_type(proto::BINARY);
  } else if (type == "JSON") {
    to.set_type(proto::JSON);
  } else {
    to.set_type(column.xml ? proto::XML : proto::STRING);
  }
}

std::string value_of(const ServedColumn& column, const std::string& text) {
  const std::string& type = column.type;
  if (type == "VARCHAR") return text;
  const std::string failure =
      "error(" + duck::literal("not a value as it is, source column " + column.name) + ")";
  if (type == "BLOB") return "from_base64(" + text + ")";
  if (type == "FLOAT" || type == "DOUBLE") {
    const std::string number = "CAST(" + text + " AS DOUBLE)";
    const std::string value = type == "FLOAT" ? as_float(number) : number;
    // Too small to be anything but zero, or too large to be anything but infinite.
    return "CASE WHEN " + value + " = 0 OR isinf(" + value + ") THEN CASE WHEN regexp_matches(" +
           text + ", '^[^eE]*[1-9]') THEN " + failure + " ELSE " + value + " END ELSE " + value +
           " END";
  }
  // Java writes years from 10000 on with a sign.
  const bool year = type == "DATE" || type.starts_with("TIMESTAMP");
  const std::string plain = year ? "CASE WHEN starts_with(" + text + ", '+') THEN substr(" + text +
                                       ", 2) ELSE " + text + " END"
                                 : text;
  const std::string value = "CAST(" + plain + " AS " + type + ")";
  const std::string wrong = inexact(type, text);
  return wrong.empty() ? value
                       : "CASE WHEN " + wrong + " THEN " + failure + " ELSE " + value + " END";
}

void refuse_own_name(const std::string& name) {
  const std::string folded = duck::folded(name);
  if (!folded.starts_with("_sluice_") && folded != "_sluice") return;
  if (folded == kRowId || folded == kRowNumber) return;  // what serve-connector sends
  throw Error(Fault::config, name + " is a name that sluice keeps for itself",
              "give it another name at the destination");
}

}  // namespace sluice::serve
