// SPDX-License-Identifier: Apache-2.0
// As little of a client of DolphinDB as tests of its stand-in need: it says what it is told to,
// byte by byte.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/dolphindb_objects.h"
#include "support/postgres_wire.h"

namespace sluice::testing {

class DolphindbClient {
 public:
  struct Reply {
    std::vector<std::string> messages;
    std::string header, status;
    std::optional<dolphin::Value> value;
  };
  /// An empty user: no login.
  explicit DolphindbClient(int port, const std::string& user = "admin",
                           const std::string& password = "123456")
      : channel_(pgwire::connect_to(port)) {
    const std::string login = user.empty() ? "" : "login\n" + user + "\n" + password;
    connected_ = ask("connect\n" + login, "0_1_4_2");
  }

  const Reply& connected() const { return connected_; }

  void send(std::string_view bytes) {
    channel_.write(bytes);
    channel_.flush();
  }
  static std::string request(const std::string& body, const std::string& options,
                             const std::string& verb = "API") {
    return verb + " 0 " + std::to_string(body.size()) + (options.empty() ? "" : " / " + options) +
           "\n" + body;
  }
  Reply ask(const std::string& body, const std::string& options = "0_1_4_64",
            const std::string& objects = {}) {
    send(request(body, options) + objects);
    return reply();
  }
  Reply run(const std::string& script, const std::string& options = "0_1_4_64") {
    return ask("script\n" + script, options);
  }
  Reply upload(const std::string& name, const dolphin::Value& value) {
    return ask("variable\n" + name + "\n1\n1", "0_1_4_64", dolphin::encode(value));
  }

  /// Throws std::runtime_error where the server has hung up, or says what is no answer.
  Reply reply() {
    Reply out;
    for (out.header = line(); out.header == "MSG"; out.header = line())
      out.messages.push_back(until('\0'));
    out.status = line();
    if (out.status == "OK" && out.header.find(" 1 1") != std::string::npos) {
      Bytes bytes(channel_);
      out.value = dolphin::decode(bytes);
    }
    return out;
  }
  std::string line() {
    std::string text = until('\n');
    if (!text.empty() && text.back() == '\r') text.pop_back();
    return text;
  }
  pgwire::Channel& channel() { return channel_; }

 private:
  class Bytes : public dolphin::Input {
   public:
    explicit Bytes(pgwire::Channel& channel) : channel_(channel) {}
    std::string take(std::size_t size) override { return channel_.read(size); }

   private:
    pgwire::Channel& channel_;
  };
  std::string until(char end) {
    std::string text;
    for (std::string each = channel_.read(1); each[0] != end; each = channel_.read(1)) text += each;
    return text;
  }
  pgwire::Channel channel_;
  Reply connected_;
};

}  // namespace sluice::testing
