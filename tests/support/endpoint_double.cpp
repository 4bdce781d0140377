// SPDX-License-Identifier: Apache-2.0
#include "support/endpoint_double.h"

#include <duckdb.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <regex>
#include <stdexcept>
#include <utility>

#include "support/postgres_wire.h"
#include "wire/percent.h"

namespace sluice::testing {
namespace {

using pgwire::Channel;
using pgwire::int16;
using pgwire::int32;
using Lock = std::lock_guard<std::mutex>;

constexpr std::uint32_t kText = 25;  // the type's oid; every value goes out as text

ssl_ctx_st* context_of(const PrivateFolder& folder) {
  if (!folder.make_certificates()) throw std::runtime_error("no openssl command");
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  const std::string tls = (folder / "tls").string();
  if (SSL_CTX_use_certificate_chain_file(context, (tls + "/server.crt").c_str()) != 1 ||
      SSL_CTX_use_PrivateKey_file(context, (tls + "/server.key").c_str(), SSL_FILETYPE_PEM) != 1)
    throw std::runtime_error("no certificate in " + tls);
  return context;
}

/// Why the endpoint does not take a statement; empty: it does.
std::string refusal(const std::string& sql, bool sets_time_zone) {
  static const std::regex refused("^\\s*(COPY|ATTACH|DETACH|INSTALL|LOAD|CREATE\\s+SECRET)\\b",
                                  std::regex::icase);
  static const std::regex catalog("\\bpg_[a-z_]+", std::regex::icase);
  static const std::regex set("^\\s*SET\\s+(?!TimeZone\\b)", std::regex::icase);
  static const std::regex zone("^\\s*SET\\s+TimeZone\\b", std::regex::icase);
  std::smatch found;
  if (std::regex_search(sql, found, refused)) return "not supported: " + found[1].str();
  if (std::regex_search(sql, found, catalog)) return "not supported: " + found[0].str();
  if (std::regex_search(sql, set) || (!sets_time_zone && std::regex_search(sql, zone)))
    return "this setting cannot be changed";
  return {};
}

/// Rows of a statement, a chunk at a time.
class Answer {
 public:
  Answer(duck::Connection& connection, const std::string& sql) {
    if (duckdb_prepare(connection.handle(), sql.c_str(), &statement_) != DuckDBSuccess)
      throw std::runtime_error(duckdb_prepare_error(statement_));
    if (duckdb_pending_prepared_streaming(statement_, &pending_) != DuckDBSuccess ||
        duckdb_execute_pending(pending_, &result_) != DuckDBSuccess) {
      const char* why = duckdb_result_error(&result_);
      throw std::runtime_error(why != nullptr ? why : duckdb_pending_error(pending_));
    }
  }
  ~Answer() {
    duckdb_destroy_result(&result_);
    duckdb_destroy_pending(&pending_);
    duckdb_destroy_prepare(&statement_);
  }
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;

  idx_t width() { return duckdb_column_count(&result_); }
  bool rows() { return duckdb_result_return_type(result_) == DUCKDB_RESULT_TYPE_QUERY_RESULT; }
  std::string name(idx_t column) { return duckdb_column_name(&result_, column); }
  duckdb_type type(idx_t column) { return duckdb_column_type(&result_, column); }
  std::shared_ptr<_duckdb_data_chunk> next() {
    duckdb_data_chunk chunk = duckdb_fetch_chunk(result_);
    if (chunk == nullptr) {
      const char* why = duckdb_result_error(&result_);
      if (why != nullptr && *why != '\0') throw std::runtime_error(why);
      return nullptr;
    }
    return {chunk, [](duckdb_data_chunk each) { duckdb_destroy_data_chunk(&each); }};
  }

 private:
  duckdb_prepared_statement statement_ = nullptr;
  duckdb_pending_result pending_ = nullptr;
  duckdb_result result_{};
};

/// As PostgreSQL writes it. Nothing but what Sluice asks for: it casts the rest.
std::string value_of(duckdb_vector vector, duckdb_type type, idx_t row) {
  void* data = duckdb_vector_get_data(vector);
  switch (type) {
    case DUCKDB_TYPE_VARCHAR: {
      duckdb_string_t& text = static_cast<duckdb_string_t*>(data)[row];
      return {duckdb_string_t_data(&text), duckdb_string_t_length(text)};
    }
    case DUCKDB_TYPE_BOOLEAN:
      return static_cast<bool*>(data)[row] ? "t" : "f";
    case DUCKDB_TYPE_INTEGER:
      return std::to_string(static_cast<std::int32_t*>(data)[row]);
    case DUCKDB_TYPE_BIGINT:
      return std::to_string(static_cast<std::int64_t*>(data)[row]);
    case DUCKDB_TYPE_UBIGINT:
      return std::to_string(static_cast<std::uint64_t*>(data)[row]);
    default:
      throw std::runtime_error("the stand-in writes no values of type " + std::to_string(type));
  }
}

pgwire::Message description(Answer& answer) {
  pgwire::Message message{'T', int16(static_cast<std::uint16_t>(answer.width()))};
  for (idx_t i = 0; i < answer.width(); ++i) {
    message.body += answer.name(i) + '\0' + int32(0) + int16(0) + int32(kText) + int16(0xFFFF) +
                    int32(0xFFFFFFFF) + int16(0);
  }
  return message;
}

pgwire::Message row_of(Answer& answer, duckdb_data_chunk chunk, idx_t row) {
  pgwire::Message message{'D', int16(static_cast<std::uint16_t>(answer.width()))};
  for (idx_t i = 0; i < answer.width(); ++i) {
    duckdb_vector vector = duckdb_data_chunk_get_vector(chunk, i);
    std::uint64_t* validity = duckdb_vector_get_validity(vector);
    if (validity != nullptr && !duckdb_validity_row_is_valid(validity, row)) {
      message.body += int32(0xFFFFFFFF);
      continue;
    }
    const std::string value = value_of(vector, answer.type(i), row);
    message.body += int32(static_cast<std::uint32_t>(value.size())) + value;
  }
  return message;
}

}  // namespace

EndpointDouble::EndpointDouble() : EndpointDouble(Options{}) {}

EndpointDouble::EndpointDouble(Options options)
    : options_(std::move(options)),
      folder_({"md", {"nobody"}, SIGTERM}),
      tls_(context_of(folder_)) {
  database_.emplace();
  database_->connect().query("ATTACH " + duck::literal((folder_ / "md.duckdb").string()) + " AS " +
                             duck::quoted(options_.database) + " (STORAGE_VERSION 'v1.5.0')");
  listening_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(listening_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listening_, 64) != 0 ||
      getsockname(listening_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error("cannot listen");
  port_ = ntohs(address.sin_port);
  accepting_ = std::thread([this] { accept(); });
}

EndpointDouble::~EndpointDouble() {
  stop();
  SSL_CTX_free(tls_);
}

std::string EndpointDouble::stop() {
  if (accepting_.joinable()) {
    shutdown(listening_, SHUT_RDWR);
    accepting_.join();
    close(listening_);
    {
      const Lock lock(mutex_);
      for (const int each : sockets_) shutdown(each, SHUT_RDWR);
    }
    for (std::thread& each : threads_) each.join();
    database_.reset();
  }
  return (folder_ / "md.duckdb").string();
}

void EndpointDouble::exec(const std::string& sql) {
  duck::Connection connection = database_->connect();
  connection.query("USE " + duck::quoted(options_.database));
  connection.query(sql);
}

std::vector<std::string> EndpointDouble::query(const std::string& sql) {
  duck::Connection connection = database_->connect();
  connection.query("SET TimeZone = 'UTC'");
  const duck::Result rows = connection.query(sql);
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < rows.rows(); ++i)
    texts.push_back(rows.optional(i, 0).value_or("NULL"));
  return texts;
}

std::string EndpointDouble::url(const std::string& parameters) const {
  return "md:" + options_.database + "?via=postgres&host=localhost&port=" + std::to_string(port_) +
         "&sslrootcert=" + wire::percent_encoded(certificates()) +
         (parameters.empty() ? "" : "&" + parameters);
}

void EndpointDouble::cut_at_row(const std::string& text, std::size_t row) {
  const Lock lock(mutex_);
  hooks_.push_back({text, row, {}, false});
}

void EndpointDouble::stall_at_row(const std::string& text, std::size_t row) {
  const Lock lock(mutex_);
  hooks_.push_back({text, row, {}, true});
}

void EndpointDouble::before(const std::string& text, const std::string& sql) {
  const Lock lock(mutex_);
  hooks_.push_back({text, 0, sql, false});
}

std::vector<std::string> EndpointDouble::statements() const {
  const Lock lock(mutex_);
  return statements_;
}

std::vector<std::string> EndpointDouble::refused() const {
  const Lock lock(mutex_);
  return refused_;
}

std::size_t EndpointDouble::sessions() const {
  const Lock lock(mutex_);
  return sessions_;
}

std::optional<EndpointDouble::Hook> EndpointDouble::take(const std::string& sql, bool cuts) {
  const Lock lock(mutex_);
  for (auto each = hooks_.begin(); each != hooks_.end(); ++each) {
    if (each->sql.empty() != cuts || sql.find(each->text) == std::string::npos) continue;
    Hook found = *each;
    hooks_.erase(each);
    return found;
  }
  return std::nullopt;
}

void EndpointDouble::accept() {
  while (true) {
    const int fd = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    const Lock lock(mutex_);
    sockets_.insert(fd);
    threads_.emplace_back([this, fd] { serve(fd); });
  }
}

bool EndpointDouble::log_in(Channel& client) {
  pgwire::Startup startup = pgwire::read_startup(client);
  while (startup.code == pgwire::kSslRequest || startup.code == pgwire::kGssRequest) {
    const bool tls = startup.code == pgwire::kSslRequest;
    client.write(tls ? "S" : "N");
    client.flush();
    if (tls) client.accept_tls(tls_);
    startup = pgwire::read_startup(client);
  }
  if (startup.code == pgwire::kCancelRequest) return false;
  client.write({'R', int32(3)});
  client.flush();
  std::string password = client.read().body;
  password.resize(std::strlen(password.c_str()));
  const std::string database = startup.parameter("database");
  const bool known = database == options_.database || database == "md:";
  if (password != kToken || startup.parameter("user") != "postgres" || !known) {
    client.write(
        password != kToken
            ? pgwire::error("FATAL", "28P01", "Invalid MotherDuck token: " + password)
            : pgwire::error("FATAL", "3D000", "no database/share named '" + database + "'"));
    client.flush();
    return false;
  }
  client.write({'R', int32(0)});
  client.write({'S', std::string("server_version") + '\0' + "16.0" + '\0'});
  client.write({'K', int32(1) + int32(1)});
  client.write({'Z', "I"});
  client.flush();
  return true;
}

void EndpointDouble::serve(int fd) {
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
  {
    Channel client(fd);
    try {
      if (options_.silent) client.read(1U << 20U);
      if (log_in(client)) {
        {
          const Lock lock(mutex_);
          ++sessions_;
        }
        duck::Connection connection = database_->connect();
        connection.query("USE " + duck::quoted(options_.database) +
                         "; SET TimeZone = " + duck::literal(options_.time_zone));
        char status = 'I';
        while (true) {
          const pgwire::Message message = client.read();
          if (message.type == 'X') break;
          if (message.type != 'Q') throw std::runtime_error("only simple queries");
          run(client, connection, message.body.c_str(), status);
          client.write({'Z', std::string(1, status)});
          client.flush();
        }
      }
    } catch (const std::exception&) {
      // The client is gone, or a hook cut it.
    }
    const Lock lock(mutex_);
    sockets_.erase(fd);
  }
}

void EndpointDouble::run(Channel& client, duck::Connection& connection, const std::string& sql,
                         char& status) {
  {
    const Lock lock(mutex_);
    statements_.push_back(sql);
  }
  if (const auto hook = take(sql, false)) exec(hook->sql);
  const auto cut = take(sql, true);
  try {
    if (const std::string why = refusal(sql, options_.sets_time_zone); !why.empty())
      throw std::runtime_error(why);
    Answer answer(connection, sql);
    std::size_t sent = 0;
    if (answer.rows()) {
      client.write(description(answer));
      while (const auto chunk = answer.next()) {
        const idx_t size = duckdb_data_chunk_get_size(chunk.get());
        for (idx_t i = 0; i < size; ++i, ++sent) {
          if (cut && cut->row == sent) {
            client.flush();
            if (cut->stalls) client.read(1);
            client.cut();
          }
          client.write(row_of(answer, chunk.get(), i));
        }
      }
    }
    static const std::regex begin("^\\s*BEGIN\\b", std::regex::icase);
    static const std::regex end("^\\s*(COMMIT|ROLLBACK)\\b", std::regex::icase);
    if (std::regex_search(sql, begin)) status = 'T';
    if (std::regex_search(sql, end)) status = 'I';
    client.write({'C', "SELECT " + std::to_string(sent) + '\0'});
  } catch (const std::runtime_error& error) {
    if (status == 'T') status = 'E';
    {
      const Lock lock(mutex_);
      refused_.push_back(sql);
    }
    client.write(pgwire::error("ERROR", "XX000", error.what()));
  }
}

}  // namespace sluice::testing
