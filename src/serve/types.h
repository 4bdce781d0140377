// SPDX-License-Identifier: Apache-2.0
// The protocol's types as columns of DuckDB and back. What a type of DuckDB cannot say (XML, and
// which columns are the key) is in the column's comment: an index would cost memory and half of the
// speed, and rows are merged by key anyway.
#pragma once

#include <string>
#include <vector>

#include "duck/duck.h"
#include "fivetran/proto/types.pb.h"

namespace sluice::serve {

namespace proto = fivetran_sdk::v2;

struct ServedColumn {
  std::string name;
  std::string type;  ///< DuckDB's, as DuckDB prints it
  bool xml = false;
  bool key = false;
  bool operator==(const ServedColumn&) const = default;
  std::string comment() const;
};

/// A DECIMAL without parameters is DECIMAL(38,10); one of more than 38 digits, or a type that the
/// protocol does not have, is Fault::config.
ServedColumn column_of(const proto::Column& column);
std::string type_of(proto::DataType type, const proto::DataTypeParams& params);

/// From what DuckDB's catalog says of it. Types that no column of the protocol was made as are the
/// nearest that hold their values, and STRING otherwise.
ServedColumn column_of(const std::string& name, const std::string& type,
                       const std::string& comment);
void describe(const ServedColumn& column, proto::Column& to);

/// How its text in a batch file becomes a value: of `text`, SQL of a VARCHAR. What would be another
/// value than the text's is an error of the statement, but for what a type keeps by its nature: the
/// nearest FLOAT or DOUBLE, microseconds. An error says "source column " and a name.
std::string value_of(const ServedColumn& column, const std::string& text);

/// Fault::config where a table or column would be called as those of sluice itself.
void refuse_own_name(const std::string& name);

}  // namespace sluice::serve
