// SPDX-License-Identifier: Apache-2.0
// The server's types: what they land as in DuckDB, and what is selected so that they can.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "connectors/mysql/url.h"
#include "sluice/table.h"

namespace sluice::mysql {

/// A column's type, as information_schema.columns tells it.
struct WireType {
  std::string name;  ///< data_type, in lower case: "int", "varchar"; "json" also of MariaDB's
  bool is_unsigned = false;
  int precision = 0;         ///< of decimal; of bit: how many
  int scale = 0;             ///< of decimal
  int fraction = 0;          ///< digits of seconds
  std::uint64_t length = 0;  ///< of text: characters at most
  std::string charset;       ///< of text; empty: none
};

/// The DuckDB type that values of this type land as by default, as DuckDB prints it.
std::string landed_type(const WireType& wire);

/// What becomes of values that `landed_type()` cannot hold, unless a user says otherwise: zero and
/// partial dates become NULL, as in MySQL's own drivers.
Misfit usual_misfit(const WireType& wire);

/// What to select for a column so that it can land as `landed`: the column itself, where that is
/// decoded as it travels, else the server's own text of it. Throws Fault::config, naming what can
/// be chosen, if the type cannot land as that.
std::string select_expression(const std::string& column, const WireType& wire,
                              const std::string& landed, Dialect dialect);

bool is_integer(const WireType& wire);
bool is_text(const WireType& wire);  ///< characters, of whatever character set
bool is_date(const WireType& wire);  ///< date, datetime, timestamp

}  // namespace sluice::mysql
