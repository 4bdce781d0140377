// SPDX-License-Identifier: Apache-2.0
// PostgreSQL's numeric: base-10000 digits. To DuckDB's scaled integers, exactly or not at all.
#pragma once

#include <string>
#include <string_view>

#include "connectors/postgres/codec.h"

namespace sluice::postgres {

/// Decoders for DECIMAL(width, scale) by its storage: 16, 32, 64 or 128 bits.
Decoder::Function numeric_decoder(int width);

/// As the server prints it.
std::string numeric_text(std::string_view bytes);

}  // namespace sluice::postgres
