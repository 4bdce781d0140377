// SPDX-License-Identifier: Apache-2.0
// A database that DuckDB has attached: all that sources and destinations ask of it, whether it is a
// file or one of MotherDuck's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "duck/duck.h"
#include "sluice/source.h"

namespace sluice::duckdb_file {

/// What it is attached for.
enum class Access { read, write };

/// Detached by its destructor, which throws nothing and commits nothing. Used from one thread at a
/// time.
class AttachedDatabase {
 public:
  explicit AttachedDatabase(duck::Database& database) : database_(database) {}
  AttachedDatabase(const AttachedDatabase&) = delete;
  AttachedDatabase& operator=(const AttachedDatabase&) = delete;
  virtual ~AttachedDatabase() = default;

  /// The name to write in SQL, unquoted.
  const std::string& catalog() const noexcept { return catalog_; }
  /// As the user wrote it, without what is secret, for messages.
  const std::string& name() const noexcept { return name_; }
  /// Time limits and time zone set: text of times is in UTC.
  duck::Connection connect() const;

  /// As Source::identity() and Source::position().
  virtual std::string identity() const = 0;
  virtual std::optional<std::int64_t> position() const { return std::nullopt; }
  /// Bytes that its tables take; none: it does not say.
  virtual std::optional<std::uint64_t> bytes(duck::Connection& connection) const = 0;
  /// Why others may write to it meanwhile; empty: while this lives, nobody else can.
  virtual std::string writers() const { return {}; }
  /// What naming: fivetran puts before schema and table; empty: nothing.
  virtual std::string fivetran_prefix() const { return {}; }
  virtual std::vector<Finding> findings() const { return {}; }

 protected:
  /// For the destructors of those who have to do it before they let go of something.
  void detach() noexcept;

  duck::Database& database_;
  std::string name_;
  std::string catalog_;
};

}  // namespace sluice::duckdb_file
