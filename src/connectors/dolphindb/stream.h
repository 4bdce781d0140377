// SPDX-License-Identifier: Apache-2.0
// One TCP connection to a server, plain or in TLS from its first byte.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "connectors/dolphindb/input.h"
#include "connectors/dolphindb/url.h"

typedef struct ssl_st SSL;  // OpenSSL's

namespace sluice::dolphindb {

/// True ends a wait, within 200 ms.
using Stop = std::function<bool()>;

/// Used by one thread. Throws Fault::connection where the other side is gone, Fault::cancelled
/// where the stop says so.
class Stream : public Input {
 public:
  Stream(const Login& login, const Endpoint& node, Stop stop);
  ~Stream() override;

  void write(std::string_view bytes);
  /// What ends the waits from now on.
  void set_stop(Stop stop) { stop_ = std::move(stop); }
  /// How long the server may say nothing at all; 0: as long as it likes.
  void set_patience(std::chrono::milliseconds patience) { patience_ = patience; }
  std::uint64_t received() const noexcept { return received_; }  ///< bytes, decrypted

 protected:
  void refill() override;
  std::size_t receive(Byte* to, std::size_t most) override;

 private:
  struct FreeTls {
    void operator()(SSL* tls) const noexcept;
  };
  void connect(const Endpoint& node, std::chrono::seconds timeout);
  void start_tls(const Login& login, const Endpoint& node);
  /// Until the socket can be read from, or written to.
  void wait(bool write, std::chrono::steady_clock::time_point began);
  /// What an SSL call that returned `code` waits for; throws where it has failed.
  void settle_tls(int code, std::chrono::steady_clock::time_point began);
  [[noreturn]] void lost(const std::string& why) const;

  static constexpr std::size_t kBuffer = std::size_t{256} << 10;
  const std::string shown_;
  Stop stop_;
  std::chrono::milliseconds patience_;
  int socket_ = -1;
  std::unique_ptr<SSL, FreeTls> tls_;
  std::unique_ptr<Byte[]> buffer_;
  std::uint64_t received_ = 0;
};

}  // namespace sluice::dolphindb
