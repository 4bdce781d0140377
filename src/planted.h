// SPDX-License-Identifier: Apache-2.0
// Places where a build for tests breaks a rule on purpose, so that the tests are seen to notice
// (docs/planted-bugs.md). In every other build planted() is false before anything runs.
#pragma once

#include <string_view>

namespace sluice {

#ifdef SLUICE_PLANTED
/// Whether this bug is the one that is wanted. Where it needs time to show, after a pause.
bool planted(std::string_view bug);
#else
constexpr bool planted(std::string_view) { return false; }
#endif

}  // namespace sluice
