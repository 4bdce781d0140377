// SPDX-License-Identifier: Apache-2.0
// The nodes of a YugabyteDB cluster, and which of them the next session goes to.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sluice/secret.h"

namespace sluice::postgres {

class Connection;

/// What a URL says of them, in the words of YugabyteDB's own drivers.
struct Balance {
  bool on = true;  ///< load_balance
  /// topology_keys: "cloud.region.zone" each, with * for any, the nearest first.
  std::vector<std::string> nearest;
  bool replicas = false;  ///< nodes of read replicas may serve, too: reads of followers
};

struct Node {
  std::string host, port, place;  ///< place: "cloud.region.zone"
  bool operator==(const Node&) const = default;
};

/// How near a node of this place is: the position of the first key that it matches, or their
/// number.
std::size_t distance(const Balance& balance, const std::string& place);

/// For any thread.
class Cluster {
 public:
  using Clock = std::chrono::steady_clock;
  explicit Cluster(Balance balance) : balance_(std::move(balance)) {}

  /// Asks `session` for its cluster's nodes. None are taken where the session itself did not reach
  /// one by the address that yb_servers() tells of it, private or public: then the others'
  /// addresses of that kind lead nowhere from here, as behind a load balancer.
  void learn(Connection& session);
  /// Of the nearest nodes that answer, the one that was given least often. None: the URL's hosts
  /// have to do.
  std::optional<Node> next();
  /// It could not be reached: not given again for five minutes.
  void failed(const Node& node);
  /// The password by which a node let us in: another's is not looked up by its address, as a
  /// password file would have it.
  Secret password();
  /// When this process first saw that a table has this file.
  Clock::time_point file_known_since(std::uint32_t table, std::uint32_t file);

 private:
  struct Known {
    Node node;
    std::size_t given = 0;
    Clock::time_point down_until{};
  };
  const Balance balance_;
  std::mutex mutex_;
  std::vector<Known> nodes_;
  Secret password_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, Clock::time_point> files_;
};

}  // namespace sluice::postgres
