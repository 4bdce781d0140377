// SPDX-License-Identifier: Apache-2.0
// What errors mean for a table and for a run.
#pragma once

#include <exception>
#include <string>

#include "sluice/sync.h"

namespace sluice {

/// Faults after which going on with other tables is pointless.
bool ends_run(Fault fault);

/// An exception as an Error; one that is not ours is Fault::internal.
Error as_error(const std::exception& caught);

/// Of a run that ended with it: 2 configuration or ownership, 5 drift, 6 busy, 130 stopped, else 1.
int exit_code_of(const Error& error);

/// Writes into `receipt` how `error` ended its table.
void fail(Receipt& receipt, const Error& error);
/// Writes into `receipt` that the table is not seen because of another one, and counts as that one.
void hold_back(Receipt& receipt, const Receipt& cause);
/// The receipt of a table that `error` kept out.
Receipt failure(const TableName& table, const Error& error);

}  // namespace sluice
