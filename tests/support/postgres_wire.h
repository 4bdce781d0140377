// SPDX-License-Identifier: Apache-2.0
// PostgreSQL's protocol 3, as much as a proxy of tests needs that stands between a client and a
// server: messages on a socket, in the clear or by TLS, and the parts of those that it changes.
// https://www.postgresql.org/docs/current/protocol-message-formats.html
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct ssl_st;
struct ssl_ctx_st;

namespace sluice::testing::pgwire {

struct Message {
  char type = 0;
  std::string body;
};

/// A connected socket, its own. Throws std::runtime_error where the other side is gone. For one
/// thread, but for cut().
class Channel {
 public:
  explicit Channel(int fd);
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  /// The server's side of a TLS handshake; everything after it is encrypted.
  void accept_tls(ssl_ctx_st* context);

  /// Exactly so many bytes.
  std::string read(std::size_t size);
  Message read();
  /// Whether read() would find bytes that have arrived here already.
  bool buffered() const;
  void write(std::string_view bytes);  ///< kept until flush(), or until there is much of it
  void write(const Message& message);
  void flush();
  int fd() const { return fd_; }
  void cut() const noexcept;  ///< both directions, for any thread

 private:
  std::size_t receive(char* to, std::size_t size);
  const int fd_;
  ssl_st* tls_ = nullptr;
  std::string in_, out_;
  std::size_t at_ = 0;
};

int connect_to(int port);  ///< of 127.0.0.1; throws std::runtime_error

std::string int32(std::uint32_t value);
std::string int16(std::uint16_t value);
std::uint32_t int32_at(std::string_view bytes, std::size_t at);
std::uint16_t int16_at(std::string_view bytes, std::size_t at);
/// The text that ends with a zero byte at `at`, which then is after it.
std::string text_at(std::string_view bytes, std::size_t& at);

/// What a server's ErrorResponse or NoticeResponse says, field by field.
using Fields = std::vector<std::pair<char, std::string>>;
Fields fields_of(const Message& message);
Message with_fields(char type, const Fields& fields);
std::string field(const Fields& fields, char code);
Message error(const std::string& severity, const std::string& state, const std::string& text);

/// A RowDescription with each column's name replaced.
Message with_names(const Message& row_description,
                   const std::function<std::string(const std::string&)>& replaced);
/// The values of a DataRow as texts; NULL is empty.
std::vector<std::string> values_of(const Message& data_row);

/// A client's first message, without its length: a code, and for protocol 3 names and values.
struct Startup {
  std::uint32_t code = 0;
  std::string bytes;  ///< all of it, with its length, as it came
  std::vector<std::pair<std::string, std::string>> parameters;
  std::string parameter(const std::string& name) const;
  std::string built() const;  ///< from the parameters as they are now
};
inline constexpr std::uint32_t kSslRequest = 80877103, kGssRequest = 80877104,
                               kCancelRequest = 80877102;
Startup read_startup(Channel& client);

}  // namespace sluice::testing::pgwire
