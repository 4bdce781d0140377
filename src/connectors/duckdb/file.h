// SPDX-License-Identifier: Apache-2.0
// A DuckDB file, attached: waiting for its lock, and what DuckDB's messages about files mean to a
// user.
#pragma once

#include <filesystem>
#include <string>

#include "connectors/duckdb/attached_database.h"
#include "connectors/duckdb/connector.h"
#include "duck/duck.h"

namespace sluice::duckdb_file {

class AttachedFile : public AttachedDatabase {
 public:
  /// `storage` is the storage version of a file that has to be made. `catalog`: the name wanted in
  /// SQL, by default one that says what the file is used for; another one where that is taken.
  AttachedFile(duck::Database& database, const std::string& path, Access access,
               const Patience& patience, const std::string& storage = {},
               const std::string& catalog = {});
  ~AttachedFile() override;

  const std::filesystem::path& path() const noexcept { return path_; }
  /// Open for reading, until the file is detached. Nobody may close another descriptor of this file
  /// meanwhile: POSIX drops all locks that a process has on a file, DuckDB's too, when it closes
  /// any descriptor of it.
  int descriptor() const noexcept { return descriptor_; }

  /// Files of older storage versions carry nothing of their own: they are known by where they are.
  std::string identity() const override;
  /// Each commit makes the log longer, and a checkpoint ends it.
  std::optional<std::int64_t> position() const override;
  std::optional<std::uint64_t> bytes(duck::Connection& connection) const override;

 private:
  void attach(const Patience& patience, const std::string& storage);

  Access access_;
  std::filesystem::path path_;
  int descriptor_ = -1;
};

/// The path from the root, with links as they are. Throws Fault::config for an empty one.
std::filesystem::path absolute_path(const std::string& path);

/// Whether both paths lead to one file, by links of any kind. False if either does not exist.
bool same_file(const std::filesystem::path& one, const std::filesystem::path& other);

/// What DuckDB says about a file it could not attach, as a user needs it: the fault, what to do.
Error file_error(const Error& error, const std::string& name, Access access);

}  // namespace sluice::duckdb_file
