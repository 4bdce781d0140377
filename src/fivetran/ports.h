// SPDX-License-Identifier: Apache-2.0
// Loopback ports, and who listens there: gRPC lets several processes share a port, so that what
// answers may be another connector than the one that was started.
#pragma once

#include <sys/types.h>

namespace sluice::fivetran {

/// A port that nobody has at this moment.
int free_port();

/// Whether all that listen at this TCP port are of this process group, and there is one. Where the
/// system does not tell (it has no /proc), true.
bool listens_alone(int port, pid_t group);

}  // namespace sluice::fivetran
