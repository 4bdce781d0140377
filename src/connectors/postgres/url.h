// SPDX-License-Identifier: Apache-2.0
// A source's URL, its secrets, and what libpq is told beside it.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "connectors/postgres/cluster.h"
#include "sluice/secret.h"
#include "wire/secrets.h"

namespace sluice::postgres {

/// The server processes of our own sessions: their transactions hold nobody back. For any thread.
class OwnProcesses {
 public:
  void add(int pid) {
    const std::lock_guard lock(mutex_);
    pids_.insert(pid);
  }
  void remove(int pid) {
    const std::lock_guard lock(mutex_);
    if (const auto found = pids_.find(pid); found != pids_.end()) pids_.erase(found);
  }
  bool contain(int pid) const {
    const std::lock_guard lock(mutex_);
    return pids_.contains(pid);
  }

 private:
  mutable std::mutex mutex_;
  std::multiset<int> pids_;
};

using Parameters = std::vector<std::pair<std::string, std::string>>;  ///< libpq's, by keyword

/// How to connect. Never printed but by `shown`.
struct Login {
  Secret url;         ///< as libpq reads it
  std::string shown;  ///< the URL with *** for its secrets
  wire::Secrets secrets;
  Secret password;               ///< overrides the URL's; empty: the URL's, a file's, PGPASSWORD
  std::string application_name;  ///< unless the URL, a service file or the environment says one
  Parameters defaults;  ///< what a yugabytedb:// URL means where it says nothing: its port, user
  /// Of a yugabytedb:// URL, as YugabyteUrl has them.
  std::vector<std::pair<std::string, std::string>> settings;
  std::optional<std::chrono::milliseconds> behind;
  /// The nodes of the cluster that the last session found itself in.
  std::shared_ptr<Cluster> cluster = std::make_shared<Cluster>(Balance{});
  /// How long a control statement (anything but a read or a count of rows) may go unanswered.
  std::chrono::milliseconds patience{std::chrono::minutes(5)};
  /// False: the server only speaks the protocol, and a session gets no settings.
  bool is_postgres = true;
  std::shared_ptr<OwnProcesses> own = std::make_shared<OwnProcesses>();
};

/// Throws Fault::config, without the password, if libpq cannot read the URL.
Login login_of(const std::string& url, const std::string& application_name, const Secret& password);

}  // namespace sluice::postgres
