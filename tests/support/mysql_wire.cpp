// SPDX-License-Identifier: Apache-2.0
#include "support/mysql_wire.h"

#include <openssl/rand.h>
#include <openssl/sha.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>
#include <utility>

namespace sluice::testing::wire {
namespace {

constexpr std::size_t kMuch = std::size_t{64} << 10;
constexpr std::uint32_t kLongPassword = 1, kLongFlag = 4, kWithDatabase = 8, kProtocol41 = 0x200,
                        kTransactions = 0x2000, kSecure = 0x8000, kMultiResults = 0x20000,
                        kPluginAuth = 0x80000;
constexpr std::uint8_t kUtf8mb4 = 45;
const std::string kNative = "mysql_native_password";

std::string number(std::uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xFFU);
  return text;
}

/// Reads the parts of a packet; throws where it ends too early.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : bytes_(bytes) {}
  std::string_view take(std::uint64_t size) {
    if (size > bytes_.size()) throw std::runtime_error("a packet that is too short");
    const std::string_view part = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return part;
  }
  std::uint64_t integer(int bytes) {
    const std::string_view part = take(static_cast<std::uint64_t>(bytes));
    std::uint64_t value = 0;
    for (int i = bytes - 1; i >= 0; --i)
      value = value << 8 | static_cast<std::uint8_t>(part[static_cast<std::size_t>(i)]);
    return value;
  }
  std::uint64_t length() {
    const std::uint64_t first = integer(1);
    return first < 251 ? first : integer(first == 252 ? 2 : first == 253 ? 3 : 8);
  }
  std::string text() { return std::string(take(length())); }
  std::string until_zero() {
    const std::string part(take(std::min(bytes_.find('\0'), bytes_.size())));
    if (!bytes_.empty()) take(1);
    return part;
  }
  bool null() const { return !bytes_.empty() && static_cast<std::uint8_t>(bytes_[0]) == 0xFB; }
  bool at_end() const { return bytes_.empty(); }

 private:
  std::string_view bytes_;
};

std::string with_length(std::string_view value) {
  const std::size_t size = value.size();
  std::string text = size < 251       ? number(size, 1)
                     : size < 0x10000 ? "\xFC" + number(size, 2)
                                      : "\xFD" + number(size, 3);
  return text.append(value);
}

std::string sha1(const std::string& text) {
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

std::string token(const std::string& password, const std::string& salt) {
  if (password.empty()) return {};
  std::string mask = sha1(salt + sha1(sha1(password)));
  const std::string once = sha1(password);
  for (std::size_t i = 0; i < mask.size(); ++i) mask[i] = static_cast<char>(mask[i] ^ once[i]);
  return mask;
}

std::string new_salt() {
  std::string salt(20, '\0');
  RAND_bytes(reinterpret_cast<unsigned char*>(salt.data()), static_cast<int>(salt.size()));
  for (char& each : salt) each = static_cast<char>('!' + (static_cast<unsigned char>(each) % 90));
  return salt;
}

}  // namespace

Socket::~Socket() { close(fd_); }

void Socket::cut() const noexcept { shutdown(fd_, SHUT_RDWR); }

void Socket::fill(std::string& to, std::size_t size) {
  while (to.size() < size) {
    if (at_ == in_.size()) {
      in_.resize(kMuch);
      at_ = 0;
      const ssize_t got = recv(fd_, in_.data(), in_.size(), 0);
      in_.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
      if (got <= 0) throw std::runtime_error("the other side is gone");
    }
    const std::size_t part = std::min(size - to.size(), in_.size() - at_);
    to.append(in_, at_, part);
    at_ += part;
  }
}

Packet Socket::read() {
  Packet packet;
  std::string head;
  fill(head, 4);
  Cursor cursor(head);
  const std::uint64_t size = cursor.integer(3);
  packet.number = static_cast<std::uint8_t>(cursor.integer(1));
  fill(packet.bytes, size);
  return packet;
}

void Socket::write(const Packet& packet) {
  out_ += number(packet.bytes.size(), 3) + static_cast<char>(packet.number) + packet.bytes;
  if (out_.size() >= kMuch) flush();
}

void Socket::flush() {
  for (std::size_t sent = 0; sent < out_.size();) {
    const ssize_t part = send(fd_, out_.data() + sent, out_.size() - sent, MSG_NOSIGNAL);
    if (part <= 0) throw std::runtime_error("the other side is gone");
    sent += static_cast<std::size_t>(part);
  }
  out_.clear();
}

Packet ok(std::uint8_t packet_number) {
  return {packet_number, std::string("\0\0\0\x02\0\0\0", 7)};
}

Packet error(std::uint8_t packet_number, unsigned code, const std::string& state,
             const std::string& text) {
  return {packet_number, "\xFF" + number(code, 2) + "#" + state + text};
}

std::uint32_t log_in(Socket& server) {
  const Packet hello = server.read();
  Cursor cursor(hello.bytes);
  cursor.integer(1);
  cursor.until_zero();
  const auto session = static_cast<std::uint32_t>(cursor.integer(4));
  const std::uint32_t flags = kLongPassword | kLongFlag | kProtocol41 | kTransactions | kSecure |
                              kMultiResults | kPluginAuth;
  server.write({1, number(flags, 4) + number(1U << 30, 4) + static_cast<char>(kUtf8mb4) +
                       std::string(23, '\0') + "root" + std::string(2, '\0') + kNative + '\0'});
  server.flush();
  Packet answer = server.read();
  if (answer.first() == 0xFE) {
    server.write({static_cast<std::uint8_t>(answer.number + 1), ""});
    server.flush();
    answer = server.read();
  }
  if (answer.first() != 0) throw std::runtime_error("the server behind refuses: " + answer.bytes);
  return session;
}

Client greet(Socket& client, const std::string& version, std::uint32_t session,
             const std::string& password, std::uint8_t& next) {
  const std::string salt = new_salt();
  const std::uint32_t flags = kLongPassword | kLongFlag | kWithDatabase | kProtocol41 |
                              kTransactions | kSecure | kMultiResults | kPluginAuth;
  client.write({0, "\x0A" + version + '\0' + number(session, 4) + salt.substr(0, 8) + '\0' +
                       number(flags & 0xFFFFU, 2) + static_cast<char>(kUtf8mb4) + number(2, 2) +
                       number(flags >> 16, 2) + number(salt.size() + 1, 1) + std::string(10, '\0') +
                       salt.substr(8) + '\0' + kNative + '\0'});
  client.flush();
  const Packet login = client.read();
  Cursor cursor(login.bytes);
  const auto asked = static_cast<std::uint32_t>(cursor.integer(4));
  cursor.take(28);
  Client result;
  result.user = cursor.until_zero();
  std::string given = cursor.text();
  if ((asked & kWithDatabase) != 0) result.database = cursor.until_zero();
  const std::string plugin = (asked & kPluginAuth) != 0 ? cursor.until_zero() : kNative;
  next = static_cast<std::uint8_t>(login.number + 1);
  if (plugin != kNative) {
    client.write({next, "\xFE" + kNative + '\0' + salt + '\0'});
    client.flush();
    const Packet reply = client.read();
    given = reply.bytes;
    next = static_cast<std::uint8_t>(reply.number + 1);
  }
  result.admitted = given == token(password, salt);
  return result;
}

Field read_field(const Packet& packet) {
  Cursor cursor(packet.bytes);
  for (int i = 0; i < 3; ++i) cursor.text();  // catalog, schema, table's alias
  Field field;
  field.table = cursor.text();
  cursor.text();
  field.name = cursor.text();
  cursor.length();
  cursor.take(6);  // character set, length
  field.type = static_cast<std::uint8_t>(cursor.integer(1));
  return field;
}

std::uint64_t read_count(const Packet& packet) { return Cursor(packet.bytes).length(); }

Packet with_values(const Packet& row, const Replace& replace) {
  Packet changed{row.number, ""};
  Cursor cursor(row.bytes);
  for (std::size_t column = 0; !cursor.at_end(); ++column) {
    if (cursor.null()) {
      changed.bytes += std::string(cursor.take(1));
      continue;
    }
    const std::string_view value = cursor.take(cursor.length());
    changed.bytes += with_length(replace(column, value).value_or(std::string(value)));
  }
  return changed;
}

}  // namespace sluice::testing::wire
