// SPDX-License-Identifier: Apache-2.0
// One Update: the tables that are selected, one after another.
#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "engine/scan.h"
#include "fivetran/proto/source.pb.h"
#include "serve/sender.h"
#include "serve/wanted.h"

namespace sluice::serve {

using Note = std::function<void(const std::string&)>;
/// Hides what is secret.
using Hide = std::function<std::string(const std::string&)>;

/// Sends what the client lacks, by the state that came with the request. A table that cannot be
/// sent is a warning, and the others are done; in the end Fault of the first is thrown. Where what
/// the client had of a table is half replaced, the rest is not sent: nothing of it is covered by a
/// checkpoint. Faults that may pass are tried again, under a new snapshot.
void send_update(Wanted& wanted, const fivetran_sdk::v2::UpdateRequest& request, Sender& sender,
                 std::atomic<StopLevel>& stop, const Note& note, const Hide& hide);

}  // namespace sluice::serve
