// SPDX-License-Identifier: Apache-2.0
// MotherDuck's part of what differs between databases that DuckDB attaches.
#pragma once

#include <string>
#include <vector>

#include "connectors/duckdb/attached_database.h"
#include "connectors/duckdb/connector.h"

namespace sluice::motherduck {

/// Reads a URL; the token is the options', the URL's or the environment's. Throws Fault::config for
/// parameters that are not known, or without a token.
Login login_of(const Options& options, bool write);

/// The service's way to attach, over the network and with DuckDB's extension.
Session attach(duck::Database& database, const Login& login, const std::function<bool()>& stop);

/// What the extension or DuckDB said of a database that could not be attached or written, as a user
/// needs it. `databases` are those of the account, if they are known.
Error explained(const Error& error, const Login& login, const std::vector<std::string>& databases);

/// The same of a session of the endpoint that could not be opened.
Error endpoint_refused(const Error& error, const Login& login);

class AttachedMotherduck : public duckdb_file::AttachedDatabase {
 public:
  AttachedMotherduck(duck::Database& database, const Options& options, bool write);
  ~AttachedMotherduck() override;

  std::string identity() const override { return session_.identity; }
  std::optional<std::uint64_t> bytes(duck::Connection&) const override { return std::nullopt; }
  std::string writers() const override;
  std::string fivetran_prefix() const override { return catalog_; }
  std::vector<Finding> findings() const override;

 private:
  Session session_;
};

}  // namespace sluice::motherduck
