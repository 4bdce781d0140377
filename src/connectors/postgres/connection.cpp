// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <future>
#include <regex>
#include <sstream>
#include <thread>

namespace sluice::postgres {
namespace {

using Clock = std::chrono::steady_clock;

struct OptionsFree {
  void operator()(PQconninfoOption* options) const noexcept { PQconninfoFree(options); }
};
using Options = std::unique_ptr<PQconninfoOption, OptionsFree>;

std::string option(const Options& options, std::string_view keyword) {
  for (const PQconninfoOption* each = options.get(); each != nullptr && each->keyword != nullptr;
       ++each) {
    if (keyword == each->keyword)
      return each->val == nullptr ? std::string() : std::string(each->val);
  }
  return {};
}

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts;
  std::istringstream stream(list);
  for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
  return parts;
}

std::string join_from(const std::vector<std::string>& parts, std::size_t first) {
  std::string list;
  for (std::size_t i = first; i < parts.size(); ++i) list += (i == first ? "" : ",") + parts[i];
  return list;
}

// The parameters that try only the hosts after the one that was tried last; empty: there are none.
Parameters after_this_host(PGconn* connection) {
  const Options options(PQconninfo(connection));
  const std::vector<std::string> hosts = split(option(options, "host"));
  const std::vector<std::string> addresses = split(option(options, "hostaddr"));
  const std::vector<std::string> ports = split(option(options, "port"));
  const std::size_t count = std::max(hosts.size(), addresses.size());
  const std::string host = PQhost(connection);
  const std::string port = PQport(connection);
  for (std::size_t i = 0; i + 1 < count; ++i) {
    const bool same_host =
        (i < hosts.size() && hosts[i] == host) || (i < addresses.size() && addresses[i] == host);
    if (!same_host || (ports.size() == count && ports[i] != port)) continue;
    Parameters rest;
    if (!hosts.empty()) rest.emplace_back("host", join_from(hosts, i + 1));
    if (!addresses.empty()) rest.emplace_back("hostaddr", join_from(addresses, i + 1));
    if (ports.size() == count) rest.emplace_back("port", join_from(ports, i + 1));
    return rest;
  }
  return {};
}

Error refused(PGconn* connection, const Login& login) {
  std::string message = PQerrorMessage(connection);
  std::smatch match;
  std::string state;
  static const std::regex sqlstate(":  ([0-9A-Z]{5}): ");
  for (std::string rest = message; std::regex_search(rest, match, sqlstate); rest = match.suffix())
    state = match[1];
  static const std::regex location("\n?LOCATION:[^\n]*");
  message = std::regex_replace(message, location, "");
  message = std::regex_replace(message, sqlstate, ":  ");
  Fault fault = state.empty() ? Fault::connection : fault_of(state);
  std::string hint;
  if (state.empty() && (PQconnectionNeedsPassword(connection) == 1)) {
    fault = Fault::authentication;
    hint =
        "give a password: --password-file FILE, SLUICE_PASSWORD, PGPASSWORD, ~/.pgpass, or "
        "password: in sluice.yaml";
  } else if (fault == Fault::authentication) {
    hint = "check user, password and the server's pg_hba.conf";
  } else if (message.find("certificate") != std::string::npos) {
    fault = Fault::config;  // trying again does not make a certificate right
    hint = "check sslrootcert and that the host in the URL is a name in the server's certificate";
  } else if (message.find("does not support SSL") != std::string::npos) {
    fault = Fault::config;
    hint =
        "the server has no TLS (ssl = on in its postgresql.conf), and the sslmode given asks for "
        "it";
  } else if (fault == Fault::config) {
    hint = "the URL names the database last: //user@host:port/DATABASE";
  } else if (state.empty()) {
    hint = "check the URL's host and port, and that the server runs and may be reached from here";
  }
  std::string text = told(message, connection, login);
  if (!state.empty()) text += " (" + state + ")";
  return Error(fault, "cannot connect to " + login.shown + ": " + text, hint);
}

constexpr int kSliceMs = 200;  // how late a stop may be noticed

bool ready(PGconn* connection, bool reading) {
  pollfd waiting{PQsocket(connection), static_cast<short>(reading ? POLLIN : POLLOUT), 0};
  return poll(&waiting, 1, kSliceMs) != 0;
}

// A peer that vanished without a word is noticed after about two minutes, unless the user says
// otherwise. Not by parameters: they would hide a service file's.
void watch_peer(PGconn* connection) {
  const Options options(PQconninfo(connection));
  const auto unless_given = [&](const char* keyword, int name, int value) {
    if (option(options, keyword).empty())
      ::setsockopt(PQsocket(connection), IPPROTO_TCP, name, &value, sizeof value);
  };
  unless_given("keepalives_idle", TCP_KEEPIDLE, 60);
  unless_given("keepalives_interval", TCP_KEEPINTVL, 10);
  unless_given("keepalives_count", TCP_KEEPCNT, 6);
  unless_given("tcp_user_timeout", TCP_USER_TIMEOUT, 120'000);
}

// Not PQconnectdb: only between start and end can the verbosity be set that puts the SQLSTATE into
// the message, and texts come in the server's language. So the time limit for each host, which
// libpq keeps only there, is kept here.
PGconn* start_connecting(const Login& login, const Parameters& hosts) {
  // The last one of a keyword counts.
  std::vector<const char*> keywords;
  std::vector<const char*> values;
  const auto add = [&](const char* keyword, const std::string& value) {
    keywords.push_back(keyword);
    values.push_back(value.c_str());
  };
  const std::string encoding = "UTF8";
  add("fallback_application_name", login.application_name);
  add("dbname", login.url.reveal());
  add("client_encoding", encoding);
  if (!login.password.empty()) add("password", login.password.reveal());
  for (const auto& [keyword, value] : login.defaults) add(keyword.c_str(), value);
  for (const auto& [keyword, value] : hosts) add(keyword.c_str(), value);
  keywords.push_back(nullptr);
  values.push_back(nullptr);
  return PQconnectStartParams(keywords.data(), values.data(), 1);
}

enum class Outcome { connected, refused, silent };

constexpr int kConnectSeconds = 10;  // for each host

Outcome finish_connecting(PGconn* connection, const Stop& stop) {
  if (PQstatus(connection) == CONNECTION_BAD) return Outcome::refused;
  PQsetErrorVerbosity(connection, PQERRORS_VERBOSE);
  const std::string limit_text = option(Options(PQconninfo(connection)), "connect_timeout");
  int limit = limit_text.empty() ? kConnectSeconds : 0;
  std::from_chars(limit_text.data(), limit_text.data() + limit_text.size(), limit);
  const std::chrono::seconds allowed(limit <= 0 ? 365 * 86400 : std::max(limit, 2));
  std::string peer;
  Clock::time_point deadline;
  auto status = PGRES_POLLING_WRITING;
  while (true) {
    const char* address = PQhostaddr(connection);
    const std::string now =
        std::string(PQhost(connection)) + ' ' + (address ? address : "") + ' ' + PQport(connection);
    if (now != peer) {
      peer = now;
      deadline = Clock::now() + allowed;
    }
    if (stop && stop()) throw Error(Fault::cancelled, "stopped while connecting");
    if (Clock::now() > deadline) return Outcome::silent;
    if (!ready(connection, status == PGRES_POLLING_READING)) continue;
    status = PQconnectPoll(connection);
    if (status == PGRES_POLLING_OK) return Outcome::connected;
    if (status == PGRES_POLLING_FAILED) return Outcome::refused;
  }
}

// Every session, whatever the role's or the database's own settings say. pg_catalog is spelt out
// because the search path is not ours yet.
std::string settings(int version) {
  std::string sql =
      "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.pg_backend_pid(), pg_catalog.version()";
  const auto set = [&sql](const std::string& name, const std::string& value) {
    sql += ", pg_catalog.set_config('" + name + "', '" + value + "', false)";
  };
  set("search_path", "");
  set("TimeZone", "UTC");
  set("DateStyle", "ISO, YMD");
  set("IntervalStyle", "postgres");
  set("row_security", "off");
  set("bytea_output", "hex");
  set("standard_conforming_strings", "on");
  set("extra_float_digits", version >= 120000 ? "1" : "3");
  set("statement_timeout", "0");
  set("lock_timeout", "0");
  set("idle_in_transaction_session_timeout", "0");
  if (version >= 110000) set("jit", "off");  // compiled anew for each chunk
  if (version >= 140000) set("idle_session_timeout", "0");
  if (version >= 170000) set("transaction_timeout", "0");
  return sql;
}

// What a cancelled run waits for the server's answer to "stop that statement". Closing the
// connection ends most statements as well, only later.
constexpr std::chrono::seconds kCancelWait{1};

}  // namespace

std::int64_t integer_of(std::string_view digits) {
  std::int64_t value = 0;
  const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (problem != std::errc() || end != digits.data() + digits.size()) {
    throw Error(Fault::data,
                "the server sent " + std::string(digits) + " where a number was expected");
  }
  return value;
}

std::int64_t Rows::integer(int row, int column) const {
  return null(row, column) ? 0 : integer_of(text(row, column));
}

Connection::Connection(std::shared_ptr<const Login> login, Stop stop,
                       const std::optional<Node>& node)
    : login_(std::move(login)), stop_(std::move(stop)) {
  connect(node);
  try {
    begin();
  } catch (const Error&) {
    // Lost at once, as to a server that is being stopped: another host may be there, or this one.
    if (given_up_ || !broken()) throw;
    connect(node);
    begin();
  }
}

void Connection::begin() {
  PQsetErrorVerbosity(handle_.get(), PQERRORS_DEFAULT);
  PQsetNoticeProcessor(
      handle_.get(), [](void*, const char*) {}, nullptr);
  watch_peer(handle_.get());
  if (!login_->is_postgres) return;
  const Rows rows = query(settings(version()));
  standby_ = rows.boolean(0, 0);
  pid_ = static_cast<int>(rows.integer(0, 1));
  dialect_ = dialect_of(rows.text(0, 2));
  set_up();
  login_->own->add(pid_);
}

/// The dialect's settings, as far as this release has them, then those of the URL.
void Connection::set_up() {
  std::string known, asked;
  for (const auto& [name, value] : dialect_.settings) {
    known += (known.empty() ? "(" : ", (") + literal(name) + ", " + literal(value) + ")";
  }
  if (!known.empty()) {
    run("SELECT set_config(name, value, false) FROM (VALUES " + known +
        ") AS ours(name, value) JOIN pg_settings USING (name)");
  }
  for (const auto& [name, value] : login_->settings) {
    asked += (asked.empty() ? "SELECT " : ", ") + ("set_config(" + literal(name)) + ", " +
             literal(value) + ", false)";
  }
  if (asked.empty()) return;
  try {
    run(asked);
  } catch (const Error& error) {
    if (broken() || error.fault() == Fault::cancelled) throw;
    throw Error(Fault::config, login_->shown + ": " + error.what(),
                "parameters of the URL that begin with yb_ are settings of YugabyteDB's sessions; "
                "this is " +
                    std::string(dialect_.product) + " " + dialect_.version);
  }
}

void Connection::connect(const std::optional<Node>& node) {
  Parameters hosts;
  if (node) {
    hosts = {{"host", node->host}, {"port", node->port}};
    hosts.emplace_back("password", login_->cluster->password().reveal());  // empty: libpq looks
  }
  while (true) {
    handle_.reset(start_connecting(*login_, hosts));
    if (!handle_) throw Error(Fault::internal, "out of memory while connecting");
    const Outcome outcome = finish_connecting(handle_.get(), stop_);
    if (outcome == Outcome::connected) return;
    hosts = after_this_host(handle_.get());
    if (outcome == Outcome::refused) {
      const Error error = refused(handle_.get(), *login_);
      // libpq goes on to the next host where one cannot be reached, not where it hangs up.
      if (hosts.empty() || error.fault() != Fault::connection) throw error;
    } else if (hosts.empty()) {
      throw Error(Fault::connection, "cannot connect to " + login_->shown + ": no answer in time",
                  "is the server up and its port open? connect_timeout=SECONDS in the URL allows "
                  "more time");
    }
  }
}

Connection::~Connection() {
  if (pid_ != 0) login_->own->remove(pid_);
}

std::string Connection::parameter(std::string_view keyword) const {
  return option(Options(PQconninfo(handle())), keyword);
}

void Connection::give_up(const Error& error) {
  given_up_ = true;
  cancel_statement();
  throw error;
}

ResultHandle Connection::answer(std::chrono::milliseconds limit) {
  const Clock::time_point began = Clock::now();
  while (PQisBusy(handle()) == 1) {
    if (stop_ && stop_()) give_up({Fault::cancelled, "stopped while waiting for the server"});
    if (limit.count() > 0 && Clock::now() - began > limit) {
      give_up({Fault::connection,
               "the server has not answered for " + std::to_string(limit.count() / 1000) + " s",
               "see what the server is doing: a lock or a stalled network are the usual causes"});
    }
    if (ready(handle(), true) && PQconsumeInput(handle()) == 0) break;  // the result says why
  }
  return ResultHandle(PQgetResult(handle()));
}

Rows Connection::rows(int sent, std::chrono::milliseconds limit) {
  if (sent == 0) throw error(nullptr);
  ResultHandle last;
  bool failed = false;
  while (ResultHandle each = answer(limit)) {
    if (!failed) last = std::move(each);  // what follows an error is about the lost connection
    const ExecStatusType status = PQresultStatus(last.get());
    failed = status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK;
  }
  if (failed || !last) throw error(last.get());
  return Rows(std::move(last));
}

Rows Connection::query(const std::string& sql) {
  return rows(PQsendQuery(handle(), sql.c_str()), login_->patience);
}

Rows Connection::query_patiently(const std::string& sql) {
  return rows(PQsendQuery(handle(), sql.c_str()), {});
}

Rows Connection::query(const std::string& sql,
                       const std::vector<std::optional<std::string>>& values) {
  std::vector<const char*> pointers;
  for (const auto& each : values) pointers.push_back(each ? each->c_str() : nullptr);
  return rows(PQsendQueryParams(handle(), sql.c_str(), static_cast<int>(values.size()), nullptr,
                                pointers.data(), nullptr, nullptr, 0),
              login_->patience);
}

// The control file of a server that was promoted names the old line until its next checkpoint.
const std::string& Connection::timeline() {
  if (!timeline_ && !dialect_.one_server) timeline_ = "";
  if (timeline_) return *timeline_;
  try {
    timeline_ = query(standby_ ? "SELECT lpad(upper(to_hex(timeline_id)), 8, '0') FROM "
                                 "pg_control_checkpoint()"
                               : "SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8)")
                    .string(0, 0);
  } catch (const Error& error) {
    if (error.fault() != Fault::permission && error.fault() != Fault::schema) throw;
    timeline_ = "";
  }
  return *timeline_;
}

// PQcancel connects anew and would wait for a dead host as long as the system does, hence the
// thread; it owns all that it uses.
void Connection::cancel_statement() noexcept try {
  struct FreeCancel {
    void operator()(PGcancel* cancel) const noexcept { PQfreeCancel(cancel); }
  };
  std::unique_ptr<PGcancel, FreeCancel> cancel(PQgetCancel(handle()));
  if (!cancel) return;
  std::promise<void> sent;
  const std::future<void> waiting = sent.get_future();
  std::thread([sent = std::move(sent), cancel = std::move(cancel)]() mutable {
    std::array<char, 256> why{};
    PQcancel(cancel.get(), why.data(), static_cast<int>(why.size()));
    sent.set_value();
  }).detach();
  waiting.wait_for(kCancelWait);
} catch (...) {  // no thread to be had: closing the connection must do
}

std::string identifier(std::string_view name) {
  std::string out = "\"";
  for (const char each : name) {
    if (each == '"') out += '"';
    out += each;
  }
  return out + '"';
}

std::string identifier(std::string_view schema, std::string_view name) {
  return identifier(schema) + '.' + identifier(name);
}

std::string literal(std::string_view value) {
  const bool escapes = value.find('\\') != std::string_view::npos;
  std::string out = escapes ? " E'" : "'";
  for (const char each : value) {
    if (each == '\'' || each == '\\') out += each;
    out += each;
  }
  return out + '\'';
}

}  // namespace sluice::postgres
