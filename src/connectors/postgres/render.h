// SPDX-License-Identifier: Apache-2.0
// Wire values as text, for messages.
#pragma once

#include <cstdint>
#include <string>

#include "connectors/postgres/codec.h"

namespace sluice::postgres {

/// About as the server would print it, cut where it is long; bytes in hex where we cannot. Never
/// throws because of the bytes.
std::string value_text(const WireType& wire, const Byte* bytes, std::uint32_t size);

}  // namespace sluice::postgres
