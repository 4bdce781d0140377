// SPDX-License-Identifier: Apache-2.0
#include "support/postgres_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <thread>

namespace sluice::testing {
namespace {

namespace fs = std::filesystem;

struct Account {
  uid_t user = 0;
  gid_t group = 0;
};

// PostgreSQL refuses to run as root.
Account server_account() {
  if (geteuid() != 0) return {geteuid(), getegid()};
  for (const char* name : {"postgres", "nobody"}) {
    if (const passwd* entry = getpwnam(name)) return {entry->pw_uid, entry->pw_gid};
  }
  throw std::runtime_error("as root, a user `postgres` or `nobody` is needed to run PostgreSQL");
}

pid_t spawn(const std::vector<std::string>& arguments, const fs::path& log,
            const fs::path& folder) {
  const Account account = server_account();
  const std::string log_name = log.string();
  std::vector<char*> argv;
  for (const std::string& each : arguments) argv.push_back(const_cast<char*>(each.c_str()));
  argv.push_back(nullptr);
  const pid_t child = fork();
  if (child != 0) return child;
  const int out = open(log_name.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  dup2(out, 1);
  dup2(out, 2);
  const int null = open("/dev/null", O_RDONLY);
  dup2(null, 0);
  if (geteuid() == 0 && (setgid(account.group) != 0 || setuid(account.user) != 0)) _exit(126);
  prctl(PR_SET_PDEATHSIG, SIGINT);  // a killed test takes its server with it
  if (chdir(folder.c_str()) != 0) _exit(126);
  setenv("LC_ALL", "C", 1);
  unsetenv("PGDATA");
  execv(argv[0], argv.data());
  _exit(127);
}

void run(const std::vector<std::string>& arguments, const fs::path& log, const fs::path& folder) {
  int status = 0;
  waitpid(spawn(arguments, log, folder), &status, 0);
  if (status == 0) return;
  std::ifstream text(log);
  std::stringstream all;
  all << text.rdbuf();
  throw std::runtime_error(arguments[0] + " failed: " + all.str());
}

int free_port() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("no free loopback port");
  }
  close(fd);
  return ntohs(address.sin_port);
}

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

fs::path new_folder() {
  std::string name = "/tmp/sluice-pg-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a folder in /tmp");
  const Account account = server_account();
  if (geteuid() == 0 && chown(name.c_str(), account.user, account.group) != 0) {
    throw std::runtime_error("cannot give " + name + " to the server's user");
  }
  fs::permissions(name, fs::perms(0755));  // tests read the certificates
  return name;
}

void write_for_server(const fs::path& file, const std::string& text) {
  std::ofstream(file) << text;
  const Account account = server_account();
  if (geteuid() == 0 && chown(file.c_str(), account.user, account.group) != 0) {
    throw std::runtime_error("cannot give " + file.string() + " to the server's user");
  }
}

std::string percent_encoded(const std::string& text) {
  std::ostringstream out;
  for (const char each : text) {
    if (std::isalnum(static_cast<unsigned char>(each)) != 0) {
      out << each;
    } else {
      out << '%' << std::hex << std::uppercase << (static_cast<unsigned>(each) >> 4 & 15U)
          << (static_cast<unsigned>(each) & 15U);
    }
  }
  return out.str();
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
  static PostgresServer server(find_bin(), new_folder());
  return server;
}

PostgresServer& PostgresServer::numbered(std::size_t number) {
  static std::map<std::size_t, std::unique_ptr<PostgresServer>> others;
  if (number == 0) return instance();
  std::unique_ptr<PostgresServer>& other = others[number];
  if (!other) other.reset(new PostgresServer(find_bin(), new_folder()));
  return *other;
}

PostgresServer::PostgresServer(fs::path bin, fs::path folder)
    : bin_(std::move(bin)), folder_(std::move(folder)) {
  if (fs::exists(folder_ / "data")) return;  // a standby's: its maker goes on
  initialise();
  start();
}

PostgresServer::~PostgresServer() {
  standby_.reset();
  stop(Stop::immediate);
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

void PostgresServer::initialise() {
  const fs::path log = folder_ / "setup.log";
  std::ofstream(folder_ / "password") << password_ << '\n';
  run({bin_ / "initdb", "-D", folder_ / "data", "-U", "postgres", "-A", "trust", "--pwfile",
       folder_ / "password", "--no-sync", "-E", "UTF8", "--no-locale"},
      log, folder_);
  std::ifstream(folder_ / "data" / "PG_VERSION") >> version_;
  make_certificates();
  std::ofstream(folder_ / "data" / "pg_hba.conf") << "local all all trust\n"
                                                     "local replication all trust\n"
                                                     "host all all 127.0.0.1/32 md5\n";
  std::ofstream(folder_ / "data" / "postgresql.auto.conf", std::ios::app)
      << "listen_addresses = '127.0.0.1'\nunix_socket_directories = '" << folder_.string() << "'\n"
      << "max_connections = 200\nmax_prepared_transactions = 20\nmax_locks_per_transaction = 256\n"
      << "shared_buffers = '128MB'\nmax_wal_size = '2GB'\n"
      << "fsync = off\nfull_page_writes = off\ntrack_commit_timestamp = off\n"
      << "hot_standby = on\nmax_wal_senders = 5\nwal_level = replica\n";
}

void PostgresServer::make_certificates() {
  const fs::path tls = folder_ / "tls";
  const std::string script =
      "set -e; umask 077; mkdir -p tls; cd tls\n"
      "for name in ca other; do openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 "
      "-nodes -days 3650 "
      "-subj /CN=sluice-test-$name -keyout $name.key -out $name.crt; done\n"
      "openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost "
      "-keyout server.key -out "
      "server.csr\n"
      "printf 'subjectAltName=DNS:localhost' > san\n"
      "openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 3650 "
      "-extfile san -out "
      "server.crt\n"
      "chmod 755 .; chmod 644 *.crt\n";
  try {
    run({"/bin/sh", "-c", script}, folder_ / "setup.log", folder_);
    tls_ = true;
  } catch (const std::runtime_error&) {
    tls_ = false;  // no openssl command: tests of TLS skip
  }
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
  pid_ = spawn(arguments, folder_ / "server.log", folder_);
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

std::string PostgresServer::log() const {
  std::ifstream text(folder_ / "server.log");
  std::stringstream all;
  all << text.rdbuf();
  return all.str();
}

std::string PostgresServer::url(const std::string& database) const {
  return "postgresql://postgres:" + percent_encoded(password_) +
         "@127.0.0.1:" + std::to_string(port_) + "/" + percent_encoded(database);
}

std::string PostgresServer::socket_url(const std::string& database, const std::string& role) const {
  return "postgresql://" + percent_encoded(role) + "@/" + percent_encoded(database) +
         "?host=" + percent_encoded(folder_.string()) + "&port=" + std::to_string(port_);
}

std::string PostgresServer::tls_url(const std::string& host, const std::string& parameters,
                                    const std::string& database) const {
  return "postgresql://postgres:" + percent_encoded(password_) + "@" + host + ":" +
         std::to_string(port_) + "/" + percent_encoded(database) + "?hostaddr=127.0.0.1&" +
         parameters;
}

// By hand, because not every package of binaries has pg_basebackup.
PostgresServer& PostgresServer::standby() {
  if (standby_) return *standby_;
  const fs::path folder = new_folder();
  const fs::path data = folder / "data";
  PostgresSession session(socket_url());
  session.exec(version_ >= 15 ? "SELECT pg_backup_start('standby', true)"
                              : "SELECT pg_start_backup('standby', true, false)");
  run({"/bin/cp", "-pR", folder_ / "data", data}, folder / "setup.log", folder);
  run({"/bin/cp", "-pR", folder_ / "tls", folder / "tls"}, folder / "setup.log", folder);
  const std::string label =
      session.value(version_ >= 15 ? "SELECT labelfile FROM pg_backup_stop(false)"
                                   : "SELECT labelfile FROM pg_stop_backup(false, false)");
  fs::remove(data / "postmaster.pid");
  write_for_server(data / "backup_label", label);
  const std::string primary = "primary_conninfo = 'host=" + folder_.string() +
                              " port=" + std::to_string(port_) + " user=postgres'\n";
  if (version_ >= 12) {
    write_for_server(data / "standby.signal", "");
    std::ofstream(data / "postgresql.auto.conf", std::ios::app) << primary;
  } else {
    write_for_server(data / "recovery.conf", "standby_mode = on\n" + primary);
  }
  std::ofstream(data / "postgresql.auto.conf", std::ios::app)
      << "unix_socket_directories = '" << folder.string()
      << "'\nwal_retrieve_retry_interval = '100ms'\n";
  standby_.reset(new PostgresServer(bin_, folder));
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
