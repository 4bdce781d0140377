// SPDX-License-Identifier: Apache-2.0
// PostgreSQL's numeric: digits of base 10,000 with a weight. Exact, or a Reason why not.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "connectors/postgres/bytes.h"

namespace sluice::postgres {

struct Decimal {
  int precision;
  int scale;
};
/// What numeric of this typmod lands as; nothing if no DECIMAL holds all of its values.
std::optional<Decimal> decimal_of(std::int32_t typmod);
/// The slot of DECIMAL(precision,scale), which DuckDB stores in 2, 4, 8 or 16 bytes.
Slot decimal_slot(Decimal type);

/// Into DECIMAL and integers: Slot's scale, least and most.
template <class T>
Reason decode_numeric(Slot& slot, const Byte* bytes, std::uint32_t size, std::uint64_t row);
/// Into FLOAT and DOUBLE: held if no digit is lost, so 0.1 is, though it is no binary fraction.
template <class T>
Reason decode_numeric_float(Slot& slot, const Byte* bytes, std::uint32_t size, std::uint64_t row);

/// As the server prints it.
std::string numeric_text(const Byte* bytes, std::size_t size);

}  // namespace sluice::postgres
