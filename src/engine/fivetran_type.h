// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "sluice/table.h"

namespace sluice {

/// The DuckDB type of the narrowest of Fivetran's types (sluice/value.h) that holds what `column`
/// does: as it is, where that is one of them. Nested values are JSON where DuckDB itself reads the
/// source, and stay what they are elsewhere.
std::string fivetran_type(const Column& column);

}  // namespace sluice
