// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "connectors/duckdb/deadline.h"
#include "connectors/duckdb/endpoint.h"
#include "wire/percent.h"

namespace sluice::motherduck {
namespace {

constexpr std::chrono::milliseconds kTurn{200};

/// The system's certificates, where Debian, Fedora, SUSE and Alpine keep them. libpq before 16 does
/// not look for them itself (postgresql.org/docs/16/libpq-connect.html, sslrootcert).
std::string system_certificates() {
  static constexpr std::array<const char*, 4> kFiles{"/etc/ssl/certs/ca-certificates.crt",
                                                     "/etc/pki/tls/certs/ca-bundle.crt",
                                                     "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"};
  const auto* found =
      std::ranges::find_if(kFiles, [](const char* file) { return access(file, R_OK) == 0; });
  return found == kFiles.end() ? "" : *found;
}

/// Three instants that only UTC shows alike.
constexpr const char* kShownInUtc =
    "SELECT CAST(CAST(TIMESTAMPTZ '1900-01-01 00:00:00+00' AS VARCHAR) || "
    "CAST(TIMESTAMPTZ '2000-01-01 00:00:00+00' AS VARCHAR) || "
    "CAST(TIMESTAMPTZ '2000-07-01 00:00:00+00' AS VARCHAR) = '1900-01-01 00:00:00+00"
    "2000-01-01 00:00:00+002000-07-01 00:00:00+00' AS VARCHAR)";

}  // namespace

std::string endpoint_url(const Login& login) {
  const Endpoint& endpoint = *login.endpoint;
  const std::string certificates =
      endpoint.certificates.empty() ? system_certificates() : endpoint.certificates;
  if (certificates.empty()) {
    throw Error(Fault::config,
                login.shown + ": this machine has no certificates to verify MotherDuck's by",
                "install ca-certificates, or name a file of them: sslrootcert=FILE");
  }
  // libpq takes no shorter limit than 2 s; ours ends the wait before.
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(login.limit).count();
  return "postgresql://postgres@" + wire::percent_encoded(endpoint.host) + ":" + endpoint.port +
         "/" + wire::percent_encoded(login.database) +
         "?sslmode=verify-full&gssencmode=disable&sslrootcert=" +
         wire::percent_encoded(certificates) + "&connect_timeout=" + std::to_string(seconds);
}

EndpointSession::EndpointSession(const Login& login, const Dial& dial, std::function<bool()> stop)
    : shown_(login.shown), stop_(std::move(stop)) {
  const auto made = std::make_shared<std::unique_ptr<wire::TextSession>>();
  const std::string url = endpoint_url(login);
  duckdb_file::Waited waited{};
  try {
    // A thread of its own: to look a name up takes as long as the system likes.
    waited = duckdb_file::run_within(
        login.limit, stop_, [made, dial, url, token = login.token] { *made = dial(url, token); },
        [] {});
  } catch (const Error& error) {
    throw endpoint_refused(error, login);
  }
  if (waited == duckdb_file::Waited::stopped)
    throw Error(Fault::cancelled, "stopped while waiting for MotherDuck");
  if (waited == duckdb_file::Waited::too_long) {
    throw endpoint_refused(
        {Fault::connection,
         "no answer within " + std::to_string(login.limit.count() / 1000) + " s"},
        login);
  }
  session_ = std::move(*made);
  set_up();
}

void EndpointSession::set_up() {
  try {
    session_->query("SET TimeZone = 'UTC'");
  } catch (const Error& error) {
    if (!session_->alive()) throw error.at(shown_);
    // What settings the endpoint takes is not documented in full. What counts is what it shows.
  }
  if (session_->query(kShownInUtc).at(0).at(0) != "true") {
    throw Error(Fault::config,
                shown_ + ": the endpoint's sessions do not show times in UTC, and keep to that",
                "leave via=postgres out: DuckDB's extension can be told to");
  }
}

wire::TextRows EndpointSession::ask(const std::string& sql) {
  while (!acquire()) {
    if (stop_ && stop_()) throw Error(Fault::cancelled, "stopped while waiting for MotherDuck");
  }
  try {
    wire::TextRows rows = session_->query(sql);
    release(true);
    return rows;
  } catch (...) {
    release(false);
    throw;
  }
}

bool EndpointSession::acquire() {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, kTurn, [this] { return !taken_ || !usable_; })) return false;
  if (!usable_) gone();
  taken_ = true;
  return true;
}

void EndpointSession::release(bool usable) noexcept {
  const std::lock_guard lock(mutex_);
  taken_ = false;
  usable_ = usable_ && usable;
  changed_.notify_all();
}

void EndpointSession::check_alive() {
  const std::lock_guard lock(mutex_);
  if (!usable_ || (!taken_ && !session_->alive())) gone();
}

void EndpointSession::gone() const {
  throw Error(Fault::connection, shown_ + ": the transaction that held the snapshot has ended");
}

}  // namespace sluice::motherduck
