// SPDX-License-Identifier: Apache-2.0
// Decoders of dates and times: microseconds since 2000 there, since 1970 here; infinities are kept.
#pragma once

#include "connectors/postgres/bytes.h"

namespace sluice::postgres {

Reason decode_date(Slot& slot, const Byte* bytes, std::uint32_t size, std::uint64_t row);
Reason decode_timestamp(Slot& slot, const Byte* bytes, std::uint32_t size, std::uint64_t row);
Reason decode_time(Slot& slot, const Byte* bytes, std::uint32_t size, std::uint64_t row);
Reason decode_timetz(Slot& slot, const Byte* bytes, std::uint32_t size, std::uint64_t row);
Reason decode_interval(Slot& slot, const Byte* bytes, std::uint32_t size, std::uint64_t row);

}  // namespace sluice::postgres
