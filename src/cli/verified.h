// SPDX-License-Identifier: Apache-2.0
// How a copy compares with its source, as text and as JSON.
#pragma once

#include <span>
#include <string>

#include "cli/json.h"
#include "cli/render.h"
#include "sluice/receipt.h"

namespace sluice::cli {

/// What was compared and what was found, without the table.
Json verified_json(const Verified& verified);

/// Rows that differ, with their columns; empty where none does.
std::string differences_text(std::span<const Verified> all, const Screen& screen);
/// Notes on what was not compared by digests alone.
std::string ways_text(std::span<const Verified> all, const Screen& screen);

}  // namespace sluice::cli
