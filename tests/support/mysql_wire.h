// SPDX-License-Identifier: Apache-2.0
// MySQL's protocol, as much as a server of tests needs that passes on what another server says:
// packets on a socket, the login from both sides, and the parts of a result.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::testing::wire {

struct Packet {
  std::uint8_t number = 0;
  std::string bytes;
  std::uint8_t first() const { return bytes.empty() ? 0 : static_cast<std::uint8_t>(bytes[0]); }
  bool is_error() const { return first() == 0xFF; }
  bool is_end() const { return first() == 0xFE && bytes.size() < 9; }
};

/// A connected socket, its own. Throws std::runtime_error where the other side is gone.
class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket();
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  Packet read();
  void write(const Packet& packet);  ///< kept until flush(), or until there is much of it
  void flush();
  void cut() const noexcept;  ///< both directions, for any thread

 private:
  void fill(std::string& to, std::size_t size);
  const int fd_;
  std::string in_, out_;
  std::size_t at_ = 0;
};

Packet ok(std::uint8_t number);
Packet error(std::uint8_t number, unsigned code, const std::string& state, const std::string& text);

/// Logs in at a server's unix socket as root, without a password; its number of the session.
std::uint32_t log_in(Socket& server);

struct Client {
  std::string user, database;
  bool admitted = false;
};
/// Greets a client as a server of that version and checks its mysql_native_password. The answer to
/// it is the caller's, with `next` as its number.
Client greet(Socket& client, const std::string& version, std::uint32_t session,
             const std::string& password, std::uint8_t& next);

/// A column of a result.
struct Field {
  std::string table, name;  ///< as the table has it, whatever the query calls it
  std::uint8_t type = 0;
};
Field read_field(const Packet& packet);
std::uint64_t read_count(const Packet& packet);
/// A row of the text protocol with each value replaced; none: as it is.
using Replace =
    std::function<std::optional<std::string>(std::size_t column, std::string_view value)>;
Packet with_values(const Packet& row, const Replace& replace);

}  // namespace sluice::testing::wire
