// SPDX-License-Identifier: Apache-2.0
#include "support/yugabyte_options.h"

#include <algorithm>

namespace sluice::testing {

YugabyteFault YugabyteFault::read_restart() {
  return {"40001",
          "Restart read required at: { read: { physical: 1763800000000000 } local_limit: "
          "{ physical: 1763800000500000 } }"};
}
YugabyteFault YugabyteFault::snapshot_too_old() {
  return {"72000",
          "Snapshot too old. Read point: { physical: 1763800000000000 }, earliest read time "
          "allowed: { physical: 1763800900000000 }, delta (usec): 900000000: kSnapshotTooOld"};
}
YugabyteFault YugabyteFault::schema_mismatch() {
  return {"XX000", "schema version mismatch for table: expected 2, got 1"};
}
YugabyteFault YugabyteFault::shutdown() {
  return {"57P01", "terminating connection due to administrator command"};
}
YugabyteSharding YugabyteSharding::range(const std::string& split) {
  // "SPLIT AT VALUES ((1), (2))": each opening parenthesis but the outer one is a value's.
  const auto values = std::max<std::ptrdiff_t>(1, std::ranges::count(split, '('));
  return {static_cast<int>(values), 0, false, split};
}

}  // namespace sluice::testing
