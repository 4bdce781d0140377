// SPDX-License-Identifier: Apache-2.0
// A source's URL, what option files say beside it, and its secrets.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "sluice/secret.h"
#include "wire/secrets.h"

namespace sluice::mysql {

/// What the server is, as far as its SQL and its protocol differ. The scheme says singlestore;
/// which of the other two it is the server says.
enum class Dialect { mysql, mariadb, singlestore };

/// As MySQL's own programs name them; preferred: TLS where the server has it, unverified.
enum class SslMode { disabled, preferred, required, verify_ca, verify_identity };

/// The server's numbers of our own sessions: their transactions hold nobody back. For any thread.
class OwnSessions {
 public:
  void add(std::uint64_t id) {
    const std::lock_guard lock(mutex_);
    ids_.insert(id);
  }
  void remove(std::uint64_t id) {
    const std::lock_guard lock(mutex_);
    ids_.erase(id);
  }
  bool contain(std::uint64_t id) const {
    const std::lock_guard lock(mutex_);
    return ids_.contains(id);
  }

 private:
  mutable std::mutex mutex_;
  std::set<std::uint64_t> ids_;
};

/// How to connect. Never printed but by `shown`.
struct Login {
  std::string shown;  ///< the URL with *** for its secrets
  bool singlestore = false;
  std::string host;    ///< empty: by socket
  unsigned port = 0;   ///< 0: 3306
  std::string socket;  ///< empty: the driver's own default, where there is no host
  std::string user;    ///< empty: the system's user
  Secret password;
  std::string database;  ///< empty: every one that may be seen
  SslMode ssl_mode = SslMode::preferred;
  std::string ssl_ca, ssl_capath, ssl_cert, ssl_key, ssl_crl, ssl_cipher, tls_version;
  bool compress = false;
  std::chrono::seconds connect_timeout{10};
  std::string application_name;
  wire::Secrets secrets;
  /// How long a control statement (anything but a read or a count of rows) may go unanswered.
  std::chrono::milliseconds patience{std::chrono::minutes(5)};
  std::shared_ptr<OwnSessions> own = std::make_shared<OwnSessions>();
};

/// Throws Fault::config, without the password, for a URL or an option file that cannot be read.
Login login_of(const std::string& url, const std::string& application_name, const Secret& password);

}  // namespace sluice::mysql
