// SPDX-License-Identifier: Apache-2.0
#include "connectors/dolphindb/stream.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "sluice/error.h"

namespace sluice::dolphindb {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kSlice = 100;  // ms between two looks at the stop

struct FreeAddresses {
  void operator()(addrinfo* list) const noexcept { freeaddrinfo(list); }
};
struct FreeContext {
  void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
};

std::string tls_reason() {
  std::array<char, 256> text{};
  const unsigned long code = ERR_get_error();
  if (code == 0) return "it is no TLS";
  ERR_error_string_n(code, text.data(), text.size());
  return text.data();
}

/// A server that goes away while we write must not end the process.
void ignore_broken_pipes() {
  static const bool once = [] {
    struct sigaction now {};
    if (sigaction(SIGPIPE, nullptr, &now) == 0 && now.sa_handler == SIG_DFL)
      std::signal(SIGPIPE, SIG_IGN);
    return true;
  }();
  static_cast<void>(once);
}

}  // namespace

void Stream::FreeTls::operator()(SSL* tls) const noexcept { SSL_free(tls); }

Stream::Stream(const Login& login, const Endpoint& node, Stop stop)
    : shown_(node.text()),
      stop_(std::move(stop)),
      patience_(login.connect_timeout),
      buffer_(new Byte[kBuffer]) {
  try {
    connect(node, login.connect_timeout);
    if (login.tls != Tls::off) start_tls(login, node);
  } catch (...) {
    if (socket_ >= 0) close(socket_);
    throw;
  }
}

Stream::~Stream() {
  tls_.reset();
  if (socket_ >= 0) close(socket_);
}

void Stream::lost(const std::string& why) const {
  throw Error(Fault::connection, "connection to " + shown_ + " lost: " + why);
}

void Stream::connect(const Endpoint& node, std::chrono::seconds timeout) {
  const auto failed = [&](const std::string& why) {
    return Error(Fault::connection, "cannot connect to " + shown_ + ": " + why,
                 "is the server up and its port open?");
  };
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(node.port);
  if (const int code = getaddrinfo(node.host.c_str(), port.c_str(), &wanted, &found); code != 0)
    throw failed(gai_strerror(code));
  const std::unique_ptr<addrinfo, FreeAddresses> list(found);
  const Clock::time_point began = Clock::now();
  std::string why = "it has no address";
  for (const addrinfo* each = list.get(); each != nullptr; each = each->ai_next) {
    if (socket_ >= 0) close(socket_);
    socket_ = socket(each->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (socket_ < 0) throw failed(std::strerror(errno));
    if (::connect(socket_, each->ai_addr, each->ai_addrlen) != 0 && errno != EINPROGRESS) {
      why = std::strerror(errno);
      continue;
    }
    int ready = 0;
    pollfd poll_for{socket_, POLLOUT, 0};
    while (ready <= 0) {  // a signal ends a poll, too
      if (stop_ && stop_()) throw Error(Fault::cancelled, "stopped while connecting");
      if (Clock::now() - began > timeout) throw failed("no answer in time");
      ready = poll(&poll_for, 1, kSlice);
    }
    int problem = 0;
    socklen_t size = sizeof problem;
    getsockopt(socket_, SOL_SOCKET, SO_ERROR, &problem, &size);
    if (problem == 0) {
      const int on = 1;
      setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      setsockopt(socket_, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
      return;
    }
    why = std::strerror(problem);
  }
  throw failed(why);
}

void Stream::start_tls(const Login& login, const Endpoint& node) {
  ignore_broken_pipes();
  const std::unique_ptr<SSL_CTX, FreeContext> context(SSL_CTX_new(TLS_client_method()));
  if (!context) throw Error(Fault::internal, "out of memory for TLS");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  if (login.tls == Tls::verified) {
    const bool trusted =
        login.tls_ca.empty()
            ? SSL_CTX_set_default_verify_paths(context.get()) == 1
            : SSL_CTX_load_verify_locations(context.get(), login.tls_ca.c_str(), nullptr) == 1;
    if (!trusted)
      throw Error(Fault::config, "tls-ca: " + login.tls_ca +
                                     " holds no certificate that can be "
                                     "read: " +
                                     tls_reason());
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  }
  tls_.reset(SSL_new(context.get()));
  if (!tls_ || SSL_set_fd(tls_.get(), socket_) != 1)
    throw Error(Fault::internal, "out of memory for TLS");
  std::array<Byte, 16> address{};
  const bool is_address = inet_pton(AF_INET, node.host.c_str(), address.data()) == 1 ||
                          inet_pton(AF_INET6, node.host.c_str(), address.data()) == 1;
  if (is_address) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls_.get()), node.host.c_str());
  } else {
    SSL_set_tlsext_host_name(tls_.get(), node.host.c_str());
    SSL_set1_host(tls_.get(), node.host.c_str());
  }
  const Clock::time_point began = Clock::now();
  while (true) {
    ERR_clear_error();
    const int code = SSL_connect(tls_.get());
    if (code == 1) return;
    const int problem = SSL_get_error(tls_.get(), code);
    if (problem == SSL_ERROR_WANT_READ || problem == SSL_ERROR_WANT_WRITE) {
      wait(problem == SSL_ERROR_WANT_WRITE, began);
      continue;
    }
    const long verdict = SSL_get_verify_result(tls_.get());
    if (verdict != X509_V_OK && login.tls == Tls::verified)
      throw Error(Fault::config,
                  "the certificate of " + shown_ +
                      " cannot be trusted: " + X509_verify_cert_error_string(verdict),
                  "tls-ca=FILE names the authority that signed it; tls=unverified goes without");
    throw Error(Fault::connection, "TLS with " + shown_ + " fails: " + tls_reason(),
                "does the server listen for TLS there (enableHTTPS)? without tls= in the URL the "
                "connection is plain");
  }
}

void Stream::wait(bool write, Clock::time_point began) {
  pollfd poll_for{socket_, static_cast<short>(write ? POLLOUT : POLLIN), 0};
  while (true) {
    if (stop_ && stop_()) throw Error(Fault::cancelled, "stopped while waiting for the server");
    if (patience_.count() > 0 && Clock::now() - began > patience_)
      lost("it has said nothing for " + std::to_string(patience_.count() / 1000) + " s");
    const int ready = poll(&poll_for, 1, kSlice);
    if (ready > 0) return;
    if (ready < 0 && errno != EINTR) lost(std::strerror(errno));
  }
}

void Stream::settle_tls(int code, Clock::time_point began) {
  const int saved = errno;
  switch (SSL_get_error(tls_.get(), code)) {
    case SSL_ERROR_WANT_READ:
      return wait(false, began);
    case SSL_ERROR_WANT_WRITE:
      return wait(true, began);
    case SSL_ERROR_ZERO_RETURN:
      lost("the server closed it");
    case SSL_ERROR_SYSCALL:
      lost(saved == 0 ? "the server closed it" : std::strerror(saved));
    default:
      lost(tls_reason());
  }
}

void Stream::write(std::string_view bytes) {
  const Clock::time_point began = Clock::now();
  while (!bytes.empty()) {
    ERR_clear_error();
    errno = 0;
    const auto sent = tls_ ? SSL_write(tls_.get(), bytes.data(),
                                       static_cast<int>(std::min(bytes.size(), kBuffer)))
                           : send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (tls_) {
      settle_tls(static_cast<int>(sent), began);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      wait(true, began);
    } else if (errno != EINTR) {
      lost(std::strerror(errno));
    }
  }
}

std::size_t Stream::receive(Byte* to, std::size_t most) {
  if (stop_ && stop_()) throw Error(Fault::cancelled, "stopped while reading");
  const Clock::time_point began = Clock::now();
  while (true) {
    ERR_clear_error();
    errno = 0;
    const auto got = tls_ ? SSL_read(tls_.get(), to, static_cast<int>(std::min(most, kBuffer)))
                          : recv(socket_, to, most, 0);
    if (got > 0) {
      received_ += static_cast<std::uint64_t>(got);
      return static_cast<std::size_t>(got);
    }
    if (tls_) {
      settle_tls(static_cast<int>(got), began);
    } else if (got == 0) {
      lost("the server closed it");
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      wait(false, began);
    } else if (errno != EINTR) {
      lost(std::strerror(errno));
    }
  }
}

void Stream::refill() {
  const std::size_t got = receive(buffer_.get(), kBuffer);
  at_ = buffer_.get();
  end_ = at_ + got;
}

}  // namespace sluice::dolphindb
