// SPDX-License-Identifier: Apache-2.0
#include "connectors/duckdb/motherduck.h"

#include "wire/percent.h"

namespace sluice::motherduck {
namespace {

/// What can only be read, or has not got what a destination needs.
void refuse_to_write(const Session& session, const Login& login) {
  const bool share = session.type == "motherduck share" || login.share();
  if (share || session.read_scaling) {
    throw Error(Fault::config,
                login.shown + " can only be read: " +
                    (share ? "it is a share" : "the token is a read-scaling one"),
                share ? "a destination is a database of the account's own"
                      : "a destination needs a read/write token");
  }
  if (session.type == "motherduck ducklake") {
    throw Error(Fault::config, login.shown + " is a DuckLake, which sluice does not write to",
                "make a database of MotherDuck's own storage: CREATE DATABASE NAME");
  }
}

}  // namespace

AttachedMotherduck::AttachedMotherduck(duck::Database& database, const Options& options, bool write)
    : AttachedDatabase(database) {
  const Login login = login_of(options, write);
  name_ = login.shown;
  duck::hide(login.token);
  duck::hide(Secret(wire::percent_encoded(login.token.reveal())));
  if (login.share()) duck::hide(Secret(login.database.substr(login.database.rfind('/') + 1)));
  const duck::Result taken = database.connect().query(
      "SELECT 1 FROM duckdb_databases() WHERE lower(database_name) = lower(?)", {login.name});
  if (taken.rows() > 0) {
    throw Error(Fault::config,
                name_ + ": DuckDB has a database " + login.name + " in this run already",
                "source and destination must be two databases, of two names");
  }
  session_ = (options.attach ? options.attach : Attach(attach))(database, login, options.stop);
  catalog_ = session_.catalog;
  if (!write) return;
  try {
    refuse_to_write(session_, login);
  } catch (const Error&) {
    detach();
    throw;
  }
}

AttachedMotherduck::~AttachedMotherduck() { detach(); }

std::string AttachedMotherduck::writers() const {
  return "other clients can write to MotherDuck meanwhile, and by clocks that sluice cannot read";
}

std::vector<Finding> AttachedMotherduck::findings() const {
  std::vector<Finding> found;
  found.push_back(
      {true,
       "MotherDuck's extension is " +
           (session_.client.empty() ? "of a version that it does not say" : session_.client),
       ""});
  if (session_.type == "motherduck share") {
    found.push_back({true, name_ + " is a share: it shows what its owner last published", ""});
  }
  if (session_.read_scaling) {
    found.push_back({false, "the token is a read-scaling one: its replicas lag minutes behind",
                     "a read/write token reads what is committed"});
  }
  return found;
}

}  // namespace sluice::motherduck
