// SPDX-License-Identifier: Apache-2.0
// A source's URL and its secrets.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "sluice/secret.h"
#include "wire/secrets.h"

namespace sluice::dolphindb {

/// The server listens for TLS or for plain connections on a port, never for both in turn.
enum class Tls { off, verified, unverified };

/// How the password travels. automatic: by a challenge where the user has one (SCRAM), else
/// encrypted with the server's key, else as it is.
enum class LoginWay { automatic, scram, rsa, plain };

struct Endpoint {
  std::string host;
  std::uint16_t port = 8848;
  std::string text() const;  ///< "host:8848"
};

/// How to connect. Never printed but by `shown`.
struct Login {
  std::string shown;            ///< the URL without its secrets
  std::vector<Endpoint> nodes;  ///< data nodes of one cluster, at least one
  std::string user;             ///< empty: a guest
  Secret password;
  std::string database;  ///< "trades" for dfs://trades; empty: every one
  std::string table;     ///< empty: every one
  Tls tls = Tls::off;
  std::string tls_ca;  ///< a file of certificates; empty: the system's
  LoginWay way = LoginWay::automatic;
  bool compress = false;
  std::uint64_t fetch_size = 0;  ///< rows of a block; 0: by how long rows are
  std::chrono::seconds connect_timeout{10};
  /// How long anything but a read of rows may go unanswered.
  std::chrono::milliseconds patience{std::chrono::minutes(5)};
  wire::Secrets secrets;
};

/// Throws Fault::config, without the password, for a URL that cannot be read. `password` wins over
/// the URL's.
Login login_of(const std::string& url, const Secret& password);

}  // namespace sluice::dolphindb
