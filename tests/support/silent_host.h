// SPDX-License-Identifier: Apache-2.0
// What a connection waits for in vain.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>
#include <thread>

namespace sluice::testing {

/// Takes connections and never says a word.
class SilentHost {
 public:
  SilentHost() : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address_;
    auto* address = reinterpret_cast<sockaddr*>(&address_);
    if (::bind(socket_, address, size) != 0 || ::listen(socket_, 5) != 0 ||
        ::getsockname(socket_, address, &size) != 0)
      throw std::runtime_error("no free loopback port");
  }
  ~SilentHost() { ::close(socket_); }
  SilentHost(const SilentHost&) = delete;
  SilentHost& operator=(const SilentHost&) = delete;
  int port() const { return ntohs(address_.sin_port); }

 protected:
  int socket_;

 private:
  sockaddr_in address_{};
};

/// Takes connections and hangs up.
class CurtHost : public SilentHost {
 public:
  CurtHost()
      : hanging_up_([this] {
          for (int fd = 0; (fd = ::accept(socket_, nullptr, nullptr)) >= 0;) ::close(fd);
        }) {}
  ~CurtHost() {
    ::shutdown(socket_, SHUT_RDWR);
    hanging_up_.join();
  }
  CurtHost(const CurtHost&) = delete;
  CurtHost& operator=(const CurtHost&) = delete;

 private:
  std::thread hanging_up_;
};

}  // namespace sluice::testing
