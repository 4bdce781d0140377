// SPDX-License-Identifier: Apache-2.0
// Arrays into LIST, composites into STRUCT. A value that does not fit leaves no element behind.
#pragma once

#include <vector>

#include "connectors/postgres/bytes.h"

namespace sluice::postgres {

/// LIST nested `depth` times (at least once) around `element`.
Slot list_slot(int depth, Slot element);
Slot struct_slot(std::vector<Slot> fields);

}  // namespace sluice::postgres
