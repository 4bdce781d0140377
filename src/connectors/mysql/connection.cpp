// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/connection.h"

#include <errmsg.h>
#include <mysqld_error.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <thread>

namespace sluice::mysql {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr int kSliceMs = 200;                  // how late a stop may be noticed
constexpr std::chrono::seconds kAfterKill{3};  // what a killed statement may take to end
constexpr std::chrono::seconds kKillWait{2};   // to ask for that

thread_local Waiting* waiting = nullptr;

/// The driver asks this instead of waiting for its socket by itself (MARIADB_OPT_IO_WAIT):
/// `timeout_ms` up to 0 is none; 1: ready, less: give it up. Called on the thread that called it.
int wait_for_socket(my_socket socket, my_bool reading, int timeout_ms) {
  if (waiting != nullptr) return waiting->wait(socket, reading != 0);
  pollfd one{socket, static_cast<short>(reading != 0 ? POLLIN : POLLOUT), 0};
  return poll(&one, 1, timeout_ms > 0 ? timeout_ms : -1);
}

std::string one_line(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  return text;
}

template <class Number>
Number number_of(const std::string& digits) {
  Number value = 0;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (problem == std::errc() && end == digits.data() + digits.size()) return value;
  throw Error(Fault::data, "the server sent " + digits + " where a number was expected");
}

/// 10.11.15-MariaDB-.. is 101115. MariaDB once hid behind 5.5.5-.
int version_of(std::string text) {
  if (text.starts_with("5.5.5-")) text.erase(0, 6);
  int version = 0;
  const char* at = text.c_str();
  for (int part = 0; part < 3; ++part) {
    int number = 0;
    const auto [end, problem] = std::from_chars(at, text.c_str() + text.size(), number);
    if (problem != std::errc()) break;
    version = version * 100 + std::min(number, 99);
    at = *end == '.' ? end + 1 : end;
  }
  return version;
}

struct Thread {
  Thread() { mysql_thread_init(); }
  ~Thread() { mysql_thread_end(); }
};

/// Each thread that uses the driver says so once, and the library is set up before the first.
void use_driver() {
  static const int ready = mysql_library_init(0, nullptr, nullptr);
  if (ready != 0) throw Error(Fault::internal, "libmariadb cannot be set up");
  thread_local const Thread thread;
}

std::string hint_of(unsigned number, const std::string& text) {
  switch (number) {
    case ER_ACCESS_DENIED_ERROR:
    case ER_ACCESS_DENIED_NO_PASSWORD_ERROR:
      return "give a password: --password-file FILE, SLUICE_PASSWORD, MYSQL_PWD, [client] in "
             "~/.my.cnf, or password: in sluice.yaml; and check the user's host part";
    case ER_BAD_DB_ERROR:
      return "the URL names the database last: mysql://user@host:port/DATABASE";
    case ER_LOCK_WAIT_TIMEOUT:
      return "a session that wants the table for itself (ALTER TABLE, LOCK TABLES) holds its lock "
             "or waits for it";
    case CR_CONNECTION_ERROR:
    case CR_CONN_HOST_ERROR:
    case CR_UNKNOWN_HOST:
      return "check the URL's host and port, or socket=, and that the server runs and may be "
             "reached "
             "from here";
    case CR_SSL_CONNECTION_ERROR:
      return text.find("does not support") != std::string::npos
                 ? "the server has no TLS, and the ssl-mode given asks for it"
                 : "check ssl-ca and that the host in the URL is a name in the server's "
                   "certificate";
    default:
      return {};
  }
}

// Every session, whatever the server's own settings say. What a version does not know is left out.
std::vector<std::string> settings(Dialect dialect, int version) {
  // init_connect and skip-character-set-client-handshake undo what the driver asked for, and a
  // character that the session's set lacks comes as a question mark.
  std::vector<std::string> all{
      "SET NAMES utf8mb4", "SET SESSION time_zone = '+00:00'", "SET SESSION sql_mode = ''",
      "SET SESSION net_write_timeout = 3600, net_read_timeout = 3600, wait_timeout = 86400"};
  if (dialect == Dialect::singlestore) {
    all.emplace_back("SET SESSION sql_select_limit = 18446744073709551615");
    all.emplace_back("SET SESSION vector_type_project_format = 'JSON'");
    return all;
  }
  // A limit on rows would cut tables off unseen.
  all.emplace_back(
      "SET SESSION sql_select_limit = 18446744073709551615, sql_big_selects = 1, "
      "lock_wait_timeout = 10, group_concat_max_len = 1048576");
  if (dialect == Dialect::mariadb) all.emplace_back("SET SESSION max_statement_time = 0");
  if (dialect == Dialect::mariadb && version >= 100300)  // of a session that waits for others
    all.emplace_back(
        "SET SESSION idle_transaction_timeout = 0, idle_readonly_transaction_timeout = 0, "
        "idle_write_transaction_timeout = 0");
  if (dialect == Dialect::mysql && version >= 50708)
    all.emplace_back("SET SESSION max_execution_time = 0");
  // Else tables' sizes may be a day old.
  if (dialect == Dialect::mysql && version >= 80000)
    all.emplace_back("SET SESSION information_schema_stats_expiry = 0");
  return all;
}

}  // namespace

// SingleStore's own numbers go on from 2300, in what the driver calls its range.
bool is_drivers(unsigned number) {
  return (number >= CR_MIN_ERROR && number <= CR_MYSQL_LAST_ERROR) ||
         (number >= CER_MIN_ERROR && number <= CR_MARIADB_LAST_ERROR);
}

Fault fault_of(unsigned number) {
  switch (number) {
    case ER_LOCK_DEADLOCK:
    case ER_LOCK_WAIT_TIMEOUT:
    case ER_TABLE_DEF_CHANGED:
    case ER_CHECKREAD:  // changed since the last read
    case ER_NEED_REPREPARE:
    case kNoResultTable:
      return Fault::conflict;
    case ER_ACCESS_DENIED_ERROR:
    case ER_ACCESS_DENIED_NO_PASSWORD_ERROR:
    case ER_NOT_SUPPORTED_AUTH_MODE:
    case ER_MUST_CHANGE_PASSWORD_LOGIN:
    case ER_ACCOUNT_HAS_BEEN_LOCKED:
    case CR_AUTH_PLUGIN_CANNOT_LOAD:
    case CR_AUTH_PLUGIN_ERR:
      return Fault::authentication;
    case ER_DBACCESS_DENIED_ERROR:
    case ER_TABLEACCESS_DENIED_ERROR:
    case ER_COLUMNACCESS_DENIED_ERROR:
    case ER_SPECIFIC_ACCESS_DENIED_ERROR:
    case ER_PROCACCESS_DENIED_ERROR:
      return Fault::permission;
    case ER_BAD_DB_ERROR:
    case ER_PARSE_ERROR:  // the user's own predicate
    case CR_SSL_CONNECTION_ERROR:
      return Fault::config;
    case ER_CON_COUNT_ERROR:
    case ER_TOO_MANY_USER_CONNECTIONS:
    case ER_USER_LIMIT_REACHED:
    case ER_OUT_OF_RESOURCES:
    case ER_SERVER_SHUTDOWN:
    case ER_NORMAL_SHUTDOWN:
    case ER_DISK_FULL:
    case ER_QUERY_INTERRUPTED:
    case ER_CONNECTION_KILLED:
    case ER_NET_READ_ERROR:
    case ER_NET_READ_INTERRUPTED:
    case ER_NET_ERROR_ON_WRITE:
    case ER_NET_WRITE_INTERRUPTED:
    case ER_NET_PACKETS_OUT_OF_ORDER:
    case kIdleTooLong:
      return Fault::connection;
    case ER_NET_PACKET_TOO_LARGE:
    case ER_CRASHED_ON_USAGE:
    case ER_NOT_KEYFILE:
    case CR_MALFORMED_PACKET:
      return Fault::data;
    default:
      break;
  }
  return is_drivers(number) ? Fault::connection : Fault::schema;
}

Rows::Rows(std::unique_ptr<MYSQL_RES, Free> result) {
  if (!result) return;
  const unsigned width = mysql_num_fields(result.get());
  while (MYSQL_ROW row = mysql_fetch_row(result.get())) {
    const unsigned long* lengths = mysql_fetch_lengths(result.get());
    auto& values = rows_.emplace_back();
    for (unsigned i = 0; i < width; ++i) {
      auto& value = values.emplace_back();
      if (row[i] != nullptr) value.emplace(row[i], lengths[i]);
    }
  }
}

std::int64_t Rows::integer(std::size_t row, std::size_t column) const {
  return null(row, column) ? 0 : number_of<std::int64_t>(text(row, column));
}

std::uint64_t Rows::natural(std::size_t row, std::size_t column) const {
  return null(row, column) ? 0 : number_of<std::uint64_t>(text(row, column));
}

Waiting::Waiting(const Stop* stop, std::optional<milliseconds> limit, std::function<void()> cancel)
    : stop_(stop), cancel_(std::move(cancel)), outer_(waiting) {
  if (limit) deadline_ = Clock::now() + *limit;
  waiting = this;
}

Waiting::~Waiting() { waiting = outer_; }

int Waiting::wait(int socket, bool reading) {
  pollfd one{socket, static_cast<short>(reading ? POLLIN : POLLOUT), 0};
  while (true) {
    if (!stopped_ && stop_ != nullptr && *stop_ && (*stop_)()) {
      stopped_ = true;
      if (!cancel_) return 0;
      cancel_();
      deadline_ = Clock::now() + kAfterKill;
    }
    int slice = kSliceMs;
    if (deadline_) {
      const auto left = std::chrono::duration_cast<milliseconds>(*deadline_ - Clock::now()).count();
      if (left <= 0) {
        timed_out_ = true;
        return 0;
      }
      slice = static_cast<int>(std::min<std::int64_t>(slice, left));
    }
    const int ready = poll(&one, 1, slice);
    if (ready > 0) return 1;
    if (ready < 0 && errno != EINTR) return -1;
  }
}

Connection::Connection(std::shared_ptr<const Login> login, Stop stop)
    : login_(std::move(login)), stop_(std::move(stop)) {
  use_driver();
  connect();
  id_ = mysql_thread_id(handle());
  login_->own->add(id_);
  try {
    prepare();
  } catch (...) {  // no destructor will say that it has gone
    login_->own->remove(id_);
    throw;
  }
}

void Connection::prepare() {
  learn();
  for (const std::string& each : settings(dialect_, version_)) set(each);
  // SingleStore tells nothing of the kind.
  if (dialect_ != Dialect::singlestore) {
    const Rows told = query("SELECT @@hostname, @@port, @@server_id");
    server_ = told.text(0, 0) + ":" + told.text(0, 1) + ", server_id " + told.text(0, 2);
  }
  // The one setting without which values would be wrong.
  if (dialect_ == Dialect::singlestore &&
      query("SELECT TIMESTAMPDIFF(MINUTE, UTC_TIMESTAMP(), NOW())").text(0, 0) != "0")
    throw Error(Fault::config, login_->shown + ": the server does not let a session have UTC",
                "its TIMESTAMPs would be off by its time zone; SET GLOBAL time_zone = '+00:00'");
}

bool Connection::set(const std::string& setting) try {
  run(setting);
  return true;
} catch (const Error& error) {
  if (dialect_ != Dialect::singlestore || broken_ || error.fault() == Fault::cancelled) throw;
  return false;
}

Connection::~Connection() {
  if (id_ != 0) login_->own->remove(id_);
  const Waiting wait(nullptr, std::chrono::seconds(1));
  handle_.reset();
}

/// False: the server has no TLS, and nobody insists on it.
bool Connection::try_connect(bool tls) {
  const Login& login = *login_;
  handle_.reset(mysql_init(nullptr));
  if (!handle_) throw Error(Fault::internal, "out of memory while connecting");
  MYSQL* mysql = handle_.get();
  const auto set = [mysql](mysql_option option, const std::string& value) {
    if (!value.empty()) mysql_optionsv(mysql, option, value.c_str());
  };
  const my_bool yes = 1, verify = login.ssl_mode == SslMode::verify_identity ? 1 : 0;
  const unsigned no = 0, tcp = MYSQL_PROTOCOL_TCP;
  const auto seconds = static_cast<unsigned>(login.connect_timeout.count());
  // Only with a limit does the driver leave waiting for the socket to us.
  const unsigned long_time = 30 * 86'400, largest = 1U << 30;
  // The dialog plugin sends the password as it is: to nobody who could stand between.
  const bool in_clear = login.host.empty() || (tls && login.ssl_mode == SslMode::verify_identity);
  mysql_optionsv(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  mysql_optionsv(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &seconds);
  mysql_optionsv(mysql, MYSQL_OPT_READ_TIMEOUT, &long_time);
  mysql_optionsv(mysql, MYSQL_OPT_WRITE_TIMEOUT, &long_time);
  mysql_optionsv(mysql, MYSQL_OPT_LOCAL_INFILE, &no);  // else a server could ask for our files
  mysql_optionsv(mysql, MYSQL_OPT_MAX_ALLOWED_PACKET, &largest);
  mysql_optionsv(mysql, MARIADB_OPT_IO_WAIT, &wait_for_socket);
  mysql_optionsv(mysql, MARIADB_OPT_RESTRICTED_AUTH,
                 (std::string("mysql_native_password,caching_sha2_password,sha256_password,"
                              "client_ed25519,auth_gssapi_client") +
                  (in_clear ? ",dialog" : ""))
                     .c_str());
  mysql_optionsv(mysql, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", login.application_name.c_str());
  if (login.compress) mysql_optionsv(mysql, MYSQL_OPT_COMPRESS, nullptr);
  if (!login.host.empty()) mysql_optionsv(mysql, MYSQL_OPT_PROTOCOL, &tcp);
  if (tls) {
    mysql_optionsv(mysql, MYSQL_OPT_SSL_ENFORCE, &yes);
    mysql_optionsv(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
    set(MYSQL_OPT_SSL_CA, login.ssl_ca);
    set(MYSQL_OPT_SSL_CAPATH, login.ssl_capath);
    set(MYSQL_OPT_SSL_CERT, login.ssl_cert);
    set(MYSQL_OPT_SSL_KEY, login.ssl_key);
    set(MYSQL_OPT_SSL_CRL, login.ssl_crl);
    set(MYSQL_OPT_SSL_CIPHER, login.ssl_cipher);
    set(MARIADB_OPT_TLS_VERSION, login.tls_version);
  }
  const auto text = [](const std::string& value) {
    return value.empty() ? nullptr : value.c_str();
  };
  const Waiting wait(&stop_, login.connect_timeout);
  if (mysql_real_connect(mysql, text(login.host), text(login.user), login.password.reveal().c_str(),
                         text(login.database), login.port, text(login.socket), 0) != nullptr) {
    // The driver insists by itself only where it verifies the name.
    if (!tls || login.ssl_mode == SslMode::preferred || encrypted()) return true;
    throw Error(Fault::config, "cannot connect to " + login.shown + ": the server has no TLS",
                "the ssl-mode given asks for it; whoever stands between can take it away");
  }
  const unsigned number = mysql_errno(mysql);
  const std::string why = mysql_error(mysql);
  if (wait.stopped()) throw Error(Fault::cancelled, "stopped while connecting");
  if (tls && login.ssl_mode == SslMode::preferred && number == CR_SSL_CONNECTION_ERROR &&
      why.find("does not support") != std::string::npos)
    return false;
  const Error failed = error(number, wait.timed_out() ? "no answer in time" : why);
  throw Error(failed.fault(), "cannot connect to " + login.shown + ": " + failed.what(),
              failed.hint());
}

void Connection::connect() {
  // A socket of this machine needs none unless it is asked for.
  const bool tls = login_->ssl_mode != SslMode::disabled &&
                   (login_->ssl_mode != SslMode::preferred || !login_->host.empty());
  if (!try_connect(tls)) try_connect(false);
}

void Connection::learn() {
  const Rows told = query("SELECT @@version, @@version_comment");
  const std::string text = told.text(0, 0), comment = told.text(0, 1);
  version_ = version_of(text);
  dialect_ = login_->singlestore                         ? Dialect::singlestore
             : text.find("MariaDB") != std::string::npos ? Dialect::mariadb
                                                         : Dialect::mysql;
  if (!login_->singlestore) {
    if (comment.find("SingleStore") == std::string::npos &&
        comment.find("MemSQL") == std::string::npos)
      return;
    throw Error(Fault::config, login_->shown + " is a SingleStore, whose tables are read otherwise",
                "write singlestore://");
  }
  try {
    version_ = version_of(query("SELECT @@memsql_version").text(0, 0));
  } catch (const Error& error) {
    if (error.fault() != Fault::schema) throw;
    throw Error(Fault::config,
                login_->shown + " is no SingleStore: it does not know @@memsql_version",
                "write mysql:// or mariadb://");
  }
}

bool Connection::encrypted() const { return mysql_get_ssl_cipher(handle()) != nullptr; }

Error Connection::error(unsigned number, const std::string& text) const {
  const std::string told =
      one_line(login_->secrets.hidden(text)) + " (" + std::to_string(number) + ")";
  return {fault_of(number), told, hint_of(number, text)};
}

Error Connection::error() {
  const unsigned number = mysql_errno(handle());
  const std::string text = mysql_error(handle());
  const Fault fault = fault_of(number);
  if (fault == Fault::connection || fault == Fault::data || number == 0) broken_ = true;
  if (number == 0) return {Fault::connection, "connection lost: no answer from the server"};
  return error(number, text);
}

Rows Connection::query(const std::string& sql, std::optional<milliseconds> limit) {
  if (broken_) throw Error(Fault::connection, "the connection is gone");
  use_driver();
  const Waiting wait(&stop_, limit);
  const bool sent = mysql_real_query(handle(), sql.data(), sql.size()) == 0;
  std::unique_ptr<MYSQL_RES, Rows::Free> result;
  if (sent) result.reset(mysql_store_result(handle()));
  if (sent && (result || mysql_field_count(handle()) == 0)) return Rows(std::move(result));
  const Error failed = error();
  if (wait.stopped() || wait.timed_out()) {
    broken_ = true;
    kill_statement();
  }
  if (wait.stopped()) throw Error(Fault::cancelled, "stopped while waiting for the server");
  if (wait.timed_out())
    throw Error(Fault::connection,
                "the server did not answer in " + std::to_string(limit->count() / 1000) + " s");
  throw failed;
}

Rows Connection::query(const std::string& sql) { return query(sql, login_->patience); }
Rows Connection::query_patiently(const std::string& sql) { return query(sql, std::nullopt); }

// From another session: this one's stream is full of rows.
void Connection::kill_statement() noexcept try {
  Login brief = *login_;
  brief.patience = kKillWait;
  brief.connect_timeout = std::chrono::duration_cast<std::chrono::seconds>(kKillWait);
  Connection other(std::make_shared<const Login>(std::move(brief)));
  if (other.server_ != server_) return;  // behind one address there are several
  other.run("KILL QUERY " + std::to_string(id_));
} catch (...) {  // it ends when the connection is closed, only later
}

void Connection::forget_kill() noexcept {
  const Waiting wait(nullptr, kAfterKill);
  if (broken_ || mysql_query(handle(), "DO 0") == 0) return;
  const unsigned number = mysql_errno(handle());
  broken_ = number != ER_QUERY_INTERRUPTED && fault_of(number) == Fault::connection;
}

std::string identifier(std::string_view name) {
  std::string out = "`";
  for (const char each : name) {
    if (each == '`') out += '`';
    out += each;
  }
  return out + '`';
}

std::string identifier(std::string_view schema, std::string_view name) {
  return identifier(schema) + '.' + identifier(name);
}

std::string literal(std::string_view value) {
  std::string out = "'";
  for (const char each : value) {
    if (each == '\'' || each == '\\') out += '\\';
    if (each == '\0') {
      out += "\\0";
    } else {
      out += each;
    }
  }
  return out + '\'';
}

}  // namespace sluice::mysql
