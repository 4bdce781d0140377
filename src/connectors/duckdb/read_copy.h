// SPDX-License-Identifier: Apache-2.0
// A file's copy that appears whole or not at all.
#pragma once

#include <filesystem>

namespace sluice::duckdb_file {

/// Makes `to` a copy of the open file `from` (a position in it is neither used nor moved): written
/// beside it, synced, renamed into place. Who has the old copy open keeps reading that one. Shares
/// the blocks where the file system can. Throws Fault::permission, Fault::config or Fault::internal
/// (disk full); `to` is then as it was.
void replace_with_copy(int from, const std::filesystem::path& to);

/// Removes what a replace_with_copy() that was killed has left beside `to`.
void remove_partial_copy(const std::filesystem::path& to) noexcept;

}  // namespace sluice::duckdb_file
