// SPDX-License-Identifier: Apache-2.0
// DuckDB files and MotherDuck's databases as sources and as destinations: the whole face of this
// folder. Each is attached to the process's one DuckDB instance, so that reading and writing is SQL
// that DuckDB runs by itself.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "sluice/destination.h"
#include "sluice/secret.h"
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

namespace sluice::motherduck {

/// What is to be attached, as whom.
struct Login {
  std::string database;  ///< its name, or "_share/NAME/ID"
  std::string name;      ///< the name in SQL that it will have
  std::string shown;     ///< for messages: "md:NAME"
  Secret token{};
  std::chrono::milliseconds limit{10'000};  ///< for all that it takes to attach it
  bool write = false;
  bool share() const { return name != database; }
};

/// What the service says of a database that it has attached.
struct Session {
  std::string catalog;   ///< its name in SQL
  std::string identity;  ///< as Source::identity()
  std::string client;    ///< the version of the extension
  std::string type;  ///< "motherduck", "motherduck share", "motherduck ducklake"; empty: unknown
  bool read_scaling = false;  ///< the token is for replicas that lag behind and cannot be written
};

/// Attaches a database, as documented at
/// motherduck.com/docs/sql-reference/motherduck-sql-reference/ attach: under its own name, in
/// attach mode "single", which leaves the user's workspace as it is. Ends within the login's limit,
/// or soon after `stop` says so. Throws as source().
using Attach = std::function<Session(duck::Database& database, const Login& login,
                                     const std::function<bool()>& stop)>;

struct Options {
  std::string url;  ///< what follows "md:": "[DATABASE][?PARAMETER=VALUE&..]"
  Secret token;     ///< wins over the URL's; empty: that, else the environment's motherduck_token
                    ///< or MOTHERDUCK_TOKEN
  std::function<bool()> stop{};
  Attach attach{};  ///< empty: the service's. Tests attach a file in place of it.
};

/// Parameters of the URL: motherduck_token, connection_timeout, attach_mode=single. Without a
/// database it is the account's default one, my_db (motherduck.com/docs/getting-started/interfaces/
/// client-apis/python/choose-database). Throws Fault::authentication for a token that is refused,
/// Fault::connection where nobody answers in time, Fault::config for all that the user can correct:
/// no token, no extension, no such database. What is thrown never holds the token.
///
/// Other clients can write while it is read, and each of a run's connections sees what is committed
/// when its statement begins: no instant holds for a run, and marks are not proven.
std::unique_ptr<Source> source(duck::Database& database, const Options& options);

/// The database must exist. Throws as source(), and Fault::config where it can only be read: a
/// share, a read-scaling token. Transactions write to this one database (motherduck.com/docs/
/// sql-reference/duckdb-sql-reference/transactions); temporary tables are this process's
/// (../motherduck-sql-reference/temporary-tables), so what is staged is sent up as one relation.
std::unique_ptr<Destination> destination(duck::Database& database, const Options& options);

/// A destination to look into. finish() does nothing. Throws as source().
std::unique_ptr<Destination> look(duck::Database& database, const Options& options);

}  // namespace sluice::motherduck
