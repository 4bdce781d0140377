// SPDX-License-Identifier: Apache-2.0
#include "support/mysql_server.h"

#include <mysql.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "wire/percent.h"

namespace sluice::testing {
namespace {

namespace fs = std::filesystem;

fs::path find_program() {
  const char* given = std::getenv("SLUICE_TEST_MYSQL_BIN");
  const fs::path bin = given != nullptr ? given : "/usr/sbin";
  for (const char* name : {"mariadbd", "mysqld"}) {
    if (fs::exists(bin / name)) return bin / name;
  }
  return {};
}

// Debian has the programs in /usr/sbin and this in /usr/share/mysql, the npm package in the same
// folder and its share.
fs::path find_tables(const fs::path& bin) {
  const fs::path base = bin.parent_path();
  for (const fs::path& share :
       {bin / "share", base / "share" / "mysql", base / "share" / "mariadb", base / "share"}) {
    for (const char* name : {"mysql_system_tables.sql", "mariadb_system_tables.sql"}) {
      if (fs::exists(share / name)) return share / name;
    }
  }
  return {};
}

std::string literal(const std::string& text) {
  std::string out = "'";
  for (const char each : text) {
    if (each == '\'' || each == '\\') out += '\\';
    out += each;
  }
  return out + "'";
}

struct Login {
  std::string user, password, host, database;
  unsigned port = 0;
  std::map<std::string, std::string> parameters;
};

Login read_url(const std::string& url) {
  static const std::regex form(
      R"(mysql://([^:@/]*)(?::([^@/]*))?@([^:/]*)(?::(\d+))?/([^?]*)(?:\?(.*))?)");
  std::smatch part;
  if (!std::regex_match(url, part, form)) throw std::runtime_error("no URL of a test: " + url);
  Login login{wire::percent_decoded(part[1].str()),
              wire::percent_decoded(part[2].str()),
              part[3],
              wire::percent_decoded(part[5].str()),
              0,
              {}};
  if (part[4].matched) login.port = static_cast<unsigned>(std::stoul(part[4]));
  std::istringstream pairs(part[6]);
  for (std::string pair; std::getline(pairs, pair, '&');) {
    const std::size_t at = pair.find('=');
    if (at == std::string::npos) throw std::runtime_error("no URL of a test: " + url);
    login.parameters[pair.substr(0, at)] = wire::percent_decoded(pair.substr(at + 1));
  }
  return login;
}

[[noreturn]] void fail(MYSQL* connection) {
  throw std::runtime_error(std::to_string(mysql_errno(connection)) + ": " +
                           mysql_error(connection));
}

// All the results of a message, or the first error; the last result that has rows is returned.
std::vector<MysqlSession::Row> finish(MYSQL* connection, const std::string& sql) {
  std::vector<MysqlSession::Row> rows;
  if (mysql_real_query(connection, sql.data(), sql.size()) != 0) fail(connection);
  while (true) {
    if (MYSQL_RES* result = mysql_store_result(connection)) {
      rows.clear();
      const unsigned columns = mysql_num_fields(result);
      while (const MYSQL_ROW row = mysql_fetch_row(result)) {
        const unsigned long* lengths = mysql_fetch_lengths(result);
        MysqlSession::Row& values = rows.emplace_back();
        for (unsigned i = 0; i < columns; ++i) {
          values.push_back(row[i] == nullptr ? std::optional<std::string>()
                                             : std::string(row[i], lengths[i]));
        }
      }
      mysql_free_result(result);
    } else if (mysql_errno(connection) != 0) {
      fail(connection);
    }
    const int next = mysql_next_result(connection);
    if (next > 0) fail(connection);
    if (next < 0) return rows;
  }
}

}  // namespace

MysqlSession::MysqlSession(const std::string& url) : connection_(mysql_init(nullptr), mysql_close) {
  MYSQL* handle = connection_.get();
  Login login = read_url(url);
  std::map<std::string, std::string>& given = login.parameters;
  // Else libmariadb takes `localhost` for the socket that it was compiled with.
  const unsigned protocol = given.contains("socket") ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP;
  mysql_options(handle, MYSQL_OPT_PROTOCOL, &protocol);
  mysql_options(handle, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  if (given.contains("ssl-mode")) {
    const std::string& mode = given["ssl-mode"];
    const my_bool verified = mode == "VERIFY_IDENTITY" ? 1 : 0;
    const my_bool encrypted = mode == "REQUIRED" ? 1 : verified;
    if (encrypted == 0) throw std::runtime_error("a session of tests has no ssl-mode " + mode);
    mysql_options(handle, MYSQL_OPT_SSL_ENFORCE, &encrypted);
    mysql_options(handle, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verified);
  }
  if (given.contains("ssl-ca")) mysql_options(handle, MYSQL_OPT_SSL_CA, given["ssl-ca"].c_str());
  const char* path = given.contains("socket") ? given["socket"].c_str() : nullptr;
  if (mysql_real_connect(handle, login.host.c_str(), login.user.c_str(), login.password.c_str(),
                         login.database.c_str(), login.port, path,
                         CLIENT_MULTI_STATEMENTS) == nullptr) {
    fail(handle);
  }
}

MysqlSession::~MysqlSession() {
  if (!sent_.valid()) return;
  shutdown(static_cast<int>(mysql_get_socket(connection_.get())), SHUT_RDWR);  // ends the wait
  sent_.wait();
}

void MysqlSession::exec(const std::string& sql) { finish(connection_.get(), sql); }

std::vector<MysqlSession::Row> MysqlSession::query(const std::string& sql) {
  return finish(connection_.get(), sql);
}

std::string MysqlSession::value(const std::string& sql) {
  const std::vector<Row> rows = query(sql);
  return rows.empty() || rows[0].empty() ? "" : rows[0][0].value_or("NULL");
}

void MysqlSession::send(const std::string& sql) {
  sent_ =
      std::async(std::launch::async, [handle = connection_.get(), sql] { finish(handle, sql); });
}

bool MysqlSession::ended() {
  if (!sent_.valid()) return true;
  if (sent_.wait_for(std::chrono::seconds(0)) != std::future_status::ready) return false;
  sent_.get();
  return true;
}

unsigned long MysqlSession::id() const { return mysql_thread_id(connection_.get()); }

std::string MysqlServer::missing() {
  const fs::path program = find_program();
  if (program.empty()) {
    return "no MariaDB or MySQL server found (/usr/sbin, or SLUICE_TEST_MYSQL_BIN)";
  }
  if (!find_tables(program.parent_path()).empty()) return {};
  return program.string() + " comes without mysql_system_tables.sql, which tests start from";
}

MysqlServer& MysqlServer::instance() {
  if (const std::string why = missing(); !why.empty()) throw std::runtime_error(why);
  static MysqlServer server;
  return server;
}

MysqlServer& MysqlServer::numbered(std::size_t number) {
  static std::map<std::size_t, std::unique_ptr<MysqlServer>> others;
  if (number == 0) return instance();
  std::unique_ptr<MysqlServer>& other = others[number];
  if (!other) other.reset(new MysqlServer);
  return *other;
}

MysqlServer::MysqlServer()
    : program_(find_program()),
      tables_(find_tables(program_.parent_path())),
      folder_({"mysql", {"mysql", "nobody"}, SIGTERM}) {
  find_version();
  initialise();
  tls_ = version_ >= 50700 && folder_.make_certificates();
  start();
}

MysqlServer::~MysqlServer() { stop(Stop::immediate); }

void MysqlServer::find_version() {
  const fs::path said = folder_ / "version";
  folder_.run({program_, "--no-defaults", "--version"}, said);
  const std::string text = text_of(said);
  std::smatch part;
  if (!std::regex_search(text, part, std::regex(R"(Ver (\d+)\.(\d+)\.(\d+))"))) {
    throw std::runtime_error("a server without a version: " + text);
  }
  version_ = std::stoi(part[1]) * 10000 + std::stoi(part[2]) * 100 + std::stoi(part[3]);
  mariadb_ = text.find("MariaDB") != std::string::npos;
}

// What the server's own scripts do, without the example accounts: those let anybody into every
// database whose name starts with test_.
void MysqlServer::initialise() {
  fs::create_directory(folder_ / "data");
  folder_.give(folder_ / "data");
  std::ofstream(folder_ / "setup.sql")
      << "CREATE DATABASE mysql;\nUSE mysql;\n"
      << text_of(tables_) << "\nFLUSH PRIVILEGES;\nCREATE USER 'root'@'localhost';\n"
      << "CREATE USER 'root'@'%' IDENTIFIED BY " << literal(password_) << ";\n"
      << "GRANT ALL PRIVILEGES ON *.* TO 'root'@'localhost' WITH GRANT OPTION;\n"
      << "GRANT ALL PRIVILEGES ON *.* TO 'root'@'%' WITH GRANT OPTION;\n";
  std::vector<std::string> arguments = command();
  arguments.emplace_back("--bootstrap");
  folder_.run(arguments, folder_ / "setup.log", folder_ / "setup.sql");
}

std::vector<std::string> MysqlServer::command() const {
  const fs::path bin = program_.parent_path();
  const fs::path base = fs::exists(bin / "share") ? bin : bin.parent_path();
  return {program_.string(), "--no-defaults", "--basedir=" + base.string(),
          "--datadir=" + (folder_ / "data").string(), "--tmpdir=" + folder_.path().string(),
          "--lc-messages-dir=" + tables_.parent_path().string(), "--performance-schema=0",
          "--innodb-doublewrite=0",
          "--innodb-stats-auto-recalc=0",  // its transactions are open ones, like anybody's
          "--innodb-use-native-aio=0",     // many servers at once use up what a machine has of it
          "--innodb-buffer-pool-size=128M",
          // In the system's hands at each COMMIT: that outlives the server, if not the machine.
          "--innodb-flush-log-at-trx-commit=2", "--character-set-server=utf8mb4"};
}

void MysqlServer::start() {
  if (pid_ > 0) return;
  if (port_ == 0) port_ = free_port();
  std::vector<std::string> arguments = command();
  arguments.insert(arguments.end(),
                   {"--bind-address=127.0.0.1", "--port=" + std::to_string(port_),
                    "--socket=" + (folder_ / "mysql.sock").string(), "--skip-name-resolve",
                    "--max-connections=200", "--local-infile=1", "--server-id=1",
                    "--log-bin=binlog", "--binlog-format=ROW", "--sync-binlog=0"});
  if (mariadb_) arguments.emplace_back("--plugin-load-add=auth_ed25519");
  if (tls_) {
    for (const char* each : {"ca=ca.crt", "cert=server.crt", "key=server.key"}) {
      const std::string option = each;
      const std::size_t at = option.find('=') + 1;
      arguments.push_back("--ssl-" + option.substr(0, at) +
                          (folder_ / "tls" / option.substr(at)).string());
    }
  }
  pid_ = folder_.spawn(arguments, folder_ / "server.log");
  for (int i = 0; i < 3000; ++i) {
    if (waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      break;
    }
    try {
      MysqlSession{socket_url()};
      return;
    } catch (const std::runtime_error&) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }
  throw std::runtime_error(program_.string() + " did not start: " + log());
}

void MysqlServer::stop(Stop how) {
  if (pid_ <= 0) return;
  kill(pid_, how == Stop::fast ? SIGTERM : SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

std::string MysqlServer::log() const { return text_of(folder_ / "server.log"); }

std::string MysqlServer::url(const std::string& database) const {
  return url_as("root", password_, database);
}

std::string MysqlServer::url_as(const std::string& user, const std::string& password,
                                const std::string& database) const {
  return "mysql://" + wire::percent_encoded(user) + ":" + wire::percent_encoded(password) +
         "@127.0.0.1:" + std::to_string(port_) + "/" + wire::percent_encoded(database);
}

std::string MysqlServer::socket_url(const std::string& database, const std::string& user) const {
  return "mysql://" + wire::percent_encoded(user) + "@localhost/" +
         wire::percent_encoded(database) +
         "?socket=" + wire::percent_encoded((folder_ / "mysql.sock").string());
}

std::string MysqlServer::tls_url(const std::string& host, const std::string& parameters,
                                 const std::string& database) const {
  return "mysql://root:" + wire::percent_encoded(password_) + "@" + host + ":" +
         std::to_string(port_) + "/" + wire::percent_encoded(database) + "?" + parameters;
}

void MysqlServer::create_user(const std::string& user, const std::string& password,
                              const std::string& privileges) const {
  MysqlSession admin(socket_url());
  for (const char* host : {"'%'", "'localhost'"}) {
    const std::string account = literal(user) + "@" + host;
    try {
      admin.exec("DROP USER " + account);  // MySQL 5.6 has no IF EXISTS here
    } catch (const std::runtime_error&) {
    }
    admin.exec("CREATE USER " + account +
               (host[1] == '%' ? " IDENTIFIED BY " + literal(password) : std::string()));
    admin.exec("GRANT " + privileges + " TO " + account);
  }
}

MysqlDatabase::MysqlDatabase(MysqlServer& server) : server_(server) {
  static std::atomic<int> counter{0};
  name_ = "test_" + std::to_string(getpid()) + "_" + std::to_string(++counter);
  MysqlSession(server_.socket_url()).exec("CREATE DATABASE " + name_ + " CHARACTER SET utf8mb4");
  session_ = std::make_unique<MysqlSession>(socket_url());
}

void MysqlDatabase::make_seq(int rows) {
  exec("CREATE TABLE seq (i int PRIMARY KEY); INSERT INTO seq VALUES (1)");
  for (int made = 1; made < rows; made *= 2) {
    const std::string more = "i + " + std::to_string(made);
    exec("INSERT INTO seq SELECT " + more + " FROM seq WHERE " + more +
         " <= " + std::to_string(rows));
  }
}

MysqlDatabase::~MysqlDatabase() {
  session_.reset();
  try {
    MysqlSession admin(server_.socket_url());
    admin.exec("SET SESSION lock_wait_timeout = 1");
    for (int i = 0; i < 20; ++i) {
      try {
        for (const MysqlSession::Row& each : admin.query(
                 "SELECT id FROM information_schema.processlist WHERE db = '" + name_ + "'")) {
          admin.exec("KILL " + *each[0]);
        }
        admin.exec("DROP DATABASE IF EXISTS " + name_);
        return;
      } catch (const std::runtime_error&) {
        // A session that ended by itself, or one that has not let go of its tables yet.
      }
    }
  } catch (const std::exception&) {
    // A test that stopped the server: its folder goes with the program.
  }
}

}  // namespace sluice::testing
