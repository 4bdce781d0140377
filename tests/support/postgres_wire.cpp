// SPDX-License-Identifier: Apache-2.0
#include "support/postgres_wire.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>

namespace sluice::testing::pgwire {
namespace {

constexpr std::size_t kMuch = 1U << 16;

[[noreturn]] void throw_gone() { throw std::runtime_error("the other side is gone"); }

}  // namespace

Channel::Channel(int fd) : fd_(fd) {
  const int yes = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

Channel::~Channel() {
  if (tls_ != nullptr) SSL_free(tls_);
  close(fd_);
}

void Channel::accept_tls(ssl_ctx_st* context) {
  tls_ = SSL_new(context);
  SSL_set_fd(tls_, fd_);
  if (SSL_accept(tls_) != 1) throw_gone();
}

std::size_t Channel::receive(char* to, std::size_t size) {
  const ssize_t got =
      tls_ != nullptr ? SSL_read(tls_, to, static_cast<int>(size)) : ::recv(fd_, to, size, 0);
  if (got <= 0) throw_gone();
  return static_cast<std::size_t>(got);
}

std::string Channel::read(std::size_t size) {
  while (in_.size() - at_ < size) {
    if (at_ > 0) in_.erase(0, std::exchange(at_, 0));
    std::array<char, kMuch> part;  // NOLINT: filled before it is read
    in_.append(part.data(), receive(part.data(), part.size()));
  }
  std::string bytes = in_.substr(at_, size);
  at_ += size;
  return bytes;
}

Message Channel::read() {
  const std::string head = read(5);
  const std::uint32_t size = int32_at(head, 1);
  if (size < 4) throw_gone();
  return {head[0], read(size - 4)};
}

bool Channel::buffered() const {
  return at_ < in_.size() || (tls_ != nullptr && SSL_pending(tls_) > 0);
}

void Channel::write(std::string_view bytes) {
  out_ += bytes;
  if (out_.size() > kMuch) flush();
}

void Channel::write(const Message& message) {
  write(message.type + int32(static_cast<std::uint32_t>(message.body.size() + 4)));
  write(message.body);
}

void Channel::flush() {
  for (std::size_t done = 0; done < out_.size();) {
    const ssize_t sent =
        tls_ != nullptr ? SSL_write(tls_, out_.data() + done, static_cast<int>(out_.size() - done))
                        : ::send(fd_, out_.data() + done, out_.size() - done, MSG_NOSIGNAL);
    if (sent <= 0) throw_gone();
    done += static_cast<std::size_t>(sent);
  }
  out_.clear();
}

void Channel::cut() const noexcept { shutdown(fd_, SHUT_RDWR); }

int connect_to(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return fd;
  close(fd);
  throw std::runtime_error("nobody answers at port " + std::to_string(port));
}

std::string int32(std::uint32_t value) {
  return int16(static_cast<std::uint16_t>(value >> 16U)) +
         int16(static_cast<std::uint16_t>(value & 0xFFFFU));
}
std::string int16(std::uint16_t value) {
  return {static_cast<char>(value >> 8U), static_cast<char>(value & 0xFFU)};
}

std::uint16_t int16_at(std::string_view bytes, std::size_t at) {
  if (at + 2 > bytes.size()) throw std::runtime_error("a message that ends too early");
  return static_cast<std::uint16_t>(static_cast<unsigned char>(bytes[at]) << 8U |
                                    static_cast<unsigned char>(bytes[at + 1]));
}
std::uint32_t int32_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint32_t>(int16_at(bytes, at)) << 16U | int16_at(bytes, at + 2);
}

std::string text_at(std::string_view bytes, std::size_t& at) {
  const std::size_t end = bytes.find('\0', at);
  if (end == std::string_view::npos) throw std::runtime_error("a text that does not end");
  std::string text(bytes.substr(at, end - at));
  at = end + 1;
  return text;
}

Fields fields_of(const Message& message) {
  Fields fields;
  for (std::size_t at = 0; at < message.body.size() && message.body[at] != '\0';) {
    const char code = message.body[at++];
    fields.emplace_back(code, text_at(message.body, at));
  }
  return fields;
}

Message with_fields(char type, const Fields& fields) {
  Message message{type, {}};
  for (const auto& [code, text] : fields) message.body += code + text + '\0';
  message.body += '\0';
  return message;
}

std::string field(const Fields& fields, char code) {
  for (const auto& [each, text] : fields) {
    if (each == code) return text;
  }
  return {};
}

Message error(const std::string& severity, const std::string& state, const std::string& text) {
  return with_fields('E', {{'S', severity}, {'V', severity}, {'C', state}, {'M', text}});
}

Message with_names(const Message& row_description,
                   const std::function<std::string(const std::string&)>& replaced) {
  constexpr std::size_t kRest = 18;  // the fixed part of a column's description
  const std::string& from = row_description.body;
  Message changed{row_description.type, from.substr(0, 2)};
  for (std::size_t at = 2; at < from.size(); at += kRest) {
    changed.body += replaced(text_at(from, at)) + '\0';
    changed.body += from.substr(at, kRest);
  }
  return changed;
}

std::vector<std::string> values_of(const Message& data_row) {
  std::vector<std::string> values;
  std::size_t at = 2;
  for (int left = int16_at(data_row.body, 0); left > 0; --left) {
    const std::uint32_t size = int32_at(data_row.body, at);
    at += 4;
    values.emplace_back();
    if (size == 0xFFFFFFFFU) continue;
    values.back() = data_row.body.substr(at, size);
    at += size;
  }
  return values;
}

std::string Startup::parameter(const std::string& name) const {
  for (const auto& [each, value] : parameters) {
    if (each == name) return value;
  }
  return {};
}

std::string Startup::built() const {
  std::string body = int32(code);
  for (const auto& [name, value] : parameters) body += name + '\0' + value + '\0';
  body += '\0';
  return int32(static_cast<std::uint32_t>(body.size() + 4)) + body;
}

Startup read_startup(Channel& client) {
  Startup startup;
  startup.bytes = client.read(4);
  const std::uint32_t size = int32_at(startup.bytes, 0);
  if (size < 8 || size > 10000) throw_gone();
  const std::string body = client.read(size - 4);
  startup.bytes += body;
  startup.code = int32_at(body, 0);
  if (startup.code >> 16U != 3) return startup;
  for (std::size_t at = 4; at < body.size() && body[at] != '\0';) {
    std::string name = text_at(body, at);
    startup.parameters.emplace_back(std::move(name), text_at(body, at));
  }
  return startup;
}

}  // namespace sluice::testing::pgwire
