// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/cluster.h"

#include <algorithm>
#include <sstream>
#include <tuple>

#include "connectors/postgres/connection.h"

namespace sluice::postgres {
namespace {

constexpr std::chrono::minutes kDown{5};

std::vector<std::string> parts_of(const std::string& place) {
  std::vector<std::string> parts;
  std::istringstream stream(place);
  for (std::string part; std::getline(stream, part, '.');) parts.push_back(part);
  return parts;
}

/// "aws.eu-west-1.*" matches each zone there.
bool matches(const std::string& key, const std::string& place) {
  const std::vector<std::string> wanted = parts_of(key), is = parts_of(place);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] != "*" && (i >= is.size() || wanted[i] != is[i])) return false;
  }
  return true;
}

}  // namespace

std::size_t distance(const Balance& balance, const std::string& place) {
  const auto found =
      std::ranges::find_if(balance.nearest, [&](const auto& key) { return matches(key, place); });
  return static_cast<std::size_t>(found - balance.nearest.begin());
}

void Cluster::learn(Connection& session) {
  if (!balance_.on || session.dialect().one_server) return;
  if (!session.parameter("hostaddr").empty()) return;  // libpq would take it for every host's
  const char* address = PQhostaddr(session.handle());
  const std::string host = PQhost(session.handle()), reached = address == nullptr ? "" : address;
  const Rows rows = session.query(
      "SELECT host, public_ip, port, concat_ws('.', cloud, region, zone), node_type FROM "
      "yb_servers()");
  const auto is_own = [&](int row, int column) {
    const std::string_view told = rows.text(row, column);
    return !told.empty() && (told == host || told == reached);
  };
  int column = -1;
  for (int row = 0; row < rows.size() && column < 0; ++row)
    column = is_own(row, 0) ? 0 : is_own(row, 1) ? 1 : -1;
  const std::lock_guard lock(mutex_);
  const std::vector<Known> before = std::exchange(nodes_, {});
  if (column < 0) return;
  if (const char* used = PQpass(session.handle())) password_ = Secret(used);
  for (int row = 0; row < rows.size(); ++row) {
    if (rows.text(row, column).empty()) continue;
    if (rows.text(row, 4) == "read_replica" && !balance_.replicas) continue;
    const Node node{rows.string(row, column), rows.string(row, 2), rows.string(row, 3)};
    const auto known = std::ranges::find(before, node, &Known::node);
    nodes_.push_back(known == before.end() ? Known{node, 0, {}} : *known);
  }
}

std::optional<Node> Cluster::next() {
  const std::lock_guard lock(mutex_);
  const Clock::time_point now = Clock::now();
  const auto order = [&](const Known& each) {
    return std::tuple(each.down_until > now, distance(balance_, each.node.place), each.given);
  };
  const auto best = std::ranges::min_element(nodes_, {}, order);
  if (best == nodes_.end() || best->down_until > now) return std::nullopt;
  ++best->given;
  return best->node;
}

void Cluster::failed(const Node& node) {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(nodes_, node, &Known::node);
  if (found != nodes_.end()) found->down_until = Clock::now() + kDown;
}

Secret Cluster::password() {
  const std::lock_guard lock(mutex_);
  return password_;
}

Cluster::Clock::time_point Cluster::file_known_since(std::uint32_t table, std::uint32_t file) {
  const std::lock_guard lock(mutex_);
  return files_.try_emplace({table, file}, Clock::now()).first->second;
}

}  // namespace sluice::postgres
