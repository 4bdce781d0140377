// SPDX-License-Identifier: Apache-2.0
// A limit for work that cannot be interrupted.
#pragma once

#include <chrono>
#include <functional>

namespace sluice::duckdb_file {

enum class Waited { done, too_long, stopped };

/// Runs `work` on a thread of its own and waits for its end, at most for `limit` and until `stop`
/// says so; then calls `interrupt` and gives it a moment. Throws what `work` throws. A thread that
/// does not come back is left behind: `work` and `interrupt` own all that they use. A process that
/// ends while one is left does so without its static destructors, for that thread may be using
/// what they destroy.
Waited run_within(std::chrono::milliseconds limit, const std::function<bool()>& stop,
                  std::function<void()> work, const std::function<void()>& interrupt);

}  // namespace sluice::duckdb_file
