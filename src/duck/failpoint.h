// SPDX-License-Identifier: Apache-2.0
// Where a test can end the process, around what is committed.
#pragma once

namespace sluice {

/// Ends the process with SIGKILL if SLUICE_FAILPOINT names this place. Any thread.
void failpoint(const char* name);

}  // namespace sluice
