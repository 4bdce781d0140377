// SPDX-License-Identifier: Apache-2.0
// DuckDB and what is attached to it, made as the settings say.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cli/settings.h"
#include "duck/duck.h"
#include "sluice/destination.h"
#include "sluice/source.h"

namespace sluice::cli {

/// DuckDB's memory_limit for a process that should stay below `process` bytes. The rest is for
/// code, readers and the allocator: measured, a first load takes about 75 MB more than the limit.
std::uint64_t duck_memory_limit(std::uint64_t process);

duck::Database open_database(const Connection& connection);
std::unique_ptr<Source> open_source(duck::Database& database, const Connection& connection,
                                    const Secret& password, const std::function<bool()>& stop = {});
std::unique_ptr<Destination> open_destination(duck::Database& database,
                                              const Connection& connection,
                                              const Secret& password = {},
                                              const std::function<bool()>& stop = {});

/// A destination to look into, opened read-only: Fault::busy while a sync writes to it.
class Looked {
 public:
  explicit Looked(const std::string& url);
  duck::Connection& connection() { return connection_; }
  const std::string& catalog() const { return destination_->catalog(); }
  /// `"catalog"."_sluice"."name"`.
  std::string table(const std::string& name) const;
  /// Whether sluice has ever written there.
  bool known();

 private:
  duck::Database database_;
  std::unique_ptr<Destination> destination_;
  duck::Connection connection_;
};

}  // namespace sluice::cli
