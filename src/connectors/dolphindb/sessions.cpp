// SPDX-License-Identifier: Apache-2.0
#include "connectors/dolphindb/sessions.h"

#include <algorithm>

#include "sluice/error.h"

namespace sluice::dolphindb {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::minutes kDown{1};

}  // namespace

Sessions::Sessions(std::shared_ptr<const Login> login) : login_(std::move(login)) {
  for (const Endpoint& each : login_->nodes) nodes_.push_back({each, 0, {}});
}

std::unique_ptr<Session> Sessions::idle(bool first) {
  const std::string& wanted = nodes_.front().endpoint.text();
  const auto found = std::ranges::find_if(
      idle_, [&](const auto& each) { return !first || each->node().text() == wanted; });
  if (found == idle_.end()) return nullptr;
  std::unique_ptr<Session> session = std::move(*found);
  idle_.erase(found);
  return session;
}

void Sessions::failed(const Endpoint& endpoint) {
  for (Node& each : nodes_) {
    if (each.endpoint.text() != endpoint.text()) continue;
    // What is idle at a node that went away is of no more use; who wants one tries anew.
    const std::size_t idle = std::erase_if(
        idle_, [&](const auto& one) { return one->node().text() == endpoint.text(); });
    each.given -= std::min(each.given, idle + 1);
    each.down_until = Clock::now() + kDown;
  }
}

std::unique_ptr<Session> Sessions::borrow(const Stop& stop, bool first) {
  std::unique_lock lock(mutex_);
  if (auto session = idle(first)) {
    session->stream().set_stop(stop);
    return session;
  }
  std::vector<std::string> tried;
  while (true) {
    const Clock::time_point now = Clock::now();
    Node* best = nullptr;
    for (Node& each : nodes_) {
      const auto order = [&](const Node& node) {
        return std::pair(node.down_until > now, node.given);
      };
      if (std::ranges::find(tried, each.endpoint.text()) != tried.end()) continue;
      if (best == nullptr || order(each) < order(*best)) best = &each;
      if (first) break;
    }
    ++best->given;
    const Endpoint endpoint = best->endpoint;
    lock.unlock();
    try {
      return std::make_unique<Session>(login_, endpoint, stop);
    } catch (const Error& error) {
      lock.lock();
      failed(endpoint);
      tried.push_back(endpoint.text());
      if (error.fault() != Fault::connection || first || tried.size() == nodes_.size()) throw;
    }
  }
}

void Sessions::give_back(std::unique_ptr<Session> session) noexcept {
  if (session == nullptr) return;
  const std::lock_guard lock(mutex_);
  if (session->lost()) {
    failed(session->node());
  } else if (session->broken() || session->busy()) {
    for (Node& each : nodes_) {
      if (each.endpoint.text() == session->node().text()) --each.given;
    }
  } else {
    session->stream().set_stop({});
    session->stream().set_patience(login_->patience);
    idle_.push_back(std::move(session));
  }
}

}  // namespace sluice::dolphindb
