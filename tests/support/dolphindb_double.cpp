// SPDX-License-Identifier: Apache-2.0
#include "support/dolphindb_double.h"

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>
#include <utility>

#include "support/dolphindb_session.h"

namespace sluice::testing {
namespace {

using Lock = std::lock_guard<std::mutex>;

ssl_ctx_st* tls_of(const PrivateFolder& folder) {
  if (!folder.make_certificates()) throw std::runtime_error("no openssl command");
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  const std::string tls = (folder / "tls").string();
  if (SSL_CTX_use_certificate_chain_file(context, (tls + "/server.crt").c_str()) != 1 ||
      SSL_CTX_use_PrivateKey_file(context, (tls + "/server.key").c_str(), SSL_FILETYPE_PEM) != 1)
    throw std::runtime_error("no certificate in " + tls);
  return context;
}

}  // namespace

DolphindbDouble::DolphindbDouble() : DolphindbDouble(Options{}) {}

DolphindbDouble::DolphindbDouble(Options options)
    : options_(std::move(options)), folder_({"ddb", {"nobody"}, SIGTERM}) {
  if (options_.tls) tls_ = tls_of(folder_);
  duck::Connection connection = database_.connect();
  // Thousands of keys in one condition.
  connection.query("SET max_expression_depth = 100000; CREATE SCHEMA shared");
  dolphin::register_functions(connection);
  for (std::size_t i = 0; i < options_.nodes; ++i) {
    nodes_.push_back(std::make_unique<Node>());
    listen_at(i);
  }
}

DolphindbDouble::~DolphindbDouble() {
  for (std::size_t i = 0; i < nodes_.size(); ++i) stop_node(i);
  for (std::thread& each : threads_) each.join();
  SSL_CTX_free(tls_);
}

void DolphindbDouble::create(Table table) {
  std::string columns;
  for (const auto& [name, type] : table.types())
    columns += (columns.empty() ? "" : ", ") + duck::quoted(name) + " " + dolphin::stored_as(type);
  table.schema();
  if (!table.database.empty()) exec("CREATE SCHEMA IF NOT EXISTS " + duck::quoted(table.database));
  exec("CREATE TABLE " + table.stored_name() + " (" + columns + ")");
  catalog_.put(std::move(table));
}

void DolphindbDouble::drop(const std::string& database, const std::string& name) {
  const auto table = catalog_.find(database, name);
  if (!table) throw std::runtime_error("no table " + name);
  catalog_.remove(database, name);
  exec("DROP TABLE " + table->stored_name());
}

void DolphindbDouble::exec(const std::string& sql) { database_.connect().query(sql); }

std::vector<std::string> DolphindbDouble::query(const std::string& sql) {
  duck::Connection connection = database_.connect();
  const duck::Result rows = connection.query(sql);
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < rows.rows(); ++i)
    texts.push_back(rows.optional(i, 0).value_or("NULL"));
  return texts;
}

std::string DolphindbDouble::sites() const {
  std::string text;
  for (const auto& each : nodes_)
    text += (text.empty() ? "" : ",") + std::string(options_.tls ? "localhost:" : "127.0.0.1:") +
            std::to_string(each->port);
  return text;
}

std::string DolphindbDouble::certificates() const { return folder_ / "tls" / "ca.crt"; }

void DolphindbDouble::listen_at(std::size_t number) {
  Node& node = *nodes_.at(number);
  const int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(node.port));
  socklen_t size = sizeof address;
  if (bind(listening, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listening, 64) != 0 ||
      getsockname(listening, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    close(listening);
    throw std::runtime_error("cannot listen");
  }
  {
    const Lock lock(mutex_);
    node.port = ntohs(address.sin_port);
    node.listening = listening;
  }
  node.accepting = std::thread([this, number, listening] { accept(number, listening); });
}

void DolphindbDouble::stop_node(std::size_t number) {
  Node& node = *nodes_.at(number);
  int listening = -1;
  {
    const Lock lock(mutex_);
    listening = std::exchange(node.listening, -1);
  }
  if (listening < 0) return;
  shutdown(listening, SHUT_RDWR);
  node.accepting.join();
  close(listening);
  const Lock lock(mutex_);
  for (const int each : node.sockets) shutdown(each, SHUT_RDWR);
}

void DolphindbDouble::start_node(std::size_t number) { listen_at(number); }

void DolphindbDouble::accept(std::size_t number, int listening) {
  while (true) {
    const int fd = ::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    const Lock lock(mutex_);
    Node& node = *nodes_[number];
    node.sockets.insert(fd);
    ++node.made;
    most_ = std::max(most_, ++now_);
    threads_.emplace_back([this, number, fd] { serve(number, fd); });
  }
}

void DolphindbDouble::serve(std::size_t number, int fd) {
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
  {
    pgwire::Channel client(fd);
    try {
      if (tls_ != nullptr) client.accept_tls(tls_);
      DolphindbSession(*this, number, client).serve();
    } catch (const std::logic_error& error) {
      const Lock lock(mutex_);
      violations_.emplace_back(error.what());
    } catch (const std::exception&) {
      // The client is gone, or a fault cut it.
    }
    // Before its number may be another's.
    const Lock lock(mutex_);
    nodes_[number]->sockets.erase(fd);
    --now_;
  }
}

void DolphindbDouble::fault(const std::string& text, Fault fault) {
  const Lock lock(mutex_);
  hooks_.push_back({text, std::move(fault), nullptr});
}

void DolphindbDouble::before(const std::string& text, std::function<void()> action) {
  const Lock lock(mutex_);
  hooks_.push_back({text, std::nullopt, std::move(action)});
}

void DolphindbDouble::forget_faults() {
  const Lock lock(mutex_);
  hooks_.clear();
}

std::optional<DolphindbDouble::Hook> DolphindbDouble::take(const std::string& request,
                                                           bool faults) {
  const Lock lock(mutex_);
  for (auto each = hooks_.begin(); each != hooks_.end(); ++each) {
    if (each->fault.has_value() != faults || request.find(each->text) == std::string::npos)
      continue;
    Hook found = std::move(*each);
    hooks_.erase(each);
    return found;
  }
  return std::nullopt;
}

std::vector<DolphindbDouble::Asked> DolphindbDouble::requests(const std::string& text) const {
  const Lock lock(mutex_);
  std::vector<Asked> found;
  for (const Asked& each : requests_)
    if (each.text.find(text) != std::string::npos) found.push_back(each);
  return found;
}

std::size_t DolphindbDouble::connections(std::size_t node) const {
  const Lock lock(mutex_);
  return nodes_.at(node)->made;
}

std::size_t DolphindbDouble::most_at_once() const {
  const Lock lock(mutex_);
  return most_;
}

std::vector<std::string> DolphindbDouble::violations() const {
  const Lock lock(mutex_);
  return violations_;
}

}  // namespace sluice::testing
