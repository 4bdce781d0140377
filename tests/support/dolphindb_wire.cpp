// SPDX-License-Identifier: Apache-2.0
#include "support/dolphindb_wire.h"

#include <sys/socket.h>

#include <algorithm>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace sluice::testing {
namespace {

using dolphin::Value;

class ChannelInput : public dolphin::Input {
 public:
  explicit ChannelInput(pgwire::Channel& channel) : channel_(channel) {}
  std::string take(std::size_t size) override { return channel_.read(size); }

 private:
  pgwire::Channel& channel_;
};

std::vector<std::string> split_text(const std::string& text, char by) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, by);) parts.push_back(part);
  return parts;
}

/// Where the first table begins.
std::size_t table_at(const std::string& bytes) { return bytes.substr(0, 2) == "\x19\x01" ? 10 : 0; }
/// Where the first column begins.
std::size_t column_at(const std::string& bytes) {
  const std::size_t from = table_at(bytes);
  std::size_t at = bytes.find('\0', from + 10) + 1;
  for (std::int64_t i = dolphin::unpacked(bytes.substr(from + 6, 4)); i > 0; --i)
    at = bytes.find('\0', at) + 1;
  return at;
}
void add_one(std::string& bytes, std::size_t at) {
  bytes.replace(
      at, 4,
      dolphin::packed(static_cast<std::uint64_t>(dolphin::unpacked(bytes.substr(at, 4)) + 1), 4));
}

DolphindbFault changed(std::function<void(std::string&)> change) {
  DolphindbFault fault;
  fault.change = std::move(change);
  return fault;
}

void send(pgwire::Channel& client, std::string_view bytes, const DolphindbFault* fault) {
  if (fault == nullptr || fault->write_size == 0) {
    client.write(bytes);
    return;
  }
  for (std::size_t at = 0; at < bytes.size(); at += fault->write_size) {
    std::this_thread::sleep_for(fault->pause);
    client.write(bytes.substr(at, fault->write_size));
    client.flush();
  }
}

}  // namespace

DolphindbFault DolphindbFault::with_error(const std::string& line) {
  DolphindbFault fault;
  fault.error = line;
  return fault;
}
DolphindbFault DolphindbFault::cut_at(std::size_t byte, Then then) {
  DolphindbFault fault;
  fault.at = byte;
  fault.then = then;
  return fault;
}
DolphindbFault DolphindbFault::wrong_rows() {
  return changed([](std::string& bytes) { add_one(bytes, table_at(bytes) + 2); });
}
DolphindbFault DolphindbFault::wrong_type() {
  return changed([](std::string& bytes) { bytes.at(column_at(bytes)) = 99; });
}
DolphindbFault DolphindbFault::unknown_form() {
  return changed([](std::string& bytes) { bytes.at(table_at(bytes) + 1) = 10; });
}
DolphindbFault DolphindbFault::huge_length() {
  return changed([](std::string& bytes) {
    bytes.replace(column_at(bytes) + 2, 4, dolphin::packed(0x7FFFFFFF, 4));
  });
}
DolphindbFault DolphindbFault::wrong_block_count() {
  return changed([](std::string& bytes) { add_one(bytes, 2); });
}
DolphindbFault DolphindbFault::symbol_out_of_range() {
  return changed([](std::string& bytes) {
    dolphin::TextInput input(std::string_view(bytes).substr(table_at(bytes)));
    Value rows = dolphin::decode(input);
    for (Value& each : rows.items) {
      if (!each.based) continue;
      each.bytes.replace(0, 4, dolphin::packed(each.base.size(), 4));
      break;
    }
    const std::size_t rest = bytes.size() - input.left();
    bytes = bytes.substr(0, table_at(bytes)) + dolphin::encode(rows) + bytes.substr(rest);
  });
}

namespace dolphin {

Request read_request(pgwire::Channel& client) {
  std::string line;
  while (line.empty() || line.back() != '\n') {
    line += client.read(1);
    if (line.size() > 1024) throw std::logic_error("a request's first line without an end");
  }
  line.pop_back();
  const std::vector<std::string> words = split_text(line, ' ');
  if (words.size() < 3 || (words[0] != "API" && words[0] != "API2"))
    throw std::logic_error("no request: " + line);
  if (words.size() != 3 && (words.size() != 5 || words[3] != "/"))
    throw std::logic_error("no options: " + line);
  Request request;
  request.takes_messages = words[0] == "API2";
  if (words.size() == 5) {
    request.options = words[4];
    const std::vector<std::string> fields = split_text(words[4], '_');
    const auto field = [&](std::size_t i) {
      return i < fields.size() && !fields[i].empty() ? std::stol(fields[i]) : 0;
    };
    request.flags = field(0);
    request.fetch_size = static_cast<std::size_t>(field(5));
    if (fields.size() > 2 && (field(2) < 0 || field(2) > 9)) throw std::logic_error("a priority");
    if (fields.size() > 3 && (field(3) < 1 || field(3) > 64))
      throw std::logic_error("a parallelism");
  }
  const std::string body = client.read(std::stoul(words[2]));
  const std::size_t first = body.find('\n');
  if (first == std::string::npos) throw std::logic_error("a body of one line: " + body);
  if (body.find('\0') != std::string::npos) throw std::logic_error("NUL in a body");
  request.kind = body.substr(0, first);
  const std::string rest = body.substr(first + 1);
  if (request.kind == "script") {
    request.text = rest;
    return request;
  }
  request.lines = split_text(rest, '\n');
  if (request.kind == "connect") return request;
  if ((request.kind != "function" && request.kind != "variable") || request.lines.size() != 3)
    throw std::logic_error("no body of a request: " + body);
  request.text = request.lines[0];
  if (request.lines[2] != "1") throw std::logic_error("big endian");
  ChannelInput input(client);
  for (std::size_t i = std::stoul(request.lines[1]); i > 0; --i)
    request.arguments.push_back(decode(input));
  if (request.kind == "variable" &&
      split_text(request.text, ',').size() != request.arguments.size())
    throw std::logic_error("not as many variables as names");
  return request;
}

bool speaks_too_early(const pgwire::Channel& client) {
  char byte = 0;
  return client.buffered() || recv(client.fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

void write_answer(pgwire::Channel& client, const Answer& answer, const DolphindbFault* fault) {
  if (fault != nullptr) std::this_thread::sleep_for(fault->wait);
  const std::string end = fault != nullptr && fault->crlf ? "\r\n" : "\n";
  const std::string error = fault != nullptr && !fault->error.empty() ? fault->error : answer.error;
  const bool has_object = error.empty() && answer.parts != nullptr;
  std::string head;
  if (fault != nullptr)
    for (const std::string& each : fault->messages) head += "MSG\n" + each + '\0';
  head += fault != nullptr && !fault->header.empty()
              ? fault->header
              : answer.session + (has_object ? " 1 1" : " 0 1");
  head += end + (error.empty() ? "OK" : error) + end;
  send(client, head, fault);
  if (has_object && fault != nullptr && (fault->change || fault->at)) {
    std::string bytes;
    for (const std::string& each : *answer.parts) bytes += each;
    if (fault->change) fault->change(bytes);
    if (fault->at) bytes.resize(std::min(bytes.size(), *fault->at));
    if (fault->at && fault->then == DolphindbFault::garbage)
      bytes += "\xFF\xFE nothing of the protocol \xFF\xFF\xFF\x7F\n";
    send(client, bytes, fault);
  } else if (has_object) {
    for (const std::string& each : *answer.parts) send(client, each, fault);
  }
  client.flush();
  if (fault == nullptr || !fault->at) return;
  if (fault->then == DolphindbFault::stall) client.read(1);
  throw std::runtime_error("cut by a fault");
}

}  // namespace dolphin
}  // namespace sluice::testing
