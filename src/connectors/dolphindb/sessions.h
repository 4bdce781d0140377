// SPDX-License-Identifier: Apache-2.0
// The sessions of a source: several readers at once, spread over the cluster's data nodes.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "connectors/dolphindb/session.h"

namespace sluice::dolphindb {

/// For any thread; outlives its borrowers.
class Sessions {
 public:
  explicit Sessions(std::shared_ptr<const Login> login);

  /// An idle one, or a new one at the node whose turn it is: the first that answers. `first`: only
  /// of the first node, whose memory holds the shared tables. `stop` ends its waits until it is
  /// given back. Throws Fault::connection where no node answers.
  std::unique_ptr<Session> borrow(const Stop& stop, bool first = false);
  /// A broken one is closed, with what is idle at its node, which is left out for a while; one in
  /// the middle of a result is closed, too.
  void give_back(std::unique_ptr<Session> session) noexcept;
  const Login& login() const noexcept { return *login_; }

 private:
  struct Node {
    Endpoint endpoint;
    std::size_t given = 0;  ///< sessions that there are now
    std::chrono::steady_clock::time_point down_until;
  };
  std::unique_ptr<Session> idle(bool first);
  void failed(const Endpoint& endpoint);

  const std::shared_ptr<const Login> login_;
  std::mutex mutex_;
  std::vector<Node> nodes_;
  std::vector<std::unique_ptr<Session>> idle_;
};

/// One for as long as it is in scope.
class Borrowed {
 public:
  Borrowed(Sessions& sessions, const Stop& stop, bool first = false)
      : sessions_(sessions), session_(sessions.borrow(stop, first)) {}
  ~Borrowed() { sessions_.give_back(std::move(session_)); }
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;
  Session& operator*() const noexcept { return *session_; }
  Session* operator->() const noexcept { return session_.get(); }

 private:
  Sessions& sessions_;
  std::unique_ptr<Session> session_;
};

}  // namespace sluice::dolphindb
