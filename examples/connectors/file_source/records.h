// SPDX-License-Identifier: Apache-2.0
// Files into rows. Both throw Fault::data, naming file and line, for what is not of the format.
#pragma once

#include <functional>
#include <istream>
#include <string>

#include "sluice/connector.h"

namespace examples {

/// Begins the next row.
using Begin = std::function<sluice::sdk::Row&()>;

/// RFC 4180: the first record names the columns; every value is text, and one without quotes that
/// is empty is NULL.
void read_csv(std::istream& in, const std::string& file, sluice::sdk::Table& table,
              const Begin& begin);

/// An object per line; lines without anything are passed over. Numbers are LONG or DOUBLE, objects
/// and arrays JSON.
void read_json_lines(std::istream& in, const std::string& file, sluice::sdk::Table& table,
                     const Begin& begin);

}  // namespace examples
