// SPDX-License-Identifier: Apache-2.0
#include "support/postgres_server.h"

#include <libpq-fe.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <map>
#include <stdexcept>
#include <thread>

#include "wire/percent.h"

namespace sluice::testing {
namespace {

namespace fs = std::filesystem;

fs::path find_bin() {
  if (const char* given = std::getenv("SLUICE_TEST_PG_BIN")) return given;
  fs::path newest;
  int newest_version = 0;
  std::error_code ignored;
  for (const auto& each : fs::directory_iterator("/usr/lib/postgresql", ignored)) {
    const int version = std::atoi(each.path().filename().c_str());
    if (version > newest_version && fs::exists(each.path() / "bin" / "initdb")) {
      newest_version = version;
      newest = each.path() / "bin";
    }
  }
  return newest;
}

PGresult* checked(PGconn* connection, PGresult* result) {
  const ExecStatusType status = PQresultStatus(result);
  if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_COPY_IN)
    return result;
  const std::string message = PQerrorMessage(connection);
  PQclear(result);
  throw std::runtime_error(message);
}

}  // namespace

PostgresSession::PostgresSession(const std::string& url) : connection_(PQconnectdb(url.c_str())) {
  if (PQstatus(connection_) != CONNECTION_OK) {
    const std::string message = PQerrorMessage(connection_);
    PQfinish(connection_);
    throw std::runtime_error(message);
  }
  PQsetNoticeProcessor(
      connection_, [](void*, const char*) {}, nullptr);
}
PostgresSession::PostgresSession(PostgresSession&& other) noexcept
    : connection_(other.connection_) {
  other.connection_ = nullptr;
}
PostgresSession::~PostgresSession() { PQfinish(connection_); }

void PostgresSession::exec(const std::string& sql) {
  PQclear(checked(connection_, PQexec(connection_, sql.c_str())));
}

std::vector<PostgresSession::Row> PostgresSession::query(const std::string& sql) {
  PGresult* result = checked(connection_, PQexec(connection_, sql.c_str()));
  std::vector<Row> rows;
  for (int row = 0; row < PQntuples(result); ++row) {
    Row& values = rows.emplace_back();
    for (int column = 0; column < PQnfields(result); ++column) {
      if (PQgetisnull(result, row, column) == 1) {
        values.emplace_back(std::nullopt);
      } else {
        values.emplace_back(
            std::string(PQgetvalue(result, row, column),
                        static_cast<std::size_t>(PQgetlength(result, row, column))));
      }
    }
  }
  PQclear(result);
  return rows;
}

std::string PostgresSession::value(const std::string& sql) {
  const std::vector<Row> rows = query(sql);
  return rows.empty() || rows[0].empty() ? "" : rows[0][0].value_or("NULL");
}

void PostgresSession::send(const std::string& sql) {
  if (PQsendQuery(connection_, sql.c_str()) != 1)
    throw std::runtime_error(PQerrorMessage(connection_));
}

bool PostgresSession::ended() {
  while (true) {
    if (PQconsumeInput(connection_) != 1) throw std::runtime_error(PQerrorMessage(connection_));
    if (PQisBusy(connection_) == 1) return false;
    PGresult* result = PQgetResult(connection_);
    if (result == nullptr) return true;
    checked(connection_, result);
    PQclear(result);
  }
}

void PostgresSession::copy(const std::string& statement, const std::string& text) {
  PQclear(checked(connection_, PQexec(connection_, statement.c_str())));
  if (PQputCopyData(connection_, text.data(), static_cast<int>(text.size())) != 1 ||
      PQputCopyEnd(connection_, nullptr) != 1) {
    throw std::runtime_error(PQerrorMessage(connection_));
  }
  while (PGresult* result = PQgetResult(connection_)) PQclear(checked(connection_, result));
}

std::string PostgresServer::missing() {
  const fs::path bin = find_bin();
  if (!bin.empty() && fs::exists(bin / "postgres")) return {};
  return "no PostgreSQL server found (/usr/lib/postgresql/*/bin, or SLUICE_TEST_PG_BIN)";
}

PostgresServer& PostgresServer::instance() {
  if (const std::string why = missing(); !why.empty()) throw std::runtime_error(why);
  static PostgresServer server(find_bin());
  return server;
}

PostgresServer& PostgresServer::numbered(std::size_t number) {
  static std::map<std::size_t, std::unique_ptr<PostgresServer>> others;
  if (number == 0) return instance();
  std::unique_ptr<PostgresServer>& other = others[number];
  if (!other) other.reset(new PostgresServer(find_bin()));
  return *other;
}

PostgresServer::PostgresServer(fs::path bin, const PostgresServer* primary)
    : bin_(std::move(bin)), folder_({"pg", {"postgres", "nobody"}, SIGINT}) {
  if (primary != nullptr) return;  // who goes on with it
  initialise();
  start();
}

PostgresServer::~PostgresServer() {
  standby_.reset();
  stop(Stop::immediate);
}

void PostgresServer::initialise() {
  const fs::path log = folder_ / "setup.log";
  std::ofstream(folder_ / "password") << password_ << '\n';
  folder_.run({bin_ / "initdb", "-D", folder_ / "data", "-U", "postgres", "-A", "trust", "--pwfile",
               folder_ / "password", "--no-sync", "-E", "UTF8", "--no-locale"},
              log);
  std::ifstream(folder_ / "data" / "PG_VERSION") >> version_;
  tls_ = folder_.make_certificates();  // else tests of TLS skip
  std::ofstream(folder_ / "data" / "pg_hba.conf") << "local all all trust\n"
                                                     "local replication all trust\n"
                                                     "host all all 127.0.0.1/32 md5\n";
  std::ofstream(folder_ / "data" / "postgresql.auto.conf", std::ios::app)
      << "listen_addresses = '127.0.0.1'\nunix_socket_directories = '" << folder_.path().string()
      << "'\n"
      << "max_connections = 200\nmax_prepared_transactions = 20\nmax_locks_per_transaction = 256\n"
      << "shared_buffers = '128MB'\nmax_wal_size = '2GB'\n"
      << "fsync = off\nfull_page_writes = off\ntrack_commit_timestamp = off\n"
      << "hot_standby = on\nmax_wal_senders = 5\nwal_level = replica\n";
}

bool PostgresServer::try_start() {
  port_ = port_ == 0 ? free_port() : port_;
  std::vector<std::string> arguments{bin_ / "postgres", "-D", folder_ / "data", "-p",
                                     std::to_string(port_)};
  if (tls_) {
    for (const char* each :
         {"ssl=on", "ssl_cert_file=../tls/server.crt", "ssl_key_file=../tls/server.key"}) {
      arguments.insert(arguments.end(), {"-c", each});
    }
  }
  pid_ = folder_.spawn(arguments, folder_ / "server.log");
  for (int i = 0; i < 600; ++i) {
    if (waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      return false;
    }
    if (PQping(socket_url().c_str()) == PQPING_OK) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return false;
}

void PostgresServer::start() {
  if (pid_ > 0 || try_start()) return;
  if (pid_ < 0 && tls_) {  // a server built without TLS
    tls_ = false;
    if (try_start()) return;
  }
  throw std::runtime_error("PostgreSQL did not start: " + log());
}

void PostgresServer::stop(Stop how) {
  if (pid_ <= 0) return;
  kill(pid_, how == Stop::fast ? SIGINT : SIGQUIT);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

std::string PostgresServer::log() const { return text_of(folder_ / "server.log"); }

std::string PostgresServer::url(const std::string& database) const {
  return "postgresql://postgres:" + wire::percent_encoded(password_) +
         "@127.0.0.1:" + std::to_string(port_) + "/" + wire::percent_encoded(database);
}

std::string PostgresServer::socket_url(const std::string& database, const std::string& role) const {
  return "postgresql://" + wire::percent_encoded(role) + "@/" + wire::percent_encoded(database) +
         "?host=" + wire::percent_encoded(folder_.path().string()) +
         "&port=" + std::to_string(port_);
}

std::string PostgresServer::tls_url(const std::string& host, const std::string& parameters,
                                    const std::string& database) const {
  return "postgresql://postgres:" + wire::percent_encoded(password_) + "@" + host + ":" +
         std::to_string(port_) + "/" + wire::percent_encoded(database) + "?hostaddr=127.0.0.1&" +
         parameters;
}

// By hand, because not every package of binaries has pg_basebackup.
PostgresServer& PostgresServer::standby() {
  if (standby_) return *standby_;
  standby_.reset(new PostgresServer(bin_, this));
  const PrivateFolder& folder = standby_->folder_;
  const fs::path data = folder / "data";
  PostgresSession session(socket_url());
  session.exec(version_ >= 15 ? "SELECT pg_backup_start('standby', true)"
                              : "SELECT pg_start_backup('standby', true, false)");
  folder.run({"/bin/cp", "-pR", folder_ / "data", data}, folder / "setup.log");
  folder.run({"/bin/cp", "-pR", folder_ / "tls", folder / "tls"}, folder / "setup.log");
  const std::string label =
      session.value(version_ >= 15 ? "SELECT labelfile FROM pg_backup_stop(false)"
                                   : "SELECT labelfile FROM pg_stop_backup(false, false)");
  fs::remove(data / "postmaster.pid");
  const auto write = [&](const std::string& name, const std::string& text) {
    std::ofstream(data / name) << text;
    folder.give(data / name);
  };
  write("backup_label", label);
  const std::string primary = "primary_conninfo = 'host=" + folder_.path().string() +
                              " port=" + std::to_string(port_) + " user=postgres'\n";
  if (version_ >= 12) {
    write("standby.signal", "");
    std::ofstream(data / "postgresql.auto.conf", std::ios::app) << primary;
  } else {
    write("recovery.conf", "standby_mode = on\n" + primary);
  }
  std::ofstream(data / "postgresql.auto.conf", std::ios::app)
      << "unix_socket_directories = '" << folder.path().string()
      << "'\nwal_retrieve_retry_interval = '100ms'\n";
  standby_->version_ = version_;
  standby_->password_ = password_;
  standby_->tls_ = tls_;
  standby_->start();
  return *standby_;
}

void PostgresServer::wait_for_standby() {
  PostgresSession here(socket_url());
  PostgresSession there(standby().socket_url());
  const std::string target = here.value("SELECT pg_current_wal_lsn()");
  for (int i = 0; i < 3000; ++i) {
    if (there.value("SELECT pg_last_wal_replay_lsn() >= '" + target + "'") == "t") return;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  throw std::runtime_error("the standby does not follow");
}

PostgresDatabase::PostgresDatabase(PostgresServer& server) : server_(server) {
  static std::atomic<int> counter{0};
  name_ = "test_" + std::to_string(getpid()) + "_" + std::to_string(++counter);
  PostgresSession(server_.socket_url()).exec("CREATE DATABASE " + name_);
  session_ = std::make_unique<PostgresSession>(socket_url());
}

PostgresDatabase::~PostgresDatabase() {
  session_.reset();
  try {
    PostgresSession admin(server_.socket_url());
    admin.exec("UPDATE pg_database SET datallowconn = false WHERE datname = '" + name_ + "'");
    admin.exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" + name_ +
               "'");
    for (int i = 0; i < 100; ++i) {
      try {
        admin.exec("DROP DATABASE IF EXISTS " + name_);
        return;
      } catch (const std::runtime_error&) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
      }
    }
  } catch (const std::exception&) {
    // A test that stopped the server: the cluster goes with the program.
  }
}

}  // namespace sluice::testing
