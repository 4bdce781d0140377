// SPDX-License-Identifier: Apache-2.0
// Which of PostgreSQL's types travel in binary, what they land as in DuckDB, and what decodes them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/postgres/bytes.h"

namespace sluice::postgres {

/// The server's type of a column, below all domains.
struct WireType {
  enum class Kind {
    scalar,  ///< a base type, by its oid; unknown ones travel as text
    array,
    composite,
    enumeration,
    other,  ///< ranges and whatever is none of the above: as text
  };
  Kind kind = Kind::scalar;
  std::uint32_t oid = 0;
  std::int32_t typmod = -1;
  int dims = 0;                    ///< of an array: as declared; 0 counts as 1
  std::vector<std::string> names;  ///< of a composite's fields
  std::vector<WireType> children;  ///< an array's element, a composite's fields
};

/// Whether the server promises valid UTF-8. It does, but for databases in SQL_ASCII.
enum class Encoding { utf8, unchecked };

/// The DuckDB type that values of this type land as by default, as DuckDB prints it.
std::string landed_type(const WireType& wire);

/// What to select for a (quoted) column so that it can land as `landed`: the column itself where
/// that is decoded from its binary form, else the server's own text of it. Throws Fault::config,
/// naming what can be chosen, if the type cannot land as that.
std::string select_expression(const std::string& quoted_column, const WireType& wire,
                              const std::string& landed);

/// The type in which a column selected by select_expression() arrives.
WireType travelling_type(const WireType& wire, const std::string& landed);

/// What decodes values of a travelling_type() into a vector of `landed`. Throws as
/// select_expression() does, naming the column.
Slot make_slot(const std::string& column, const WireType& travelling, const std::string& landed,
               Encoding encoding);

}  // namespace sluice::postgres
