// SPDX-License-Identifier: Apache-2.0
// A place that rows go to: a catalog that DuckDB has attached, so that every write is SQL that
// DuckDB runs.
#pragma once

#include <string>

namespace sluice {

/// Attached by its constructor into the process's one DuckDB instance, detached by its destructor.
/// Used from one thread at a time; its tables from any. The destructor commits nothing.
class Destination {
 public:
  virtual ~Destination() = default;
  /// The name it is attached under; quote it like any identifier.
  virtual const std::string& catalog() const = 0;
  /// For people: the path or database, never a secret.
  virtual std::string name() const = 0;
  /// Whether others, and another run of sluice, can write to it meanwhile.
  virtual bool shared() const { return false; }
  /// After a run that left everything committed: checkpoint, and refresh the read copy if there is
  /// one.
  virtual void finish() = 0;
};

}  // namespace sluice
