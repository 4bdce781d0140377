// SPDX-License-Identifier: Apache-2.0
// A database that is not there yet, made so that several programs can do it at once and any of them
// can be killed.
#pragma once

#include <filesystem>
#include <string>

#include "duck/duck.h"

namespace sluice::duckdb_file {

/// Whether there is no file, or one whose making was cut off: DuckDB would refuse that for ever.
bool is_unmade(const std::filesystem::path& path);

/// Makes an empty database of that storage version at `path`, or finishes the one that a killed
/// program began; its write-ahead log, which can only be an older file's, goes. Does nothing where
/// another program has the lock, or the file is a database.
///
/// Not left to ATTACH: DuckDB 1.5 removes the log and opens the file before it has the lock, so
/// that of two who make one file at once, one can take the other's log away. And nothing is ever
/// removed at `path`: a program that has opened the file, and not locked it yet, would write for
/// nobody.
///
/// The process must not have the file open: closing any descriptor of it drops its locks.
/// Throws what DuckDB says of the storage version, or of a folder it cannot write.
void make_database(duck::Connection& connection, const std::filesystem::path& path,
                   const std::string& storage);

}  // namespace sluice::duckdb_file
