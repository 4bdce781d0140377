// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "duck/duck.h"
#include "fivetran/proto/destination.pb.h"

namespace sluice::serve {

/// Deletes the rows that were synced before the request's instant, or marks them as deleted.
/// Returns how many. A table that is not there has none.
std::uint64_t truncate(duck::Connection& connection, const std::string& catalog,
                       const fivetran_sdk::v2::TruncateRequest& request);

}  // namespace sluice::serve
