// SPDX-License-Identifier: Apache-2.0
// The types that hold one value: what they may land as, and their decoders.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/postgres/codec.h"

namespace sluice::postgres {

/// Empty: does not travel in binary.
std::string scalar_landed_type(const WireType& wire);
/// Nothing where there is no decoder from the one into the other.
std::optional<Slot> scalar_slot(const WireType& wire, std::string_view landed, Encoding encoding);
/// What beside VARCHAR this type can land as, for a hint.
std::string scalar_choices(const WireType& wire);

}  // namespace sluice::postgres
