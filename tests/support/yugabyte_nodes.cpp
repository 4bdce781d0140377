// SPDX-License-Identifier: Apache-2.0
// The nodes of what stands in for a YugabyteDB cluster: who listens, who is served.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "support/yugabyte_double.h"
#include "support/yugabyte_session.h"

namespace sluice::testing {
namespace {

using NodesLock = std::lock_guard<std::mutex>;

/// Among a node's sockets until it is closed.
class Listed {
 public:
  Listed(std::mutex& mutex, std::set<int>& sockets, int fd)
      : mutex_(mutex), sockets_(sockets), fd_(fd) {
    const NodesLock lock(mutex_);
    sockets_.insert(fd_);
  }
  ~Listed() {
    const NodesLock lock(mutex_);
    sockets_.erase(fd_);
  }
  Listed(const Listed&) = delete;
  Listed& operator=(const Listed&) = delete;

 private:
  std::mutex& mutex_;
  std::set<int>& sockets_;
  const int fd_;
};

}  // namespace

class YugabyteDouble::Counted {
 public:
  Counted(YugabyteDouble& cluster, std::size_t node) : cluster_(cluster) {
    const NodesLock lock(cluster_.mutex_);
    ++cluster_.nodes_[node]->made;
    cluster_.most_ = std::max(cluster_.most_, ++cluster_.now_);
  }
  ~Counted() {
    const NodesLock lock(cluster_.mutex_);
    --cluster_.now_;
  }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  YugabyteDouble& cluster_;
};

bool YugabyteDouble::listen_at(Node& node, int port) const {
  node.listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  setsockopt(node.listening, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  if (inet_pton(AF_INET, node.place.host.c_str(), &address.sin_addr) == 1 &&
      bind(node.listening, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
      listen(node.listening, 64) == 0)
    return true;
  close(std::exchange(node.listening, -1));
  return false;
}

void YugabyteDouble::listen_everywhere() {
  for (int tries = 0; tries < 50; ++tries) {
    port_ = free_port();
    if (std::ranges::all_of(nodes_, [&](const auto& node) { return listen_at(*node, port_); }))
      return;
    for (const std::unique_ptr<Node>& node : nodes_) {
      if (node->listening >= 0) close(std::exchange(node->listening, -1));
    }
  }
  throw std::runtime_error("no port that is free at every address of the nodes");
}

void YugabyteDouble::begin_accepting(std::size_t number) {
  Node& node = *nodes_[number];
  node.accepting =
      std::thread([this, number, listening = node.listening] { accept(number, listening); });
}

void YugabyteDouble::accept(std::size_t number, int listening) {
  while (true) {
    const int fd = ::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    const NodesLock lock(mutex_);
    nodes_[number]->sockets.insert(fd);
    threads_.emplace_back([this, number, fd] { serve(number, fd); });
  }
}

void YugabyteDouble::stop_node(std::size_t number) {
  Node& node = *nodes_.at(number);
  if (node.listening < 0) return;
  shutdown(node.listening, SHUT_RDWR);
  node.accepting.join();
  close(std::exchange(node.listening, -1));
  {
    const NodesLock lock(mutex_);
    for (const int each : node.sockets) shutdown(each, SHUT_RDWR);
  }
  mark(number, false);
}

void YugabyteDouble::start_node(std::size_t number) {
  Node& node = *nodes_.at(number);
  if (node.listening >= 0) return;
  if (!listen_at(node, port_))
    throw std::runtime_error("cannot listen again at " + node.place.host);
  begin_accepting(number);
  mark(number, true);
}

void YugabyteDouble::mark(std::size_t node, bool alive) {
  behind_.exec("UPDATE pg_catalog.yb_double_nodes SET alive = " +
               std::string(alive ? "true" : "false") + " WHERE n = " + std::to_string(node));
}

void YugabyteDouble::serve(std::size_t number, int fd) {
  // A client that is gone is found out by what a write says, also OpenSSL's.
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
  std::set<int>& sockets = nodes_[number]->sockets;
  pgwire::Channel client(fd);
  const Listed listed(mutex_, sockets, fd);
  try {
    pgwire::Startup startup = pgwire::read_startup(client);
    while (startup.code == pgwire::kSslRequest || startup.code == pgwire::kGssRequest) {
      const bool tls = tls_ != nullptr && startup.code == pgwire::kSslRequest;
      client.write(tls ? "S" : "N");
      client.flush();
      if (tls) client.accept_tls(tls_);
      startup = pgwire::read_startup(client);
    }
    pgwire::Channel behind(pgwire::connect_to(behind_.server().port()));
    const Listed listed_behind(mutex_, sockets, behind.fd());
    if (startup.code == pgwire::kCancelRequest) {
      behind.write(startup.bytes);
      behind.flush();
      behind.read(1);  // until it is done, which is told by the end
      return;
    }
    const Counted counted(*this, number);
    YugabyteSession(*this, number, client, behind).run(std::move(startup));
  } catch (const std::exception&) {
    // The client is gone, or the server behind, or a fault cut them.
  }
}

}  // namespace sluice::testing
