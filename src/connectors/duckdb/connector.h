// SPDX-License-Identifier: Apache-2.0
// DuckDB files and MotherDuck's databases as sources and as destinations: the whole face of this
// folder. Each is attached to the process's one DuckDB instance, so that reading and writing is SQL
// that DuckDB runs by itself.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "sluice/destination.h"
#include "sluice/secret.h"
#include "sluice/source.h"
#include "wire/text_session.h"

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

/// MotherDuck's PostgreSQL endpoint, where a source is read through it.
struct Endpoint {
  std::string host = "pg.us-east-1-aws.motherduck.com";
  std::string port = "5432";
  std::string certificates{};  ///< a file to verify the server's by; empty: the system's
};

/// What is to be attached or connected to, as whom.
struct Login {
  std::string database;  ///< its name, or "_share/NAME/ID"
  std::string name;      ///< the name in SQL that it will have
  std::string shown;     ///< for messages: "md:NAME"
  Secret token{};
  std::chrono::milliseconds limit{10'000};  ///< for all that it takes to attach it
  bool write = false;
  std::optional<Endpoint> endpoint{};
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

/// Opens a session of the endpoint: `url` is as libpq reads it. The registry has it, for the
/// protocol is another connector's. Throws as postgres::text_session().
using Dial =
    std::function<std::unique_ptr<wire::TextSession>(const std::string& url, const Secret& token)>;

struct Options {
  std::string url;  ///< what follows "md:": "[DATABASE][?PARAMETER=VALUE&..]"
  Secret token;     ///< wins over the URL's; empty: that, else the environment's motherduck_token
                    ///< or MOTHERDUCK_TOKEN
  std::function<bool()> stop{};
  Attach attach{};  ///< empty: the service's. Tests attach a file in place of it.
  Dial dial{};      ///< for sources with via=postgres
};

/// Parameters of the URL: motherduck_token, connection_timeout, attach_mode=single. Without a
/// database it is the account's default one, my_db (motherduck.com/docs/getting-started/interfaces/
/// client-apis/python/choose-database). Throws Fault::authentication for a token that is refused,
/// Fault::connection where nobody answers in time, Fault::config for all that the user can correct:
/// no token, no extension, no such database. What is thrown never holds the token.
///
/// Other clients can write while it is read, and each of a run's connections sees what is committed
/// when its statement begins: no instant holds for a run, and marks are not proven.
///
/// With via=postgres nothing is attached and no extension loaded: the database is read as text, by
/// one transaction of one session of the PostgreSQL endpoint, whose instant holds for the run.
/// Parameters beside those: region or host, port, sslrootcert.
std::unique_ptr<Source> source(duck::Database& database, const Options& options);

/// The database must exist. Throws as source(), and Fault::config where it can only be read: a
/// share, a read-scaling token, via=postgres. Transactions write to this one database
/// (motherduck.com/docs/ sql-reference/duckdb-sql-reference/transactions); temporary tables are
/// this process's
/// (../motherduck-sql-reference/temporary-tables), so what is staged is sent up as one relation.
std::unique_ptr<Destination> destination(duck::Database& database, const Options& options);

/// A destination to look into. finish() does nothing. Throws as source().
std::unique_ptr<Destination> look(duck::Database& database, const Options& options);

}  // namespace sluice::motherduck
