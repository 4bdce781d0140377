// SPDX-License-Identifier: Apache-2.0
// DuckDB files as sources and as destinations: the whole face of this folder. Both attach their
// file to the process's one DuckDB instance, so that reading and writing is SQL that DuckDB runs by
// itself.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "sluice/destination.h"
#include "sluice/source.h"

namespace sluice::duck {
class Database;
}

namespace sluice::duckdb_file {

/// How long to wait for a file that another process has locked, and what ends the wait early (then:
/// cancelled).
struct Patience {
  std::chrono::milliseconds wait{0};
  std::function<bool()> stop{};
};

struct SourceOptions {
  std::string path;
  Patience patience{};
};

struct DestinationOptions {
  std::string path;
  Patience patience{};
  std::string storage =
      "v1.4.0";  ///< DuckDB's storage version of a new file; an existing one keeps its own
  std::string
      read_copy{};  ///< a second file, replaced by finish(), for those who read; empty: none
};

/// Attaches the file read-only, for as long as the Source lives: nobody can write to it meanwhile.
/// Throws Fault::busy if a writer has it, Fault::config if there is no such file, it is no DuckDB
/// file, one of a newer storage version, an encrypted one, or attached for writing in this process
/// under whatever path.
///
/// Names beginning with `_sluice` are left out: of a file that is itself a destination only the
/// copies are tables.
std::unique_ptr<Source> source(duck::Database& database, SourceOptions options);

/// Attaches the file for writing and makes it if there is none; its folder must exist. Throws as
/// source(), and Fault::busy too where others only read.
std::unique_ptr<Destination> destination(duck::Database& database, DestinationOptions options);

/// The file of a destination to look into: attached read-only, under its own name (that of the file
/// without its ending) so that users can write it in SQL. finish() does nothing. Throws as
/// source().
std::unique_ptr<Destination> look(duck::Database& database, SourceOptions options);

}  // namespace sluice::duckdb_file
