// SPDX-License-Identifier: Apache-2.0
// Offline LOAD and ATTACH take 10 s and 20 s to say so, a download that stalls more than a minute,
// and none of them can be interrupted: they run under a limit of our own.
#include <atomic>
#include <memory>
#include <utility>

#include "connectors/duckdb/deadline.h"
#include "connectors/duckdb/motherduck.h"

namespace sluice::motherduck {
namespace {

using duckdb_file::Waited;

/// All that the thread uses, which may outlive the caller.
struct Attaching {
  Attaching(const duck::Database& the_database, Login the_login)
      : database(the_database), connection(database.connect()), login(std::move(the_login)) {}

  duck::Database database;
  duck::Connection connection;
  Login login;
  std::atomic<const char*> stage{"its extension is loaded"};
  Session session{};
};

/// The first value, where the service knows what is asked for.
std::optional<std::string> asked(duck::Connection& connection, const std::string& sql,
                                 std::initializer_list<std::optional<std::string>> parameters) {
  try {
    const duck::Result rows = connection.query(sql, parameters);
    if (rows.rows() == 0) return std::nullopt;
    return rows.optional(0, 0);
  } catch (const Error& error) {
    if (error.retryable() || error.fault() == Fault::cancelled) throw;
    return std::nullopt;
  }
}

void load_extension(Attaching& work) {
  try {
    work.connection.query("LOAD motherduck");
    return;
  } catch (const Error& error) {
    if (std::string_view(error.what()).find("not found") == std::string_view::npos) throw;
  }
  work.stage = "its extension is downloaded";
  work.connection.query("INSTALL motherduck");
  work.stage = "its extension is loaded";
  work.connection.query("LOAD motherduck");
}

/// The extension has one token for the whole process. Bound, it is in no SQL text.
void sign_in(Attaching& work) {
  const duck::Result others = work.connection.query(
      "SELECT current_setting('motherduck_token') FROM duckdb_databases() WHERE type = "
      "'motherduck'");
  if (others.rows() == 0) {
    work.connection.query("SET motherduck_attach_mode = 'single'");
    work.connection.query("SET motherduck_token = ?", {work.login.token.reveal()});
  } else if (others.optional(0, 0) != work.login.token.reveal()) {
    throw Error(Fault::config,
                work.login.shown + ": source and destination are MotherDuck's, with two tokens",
                "one run signs in once: give both the same token, or copy by way of a DuckDB file");
  }
}

/// The name is the database's own: those of the account cannot be attached under another
/// (motherduck.com/docs/sql-reference/motherduck-sql-reference/attach), and a share's is by default
/// the one in its URL.
std::string catalog_of(duck::Connection& connection, const std::string& name) {
  const duck::Result found = connection.query(
      "SELECT database_name FROM duckdb_databases() WHERE lower(database_name) = lower(?)", {name});
  if (found.rows() == 0) {
    throw Error(Fault::internal, "MotherDuck attached md:" + name + " under another name",
                "please report this, with the version that `sluice check` says");
  }
  return found.text(0, 0);
}

/// MD_INFORMATION_SCHEMA.DATABASES lists the account's own with a UUID, md_all_databases() what
/// they are (motherduck.com/docs/sql-reference/motherduck-sql-reference); __md_duckling_id() is
/// what MotherDuck's own connector asks.
void ask_facts(Attaching& work) {
  duck::Connection& connection = work.connection;
  Session& session = work.session;
  session.catalog = catalog_of(connection, work.login.name);
  session.client = asked(connection, "SELECT md_version()", {}).value_or("");
  session.type =
      asked(connection, "SELECT type FROM md_all_databases() WHERE is_attached AND alias = ?",
            {session.catalog})
          .value_or("");
  session.read_scaling =
      asked(connection, "FROM __md_duckling_id()", {}).value_or("").find(".rs.") !=
      std::string::npos;
  if (work.login.share()) {
    constexpr std::size_t kOfId = 8;  // enough to tell shares apart, too little to attach one
    const std::size_t id = work.login.database.rfind('/') + 1;
    session.identity =
        "motherduck:share/" + session.catalog + "/" + work.login.database.substr(id, kOfId);
    return;
  }
  const auto uuid =
      asked(connection, "SELECT uuid::VARCHAR FROM MD_INFORMATION_SCHEMA.DATABASES WHERE name = ?",
            {session.catalog});
  session.identity = "motherduck:" + uuid.value_or(session.catalog);
}

std::vector<std::string> databases_of(duck::Connection& connection) {
  std::vector<std::string> names;
  try {
    const duck::Result rows = connection.query(
        "SELECT alias FROM md_all_databases() WHERE starts_with(type, 'motherduck') ORDER BY 1");
    for (std::size_t i = 0; i < rows.rows(); ++i) names.push_back(rows.text(i, 0));
  } catch (const Error&) {
    // The hint does without.
  }
  return names;
}

void attach_now(Attaching& work) {
  try {
    load_extension(work);
    work.stage = "it signs in";
    sign_in(work);
    work.connection.query("ATTACH " + duck::literal("md:" + work.login.database));
    ask_facts(work);
  } catch (const Error& error) {
    const bool missing = explained(error, work.login, {}).fault() == Fault::config;
    throw explained(error, work.login,
                    missing ? databases_of(work.connection) : std::vector<std::string>{});
  }
}

}  // namespace

Session attach(duck::Database& database, const Login& login, const std::function<bool()>& stop) {
  const auto work = std::make_shared<Attaching>(database, login);
  const Waited waited = duckdb_file::run_within(
      login.limit, stop, [work] { attach_now(*work); }, [work] { work->connection.interrupt(); });
  if (waited == Waited::stopped)
    throw Error(Fault::cancelled, "stopped while waiting for MotherDuck");
  if (waited == Waited::too_long) {
    throw Error(Fault::connection,
                login.shown + ": MotherDuck did not answer within " +
                    std::to_string(login.limit.count() / 1000) + " s, while " + work->stage.load(),
                "see whether this machine reaches api.motherduck.com and extensions.duckdb.org (a "
                "firewall, a proxy?); ?connection_timeout=30s waits longer");
  }
  return work->session;
}

}  // namespace sluice::motherduck
